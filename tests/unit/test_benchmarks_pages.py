"""The benchmark of pages looks at real pages of a log that it has made, and judges by the target of a page."""

from __future__ import annotations

import pytest

from simulators.benchmarks.pages import TARGET_MS, explorer_figures


@pytest.mark.slow
@pytest.mark.nightly
def test_pages_of_a_long_log_are_looked_at() -> None:
    told: list[str] = []
    figures = explorer_figures(1_000, told.append)
    assert len(figures) == 6
    assert all(figure.value > 0 and (figure.unit, figure.target) == ("ms", TARGET_MS) for figure in figures)
    assert told[0].startswith("  1,000 leaves verified")
