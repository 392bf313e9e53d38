"""Lines of products: slopes by stage, figures, floor, cap, rounding, vetoes, conditions, and what a relative product promises."""

from __future__ import annotations

from typing import Any

import pytest

from scoring.errors import ModelError
from scoring.indicators.model import Model, load_pack
from scoring.rules.credit import LineResult, line_fen
from scoring.rules.points import points_report
from tests.oracles import small_pack

YUAN = 100
CLEAR = {"credit-veto": 0}


def test_a_line_is_base_and_slope_rounded_down_between_floor_and_cap(small: Model) -> None:
    product = small.products["line"]
    for stage, total, yuan in (
        ("small", 0, 500_000),
        ("small", -900, 500_000),
        ("small", 999, 500_000),
        ("small", 1000, 510_000),
        ("large", 1000, 520_000),
        ("large", 1999, 530_000),
        ("large", 20_000, 900_000),
        ("large", 1_000_000, 900_000),
    ):
        assert line_fen(product, stage, total, False) == LineResult(yuan * YUAN, "OFFERED"), (stage, total)


def test_a_slope_may_be_any_exact_number_of_yuan_a_point() -> None:
    pack = small_pack.document()
    pack["products"]["line"]["line"] |= {"slope": {"small": 0.07, "large": 0}, "base": 0, "floor": 0, "round_to": 1}
    model = load_pack(small_pack.to_bytes(pack))
    assert [line_fen(model.products["line"], "small", total, False).line_fen for total in (1428, 1429, 2857, 2858)] == [0, 100, 100, 200]


def test_floors_never_apply_to_a_gated_enterprise(small: Model) -> None:
    assert line_fen(small.products["line"], "small", 9999, True) == LineResult(0, "NOT_ELIGIBLE")


def test_a_total_below_the_products_minimum_gets_no_line() -> None:
    pack = small_pack.document()
    pack["products"]["line"]["minimum_total"] = 12.5
    product = load_pack(small_pack.to_bytes(pack)).products["line"]
    assert line_fen(product, "small", 1249, False) == LineResult(0, "BELOW_MINIMUM")
    assert line_fen(product, "small", 1250, False).reason == "OFFERED"


@pytest.mark.parametrize("product", ["base-line", "zheke-loan"])
def test_grade_d_is_refused_and_an_unseen_veto_is_no_good_news(hangzhou: Model, product: str) -> None:
    offered = hangzhou.products[product]
    assert offered.vetoes == ("credit-veto",)
    assert line_fen(offered, "thriving", 5000, False, {"credit-veto": 100}) == LineResult(0, "VETOED")
    assert line_fen(offered, "thriving", 5000, False) == LineResult(0, "NOT_SHOWN")
    assert line_fen(offered, "thriving", 5000, False, CLEAR).reason == "OFFERED"
    assert line_fen(offered, "thriving", 5000, True, CLEAR) == LineResult(0, "NOT_ELIGIBLE")


def test_the_base_line_of_hangzhou_is_at_least_half_a_million(hangzhou: Model) -> None:
    product = hangzhou.products["base-line"]
    for stage in hangzhou.stages:
        for total in range(-1000, 11_801, 100):
            line = line_fen(product, stage.id, total, False, CLEAR).line_fen
            assert 50_000_000 <= line <= 500_000_000


def test_zheke_loan_is_a_third_more_and_a_year_longer_at_every_total(hangzhou: Model) -> None:
    base, more = hangzhou.products["base-line"], hangzhou.products["zheke-loan"]
    assert more.term_months >= base.term_months + 12
    for stage in hangzhou.stages:
        for total in range(-1000, 11_801, 7):
            lower, upper = (line_fen(product, stage.id, total, False, CLEAR).line_fen for product in (base, more))
            assert 10 * upper >= 13 * lower
            assert upper % (10_000 * YUAN) == 0


def test_a_line_never_falls_when_the_total_rises(firm_panel: Model) -> None:
    product = firm_panel.products["base-line"]
    for stage in firm_panel.stages:
        lines = [line_fen(product, stage.id, total, False).line_fen for total in range(0, 21_000, 50)]
        assert lines == sorted(lines)
        assert all(type(line) is int for line in lines)


def figure(rule: dict[str, Any], bounds: tuple[int, int], unit: str = "10k yuan", **more: Any) -> dict[str, Any]:
    """A figure of record ``books`` that banks are given."""
    notes = [{"of": ["name", "rule"], "status": small_pack.MADE_UP}]
    title = small_pack.TITLE
    shape = {"title": title, "role": "figure", "record": "books", "unit": unit, "definition": title, "rule": rule, "bounds": list(bounds)}
    return shape | {"open_to": ["bank"], "provenance": notes} | more


MEAN = {"kind": "linear", "of": "mean(size, x)", "reference": 10_000_000, "points": 1000}  # in 10,000 yuan, at most 10 million yuan


def by_revenue(**line: Any) -> dict[str, Any]:
    """The small pack with a product whose line is mean revenue, for enterprises that are listed."""
    pack = small_pack.document()
    pack["indicators"] |= {
        "mean-revenue": figure(MEAN, (0, 1000)),
        "is-listed": figure({"kind": "flag", "of": "listed", "points": 1}, (0, 1), "0 or 1"),
    }
    product = pack["products"]["line"]
    product["line"] = {"base": 0, "figures": {"mean-revenue": 10_000}, "floor": 0, "cap": 10_000_000, "round_to": 10_000} | line
    product["eligibility"] = ["is-listed"]
    return pack


def test_a_line_follows_an_opened_figure_between_floor_and_cap() -> None:
    product = load_pack(small_pack.to_bytes(by_revenue())).products["line"]
    assert product.openings == ("total", "is-listed", "mean-revenue")
    for hundredths, yuan in ((0, 0), (99, 0), (100, 10_000), (12_345, 1_230_000), (99_999, 9_990_000), (100_000, 10_000_000)):
        assert line_fen(product, "small", 9999, False, {"is-listed": 100, "mean-revenue": hundredths}) == LineResult(yuan * YUAN, "OFFERED")


def test_total_and_figures_add_up_in_one_line() -> None:
    product = load_pack(small_pack.to_bytes(by_revenue(base=500_000, slope={"small": 1000, "large": 0}, floor=500_000))).products["line"]
    shown = {"is-listed": 100, "mean-revenue": 2_000}
    assert line_fen(product, "small", 3_000, False, shown).line_fen == 730_000 * YUAN
    assert line_fen(product, "large", 3_000, False, shown).line_fen == 700_000 * YUAN
    assert line_fen(product, "small", -3_000, False, shown | {"mean-revenue": -5}).line_fen == 500_000 * YUAN


def test_a_condition_that_is_not_met_or_not_shown_refuses_whatever_the_figures_say() -> None:
    product = load_pack(small_pack.to_bytes(by_revenue(floor=10_000))).products["line"]
    assert line_fen(product, "small", 9999, False, {"is-listed": 0, "mean-revenue": 50_000}) == LineResult(0, "CONDITION_NOT_MET")
    assert line_fen(product, "small", 9999, False, {"mean-revenue": 50_000}) == LineResult(0, "NOT_SHOWN")
    assert line_fen(product, "small", 9999, False, {"is-listed": 100}) == LineResult(0, "NOT_SHOWN")
    assert line_fen(product, "small", 9999, True, {"is-listed": 100, "mean-revenue": 50_000}) == LineResult(0, "NOT_ELIGIBLE")


def test_a_relative_product_opens_what_its_base_needs() -> None:
    pack = by_revenue()
    title = small_pack.TITLE
    relative = {"to": "line", "times": {"small": 1.5, "large": 2}, "round_to": 10_000}
    pack["products"]["more"] = {"title": title, "functional": "total", "relative": relative, "term_months": 24, "rate_rule": title}
    pack["product_provenance"]["more"] = [{"of": ["line", "terms"], "status": small_pack.MADE_UP}]
    product = load_pack(small_pack.to_bytes(pack)).products["more"]
    assert product.openings == ("total", "is-listed", "mean-revenue")
    assert line_fen(product, "small", 0, False, {"is-listed": 100, "mean-revenue": 300}).line_fen == 50_000 * YUAN
    assert line_fen(product, "small", 0, False, {"is-listed": 0, "mean-revenue": 300}).reason == "CONDITION_NOT_MET"


@pytest.mark.parametrize(
    ("now", "before", "hundredths", "missing"),
    [("3000000", "1000000", 20_000, ()), ("3000000", None, 30_000, ("x",)), (None, None, 0, ("size", "x")), ("99999999", "1", 100_000, ()),
     ("-5", "0", 0, ()), ("12350", "0", 62, ())],
)  # fmt: skip
def test_mean_revenue_is_that_of_the_years_there_are_and_says_nothing_beyond_the_cap(
    now: str | None, before: str | None, hundredths: int, missing: tuple[str, ...]
) -> None:
    model = load_pack(small_pack.to_bytes(by_revenue()))
    report = points_report(model, "mean-revenue", {"size": now, "x": before}, "small")
    assert (report.hundredths, report.missing) == (hundredths, missing)


def test_a_figure_enters_no_total_and_is_given_to_those_it_names() -> None:
    model = load_pack(small_pack.to_bytes(by_revenue()))
    assert [term.indicator for term in model.forms["total", "small"].terms] == ["first", "second", "closed"]
    assert (model.disclosures("authority"), model.disclosures("bank")) == (("total",), ("total", "mean-revenue", "is-listed"))
    assert model.read(model.forms["mean-revenue", "small"], 100_000).value_hundredths == 100_000
    assert model.slot_bits == load_pack(small_pack.to_bytes(small_pack.document())).slot_bits


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"open_to": []}, "a figure states its unit, and to whom it is open"),
        ({"unit": ""}, "a figure states its unit, and to whom it is open"),
        ({"weights": 1}, "a gate, a veto or a figure has neither"),
        ({"rule": {"kind": "flag", "of": "listed", "points": -1}, "bounds": [-1, 0]}, "a figure counts from 0"),
        ({"bounds": [0, 10**11]}, "a figure is below 1.09951e"),
        ({"open_to": ["authority"]}, "mean-revenue is not an indicator of role figure that is open to banks"),
        ({"rule": MEAN | {"of": "mean(size, grade)"}}, "grade is read as number"),
        ({"rule": MEAN | {"of": "mean(size)"}}, r"a value is FIELD, FIELD / FIELD, longest_run\(FIELD\) or mean"),
    ],
)
def test_a_figure_that_cannot_be_opened_is_refused(change: dict[str, Any], said: str) -> None:
    pack = by_revenue()
    pack["indicators"]["mean-revenue"] |= change
    with pytest.raises(ModelError, match=said):
        load_pack(small_pack.to_bytes(pack))
