"""HTTP servers of processes: uvicorn in a supervised thread, with TLS for the gateway and on loopback for a process's own people."""

from __future__ import annotations

import ipaddress
import socket
from pathlib import Path
from typing import Any

import uvicorn

from nodes.errors import SettingsError
from nodes.runtime.observing.http import Observed
from nodes.runtime.process import Process
from nodes.runtime.web.bounds import BoundedProtocol
from nodes.runtime.web.trust import shown

KEEP_ALIVE_S = 30
STOP_GRACE_S = 4  # an idle TLS connection is not closed by its other end, so waiting for all to close could take long


class WebServer:
    """Serves an ASGI application on ``listen`` (host:port; port 0 takes a free one), bound when made.

    With ``certificate`` and ``key`` (PEM files, looked at for each connection) over TLS; without, only loopback addresses are accepted.
    ``protocol`` bounds what one connection may cost.
    Raises SettingsError when the address is taken, not of this machine, or not loopback though there is no TLS.
    """

    def __init__(
        self, app: Any, listen: str, certificate: Path | None = None, key: Path | None = None, protocol: type[BoundedProtocol] = BoundedProtocol
    ) -> None:
        host, _, port = listen.rpartition(":")
        host = host.strip("[]")
        if certificate is None and not _is_loopback(host):
            raise SettingsError(f"{listen} is not a loopback address: without TLS a process listens to its own machine only")
        try:
            self._socket = socket.create_server((host, int(port)), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=512)
        except OSError as error:
            raise SettingsError(f"cannot listen on {listen}: {error.strerror}") from error
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(
            Observed(app),
            http=protocol,
            ssl_context_factory=None if certificate is None or key is None else lambda _config, _default: shown(certificate, key),
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            ws="none",
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=STOP_GRACE_S,
        )
        self._server = uvicorn.Server(config)

    def attach(self, process: Process, *, at_once: bool = False) -> None:
        """Serve in a worker of ``process`` until it stops; ``at_once``: before it is ready."""
        process.on_stop(self.stop)
        process.worker("http", self.run, at_once=at_once)

    def run(self) -> None:
        """Serve until ``stop``."""
        self._server.run(sockets=[self._socket])

    def stop(self) -> None:
        """Take no more requests and let ``run`` end, from any thread."""
        self._server.should_exit = True


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
