"""Failed openings are reported to the log, whatever happens to the process meanwhile: a failure that nobody reports is an oracle [P2.4]."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from crypto.encoding import sha256
from nodes.errors import PeerUnavailableError, RpcRefusal
from nodes.runtime import logging
from nodes.runtime.files import make_private_directory, sync_directory, write_private

RETRY_S = 30.0
AGAIN = frozenset({"UNAVAILABLE", "ABORTED", "RESOURCE_EXHAUSTED"})  # gRPC statuses after which the same call may succeed
FAILURE_REPORTED, FAILURE_UNREPORTED = "failure.reported", "failure.unreported"
_log = logging.logger("failures")


class FailureReports:
    """Signed reports in ``directory``, each until ``send`` has brought it to the log or it was refused for good."""

    def __init__(self, directory: Path, send: Callable[[bytes], object]) -> None:
        self._directory, self._send = make_private_directory(directory), send
        self._turn = threading.Lock()

    def report(self, envelope: bytes) -> None:
        """Keep a report, on disk when this returns, and try to send it."""
        write_private(self._directory / f"{sha256(envelope).hex()}.json", envelope)
        self.resume()

    def resume(self) -> None:
        """Send what waits. What cannot be sent now waits on."""
        with self._turn:
            for path in sorted(self._directory.glob("*.json")):
                self._try(path)

    def run(self, stopping: threading.Event) -> None:
        """Send what waits, at the start and then from time to time, until ``stopping`` is set."""
        while not stopping.is_set():
            self.resume()
            stopping.wait(RETRY_S)

    def _try(self, path: Path) -> None:
        try:
            self._send(path.read_bytes())
        except PeerUnavailableError:
            _log.warning(FAILURE_UNREPORTED, reason="PEER_UNAVAILABLE")
            return
        except RpcRefusal as refusal:
            _log.warning(FAILURE_UNREPORTED, reason=refusal.reason)
            if refusal.status in AGAIN:
                return
        else:
            _log.info(FAILURE_REPORTED)
        path.unlink()
        sync_directory(self._directory)
