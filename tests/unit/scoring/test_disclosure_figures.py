"""The admission lint finds the figures that were tried on paper, from outside this program [P7.1]."""

from __future__ import annotations

import pytest

from scoring.disclosure.lint import lint
from scoring.indicators.model import Model
from tests.support.disclosure import refused, worst
from tests.support.models import item, model, tiers


@pytest.mark.parametrize(("place", "ratio"), [(0, 0.54), (1, 0.53), (2, 0.63), (3, 0.71)])
def test_firm_panel_has_the_ratios_that_were_tried(firm_panel: Model, place: int, ratio: float) -> None:
    least, pinned = worst(lint(firm_panel), place=place)
    assert least == pytest.approx(ratio, abs=0.005)
    assert pinned <= 0.002


def test_sme_tech_has_the_figures_that_were_tried(sme_tech: Model) -> None:
    least, pinned = worst(lint(sme_tech))
    assert least == pytest.approx(0.50, abs=0.005)
    assert pinned == pytest.approx(0.056, abs=0.0005)


MIXED = (tiers(3, 6, 10), tiers(4, 8, 12, 16, 20), tiers(-10, 5, 8, 10))  # growth of firm-panel, R&D staff of sme-tech, Hangzhou's credit table


def three(weights: tuple[int, int, int]) -> Model:
    return model({name: item(name, rule, weight) for name, rule, weight in zip(("tax", "science", "ip"), MIXED, weights, strict=True)})


def test_three_tiers_of_weight_one_have_the_figures_that_were_tried() -> None:
    assert worst(lint(three((1, 1, 1)))) == pytest.approx((0.56, 0.18), abs=0.006)


def test_weights_7_11_13_on_three_tiers_say_almost_everything() -> None:
    least, pinned = worst(lint(three((7, 13, 11))))
    assert least == pytest.approx(0.145, abs=0.02)
    assert pinned == pytest.approx(0.80, abs=0.02)


def test_radix_weights_on_three_tiers_say_everything_though_no_combination_isolates() -> None:
    report = lint(three((1, 101, 10201)))
    assert worst(report) == (0.0, 1.0)
    assert refused(report) == {"ratio", "pinned"}


def test_twenty_four_tiers_say_little() -> None:
    many = {f"{name}-{place}": item(name, rule) for place in range(8) for name, rule in zip(("tax", "science", "ip"), MIXED, strict=True)}
    least, pinned = worst(lint(model(many)))
    assert least >= 0.89
    assert pinned <= 0.0001
