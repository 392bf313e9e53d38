"""An index of the public log: every leaf of its static tree, verified against the checkpoint before it is found [X1].

It is filled from what anybody can download, entry bundles under a checkpoint of the pinned log key, and holds no envelope.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, ColumnElement, Engine, Integer, LargeBinary, MetaData, String, Table, delete, func, insert, select

from crypto import tiles
from crypto.checkpoint import Checkpoint, open_checkpoint
from crypto.errors import CryptoError
from crypto.merkle import Frontier, leaf_hash
from nodes.errors import PeerUnavailableError, RpcRefusal
from nodes.runtime import logging
from nodes.runtime.database import reading, writing
from nodes.runtime.peers.log_client import LogClient
from scoring.errors import LogInconsistentError, StatementFormatError
from scoring.statements import parse_leaf

METADATA = MetaData()
_Index = BigInteger().with_variant(Integer(), "sqlite")
LEAVES = Table(
    "explorer_leaves",
    METADATA,
    Column("index", _Index, primary_key=True, autoincrement=False),
    Column("kind", String(64), nullable=False, index=True),
    Column("actor", String(64), nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("digest", String(64), nullable=False, index=True),
    Column("leaf", LargeBinary, nullable=False),
)
HEAD = Table("explorer_head", METADATA, Column("frontier", LargeBinary, nullable=False), Column("note", LargeBinary, nullable=False))
PAGE = 50
LOOK_S, REFUSED_S = 1.0, 60.0
INDEX_DELAYED, INDEX_REFUSED = "explorer.delayed", "explorer.refused"
BUNDLES = 16  # in one transaction
_log = logging.logger("explorer")


@dataclass(frozen=True, slots=True)
class LeafRow:
    """One leaf of the log, as public as the log itself. ``time``: Unix seconds; ``digest``: SHA-256 of the envelope, hex."""

    index: int
    kind: str
    actor: str
    time: int
    digest: str
    leaf: bytes


@dataclass(frozen=True, slots=True)
class Asked:
    """What a reader looks for: a kind, and digests that begin with ``digest``; empty for all."""

    kind: str = ""
    digest: str = ""


class LeafIndex:
    """The index in ``engine``. One thread fills it; any may read."""

    def __init__(self, engine: Engine, log: LogClient, log_vkey: str) -> None:
        self._engine, self._log, self._log_vkey = engine, log, log_vkey
        self._wake = threading.Event()
        self._counts: tuple[int, dict[str, int]] = (-1, {})

    # --- filling ---

    def run(self, stopping: threading.Event) -> None:
        """Keep up with the log until ``stopping`` is set."""
        while not stopping.is_set():
            try:
                self.update()
            except (PeerUnavailableError, RpcRefusal) as error:
                _log.info(INDEX_DELAYED, cause=type(error).__name__)
            except (CryptoError, LogInconsistentError) as error:  # the follower, which judges the log, stops the process where it must
                _log.error(INDEX_REFUSED, error=type(error).__name__)
                stopping.wait(REFUSED_S)
            stopping.wait(LOOK_S)

    def update(self) -> int:
        """Take in what the newest checkpoint covers; the size of the tree.

        Raises NoteError, MerkleError, and LogInconsistentError when leaves are not those of the checkpoint: then nothing of the index is kept.
        """
        note = self._log.read_tile("checkpoint")
        checkpoint = open_checkpoint(note, self._log_vkey)
        frontier, _ = self.head()
        if checkpoint.size < frontier.size:
            return frontier.size
        try:
            frontier = self._grow(frontier, checkpoint)
        except LogInconsistentError:
            self._forget()
            raise
        self._keep((), frontier, note)
        return frontier.size

    def _grow(self, frontier: Frontier, checkpoint: Checkpoint) -> Frontier:
        """Take in leaves up to the checkpoint. Raises LogInconsistentError when they do not lead to its root."""
        while frontier.size < checkpoint.size:
            end = min(checkpoint.size, (frontier.size // tiles.TILE_WIDTH + BUNDLES) * tiles.TILE_WIDTH)
            rows, after = self._read(frontier, end, checkpoint.size)
            if after.size == checkpoint.size:
                _check_root(after, checkpoint)
            self._keep(rows, after, b"")
            frontier = after
        _check_root(frontier, checkpoint)
        return frontier

    def _forget(self) -> None:
        """Begin anew: what is here may be of another log."""
        with writing(self._engine) as connection:
            connection.execute(delete(LEAVES))
            connection.execute(delete(HEAD))

    def _read(self, frontier: Frontier, end: int, size: int) -> tuple[list[LeafRow], Frontier]:
        """Leaves from the frontier's size to ``end``, and the frontier after them."""
        rows: list[LeafRow] = []
        start = frontier.size
        while start < end:
            bundle = start // tiles.TILE_WIDTH
            width = tiles.tile_width(0, bundle, size)
            entries = tiles.decode_entries(self._log.read_tile(tiles.TileAddress(None, bundle, width).path()), width)
            rows += [
                _row(bundle * tiles.TILE_WIDTH + place, entry) for place, entry in enumerate(entries) if bundle * tiles.TILE_WIDTH + place >= start
            ]
            start = bundle * tiles.TILE_WIDTH + width
        return rows, frontier.extended(leaf_hash(row.leaf) for row in rows)

    def _keep(self, rows: Sequence[LeafRow], frontier: Frontier, note: bytes) -> None:
        with writing(self._engine) as connection:
            if rows:
                connection.execute(insert(LEAVES), [_values(row) for row in rows])
            if not note:  # until the whole is verified, what was before counts
                note = connection.execute(select(HEAD.c.note)).scalar_one_or_none() or b""
            connection.execute(delete(HEAD))
            connection.execute(insert(HEAD).values(frontier=frontier.to_bytes(), note=note))

    # --- reading ---

    def head(self) -> tuple[Frontier, bytes]:
        """The tree as far as it is indexed, and the note of its checkpoint; empty at first."""
        with reading(self._engine) as connection:
            row = connection.execute(select(HEAD)).one_or_none()
        return (Frontier(), b"") if row is None else (Frontier.from_bytes(row.frontier), row.note)

    def size(self) -> int:
        """Leaves under the newest checkpoint that is wholly indexed; 0 at first."""
        note = self.head()[1]
        return open_checkpoint(note, self._log_vkey).size if note else 0

    def kinds(self) -> dict[str, int]:
        """Kind -> number of leaves, by name."""
        size = self.head()[0].size
        if self._counts[0] != size:
            with reading(self._engine) as connection:
                found = connection.execute(select(LEAVES.c.kind, func.count().label("leaves")).group_by(LEAVES.c.kind).order_by(LEAVES.c.kind)).all()
            self._counts = size, {row.kind: row.leaves for row in found}
        return self._counts[1]

    def count(self, asked: Asked) -> int:
        """How many leaves fit."""
        if not asked.digest:
            kinds = self.kinds()
            return kinds.get(asked.kind, 0) if asked.kind else sum(kinds.values())
        with reading(self._engine) as connection:
            return connection.execute(select(func.count()).select_from(LEAVES).where(*_fitting(asked))).scalar_one()

    def leaves(self, asked: Asked, page: int, rising: bool = False, size: int = PAGE) -> list[LeafRow]:
        """One page of the leaves that fit, from 1, the newest first unless ``rising``."""
        order = LEAVES.c.index if rising else LEAVES.c.index.desc()
        query = select(LEAVES).where(*_fitting(asked)).order_by(order).limit(size).offset((page - 1) * size)
        with reading(self._engine) as connection:
            return [LeafRow(*row) for row in connection.execute(query)]

    def leaf(self, index: int) -> LeafRow | None:
        """The leaf at ``index``; None where the indexed tree does not reach."""
        with reading(self._engine) as connection:
            row = connection.execute(select(LEAVES).where(LEAVES.c.index == index)).one_or_none()
        return None if row is None else LeafRow(*row)

    def stop(self) -> None:
        """``run`` looks at its event once a second: nothing is to be woken."""


def _fitting(asked: Asked) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [LEAVES.c.kind == asked.kind] if asked.kind else []
    if asked.digest:  # a range, which the index of digests serves; a prefix match would read every row
        found += [LEAVES.c.digest >= asked.digest, LEAVES.c.digest <= asked.digest.ljust(64, "f")]
    return found


def _row(index: int, data: bytes) -> LeafRow:
    try:
        leaf = parse_leaf(data)
    except StatementFormatError as error:
        raise LogInconsistentError(f"leaf {index}: {error}") from error
    return LeafRow(index, leaf.kind, leaf.actor, leaf.time, leaf.digest, data)


def _values(row: LeafRow) -> dict[str, object]:
    return {"index": row.index, "kind": row.kind, "actor": row.actor, "time": row.time, "digest": row.digest, "leaf": row.leaf}


def _check_root(frontier: Frontier, checkpoint: Checkpoint) -> None:
    if (frontier.size, frontier.root()) != (checkpoint.size, checkpoint.root):
        raise LogInconsistentError(f"the leaves of the log do not give the root of its checkpoint of size {checkpoint.size}")
