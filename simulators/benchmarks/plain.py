"""The epoch without any protection, as the peer of the protected one: every record in one process, the same rules, no cryptography.

It computes points, totals, percentiles and quantile tables with the program's own rules, so that a ratio shows what protection
costs and not how two programs round. What it gives is also what the protected epoch must give.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from decimal import Decimal

from scoring.indicators.model import Model
from scoring.indicators.plain import TOTAL, score_plain
from scoring.release.percentiles import percentiles, quantile_tables
from simulators.population.tables import Population


@dataclass(frozen=True, slots=True)
class PlainEpoch:
    """Totals in hundredths by code, exact percentiles by code, and the seconds that it took."""

    totals: dict[str, int]
    ranks: dict[str, Decimal]
    seconds: float


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
