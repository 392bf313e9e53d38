"""How far a member has worked through what the coordinator queued for it: one number in a private file."""

from __future__ import annotations

from pathlib import Path

from nodes.errors import StorageError
from nodes.runtime.files import make_private_directory, read_private, write_private


class Cursor:
    """A durable sequence number, 0 at first."""

    def __init__(self, path: Path) -> None:
        make_private_directory(path.parent)
        self._path = path

    def get(self) -> int:
        """The number last set. Raises StorageError when the file is not one."""
        if not self._path.exists():
            return 0
        text = read_private(self._path)
        if not text.isdigit():
            raise StorageError(f"{self._path} does not hold a sequence number")
        return int(text)

    def set(self, seq: int) -> None:
        """Keep ``seq``; after return it is on disk."""
        write_private(self._path, str(seq).encode())
