"""Lines of products: slopes by stage, floor, cap, rounding, vetoes, and what a relative product promises."""

from __future__ import annotations

import pytest

from scoring.indicators.model import Model, load_pack
from scoring.rules.credit import LineResult, line_fen
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
    assert line_fen(offered, "thriving", 5000, False) == LineResult(0, "VETO_NOT_SHOWN")
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
