"""``xinqiao model export|import``: nothing is lost on the way, mistakes are named by sheet and cell, hostile workbooks are refused."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook
from openpyxl.worksheet.worksheet import Worksheet
from typer.testing import CliRunner, Result

from nodes.commands.models.workbook import MAX_COLUMNS, MAX_FILE_BYTES, MAX_ROWS, read_workbook, write_workbook
from nodes.packs import pack_bytes, read_pack, shipped_packs
from scoring.errors import ModelError
from scoring.indicators.document import parse_document
from scoring.indicators.model import checked
from scoring.indicators.provenance import stale_claims
from scoring.notation.workbook.cells import Cell, Sheet
from scoring.notation.workbook.reading import read_sheets
from scoring.notation.workbook.sheets import workbook_sheets
from xinqiao import app

UNHURRIED = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
OVERVIEW = Path(__file__).parents[2] / "docs" / "models.md"
QUICK = ("firm-panel", "hangzhou-binjiang", "sme-tech")
AT_NIGHT = (pytest.mark.slow, pytest.mark.nightly)
PACKS = [pytest.param(name, marks=() if name in QUICK else AT_NIGHT) for name in shipped_packs()]
INDICATORS, FIELDS, STAGES, MAIN = "指标 indicators", "字段 fields", "阶段 stages", "基本信息 model"


def run(*words: str | Path) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, ["model", *(str(word) for word in words)])


def document(name: str) -> Any:
    return parse_document(pack_bytes(name)).value


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """sme-tech as a workbook."""
    path = tmp_path_factory.mktemp("exported") / "model.xlsx"
    write_workbook(workbook_sheets(document("sme-tech")), path)
    return path.read_bytes()


@pytest.fixture
def edited(exported: bytes, tmp_path: Path) -> Callable[[Callable[[Workbook], None]], Path]:
    """A file of sme-tech's workbook after an official's hand."""

    def make(edit: Callable[[Workbook], None]) -> Path:
        book = load_workbook(io.BytesIO(exported))
        edit(book)
        path = tmp_path / "edited.xlsx"
        book.save(path)
        return path

    return make


def find(page: Worksheet, row: str, column: str) -> Any:
    """The cell of the row that begins so, in the column with this header."""
    titles = [cell.value for cell in page[1]]
    place = next(index for index, title in enumerate(titles, start=1) if str(title).split()[-1] == column)
    return next(page.cell(number, place) for number in range(2, page.max_row + 1) if page.cell(number, 1).value == row)


@pytest.mark.parametrize("name", PACKS)
def test_a_pack_comes_back_from_its_workbook_as_it_was(name: str, tmp_path: Path) -> None:
    path = tmp_path / "model.xlsx"
    write_workbook(workbook_sheets(document(name)), path)
    found = read_sheets(read_workbook(path))
    assert found.value == document(name)
    pack = checked(found)
    assert pack == read_pack(name).pack
    for part in ("records", "dimensions", "indicators", "functionals", "products"):
        assert list(getattr(pack, part)) == list(getattr(read_pack(name).pack, part)), "in its order"


def test_export_and_import_as_commands(tmp_path: Path) -> None:
    book, pack = tmp_path / "model.xlsx", tmp_path / "model.yaml"
    said = json.loads(run("export", "sme-tech", "-o", book, "--json").stdout)
    assert (said["id"], said["indicators"]) == ("sme-tech", 3)
    result = run("import", book, "-o", pack, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["sha256"] == read_pack(str(pack)).sha256
    assert run("diff", "sme-tech", pack).stdout == "The packs say the same. 两个指标包相同。\n"


def test_a_changed_number_does_not_keep_the_note_that_it_was_published(edited: Callable[..., Path], tmp_path: Path) -> None:
    def edit(book: Workbook) -> None:
        page = book[INDICATORS]
        cell = next(cell for row in page.iter_rows() for cell in row if isinstance(cell.value, str) and "科技人员" in cell.value)
        page[cell.coordinate] = f"{cell.value}（改）"

    result = run("import", edited(edit), "-o", tmp_path / "pack.yaml")
    assert result.exit_code == 2
    assert "comes with the program and says otherwise: give the changed model another version" in result.stderr
    assert not (tmp_path / "pack.yaml").exists()


@pytest.mark.parametrize("aspect", ["title", "rule", "weights"])
def test_every_aspect_of_an_indicator_is_watched(aspect: str) -> None:
    before, after = document("sme-tech"), document("sme-tech")
    name, spec = next(iter(after["indicators"].items()))
    spec[aspect] = {"changed": "1"}
    found = list(stale_claims(before, after))
    assert [(indicator, said) for indicator, said, _ in found] == [(name, {"title": "name"}.get(aspect, aspect))]
    spec["provenance"] = [{"of": ["name", "rule", "weights"], "status": "illustrative"}]
    assert list(stale_claims(before, after)) == []


def test_nothing_is_written_over(tmp_path: Path) -> None:
    book = tmp_path / "model.xlsx"
    assert run("export", "sme-tech", "-o", book).exit_code == 0
    kept = book.read_bytes()
    assert "is there already" in run("export", "firm-panel", "-o", book).stderr
    assert book.read_bytes() == kept
    assert "ends in .xlsx" in run("export", "sme-tech", "-o", tmp_path / "model.csv").stderr
    (tmp_path / "mine.yaml").write_text("mine")
    assert "is there already" in run("import", book, "-o", tmp_path / "mine.yaml").stderr


def test_an_official_can_read_it(exported: bytes) -> None:
    book = load_workbook(io.BytesIO(exported))
    assert book.sheetnames[0] == MAIN
    assert book.sheetnames[-1] == "说明 guide"
    page = book[INDICATORS]
    assert [cell.value for cell in page[1]][:3] == ["标识 id", "名称（中文） title.zh", "名称（英文） title.en"]
    assert find(page, "rd-staff", "rule").value.splitlines()[:2] == ["分档 tiers: rd_staff / staff", ">= 0.3: 20"]
    assert find(page, "rd-staff", "weights").value == 1
    assert find(page, "rd-staff", "weights").data_type == "n"
    assert page.freeze_panes == "B2"


def test_edits_as_spreadsheets_make_them_are_read(edited: Callable[..., Path]) -> None:
    def edit(book: Workbook) -> None:
        entries: dict[str, int | datetime] = {"version": 7, "valid_from": datetime(2026, 3, 1)}
        page, main, last = book[INDICATORS], book[MAIN], book[INDICATORS].max_column
        find(page, "rd-staff", "weights").value = 3.0
        find(page, "rd-staff", "rule").value = "分档：rd_staff / staff\n≥30％：20\n其他：0"
        find(page, "ip", "weights").value = "２"
        for row in range(2, main.max_row + 1):
            if (path := str(main.cell(row, 2).value)) in entries:
                main.cell(row, 3, entries[path])
        book.create_sheet("备注 mine")["A1"] = "what the office asked"
        page.cell(1, last + 1, "备注")
        page.cell(2, last + 1, "asked by the office")
        page.move_range(f"A2:{page.cell(4, last + 1).coordinate}", rows=3)  # empty rows are nothing

    pack = checked(read_sheets(read_workbook(edited(edit))))
    assert (pack.version, pack.valid_from) == ("7", "2026-03-01")
    assert [spec.weights for spec in pack.indicators.values()] == [3, 1, 2]
    assert [str(tier.at_least) for tier in pack.indicators["rd-staff"].rule.tiers] == ["3/10"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("sheet", "row", "column", "value", "said"),
    [
        (INDICATORS, "rd-staff", "rule", "分挡: x", "'分挡: x' is not the beginning of a rule; rules are 分档 tiers"),
        (INDICATORS, "rd-staff", "rule", "linear: rd_staff; points: 20", "linear lacks a line 满分值 reference: …"),
        (INDICATORS, "rd-staff", "rule", "linear: nowhere; points: 20; reference: 1", "nowhere is not a field of record survey"),
        (INDICATORS, "rd-staff", "weights", "many", "'many' is not a number; numbers are written as 20"),
        (INDICATORS, "rd-staff", "weights", 1.5, "a whole number is expected 应为整数"),
        (INDICATORS, "rd-staff", "dimension", "nowhere", "no such dimension; there are staff, expense, results"),
        (INDICATORS, "rd-staff", "bounds[1]", 19, "gives points from 0 to 20, outside the bounds 0 to 19"),
        (INDICATORS, "ip", "id", "rd-staff", "rd-staff has a row already"),
        (INDICATORS, "ip", "id", None, "标识 id is empty: every row names its part"),
        (INDICATORS, "ip", "weights", "=1+1", "a formula: paste its value in its place"),
        (INDICATORS, "ip", "title.zh", True, "True stands where text belongs"),
        (FIELDS, "survey", "type", "text", "one of 'decimal', 'integer', 'flag', 'category', 'months' is expected"),
        (FIELDS, "survey", "signed", "maybe", "'maybe' is neither 是 nor 否"),
        ("来源 provenance", "indicators.ip.provenance", "status", "guessed", "one of 'published', 'illustrative' is expected"),
        ("披露 disclosures", "total", "disclosed_to", "authority, press", "one of 'authority', 'bank', 'enterprise' is expected"),
    ],
)
def test_a_mistake_is_named_by_file_sheet_and_cell_with_what_would_be_right(
    edited: Callable[..., Path], tmp_path: Path, sheet: str, row: str, column: str, value: Cell, said: str
) -> None:
    places: list[str] = []

    def edit(book: Workbook) -> None:
        cell = find(book[sheet], row, column)
        cell.value = value
        places.append(cell.coordinate)

    path = edited(edit)
    result = run("import", path, "-o", tmp_path / "none.yaml")
    assert result.exit_code == 2
    line = next(line for line in result.stderr.splitlines() if said in line)
    assert f"{path}, sheet {sheet}, cell " in line
    cell = line.split("cell ", 1)[1].split(",")[0].split(":")[0]
    assert cell == (places[0] if column != "bounds[1]" else find(load_workbook(path)[sheet], row, "rule").coordinate)
    assert not (tmp_path / "none.yaml").exists()


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda book: book.create_sheet("指标2"), "sheet 指标2: is no sheet of a model; there are 基本信息 model, 记录 records"),
        (lambda book: book[INDICATORS].cell(1, 30, "颜色"), ""),
        (lambda book: (book[INDICATORS].cell(1, 30, "颜色"), book[INDICATORS].cell(2, 30, "red")), "cell AD1: '颜色' is no column of this sheet"),
        (lambda book: book[INDICATORS].cell(1, 2, "标识 id"), "cell B1: the column 标识 id is there already"),
        (lambda book: book[INDICATORS].cell(1, 1, "编号"), "cell A1: there is no column 标识 id"),
        (lambda book: book[MAIN].cell(1, 2, "位置"), "cell A1: there is no column 路径 path"),
        (lambda book: book[MAIN].append([None, "a..b", "1"]), "'a..b' is not the path of a part, such as staging.default"),
        (lambda book: book[MAIN].append([None, "exposures[9].indicator", "x"]), "places of exposures are numbered from 0 without a gap"),
        (lambda book: book[MAIN].append([None, "id.x", "1"]), "id is given already as one value"),
        (lambda book: book[MAIN].append([None, "id", "other"]), "id is given already, in sheet 基本信息 model, cell C3"),
        (lambda book: book.remove(book["维度 dimensions"]), "the workbook has no sheet 维度 dimensions: every model has it 缺少此工作表"),
        (lambda book: (book[INDICATORS].cell(1, 40, "权重 weights.all"), book[INDICATORS].cell(2, 40, 1)), "weights is given already as one value"),
    ],
)
def test_a_workbook_of_another_form_is_told_what_belongs_there(edited: Callable[..., Path], tmp_path: Path, edit: Any, said: str) -> None:
    result = run("import", edited(edit), "-o", tmp_path / "pack.yaml")
    assert result.exit_code == (2 if said else 0), result.output
    assert said in result.stderr


def without_row(sheet: str, name: str) -> Callable[[Workbook], None]:
    """Delete the row that begins so, as an official does who wants the part gone."""
    return lambda book: book[sheet].delete_rows(find(book[sheet], name, "id").row)


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (without_row(INDICATORS, "ip"), ["sheet 来源 provenance, cell A5: there is no row ip in sheet 指标 indicators: add it there, or delete"]),
        (without_row("记录 records", "survey"), ["sheet 字段 fields, cell A2 and 1 more: there is no row survey in sheet 记录 records"]),
        (lambda book: book.remove(book[STAGES]), ["the workbook has no sheet 阶段 stages: every model has it 缺少此工作表"]),
        (lambda book: book.remove(book[FIELDS]), ["the workbook has no sheet 字段 fields"]),
        (lambda book: book.remove(book["来源 provenance"]), ["the workbook has no sheet 来源 provenance"]),
        (lambda book: book.remove(book[INDICATORS]), ["the workbook has no sheet 指标 indicators"]),
        (lambda book: book[STAGES].delete_rows(2), ["staging.stages: is required 必填: rows in sheet 阶段 stages"]),
        (
            lambda book: setattr(find(book[INDICATORS], "ip", "definition.en"), "value", None),
            ["indicators.ip.definition.en: is required 必填: column 定义（英文） definition.en of sheet 指标 indicators"],
        ),
        (
            lambda book: setattr(find(book[INDICATORS], "ip", "id"), "value", "知识产权"),
            ["cell A4: '知识产权': a name is lower-case letters, digits, - and _, a letter first, such as rd-expense 只用小写字母"],
        ),
    ],
)
def test_what_is_not_there_is_told_once_with_the_sheet_where_it_belongs(
    edited: Callable[..., Path], tmp_path: Path, edit: Callable[[Workbook], None], said: list[str]
) -> None:
    result = run("import", edited(edit), "-o", tmp_path / "none.yaml")
    assert result.exit_code == 2
    lines = result.stderr.splitlines()
    assert len(lines) == len(said)
    assert all(text in line for line, text in zip(lines, said, strict=True)), lines


def test_up_to_ten_mistakes_are_told_at_once(edited: Callable[..., Path]) -> None:
    def edit(book: Workbook) -> None:
        for row in book["来源 provenance"].iter_rows(min_row=2):
            row[0].value = None
        for row in book[FIELDS].iter_rows(min_row=2):
            row[0].value = None

    with pytest.raises(ModelError) as caught:
        read_sheets(read_workbook(edited(edit)))
    lines = str(caught.value).splitlines()
    assert len(lines) == 11
    assert all(line.startswith("sheet ") for line in lines[:10])
    assert lines[10].startswith("and ")


def told(read: Callable[[], object]) -> list[str]:
    """The lines of the error that reading ends in; none where it succeeds."""
    try:
        read()
    except ModelError as error:
        return str(error).splitlines()
    return []


SHEETS = {name: workbook_sheets(document(name)) for name in ("sme-tech", "firm-panel")}


@UNHURRIED
@given(st.data())
def test_any_cell_may_be_anything_and_the_workbook_is_a_model_or_the_cell_is_named(data: st.DataObject) -> None:
    sheets = list(SHEETS[data.draw(st.sampled_from(sorted(SHEETS)))])
    place = data.draw(st.integers(0, len(sheets) - 2))
    rows = [list(row) for row in sheets[place].rows]
    for _ in range(data.draw(st.integers(1, 3))):
        row = data.draw(st.sampled_from(rows))
        texts = st.text(max_size=12) | st.sampled_from([str(cell) for line in rows for cell in line])
        row[data.draw(st.integers(0, len(row) - 1))] = data.draw(st.none() | st.booleans() | st.integers() | st.decimals(-9, 9, places=3) | texts)
    sheets[place] = Sheet(sheets[place].name, tuple(tuple(row) for row in rows))
    lines = told(lambda: checked(read_sheets(sheets)))
    assert all(line.startswith(("sheet ", "the workbook", "and ")) for line in lines), lines


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


@pytest.mark.slow  # every pack is loaded
def test_overview_prints_the_committed_page() -> None:
    result = run("overview")
    assert result.exit_code == 0
    assert result.stdout == OVERVIEW.read_text(encoding="utf-8"), "run: xinqiao model overview > docs/models.md"
    rows = result.stdout.partition("## Accepted exposures")[2].splitlines()
    for name in shipped_packs():
        for exposure in read_pack(name).pack.exposures:
            found = [row for row in rows if row.startswith(f"| `{name}` |") and f"`{exposure.indicator}` (" in row]
            assert any(exposure.reason.zh in row and exposure.accepted_by.name in row and exposure.audiences[0] in row for row in found)
