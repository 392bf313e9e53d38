"""Every fault that the specifications list is shown by a test that exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COLUMNS = ["fault", "what must hold", "tests"]


def rows() -> list[list[str]]:
    """Rows of every table of the specifications that has these columns."""
    found: list[list[str]] = []
    for document in sorted((ROOT / "docs" / "specs").glob("*.md")):
        within = False
        for line in document.read_text(encoding="utf-8").splitlines():
            cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
            within = cells == COLUMNS or (within and bool(cells))
            if within and cells != COLUMNS and set(cells[0]) != {"-"}:
                found.append(cells)
    return found


def test_the_log_and_the_zone_have_their_faults_listed() -> None:
    assert len(rows()) >= 17


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0][:60])
def test_a_row_is_complete_and_its_tests_exist(row: list[str]) -> None:
    assert len(row) == 3
    assert all(row)
    named = re.findall(r"`([^`]+)`", row[2])
    assert named, "a fault names the test that shows what is claimed"
    for name in named:
        file, _, function = name.partition("::")
        path = ROOT / "tests" / file
        assert path.is_file(), f"{name}: no such file"
        assert re.search(rf"^def {re.escape(function)}\(", path.read_text(encoding="utf-8"), re.MULTILINE), f"{name}: no such test"
