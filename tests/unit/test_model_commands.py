"""``xinqiao model``: what is printed, the files written, exit codes, and errors that name file, line and path."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from nodes.commands.models.model import app
from nodes.packs import pack_path, read_pack, shipped
from scoring.errors import ModelError
from scoring.indicators.compare import differences
from tests.oracles import firm_panel as panel
from tests.oracles import hangzhou as binjiang_rule

ROOT = Path(__file__).parents[2]
PANEL = ROOT / "simulators" / "data" / "firm_panel.csv"


def run(*words: str | Path) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, [str(word) for word in words])  # as wide wherever the tests run


def answer(*words: str | Path) -> Any:
    """The one JSON document of a command that succeeds."""
    result = run(*words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture
def panel_file(tmp_path: Path) -> Path:
    """The panel under the column names of RECORDS.csv: ``subject`` for the company."""
    path = tmp_path / "panel.csv"
    path.write_text(PANEL.read_text(encoding="utf-8").replace("company,", "subject,", 1), encoding="utf-8")
    return path


@pytest.fixture
def changed_pack(tmp_path: Path) -> Path:
    """firm-panel with a greater weight of rd in S1, as version 2."""
    text = pack_path("firm-panel").read_text(encoding="utf-8")
    path = tmp_path / "changed.yaml"
    path.write_text(
        text.replace('version: "1"', 'version: "2"').replace("{S1: 3, S2: 3, S3: 2, S4: 2}", "{S1: 4, S2: 3, S3: 2, S4: 2}"), encoding="utf-8"
    )
    return path


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_score_writes_the_agreed_columns_and_the_right_totals(panel_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    document = answer("score", "firm-panel", panel_file, "--year", "1995", "-o", out)
    assert (document["subjects"], document["gated"], document["qualified"]) == (715, 0, None)
    assert document["missing"] == {"market_value_musd": 2, "sales_musd_previous": 13}
    text = out.read_bytes()
    assert text.startswith(b"subject,stage,rd,patents,citations,staff,growth,value,total,gated\n")
    assert b"\r" not in text
    records = panel.records(rows_of(PANEL), 1995)
    for row in rows_of(out):
        expected = panel.total(records[row["subject"]])
        assert row["total"] == f"{expected // 100}.{expected % 100:02d}"
        assert row["stage"] == panel.stage(records[row["subject"]])
        assert row["gated"] == "0"


def test_score_without_a_year_takes_previous_figures_from_their_own_column(tmp_path: Path) -> None:
    records = tmp_path / "records.csv"
    records.write_text("subject,sales_musd,sales_musd_previous,patents\na,130,100,3\nb,99,,\n", encoding="utf-8")
    result = run("score", "firm-panel", records)
    assert result.exit_code == 0
    assert result.stdout == (
        "subject,stage,rd,patents,citations,staff,growth,value,total,gated\n"
        "a,S2,0.00,0.75,0.00,0.00,10.00,0.00,21.50,0\n"
        "b,S1,0.00,0.00,0.00,0.00,0.00,0.00,0.00,0\n"
    )
    assert "no column, so missing for every subject: rd_stock_musd" in result.stderr


def test_score_with_the_five_published_fields_of_hangzhou(tmp_path: Path) -> None:
    records, out = tmp_path / "records.csv", tmp_path / "out.csv"
    lines = ["subject,credit_grade,court_enforced,dishonest,zero_filing_months,revenue"]
    lines += ["1,M,0,0,,150000000", "2,B,0,1,2023-01;2023-02;2023-03,150000000", "3,AA,1,0,2023-01;2023-02,150000000", "4,D,0,0,,"]
    records.write_text("\n".join(lines) + "\n", encoding="utf-8")
    document = answer("score", "hangzhou-binjiang", records, "-o", out)
    assert (document["gated"], document["vetoed"]) == (1, 1)
    found = [(row["stage"], row["credit"], row["total"], row["gated"]) for row in rows_of(out)]
    assert found == [
        ("thriving", "8.00", "9.60", "0"), ("thriving", "5.00", "0.00", "1"), ("thriving", "-10.00", "-8.40", "0"), ("seed", "-10.00", "-10.00", "0"),
    ]  # fmt: skip
    assert [binjiang_rule.total(row) for row in rows_of(records)] == [960, 0, -840, -1000]


def test_score_of_sme_tech_counts_those_who_qualify(tmp_path: Path) -> None:
    records = tmp_path / "records.csv"
    records.write_text(
        "subject,staff,rd_staff,sales,rd_expense,cost,ip_class1,ip_class2\na,10,3,1000,60,900,1,0\nb,10,0,1000,60,900,1,0\n", encoding="utf-8"
    )
    document = answer("score", "sme-tech", records)
    assert document["qualified"] == 1
    assert [row["total"] for row in document["rows"]] == ["100.00", "80.00"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("company,sales_musd\na,1\n", "line 1: there is no column subject"),
        ("subject,sales_musd\na,1\na,2\n", "line 3: the subject has a row already"),
        ("subject,sales_musd\n,1\n", "line 2: the subject is empty"),
        ("subject,sales_musd\na,1,2\n", "line 2: 2 cells are expected"),
        ("subject,sales_musd\na\n", "line 2: 2 cells are expected"),
        ("subject,patents\na,1\nb,1.5\n", "line 3, column patents: a whole number is expected"),
        ("subject,sales_musd\na,-1\n", "line 2, column sales_musd: a number >= 0 is expected"),
        ("subject,sales_musd\na,abc\n", "line 2, column sales_musd: a finite decimal number is expected"),
        ("subject,subject\na,b\n", "line 1: a column is named twice"),
        ('subject,sales_musd\na,"1\n', "not CSV"),
        ("", "line 1: there is no column subject"),
    ],
)
def test_a_bad_records_file_is_named_with_line_and_column(tmp_path: Path, text: str, said: str) -> None:
    records = tmp_path / "records.csv"
    records.write_text(text, encoding="utf-8")
    result = run("score", "firm-panel", records)
    assert result.exit_code == 2
    assert f"{records}, " in result.stderr
    assert said in result.stderr
    assert result.stdout == ""


def test_bytes_that_are_no_text_are_a_bad_input_file(tmp_path: Path) -> None:
    records = tmp_path / "records.csv"
    records.write_bytes(b"subject,sales_musd\n\xff,1\n")
    assert run("score", "firm-panel", records).exit_code == 2
    assert run("score", "firm-panel", tmp_path / "none.csv").exit_code == 2


def test_years_are_checked(tmp_path: Path) -> None:
    records = tmp_path / "records.csv"
    for text, said in (
        ("subject,sales_musd\na,1\n", "there is no column year"),
        ("subject,year,sales_musd\na,1995,1\na,1995,2\n", "line 3: subject and year are there already"),
        ("subject,year,sales_musd\na,199x,1\n", "line 2, column year: a year is expected"),
    ):
        records.write_text(text, encoding="utf-8")
        result = run("score", "firm-panel", records, "--year", "1995")
        assert result.exit_code == 2
        assert said in result.stderr


def test_an_unknown_pack_is_answered_with_those_there_are() -> None:
    result = run("show", "nowhere", "--json")
    assert result.exit_code == 2
    assert json.loads(result.stdout)["error"] == "MODEL_INVALID"
    assert ", ".join(name for name in shipped() if "@" not in name) in result.stderr


def test_a_broken_pack_is_named_by_file_line_and_path(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text(pack_path("sme-tech").read_text(encoding="utf-8").replace("bounds: [0, 20]", "bounds: [0, 19]"), encoding="utf-8")
    result = run("show", broken)
    assert result.exit_code == 2
    assert f"{broken}, line " in result.stderr
    assert "indicators.rd-staff.rule: gives points from 0 to 20, outside the bounds 0 to 19" in result.stderr


@pytest.mark.parametrize("name", ["firm-panel", "sme-tech", "hangzhou-binjiang", "firm-panel@1"])
def test_show_tells_every_indicator_with_owner_rule_and_provenance(name: str) -> None:
    model = read_pack(name)
    document = answer("show", name)
    assert [item["id"] for item in document["indicators"]] == list(model.indicators)
    assert all(item["owner"] and item["rule"] and item["provenance"] for item in document["indicators"])
    assert document["sha256"] == model.sha256
    text = run("show", name).stdout
    for indicator in model.indicators.values():
        assert indicator.title.zh in text.replace("\n", "") or indicator.id in text
        assert indicator.owner.name in text


@pytest.mark.parametrize("name", ["hangzhou-binjiang", "huaian", "firm-panel"])
def test_show_tells_all_that_each_audience_learns(name: str) -> None:
    """The page of all models says the same."""
    document, text = answer("show", name), run("show", name).stdout
    page = (ROOT / "docs" / "models.md").read_text(encoding="utf-8").partition("### Who sees what")[2]
    row = next(line for line in page.splitlines() if line.startswith(f"| `{name}`")).split("|")
    for audience, cell in (("authority", row[2]), ("bank", row[3])):
        given = document["audiences"][audience]
        assert [*given["functionals"], *given["single"]] == [part.strip().strip("`") for part in cell.split(",")]
        line = next(line for line in text.splitlines() if f" {audience}  " in line)
        assert all(f" {part}" in " ".join(text[text.index(line) :].partition("企业")[0].split()) for part in given["single"])
    assert "单项 single indicators" in text
    assert set(document["audiences"]["bank"]["exposed"]) == {item["indicator"] for item in document["exposures"] if "bank" in item["audiences"]}


def test_show_is_short_groups_numbers_and_gives_a_reason_once() -> None:
    text, full = run("show", "suzhou-snd").stdout, run("show", "suzhou-snd", "--full").stdout
    assert len(text.splitlines()) < 400
    assert not re.search(r"(?<![0-9a-f])[0-9]{5,}(?![0-9a-f])", text.replace(read_pack("suzhou-snd").sha256, ""))
    assert "{500,000 | 3,000,000 |" in text
    assert text.count("guessed right without a") == 1
    assert full.count("guessed right") > 20
    assert full.count("startup: 1 ·") > 20


def test_diff_of_a_pack_with_itself_is_empty() -> None:
    assert answer("diff", "firm-panel", "firm-panel@1")["differences"] == []
    assert run("diff", "firm-panel", "firm-panel").stdout == "The packs say the same. 两个指标包相同。\n"


def test_diff_says_what_changes_and_for_whom(changed_pack: Path, panel_file: Path) -> None:
    document = answer("diff", "firm-panel", changed_pack, "--records", panel_file, "--year", "1995")
    assert document["differences"] == [
        {"path": "version", "before": "1", "after": "2"},
        {"path": "indicators.rd.weights.S1", "before": "3", "after": "4"},
    ]
    records = panel.records(rows_of(PANEL), 1995)
    rising = {company for company, record in records.items() if panel.stage(record) == "S1" and panel.points(record)[0] > 0}
    assert {change["subject"] for change in document["subjects"]["changes"]} == rising
    first = document["subjects"]["stages"][0]
    assert (first["stage"], first["subjects"], first["rises"], first["falls"]) == ("S1", 118, len(rising), 0)
    gained = sum(panel.points(records[company])[0] for company in rising)
    assert first["sum_of_differences"] == f"{gained // 100}.{gained % 100:02d}"
    text = run("diff", "firm-panel", changed_pack, "--records", panel_file, "--year", "1995").stdout
    assert "indicators.rd.weights.S1: 3 -> 4" in text
    assert f"stage S1: 118 subjects, {len(rising)} rise, 0 fall" in text


@pytest.mark.parametrize(("place", "word"), [(0, "added"), (1, "added"), (3, "added"), (1, "removed")])
def test_a_tier_that_came_or_went_is_told_once(place: int, word: str, tmp_path: Path) -> None:
    lines = pack_path("firm-panel").read_text(encoding="utf-8").splitlines()
    first = next(number for number, line in enumerate(lines) if "at_least: 0.30, points: 10" in line)
    if word == "added":
        lines.insert(first + place, f"        - {{at_least: {('0.50', '0.20', '', '-0.10')[place]}, points: {('10', '8', '', '0')[place]}}}")
    else:
        del lines[first + place]
    path = tmp_path / "tiers.yaml"
    path.write_text("\n".join(lines), encoding="utf-8")
    (found,) = answer("diff", "firm-panel", path)["differences"]
    assert found["path"] == f"indicators.growth.rule.tiers[{place}]"
    assert (found["before"] is None, found["after"] is None) == (word == "added", word == "removed")
    assert f"tiers[{place}]: {'新增 added' if word == 'added' else '删去 removed'}: at_least: " in run("diff", "firm-panel", path).stdout


def test_differences_name_what_only_one_pack_has() -> None:
    found = {difference.path: difference for difference in differences(read_pack("firm-panel"), read_pack("sme-tech"))}
    assert found["indicators.rd.rule.reference"].after is None
    assert found["indicators.rd-expense.rule.rules[0].tiers[0].at_least"].before is None
    assert found["indicators.rd-expense.rule.rules[0].tiers[0].at_least"].after == "0.06"
    assert found["id"].before == "firm-panel"


def test_records_prints_the_committed_list() -> None:
    result = run("records")
    assert result.exit_code == 0
    assert result.stdout == (ROOT / "docs" / "records.md").read_text(encoding="utf-8")


def test_a_packs_file_is_named_after_what_it_holds() -> None:
    packs = shipped()
    for name in (name for name in packs if "@" in name):
        model = read_pack(name)
        assert name == f"{model.id}@{model.version}"
        assert (packs[name].name, packs[model.id].name) == (f"{name}.yaml", f"{name}.yaml"), "there is one version of each"
    with pytest.raises(ModelError, match="neither a file nor a shipped pack"):
        pack_path("firm-panel@99")
