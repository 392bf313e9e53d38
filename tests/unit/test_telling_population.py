"""The population of the fault tests tells on whoever loses, doubles or mixes up a contribution."""

from __future__ import annotations

import pytest

from nodes.packs import shipped_pack
from scoring.indicators.model import load_pack
from scoring.rules.points import points_report
from simulators.population.tables import Firm
from tests.oracles import firm_panel as oracle
from tests.support.faults.population import INDICATORS, explain, slips, telling_population, totals_of

POPULATION = telling_population(40)
FIRMS = pytest.mark.parametrize("firm", POPULATION.firms, ids=lambda firm: firm.company)


@FIRMS
def test_points_are_those_of_the_model(firm: Firm) -> None:
    model = load_pack(shipped_pack("firm-panel"))
    stage = model.stage_of(firm.values)
    assert stage == oracle.stage(firm.values)
    assert tuple(points_report(model, name, firm.values, stage).hundredths for name in INDICATORS) == oracle.points(firm.values)


@FIRMS
def test_no_single_slip_leaves_the_total_as_it_was(firm: Firm) -> None:
    right = totals_of(POPULATION)[firm.uscc]
    for slip in slips(POPULATION, firm):
        if slip.indicator != "growth" or not slip.what.startswith("taken"):
            assert slip.total != right, slip


@FIRMS
def test_loss_and_double_count_of_every_indicator_can_be_told_apart(firm: Firm) -> None:
    plain = [slip.total for slip in slips(POPULATION, firm) if slip.what in {"lost", "counted twice"}]
    assert len(plain) == len(set(plain)) == 2 * len(INDICATORS)


def test_points_of_every_indicator_but_growth_differ_between_firms() -> None:
    for place, name in enumerate(INDICATORS):
        found = {oracle.points(firm.values)[place] for firm in POPULATION.firms}
        assert 0 not in found
        assert len(found) == (3 if name == "growth" else 40)


def test_a_wrong_total_is_explained() -> None:
    firm = POPULATION.firms[0]
    lost = next(slip for slip in slips(POPULATION, firm) if slip.what == "lost" and slip.indicator == "patents")
    assert "patents lost" in explain(POPULATION, firm.uscc, lost.total)
