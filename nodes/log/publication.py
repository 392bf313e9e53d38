"""What the log has published: its newest signed head and newest witnessed checkpoint, who waits for newer ones, and the pin file.

No timers: a waiter wakes when something is published, when its caller hangs up, or when the process ends.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from nodes.errors import NotReadyError
from nodes.runtime.files import read_private, write_private

T = TypeVar("T")


class FilePin:
    """The last signed checkpoint, in a private file outside the database; replaced atomically, on disk when ``write`` returns [L4]."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> bytes | None:
        """The pinned note, None when there is no file. Raises SecretFileError when others may use it."""
        return read_private(self._path) if self._path.exists() else None

    def write(self, note: bytes) -> None:
        write_private(self._path, note)


@dataclass(frozen=True, slots=True)
class SignedHead:
    """A durable tree head with its signed note. ``witnessed``: the note carries enough cosignatures."""

    size: int
    root: bytes
    note: bytes
    witnessed: bool = False


class Waiter:
    """One caller's interest in news. ``cancel`` from any thread: its caller is gone."""

    def __init__(self, board: threading.Condition) -> None:
        self._board = board
        self.cancelled = False

    def cancel(self) -> None:
        with self._board:
            self.cancelled = True
            self._board.notify_all()


class Publication:
    """Board of the newest heads. ``signed.size`` never falls, nor does ``witnessed.size``."""

    def __init__(self) -> None:
        self._board = threading.Condition()
        self._signed: SignedHead | None = None
        self._witnessed: SignedHead | None = None
        self._closed = False

    @property
    def signed(self) -> SignedHead:
        """Newest head that the log signed. Raises NotReadyError before the first."""
        with self._board:
            if self._signed is None:
                raise NotReadyError("the log has signed nothing yet")
            return self._signed

    @property
    def witnessed(self) -> SignedHead | None:
        """Newest head with enough cosignatures, None before the first."""
        with self._board:
            return self._witnessed

    def publish_signed(self, head: SignedHead) -> None:
        """Show a head whose leaves are durable and which is signed and pinned."""
        with self._board:
            self._signed = head
            self._board.notify_all()

    def publish_witnessed(self, head: SignedHead) -> None:
        """Show a sufficiently witnessed head, unless a larger one is shown already."""
        with self._board:
            if self._witnessed is None or self._witnessed.size <= head.size:
                self._witnessed = head
            self._board.notify_all()

    def waiter(self) -> Waiter:
        return Waiter(self._board)

    def wait(self, waiter: Waiter, find: Callable[[SignedHead | None, SignedHead | None], T | None]) -> T | None:
        """What ``find(signed, witnessed)`` answers once that is not None; None when the waiter was cancelled or the log closes.

        ``find`` is called under the board's lock: it must not block.
        """
        with self._board:
            while not (waiter.cancelled or self._closed):
                found = find(self._signed, self._witnessed)
                if found is not None:
                    return found
                self._board.wait()
            return None

    def wake(self) -> None:
        """Let every waiter look again: something that its ``find`` reads has changed."""
        with self._board:
            self._board.notify_all()

    def close(self) -> None:
        """Wake and dismiss every waiter: the process ends."""
        with self._board:
            self._closed = True
            self._board.notify_all()
