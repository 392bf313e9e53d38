"""Advice to one enterprise: for each indicator the next steps and what each adds to the total, the greatest first [Q1]."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from gmpy2 import mpq

from scoring.advice.needs import Be, Need, Reach, holds
from scoring.advice.outcomes import Known, Outcome, outcomes
from scoring.indicators.functional import functional
from scoring.indicators.model import Indicator, Model
from scoring.indicators.plain import TOTAL
from scoring.rules.values import half_up

StageEffect = Literal["stays", "leaves", "open"]


@dataclass(frozen=True, slots=True)
class Step:
    """What one change would bring. ``points`` are the indicator's after it and ``gain`` what the total gains, both hundredths, (least, most).

    ``stage``: whether the enterprise would leave its stage by it, in which other weights hold; ``open`` where that cannot be told from
    the change alone. The gain is reckoned in the stage that it has.
    """

    needs: tuple[Need, ...]
    points: tuple[int, int]
    gain: tuple[int, int]
    stage: StageEffect

    @property
    def exact(self) -> bool:
        """Whether the gain is one number."""
        return self.gain[0] == self.gain[1]


@dataclass(frozen=True, slots=True)
class IndicatorAdvice:
    """Steps of one indicator, the smallest first. ``room``: what the total gains at most from it, hundredths.

    ``may_be_missing``: it has no points, and its department may hold no data at all. ``shared``: other indicators of the total that read a
    field of the steps, so that a change of it moves them too.
    """

    indicator: str
    points: int
    weight: int
    room: int
    steps: tuple[Step, ...]
    may_be_missing: bool
    shared: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Advice:
    """``gates``: the total counts as 0 because one of these is triggered, and nothing else counts until it no longer is; empty otherwise."""

    gates: tuple[str, ...]
    indicators: tuple[IndicatorAdvice, ...]


def advise(
    model: Model, stage: str, points: Mapping[str, int], *, gated: bool = False, record: Mapping[str, object] | None = None, name: str = TOTAL
) -> Advice:
    """What would raise the functional ``name`` in ``stage`` for an enterprise with these points (hundredths, by indicator).

    ``record`` is what is known of its record; where it gives other points than ``points``, which were opened, it is left aside. Requires
    points for each indicator of the functional. Raises ModelError when the model has no such functional or stage.
    """
    form = functional(model, name, stage)
    weights = {term.indicator: term.weight for term in form.terms if not model.indicators[term.indicator].gate}
    known = {} if record is None else record
    found = [_advice(model, stage, model.indicators[item], weights, points[item], Known(model.fields, known)) for item in weights]
    ranked = sorted((item for item in found if item.steps), key=lambda item: (-item.steps[0].gain[1], -item.room))
    return Advice(tuple(model.functionals[name].gates) if gated else (), tuple(ranked))


def _advice(model: Model, stage: str, indicator: Indicator, weights: Mapping[str, int], points: int, known: Known) -> IndicatorAdvice:
    weight, rule = weights[indicator.id], indicator.rules[stage]
    told = known.points(rule)
    agreeing = known if told is not None and half_up(told, 100) == points else Known(known.fields, {})
    present = mpq(points, 100)
    steps = [_step(model, stage, outcome, weight, points) for outcome in outcomes(rule, (present, present), agreeing, weight > 0)]
    gaining = sorted((step for step in steps if step.gain[1] > 0 and not _met(step.needs)), key=lambda step: (step.gain[1], step.gain[0]))
    read = {field for step in gaining for need in step.needs for field in need.fields}
    shared = [other for other in weights if other != indicator.id and read & {field.name for field in model.indicators[other].fields}]
    return IndicatorAdvice(
        indicator=indicator.id,
        points=points,
        weight=weight,
        room=max((step.gain[1] for step in gaining), default=0),
        steps=tuple(gaining),
        may_be_missing=points == 0 and not agreeing.record,
        shared=tuple(shared),
    )


def _step(model: Model, stage: str, outcome: Outcome, weight: int, points: int) -> Step:
    low, high = (half_up(end, 100) for end in outcome.after)
    ends = sorted((weight * (low - points), weight * (high - points)))
    return Step(outcome.needs, (low, high), (max(ends[0], 0), ends[1]), _stage_effect(model, stage, outcome.needs))


def _met(needs: Iterable[Need]) -> bool:
    """Whether a value that is known is within all bounds already: then the points that were opened say otherwise, and no step is in it."""
    return all(isinstance(need, Reach) and need.now is not None and all(holds(bound, need.now) for bound in need.bounds) for need in needs)


def _stage_effect(model: Model, stage: str, needs: Iterable[Need]) -> StageEffect:
    """A step leaves the stage when it asks for a value of an axis beyond the stage's band."""
    staging = model.pack.staging
    effect: StageEffect = "stays"
    for need in needs:
        axes = [field for field in need.fields if field in staging.axes]
        if not axes:
            continue
        if isinstance(need, Be) or not isinstance(need, Reach) or need.base or need.of.kind != "field":
            effect = "open"
            continue
        band = staging.stages[stage].on.get(axes[0])
        if band is not None and not all(band.holds(edge) and not (sign == "<" and edge == band.from_) for sign, edge in need.bounds):
            return "leaves"
    return effect
