"""The tables of records. They lie in a database of their own: taking a large delivery holds no other work up."""

from __future__ import annotations

from typing import Final

from sqlalchemy import JSON, BigInteger, Column, Connection, Index, Integer, MetaData, String, Table, Text, text

METADATA = MetaData()
_Id = BigInteger().with_variant(Integer(), "sqlite")

DELIVERIES: Final = Table(
    "record_deliveries",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("connector", String(64), nullable=False),
    Column("name", String(500), nullable=False),
    Column("sha256", String(64), nullable=False),  # empty where the cursor alone tells what is new
    Column("reading", String(64), nullable=False),  # by which rules it was read; empty where there is one way only
    Column("outcome", String(10), nullable=False),
    Column("records", Integer, nullable=False),
    Column("malformed", Integer, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Index("record_deliveries_by_name", "connector", "name", "id"),
)
VERSIONS: Final = Table(
    "record_versions",
    METADATA,
    Column("id", _Id, primary_key=True),  # ascending in the order in which versions became durable
    Column("uscc", String(18), nullable=False),
    Column("period", String(32), nullable=False),
    Column("said", JSON, nullable=False),  # what the source said
    Column("values", JSON(none_as_null=True)),  # the record from then on; null: what was said is all of it
    Column("valid_from", String(10), nullable=False),  # as the source said, or the day on which it was recorded
    Column("since", JSON(none_as_null=True)),  # field -> valid_from of its value; null: all of ``valid_from``
    Column("delivery", Integer, nullable=False),
    Column("place", String(1000), nullable=False),
    Index("record_versions_by_key", "period", "uscc", "id"),
)
QUARANTINE: Final = Table(
    "record_quarantine",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("delivery", Integer, nullable=False, index=True),
    Column("place", String(1000), nullable=False),
    Column("field", String(100), nullable=False),
    Column("reason", String(500), nullable=False),
    Column("content", Text, nullable=False),
    Column("header", Text, nullable=False),
    Column("state", String(10), nullable=False, index=True),  # waiting, taken (corrected), dismissed, superseded (read anew as a whole)
)
CONNECTORS: Final = Table(
    "record_connectors",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("cursor", Text, nullable=False),
    Column("reading", String(64), nullable=False),  # of what the cursor stands after
    Column("failing_since", BigInteger),  # null: it works
    Column("failure", String(500), nullable=False),
)


def take_turn(connection: Connection) -> None:
    """Let no other writer in until this transaction ends, so that ids ascend in the order of commits (SQLite does it by itself)."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE record_versions IN SHARE ROW EXCLUSIVE MODE"))
