"""A department's HTTP API as such systems are: JSON over TLS, by token, in pages, with a limit of requests, and failing now and then.

``python -m simulators.departments.api FOLDER`` serves what lies in FOLDER, and nothing else, until it is told to end.
"""

from __future__ import annotations

import hmac
import json
import signal
import ssl
import sys
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from nodes.runtime.files import read_private

SETTINGS, ITEMS, TOKEN, CERTIFICATE, KEY = "settings.json", "items.json", "token", "cert.pem", "tls-key.pem"
HOST = "127.0.0.1"
READY = "ready"
TIMEOUT_S = 30


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How the API behaves. ``burst`` requests are answered at once and ``per_s`` a second after that, others get 429 with Retry-After; every
    ``fails_every``-th request that it would answer gets 500."""

    port: int
    path: str
    page_limit: int = 100
    burst: int = 5
    per_s: float = 8.0
    fails_every: int = 7


@dataclass
class Answering:
    """The API without its transport: what a request gets. ``now`` is a clock in seconds."""

    behaviour: Behaviour
    items: list[dict[str, Any]]
    token: str
    now: float = 0.0
    _served: int = 0
    _allowance: float = field(default=-1.0)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, target: str, authorization: str, now: float) -> tuple[int, dict[str, str], dict[str, Any]]:
        """(status, headers, body) of a GET for ``target`` at ``now``."""
        parts = urlsplit(target)
        if parts.path != self.behaviour.path:
            return 404, {}, {"code": "NOT_FOUND"}
        if not hmac.compare_digest(authorization, f"Bearer {self.token}"):
            return 401, {"WWW-Authenticate": "Bearer"}, {"code": "TOKEN"}
        with self._lock:
            if not self._admit(now):
                return 429, {"Retry-After": "1"}, {"code": "TOO_MANY_REQUESTS"}
            self._served += 1
            if self._served % self.behaviour.fails_every == 0:
                return 500, {}, {"code": "INTERNAL"}
        return self._page(parse_qs(parts.query))

    def _admit(self, now: float) -> bool:
        full = float(self.behaviour.burst)
        self._allowance = full if self._allowance < 0 else min(full, self._allowance + (now - self.now) * self.behaviour.per_s)
        self.now = now
        if self._allowance < 1:
            return False
        self._allowance -= 1
        return True

    def _page(self, query: dict[str, list[str]]) -> tuple[int, dict[str, str], dict[str, Any]]:
        try:
            page, size = int(query["page"][0]), int(query["size"][0])
        except (KeyError, ValueError):
            return 400, {}, {"code": "PARAMETER"}
        if page < 1 or not 1 <= size <= self.behaviour.page_limit:
            return 400, {}, {"code": "PARAMETER"}
        found = self.items[(page - 1) * size : page * size]
        return 200, {}, {"code": "OK", "data": {"total": len(self.items), "page": page, "list": found}}


def serve(folder: Path) -> None:
    """Serve ``folder`` until SIGTERM or SIGINT; says READY on standard output once it listens."""
    behaviour = Behaviour(**json.loads((folder / SETTINGS).read_text(encoding="utf-8")))
    token = read_private(folder / TOKEN).decode().strip()
    answering = Answering(behaviour, json.loads((folder / ITEMS).read_text(encoding="utf-8")), token)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = TIMEOUT_S

        def do_GET(self) -> None:  # http.server's name
            status, headers, document = answering.answer(self.path, self.headers.get("Authorization", ""), time.monotonic())
            body = json.dumps(document, ensure_ascii=False).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json; charset=utf-8", "Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
            """Requests are not logged: their lines would be all that standard error holds."""

    server = ThreadingHTTPServer((HOST, behaviour.port), Handler)
    server.daemon_threads = True
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / CERTIFICATE, folder / KEY)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    sys.stdout.write(f"{READY}\n")
    sys.stdout.flush()
    server.serve_forever()
    server.server_close()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
