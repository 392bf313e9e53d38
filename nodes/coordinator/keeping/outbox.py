"""What waits for peer zones: items in the order in which they were put, one sequence a kind, in the coordinator's database [F4].

A sequence number is given under the database's write lock, so that whoever reads in order sees no number appear behind its cursor. The
same bytes of a kind are one item: whoever puts them again learns their number.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, get_args

import sqlalchemy as sa

from crypto.encoding import sha256
from nodes.errors import StorageError
from nodes.runtime.database import reading, writing
from protos.errors import WireFormatError
from scoring.statements import Grant

LARGEST_ITEM = 3 << 20
LONGEST_NAME = 200
BACKUP: Final = "backup"
KINDS: frozenset[str] = frozenset(get_args(Grant)) - {"log"}

METADATA = sa.MetaData()
ITEMS = sa.Table(
    "outbox",
    METADATA,
    sa.Column("kind", sa.String(32), primary_key=True),
    sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=False),
    sa.Column("name", sa.String(LONGEST_NAME), nullable=False),
    sa.Column("digest", sa.LargeBinary(32), nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("content", sa.LargeBinary),  # null once it was withdrawn; last, so that what is before it is read without it
    sa.UniqueConstraint("kind", "digest"),
)


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a kind. ``content`` is None once it was withdrawn; ``digest`` stays."""

    kind: str
    sequence: int
    name: str
    digest: bytes
    content: bytes | None


class Outbox:
    """The items of one zone for all of its peers. Thread-safe; each method is durable when it returns."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._changed = threading.Condition()
        self._version = 0

    def put(self, kind: str, name: str, content: bytes) -> int:
        """Number of the item, a new one unless these bytes are of this kind already.

        Raises WireFormatError for a kind that is none, a name that is empty, too long or not printable, or more than ``LARGEST_ITEM`` bytes.
        """
        if kind not in KINDS or not (0 < len(name) <= LONGEST_NAME and name.isprintable()) or len(content) > LARGEST_ITEM:
            raise WireFormatError(
                f"an item is of {', '.join(sorted(KINDS))}, has a name of up to {LONGEST_NAME} printable characters and {LARGEST_ITEM} bytes"
            )
        digest = sha256(content)
        with writing(self._engine) as connection:
            known: int | None = connection.execute(
                sa.select(ITEMS.c.sequence).where(ITEMS.c.kind == kind, ITEMS.c.digest == digest)
            ).scalar_one_or_none()
            if known is not None:
                return known
            last: int | None = connection.execute(sa.select(sa.func.max(ITEMS.c.sequence)).where(ITEMS.c.kind == kind)).scalar()
            row = {"kind": kind, "sequence": (last or 0) + 1, "name": name, "digest": digest, "size": len(content), "content": content}
            connection.execute(sa.insert(ITEMS), row)
        self.wake()
        return (last or 0) + 1

    def restore(self, items: Iterable[tuple[str, int, str, bytes]]) -> None:
        """Take (kind, number, name, digest) of items that peers have had, without their content, into an empty outbox: numbering goes on after them.
        Raises StorageError when it is not empty."""
        rows = [
            {"kind": kind, "sequence": number, "name": name, "digest": digest, "size": 0, "content": None} for kind, number, name, digest in items
        ]
        with writing(self._engine) as connection:
            if connection.execute(sa.select(ITEMS.c.sequence).limit(1)).first() is not None:
                raise StorageError("the outbox is not empty: it is restored before anything is put into it")
            if rows:
                connection.execute(sa.insert(ITEMS), rows)

    def withdraw(self, kind: str, through: int) -> None:
        """Forget the content of the kind's items up to number ``through``: later ones have taken their place, or others hold it. Numbers and digests
        stay."""
        here = (ITEMS.c.kind == kind, ITEMS.c.sequence <= through, ITEMS.c.content.is_not(None))
        with writing(self._engine) as connection:
            connection.execute(sa.update(ITEMS).where(*here).values(content=None, size=0))

    def after(self, kind: str, sequence: int, most_bytes: int, most_items: int = 256) -> Sequence[Item]:
        """Items of the kind beyond ``sequence``, in order: as many as have ``most_bytes`` in all, at least one where there is one."""
        sizes = sa.select(ITEMS.c.sequence, ITEMS.c.size).where(ITEMS.c.kind == kind, ITEMS.c.sequence > sequence)
        with reading(self._engine) as connection:
            end, total = sequence, 0
            for row in connection.execute(sizes.order_by(ITEMS.c.sequence).limit(most_items)):
                total += row.size
                if end > sequence and total > most_bytes:
                    break
                end = row.sequence
            columns = (ITEMS.c.kind, ITEMS.c.sequence, ITEMS.c.name, ITEMS.c.digest, ITEMS.c.content)
            query = sa.select(*columns).where(ITEMS.c.kind == kind, ITEMS.c.sequence > sequence, ITEMS.c.sequence <= end)
            return [Item(*row) for row in connection.execute(query.order_by(ITEMS.c.sequence))]

    def newest(self, kind: str, beginning: str) -> tuple[str, str] | None:
        """Name and digest (hex) of the kind's newest item whose name begins so, whether it was withdrawn or not."""
        query = sa.select(ITEMS.c.name, ITEMS.c.digest).where(ITEMS.c.kind == kind, ITEMS.c.name.startswith(beginning, autoescape=True))
        with reading(self._engine) as connection:
            row = connection.execute(query.order_by(ITEMS.c.sequence.desc()).limit(1)).one_or_none()
        return None if row is None else (row.name, row.digest.hex())

    def last(self, kind: str) -> int:
        """Number of the kind's newest item, 0 when there is none."""
        with reading(self._engine) as connection:
            return int(connection.execute(sa.select(sa.func.max(ITEMS.c.sequence)).where(ITEMS.c.kind == kind)).scalar() or 0)

    @property
    def version(self) -> int:
        """Changes with every new item of this process."""
        with self._changed:
            return self._version

    def wait(self, version: int, timeout_s: float) -> bool:
        """Whether something is new since ``version`` was read, waiting up to ``timeout_s`` for it."""
        with self._changed:
            return self._changed.wait_for(lambda: self._version != version, timeout_s)

    def wake(self) -> None:
        """Let whoever waits look again."""
        with self._changed:
            self._version += 1
            self._changed.notify_all()
