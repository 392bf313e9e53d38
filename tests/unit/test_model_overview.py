"""``xinqiao model overview``: the page of all shipped models, with every exposure that a department accepted."""

from __future__ import annotations

from pathlib import Path

import pytest

from nodes.packs import read_pack, shipped_packs
from tests.support.workbooks import run

OVERVIEW = Path(__file__).parents[2] / "docs" / "models.md"


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
