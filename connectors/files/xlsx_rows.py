"""Rows of a worksheet, read as it is unpacked: text of every cell as people see its value, formulas by the values that the file holds.

Why it is not openpyxl that reads them, with what was measured: docs/adr/0016.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import BinaryIO

from connectors.errors import DeliveryError
from connectors.files.table import MAX_COLUMNS, Row
from connectors.files.xlsx_parts import MAX_PART_BYTES, Workbook
from connectors.files.xml_parser import Parser
from connectors.rows.cells import MAX_CELL, NOT_CALCULATED, text_of

_REFERENCE = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})")
_NUMBER = re.compile(r"[+-]?[0-9]{1,400}(?:\.[0-9]{0,400})?(?:[eE][+-]?[0-9]{1,3})?")
_EXACT_BELOW = 10**15  # a spreadsheet keeps 15 digits: of a longer number the last ones are not those that were typed
_EPOCH, _EPOCH_1904 = datetime(1899, 12, 30), datetime(1904, 1, 1)
_FIRST_TRUE_DAY = 61  # before it days are counted with a 29 February 1900 that there was not
_LAST_DAY = 2_958_466


UPLOADED_BYTES = 16 << 20  # of a part of a workbook that somebody sends to a page


def read_xlsx(file: BinaryIO, sheet: str | None, most_bytes: int = MAX_PART_BYTES) -> Iterator[Row]:
    """Rows of ``sheet``, or of the only one that is not hidden, with their numbers. Of merged cells the first holds the value.

    Raises DeliveryError for what is no workbook that can be read, see ``Workbook``.
    """
    book = Workbook(file, most_bytes)
    part = book.sheet(sheet).part
    parser = _Sheet(book)
    for chunk in book.chunks(part):
        parser.feed(chunk, False)
        yield from parser.ready()
    parser.feed(b"", True)
    yield from parser.ready()


class _Sheet(Parser):
    def __init__(self, book: Workbook) -> None:
        super().__init__()
        self._strings, self._dates = book.strings, book.dates
        self._epoch = _EPOCH_1904 if book.from_1904 else _EPOCH
        self._rows: list[Row] = []
        self._number = 0
        self._column = 0
        self._cells: dict[int, str] = {}
        self._fault = ""
        self._type, self._style = "n", ""
        self._value = ""
        self._formula = False
        self._in_cell = self._spoken = False

    def ready(self) -> list[Row]:
        """The rows that are complete, which are then forgotten."""
        rows, self._rows = self._rows, []
        return rows

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "c":
            self._begin_cell(attributes)
        elif name == "v" or (name == "t" and self._in_cell):
            self.keep = not self._spoken
        elif name == "row":
            self._begin_row(attributes.get("r", ""))
        elif name == "f":
            self._formula = True
        elif name == "rPh":
            self._spoken = True

    def end(self, name: str) -> None:
        if name in {"v", "t"}:
            self.keep = False
            more = self.taken()
            if len(self._value) <= MAX_CELL:  # past it the cell is a fault whatever follows
                self._value += more
        elif name == "c":
            self._in_cell = False
            self._end_cell()
        elif name == "row":
            width = max(self._cells, default=0)
            self._rows.append(Row(self._number, [self._cells.get(place, "") for place in range(1, width + 1)], self._fault))
        elif name == "rPh":
            self._spoken = False

    def _begin_row(self, number: str) -> None:
        before = self._number
        self._number = int(number) if number.isdecimal() and len(number) < 8 else before + 1
        if self._number <= before:
            raise DeliveryError(f"row {self._number} stands below row {before} 行序错乱")
        self._column, self._cells, self._fault = 0, {}, ""

    def _begin_cell(self, attributes: dict[str, str]) -> None:
        match = _REFERENCE.fullmatch(attributes.get("r", ""))
        before, self._column = self._column, self._column + 1 if match is None else _column_of(match[1])
        if self._column <= before or (match is not None and int(match[2]) != self._number):
            self._fault = "cells are not in their order 单元格顺序错乱"
        self._type, self._style = attributes.get("t", "n"), attributes.get("s", "0")
        self._value, self._formula, self._in_cell = "", False, True

    def _end_cell(self) -> None:
        if self._formula and not self._value and self._type != "str":  # a text may be computed to be empty
            text = NOT_CALCULATED
        elif self._type == "s":
            text = self._shared()
        elif self._type == "b":
            text = {"1": "true", "0": "false"}.get(self._value, self._value)
        elif self._type == "d":
            text = self._value.removesuffix("T00:00:00").removesuffix("T00:00:00.000")
        elif self._type in {"str", "inlineStr", "e"} or not self._value:
            text = self._value
        else:
            text = self._numeric()
        if len(text) > MAX_CELL:
            self._fault, text = f"a cell of more than {MAX_CELL} characters 单元格内容过长", text[:MAX_CELL]
        if text and self._column <= MAX_COLUMNS:
            self._cells[self._column] = text

    def _shared(self) -> str:
        place = int(self._value) if self._value.isdecimal() and len(self._value) < 10 else -1
        if not 0 <= place < len(self._strings):
            self._fault = "a cell refers to text that is not in the workbook 单元格引用的文字不在工作簿中"
            return ""
        return self._strings[place]

    def _numeric(self) -> str:
        """A number by the 15 digits that a spreadsheet keeps; in a date's style the day, with its time where it has one."""
        if _NUMBER.fullmatch(self._value) is None:
            return self._value
        number = float(self._value)
        style = int(self._style) if self._style.isdecimal() and len(self._style) < 7 else 0
        if style < len(self._dates) and self._dates[style] and _FIRST_TRUE_DAY <= number < _LAST_DAY:
            return text_of(self._epoch + timedelta(seconds=round(number * 86_400)))
        return format(number, ".15e") if abs(number) >= _EXACT_BELOW else text_of(Decimal(format(number, ".15g")))


def _column_of(letters: str) -> int:
    column = 0
    for letter in letters:
        column = column * 26 + ord(letter) - 64
    return column
