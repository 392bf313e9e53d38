"""``xinqiao model export|import``: nothing is lost on the way, officials can read and edit it, and what was changed is not said to be published."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from openpyxl import Workbook, load_workbook

from nodes.commands.models.workbook import read_workbook, write_workbook
from nodes.packs import read_pack, shipped_packs
from scoring.indicators.model import checked
from scoring.indicators.provenance import stale_claims
from scoring.notation.workbook.reading import read_sheets
from scoring.notation.workbook.sheets import workbook_sheets
from tests.support.workbooks import INDICATORS, MAIN, document, find, run

QUICK = ("firm-panel", "hangzhou-binjiang", "sme-tech")
AT_NIGHT = (pytest.mark.slow, pytest.mark.nightly)
PACKS = [pytest.param(name, marks=() if name in QUICK else AT_NIGHT) for name in shipped_packs()]


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
