"""The enterprises that go with an indicator model: real ones where there are any, simulated ones for every other model."""

from __future__ import annotations

from scoring.indicators.model import Model
from simulators.population import firm_panel
from simulators.population.generate import DEFAULT_YEAR, generate
from simulators.population.tables import Population
from simulators.zone.layout import ZonePlan


def population_for(model: Model, plan: ZonePlan, count: int | None, seed: int, year: int | None) -> Population:
    """``count`` enterprises of ``plan``'s zone with records of ``year`` (None: the model's usual one); None: all real ones.

    Raises ValueError for a number or year that there cannot be, and for no number where there are no real enterprises.
    """
    if model.id == firm_panel.PACK:
        return firm_panel.load(firm_panel.DEFAULT_YEAR if year is None else year, seed).first(count)
    if count is None:
        raise ValueError(f"{model.id} has no real enterprises: how many are to be simulated is to be said")
    return generate(model, plan, count, seed, DEFAULT_YEAR if year is None else year)
