"""Every shipped pack has a population to run on: each field has values that the model reads, and gaps that are few; the same for a seed."""

from __future__ import annotations

import warnings
from datetime import date

import pytest

from crypto.subjects import OuterCheckCharacterWarning, check_uscc
from nodes.packs import lends, shipped_pack, shipped_packs
from scoring.indicators.model import Model, load_pack
from scoring.indicators.plain import score_plain
from simulators.population import firm_panel
from simulators.population.generate import generate, owners_of
from simulators.population.tables import Population
from simulators.population.trade import DECLARED_FIELDS
from simulators.zone.layout import ZonePlan, plan_for

COUNT = 300
SIMULATED = [name for name in shipped_packs() if name != firm_panel.PACK]
MAY_BE_YOUNG = ("previous", "before", "last", "ago")  # figures that an enterprise of this year cannot have


@pytest.fixture(scope="module", params=SIMULATED)
def simulated(request: pytest.FixtureRequest) -> tuple[Model, ZonePlan, Population]:
    model = load_pack(shipped_pack(request.param))
    plan = plan_for([model])
    return model, plan, generate(model, plan, COUNT, seed=3)


def test_a_seed_gives_one_population(simulated: tuple[Model, ZonePlan, Population]) -> None:
    model, plan, population = simulated
    assert generate(model, plan, COUNT, seed=3) == population
    assert generate(model, plan, COUNT, seed=4) != population


def test_each_field_has_readable_values_and_few_gaps(simulated: tuple[Model, ZonePlan, Population]) -> None:
    model, _, population = simulated
    for name, field in model.fields.items():
        found = [firm.values[name] for firm in population.firms if name in firm.values]
        for text in found:
            field.parse(text)
        least = 0.2 if name in DECLARED_FIELDS else 0.6 if any(word in name for word in MAY_BE_YOUNG) else 0.9  # few export
        assert len(found) >= least * COUNT, name
        assert len(set(found)) > 1, f"{name} is the same for everybody"


def test_every_enterprise_can_be_scored_and_totals_differ(simulated: tuple[Model, ZonePlan, Population]) -> None:
    model, _, population = simulated
    scores = [score_plain(model, firm.values) for firm in population.firms]
    assert len({score.total for score in scores}) > (COUNT / 20 if lends(model.id) else 1)  # libraries and policies count criteria that are met
    assert {score.stage for score in scores} <= {stage.id for stage in model.stages}


def test_identities_are_valid_and_of_the_zone(simulated: tuple[Model, ZonePlan, Population]) -> None:
    _, plan, population = simulated
    assert len({firm.uscc for firm in population.firms}) == len({firm.company for firm in population.firms}) == COUNT
    assert {firm.division for firm in population.firms} == {county.code for county in plan.place.counties}
    with warnings.catch_warnings():
        warnings.simplefilter("error", OuterCheckCharacterWarning)
        for firm in population.firms:
            check_uscc(firm.uscc)
            assert date.fromisoformat(firm.registered) <= date(2023, 12, 31)
            assert len(firm.trade) == 4


def test_every_owner_of_the_model_is_a_member_and_holds_its_fields_alone(simulated: tuple[Model, ZonePlan, Population]) -> None:
    model, plan, population = simulated
    assert population.owners == owners_of(model, plan)
    placed = [name for names in population.owners.values() for name in names]
    of_banks = {f"bank/{level}" for level in ("province", "city", "county")} | {"each bank"}
    assert sorted(placed) == sorted(name for name, field in model.fields.items() if model.pack.records[field.record].owner.name not in of_banks)


@pytest.mark.parametrize("pack", [firm_panel.PACK, *SIMULATED])
def test_a_plan_has_five_custodians_a_registrar_and_two_counties(pack: str) -> None:
    plan = plan_for([load_pack(shipped_pack(pack))])
    assert len(plan.with_role("custodian")) == 5
    assert len(plan.with_role("registrar")) == 1
    assert plan.registrar.department == "market"
    assert "custodian" not in plan.registrar.roles
    assert len({county.code for county in plan.place.counties}) == 2
    assert len({member.id for member in plan.members}) == len(plan.members)
