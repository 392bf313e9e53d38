"""Scores in the clear: what a model gives for records that one party holds anyway (`model score`, a portrait's dimensions).

The arithmetic is that of the encrypted way: points rounded once, integer weights, hundredths. Nothing of the exchange calls this for
other people's records.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scoring.indicators.functional import NO_FUNCTIONAL, Functional, functional
from scoring.rules.points import points, points_report
from scoring.rules.values import Reader

if TYPE_CHECKING:
    from scoring.indicators.model import Model

TOTAL = "total"


@dataclass(frozen=True, slots=True)
class PlainScore:
    """Score of one record. Points and total are hundredths; ``points`` holds indicators only, unweighted; a gated total is 0.

    ``vetoes`` names the vetoes that are triggered, ``missing`` the fields without a usable value, ``qualified`` whether the
    model's qualification is met (None where it has none).
    """

    stage: str
    points: Mapping[str, int]
    total: int
    gated: bool
    vetoes: tuple[str, ...]
    missing: tuple[str, ...]
    qualified: bool | None


def score_plain(model: Model, record: Mapping[str, object]) -> PlainScore:
    """Score of one subject whose record fields are all at hand. Raises RuleError for a malformed value, naming its field."""
    stage = model.stage_of(record)
    reports = {name: points_report(model, name, record, stage) for name in model.indicators}
    form = functional(model, TOTAL, stage)
    gated = any(reports[gate].hundredths > 0 for gate in model.functionals[TOTAL].gates)
    total = 0 if gated else combine(form, {name: report.hundredths for name, report in reports.items()})
    return PlainScore(
        stage=stage,
        points={name: report.hundredths for name, report in reports.items() if model.indicators[name].role == "points"},
        total=total,
        gated=gated,
        vetoes=tuple(name for name, report in reports.items() if model.indicators[name].veto and report.hundredths > 0),
        missing=tuple(dict.fromkeys(name for report in reports.values() for name in report.missing)),
        qualified=_qualified(model, record, total, gated),
    )


def combine(form: Functional, values: Mapping[str, int]) -> int:
    """A functional over points in hundredths, its gates left out. Requires a value for each indicator of the functional."""
    return form.constant + sum(term.weight * values[term.indicator] for term in form.terms if term.functional == NO_FUNCTIONAL)


def is_gated(model: Model, name: str, record: Mapping[str, object], stage: str) -> bool:
    """Whether ``record`` triggers the gate ``name``. Raises RuleError for a malformed value."""
    return points(model, name, record, stage) > 0


def dimension_totals(model: Model, stage: str, values: Mapping[str, int]) -> dict[str, int]:
    """Weighted sub-total of each dimension from all indicators' points (hundredths): what a portrait shows beside its points."""
    found = dict.fromkeys(model.pack.dimensions, 0)
    for indicator in model.indicators.values():
        if indicator.dimension is not None:
            found[indicator.dimension] += indicator.weight(stage) * values[indicator.id]
    return found


def _qualified(model: Model, record: Mapping[str, object], total: int, gated: bool) -> bool | None:
    qualification = model.pack.qualification
    if qualification is None:
        return None
    reader = Reader(model.fields, record)
    positive = [(number := reader.number(name)) is not None and number > 0 for name in qualification.positive]
    public = [(found := fact.rule.evaluate(reader)) is not None and found > 0 for fact in qualification.public.values()]
    return not gated and total >= int(qualification.minimum_total * 100) and all(positive) and all(public)
