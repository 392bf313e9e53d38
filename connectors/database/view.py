"""A view or query of a database as a connector: rows in batches, each a delivery of its own [C7].

With a cursor column, what is new is what has a greater value, and the last value again where other rows have it now: rows that come
later with the same value are not lost. Without one, the whole is read when anything in it changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Engine

from connectors.database.engine import reading
from connectors.database.position import Position, Tally, position_value
from connectors.database.query import Cells, Query
from connectors.mapping import ConnectorMapping
from connectors.records import Delivery, Malformed, Origin, Outcome, Record
from connectors.rows.cells import text_of
from connectors.rows.reader import RowFaultError, RowReader, malformed
from connectors.sources import SqlSource


@dataclass(frozen=True, slots=True)
class ViewConnector:
    """A connector over the view or query of ``source``."""

    mapping: ConnectorMapping
    source: SqlSource
    engine: Engine

    @property
    def id(self) -> str:
        """The mapping's id."""
        return self.mapping.id

    @property
    def reading(self) -> str:
        """The mapping's."""
        return self.mapping.reading

    def deliveries(self, cursor: str) -> Iterator[Delivery]:
        """What is new since ``cursor``, in batches. Raises SourceUnavailableError when the database cannot be asked, lacks a column of the
        mapping, or ``cursor`` is none of this connector."""
        position = Position.parse(cursor)
        with reading(self.engine) as connection:
            query = Query(self.mapping, self.source, connection)
            yield from self._whole(query, position) if self.source.cursor is None else self._new(query, position)

    def _whole(self, query: Query, position: Position) -> Iterator[Delivery]:
        tally = query.tally()
        if tally == position.tally:
            return
        reader = RowReader(self.mapping)
        batch: list[Cells] = []
        start = 1
        for _, cells in query.rows():
            if len(batch) == self.source.batch:  # until the end it is not known what the whole was: cut short, it begins again
                yield _Batch(self.mapping.id, f"{query.name}, rows from {start}", position.to_text(), batch, reader)
                batch, start = [], start + len(batch)
            batch.append(cells)
        yield _Batch(self.mapping.id, f"{query.name}, rows from {start}", Position(tally=tally).to_text(), batch, reader)

    def _new(self, query: Query, position: Position) -> Iterator[Delivery]:
        unplaced = query.tally(query.cursor.is_(None))
        done = replace(position, unplaced=unplaced)
        if unplaced != position.unplaced and unplaced.rows:
            yield _Unplaced(self.mapping.id, f"{query.name} without {self.source.cursor}", done.to_text(), query)
        reader = RowReader(self.mapping, distinct=False)
        batch: list[Cells] = []
        value = first = None
        tally = Tally()
        for found, cells in self._since(query, position):
            if value is not None and found != value:
                done, tally = Position(position_value(value), tally, unplaced), Tally()
            if len(batch) == self.source.batch:  # within a run of one value it goes on from before the run if it is cut short
                yield _Batch(self.mapping.id, self._name(query, first), done.to_text(), batch, reader)
                batch = []
            first = first if batch else found
            value, tally = position_value(found), tally.plus(cells)
            batch.append(cells)
        if batch:
            end = Position(value, tally, unplaced).to_text()
            yield _Batch(self.mapping.id, self._name(query, first), end, batch, reader)

    def _since(self, query: Query, position: Position) -> Iterator[tuple[Any, Cells]]:
        if position.value is None:
            return query.rows(query.cursor.is_not(None), ordered=True)
        seen = query.tally(query.cursor == position.value) == position.tally
        return query.rows(query.cursor > position.value if seen else query.cursor >= position.value, ordered=True)

    def _name(self, query: Query, first: object) -> str:
        return f"{query.name} from {self.source.cursor} {text_of(first)}"


@dataclass(frozen=True, slots=True)
class _Batch:
    """Rows in memory. Their digest is empty: the cursor says what is new."""

    connector: str
    name: str
    cursor: str
    rows: Iterable[Cells]
    reader: RowReader
    digest: str = ""

    def items(self) -> Iterator[Record | Malformed]:
        """What the rows hold."""
        for number, cells in enumerate(self.rows, start=1):
            origin = Origin(self.connector, self.name, f"row {number}")
            try:
                yield self.reader.read(cells, origin)
            except RowFaultError as fault:
                yield malformed(origin, fault.field, str(fault), cells)

    def settle(self, outcome: Outcome, refused: tuple[Malformed, ...]) -> None:
        """A view has no life of its own."""


@dataclass(frozen=True, slots=True)
class _Unplaced:
    """Rows whose cursor is empty: whether they are new cannot be known, so they are refused, once for each state of them."""

    connector: str
    name: str
    cursor: str
    query: Query
    digest: str = ""

    def items(self) -> Iterator[Record | Malformed]:
        """Every row, as malformed."""
        for number, (_, cells) in enumerate(self.query.rows(self.query.cursor.is_(None)), start=1):
            yield malformed(Origin(self.connector, self.name, f"row {number}"), "", "the cursor column is empty 游标列为空", cells)

    def settle(self, outcome: Outcome, refused: tuple[Malformed, ...]) -> None:
        """A view has no life of its own."""
