"""A view in a department's database: the department's own table, and beside it what it lets its node read."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Engine, Integer, MetaData, Numeric, String, Table, create_engine, insert, text
from sqlalchemy.types import TypeEngine

from simulators.departments.columns import SourceColumn
from simulators.departments.feeds import Feed

SEQUENCE = "seq"
BATCH = 500
LOCAL = "system.sqlite"


def view_name(feed: Feed) -> str:
    """The view that a node reads."""
    return f"v_{feed.member.replace('-', '_')}"


def fill_database(feed: Feed, url: str) -> None:
    """Make the feed's table and view, with its rows in order, in the database at ``url``. What has those names is replaced."""
    engine = create_engine(url)
    try:
        _fill(feed, engine)
    finally:
        engine.dispose()


def _fill(feed: Feed, engine: Engine) -> None:
    keys = feed.headers[: len(feed.headers) - len(feed.columns)]
    table = Table(
        f"t_{feed.member.replace('-', '_')}",
        MetaData(),
        Column(SEQUENCE, Integer, primary_key=True),
        *(Column(name, String(40), nullable=False) for name in keys),
        *(Column(column.header, _type(column)) for column in feed.columns),
    )
    rows = [
        {SEQUENCE: number, **{name: cell or None for name, cell in zip(feed.headers, row, strict=True)}} for number, row in enumerate(feed.rows(), 1)
    ]
    with engine.begin() as connection:
        connection.execute(text(f"DROP VIEW IF EXISTS {view_name(feed)}"))
        table.drop(connection, checkfirst=True)
        table.create(connection)
        for start in range(0, len(rows), BATCH):
            connection.execute(insert(table), rows[start : start + BATCH])
        connection.execute(text(f"CREATE VIEW {view_name(feed)} AS SELECT * FROM {table.name}"))  # noqa: S608 - names of our own making


def _type(column: SourceColumn) -> TypeEngine[Any]:
    """Exact numbers where the database has them; SQLite keeps those as binary floats, so there they stay text."""
    if column.entry["type"] in {"amount", "decimal"}:
        return Numeric(38, 10).with_variant(String(60), "sqlite")
    return String(400)
