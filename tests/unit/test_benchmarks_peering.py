"""The figures of replication between zones can be measured, and the targets of F9 belong to the full size alone."""

from __future__ import annotations

import pytest

from simulators.benchmarks.peering import run


@pytest.mark.slow
@pytest.mark.nightly
@pytest.mark.timeout(300)
def test_replication_of_a_log_is_measured() -> None:
    figures = run(quick=True)
    assert [figure.target for figure in figures] == ["", "", ""]
    assert all(figure.value > 0 for figure in figures)
