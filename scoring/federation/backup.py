"""A zone's backup as its peers keep it: parts, sealed to the zone's recovery key in bounded chunks that only fit together in their order [F20].

Peers cannot read it. Who has the recovery key's private half reads the chunks of a stream from the first on; one that is missing, changed,
out of its place, of another zone, stream or key is found. That nothing is missing at the end is for the caller to see, from the log.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Literal, TypeVar

from pydantic import Field

from crypto.encoding import canonical_json, frame, label, sha256
from crypto.errors import SealingError
from crypto.sealing import ENC_SIZE, open_sealed, public_key, seal
from scoring.errors import StatementFormatError
from scoring.federation.errors import BackupError
from scoring.statements import Hex32, MemberId, Name, Record, parse_record

FORMAT: Literal["xinqiao/backup-chunk/v1"] = "xinqiao/backup-chunk/v1"
CHUNK_BYTES = 1 << 20
LARGEST_PART = 1 << 30
_LENGTH = 8
R = TypeVar("R", bound=Record)
Kind = Literal["entries", "blob", "checkpoint", "receipt"]


class ChunkHead(Record):
    """What anybody reads of a chunk: whose it is, to which key it is sealed (SHA-256 of the public half), its place in the stream of the member that
    sealed it, and the SHA-256 of the chunk before, empty for the first. All of it is bound by the sealing."""

    format: Literal["xinqiao/backup-chunk/v1"]
    zone: Name
    stream: MemberId
    key: Hex32
    number: Annotated[int, Field(ge=1, lt=1 << 53)]
    previous: Hex32 | Literal[""]


class PartHead(Record):
    """What stands sealed before a chunk's bytes: which part they are of, chunk ``place`` of ``count`` (from 1), and the whole part's digest and
    size."""

    kind: Kind
    name: Annotated[str, Field(max_length=200)]
    sha256: Hex32
    size: Annotated[int, Field(ge=0, le=LARGEST_PART)]
    place: Annotated[int, Field(ge=1)]
    count: Annotated[int, Field(ge=1)]


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that is backed up. ``name``: of entries, first leaf and end; of a blob, the digest that names it; of a
    checkpoint, its size; of a receipt, its ticket's digest."""

    kind: Kind
    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Place:
    """How far a stream has come: the number and digest of its last chunk; 0 and empty before the first."""

    number: int = 0
    digest: str = ""


def seal_part(part: Part, recovery_key: bytes, zone: str, stream: str, after: Place) -> Iterator[tuple[Place, bytes]]:
    """The chunks of ``part`` with their places, following ``after``. Raises SealingError when the recovery key is unusable, BackupError when
    the part is too large."""
    if len(part.content) > LARGEST_PART:
        raise BackupError(f"a part has at most {LARGEST_PART} bytes, this one {len(part.content)}")
    count = max(1, -(-len(part.content) // CHUNK_BYTES))
    digest, place = sha256(part.content).hex(), after
    for position in range(count):
        inner = PartHead(kind=part.kind, name=part.name, sha256=digest, size=len(part.content), place=position + 1, count=count)
        head = canonical_json(
            ChunkHead(
                format=FORMAT, zone=zone, stream=stream, key=sha256(recovery_key).hex(), number=place.number + 1, previous=place.digest
            ).model_dump(mode="json")
        )
        plain = frame(canonical_json(inner.model_dump(mode="json")), part.content[position * CHUNK_BYTES : (position + 1) * CHUNK_BYTES])
        enc, ciphertext = seal(recovery_key, _info(), head, plain)
        chunk = frame(head, enc + ciphertext)
        place = Place(place.number + 1, sha256(chunk).hex())
        yield place, chunk


def read_head(chunk: bytes) -> ChunkHead:
    """What anybody may read of a chunk. Raises BackupError."""
    head, _ = _two(chunk)
    return _record(ChunkHead, head)


@dataclass
class Reader:
    """Reads one stream of ``zone`` with the recovery key's private half, chunk by chunk from the first."""

    private: bytes = field(repr=False)
    zone: str
    stream: str
    _place: Place = Place()
    _part: PartHead | None = None
    _content: bytearray = field(default_factory=bytearray)

    @property
    def number(self) -> int:
        """Of the last chunk that was read."""
        return self._place.number

    def take(self, chunk: bytes) -> Part | None:
        """The part that this chunk completes, if it does.

        Raises BackupError unless it is the next chunk of this stream, whole and sealed to this key for this very place. A part that was begun and
        not ended, because the process that sealed it was stopped, may be begun anew; what was read of it is dropped.
        """
        raw, sealed = _two(chunk)
        head = _record(ChunkHead, raw)
        if (head.zone, head.stream) != (self.zone, self.stream):
            raise BackupError(f"chunk {head.number} is of {head.stream} in zone {head.zone}, not of {self.stream} in {self.zone}")
        if head.key != sha256(public_key(self.private)).hex():
            raise BackupError(f"chunk {head.number} is sealed to another recovery key ({head.key[:16]}…) than this one")
        if (head.number, head.previous) != (self._place.number + 1, self._place.digest):
            raise BackupError(f"chunk {head.number} does not follow chunk {self._place.number}: one is missing, changed or out of its place")
        try:
            inner, content = _two(open_sealed(self.private, _info(), raw, sealed[:ENC_SIZE], sealed[ENC_SIZE:]))
        except SealingError as error:
            raise BackupError(f"chunk {head.number} does not open: it was changed") from error
        found = self._taken(_record(PartHead, inner), content, head.number)
        self._place = Place(head.number, sha256(chunk).hex())
        return found

    def _taken(self, part: PartHead, content: bytes, number: int) -> Part | None:
        if part.place == 1:
            self._content = bytearray()
        elif self._part is None or self._part.model_copy(update={"place": self._part.place + 1}) != part:
            raise BackupError(f"chunk {number} is not the next of its part")
        self._part = part
        self._content += content
        if len(self._content) > part.size:
            raise BackupError(f"the part that goes on with chunk {number} is larger than it says")
        if part.place < part.count:
            return None
        whole, self._part, self._content = bytes(self._content), None, bytearray()
        if (len(whole), sha256(whole).hex()) != (part.size, part.sha256):
            raise BackupError(f"the part that ends with chunk {number} is not the one that was sealed")
        return Part(part.kind, part.name, whole)


def entries_part(first: int, entries: list[tuple[bytes, bytes]]) -> Part:
    """Leaves with their envelopes, from leaf ``first`` on, as one part."""
    return Part("entries", f"{first}-{first + len(entries)}", frame(*itertools.chain.from_iterable(entries)))


def entries_of(part: Part) -> tuple[int, list[tuple[bytes, bytes]]]:
    """(first leaf, leaves with their envelopes) of a part of entries. Raises BackupError."""
    first, separator, end = part.name.partition("-")
    fields = list(_fields(part.content))
    if part.kind != "entries" or not separator or not first.isdigit() or not end.isdigit() or len(fields) != 2 * (int(end) - int(first)):
        raise BackupError(f"{part.name} is no range of leaves with as many entries")
    return int(first), list(zip(fields[::2], fields[1::2], strict=True))


def _two(data: bytes) -> tuple[bytes, bytes]:
    fields = list(itertools.islice(_fields(data), 3))
    if len(fields) != 2:
        raise BackupError("this is no chunk of a backup")
    return fields[0], fields[1]


def _fields(data: bytes) -> Iterator[bytes]:
    """The fields of a frame. Raises BackupError when it is cut."""
    start = 0
    while start < len(data):
        size = int.from_bytes(data[start : start + _LENGTH], "big")
        end = start + _LENGTH + size
        if start + _LENGTH > len(data) or end > len(data):
            raise BackupError("a part of the backup is cut short")
        yield data[start + _LENGTH : end]
        start = end


def _record(cls: type[R], data: bytes) -> R:
    try:
        return parse_record(cls, data)
    except StatementFormatError as error:
        raise BackupError(f"this is no chunk of a backup: {error}") from error


def _info() -> bytes:
    """What a sealed chunk is."""
    return frame(label("backup-chunk"))
