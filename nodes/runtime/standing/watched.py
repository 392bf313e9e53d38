"""A value that is read from files and read again when they change: what cannot be taken is refused with an alarm, and the old one goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from nodes.errors import NodeError
from nodes.runtime import logging

T = TypeVar("T")
Seen = tuple[tuple[int, int, int, int], ...]

_log = logging.logger("standing")


class Watched(Generic[T]):
    """What ``load`` made of ``files``, newest first that could be taken. Thread-safe; looking costs one ``stat`` a file.

    A pair that is replaced one file after the other is refused in between, and taken once it fits again: no restart, no gap.
    """

    def __init__(self, files: Sequence[Path], load: Callable[[], T], taken: str, refused: str) -> None:
        """Loads at once; whatever ``load`` raises goes up. ``taken``, ``refused``: the events of later replacements."""
        self._files, self._load = tuple(files), load
        self._taken, self._refused = taken, refused
        self._lock = threading.Lock()
        self._seen = self._look()
        self._value = load()

    def now(self) -> T:
        """The newest value that could be taken. Never raises for what the files have become."""
        with self._lock:
            seen = self._look()
            if seen != self._seen:
                self._seen = seen
                self._replace()
            return self._value

    def _replace(self) -> None:
        names = [path.name for path in self._files]
        try:
            self._value = self._load()
        except (NodeError, OSError, ValueError) as error:
            _log.error(self._refused, files=names, error=str(error), detail="what was there before goes on")
            return
        _log.info(self._taken, files=names)

    def _look(self) -> Seen:
        """Times of change, of owner and mode too, size and place of each file; zeros for one that is not there."""
        found = []
        for path in self._files:
            try:
                status = path.stat()
            except OSError:
                found.append((0, 0, 0, 0))
            else:
                found.append((status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino))
        return tuple(found)
