"""A rule as a function of its sources: where it can change, and its value for samples of them [D3].

Agrees with the rule's own evaluation of a record (``scoring.rules``), to which a property test holds it. A function that is a sum or the
best of parts, each of one source, is folded part by part, so that few states stand for many records.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from gmpy2 import mpq

from scoring.disclosure.functions.sources import Cut, Sample, Source, source_of
from scoring.rules.points import BestOf, Count, Flag, Linear, Rule, Sum, Table
from scoring.rules.thresholds import Growth, Percentile, Tier, Tiers
from scoring.rules.values import FieldSpec, half_up

At = Mapping[Source, Sample]
Cuts = dict[Source, set[Cut]]


@dataclass(frozen=True, slots=True)
class Fold:
    """How values of single sources make the whole: the best of them, or their sum, at most ``cap``. ``early``: no part is negative, so that
    the cap may be applied at every step."""

    parts: Mapping[Source, Callable[[Sample], mpq | None]]
    best: bool = False
    cap: mpq | None = None
    early: bool = True

    def step(self, before: mpq | None, source: Source, sample: Sample) -> mpq | None:
        """What stands after one more source; None while nothing could be read."""
        found = _combined([before, self.parts[source](sample)], self.best)
        return self.end(found) if self.early else found

    def end(self, found: mpq | None) -> mpq | None:
        """The whole, once every source was taken."""
        return found if found is None or self.cap is None else min(found, self.cap)


def sources(rule: Rule) -> tuple[Source, ...]:
    """What a rule looks at, each once, in the rule's order."""
    return tuple(dict.fromkeys(_sources(rule)))


def value(rule: Rule, at: At) -> mpq | None:
    """Exact points; None where nothing could be read. Requires a sample of each of the rule's sources."""
    found: mpq | None = mpq(0)  # a rule that never applies
    match rule:
        case Tiers() | Linear() | Percentile():
            number = at[source_of(rule.of)]
            grade = rule.scale if isinstance(rule, Linear) else rule.grade
            found = grade(number) if isinstance(number, mpq) else None
        case Growth():
            quotient = at[_quotient(rule)]
            graded = rule.grade(quotient, mpq(1)) if isinstance(quotient, mpq) else rule.when_base_not_positive
            found = None if quotient is None else graded
        case Table():
            found = _looked_up(rule, at)
        case Count():
            numbers = {name: number for name in rule.each if isinstance(number := at[_field(name)], mpq)}
            found = rule.total(numbers) if numbers else None
        case Flag():
            flag = at[_field(rule.of)]
            found = flag * rule.points if isinstance(flag, mpq) else None
        case BestOf() | Sum():
            found = _combined([value(part, at) for part in rule.rules], isinstance(rule, BestOf))
            if isinstance(rule, Sum) and found is not None and rule.cap is not None:
                found = min(found, rule.cap)
    return found


def cuts(rule: Rule, fields: Mapping[str, FieldSpec]) -> Cuts:
    """The places at which the rule can change, by source; rounding to hundredths makes steps of what is linear."""
    found: Cuts = {}
    match rule:
        case Tiers():
            found[source_of(rule.of)] = {_cut(tier, mpq(0)) for tier in rule.tiers}
        case Growth():
            found[_quotient(rule)] = {_cut(tier, mpq(1)) for tier in rule.tiers}
        case Percentile():
            found[source_of(rule.of)] = {(line.at_least, 0) for line in rule.table}
        case Linear():
            whole = rule.of.kind == "field" and fields[rule.of.fields[0]].type != "decimal"
            found[source_of(rule.of)] = _steps(rule.points, rule.reference, whole)
        case Count():
            for name, each in rule.each.items():
                found[_field(name)] = _steps(rule.cap, rule.cap / each, fields[name].type != "decimal")
        case BestOf() | Sum():
            for part in rule.rules:
                for source, more in cuts(part, fields).items():
                    found[source] = found.get(source, set()) | more
    return found


def fold(rule: Rule) -> Fold | None:
    """How a rule comes together from parts of one source each; None when it does not."""
    if isinstance(rule, Count):
        return Fold({_field(name): partial(_counted, each) for name, each in rule.each.items()}, cap=rule.cap)
    if not isinstance(rule, (BestOf, Sum)):
        return None
    parts: dict[Source, list[Rule]] = {}
    for part in rule.rules:
        read = sources(part)
        if len(read) != 1:
            return None
        parts.setdefault(read[0], []).append(part)
    best = isinstance(rule, BestOf)
    by_source = {source: partial(_of_one, same, source, best) for source, same in parts.items()}
    return Fold(by_source, best, rule.cap if isinstance(rule, Sum) else None, all(part.span()[0] >= 0 for part in rule.rules))


def _sources(rule: Rule) -> list[Source]:
    match rule:
        case Tiers() | Linear() | Percentile():
            return [source_of(rule.of)]
        case Growth():
            return [_quotient(rule)]
        case BestOf() | Sum():
            return [source for part in rule.rules for source in _sources(part)]
    return [_field(name) for name, _ in rule.uses()]


def _quotient(rule: Growth) -> Source:
    return Source("quotient", (rule.of, rule.base))


def _field(name: str) -> Source:
    return Source("field", (name,))


def _looked_up(rule: Table, at: At) -> mpq | None:
    flags = [at[_field(override.flag)] for override in rule.overrides]
    category = at[_field(rule.of)]
    for override, flag in zip(rule.overrides, flags, strict=True):
        if flag == 1:
            return override.points
    if not isinstance(category, str) or None in flags:
        return None
    return rule.points.get(category, rule.otherwise)


def _counted(each: mpq, sample: Sample) -> mpq | None:
    return sample * each if isinstance(sample, mpq) else None


def _of_one(parts: Sequence[Rule], source: Source, best: bool, sample: Sample) -> mpq | None:
    return _combined([value(part, {source: sample}) for part in parts], best)


def _combined(values: Sequence[mpq | None], best: bool) -> mpq | None:
    found = [number for number in values if number is not None]
    if not found or best:
        return max(found, default=None)
    return sum(found, mpq(0))


def _cut(tier: Tier, base: mpq) -> Cut:
    _, (bound, side) = tier.rank()
    return bound + base, side


def _steps(points: mpq, reference: mpq, whole: bool) -> set[Cut]:
    """Where points · value / reference reaches the next hundredth, rounded half up; of ``whole`` numbers, each up to the reference where those
    are fewer."""
    steps, numbers = half_up(points, 100), int(-(-reference // 1))
    if whole and numbers <= steps:
        return {(mpq(number), 0) for number in range(1, numbers + 1)}
    return {((step - mpq(1, 2)) * reference / (points * 100), 0) for step in range(1, steps + 1)}
