"""A watched folder and the life of a file in it [C4]: taken when complete, then moved to done/ or failed/, with a copy of what was refused.

Every step may be cut short and done again: a file is moved by one rename, after what was read of it is durable, and the copy has a
name that follows from the file's. Nothing is deleted and nothing is overwritten, except by the same bytes.
"""

from __future__ import annotations

import csv
import fnmatch
import hashlib
import io
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from connectors.errors import DeliveryError, SourceUnavailableError
from connectors.records import Delivery, Malformed, Outcome, Record

DONE, FAILED, QUARANTINE = "done", "failed", "quarantine"
MAX_FILE_BYTES = 512 << 20
_CHUNK = 1 << 20
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_DIRECTORY, _FILE = 0o750, 0o640

Parse = Callable[[BinaryIO, str], Iterator[Record | Malformed]]
_State = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class WatchedFolder:
    """A connector over the files of ``folder`` whose names fit ``pattern``; ``parse`` reads one, given its name."""

    id: str
    folder: Path
    pattern: str
    quiet_s: float
    parse: Parse

    def deliveries(self, cursor: str) -> Iterator[Delivery]:
        """The complete files there are now, oldest first by their time of writing. Raises SourceUnavailableError when the folder cannot be read."""
        for path in self._complete():
            yield FileDelivery(path, self.parse)

    def _complete(self) -> list[Path]:
        found = []
        now = time.time()
        try:
            for entry in os.scandir(self.folder):
                name = entry.name
                if name.startswith((".", "~$")) or name.endswith((".tmp", ".part")) or not fnmatch.fnmatchcase(name, self.pattern):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    continue
                info = entry.stat(follow_symlinks=False)
                if now - info.st_ctime >= self.quiet_s:  # unlike the time of writing, it cannot be set by who copies a file
                    found.append((info.st_mtime_ns, name))
        except FileNotFoundError as error:
            raise SourceUnavailableError(f"folder {self.folder} does not exist") from error
        except OSError as error:
            raise SourceUnavailableError(f"folder {self.folder}: {error.strerror}") from error
        return [self.folder / name for _, name in sorted(found)]


class FileDelivery:
    """One file of a watched folder."""

    def __init__(self, path: Path, parse: Parse) -> None:
        self._path = path
        self._parse = parse
        self._digest = ""
        self._state: _State | None = None

    @property
    def name(self) -> str:
        """The file's name; bytes of it that are no text are written as escapes."""
        return os.fsencode(self._path.name).decode("utf-8", "backslashreplace")

    @property
    def digest(self) -> str:
        """SHA-256 of the file's content; of something that is no regular file, or is too large, that of nothing, since it is not read.

        Raises SourceUnavailableError when it cannot be read now.
        """
        if not self._digest:
            self._digest, self._state = self._hash()
        return self._digest

    @property
    def cursor(self) -> str:
        """Always empty: files are known by their digest."""
        return ""

    def items(self) -> Iterator[Record | Malformed]:
        """What the file holds. Raises DeliveryError for what is no readable file of at most ``MAX_FILE_BYTES``, SourceUnavailableError when
        it changes while it is read."""
        _ = self.digest
        with _open(self._path) as descriptor:
            info = os.fstat(descriptor)
            if not stat.S_ISREG(info.st_mode):
                raise DeliveryError("not a regular file")
            if info.st_size > MAX_FILE_BYTES:
                raise DeliveryError(f"{info.st_size} bytes; a file has at most {MAX_FILE_BYTES}")
            if _state(info) != self._state:
                raise SourceUnavailableError(f"{self.name} changed while it was read")
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                yield from self._parse(file, self.name)
            if _state(os.fstat(descriptor)) != self._state:
                raise SourceUnavailableError(f"{self.name} changed while it was read")

    def settle(self, outcome: Outcome, refused: tuple[Malformed, ...]) -> None:
        """Write what was refused to quarantine/, then move the file to done/, or to failed/ when it was refused as a whole.

        Calling it again changes nothing; a file that took the name meanwhile stays where it is. Raises SourceUnavailableError when a
        folder cannot be written.
        """
        try:
            if self._is_what_was_read():
                if refused:
                    self._write_quarantine(refused)
                self._move(FAILED if outcome is Outcome.REFUSED else DONE)
        except OSError as error:
            raise SourceUnavailableError(f"{self.name} cannot be put away: {error.strerror}") from error

    def _is_what_was_read(self) -> bool:
        if not self._path.exists() and not self._path.is_symlink():
            return False
        if self._state is not None and _state(self._path.lstat()) == self._state:
            return True
        return self._hash()[0] == self.digest

    def _hash(self) -> tuple[str, _State]:
        try:
            state = self._path.lstat()
            if not stat.S_ISREG(state.st_mode) or state.st_size > MAX_FILE_BYTES:
                return hashlib.sha256().hexdigest(), _state(state)
            with _open(self._path) as descriptor, os.fdopen(descriptor, "rb", closefd=False) as file:
                state = os.fstat(descriptor)
                found = hashlib.sha256()
                while chunk := file.read(_CHUNK):
                    found.update(chunk)
        except (OSError, DeliveryError) as error:
            raise SourceUnavailableError(f"{self.name} cannot be read: {error}") from error
        return found.hexdigest(), _state(state)

    def _write_quarantine(self, refused: tuple[Malformed, ...]) -> None:
        folder = _made(self._path.parent / QUARANTINE)
        text = io.StringIO()
        table = csv.writer(text)
        table.writerow(["位置 place", "字段 field", "原因 reason", "内容 content"])
        table.writerows([_shown(item.origin.place), _shown(item.field), _shown(item.reason), _shown(item.content)] for item in refused)
        path = folder / f"{self._path.name}.{self.digest[:12]}.csv"
        temporary = path.with_name(f".{path.name}.tmp")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, _FILE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.getvalue().encode("utf-8-sig"))  # a spreadsheet knows UTF-8 by its BOM
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync(folder)

    def _move(self, place: str) -> None:
        folder = _made(self._path.parent / place)
        target = folder / self._path.name
        if target.exists() or target.is_symlink():
            target = folder / f"{self._path.stem}.{self.digest[:12]}{self._path.suffix}"
        self._path.rename(target)  # over the same bytes at most: that name holds their digest
        _sync(folder)
        _sync(self._path.parent)


@contextmanager
def _open(path: Path) -> Iterator[int]:
    """A descriptor for reading ``path``, which is no link; closed at the end. Raises DeliveryError when it cannot be opened."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise DeliveryError(f"not a file that can be opened: {error.strerror}") from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _state(info: os.stat_result) -> _State:
    return info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns


def _made(folder: Path) -> Path:
    folder.mkdir(mode=_DIRECTORY, exist_ok=True)
    return folder


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _shown(text: str) -> str:
    """Text that a spreadsheet shows and does not compute."""
    return f"'{text}" if text.startswith(_FORMULA) else text
