"""A command that runs a zone ends by SIGTERM as it ends by Ctrl-C: whatever it started is stopped, whatever is temporary is removed."""

from __future__ import annotations

import signal
from types import FrameType
from typing import NoReturn


def end_on_sigterm() -> None:
    """From now on SIGTERM raises SystemExit in the main thread, which must be the caller's; exit code 143."""
    signal.signal(signal.SIGTERM, _end)


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)
