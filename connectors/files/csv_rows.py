"""Rows of a CSV file, read as it is asked for. One bad line costs itself and nothing else: what a stray quotation mark swallowed is read again."""

from __future__ import annotations

import csv
import io
import re
from collections import deque
from collections.abc import Iterator
from typing import BinaryIO

from connectors.errors import DeliveryError
from connectors.files.table import MAX_COLUMNS, Row
from connectors.rows.cells import MAX_CELL

MAX_LINE = 1 << 20
MAX_ROW_LINES = 64
_UNDECODABLE = re.compile(r"[\ud800-\udfff]")


def read_csv(file: BinaryIO, encoding: str, delimiter: str) -> Iterator[Row]:
    """Rows with the number of the line that each begins on. Bytes that are not of ``encoding`` make their row a fault, and so does a row of more
    than ``MAX_ROW_LINES`` lines, ``MAX_LINE`` characters or ``MAX_COLUMNS`` cells: what a stray mark swallows, and is read again, is bounded.

    Raises DeliveryError for a line of more than ``MAX_LINE`` characters.
    """
    lines = _Lines(file, "utf-8-sig" if encoding == "utf-8" else encoding)
    rows = csv.reader(lines, strict=True, delimiter=delimiter)
    width = 0
    while True:
        start = lines.number + 1
        lines.taken.clear()
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(start, (), _reason(lines.keep_first(), encoding, f"not CSV 不是合规的 CSV: {error}"), lines.taken[0])
            continue
        if len(lines.taken) > 1 and (len(cells) < width or len(cells) > width > 1):  # a title above may be one cell
            yield Row(start, (), "a quotation mark is not closed on its line 引号未在本行闭合", lines.keep_first())
            continue
        width = max(width, len(cells))
        raw = lines.taken[0] if len(lines.taken) == 1 else "".join(lines.taken)
        if not raw.isascii() and _UNDECODABLE.search(raw):
            yield Row(start, (), f"not {encoding} text 编码不符", raw)
        elif len(cells) > MAX_COLUMNS:
            yield Row(start, (), f"more than {MAX_COLUMNS} cells 单元格过多", raw)
        elif len(raw) > MAX_CELL and any(len(cell) > MAX_CELL for cell in cells):
            yield Row(start, (), f"a cell of more than {MAX_CELL} characters 单元格内容过长", raw)
        else:
            yield Row(start, cells)


def _reason(raw: str, encoding: str, reason: str) -> str:
    return f"not {encoding} text 编码不符" if _UNDECODABLE.search(raw) else reason


class _Lines:
    """Lines of a file for csv.reader. ``number``: of the last one given; ``taken``: those given since it was cleared."""

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        self._text = io.TextIOWrapper(file, encoding, errors="surrogateescape", newline="")
        self._again: deque[str] = deque()
        self.number = 0
        self.taken: list[str] = []
        self._size = 0  # of ``taken``

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else self._read()
        if not line:
            raise StopIteration
        self.number += 1
        self.taken.append(line)
        if len(self.taken) > 1:
            self._size += len(line)
            if len(self.taken) > MAX_ROW_LINES or self._size > MAX_LINE:
                raise csv.Error(f"a quotation mark is not closed within {MAX_ROW_LINES} lines and {MAX_LINE} characters 引号未闭合")
        else:
            self._size = len(line)
        return line

    def keep_first(self) -> str:
        """The first line taken; every later one is given again."""
        first, *others = self.taken
        self._again.extendleft(reversed(others))
        self.number -= len(others)
        self.taken = [first]
        return first

    def _read(self) -> str:
        try:
            line = self._text.readline(MAX_LINE + 1)
        except UnicodeError as error:
            raise DeliveryError(f"line {self.number + 1}: the text cannot be decoded 文字无法解码") from error
        if len(line) > MAX_LINE:
            raise DeliveryError(f"line {self.number + 1}: more than {MAX_LINE} characters 该行过长")
        return line.removeprefix("\ufeff") if self.number == 0 else line
