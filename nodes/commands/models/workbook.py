"""Workbooks (XLSX) of indicator models as files: written so that officials can edit them, read as something that anybody may have made.

A bomb, a workbook with macros, links to other files or data connections, formulas and sheets without end are refused; nothing outside
the file is opened, nothing in it is computed.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from math import isfinite
from pathlib import Path
from typing import Any

from openpyxl import Workbook, load_workbook
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.worksheet.worksheet import Worksheet

from connectors.archives import ZIP_FAULTS, plainly_packed
from scoring.errors import ModelError
from scoring.notation.numbers import number_text
from scoring.notation.workbook.cells import Cell, Sheet, place_of

MAX_FILE_BYTES = 4 << 20
MAX_UNPACKED_BYTES = 48 << 20
MAX_PARTS = 300
MAX_ROWS, MAX_COLUMNS = 5000, 250
MAX_DIGITS = 15  # that a spreadsheet keeps of a number
_REFUSED_PARTS = {
    "xl/externallinks/": "links to other files", "xl/vbaproject": "macros", "xl/macrosheets/": "macros", "xl/connections": "data connections",
    "xl/querytables/": "data connections", "xl/embeddings/": "embedded files", "xl/activex/": "controls", "xl/dialogsheets/": "dialogs",
}  # fmt: skip
_HEAD = PatternFill("solid", fgColor="DDE6F0")
_WIDE = 60


def write_workbook(sheets: tuple[Sheet, ...], path: Path) -> None:
    """Write the sheets: first rows frozen, text as text, numbers as numbers where a spreadsheet keeps every digit."""
    book = Workbook()
    for index, sheet in enumerate(sheets):
        page = book.active if index == 0 else book.create_sheet()
        assert isinstance(page, Worksheet)
        page.title = sheet.name
        page.freeze_panes = "B2"
        for row, cells in enumerate(sheet.rows, start=1):
            for column, cell in enumerate(cells, start=1):
                if cell is not None:
                    _write(page, row, column, cell)
        _lay_out(page, sheet)
    book.save(path)


def read_workbook(path: Path) -> tuple[Sheet, ...]:
    """Every sheet's cells. Raises ModelError, naming sheet and cell where it can, for what is no workbook or is refused; OSError."""
    with path.open("rb") as stream:
        data = stream.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise ModelError(f"a workbook of a model has at most {MAX_FILE_BYTES} bytes 工作簿过大")
    _refuse_hostile(data)
    try:
        book = load_workbook(io.BytesIO(data), read_only=True, keep_links=False)
        return tuple(Sheet(page.title, tuple(_rows(page))) for page in book.worksheets)
    except (ModelError, MemoryError):
        raise
    except Exception as error:  # the library raises whatever its parsing meets
        raise ModelError(f"not a workbook that can be read ({type(error).__name__}); save it anew as .xlsx 无法读取，请另存为 .xlsx") from error


def _refuse_hostile(data: bytes) -> None:
    """Raises ModelError for what is no zip archive, unpacks to too much, or brings more than cells."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except ZIP_FAULTS as error:
        raise ModelError("not a workbook (.xlsx) 不是 .xlsx 工作簿") from error
    parts = archive.infolist()
    if len(parts) > MAX_PARTS or len({part.filename for part in parts}) != len(parts):
        raise ModelError(f"not a workbook: more than {MAX_PARTS} parts, or two of one name 不是正常的工作簿")
    if sum(part.file_size for part in parts) > MAX_UNPACKED_BYTES:
        raise ModelError(f"the workbook unpacks to more than {MAX_UNPACKED_BYTES} bytes: no model is so large 解压后过大")
    for part in parts:
        if not plainly_packed(part):
            raise ModelError("the workbook is encrypted, or packed as workbooks are not: save it anew, without a password 请去掉密码另存")
        name = part.filename.lower().lstrip("/")
        if (found := next((what for start, what in _REFUSED_PARTS.items() if name.startswith(start)), None)) is not None:
            raise ModelError(f"the workbook has {found}: save it without them, values only 请只保留数值另存")
        if name.endswith((".xml", ".rels")):
            _refuse_entities(archive, part)


def _refuse_entities(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    """A document type, and with it every entity, is refused unread; so is an encoding in which it could hide."""
    try:
        content = archive.read(part)
    except ZIP_FAULTS as error:
        raise ModelError("the workbook is damaged; save it anew as .xlsx 文件已损坏，请另存为 .xlsx") from error
    if b"<!DOCTYPE" in content or b"\0" in content:
        raise ModelError(f"{part.filename} has a document type, or is not UTF-8: no workbook is so 不是正常的工作簿")


def _rows(page: Any) -> Iterator[tuple[Cell, ...]]:
    page.reset_dimensions()  # what a sheet says of its size is nobody's word
    for number, cells in enumerate(page.iter_rows(), start=1):
        if number > MAX_ROWS or len(cells) > MAX_COLUMNS:
            raise ModelError(f"sheet {page.title}: at most {MAX_ROWS} rows and {MAX_COLUMNS} columns are read; delete what is empty 行列过多")
        yield tuple(_cell(page.title, number, column, cell) for column, cell in enumerate(cells, start=1))


def _cell(sheet: str, row: int, column: int, cell: Any) -> Cell:
    here = f"sheet {sheet}, cell {place_of(row, column)}"
    value = cell.value
    if cell.data_type == "f":
        raise ModelError(f"{here}: a formula: paste its value in its place 是公式，请粘贴为数值")
    if cell.data_type == "e":
        raise ModelError(f"{here}: {value} is the error of a formula 是公式错误值")
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float) and isfinite(value):
        return Decimal(format(value, f".{MAX_DIGITS}g"))
    if isinstance(value, (date, datetime)):
        return value.isoformat().removesuffix("T00:00:00")
    raise ModelError(f"{here}: a cell holds text, a number or a date 单元格只填文字、数字或日期")


def _write(page: Worksheet, row: int, column: int, value: Cell) -> None:
    exact = isinstance(value, Decimal) and Decimal(format(float(value), f".{MAX_DIGITS}g")) != value
    exact = exact or (isinstance(value, int) and abs(value) >= 10**MAX_DIGITS)
    cell = page.cell(row, column, number_text(value) if exact and isinstance(value, (int, Decimal)) else value)
    cell.alignment = Alignment(wrap_text=True, vertical="top")
    if row == 1:
        cell.font, cell.fill = Font(bold=True), _HEAD
    if isinstance(cell.value, str):
        cell.data_type = "s"  # never a formula, whatever it begins with
        cell.number_format = "@"
        cell.quotePrefix = cell.value[:1] in "=+-@"


def _lay_out(page: Worksheet, sheet: Sheet) -> None:
    for column in range(1, max((len(row) for row in sheet.rows), default=0) + 1):
        texts = [str(row[column - 1]) for row in sheet.rows if len(row) >= column and row[column - 1] is not None]
        longest = max((len(line.encode("gb18030", "replace")) for text in texts for line in text.splitlines()), default=0)
        page.column_dimensions[place_of(1, column)[:-1]].width = min(max(longest + 2, 6), _WIDE)
