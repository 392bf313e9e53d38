"""The audit's figure can be measured, and the target of L8 belongs to the full size alone."""

from __future__ import annotations

import pytest

from simulators.benchmarks.audit import QUICK_LEAVES, run
from simulators.benchmarks.rows import Figure, Growth


@pytest.mark.slow
@pytest.mark.nightly
@pytest.mark.timeout(600)
def test_audit_of_a_synthetic_log_is_measured_at_four_sizes() -> None:
    figure, growth = run(quick=True)
    assert isinstance(figure, Figure)
    assert isinstance(growth, Growth)
    assert (figure.value > 0, figure.target) == (True, "")
    assert growth.sizes == (QUICK_LEAVES // 8, QUICK_LEAVES // 4, QUICK_LEAVES // 2, QUICK_LEAVES)
    assert all(seconds > 0 for seconds in (*growth.seconds, *growth.cpu_s))
