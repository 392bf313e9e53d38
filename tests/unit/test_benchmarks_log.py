"""The log's figures can be measured, and each target of L8 has one."""

from __future__ import annotations

import pytest

from simulators.benchmarks.log import run


@pytest.mark.slow
def test_every_target_of_the_log_has_a_figure() -> None:
    figures = run(quick=True)
    assert [figure.target for figure in figures if figure.target] == ["≥1500", "≥20000", "≤2"]
    assert all(figure.value > 0 for figure in figures)
    assert all(figure.met is not None for figure in figures if figure.target)
