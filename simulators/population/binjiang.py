"""Pack ``hangzhou-binjiang``: its simulated population, which has the core fields and no others."""

from __future__ import annotations

from functools import cache

from nodes.packs import shipped_pack
from scoring.indicators.model import Model, load_pack
from simulators.population.generate import DEFAULT_YEAR
from simulators.population.generate import generate as generate_for
from simulators.population.tables import Population
from simulators.zone.layout import demo_plan

PACK = "hangzhou-binjiang"


def generate(count: int, seed: int = 0, year: int = DEFAULT_YEAR) -> Population:
    """``count`` enterprises of Hangzhou Binjiang with records of ``year``, ordered by code. Raises ValueError as ``generate_for`` does."""
    return generate_for(_model(), demo_plan(), count, seed, year)


@cache
def _model() -> Model:
    return load_pack(shipped_pack(PACK))
