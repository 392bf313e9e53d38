"""A department's JSON API for tests: a real HTTPS server on this machine that pages, throttles, fails and lies as it is told to."""

from __future__ import annotations

import json
import ssl
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

Answer = tuple[int, dict[str, str], bytes]


@dataclass
class DepartmentApi:
    """``answers`` are given first, one for each request; after them pages of at most ``limit`` of the ``items``. ``allow`` says whether a
    request may be answered."""

    items: list[Any] = field(default_factory=list)
    answers: deque[Answer] = field(default_factory=deque)
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    allow: Callable[[str, dict[str, str]], bool] = lambda uri, headers: True
    limit: int = 1000
    url: str = ""
    ca_file: Path = Path()

    def answer(self, path: str, headers: dict[str, str]) -> Answer:
        """What the server says to a GET of ``path``."""
        uri = self.url + path
        self.seen.append((uri, headers))
        if not self.allow(uri, headers):
            return 401, {}, b"{}"
        if self.answers:
            return self.answers.popleft()
        asked = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
        size = min(int(asked.get("size", "1000")), self.limit)
        start = (
            int(asked["offset"])
            if "offset" in asked
            else int(asked.get("after") or 0)
            if "after" in asked
            else (int(asked.get("page", "1")) - 1) * size
        )
        found = self.items[start : start + size]
        end = start + len(found)
        more = end < len(self.items)
        link = f"/v1/returns?after={end}&size={size}" if more else None
        return page(found, total=len(self.items), next=link, cursor=str(end) if more or asked.get("feed") else None)


def page(items: Any, **more: object) -> Answer:
    """An answer with a list of items."""
    return 200, {"Content-Type": "application/json"}, json.dumps({"data": {"records": items, **more}}).encode()


@contextmanager
def department_api(directory: Path) -> Iterator[DepartmentApi]:
    """A running API whose certificate ``directory`` / ca.pem lets clients believe."""
    api = DepartmentApi(ca_file=directory / "ca.pem")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, headers, body = api.answer(self.path, {name.lower(): value for name, value in self.headers.items()})
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                if value:  # an empty one is left out
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class calls it so
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*_certificate(directory))
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    api.url = f"https://127.0.0.1:{server.server_address[1]}"
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _certificate(directory: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "department")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = directory / "ca.pem", directory / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(Encoding.PEM))
    paths[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return paths
