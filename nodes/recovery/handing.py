"""A zone's backup handed back: its chunks, and a list of every item that the peer has of that zone, so that numbering goes on [F20, F22]."""

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from crypto.encoding import canonical_json, sha256
from nodes.coordinator.keeping.outbox import BACKUP, LARGEST_ITEM, LONGEST_NAME
from nodes.errors import SettingsError
from nodes.runtime.files import make_private_directory, write_private
from scoring.errors import StatementFormatError
from scoring.federation.backup import read_head
from scoring.statements import Grant, Hex32, Record, parse_record

LIST = "items.json"
LARGEST_LIST = 256 << 20
_CHUNK = re.compile(r"[0-9]{12}\.chunk")


class Listed(Record):
    """One item of the zone's outbox, as its peer has it."""

    kind: Grant
    sequence: Annotated[int, Field(ge=1)]
    name: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
    digest: Hex32


class _List(Record):
    items: tuple[Listed, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """An item with its bytes; only those of backups are handed back."""

    listed: Listed
    content: bytes = b""


def hand_back(items: Iterable[Held], directory: Path) -> int:
    """Write a fresh ``directory`` (0700): every chunk as a file, every item in the list; how many chunks. Raises SettingsError when it is there."""
    if directory.exists():
        raise SettingsError(f"{directory} is there already: a backup is handed back in a fresh directory")
    make_private_directory(directory)
    listed: list[Listed] = []
    chunks = 0
    for item in items:
        listed.append(item.listed)
        if item.listed.kind == BACKUP and item.content:  # none: it was withdrawn before this peer had it
            write_private(directory / f"{item.listed.sequence:012}.chunk", item.content)
            chunks += 1
    write_list(listed, directory)
    return chunks


def write_list(listed: Iterable[Listed], directory: Path) -> None:
    """Write the list of what is in ``directory``."""
    write_private(directory / LIST, canonical_json({"items": [item.model_dump(mode="json") for item in listed]}))


def listed_in(directory: Path) -> Sequence[Listed]:
    """Every item of the list. Raises SettingsError when there is none, or it does not count each kind from 1 without a gap, as outboxes do: numbers
    that a peer made up would go on in the outbox that is restored from it."""
    try:
        items = parse_record(_List, _read(directory / LIST, LARGEST_LIST)).items
    except StatementFormatError as error:
        raise SettingsError(f"{directory} is no backup that a peer handed back: {LIST} is malformed") from error
    counted = Counter[str]()
    for item in items:
        counted[item.kind] += 1
        if item.sequence != counted[item.kind]:
            raise SettingsError(f"{LIST} names {item.kind} {item.sequence} where {counted[item.kind]} follows: it is no list of an outbox")
        if not item.name.isprintable():
            raise SettingsError(f"{LIST} calls {item.kind} {item.sequence} what no item is called, and no peer would take")
    if len({(item.kind, item.digest) for item in items}) != len(items):
        raise SettingsError(f"{LIST} names an item twice: it is no list of an outbox")
    return items


def chunks_in(directory: Path) -> list[Path]:
    """The chunks, each stream from its first on. Raises SettingsError for none, or where one is not the item that the list names, in its stream's
    order."""
    listed = {item.sequence: item for item in listed_in(directory) if item.kind == BACKUP}
    found, last = list[tuple[str, int, Path]](), Counter[str]()
    for path in sorted(directory.iterdir()):
        if _CHUNK.fullmatch(path.name):
            content, item = read_chunk(path), listed.pop(int(path.stem), None)
            if item is None or item.digest != sha256(content).hex():
                raise SettingsError(f"{path} is not the chunk that {LIST} names")
            head = read_head(content)
            if not item.name.startswith(f"{head.stream}/{head.number:012}/"):
                raise SettingsError(f"{path} is chunk {head.number} of {head.stream}, {LIST} calls it {item.name}")
            found.append((head.stream, head.number, path))
    if listed or not found:
        raise SettingsError(f"{directory} lacks chunks {', '.join(map(str, sorted(listed)[:5]))}…" if listed else f"{directory} holds no chunk")
    for stream, number, path in found:
        last[stream] += 1
        if number != last[stream]:
            raise SettingsError(f"{path} is chunk {number} of {stream} in the place of chunk {last[stream]}")
    return [path for _, _, path in sorted(found)]


def given_before(directory: Path) -> list[tuple[str, int, str, bytes]]:
    """What peers were given, as ``Outbox.restore`` takes it: each chunk is the one in ``directory``, under its own place in its stream.

    How far the log was sealed is what a peer says alone: it is left out, so that the log is sealed anew once. Raises as ``chunks_in``.
    """
    chunks_in(directory)
    names = {item: f"{item.name.rpartition('/')[0]}/0" if item.kind == BACKUP else item.name for item in listed_in(directory)}
    return [(item.kind, item.sequence, name, bytes.fromhex(item.digest)) for item, name in names.items()]


def read_chunk(path: Path) -> bytes:
    """A chunk's bytes. Raises SettingsError for what is no file, or larger than an item can be."""
    return _read(path, LARGEST_ITEM)


def _read(path: Path, most: int) -> bytes:
    """The bytes of a file that others made: no link, no pipe, no device, no more than ``most``."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            content = file.read(most + 1) if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else None
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}; this is no backup that a peer handed back") from error
    if content is None or len(content) > most:
        raise SettingsError(f"{path} is no file of at most {most} bytes, as a peer hands back")
    return content
