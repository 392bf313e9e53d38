"""Work that is done in turns: at once, whenever it is woken, and again after as long as a turn says."""

from __future__ import annotations

import threading
from collections.abc import Callable

Turn = Callable[[], float | None]
"""Does what there is to do; seconds after which it is done again, None: when it is woken and not before."""


class Woken:
    """Repeats ``turn`` in the thread that runs it; others wake it."""

    def __init__(self, turn: Turn) -> None:
        self._turn, self._due = turn, threading.Event()

    def wake(self) -> None:
        """Have another turn taken, or ``run`` see that it is to end."""
        self._due.set()

    def run(self, stopping: threading.Event) -> None:
        """Take turns until ``stopping`` is set and ``wake`` called. Raises what a turn raises."""
        while not stopping.is_set():
            self._due.clear()
            self._due.wait(self._turn())
