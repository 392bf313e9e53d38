"""A zone's backup handed back: its chunks, and a list of every item that the peer has of that zone, so that numbering goes on [F20, F22]."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from crypto.encoding import canonical_json, sha256
from nodes.errors import SettingsError
from nodes.runtime.files import make_private_directory, write_private
from scoring.errors import StatementFormatError
from scoring.federation.backup import read_head
from scoring.statements import Grant, Hex32, Record, parse_record

LIST = "items.json"
BACKUP = "backup"
_CHUNK = re.compile(r"[0-9]{12}\.chunk")


class Listed(Record):
    """One item of the zone's outbox, as its peer has it."""

    kind: Grant
    sequence: Annotated[int, Field(ge=1)]
    name: Annotated[str, Field(min_length=1, max_length=200)]
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
        if item.listed.kind == BACKUP:
            write_private(directory / f"{item.listed.sequence:012}.chunk", item.content)
            chunks += 1
    write_private(directory / LIST, canonical_json({"items": [item.model_dump(mode="json") for item in listed]}))
    return chunks


def listed_in(directory: Path) -> Sequence[Listed]:
    """Every item of the list. Raises SettingsError when there is none."""
    try:
        return parse_record(_List, (directory / LIST).read_bytes()).items
    except (OSError, StatementFormatError) as error:
        raise SettingsError(f"{directory} is no backup that a peer handed back: {LIST} is missing or malformed") from error


def chunks_in(directory: Path) -> list[Path]:
    """The chunks, each stream from its first on. Raises SettingsError for none, or where one is not the item that the list names."""
    digests = {item.sequence: item.digest for item in listed_in(directory) if item.kind == BACKUP}
    found: list[tuple[str, int, Path]] = []
    for path in sorted(directory.iterdir()):
        if _CHUNK.fullmatch(path.name):
            content = path.read_bytes()
            if digests.pop(int(path.stem), "") != sha256(content).hex():
                raise SettingsError(f"{path} is not the chunk that {LIST} names")
            head = read_head(content)
            found.append((head.stream, head.number, path))
    if digests or not found:
        raise SettingsError(f"{directory} lacks chunks {', '.join(map(str, sorted(digests)[:5]))}…" if digests else f"{directory} holds no chunk")
    return [path for _, _, path in sorted(found)]
