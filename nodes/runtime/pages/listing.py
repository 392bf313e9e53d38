"""Tables of many rows: searched, sorted, shown page by page, taken away as CSV or XLSX [W6]."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from starlette.responses import Response

from connectors.outside import cell_text

R = TypeVar("R")
Cell = str | int | float | Decimal | None
PAGE_SIZE = 50
LONGEST_SEARCH = 100
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True, slots=True)
class Column(Generic[R]):
    """One column. ``key``: its word in addresses; ``title``: Chinese, translated when shown; ``value``: what is searched, sorted and exported.

    ``shown`` writes the value for people; ``link`` gives the address behind it. ``number``: set to the right and sorted as a number.
    """

    key: str
    title: str
    value: Callable[[R], Cell]
    shown: Callable[[R], str] | None = None
    link: Callable[[R], str] | None = None
    number: bool = False
    searched: bool = False

    def text(self, row: R) -> str:
        """The cell as people read it."""
        if self.shown is not None:
            return self.shown(row)
        value = self.value(row)
        return "–" if value is None else str(value)


@dataclass(frozen=True, slots=True)
class Shown(Generic[R]):
    """One page of a listing, with the addresses that lead on from it."""

    columns: tuple[Column[R], ...]
    rows: tuple[R, ...]
    total: int
    page: int
    pages: int
    query: str
    sort: str
    falling: bool
    kept: tuple[tuple[str, str], ...]

    def address(self, **changed: str) -> str:
        """The query string of this page with some words changed; an empty word is left out."""
        words = {**dict(self.kept), "q": self.query, "sort": ("-" if self.falling else "") + self.sort, "page": str(self.page), **changed}
        return "?" + urlencode({name: word for name, word in words.items() if word})

    def sorting(self, column: Column[R]) -> str:
        """The address that sorts by ``column``; the other way round where it is sorted by it."""
        return self.address(sort=("-" if column.key == self.sort and not self.falling else "") + column.key, page="")

    def order(self, column: Column[R]) -> str:
        """For ``aria-sort``."""
        if column.key != self.sort:
            return "none"
        return "descending" if self.falling else "ascending"


class Listing(Generic[R]):
    """A table of ``columns``, sorted by ``first`` (a key; with a minus in front, falling) when nothing is asked. ``name``: of its files.

    ``kept``: words of the address that belong to the page's own filters and stay.
    """

    def __init__(self, name: str, columns: Sequence[Column[R]], first: str, kept: Sequence[str] = ()) -> None:
        self._name, self._columns, self._first, self._kept = name, tuple(columns), first, tuple(kept)
        self._by_key = {column.key: column for column in columns}

    def show(self, rows: Sequence[R], asked: Mapping[str, str]) -> Shown[R]:
        """The page that an address asks for; what it asks in vain is passed over."""
        query, column, falling = self._asked(asked)
        found = self._found(rows, query, column, falling)
        pages = max(1, -(-len(found) // PAGE_SIZE))
        word = asked.get("page", "1")
        page = min(pages, max(1, int(word))) if word.isascii() and word.isdigit() and len(word) < 9 else 1
        kept = tuple((name, asked[name]) for name in self._kept if asked.get(name))
        part = tuple(found[(page - 1) * PAGE_SIZE : page * PAGE_SIZE])
        return Shown(self._columns, part, len(found), page, pages, query, column.key, falling, kept)

    def file(self, rows: Sequence[R], asked: Mapping[str, str], translate: Callable[[str], str]) -> Response | None:
        """All rows that were searched for, in their order, as the file that ``format`` asks for; None where it asks for a page."""
        form = asked.get("format", "")
        if form not in {"csv", "xlsx"}:
            return None
        query, column, falling = self._asked(asked)
        found = self._found(rows, query, column, falling)
        header = [translate(column.title) for column in self._columns]
        body = [[column.value(row) for column in self._columns] for row in found]
        content, media = (csv_bytes(header, body), "text/csv; charset=utf-8") if form == "csv" else (xlsx_bytes(header, body), _XLSX)
        return Response(content, media_type=media, headers={"content-disposition": f'attachment; filename="{self._name}.{form}"'})

    def _asked(self, asked: Mapping[str, str]) -> tuple[str, Column[R], bool]:
        sort = asked.get("sort", "") or self._first
        column = self._by_key.get(sort.removeprefix("-"))
        if column is None:
            sort = self._first
            column = self._by_key[sort.removeprefix("-")]
        return asked.get("q", "").strip()[:LONGEST_SEARCH], column, sort.startswith("-")

    def _found(self, rows: Sequence[R], query: str, column: Column[R], falling: bool) -> list[R]:
        wanted = query.casefold()
        searched = [each for each in self._columns if each.searched]
        found = [row for row in rows if not wanted or any(wanted in each.text(row).casefold() for each in searched)]
        present = [row for row in found if column.value(row) is not None]
        absent = [row for row in found if column.value(row) is None]
        present.sort(key=lambda row: _order(column, row), reverse=falling)
        return present + absent


def csv_bytes(header: Sequence[str], rows: Sequence[Sequence[Cell]]) -> bytes:
    """UTF-8 with a byte order mark, so that spreadsheets read Chinese; no cell is read as a formula."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([[_harmless(cell) for cell in row] for row in rows])
    return text.getvalue().encode("utf-8-sig")


def xlsx_bytes(header: Sequence[str], rows: Sequence[Sequence[Cell]]) -> bytes:
    """One sheet; text stays text."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("1")
    sheet.append(list(header))
    for row in rows:
        sheet.append([_cell(sheet, value) for value in row])
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _cell(sheet: Any, value: Cell) -> Any:
    if not isinstance(value, str):
        return value
    cell = WriteOnlyCell(sheet, value="")
    cell.value = _printable(value)
    cell.data_type = "s"  # else a text that begins with = would be a formula
    return cell


def _harmless(value: Cell) -> Cell:
    if not isinstance(value, str):
        return value
    return cell_text(_printable(value))


def _printable(text: str) -> str:
    return "".join(character for character in text if character >= " " or character in "\t\n")


def _order(column: Column[R], row: R) -> Any:
    value = column.value(row)
    return value if column.number else str(value)
