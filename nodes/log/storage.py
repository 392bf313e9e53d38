"""The log's tables: leaves and their envelopes, tiles, idempotency keys, and the head row that sequencing compares and swaps [L3, L4].

``commit`` is one transaction: after it returns, everything in it is on disk; when it raises, the caller cannot know and must stop.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from crypto import merkle, tiles
from crypto.errors import MerkleError
from nodes.errors import StorageError
from nodes.log.tree import TileRow, prefix
from nodes.runtime.database import reading, writing


class _Bytes(sa.LargeBinary):
    cache_ok = True

    def bind_processor(self, dialect: sa.Dialect) -> None:
        """No wrapping of each value, which drivers once needed: both drivers here take bytes as they are."""


METADATA = sa.MetaData()
_ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")

HEAD = sa.Table(
    "head",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("root", _Bytes(32), nullable=False),
    sa.Column("time", sa.BigInteger, nullable=False),  # of the last leaf: leaves' times never go back
)
LEAVES = sa.Table(
    "leaves",
    METADATA,
    sa.Column("leaf_index", _ROW_ID, primary_key=True, autoincrement=False),
    sa.Column("leaf", _Bytes, nullable=False),
    sa.Column("digest", _Bytes(32), nullable=False, unique=True),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("parties", sa.String, nullable=False),  # members whose own it is, comma-separated
    sa.Column("envelope", _Bytes, nullable=False),  # last, so that reading leaves need not read it
)
TILES = sa.Table(
    "tiles",
    METADATA,
    sa.Column("level", sa.Integer, primary_key=True),
    sa.Column("tile_index", sa.BigInteger, primary_key=True),
    sa.Column("hashes", _Bytes, nullable=False),
)
KEYS = sa.Table(
    "idempotency_keys",
    METADATA,
    sa.Column("caller", sa.String(64), primary_key=True),
    sa.Column("key", sa.String(128), primary_key=True),
    sa.Column("leaf_index", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
_CHUNK = 500

# Built once: making and compiling a statement costs more than running it.
_PUT_LEAF, _PUT_TILE, _PUT_KEY = sa.insert(LEAVES), sa.insert(TILES), sa.insert(KEYS)
_GET_HEAD = sa.select(HEAD.c.size, HEAD.c.root, HEAD.c.time)
_MOVE_HEAD = (
    sa.update(HEAD)
    .where(HEAD.c.id == 1, HEAD.c.size == sa.bindparam("old_size"), HEAD.c.root == sa.bindparam("old_root"))
    .values(size=sa.bindparam("size"), root=sa.bindparam("root"), time=sa.bindparam("time"))
)
_GROW_TILE = (
    sa.update(TILES)
    .where(TILES.c.level == sa.bindparam("at_level"), TILES.c.tile_index == sa.bindparam("at_index"))
    .values(hashes=sa.bindparam("hashes"))
)
_GET_TILE = sa.select(TILES.c.hashes).where(TILES.c.level == sa.bindparam("at_level"), TILES.c.tile_index == sa.bindparam("at_index"))
_FIND_DIGESTS = sa.select(LEAVES.c.digest, LEAVES.c.leaf_index, LEAVES.c.leaf).where(LEAVES.c.digest.in_(sa.bindparam("digests", expanding=True)))
_FIND_KEYS = (
    sa.select(KEYS.c.caller, KEYS.c.key, LEAVES.c.digest)
    .join(LEAVES, KEYS.c.leaf_index == LEAVES.c.leaf_index)
    .where(sa.tuple_(KEYS.c.caller, KEYS.c.key).in_(sa.bindparam("uses", expanding=True)))
)


@dataclass(frozen=True, slots=True)
class Head:
    """Size and root of the stored tree, and the time of its last leaf."""

    size: int
    root: bytes
    time: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One logged statement. ``parties``: members whose own it is: actor, signers, submitter."""

    index: int
    leaf: bytes
    digest: bytes
    kind: str
    parties: tuple[str, ...]
    envelope: bytes


@dataclass(frozen=True, slots=True)
class KeyUse:
    """An idempotency key spent on a leaf."""

    caller: str
    key: str
    index: int


@dataclass(frozen=True, slots=True)
class Batch:
    """What one commit makes durable, all or nothing. ``keys`` may also name leaves that were there before."""

    entries: Sequence[Entry]
    tiles: Sequence[TileRow]
    keys: Sequence[KeyUse]
    head: Head


class LogStore:
    """The tables behind one engine, whose metadata is ``METADATA``. Only one sequencer may ``commit``; anyone may read."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        with writing(engine) as connection:
            if connection.execute(sa.select(HEAD.c.size)).first() is None:
                connection.execute(sa.insert(HEAD).values(id=1, size=0, root=merkle.EMPTY_ROOT, time=0))

    def head(self) -> Head:
        """The stored tree's head; what lies beyond the last signed checkpoint is already durable."""
        with reading(self._engine) as connection:
            row = connection.execute(_GET_HEAD).one()
        return Head(row.size, row.root, row.time)

    def commit(self, before: Head, batch: Batch) -> None:
        """Make ``batch`` durable if the stored head is still ``before``.

        Raises StorageError when another sequencer moved the head. Any exception means that the outcome may be either.
        """
        with writing(self._engine) as connection:
            values = {"size": batch.head.size, "root": batch.head.root, "time": batch.head.time}
            moved = connection.execute(_MOVE_HEAD, {**values, "old_size": before.size, "old_root": before.root})
            if moved.rowcount != 1:
                raise StorageError(f"the stored head is not at size {before.size} any more: another sequencer uses this database")
            _insert_entries(connection, batch.entries)
            _put_tiles(connection, batch.tiles)
            if batch.keys:
                connection.execute(_PUT_KEY, [{"caller": use.caller, "key": use.key, "leaf_index": use.index} for use in batch.keys])

    def find_digests(self, digests: Sequence[bytes]) -> dict[bytes, tuple[int, bytes]]:
        """(index, leaf) of each envelope digest that is in the log."""
        found: dict[bytes, tuple[int, bytes]] = {}
        with reading(self._engine) as connection:
            for start in range(0, len(digests), _CHUNK):
                for row in connection.execute(_FIND_DIGESTS, {"digests": digests[start : start + _CHUNK]}):
                    found[row.digest] = (row.leaf_index, row.leaf)
        return found

    def find_keys(self, uses: Sequence[tuple[str, str]]) -> dict[tuple[str, str], bytes]:
        """Digest of what each (caller, key) was first used for."""
        found: dict[tuple[str, str], bytes] = {}
        with reading(self._engine) as connection:
            for start in range(0, len(uses), _CHUNK):
                rows = connection.execute(_FIND_KEYS, {"uses": uses[start : start + _CHUNK]})
                found.update({(row.caller, row.key): row.digest for row in rows})
        return found

    def entries(self, start: int, end: int, max_bytes: int) -> list[Entry]:
        """Entries from ``start`` on, in order, before ``end``: as many as have ``max_bytes`` of envelopes in all, at least one."""
        sizes = sa.select(LEAVES.c.leaf_index, sa.func.length(LEAVES.c.envelope).label("size"))
        sizes = sizes.where(LEAVES.c.leaf_index >= start, LEAVES.c.leaf_index < min(end, start + _CHUNK)).order_by(LEAVES.c.leaf_index)
        with reading(self._engine) as connection:
            stop, total = start, 0
            for row in connection.execute(sizes):
                total += row.size
                if stop > start and total > max_bytes:
                    break
                stop = row.leaf_index + 1
            query = sa.select(LEAVES).where(LEAVES.c.leaf_index >= start, LEAVES.c.leaf_index < stop).order_by(LEAVES.c.leaf_index)
            return [_entry(row) for row in connection.execute(query)]

    def entries_of(self, kinds: Sequence[str]) -> Iterator[Entry]:
        """Every entry of these kinds, in order."""
        with reading(self._engine) as connection:
            query = sa.select(LEAVES).where(LEAVES.c.kind.in_(kinds)).order_by(LEAVES.c.leaf_index)
            yield from (_entry(row) for row in connection.execution_options(yield_per=_CHUNK).execute(query))

    def entry_of(self, digest: bytes) -> Entry | None:
        """The entry whose envelope has this digest."""
        with reading(self._engine) as connection:
            row = connection.execute(sa.select(LEAVES).where(LEAVES.c.digest == digest)).first()
        return None if row is None else _entry(row)

    def leaves(self, start: int, end: int) -> list[bytes]:
        """Leaves [start, end) without their envelopes. Raises StorageError when one is missing."""
        query = sa.select(LEAVES.c.leaf).where(LEAVES.c.leaf_index >= start, LEAVES.c.leaf_index < end).order_by(LEAVES.c.leaf_index)
        with reading(self._engine) as connection:
            found = [row.leaf for row in connection.execute(query)]
        if len(found) != end - start:
            raise StorageError(f"{end - start - len(found)} of the leaves [{start}, {end}) are missing")
        return found

    def read_tile(self, level: int, index: int, width: int) -> bytes:
        """The first ``width`` hashes of a tile: a ``tiles.ReadTile``. Raises StorageError when fewer are stored."""
        with reading(self._engine) as connection:
            row = connection.execute(_GET_TILE, {"at_level": level, "at_index": index}).first()
        data = b"" if row is None else prefix(row.hashes, width)
        if len(data) != width * merkle.HASH_SIZE:
            raise StorageError(f"tile {level}/{index} is shorter than {width} hashes")
        return data

    def root_at(self, size: int) -> bytes:
        """Root of the stored tree's first ``size`` leaves, from its tiles. Raises StorageError when they cannot give it."""
        try:
            return tiles.frontier(size, self.read_tile).root()
        except MerkleError as error:
            raise StorageError(f"the stored tiles do not make a tree of size {size}: {error}") from error


def _entry(row: sa.Row[Any]) -> Entry:
    return Entry(row.leaf_index, row.leaf, row.digest, row.kind, tuple(row.parties.split(",")), row.envelope)


def _insert_entries(connection: sa.Connection, entries: Sequence[Entry]) -> None:
    rows = [
        {"leaf_index": e.index, "leaf": e.leaf, "digest": e.digest, "kind": e.kind, "parties": ",".join(e.parties), "envelope": e.envelope}
        for e in entries
    ]
    if rows:
        connection.execute(_PUT_LEAF, rows)


def _put_tiles(connection: sa.Connection, rows: Sequence[TileRow]) -> None:
    fresh = [{"level": row.level, "tile_index": row.index, "hashes": row.hashes} for row in rows if not row.grown]
    if fresh:
        connection.execute(_PUT_TILE, fresh)
    for row in rows:
        if row.grown:
            changed = connection.execute(_GROW_TILE, {"at_level": row.level, "at_index": row.index, "hashes": row.hashes})
            if changed.rowcount != 1:
                raise StorageError(f"tile {row.level}/{row.index} is missing")
