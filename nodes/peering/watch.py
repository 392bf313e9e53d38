"""What goes on while the other log is trusted and ends when it is not; and what goes on after that: telling its custodians [F7]."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from nodes.errors import LogForkError
from nodes.peering.trust import Trust
from nodes.runtime.notices.heads import HeadComparison
from nodes.runtime.notices.kept import kept_notes
from nodes.runtime.notices.turn import Notices
from nodes.runtime.process import Process
from scoring.errors import LogInconsistentError


class Watch:
    """Runs the node's work on the other log under ``trust``. ``state_dir``: where mirror, witness and comparison keep their evidence."""

    def __init__(self, trust: Trust, state_dir: Path, stopping: threading.Event) -> None:
        self._trust, self._state_dir, self._stopping = trust, state_dir, stopping

    def work(self, process: Process, name: str, run: Callable[[], None], cancel: Callable[[], None]) -> None:
        """Have ``run`` work in a worker until the process stops or trust is lost; a fork that it meets is such a loss, not the process's end."""

        def trusted() -> None:
            if self._trust.lost is None:
                try:
                    run()
                except (LogForkError, LogInconsistentError) as error:
                    self._trust.lose(name, str(error), self._state_dir / "replica" / "evidence")
            self._stopping.wait()

        self._trust.on_loss(cancel)
        process.on_stop(cancel)
        process.worker(name, trusted)

    def evidence(self) -> list[bytes]:
        """Notes of two histories that mirror, witness or comparison kept: for the other zone's custodians to hold against their copies [F7]."""
        if self._trust.lost is None:
            return []
        places = ("replica/evidence", "witness/evidence", "heads")
        return kept_notes(*(self._state_dir / place for place in places))

    def witness_saw_fork(self) -> None:
        """The log asked for a cosignature of another history than the one cosigned."""
        detail = "the log asked its witness here to cosign another history than before"
        self._trust.lose("witness", detail, self._state_dir / "witness" / "evidence")

    def notices(self, notices: Notices, heads: HeadComparison, every_s: float) -> None:
        """Post our head and compare the others', until the process stops: also after a split, so that the other zone's custodians hear of it."""
        while not self._stopping.is_set():
            notices.turn()
            if heads.split:
                detail = "the log showed another history to a member of its zone than to this node"
                self._trust.lose("heads", detail, self._state_dir / "heads")
            self._stopping.wait(every_s)
