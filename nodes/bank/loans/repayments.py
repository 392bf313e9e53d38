"""Repayments of a day from a file (CSV or XLSX): each line booked once by its reference, or told why not [E5].

Columns, in Chinese or English: contract number, reference (the bank's own number of the payment), principal and interest in yuan, days late.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from typing import Final

from connectors.errors import ConnectorError
from connectors.files.table import MAX_COLUMNS
from connectors.files.xlsx_rows import UPLOADED_BYTES, read_xlsx
from nodes.bank.loans.counter import Counter
from nodes.errors import NodeError, NotReadyError, PeerUnavailableError, RecordFileError
from nodes.lending.book import Kept
from scoring.errors import ScoringError

COLUMNS: Final = {
    "contract": ("合同编号", "contract"), "reference": ("流水号", "reference"), "principal": ("归还本金（元）", "principal_yuan"),
    "interest": ("支付利息（元）", "interest_yuan"), "late": ("逾期天数", "days_late"),
}  # fmt: skip
MOST_LINES = 10_000
AMOUNT = re.compile(r"[0-9]{1,13}(\.[0-9]{0,2}0{0,20})?")
REFERENCE, DAYS = re.compile(r"[0-9A-Za-z._/-]{1,64}"), re.compile(r"[0-9]{1,4}")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file: its number, and its cells by ``COLUMNS``."""

    number: int
    cells: dict[str, str]


@dataclass(frozen=True, slots=True)
class Booked:
    """What became of a line: booked, booked before, or refused for ``reason``."""

    line: int
    contract: str
    state: str
    reason: str = ""


def read_repayments(content: bytes) -> list[Line]:
    """The lines of a file. Raises RecordFileError when it cannot be read as a whole, lacks a column, or has more than 10,000 lines."""
    rows = list(islice(_xlsx(content) if content.startswith(b"PK\x03\x04") else _csv(content), MOST_LINES + 2))  # more are not unpacked
    if not rows:
        raise RecordFileError("the file is empty")
    place = {cell.strip(): index for index, cell in enumerate(rows[0])}
    columns = {name: next((place[word] for word in words if word in place), None) for name, words in COLUMNS.items()}
    if missing := [COLUMNS[name][0] for name, found in columns.items() if found is None]:
        raise RecordFileError(f"the file lacks the columns {', '.join(missing)}")
    if len(rows) > MOST_LINES + 1:
        raise RecordFileError(f"a file has at most {MOST_LINES} lines")
    found = [Line(number, {name: _cell(row, index) for name, index in columns.items()}) for number, row in enumerate(rows[1:], 2)]
    return [line for line in found if any(line.cells.values())]


def book_repayments(counter: Counter, lines: list[Line]) -> list[Booked]:
    """Book each line. Raises PeerUnavailableError when the zone cannot be reached; sending the file again goes on where it was."""
    contracts = counter.contracts()
    return [_book(counter, line, contracts.get(line.cells["contract"])) for line in lines]


def fen(text: str) -> int:
    """Yuan with at most two decimals, in fen. Raises RecordFileError.

    >>> fen("12,345.60"), fen("0")
    (1234560, 0)
    """
    plain = text.replace(",", "").replace("，", "").strip() or "0"
    if not AMOUNT.fullmatch(plain):
        raise RecordFileError("an amount is in yuan, at least 0, with at most two decimals")
    return int(Decimal(plain) * 100)


def _book(counter: Counter, line: Line, kept: Kept | None) -> Booked:
    contract, reference = line.cells["contract"], line.cells["reference"]
    try:
        if kept is None:
            raise RecordFileError("no contract with this number is ours")
        if not REFERENCE.fullmatch(reference):
            raise RecordFileError("a repayment has a reference of at most 64 letters, digits, dots, slashes and dashes")
        late = line.cells["late"] or "0"
        if not DAYS.fullmatch(late):
            raise RecordFileError("days late are a whole number")
        if reference in counter.book.get(kept.app.id).app.references:
            return Booked(line.number, contract, "before")
        counter.repay(kept.app.id, fen(line.cells["principal"]), fen(line.cells["interest"]), int(late), reference)
    except (ScoringError, NodeError) as error:
        if isinstance(error, PeerUnavailableError | NotReadyError):
            raise
        return Booked(line.number, contract, "refused", str(error))
    return Booked(line.number, contract, "booked")


def _csv(content: bytes) -> Iterator[list[str]]:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise RecordFileError("the file is neither UTF-8 nor GB 18030")
    try:
        for row in csv.reader(io.StringIO(text), strict=True):
            yield row[:MAX_COLUMNS]
    except csv.Error as error:
        raise RecordFileError(f"the file is no CSV: {error}") from error


def _xlsx(content: bytes) -> Iterator[list[str]]:
    try:
        for row in read_xlsx(io.BytesIO(content), None, UPLOADED_BYTES):
            if row.fault:
                raise RecordFileError(f"line {row.number}: {row.fault}")
            yield list(row.cells)
    except ConnectorError as error:
        raise RecordFileError(f"the workbook cannot be read: {error}") from error


def _cell(row: list[str], index: int | None) -> str:
    return row[index].strip() if index is not None and index < len(row) else ""
