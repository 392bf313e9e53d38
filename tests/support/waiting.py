"""One way to wait for what other threads and processes do."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from nodes.runtime.clock import Timer

LOOK_S, LONG_S = 0.02, 60.0

T = TypeVar("T")


def until(holds: Callable[[], T], what: str = "", timeout_s: float = LONG_S, look_s: float = LOOK_S) -> T:
    """What ``holds`` returns, once that is true. It is asked every ``look_s``, so that what is waited for has the processor meanwhile.
    Raises AssertionError naming ``what`` after ``timeout_s``."""
    timer, pause = Timer(timeout_s), threading.Event()
    while not (found := holds()):
        assert timer.left_s() > 0, f"{what or 'it'}: not after {timeout_s:g} s, but {found!r}"
        pause.wait(look_s)
    return found
