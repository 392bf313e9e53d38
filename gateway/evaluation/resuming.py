"""Goes on with closed epochs by itself: after a restart, and with those that another instance of the gateway closed before it ended [B3]."""

from __future__ import annotations

import threading

from gateway.evaluation.conduct import Evaluation
from scoring.exchange.view import Logged
from scoring.statements import EpochClose


class Resuming:
    """Looks at the start, and whenever the log shows that an epoch was closed."""

    def __init__(self, evaluation: Evaluation) -> None:
        self._evaluation = evaluation
        self._wake = threading.Event()

    def observe(self, logged: Logged) -> None:
        """Look again when an epoch was closed."""
        if isinstance(logged.statement, EpochClose):
            self._wake.set()

    def run(self, stopping: threading.Event) -> None:
        """Begin the release of every epoch that is closed and not released, until ``stopping`` is set."""
        while not stopping.is_set():
            self._wake.clear()
            self._evaluation.resume()
            self._wake.wait()

    def stop(self) -> None:
        """Wake ``run`` so that it ends."""
        self._wake.set()
