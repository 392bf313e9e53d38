"""The epoch without any protection, as the peer of the protected one: every record in one process, the same rules, no cryptography.

It computes points, totals, percentiles and quantile tables with the program's own rules, so that a ratio shows what protection
costs and not how two programs round. What it gives is also what the protected epoch must give.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from decimal import Decimal

from nodes.packs import read_pack
from scoring.indicators.model import Model
from scoring.indicators.plain import TOTAL, score_plain
from scoring.release.percentiles import percentiles, quantile_tables
from simulators.benchmarks.rows import Figure
from simulators.population.generate import generate
from simulators.population.tables import Population
from simulators.zone.layout import plan_for

SIZES = (("hangzhou-binjiang", 8_100, "≤3"), ("suzhou-snd", 2_084, ""))  # as many as each zone scored, by its public account


@dataclass(frozen=True, slots=True)
class PlainEpoch:
    """Totals in hundredths by code, exact percentiles by code, and the seconds that it took."""

    totals: dict[str, int]
    ranks: dict[str, Decimal]
    seconds: float


def run(quick: bool) -> list[Figure]:
    """How long the widest and the largest of the pilot zones take from records to totals and bands. About 5 s, a tenth of it when quick."""
    return [_figure(name, count // 10 if quick else count, "" if quick else target) for name, count, target in SIZES]


def _figure(name: str, count: int, target: str) -> Figure:
    model = read_pack(name)
    width = sum(indicator.role == "points" for indicator in model.indicators.values())
    seconds = evaluate_plain(model, generate(model, plan_for([model]), count)).seconds
    return Figure(f"points: {count:,} enterprises × {width} indicators of {name} into totals, in the clear", seconds, "s", target)


def evaluate_plain(model: Model, population: Population) -> PlainEpoch:
    """The whole epoch in this process, one record after the other. Requires records that fit the model's fields."""
    began = time.perf_counter()
    scores = {firm.uscc: score_plain(model, firm.values) for firm in population.firms}
    cohorts: dict[str, list[int]] = {}
    for score in scores.values():
        cohorts.setdefault(score.stage, []).append(score.total)
    by_stage = {stage: percentiles(totals) for stage, totals in cohorts.items()}
    quantile_tables(model, TOTAL, cohorts)
    ranks = {uscc: by_stage[score.stage][score.total] for uscc, score in scores.items()}
    return PlainEpoch({uscc: score.total for uscc, score in scores.items()}, ranks, time.perf_counter() - began)
