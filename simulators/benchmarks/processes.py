"""Processes of their own that are measured, and what is waited for while they work."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from nodes.errors import NotReadyError
from nodes.runtime.clock import Timer
from nodes.runtime.process import READY_FILE

START_TIMEOUT_S, LOOK_S = 60.0, 0.01


@contextmanager
def measured_process(program: str, config: Path, state: Path) -> Iterator[int]:
    """The module ``program`` running by ``config``, ready; its port, 0 for one that does not listen. ``state``: its state directory.

    Raises NotReadyError when it ends or is not ready in a minute.
    """
    process, ready = subprocess.Popen([sys.executable, "-m", program, str(config)]), state / READY_FILE
    try:
        wait_until(lambda: ready.exists() or process.poll() is not None, f"{program} is ready", START_TIMEOUT_S)
        if process.poll() is not None:
            raise NotReadyError(f"{program} ended before it was ready")
        yield int(json.loads(ready.read_bytes()).get("port", 0))
    finally:
        process.terminate()
        process.wait()


def wait_until(holds: Callable[[], bool], what: str, timeout_s: float, look_s: float = LOOK_S) -> None:
    """Return once ``holds``; it is asked every ``look_s``. Raises NotReadyError naming ``what`` after ``timeout_s``."""
    timer, pause = Timer(timeout_s), threading.Event()
    while not holds():
        if timer.left_s() < 0:
            raise NotReadyError(f"not after {timeout_s:g} s: {what}")
        pause.wait(look_s)
