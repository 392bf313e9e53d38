"""The benchmark of a whole zone: its arithmetic, its peer in the clear, its widened packs; and, slowly, one run of all of it."""

from __future__ import annotations

import pytest

from nodes.packs import shipped_pack
from scoring.indicators.functional import functional
from scoring.indicators.model import load_pack
from simulators.benchmarks.epoch import Plan, measure, percentile
from simulators.benchmarks.packs import widened
from simulators.benchmarks.plain import evaluate_plain
from simulators.benchmarks.rows import Figure, Growth, slope, to_json, to_text
from simulators.population import binjiang


@pytest.mark.parametrize("exponent", [0.5, 1.0, 2.0])
def test_the_exponent_of_a_power_law_is_found(exponent: float) -> None:
    assert slope([10, 20, 40, 80], [3 * size**exponent for size in (10, 20, 40, 80)]) == pytest.approx(exponent)


def test_a_fixed_cost_beside_a_growing_one_gives_an_exponent_below_one() -> None:
    assert 0.3 < slope([1, 2, 4, 8], [10 + 5 * size for size in (1, 2, 4, 8)]) < 0.9


def test_the_95th_percentile_of_twenty_is_the_nineteenth() -> None:
    assert percentile(range(1, 21), 95) == 19
    assert percentile([7], 95) == 7


def test_targets_bound_from_the_side_that_they_name() -> None:
    assert [Figure("f", value, "s", "≤60").met for value in (60, 60.1)] == [True, False]
    assert [Figure("f", value, "/s", "≥1500").met for value in (1500, 1499)] == [True, False]
    assert Figure("f", 1, "s").met is None


def test_documents_and_lines_say_what_was_missed() -> None:
    missed = Figure("epoch", 61.5, "s", "≤60")
    assert to_json(missed) == {"kind": "figure", "name": "epoch", "value": 61.5, "unit": "s", "target": "≤60", "met": False}
    assert "MISSED" in to_text(missed)
    growth = to_json(Growth("enterprises", (1, 2), (1.0, 2.0), (1.0, 4.0)))
    assert (growth["kind"], growth["exponent"], growth["cpu_exponent"]) == ("growth", pytest.approx(1), pytest.approx(2))


@pytest.mark.parametrize("indicators", [1, 24, 25, 70])
def test_a_widened_pack_scores_exactly_so_many_indicators(indicators: int) -> None:
    original, model = load_pack(shipped_pack("hangzhou-binjiang")), load_pack(widened(shipped_pack("hangzhou-binjiang"), indicators))
    assert sum(item.role == "points" for item in model.indicators.values()) == indicators
    assert [item.id for item in model.indicators.values() if item.role != "points"] == ["zero-filing", "credit-veto"]
    assert model.disclosures("authority") == original.disclosures("authority") == ("total",)


def test_twice_the_indicators_give_twice_the_total() -> None:
    single, double = (load_pack(widened(shipped_pack("hangzhou-binjiang"), count)) for count in (24, 48))
    population = binjiang.generate(60)
    once, twice = (evaluate_plain(model, population) for model in (single, double))
    constant = functional(single, "total", single.default_stage).constant
    assert constant == 0
    assert {uscc: 2 * total for uscc, total in once.totals.items()} == twice.totals
    assert once.ranks == twice.ranks
    assert len(set(once.totals.values())) > 10


@pytest.mark.slow
@pytest.mark.nightly
@pytest.mark.timeout(900)
def test_a_small_run_measures_everything() -> None:
    told: list[str] = []
    items = measure(Plan(2048, 10, 2, (20, 30), strict=False), told.append)
    assert sorted(type(item).__name__ for item in items if not isinstance(item, Figure)) == ["Growth", "Growth", "Row"]
    growths = [item for item in items if isinstance(item, Growth)]
    assert [(growth.of, growth.sizes) for growth in growths] == [("enterprises", (10, 20, 40, 80)), ("indicators", (24, 48, 96, 192))]
    assert all(to_json(item) and to_text(item) for item in items)
    assert len(told) > 10
