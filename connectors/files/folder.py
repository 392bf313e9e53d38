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
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from connectors.errors import DeliveryError, SourceUnavailableError
from connectors.outside import cell_text, opened, shown_name
from connectors.records import Delivery, Malformed, Outcome, Record

DONE, FAILED, QUARANTINE = "done", "failed", "quarantine"
MAX_FILE_BYTES = 512 << 20
_CHUNK = 1 << 20
_LONGEST_STEM = 200  # bytes
_DIRECTORY, _FILE = 0o750, 0o640

Parse = Callable[[BinaryIO, str], Iterator[Record | Malformed]]
_State = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class WatchedFolder:
    """A connector over the files of ``folder`` whose names fit ``pattern``; ``parse`` reads one, given its name, by the rules ``reading``."""

    id: str
    folder: Path
    pattern: str
    quiet_s: float
    parse: Parse
    reading: str

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
            raise SourceUnavailableError(f"folder {self.folder} does not exist 文件夹不存在") from error
        except OSError as error:
            raise SourceUnavailableError(f"folder {self.folder}: {error.strerror} 文件夹无法读取") from error
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
        """The file's name as it can be shown."""
        return shown_name(self._path.name)

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
        with opened(self._path) as descriptor:
            info = os.fstat(descriptor)
            if not stat.S_ISREG(info.st_mode):
                raise DeliveryError("not a regular file 不是普通文件")
            if info.st_size > MAX_FILE_BYTES:
                raise DeliveryError(f"{info.st_size} bytes; a file has at most {MAX_FILE_BYTES} 文件过大")
            if _state(info) != self._state:
                raise SourceUnavailableError(f"{self.name} changed while it was read 读取时文件有变动")
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                yield from self._parse(file, self.name)
            if _state(os.fstat(descriptor)) != self._state:
                raise SourceUnavailableError(f"{self.name} changed while it was read 读取时文件有变动")

    def settle(self, outcome: Outcome, refused: tuple[Malformed, ...]) -> None:
        """Write what was refused to quarantine/, then move the file to done/, or to failed/ when it was refused as a whole.

        Calling it again changes nothing; a file that took the name meanwhile stays where it is. Nothing leaves the watched folder: what whoever
        drops files put in the place of one of these folders is not followed. Raises SourceUnavailableError when one cannot be written.
        """
        try:
            if self._is_what_was_read():
                if refused:
                    self._write_quarantine(refused)
                self._move(FAILED if outcome is Outcome.REFUSED else DONE)
        except OSError as error:
            raise SourceUnavailableError(f"{self.name} cannot be put away: {error.strerror} 文件无法归档") from error

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
            with opened(self._path) as descriptor, os.fdopen(descriptor, "rb", closefd=False) as file:
                state = os.fstat(descriptor)
                found = hashlib.sha256()
                while chunk := file.read(_CHUNK):
                    found.update(chunk)
        except (OSError, DeliveryError) as error:
            raise SourceUnavailableError(f"{self.name} cannot be read: {error} 文件无法读取") from error
        return found.hexdigest(), _state(state)

    def _write_quarantine(self, refused: tuple[Malformed, ...]) -> None:
        text = io.StringIO()
        table = csv.writer(text)
        table.writerow(["位置 place", "字段 field", "原因 reason", "内容 content"])
        table.writerows(map(cell_text, (item.origin.place, item.field, item.reason, item.content)) for item in refused)
        name = f"{_cut(self._path.name)}.{self.digest[:12]}.csv"
        with _folder(self._path.parent) as parent, _subfolder(parent, QUARANTINE) as folder:
            temporary = f".{name}.tmp"
            with suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=folder)  # of a step that was cut short, or another's: what is written below is a file of ours
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, _FILE, dir_fd=folder)
            with os.fdopen(descriptor, "wb") as file:
                file.write(text.getvalue().encode("utf-8-sig", "backslashreplace"))  # a spreadsheet knows UTF-8 by its BOM
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
            os.fsync(folder)

    def _move(self, place: str) -> None:
        name = self._path.name
        with _folder(self._path.parent) as parent, _subfolder(parent, place) as folder:
            target = f"{_cut(self._path.stem)}.{self.digest[:12]}{self._path.suffix[:10]}" if _is_there(name, folder) else name
            os.rename(name, target, src_dir_fd=parent, dst_dir_fd=folder)  # over the same bytes at most: that name holds their digest
            os.fsync(folder)
            os.fsync(parent)


def _state(info: os.stat_result) -> _State:
    return info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns


@contextmanager
def _folder(path: Path | str, parent: int | None = None, flags: int = 0) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | flags, dir_fd=parent)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _subfolder(parent: int, name: str) -> Iterator[int]:
    """The folder ``name`` within the folder ``parent``, made where it is missing; a link of this name is refused, wherever it leads."""
    with suppress(FileExistsError):
        os.mkdir(name, _DIRECTORY, dir_fd=parent)
    with _folder(name, parent, os.O_NOFOLLOW) as folder:
        yield folder


def _cut(name: str) -> str:
    """``name`` with room for a digest behind it: a folder takes names of 255 bytes."""
    return os.fsdecode(os.fsencode(name)[:_LONGEST_STEM])


def _is_there(name: str, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True
