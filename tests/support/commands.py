"""A command as a process of its own, of which nothing is left when its test is left: neither it nor any process that it started."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

MARK = "TEST_RUN"
"""In a command's environment, which its processes hand on to those that they start, whatever session those are in."""


@contextmanager
def begun(*command: object, environment: Mapping[str, str] | None = None, cwd: Path | None = None) -> Iterator[subprocess.Popen[str]]:
    """``command``, running. However the block is left, a test's time being over included, all that it started is killed."""
    mark = secrets.token_hex(16)
    marked = {**os.environ, **(environment or {}), MARK: mark}
    line = [str(part) for part in command]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=cwd, env=marked) as process:
        try:
            yield process
        finally:
            _end(mark)


def _end(mark: str) -> None:
    """Kill until nobody is left: who was found may have started another one meanwhile."""
    while found := [process for process in psutil.process_iter() if _carries(process, mark)]:
        for process in found:
            process.kill()


def _carries(process: psutil.Process, mark: str) -> bool:
    try:
        return process.environ().get(MARK) == mark
    except psutil.Error:  # it has ended, or is none of ours to look at
        return False
