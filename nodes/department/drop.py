"""Reads CSV files that a department drops for its node: well-formed lines become records, every other line is quarantined.

A file has a header row that begins with uscc, period; every further column is a record field. An empty cell states that there is
nothing: for most fields that the value is missing. Nothing is guessed: units and names are those of docs/records.md. This module
reads text; it neither judges values nor stores anything.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from crypto.errors import SubjectError
from crypto.subjects import check_uscc
from nodes.errors import RecordFileError

MAX_FILE_BYTES = 256 << 20
MAX_FIELDS = 200
MAX_CELL = 4000
_FIELD = re.compile(r"[a-z][a-z0-9_]{0,62}")
_PERIOD = re.compile(r"[0-9A-Za-z][0-9A-Za-z.-]{0,31}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Record:
    """What one file says of one enterprise in one period: field -> text, empty where there is nothing."""

    uscc: str
    period: str
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Malformed:
    """A line that was not taken: its number in the file (from 1), the reason, and its cells for whoever corrects it."""

    line: int
    reason: str
    content: str


def read_drop(data: bytes) -> Iterator[Record | Malformed]:
    """Records and malformed lines of one file, in order. UTF-8, with or without BOM.

    Raises RecordFileError when the file as a whole cannot be read: too large, not UTF-8, or no usable header. A second line for the
    same (uscc, period) is malformed: which of the two is true cannot be known.
    """
    if len(data) > MAX_FILE_BYTES:
        raise RecordFileError(f"{len(data)} bytes; a file may have at most {MAX_FILE_BYTES}")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RecordFileError(f"not UTF-8 at byte {error.start}") from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    fields = _header(reader)
    seen: set[tuple[str, str]] = set()
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Malformed(line, f"not CSV: {error}", "")
            continue
        if not cells:
            continue
        reason = _fault(cells, fields, seen)
        if reason:
            yield Malformed(line, reason, ",".join(cells)[:MAX_CELL])
            continue
        seen.add((cells[0], cells[1]))
        yield Record(cells[0], cells[1], {name: cell.strip() for name, cell in zip(fields, cells[2:], strict=True)})


def _header(reader: Iterator[list[str]]) -> list[str]:
    try:
        header = next(reader, [])
    except csv.Error as error:
        raise RecordFileError(f"the header is not CSV: {error}") from error
    if header[:2] != ["uscc", "period"]:
        raise RecordFileError("the header must begin with uscc,period")
    fields = header[2:]
    if len(fields) > MAX_FIELDS or len(set(fields)) != len(fields) or not all(_FIELD.fullmatch(name) for name in fields):
        raise RecordFileError(f"the header must name at most {MAX_FIELDS} different fields in lower case")
    return fields


def _fault(cells: list[str], fields: list[str], seen: set[tuple[str, str]]) -> str:
    if len(cells) != len(fields) + 2:
        return f"{len(cells)} cells where the header has {len(fields) + 2}"
    if any(len(cell) > MAX_CELL or _CONTROL.search(cell) for cell in cells):
        return f"a cell holds control characters or more than {MAX_CELL} characters"
    try:
        check_uscc(cells[0])
    except SubjectError as error:
        return f"uscc: {error}"
    if not _PERIOD.fullmatch(cells[1]):
        return "period is not like 1995 or 2023-12"
    if (cells[0], cells[1]) in seen:
        return "a second line for this uscc and period"
    return ""
