"""Workbooks: the values that people see, exactly; bombs, damage and what a spreadsheet does to codes and numbers are refused."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from hashlib import shake_256
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from connectors.connect import open_connector
from connectors.errors import DeliveryError
from connectors.records import Malformed, Record
from tests.support.connecting import CODES, HEADER, MAPPING

RIGHT: list[object] = ["2023年", date(2024, 1, 31), 1234.5, 12, "A级", "否", "2023年2月、202301", "甲公司"]
VALUES = {"revenue": "12345000", "staff": "12", "grade": "A", "enforced": "0", "zero_months": "2023-01;2023-02", "company": "甲公司"}
Items = list[Record | Malformed]


def cells(place: int, **other: object) -> list[Any]:
    names = ("year", "since", "revenue", "staff", "grade", "enforced", "zero_months", "company")
    return [other.get("uscc", CODES[place]), *(other.get(name, value) for name, value in zip(names, RIGHT, strict=True))]


def workbook(*rows: list[Any], above: int = 0, then: Callable[[Worksheet], None] = lambda sheet: None) -> bytes:
    """A workbook of one sheet with the row of names below ``above`` titles."""
    book = Workbook()
    sheet = book.worksheets[0]
    for number in range(above):
        sheet.append([f"标题 {number}"])
    for row in [list[Any](HEADER), *rows]:
        sheet.append(row)
    then(sheet)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def rebuilt(data: bytes, change: Callable[[str, bytes], bytes | None], packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    """The archive with every part as ``change`` makes it; None leaves the part out."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(file, "w", packing) as new:
        for name in old.namelist():
            part = change(name, old.read(name))
            if part is not None:
                new.writestr(name, part)
    return file.getvalue()


def in_sheet(data: bytes, old: str, new: str) -> bytes:
    def change(name: str, part: bytes) -> bytes:
        if not name.endswith("sheet1.xml"):
            return part
        text = part.decode()
        assert re.search(old, text), text[:2000]
        return re.sub(old, lambda _: new, text, count=1).encode()

    return rebuilt(data, change)


@pytest.fixture
def read(tmp_path: Path) -> Callable[[bytes], Items]:
    (tmp_path / "inbox").mkdir()
    mapping = MAPPING.replace('kind: csv, folder: inbox, pattern: "*.csv", encoding: utf-8', 'kind: xlsx, folder: inbox, pattern: "*.xlsx"')

    def read(data: bytes, sheet: str = "") -> Items:
        (tmp_path / "tax.yaml").write_text(mapping.replace("quiet_s", f"sheet: {sheet}, quiet_s") if sheet else mapping, encoding="utf-8")
        (tmp_path / "inbox" / "a.xlsx").write_bytes(data)
        (delivery,) = open_connector(tmp_path / "tax.yaml").deliveries("")
        return list(delivery.items())

    return read


def test_a_row_becomes_the_record_that_the_same_row_of_csv_does(read: Callable[[bytes], Items]) -> None:
    (record,) = read(workbook(cells(0), above=3))
    assert isinstance(record, Record)
    assert (record.uscc, record.period, record.valid_from, record.values) == (CODES[0], "2023", "2024-01-31", VALUES)
    assert record.origin.place == "line 5"


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("revenue", 0.1 + 0.2, "3000"),
        ("revenue", "1,234.5", "12345000"),
        ("revenue", -0.5, "-5000"),
        ("revenue", 123456789012.345, "1234567890123450"),
        ("revenue", None, ""),
        ("revenue", "-", ""),
        ("staff", 12.0, "12"),
        ("staff", "１２", "12"),
        ("company", 330108, "330108"),
    ],
)
def test_a_value_is_read_as_people_see_it(read: Callable[[bytes], Items], field: str, value: object, expected: str) -> None:
    (record,) = read(workbook(cells(0, **{field: value})))
    assert isinstance(record, Record)
    assert record.values[field] == expected


@pytest.mark.parametrize("value", [date(2024, 1, 31), datetime(2024, 1, 31), "2024-01-31", "2024年1月31日", "20240131"])  # fmt: skip
def test_days_are_read_in_every_form(read: Callable[[bytes], Items], value: object) -> None:
    (record,) = read(workbook(cells(0, since=value)))
    assert isinstance(record, Record)
    assert record.valid_from == "2024-01-31"


@pytest.mark.parametrize("code", ["yyyy-mm-dd", 'yyyy"年"m"月"d"日"', "[$-804]yyyy/m/d;@", "dd.mm.yy"])
def test_a_number_shown_as_a_day_is_one(read: Callable[[bytes], Items], code: str) -> None:
    def show(sheet: Worksheet) -> None:
        sheet["C2"].number_format = code

    (record,) = read(workbook(cells(0, since=45322), then=show))
    assert isinstance(record, Record)
    assert record.valid_from == "2024-01-31"


@pytest.mark.parametrize("code", ["0.00", '"day "0', "[Red]0.00", "General", "#,##0.00_);[Red](#,##0.00)"])
def test_a_number_not_shown_as_a_day_is_none(read: Callable[[bytes], Items], code: str) -> None:
    def show(sheet: Worksheet) -> None:
        sheet["C2"].number_format = code

    (bad,) = read(workbook(cells(0, since=45322), then=show))
    assert isinstance(bad, Malformed)
    assert bad.field == "valid_from"


def test_days_counted_from_1904_are_read_so(read: Callable[[bytes], Items]) -> None:
    def change(name: str, part: bytes) -> bytes:
        return re.sub(rb"<workbookPr(?=[ /])", b'<workbookPr date1904="1"', part) if name == "xl/workbook.xml" else part

    (record,) = read(rebuilt(workbook(cells(0)), change))
    assert isinstance(record, Record)
    assert record.valid_from == "2028-02-01", "1,462 days later"


def test_a_formula_is_read_by_the_value_that_the_file_holds(read: Callable[[bytes], Items]) -> None:
    data = workbook(cells(0, revenue="=1+1"))
    (bad,) = read(data)
    assert isinstance(bad, Malformed)
    assert bad.field == "revenue", "a value that was never computed is not nothing"
    (record,) = read(in_sheet(data, r"<f>1\+1</f><v ?/>|<f>1\+1</f><v></v>", "<f>1+1</f><v>2</v>"))
    assert isinstance(record, Record)
    assert record.values["revenue"] == "20000"


@pytest.mark.parametrize(
    ("field", "other", "told"),
    [
        ("uscc", {"uscc": 913301087996550580.0}, "a spreadsheet made a number of it"),  # a spreadsheet has rounded it
        ("revenue", {"revenue": 1e16}, "exact decimal"),
        ("revenue", {"revenue": "#REF!"}, "exact decimal"),
        ("company", {"company": "#N/A"}, "has no value"),
        ("valid_from", {"since": datetime(2024, 1, 31, 12, 30)}, "a date is expected"),
        ("staff", {"staff": True}, "exact decimal"),
        ("company", {"company": "字" * 201}, "one line"),
        ("", {"company": "字" * 4001}, "a cell of more than"),
    ],
)
def test_what_does_not_fit_is_refused_and_the_rest_goes_on(read: Callable[[bytes], Items], field: str, other: dict[str, object], told: str) -> None:
    first, bad, last = read(workbook(cells(0), cells(1, **other), cells(2)))
    assert isinstance(first, Record)
    assert isinstance(last, Record)
    assert isinstance(bad, Malformed)
    assert (bad.field, bad.origin.place) == (field, "line 3")
    assert told in bad.reason


def test_sheets_are_found_by_name_and_hidden_ones_are_not_taken_for_the_only_one(read: Callable[[bytes, str], Items]) -> None:
    book = Workbook()
    notes = book.worksheets[0]
    notes.title, notes.sheet_state = "说明", "hidden"
    sheet = book.create_sheet("申报")
    for row in (list[Any](HEADER), cells(0)):
        sheet.append(row)
    file = io.BytesIO()
    book.save(file)
    assert len(read(file.getvalue(), "")) == 1
    assert len(read(file.getvalue(), "申报")) == 1
    notes.sheet_state = "visible"
    file = io.BytesIO()
    book.save(file)
    assert len(read(file.getvalue(), "申报")) == 1
    for sheet_name in ("", "其他"):
        with pytest.raises(DeliveryError, match="there are 说明, 申报"):
            read(file.getvalue(), sheet_name)


def test_merged_cells_are_read_by_their_first_and_a_merged_name_covers_one_column(read: Callable[[bytes], Items]) -> None:
    (record,) = read(workbook(cells(0), above=1, then=lambda sheet: sheet.merge_cells("A1:I1")))
    assert isinstance(record, Record)
    with pytest.raises(DeliveryError, match="lacking at best: 参保人数"):
        read(workbook(cells(0), then=lambda sheet: sheet.merge_cells("D1:E1")))


TRUE = workbook(cells(0), cells(1), cells(2))
LONG = shake_256(b"long").hexdigest(800_000).encode()
LOL = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><worksheet>&b;</worksheet>'
FILE = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><worksheet>&a;</worksheet>'


def part(name: str, content: bytes | None, packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    return rebuilt(TRUE, lambda found, old: content if found.endswith(name) else old, packing)


def truncated_archive() -> bytes:
    return TRUE[: len(TRUE) // 2]


def corrupted() -> bytes:
    with zipfile.ZipFile(io.BytesIO(TRUE)) as archive:
        at = archive.getinfo("xl/worksheets/sheet1.xml").header_offset + 80
    return TRUE[:at] + bytes(byte ^ 0xFF for byte in TRUE[at : at + 40]) + TRUE[at + 40 :]


def bomb() -> bytes:
    return part("sheet1.xml", b"<worksheet>" + b" " * (8 << 20) + b"</worksheet>")


def lying_bomb() -> bytes:
    """The directory says that 1,000 bytes come out of the bomb."""
    data = bytearray(bomb())
    name = b"xl/worksheets/sheet1.xml"
    entry = data.rindex(b"PK\x01\x02", 0, data.rindex(name))
    data[entry + 24 : entry + 28] = (1000).to_bytes(4, "little")
    return bytes(data)


BROKEN: dict[str, tuple[bytes, str]] = {
    "nothing at all": (b"", "not a zip archive"),
    "text": ("统一社会信用代码,所属年度\n".encode(), "not a zip archive"),
    "an old workbook": (b"\xd0\xcf\x11\xe0" + bytes(2000), "old .xls or an encrypted workbook"),
    "another archive": (rebuilt(TRUE, lambda name, old: old if name == "docProps/core.xml" else None), "a part of it is missing"),
    "cut in half": (truncated_archive(), "not a zip archive"),
    "damaged inside": (corrupted(), "damaged|not a workbook"),
    "packed too well": (bomb(), "packed more than 250 to 1"),
    "packed in another way": (part("sheet1.xml", b"<worksheet/>", zipfile.ZIP_BZIP2), "packed in a way that workbooks are not"),
    "entities": (part("sheet1.xml", LOL), "a document type"),
    "an entity from outside": (part("sheet1.xml", FILE), "a document type"),
    "entities in the strings": (part("styles.xml", LOL), "a document type"),
    "no XML": (part("sheet1.xml", b"<worksheet><sheetData><row>"), "not a workbook"),
    "XML of another encoding": (part("sheet1.xml", b'<?xml version="1.0" encoding="x-none"?><worksheet/>'), "not a workbook"),
    "no sheet": (part("sheet1.xml", None), "a part of it is missing"),
    "no list of sheets": (part("workbook.xml", b"<workbook/>"), "there are none"),
    "an empty sheet": (part("sheet1.xml", b"<worksheet/>"), "no row names every column"),
    "no names": (in_sheet(TRUE, r'<row r="1".*?</row>', ""), "no row names every column"),
    "rows out of order": (in_sheet(TRUE, r'<row r="3"', '<row r="2"'), "row 2 stands below row 2"),
    "a tag without end": (part("sheet1.xml", b'<worksheet a="' + LONG), "a tag of more than"),
    "a text without end": (part("sheet1.xml", b"<worksheet><row><c><v>" + LONG), "a text of more than"),
    "a sheet elsewhere": (part("workbook.xml.rels", b'<R><Relationship Id="rId1" TargetMode="External" Target="/x"/></R>'), "part of it is missing"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_workbook_is_refused_with_its_reason(read: Callable[[bytes], Items], name: str) -> None:
    data, told = BROKEN[name]
    with pytest.raises(DeliveryError, match=told):
        read(data)


ROWS: dict[str, tuple[str, str, str]] = {
    "text that is not in the workbook": (r'<c r="I3"[^>]*>.*?</c>', '<c r="I3" t="s"><v>99999</v></c>', "refers to text that is not in the workbook"),
    "a cell of another row": (r'<c r="I3"', '<c r="I9"', "not in their order"),
    "a cell twice": (r'<c r="I3"', '<c r="H3"', "not in their order"),
    "a number that is none": (r'<c r="E3"[^>]*>.*?</c>', '<c r="E3"><v>twelve</v></c>', "exact decimal"),
}


@pytest.mark.parametrize("name", ROWS)
def test_a_broken_row_is_refused_and_the_rest_goes_on(read: Callable[[bytes], Items], name: str) -> None:
    old, new, told = ROWS[name]
    first, bad, last = read(in_sheet(TRUE, old, new))
    assert isinstance(first, Record)
    assert isinstance(last, Record)
    assert isinstance(bad, Malformed)
    assert told in bad.reason


def test_an_archive_that_lies_about_what_comes_out_is_refused(read: Callable[[bytes], Items]) -> None:
    with pytest.raises(DeliveryError):
        read(lying_bomb())


def test_a_deep_or_wide_sheet_is_refused_like_any_other(read: Callable[[bytes], Items]) -> None:
    deep = b"<worksheet><sheetData>" + b"".join(b"<a%d>" % n for n in range(20_000))
    wide = b'<worksheet><sheetData><row r="1">' + b"".join(b"<c><v>%d</v></c>" % n for n in range(20_000)) + b"</row></sheetData></worksheet>"
    with pytest.raises(DeliveryError, match="not a workbook"):
        read(part("sheet1.xml", deep))
    with pytest.raises(DeliveryError, match="no row names every column"):
        read(part("sheet1.xml", wide))
