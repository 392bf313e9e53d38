"""Percentiles of the authority and bands of the banks."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest

from scoring.errors import ModelError
from scoring.indicators.model import Model
from scoring.release.percentiles import band_of, listed, percentile, percentiles, quantile_tables
from tests.unit.scoring.conftest import shipped


def spread(count: int) -> list[int]:
    """``count`` different totals without regularity."""
    return [(7919 * position) % 20_011 for position in range(1, count + 1)]


def test_percentile_counts_those_below_and_half_of_those_equal() -> None:
    cohort = [0, 0, 0, 500, 900, 900, 1200]
    assert [percentile(total, cohort) for total in (0, 500, 900, 1200)] == [Decimal(text) for text in ("21.4", "50.0", "71.4", "92.9")]


def test_percentile_is_rounded_half_up() -> None:
    cohort = list(range(1000))  # one firm below and half of itself: 100·1.5/1000 = 0.15
    assert percentile(1, cohort) == Decimal("0.2")
    assert percentile(0, [0]) == Decimal("50.0")


def test_percentiles_of_a_stage_are_those_of_each_total() -> None:
    cohort = [total // 40 for total in spread(300)]
    assert percentiles(cohort) == {total: percentile(total, cohort) for total in set(cohort)}


@pytest.mark.parametrize(("count", "bands"), [(0, 0), (19, 0), (20, 4), (49, 4), (50, 20), (713, 20)])
def test_small_cohorts_get_coarse_bands_or_none(firm_panel: Model, count: int, bands: int) -> None:
    tables = quantile_tables(firm_panel, "total", {"S2": spread(count)})
    assert [table.stage for table in tables] == ["S1", "S2", "S3", "S4"]
    assert [(table.cohort, len(table.bands)) for table in tables] == [(0, 0), (count, bands), (0, 0), (0, 0)]
    assert tables[1].functional_hash == firm_panel.forms["total", "S2"].hash
    assert (band_of(tables[1], 1000) is None) == (bands == 0)


@pytest.mark.parametrize("count", [20, 50, 213])
def test_bands_leave_no_gap_and_show_no_firms_exact_total(firm_panel: Model, count: int) -> None:
    table = quantile_tables(firm_panel, "total", {"S1": spread(count)})[0]
    assert (table.bands[0].low, table.bands[-1].high) == (0, 20_550), "the outer edges are the model's, nobody's"
    assert (table.bands[0].percentile_from, table.bands[-1].percentile_to) == (0, 100)
    assert all(edge % 50 == 0 for band in table.bands for edge in (band.low, band.high))
    for lower, upper in pairwise(table.bands):
        assert 0 <= lower.high - upper.low <= 50
        assert lower.percentile_to == upper.percentile_from


def test_a_band_holds_its_firms_up_to_half_a_point_at_its_edges(firm_panel: Model) -> None:
    cohort = spread(213)
    table = quantile_tables(firm_panel, "total", {"S2": cohort})[1]
    outside = 0
    for total in cohort:
        shown = band_of(table, total)
        assert shown is not None
        low, high = map(int, shown.split("-"))
        assert high - low == 5
        exact = percentile(total, cohort)
        if not low <= exact <= high:
            outside += 1
            neighbour = next(band for band in table.bands if band.percentile_from == high)
            assert total - neighbour.low < 50, "only within half a point of an edge, and never better than is so"
    assert outside < 20


@pytest.mark.parametrize("ties", [1, 4, 5, 6, 10, 11, 24, 25, 60, 100])
def test_firms_with_the_same_total_are_in_the_one_band_of_their_percentile(firm_panel: Model, ties: int) -> None:
    for tied in (0, 500, 20_500):
        cohort = [tied] * ties + [total // 100 * 100 for total in spread(100 - ties)]
        table = quantile_tables(firm_panel, "total", {"S1": cohort})[0]
        for total in cohort:
            low, high = map(int, str(band_of(table, min(total, 20_500))).split("-"))
            assert low <= percentile(total, cohort) <= high, "whole points: no edge falls between two totals"


def test_tied_shares_are_one_band(firm_panel: Model) -> None:
    cohort = [0] * 24 + [total + 100 for total in spread(76)]
    table = quantile_tables(firm_panel, "total", {"S1": cohort})[0]
    assert percentile(0, cohort) == Decimal("12.0")
    assert band_of(table, 0) == "0-25"
    assert len(table.bands) == 16


def test_a_total_outside_the_model_is_in_no_band(firm_panel: Model) -> None:
    table = quantile_tables(firm_panel, "total", {"S1": spread(60)})[0]
    assert band_of(table, -1) is None
    assert band_of(table, 20_550) is None


def standings(count: int, stage: str = "seed") -> dict[str, tuple[str, int, bool]]:
    """``count`` subjects of one stage, the first with the greatest total."""
    return {f"{stage}-{place}": (stage, 10_000 - place, False) for place in range(count)}


def on_lists(totals: dict[str, tuple[str, int, bool]], stage: str = "seed") -> list[tuple[str, ...]]:
    model = shipped("longwan")
    return [listed(model, name, totals)[stage] for name in ("leaders", "contenders", "climbers")]


@pytest.mark.parametrize(("count", "sizes"), [(1, [0, 0, 0]), (9, [0, 1, 1]), (10, [0, 1, 1]), (11, [1, 0, 1]), (20, [1, 1, 2]), (200, [10, 10, 20])])
def test_lists_take_their_share_of_each_stage(count: int, sizes: list[int]) -> None:
    found = on_lists(standings(count) | standings(7, "mature"))
    assert [len(part) for part in found] == sizes
    assert [subject for part in found for subject in part] == [f"seed-{place}" for place in range(sum(sizes))], "the best, best first"


def test_equal_totals_stand_on_the_same_list() -> None:
    tied = {subject: (stage, min(total, 9_996), gated) for subject, (stage, total, gated) in standings(100).items()}
    leaders, contenders, _ = on_lists(tied)
    assert leaders == ("seed-0", "seed-1", "seed-2", "seed-3", "seed-4"), "5 of 100 share the first place: 2.5 % from the top"
    assert contenders == ("seed-5", "seed-6", "seed-7", "seed-8", "seed-9")
    tied = {subject: (stage, min(total, 9_989), gated) for subject, (stage, total, gated) in standings(100).items()}
    assert [len(part) for part in on_lists(tied)] == [0, 12, 8], "12 of 100 share the first place: 6 % from the top, so nobody leads"


def test_gated_subjects_are_counted_and_never_listed() -> None:
    losses = {subject: (stage, -total, False) for subject, (stage, total, _) in standings(40).items()}
    gated = {"gated": ("seed", 9_999, True)}
    leaders, contenders, climbers = on_lists(losses | gated)
    assert leaders == ("seed-39",), "the gated one has 0 points, and its place above the others stays empty"
    assert "gated" not in (*leaders, *contenders, *climbers)


def test_an_unknown_list_is_named() -> None:
    with pytest.raises(ModelError, match="longwan@1 has no list 'winners'"):
        listed(shipped("longwan"), "winners", {})
