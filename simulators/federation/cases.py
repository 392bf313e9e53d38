"""What is tried between zones, and how each trial came out: the rows of federation.json."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from nodes.errors import NotReadyError
from nodes.runtime.clock import Timer

LOOK_S = 0.3


@dataclass(frozen=True, slots=True)
class Case:
    """One thing that was tried. ``held``: it came out as its rule demands. ``reason``: the word for it and what was seen; ``command``: what a
    person ran to see it."""

    case: str
    outcome: str
    reason: str
    held: bool
    command: str = ""

    def to_json(self) -> dict[str, str]:
        """As federation.json has it."""
        said = {"case": self.case, "outcome": self.outcome, "reason": self.reason}
        return {**said, "command": self.command} if self.command else said


def until(holds: Callable[[], bool], timeout_s: float, what: str) -> None:
    """Return once ``holds`` says so. Raises NotReadyError saying ``what`` has not happened after ``timeout_s``."""
    timer = Timer(timeout_s)
    while not holds():
        if timer.left_s() <= 0:
            raise NotReadyError(f"{what} after {timeout_s:g} s")
        pause()


def pause() -> None:
    """A moment until one looks again at what other processes do."""
    threading.Event().wait(LOOK_S)
