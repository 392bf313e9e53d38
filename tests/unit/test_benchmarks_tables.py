"""The benchmark of tables reads what it has written, and judges by the target of a million rows in a minute."""

from __future__ import annotations

from simulators.benchmarks import tables


def test_every_row_becomes_a_record_and_the_figures_have_their_units() -> None:
    speed, memory = tables.run(quick=True)
    assert (speed.unit, memory.unit) == ("/s", "MB")
    assert speed.value > 0
    assert 10 < memory.value < 1000
    assert float(tables.TARGET_PER_S[1:]) * 60 >= 1_000_000
