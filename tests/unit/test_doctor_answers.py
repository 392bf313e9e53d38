"""``xinqiao doctor`` where what answers is no process of ours: a finding, never the end of the examination."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from nodes.commands.doctor.findings import Case
from nodes.commands.doctor.others import check_running
from nodes.commands.doctor.own import check_quota
from nodes.peering.settings import PeeringSettings
from nodes.runtime.settings import NodeSettings


@pytest.mark.parametrize(
    ("kept", "full", "level"), [(0.5, [], "ok"), (0.9, [], "warning"), (1.0, ["backup"], "error")], ids=["well", "nearly full", "full"]
)
def test_what_another_zone_sent_is_held_against_its_bound(kept: float, full: list[str], level: str, tmp_path: Path) -> None:
    said = {"member": "s-node", "zone": "hill", "state_dir": tmp_path, "keys_dir": tmp_path, "public_dir": tmp_path}
    table = {"home": "river", "mirror_dir": tmp_path, "log_gb": 1e-6, "items_gb": 1e-6, "backup_gb": 2e-6}
    settings = PeeringSettings.model_validate({**said, "peering": table})
    (tmp_path / "status.json").write_text(json.dumps({"kept_bytes": {"backup": int(kept * 2000)}, "full": full}))
    found = {finding.about: finding for finding in check_quota(Case("peering", settings, None, None, lambda: 0))}
    assert {about: finding.level for about, finding in found.items()} == {"log": "ok", "items": "ok", "backup": level}
    assert ("raise backup_gb" in found["backup"].action) == (level != "ok")


ANSWERS = {
    "a page": (b"<h1>Bad Gateway</h1>", {}),
    "JSON of another form": (b'["detail"]', {}),
    "garbage said to be compressed": (b"garbage", {"Content-Encoding": "gzip"}),
}


@pytest.fixture
def somebody() -> Iterator[Callable[[str], str]]:
    """Listens on a port, and answers everything with 503 and one of ANSWERS; gives host:port."""
    servers: list[ThreadingHTTPServer] = []

    def listen(which: str) -> str:
        body, headers = ANSWERS[which]

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # the library's name
                self.send_response(503)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *_args: object) -> None:  # noqa: A002 - as in the class above it
                """Says nothing."""

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"127.0.0.1:{servers[-1].server_address[1]}"

    yield listen
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("which", list(ANSWERS))
def test_whoever_else_has_the_process_s_port_is_a_finding(which: str, somebody: Callable[[str], str]) -> None:
    settings = SimpleNamespace(observe=SimpleNamespace(listen=somebody(which)))
    (found,) = check_running(Case("bank", cast(NodeSettings, settings), None, None, lambda: 0.0))
    assert (found.check, found.level) in {("process", "error"), ("process", "warning")}
    assert found.action
