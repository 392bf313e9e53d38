"""CSV and XLSX drops as offices make them: a title above the names of the columns, running numbers, a line of totals below. Same feed, same bytes."""

from __future__ import annotations

import csv
import datetime
import io
import re
import zipfile
from decimal import Decimal, InvalidOperation
from typing import Literal, TypeAlias

from openpyxl import Workbook

from simulators.departments.feeds import IGNORED, Feed

TextEncoding: TypeAlias = Literal["utf-8", "utf-8-sig", "gb18030"]
SHEET = "数据"
_MADE = datetime.datetime(2024, 1, 31)
_MODIFIED = re.compile(rb"(<dcterms:modified[^>]*>)[^<]*(</dcterms:modified>)")
_EXACT_DIGITS = 15  # of a workbook's numbers


def csv_bytes(feed: Feed, encoding: TextEncoding) -> bytes:
    """The feed as CSV: title, header, running numbers, CRLF, a line of totals that is none of the records."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([feed.title.zh + "数据"] + [""] * len(feed.headers))
    writer.writerow(["序号", *feed.headers])
    count = 0
    for count, row in enumerate(feed.rows(), 1):
        writer.writerow([count, *row])
    writer.writerow([IGNORED, *[""] * (len(feed.headers) - 1), count])
    return text.getvalue().encode(encoding)


def xlsx_bytes(feed: Feed) -> bytes:
    """The feed as a workbook: numbers as numbers where a workbook holds them exactly, everything else as text; a sheet of notes beside it."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet(SHEET)
    sheet.append([feed.title.zh + "数据"])
    sheet.append(["序号", *feed.headers])
    numeric = [column.entry["type"] in {"amount", "decimal", "integer"} for column in feed.columns]
    keys = len(feed.headers) - len(numeric)
    for number, row in enumerate(feed.rows(), 1):
        cells = [_number(text) if is_number else text for text, is_number in zip(row[keys:], numeric, strict=True)]
        sheet.append([number, *row[:keys], *cells])
    notes = book.create_sheet("说明")
    notes.append([f"由{feed.title.zh}导出；本表为模拟数据"])
    book.properties.created = _MADE
    made = io.BytesIO()
    book.save(made)
    return _repacked(made.getvalue())


def _number(text: str) -> str | int | float:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return text
    if len(value.as_tuple().digits) > _EXACT_DIGITS:
        return text
    return int(value) if value == value.to_integral_value() else float(value)


def _repacked(data: bytes) -> bytes:
    """The same workbook without the moment at which it was written."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name in sorted(source.namelist()):
            content = source.read(name)
            if name == "docProps/core.xml":
                content = _MODIFIED.sub(rb"\g<1>2024-01-31T00:00:00Z\g<2>", content)
            target.writestr(zipfile.ZipInfo(name, (2024, 1, 31, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()
