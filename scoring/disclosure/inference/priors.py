"""What points an indicator can have, and how often: the priors under which the lint measures [P7.1 (b)].

The uniform prior takes every reachable point once. Reachable points follow from the rule: tiers, tables, flags and percentiles give
the points that they list, a linear rule every hundredth up to its full points (over a whole number only the steps that there are), a
count every sum of its items up to the cap; missing data gives 0 everywhere. An empirical prior counts the points of given records,
each indicator by itself: taken jointly, a few hundred firms have as many different totals as there are firms, which says something
about the sample and nothing about the model.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gmpy2 import mpq

from scoring.indicators.model import Indicator, Model
from scoring.rules.points import BestOf, Count, Flag, Linear, Rule, Sum, Table, points
from scoring.rules.thresholds import Growth, Percentile, Tiers
from scoring.rules.values import FieldSpec, half_up

UNIFORM = "uniform"
SUM_LIMIT = 1 << 16


@dataclass(frozen=True, slots=True)
class Marginal:
    """Distinct points in hundredths, ascending, and how often each occurs (positive)."""

    values: tuple[int, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Prior:
    """Marginals by (model's SHA-256, stage, indicator) under a name. A stage that the prior says nothing about has none."""

    name: str
    marginals: Mapping[tuple[str, str, str], Marginal]


def uniform(models: Iterable[Model]) -> Prior:
    """Every reachable point once."""
    found: dict[tuple[str, str, str], Marginal] = {}
    for model in models:
        specs = {name: field.spec for name, field in model.fields.items()}
        for indicator in scored(model):
            for stage in model.stages:
                values = tuple(sorted(reachable(indicator.rules[stage.id], specs)))
                found[model.sha256, stage.id, indicator.id] = Marginal(values, (1,) * len(values))
    return Prior(UNIFORM, found)


def empirical(models: Iterable[Model], records: Iterable[Mapping[str, object]], name: str) -> Prior:
    """Points of ``records`` (each all fields of one subject) under each model, by stage. Raises RuleError for a malformed value."""
    counted: dict[tuple[str, str, str], Counter[int]] = {}
    held = list(records)
    for model in models:
        for record in held:
            stage = model.stage_of(record)
            for indicator in scored(model):
                earned = points(model, indicator.id, record, stage)
                counted.setdefault((model.sha256, stage, indicator.id), Counter())[earned] += 1
    return Prior(name, {key: _marginal(counter) for key, counter in counted.items()})


def scored(model: Model) -> list[Indicator]:
    """Indicators that earn points: neither gates nor vetoes."""
    return [indicator for indicator in model.indicators.values() if indicator.role == "points"]


def reachable(rule: Rule, fields: Mapping[str, FieldSpec]) -> frozenset[int]:
    """Every hundredth that a record with these fields can earn by ``rule``, and 0 for missing data.

    >>> title = {"zh": "项", "en": "items"}
    >>> fields = {"items": FieldSpec(title=title, type="integer"), "share": FieldSpec(title=title, type="decimal")}
    >>> sorted(reachable(Linear(kind="linear", of="items", reference=3, points=2), fields))
    [0, 67, 133, 200]
    >>> len(reachable(Linear(kind="linear", of="share", reference=3, points=2), fields))
    201
    """
    return frozenset(_reachable(rule, fields)) | {0}


def _reachable(rule: Rule, fields: Mapping[str, FieldSpec]) -> Iterable[int]:
    found: Iterable[int] = ()  # a rule that never applies
    match rule:
        case Linear():
            found = _linear(rule, fields)
        case Count():
            found = _counted(rule, fields)
        case Tiers():
            found = _hundredths(rule.otherwise, *(tier.points for tier in rule.tiers))
        case Growth():
            found = _hundredths(rule.otherwise, rule.when_base_not_positive, *(tier.points for tier in rule.tiers))
        case Percentile():
            found = _hundredths(*(rule.points * line.percentile / 100 for line in rule.table))
        case Table():
            rest = () if rule.otherwise is None else (rule.otherwise,)
            found = _hundredths(*rule.points.values(), *rest, *(override.points for override in rule.overrides))
        case Flag():
            found = _hundredths(rule.points)
        case BestOf():  # any part can be the only one that could be read
            found = frozenset().union(*(reachable(part, fields) for part in rule.rules))
        case Sum():
            found = _summed([reachable(part, fields) for part in rule.rules], None if rule.cap is None else half_up(rule.cap, 100))
    return found


def _marginal(counter: Counter[int]) -> Marginal:
    return Marginal(tuple(sorted(counter)), tuple(counter[value] for value in sorted(counter)))


def _hundredths(*values: mpq) -> list[int]:
    return [half_up(value, 100) for value in values]


def _linear(rule: Linear, fields: Mapping[str, FieldSpec]) -> Iterable[int]:
    """Every hundredth up to the full points, unless the field is a whole number that reaches the reference in fewer steps."""
    full = half_up(rule.points, 100)
    if rule.of.kind == "field":
        kind = fields[rule.of.fields[0]].type
        steps = 1 if kind == "flag" else int(-(-rule.reference // 1))
        if kind == "flag" or (kind == "integer" and steps < full):
            return _hundredths(*(rule.scale(mpq(number)) for number in range(steps + 1)))
    return range(full + 1)


def _counted(rule: Count, fields: Mapping[str, FieldSpec]) -> Iterable[int]:
    """Sums of items up to the cap: a flag counts once, a whole number any number of times, a decimal gives every hundredth."""
    cap = half_up(rule.cap, 100)
    if any(fields[name].type == "decimal" for name in rule.each):
        return range(cap + 1)
    found = {0}
    for name, each in rule.each.items():
        item = half_up(each, 100)
        times = 1 if fields[name].type == "flag" else -(-cap // item)
        found = {min(value + count * item, cap) for value in found for count in range(times + 1)}
    return found


def _summed(parts: list[frozenset[int]], cap: int | None) -> Iterable[int]:
    """Sums of one point of each part; where those are too many to list, every hundredth between the least and the greatest."""
    found: Iterable[int] = {0}
    for part in parts:
        before = set(found)
        if len(before) * len(part) <= SUM_LIMIT:
            found = {value + other for value in before for other in part}
        else:
            found = range(min(before) + min(part), max(before) + max(part) + 1)
    return found if cap is None else {min(value, cap) for value in found}
