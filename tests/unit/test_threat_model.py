"""Every control of the threat model is shown by a test that exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
COLUMNS = ("asset", "attacker", "attack", "control", "default", "spec", "test")


def rows() -> list[dict[str, str]]:
    """The table under "Controls"."""
    section = TEXT.split("## Controls", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert tuple(cells[0]) == COLUMNS
    return [dict(zip(COLUMNS, row, strict=True)) for row in cells[2:]]


def named_tests(row: dict[str, str]) -> list[str]:
    return re.findall(r"`([^`]+)`", row["test"])


def test_table_is_not_empty() -> None:
    assert len(rows()) >= 20


@pytest.mark.parametrize("row", rows(), ids=lambda row: row["attack"][:60])
def test_row_is_complete_and_its_tests_exist(row: dict[str, str]) -> None:
    assert all(row[column] for column in COLUMNS), "no cell is empty"
    assert named_tests(row), "a control names the test that shows it"
    for name in named_tests(row):
        file, separator, function = name.partition("::")
        path = ROOT / "tests" / file
        assert separator, name
        assert path.is_file(), f"{name}: no such file"
        assert re.search(rf"^\s*(?:async )?def {re.escape(function)}\(", path.read_text(encoding="utf-8"), re.MULTILINE), f"{name}: no such test"


def test_accepted_exposures_and_limits_are_stated() -> None:
    for heading in ("Accepted exposures", "Not yet", "What an opening reveals", "Assumptions and limits"):
        assert f"\n## {heading}\n" in TEXT
