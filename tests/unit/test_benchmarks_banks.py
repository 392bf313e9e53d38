"""The benchmark of many banks: its zone, and, slowly, one small run."""

from __future__ import annotations

import pytest

from simulators.benchmarks.banks import Plan, measure, zone_of
from simulators.benchmarks.rows import Figure


@pytest.mark.parametrize(("wanted", "banks"), [(1, 2), (2, 2), (8, 8), (32, 32)])
def test_the_zone_has_as_many_banks_as_ask_at_once(wanted: int, banks: int) -> None:
    plan = zone_of(wanted)
    members = [member.id for member in plan.with_role("bank")]
    assert len(set(members)) == banks
    assert {process.member for process in plan.processes if "bank" in process.tables} == set(members)


@pytest.mark.slow
@pytest.mark.nightly
@pytest.mark.timeout(300)
def test_a_small_run_measures_every_level() -> None:
    items = measure(Plan(2048, (1, 3), 6, 1), lambda _text: None)
    figures = [item for item in items if isinstance(item, Figure)]
    assert len(figures) == len(items)
    assert [item.name for item in figures if "throughput" in item.name] == ["1 bank at once, throughput", "3 banks at once, throughput"]
    assert all(item.value > 0 for item in figures)
