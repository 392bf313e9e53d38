"""The folders of the single window's import client [K1]: which files are complete, and the messages in them.

Nothing here is written, moved or deleted: the folders are the client's, and what lies in its OutBox has still to be sent.
"""

from __future__ import annotations

import io
import os
import stat
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from connectors.archives import ZIP_FAULTS, plainly_packed
from connectors.customs.markup import MAX_BYTES
from connectors.errors import DeliveryError, SourceUnavailableError

BOXES = ("outbox", "sentbox", "failbox", "inbox")
CLIENT = "deccus001"
QUIET_S = 3.0
MAX_FILE_BYTES = 64 << 20
MAX_UNPACKED_BYTES = 64 << 20
MAX_MEMBERS = 2_000
SHOWN_TEXT = 64_000
_ZIP = b"PK\x03\x04"


@dataclass(frozen=True, slots=True)
class Found:
    """One file of a box: ``name`` as people know it, box and file; ``look`` is its size and time of writing; ``changed`` when it last changed in
    any way, which whoever copies a file cannot set."""

    name: str
    path: Path
    look: tuple[int, int]
    changed: float = 0.0


@dataclass(frozen=True, slots=True)
class Piece:
    """One message of a file: its ``place`` in it, empty for a file that is the message; its bytes, or the reason why they cannot be had."""

    place: str
    data: bytes
    fault: str = ""

    @property
    def text(self) -> str:
        """The message as a person can read and correct it."""
        try:
            text = self.data.decode("utf-8")
        except UnicodeDecodeError:
            text = self.data.decode("gb18030", "replace")
        return text.replace("\0", "\ufffd")[:SHOWN_TEXT]


class ClientFolders:
    """The boxes below ``root``, which is the client's ImpPath or its Deccus001; letters' case does not matter."""

    def __init__(self, root: Path, quiet_s: float = QUIET_S) -> None:
        self._root, self._quiet_s = root, quiet_s
        self._looks: dict[str, tuple[tuple[int, int], float]] = {}

    def complete(self, now: float) -> Iterator[Found]:
        """Files that no longer grow at ``now`` (seconds of Unix time), box by box and by name: unchanged for ``quiet_s`` by their own time, or since
        a look so long ago.

        Raises SourceUnavailableError when there are no such folders or they cannot be read.
        """
        looks: dict[str, tuple[tuple[int, int], float]] = {}
        for box in self._boxes():
            for found in _files(box):
                look, since = self._looks.get(found.name, (found.look, now))
                since = since if look == found.look else now
                looks[found.name] = (found.look, since)
                if now - since >= self._quiet_s or now - found.changed >= self._quiet_s:
                    yield found
        self._looks = looks

    def _boxes(self) -> list[Path]:
        try:
            here = _folders(self._root)
            client = here if here.keys() & set(BOXES) else _folders(here[CLIENT]) if CLIENT in here else {}
        except OSError as error:
            raise SourceUnavailableError(f"{self._root}: {error.strerror} 文件夹无法读取") from error
        if not client.keys() & set(BOXES):
            raise SourceUnavailableError(f"{self._root} has neither Deccus001 nor one of OutBox, SentBox, FailBox, InBox in it 不是导入客户端文件夹")
        return [client[name] for name in BOXES if name in client]


def read_file(found: Found) -> list[Piece] | None:
    """The messages of a file: of a zip each member, else the file itself. None when the file is gone or has changed meanwhile.

    Raises DeliveryError when it cannot be read as a whole.
    """
    try:
        descriptor = os.open(found.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DeliveryError(f"cannot be opened: {error.strerror} 文件无法打开") from error
    with os.fdopen(descriptor, "rb") as file:
        if found.look[0] > MAX_FILE_BYTES:
            raise DeliveryError(f"{found.look[0]} bytes; a file has at most {MAX_FILE_BYTES} 文件过大")
        try:
            data = file.read(MAX_FILE_BYTES + 1)
        except OSError as error:
            raise DeliveryError(f"cannot be read: {error.strerror} 文件无法读取") from error
        if _look(os.fstat(file.fileno())) != found.look:
            return None
    return list(unpack(data))


def unpack(data: bytes) -> Iterator[Piece]:
    """The messages in ``data``: what is no zip is one. A zip's names are never used as paths, and nothing is written.

    A member that is too large, encrypted, damaged, itself a zip, or named outside the archive is a Piece with a fault; the others go on.
    Raises DeliveryError when the archive as a whole is damaged, has too many members, or unpacks to more than it may.
    """
    if not data.startswith(_ZIP):
        yield Piece("", data)
        return
    unpacked = 0
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [member for member in archive.infolist() if not member.filename.endswith("/")]
            if not 1 <= len(members) <= MAX_MEMBERS:
                raise DeliveryError(f"a zip with {len(members)} files; 1 to {MAX_MEMBERS} are right 压缩包内文件数不符")
            for member in members:
                piece, size = _member(archive, member)
                unpacked += size  # of refused ones too: they were unpacked as well
                if unpacked > MAX_UNPACKED_BYTES:
                    raise DeliveryError(f"a zip that unpacks to more than {MAX_UNPACKED_BYTES} bytes 解压后过大")
                yield piece
    except ZIP_FAULTS as error:
        raise DeliveryError(f"a damaged zip: {type(error).__name__} 压缩包已损坏") from error


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> tuple[Piece, int]:
    """A member, and how many bytes came out for it."""
    data, fault = b"", _refusal(member)
    if not fault:
        try:
            with archive.open(member) as file:
                data = file.read(MAX_BYTES + 1)  # by what comes out, not by what the header says
        except ZIP_FAULTS as error:
            fault = f"damaged: {type(error).__name__} 已损坏"
    if len(data) > MAX_BYTES:
        fault = f"unpacks to more than {MAX_BYTES} bytes 解压后过大"
    elif data.startswith(_ZIP):
        fault = "a zip within a zip 压缩包内又有压缩包"
    return Piece(shown_name(member.filename), b"" if fault else data, fault), len(data)


def _refusal(member: zipfile.ZipInfo) -> str:
    """Why a member is not unpacked; empty where it is."""
    parts = member.filename.replace("\\", "/").split("/")
    if not member.filename or not parts[0] or ".." in parts or ":" in parts[0]:
        return "no name, or one that leads out of the zip 没有文件名，或指向压缩包之外"
    if not plainly_packed(member):
        return "encrypted, or packed in a way that is not read; plain and deflated are 已加密，或压缩方式不符"
    return ""


def shown_name(name: str) -> str:
    """A file's name as it can be shown and stored: bounded, without control characters."""
    return "".join(character if character.isprintable() else "?" for character in name)[:200]


def _files(box: Path) -> Iterable[Found]:
    found = []
    with os.scandir(box) as entries:
        for entry in entries:
            if not _wanted(entry.name):
                continue
            try:
                state = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue  # the client moved it on
            if stat.S_ISREG(state.st_mode):
                found.append(Found(f"{box.name}/{shown_name(entry.name)}", Path(entry.path), _look(state), state.st_ctime))
    return sorted(found, key=lambda file: file.name)


def _wanted(name: str) -> bool:
    lower = name.lower()
    if lower.startswith(".") or lower.endswith(".tmp"):
        return False
    return lower.endswith((".xml", ".zip")) or lower.startswith(("successed_", "failed_")) or "receipt" in lower


def _folders(path: Path) -> dict[str, Path]:
    """Folders in ``path`` by name in small letters; of two whose names differ in case only, the first by name."""
    with os.scandir(path) as entries:
        named = sorted((entry.name, entry.path) for entry in entries if entry.is_dir(follow_symlinks=False))
    found: dict[str, Path] = {}
    for name, place in named:
        found.setdefault(name.lower(), Path(place))
    return found


def _look(state: os.stat_result) -> tuple[int, int]:
    return state.st_size, state.st_mtime_ns
