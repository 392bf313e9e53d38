"""What the coordinator keeps: receipts of contributions, work that waits for members, requests and sealed partials, and what it sends to the
log. Ciphertexts are blobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from nodes.errors import StorageError
from nodes.runtime.database import reading, writing
from scoring.release.opening import SealedPartial

metadata = MetaData()
_contributions = Table(
    "contributions",
    metadata,
    Column("identity", String, primary_key=True),
    Column("digest", String, nullable=False),
    Column("leaf", LargeBinary),
    Column("leaf_index", BigInteger),
)
_work = Table(
    "work",
    metadata,
    Column("member", String, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("key", String, nullable=False),
    Column("item", LargeBinary, nullable=False),
    PrimaryKeyConstraint("member", "seq"),
    UniqueConstraint("member", "key"),
)
_requests = Table("requests", metadata, Column("ticket", String, primary_key=True), Column("document", LargeBinary, nullable=False))
_in_flight = Table(
    "in_flight",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("envelope", LargeBinary, nullable=False),
    Column("size", BigInteger, nullable=False, server_default="0"),  # leaves of the view by which it was judged
)
_partials = Table(
    "partials",
    metadata,
    Column("ticket", String, nullable=False),
    Column("custodian", String, nullable=False),
    Column("opening", Integer, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("enc", LargeBinary, nullable=False),
    Column("ciphertext", LargeBinary, nullable=False),
    PrimaryKeyConstraint("ticket", "custodian", "opening", "generation"),
)


@dataclass(frozen=True, slots=True)
class StoredReceipt:
    """A contribution under its identity [P4.1]; ``leaf`` and ``leaf_index`` are None until it is logged."""

    digest: str
    leaf: bytes | None
    leaf_index: int | None


class Store:
    """Transactions over the coordinator's database. Each method is durable when it returns.

    ``first``: the lowest number that new work gets. A process names its start in milliseconds: members keep the number of what they took last, so
    that a database that was put back from a backup must give none of the numbers again that it gave afterwards.
    """

    def __init__(self, engine: Engine, first: int = 1) -> None:
        self._engine, self._first = engine, first

    def contribution(self, identity: str) -> StoredReceipt | None:
        """What is stored under the identity, if anything."""
        with reading(self._engine) as connection:
            row = connection.execute(
                select(_contributions.c.digest, _contributions.c.leaf, _contributions.c.leaf_index).where(_contributions.c.identity == identity)
            ).one_or_none()
        return None if row is None else StoredReceipt(row.digest, row.leaf, row.leaf_index)

    def begin_contribution(self, identity: str, digest: str) -> StoredReceipt:
        """Claim the identity for an envelope, or return what claimed it first."""
        with writing(self._engine) as connection:
            insert_new(connection, _contributions, [{"identity": identity, "digest": digest}])
            row = connection.execute(
                select(_contributions.c.digest, _contributions.c.leaf, _contributions.c.leaf_index).where(_contributions.c.identity == identity)
            ).one()
        return StoredReceipt(row.digest, row.leaf, row.leaf_index)

    def finish_contribution(self, identity: str, leaf: bytes, leaf_index: int) -> None:
        """Keep the receipt of a logged contribution."""
        with writing(self._engine) as connection:
            connection.execute(update(_contributions).where(_contributions.c.identity == identity).values(leaf=leaf, leaf_index=leaf_index))

    def add_work(self, member: str, key: str, item: bytes) -> bool:
        """Queue an item for a member, once for each key. Returns whether it is new."""
        with writing(self._engine) as connection:
            if connection.execute(select(_work.c.seq).where(_work.c.member == member, _work.c.key == key)).first():
                return False
            last = connection.execute(select(func.max(_work.c.seq)).where(_work.c.member == member)).scalar()
            connection.execute(insert(_work).values(member=member, seq=max((last or 0) + 1, self._first), key=key, item=item))
            return True

    def begin_work(self, member: str, seq: int) -> None:
        """Let the queue of a member who has none go on after number ``seq``, where an item with nothing in it stands. Raises StorageError where it
        has one."""
        with writing(self._engine) as connection:
            if connection.execute(select(_work.c.seq).where(_work.c.member == member)).first():
                raise StorageError(f"{member} has a queue already: work is renumbered in an empty database only")
            connection.execute(insert(_work).values(member=member, seq=seq, key="restored", item=b""))

    def has_work(self, member: str, key: str) -> bool:
        """Whether the item with this key was queued for the member."""
        with reading(self._engine) as connection:
            return connection.execute(select(_work.c.seq).where(_work.c.member == member, _work.c.key == key)).first() is not None

    def work_after(self, member: str, seq: int, limit: int) -> Sequence[tuple[int, bytes]]:
        """Items of a member with a sequence number above ``seq``, in order, at most ``limit``."""
        with reading(self._engine) as connection:
            rows = connection.execute(
                select(_work.c.seq, _work.c.item).where(_work.c.member == member, _work.c.seq > seq).order_by(_work.c.seq).limit(limit)
            ).all()
        return [(row.seq, row.item) for row in rows]

    def count_work(self, member: str, seq: int) -> int:
        """How many items of a member have a sequence number above ``seq``."""
        with reading(self._engine) as connection:
            return connection.execute(select(func.count()).where(_work.c.member == member, _work.c.seq > seq)).scalar_one()

    def keep_in_flight(self, envelope: bytes, size: int) -> None:
        """Keep the one statement that is about to be sent to the log, judged by a view of ``size`` leaves, in place of the one before."""
        with writing(self._engine) as connection:
            connection.execute(delete(_in_flight))
            connection.execute(insert(_in_flight).values(id=1, envelope=envelope, size=size))

    def in_flight(self) -> tuple[bytes | None, int]:
        """The statement that was sent to the log last, whatever became of it, and the size of the view by which it was judged."""
        with reading(self._engine) as connection:
            row = connection.execute(select(_in_flight.c.envelope, _in_flight.c.size)).one_or_none()
        return (None, 0) if row is None else (row.envelope, row.size)

    def put_request(self, ticket: str, document: bytes) -> None:
        """Keep the request behind a ticket, before the ticket is logged."""
        with writing(self._engine) as connection:
            insert_new(connection, _requests, [{"ticket": ticket, "document": document}])

    def request(self, ticket: str) -> bytes:
        """The request behind a ticket; empty for one that needed none."""
        with reading(self._engine) as connection:
            document: bytes | None = connection.execute(select(_requests.c.document).where(_requests.c.ticket == ticket)).scalar_one_or_none()
        return b"" if document is None else document

    def put_partials(self, ticket: str, partials: Sequence[SealedPartial]) -> None:
        """Keep sealed partials; the first answer of a custodian for an opening, by one generation of its share, stays."""
        rows = [
            {"ticket": ticket, "custodian": p.custodian, "opening": p.opening, "generation": p.generation, "enc": p.enc, "ciphertext": p.ciphertext}
            for p in partials
        ]
        with writing(self._engine) as connection:
            insert_new(connection, _partials, rows)

    def partials(self, ticket: str) -> list[SealedPartial]:
        """Every sealed partial of a ticket, by custodian and opening."""
        with reading(self._engine) as connection:
            rows = connection.execute(
                select(_partials.c.custodian, _partials.c.opening, _partials.c.enc, _partials.c.ciphertext, _partials.c.generation)
                .where(_partials.c.ticket == ticket)
                .order_by(_partials.c.custodian, _partials.c.opening)
            ).all()
        return [SealedPartial(row.custodian, row.opening, row.enc, row.ciphertext, row.generation) for row in rows]


def insert_new(connection: Connection, table: Table, rows: list[dict[str, object]]) -> None:
    """Insert those rows whose keys are not there yet."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    connection.execute(dialect.insert(table).on_conflict_do_nothing(), rows)
