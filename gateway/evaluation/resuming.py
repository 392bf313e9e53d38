"""Goes on with closed epochs by itself: after a restart, and with those that another instance of the gateway closed before it ended [B3]."""

from __future__ import annotations

from gateway.evaluation.conduct import Evaluation
from gateway.woken import Woken
from scoring.exchange.view import Logged
from scoring.statements import EpochClose


class Resuming:
    """Looks at the start, and whenever the log shows that an epoch was closed: ``worker`` begins the release of every epoch that is closed and
    not released."""

    def __init__(self, evaluation: Evaluation) -> None:
        self.worker = Woken(evaluation.resume)

    def observe(self, logged: Logged) -> None:
        """Look again when an epoch was closed."""
        if isinstance(logged.statement, EpochClose):
            self.worker.wake()
