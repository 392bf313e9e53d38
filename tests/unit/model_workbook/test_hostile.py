"""Hostile, damaged and foreign files are refused as workbooks, and what looks like a formula is text."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from nodes.commands.models.workbook import MAX_COLUMNS, MAX_FILE_BYTES, MAX_ROWS, read_workbook, write_workbook
from scoring.errors import ModelError
from scoring.indicators.model import checked
from scoring.notation.workbook.reading import read_sheets
from scoring.notation.workbook.sheets import workbook_sheets
from tests.support.workbooks import UNHURRIED, document, run, told


def packed(parts: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return stream.getvalue()


def parts_of(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


FIRST = "xl/worksheets/sheet1.xml"
ENTITIES = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'


def hostile(name: str, parts: dict[str, bytes]) -> bytes:
    sheet = parts[FIRST]
    changed: dict[str, dict[str, bytes]] = {
        "bomb": {"xl/media/big.bin": bytes(60 << 20)},
        "links": {"xl/externalLinks/externalLink1.xml": b"<externalLink/>"},
        "macros": {"xl/vbaProject.bin": b"\xd0\xcf"},
        "connections": {"xl/connections.xml": b"<connections/>"},
        "entities": {FIRST: sheet.replace(b"<worksheet", ENTITIES + b"<worksheet", 1).replace(b"<sheetData>", b"<sheetData>&b;", 1)},
        "entities in styles": {"xl/styles.xml": ENTITIES + parts["xl/styles.xml"].replace(b"</fonts>", b"&b;</fonts>", 1)},
        "sixteen bits": {FIRST: sheet.decode().encode("utf-16")},
        "no sheet": {FIRST: b"<worksheet"},
        "no book": {"xl/workbook.xml": b"<workbook/>"},
        "far cell": {FIRST: sheet.replace(b"</sheetData>", b'<row r="40"><c r="XFD40"><v>1</v></c></row></sheetData>')},
        "far row": {FIRST: sheet.replace(b"</sheetData>", b'<row r="1048576"><c r="A1048576"><v>1</v></c></row></sheetData>')},
        "infinity": {FIRST: sheet.replace(b"</sheetData>", b'<row r="40"><c r="A40"><v>1e999</v></c></row></sheetData>')},
    }
    return packed(parts | changed[name])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("bomb", "unpacks to more than"), ("links", "has links to other files: save it without them"), ("macros", "has macros"),
        ("connections", "has data connections"), ("entities", "sheet1.xml has a document type"),
        ("entities in styles", "styles.xml has a document type"), ("sixteen bits", "is not UTF-8"), ("no sheet", "not a workbook that can be read"),
        ("no book", "the workbook has no sheet 基本信息 model"), ("far cell", f"at most {MAX_ROWS} rows and {MAX_COLUMNS} columns are read"),
        ("far row", f"at most {MAX_ROWS} rows"), ("infinity", "cell A40: a cell holds text, a number or a date"),
    ],
)  # fmt: skip
def test_hostile_workbooks_are_refused(exported: bytes, tmp_path: Path, name: str, said: str) -> None:
    path = tmp_path / "hostile.xlsx"
    path.write_bytes(hostile(name, parts_of(exported)))
    result = run("import", path, "-o", tmp_path / "pack.yaml")
    assert (result.exit_code, said in result.stderr) == (2, True), result.stderr
    assert not (tmp_path / "pack.yaml").exists()


def test_what_is_no_workbook_at_all_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file.xlsx"
    for data, said in ((b"", "not a workbook"), (b"id: x\n", "not a workbook"), (bytes(MAX_FILE_BYTES + 1), "has at most")):
        path.write_bytes(data)
        with pytest.raises(ModelError, match=said):
            read_workbook(path)
    assert run("import", tmp_path / "none.xlsx", "-o", tmp_path / "pack.yaml").exit_code == 2


@UNHURRIED
@given(st.data())
def test_a_damaged_workbook_is_read_or_refused(exported: bytes, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    parts = parts_of(exported)
    name = data.draw(st.sampled_from(sorted(part for part in parts if part.startswith("xl/"))))
    content = bytearray(parts[name])
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content)))
        content[start : start + data.draw(st.integers(0, 20))] = data.draw(st.binary(max_size=6))
    path = tmp_path_factory.getbasetemp() / "damaged.xlsx"
    path.write_bytes(packed(parts | {name: bytes(content)}))
    assert all(told(lambda: checked(read_sheets(read_workbook(path)))))


def test_text_that_begins_like_a_formula_is_text(tmp_path: Path) -> None:
    value = document("sme-tech")
    value["title"] = {"zh": "=HYPERLINK(1)", "en": "+1-2@x"}
    path = tmp_path / "model.xlsx"
    write_workbook(workbook_sheets(value), path)
    assert all(cell.data_type != "f" for page in load_workbook(path).worksheets for row in page.iter_rows() for cell in row)
    assert read_sheets(read_workbook(path)).value == value
