"""The loopback listener of a process that has ``[observe] listen``: /healthz, /readyz, /metrics for its own machine [H1, H2]."""

from __future__ import annotations

from nodes.runtime.observing.http import health_app
from nodes.runtime.process import Process
from nodes.runtime.web.server import WebServer


def listen(process: Process, address: str) -> int:
    """Answer on ``address`` while ``process`` runs, starting and stopping included; the port. Raises SettingsError as ``WebServer``."""
    server = WebServer(health_app(process.health.check), address)
    server.attach(process, at_once=True)
    return server.port
