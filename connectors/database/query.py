"""What is asked of a view: the mapping's columns as text, with the cursor column's value, as they stream in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, TextClause, column, false, literal, select
from sqlalchemy import table as table_of
from sqlalchemy import text as text_query
from sqlalchemy.sql import quoted_name

from connectors.database.position import Tally
from connectors.errors import SourceUnavailableError
from connectors.mapping import ConnectorMapping
from connectors.rows.cells import text_of
from connectors.sources import SqlSource

Cells = list[str | None]


class Query:
    """Questions to the view or query of ``source`` in one transaction. ``name``: the view, as deliveries call it.

    Raises SourceUnavailableError when it lacks a column that the mapping reads.
    """

    def __init__(self, mapping: ConnectorMapping, source: SqlSource, connection: Connection) -> None:
        self._connection = connection.execution_options(yield_per=1000)
        self._from = _from(source)
        self.name = source.view if source.view is not None else mapping.id
        with self._connection.execute(select(text_query("*")).select_from(self._from).where(false())) as nothing:
            there = set(nothing.keys())
        cursor = () if source.cursor is None else (source.cursor,)
        needed = [*cursor, *(name for name, optional in mapping.columns.items() if not optional)]
        if lacking := [name for name in needed if name not in there]:
            raise SourceUnavailableError(f"缺少列 {self.name} lacks {', '.join(lacking)}; it has {', '.join(sorted(there))}")
        self._columns = [_column(name) if name in there else None for name in mapping.columns]
        self.cursor: ColumnElement[Any] = literal(None) if source.cursor is None else _column(source.cursor)

    def rows(self, *conditions: ColumnElement[bool], ordered: bool = False) -> Iterator[tuple[Any, Cells]]:
        """The cursor's value and the cells of every row that fits, by the cursor where ``ordered``."""
        asked = select(self.cursor, *(found for found in self._columns if found is not None)).select_from(self._from).where(*conditions)
        for value, *cells in self._connection.execute(asked.order_by(self.cursor) if ordered else asked):
            yield value, self._placed(cells)

    def tally(self, *conditions: ColumnElement[bool]) -> Tally:
        """The rows that fit, without their order."""
        found = Tally()
        for _, cells in self.rows(*conditions):
            found = found.plus(cells)
        return found

    def _placed(self, cells: Sequence[object]) -> Cells:
        given = iter(cells)
        return [None if found is None else text_of(next(given)) for found in self._columns]


def _from(source: SqlSource) -> FromClause | TextClause:
    if source.view is None:
        query = str(source.query).strip().rstrip(";").replace(":", r"\:")  # a colon is none of SQLAlchemy's own
        return text_query(f"({query}) AS wanted")
    schema, _, name = source.view.rpartition(".")
    return table_of(quoted_name(name, True), schema=quoted_name(schema, True) if schema else None)


def _column(name: str) -> ColumnElement[Any]:
    return column(quoted_name(name, True))
