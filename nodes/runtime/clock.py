"""Time for processes: wall time in whole seconds for statements, monotonic time for deadlines."""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], int]
"""Unix time in seconds, UTC. Domain functions take such a value as an argument; processes pass ``now``."""


def now() -> int:
    """Unix time in seconds, UTC."""
    return int(time.time())


class Timer:
    """A span of monotonic time that runs out ``span_s`` seconds after it is made."""

    def __init__(self, span_s: float) -> None:
        self._end = time.monotonic() + span_s

    def left_s(self) -> float:
        """Seconds that remain; negative when it has run out."""
        return self._end - time.monotonic()
