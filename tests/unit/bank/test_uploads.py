"""Workbooks that somebody sends to a page: a small file that unpacks to much, or has rows without end, costs what its bounds say."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from collections.abc import Callable
from hashlib import shake_256

import pytest
from openpyxl import Workbook

from connectors.files.xlsx_rows import UPLOADED_BYTES
from gateway.policies import bank_files
from nodes.bank.loans.repayments import MOST_LINES, read_repayments
from nodes.errors import RecordFileError
from nodes.runtime.web.bounds import MAX_BODY_BYTES
from scoring.policies.errors import PolicyFormatError

SHEET = "xl/worksheets/sheet1.xml"
READERS: dict[str, Callable[[bytes], object]] = {
    "a bank's answer": lambda content: bank_files.answer(content, "20240101-00000000"),
    "repayments": read_repayments,
}


def sent(sheet: bytes) -> bytes:
    """A workbook whose only sheet is this."""
    book, packed = io.BytesIO(), io.BytesIO()
    Workbook().save(book)
    with zipfile.ZipFile(book) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, sheet if name == SHEET else old.read(name))
    return packed.getvalue()


def sheet(rows: bytes) -> bytes:
    return b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>' + rows + b"</sheetData></worksheet>"


def row(number: int, column: str = "A", value: str = "1") -> bytes:
    return f'<row r="{number}"><c r="{column}{number}" t="str"><v>{value}</v></c></row>'.encode()


def wide(size: int) -> bytes:
    """Few rows of many long cells, ``size`` bytes in all, which pack well though not too well."""
    texts = [shake_256(bytes([n])).hexdigest(2000) for n in range(8)]
    cells = ("".join(f'<c t="str"><v>{texts[(number + place) % 8]}</v></c>' for place in range(900)) for number in range(size // 3_600_000 + 1))
    return "".join(f"<row>{row}</row>" for row in cells).encode()


ENTITIES = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
HOSTILE = {
    "packed too well": (sheet(b" " * (8 << 20)), "packed more than 250 to 1"),
    "more than is read of an upload": (sheet(wide(UPLOADED_BYTES + (4 << 20))), f"more than {UPLOADED_BYTES} bytes unpacked"),
    "the farthest row": (sheet(row(1) + row(1_048_576)), "column"),
    "the farthest column": (sheet(row(1, "XFD")), "column"),
    "a million columns": (sheet(b'<row r="1">' + b"<c><v/></c>" * 1_000_000 + b"</row>"), "packed more than 250 to 1"),
    "entities": (sheet(b"&b;").replace(b"<worksheet", ENTITIES + b"<worksheet", 1), "a document type"),
    "a formula that nobody has computed": (sheet(b'<row r="1"><c r="A1"><f>1+1</f></c></row>'), "column"),
    "dimensions that lie": (sheet(row(1)).replace(b"<sheetData>", b'<dimension ref="A1:XFD1048576"/><sheetData>'), "column"),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_workbook_is_refused_with_its_reason(reader: str, name: str) -> None:
    content, told = HOSTILE[name]
    with pytest.raises((RecordFileError, PolicyFormatError), match=told):
        READERS[reader](sent(content))


TEXTS = {
    "nothing but line ends": (b"\n" * (MAX_BODY_BYTES // 4), "columns|empty"),
    "a line of commas": (b"," * (MAX_BODY_BYTES // 4), "column"),
    "a quote that never ends": (b'"' + b"x" * (MAX_BODY_BYTES - 1), "CSV"),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", TEXTS)
def test_a_hostile_text_file_is_refused_and_takes_no_more_memory_than_its_lines_may(reader: str, name: str) -> None:
    content, told = TEXTS[name]
    tracemalloc.start()
    try:
        with pytest.raises((RecordFileError, PolicyFormatError), match=told):
            READERS[reader](content)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20 << 20


def test_no_more_rows_are_unpacked_than_a_file_may_have() -> None:
    """A row past the most is broken: who met it has read on."""
    good = b"".join(row(n) for n in range(1, MOST_LINES + 5000))
    with pytest.raises(RecordFileError, match="lacks the columns"):
        read_repayments(sent(sheet(good)[: -len(b"</sheetData></worksheet>")] + row(1) * 100_000))
