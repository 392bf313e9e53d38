"""An office's own table of full marks: read over a base pack, exported again, mistakes told by cell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook
from typer.testing import CliRunner, Result

from nodes.packs import pack_bytes, read_pack
from scoring.errors import ModelError
from scoring.indicators.document import parse_document
from scoring.indicators.model import checked, load_pack
from scoring.indicators.plain import score_plain
from scoring.notation.office_table import Identity, office_table, read_office_table
from scoring.notation.pack_text import pack_text
from scoring.notation.workbook.cells import Sheet
from xinqiao import application

BASE = "national-2024"
APP = application("model")
HEADER = ("序号", "分组", "指标", "初创期", "成长期", "稳定期", "满分值")
ROWS: tuple[tuple[Any, ...], ...] = (
    ("某市企业创新积分指标表",),
    HEADER,
    ("", "技术创新指标"),
    (1, "", "研发费用金额", 12.5, 10, "8.25", 2000000),
    (2, "", "科技人员占职工总数比例", 9, 7, 5, None),
    (3, "成长经营指标", "营业收入增长率", 7.5, 8, 0, ""),
)


def run(*words: object) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(APP, ["model", *map(str, words)])


def written(path: Path, rows: tuple[tuple[Any, ...], ...]) -> Path:
    book = Workbook()
    page = book.worksheets[0]
    for row in rows:
        page.append(list(row))
    book.save(path)
    return path


def changed(row: int, column: int, value: object) -> tuple[tuple[Any, ...], ...]:
    cells = [*ROWS[row], *[None] * (len(HEADER) - len(ROWS[row]))]
    cells[column] = value
    return (*ROWS[:row], tuple(cells), *ROWS[row + 1 :])


def imported(tmp_path: Path, rows: tuple[tuple[Any, ...], ...], *more: str) -> Result:
    return run("import", written(tmp_path / "table.xlsx", rows), "-o", tmp_path / "own.yaml", "--base", BASE, "--id", "own", "--version", "1", *more)


def test_full_marks_become_the_most_that_each_rule_gives(tmp_path: Path) -> None:
    result = imported(tmp_path, ROWS, "--title", "某市企业创新积分", "--json")
    assert result.exit_code == 0, result.output
    assert any("技术合同成交额" in remark for remark in json.loads(result.stdout)["remarks"])
    model = read_pack(str(tmp_path / "own.yaml"))
    assert (model.id, model.title.zh, [item.title.zh for item in model.indicators.values()]) == (
        "own", "某市企业创新积分", ["研发费用金额", "科技人员占职工总数比例", "营业收入增长率"],
    )  # fmt: skip
    best = {"rd_expense": 2_000_000, "rd_staff": 100, "survey_staff": 100, "revenue": 9_000_000, "revenue_previous": 1}
    fields = {name: str(best.get(name, 0)) for name in model.fields}
    assert score_plain(model, fields).total == 1250 + 900 + 750
    grown = fields | {"revenue": "9000000000", "revenue_previous": "1"}
    assert score_plain(model, grown).total == 825 + 500 + 0
    half = fields | {"rd_expense": "1000000"}
    assert score_plain(model, fields).total - score_plain(model, half).total == 625
    notes = {(part, note.status) for item in model.indicators.values() for note in item.spec.provenance for part in note.of}
    assert {("rule", "illustrative"), ("weights", "illustrative")} <= notes
    assert "2000000" in (tmp_path / "own.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["national-2024", "hangzhou-binjiang", "kunshan"])
def test_the_table_of_a_pack_makes_the_pack_that_has_this_table(name: str) -> None:
    base = parse_document(pack_bytes(name)).value
    assert isinstance(base, dict)
    table = office_table(base)
    document, _ = read_office_table(table, base, Identity("own", "1", base["title"]))
    assert isinstance(document.value, dict)
    model = load_pack(pack_text(document.value).encode())
    assert office_table(document.value) == table
    before = read_pack(name)
    for item in model.indicators.values():
        assert item.rules == before.indicators[item.id].rules
        assert [item.weight(stage.id) for stage in model.stages] == [before.indicators[item.id].weight(stage.id) for stage in model.stages]


def test_the_table_is_exported_and_read_again(tmp_path: Path) -> None:
    assert imported(tmp_path, ROWS, "--source", "某市创新积分办法").exit_code == 0
    assert run("export", tmp_path / "own.yaml", "-o", tmp_path / "again.xlsx", "--table").exit_code == 0
    page = load_workbook(tmp_path / "again.xlsx").worksheets[0]
    cells = [tuple(cell.value for cell in row) for row in page.iter_rows()]
    assert cells[0] == ("一级指标", "指标", "初创期", "成长期", "稳定期", "满分值")
    assert [row[1:6] for row in cells[1:]] == [
        ("研发费用金额", 12.5, 10, 8.25, 2000000), ("科技人员占职工总数比例", 9, 7, 5, 0.5), ("营业收入增长率", 7.5, 8, 0, None),
    ]  # fmt: skip
    note = next(note for note in read_pack(str(tmp_path / "own.yaml")).indicators["rd-expense"].spec.provenance if "weights" in note.of)
    assert (note.status, note.source) == ("published", "某市创新积分办法")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (changed(3, 2, "研发费用额"), "cell C4: '研发费用额' is no indicator of national-2024 没有此指标; the nearest is 研发费用金额"),
        (changed(4, 2, "研发费用金额"), "cell C5: 研发费用金额 has row 4 already"),
        (changed(3, 3, "很多"), "cell D4: '很多' is not a number"),
        (changed(3, 3, 1.234), "cell D4: 1.234: marks have at most two decimals"),
        (changed(3, 6, -1), "cell G4: a full-score reference is above 0"),
        (changed(5, 6, 3), "cell G6: national-2024 scores"),
        (changed(3, 2, None), "cell C4: '' is no indicator"),
        (changed(1, 4, "成熟期"), "none of the first 10 rows names every column; lacking at best 缺少: 成长期"),
        (ROWS[:3], "it has no indicator"),
        (changed(3, 3, "=1+1"), "cell D4: a formula"),
    ],
)
def test_a_mistake_is_told_by_its_cell_and_nothing_is_written(tmp_path: Path, rows: tuple[tuple[Any, ...], ...], said: str) -> None:
    result = imported(tmp_path, rows)
    assert (result.exit_code, said in result.stderr) == (2, True), result.stderr
    assert "table.xlsx, sheet " in result.stderr
    assert not (tmp_path / "own.yaml").exists()


@pytest.mark.parametrize("options", [("--base", BASE, "--id", "own"), ("--id", "own"), ("--base", "nowhere", "--id", "own", "--version", "1")])
def test_options_that_do_not_belong_together_are_refused(tmp_path: Path, options: tuple[str, ...]) -> None:
    result = run("import", written(tmp_path / "table.xlsx", ROWS), "-o", tmp_path / "own.yaml", *options)
    assert result.exit_code == 2
    assert not (tmp_path / "own.yaml").exists()


def test_what_is_rounded_is_rounded_to_a_hundredth_of_a_point(tmp_path: Path) -> None:
    assert imported(tmp_path, changed(5, 3, 0.37)).exit_code == 0
    rule: Any = read_pack(str(tmp_path / "own.yaml")).indicators["revenue-growth"].spec.rule
    assert str(rule.tiers[0].points) == "37/100"
    assert all((tier.points * 100).denominator == 1 for tier in rule.tiers)


VALUE: Any = parse_document(pack_bytes(BASE)).value


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_cell_may_be_anything_and_the_table_is_a_model_or_the_cell_is_named(data: st.DataObject) -> None:
    rows = [list(row) for row in office_table(VALUE).rows]
    for _ in range(data.draw(st.integers(1, 3))):
        row = data.draw(st.sampled_from(rows))
        cell = st.none() | st.booleans() | st.integers() | st.decimals(-400, 400, places=3) | st.text(max_size=8)
        row[data.draw(st.integers(0, len(row) - 1))] = data.draw(cell)
    said = told(tuple(map(tuple, rows)))
    assert all(line.startswith(("sheet 表", "and ")) for line in said), said


def told(rows: tuple[tuple[Any, ...], ...]) -> list[str]:
    """The lines of the error that reading these rows ends in; none where they make a model."""
    try:
        document, _ = read_office_table(Sheet("表", rows), VALUE, Identity("own", "1", VALUE["title"]))
        checked(document)
    except ModelError as error:
        return str(error).splitlines()
    return []
