"""A table in a file, whatever its format: the row of the column names is found, every row below it becomes a record or is malformed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from connectors.errors import DeliveryError
from connectors.mapping import ConnectorMapping
from connectors.records import Malformed, Origin, Record
from connectors.rows.reader import RowFaultError, RowReader, malformed

HEADER_WITHIN = 20
MAX_ROWS = 2_000_000
MAX_COLUMNS = 1000
TOLD_CELLS, TOLD_CHARACTERS = 12, 24


class Row(NamedTuple):
    """A row with its number in the file. ``fault``: why it is none, with what stood there in ``raw``."""

    number: int
    cells: Sequence[str]
    fault: str = ""
    raw: str = ""


def read_table(
    rows: Iterator[Row], mapping: ConnectorMapping, delivery: str, header_line: int | None, *, ragged: bool
) -> Iterator[Record | Malformed]:
    """Records and malformed rows in order. Rows that are empty, or that the mapping says to ignore, are passed over.

    ``ragged``: a row ends with its last cell that holds something; otherwise a row with fewer cells than there are names was cut short.
    Raises DeliveryError when no row names every column of the mapping once, or when there are more than ``MAX_ROWS`` rows.
    """
    reader = RowReader(mapping)
    header, index = _header(rows, mapping, header_line)
    width = len(header.cells)
    places = tuple(index.get(_plain(name), -1) for name in reader.columns)
    for count, row in enumerate(rows):
        if count >= MAX_ROWS:
            raise DeliveryError(f"more than {MAX_ROWS} rows 行数过多")
        if not row.fault and not any(row.cells):
            continue
        origin = Origin(mapping.id, delivery, f"line {row.number}")
        if row.fault:
            yield malformed(origin, "", row.fault, row.raw or row.cells, header.cells)
            continue
        cells = row.cells
        if len(cells) < width and ragged:
            cells = [*cells, *[""] * (width - len(cells))]
        elif len(cells) != width and (len(cells) < width or any(cell.strip() for cell in cells[width:])):
            yield malformed(origin, "", f"{len(cells)} cells where the row of the names has {width} 单元格数与表头不符", cells, header.cells)
            continue
        try:
            yield reader.read([None if place < 0 else cells[place] for place in places], origin)
        except RowFaultError as fault:
            if not reader.passes_over(cells):
                yield malformed(origin, fault.field, str(fault), cells, header.cells)


def _header(rows: Iterator[Row], mapping: ConnectorMapping, header_line: int | None) -> tuple[Row, dict[str, int]]:
    needed = [name for name, optional in mapping.columns.items() if not optional]
    nearest: list[str] = needed
    named: Sequence[str] = ()
    unreadable = ""
    tried = 0
    for row in rows:
        if (header_line is not None and row.number < header_line) or not any(row.cells):
            unreadable = unreadable or row.fault
            continue
        if header_line is not None and row.number > header_line:
            break
        tried += 1
        unreadable = unreadable or row.fault
        lacking = [name for name in needed if _plain(name) not in {_plain(cell) for cell in row.cells}]
        if not row.fault and not lacking:
            return row, _index(row, mapping)
        if len(lacking) < len(nearest) or not named:
            nearest, named = lacking, row.cells
        if tried == HEADER_WITHIN:
            break
    where = f"the first {HEADER_WITHIN} rows" if header_line is None else f"line {header_line}"
    because = f"; {unreadable}" if unreadable else ""
    lacking_at_best = f"{', '.join(nearest)} in {_told(named)}{because}"
    raise DeliveryError(f"{where}: no row names every column of the mapping 未找到写全各列的表头; lacking at best: {lacking_at_best}")


def _told(cells: Sequence[str]) -> str:
    """The cells of the row that comes nearest to naming the columns, as far as a sentence holds them."""
    told = [cell.strip()[:TOLD_CHARACTERS] for cell in cells if cell.strip()]
    more = f" and {len(told) - TOLD_CELLS} more" if len(told) > TOLD_CELLS else ""
    return f"a row of {', '.join(map(repr, told[:TOLD_CELLS]))}{more} 最接近的一行" if told else "no row at all 没有任何一行"


def _index(row: Row, mapping: ConnectorMapping) -> dict[str, int]:
    if len(row.cells) > MAX_COLUMNS:
        raise DeliveryError(f"more than {MAX_COLUMNS} columns 列数过多")
    wanted = {_plain(name) for name in mapping.columns}
    index: dict[str, int] = {}
    for place, cell in enumerate(row.cells):
        name = _plain(cell)
        if name in wanted and index.setdefault(name, place) != place:
            raise DeliveryError(f"line {row.number}: two columns are named {cell.strip()} 列名重复")
    return index


def _plain(name: str) -> str:
    """A column's name without the white space and line breaks that it is set with."""
    return "".join(name.split())
