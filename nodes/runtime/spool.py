"""Large bytes that a process has fetched and checked, kept in a file without a name: it is gone when the process ends, however it ends."""

from __future__ import annotations

import os
import tempfile
import threading
from pathlib import Path

LIMIT_BYTES = 8 << 30  # of disk; an epoch of a million enterprises and 70 indicators has about one


class Spool:
    """Parts of bytes by key, so that memory does not grow with what is kept. Forgets everything when ``limit_bytes`` would be passed."""

    def __init__(self, directory: Path | None = None, limit_bytes: int = LIMIT_BYTES) -> None:
        """The file lies in ``directory``, or where the system keeps temporary files. Raises OSError when it cannot be made."""
        self._file = tempfile.TemporaryFile(dir=directory)  # noqa: SIM115 - closed with the process
        self._limit_bytes = limit_bytes
        self._places: dict[int, tuple[int, int]] = {}
        self._end = 0
        self._lock = threading.Lock()

    def put(self, key: int, data: bytes) -> None:
        """Keep ``data`` under ``key``; what is there stays. Raises OSError when the disk is full."""
        with self._lock:
            if key in self._places:
                return
            if self._end + len(data) > self._limit_bytes:
                self._places.clear()
                self._file.truncate(0)
                self._end = 0
            self._file.seek(self._end)
            self._file.write(data)
            self._file.flush()
            self._places[key] = (self._end, len(data))
            self._end += len(data)

    def read(self, key: int, start: int, size: int) -> bytes | None:
        """Bytes [start, start + size) of what is kept under ``key``, fewer where it ends before; None when nothing is.

        Requires start >= 0 and size >= 0. Raises OSError when the file cannot be read.
        """
        with self._lock:
            if key not in self._places:
                return None
            offset, length = self._places[key]
            return os.pread(self._file.fileno(), max(0, min(size, length - start)), offset + start)
