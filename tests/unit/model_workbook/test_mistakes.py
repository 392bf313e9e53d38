"""Mistakes in a workbook are named by file, sheet and cell, with what would be right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from nodes.commands.models.workbook import read_workbook
from scoring.errors import ModelError
from scoring.indicators.model import checked
from scoring.notation.workbook.cells import Cell, Sheet
from scoring.notation.workbook.reading import read_sheets
from scoring.notation.workbook.sheets import workbook_sheets
from tests.support.workbooks import FIELDS, INDICATORS, MAIN, STAGES, UNHURRIED, document, find, run, told


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
