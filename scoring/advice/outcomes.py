"""The other points that a rule could give, each with what is needed for it, and by how much they differ from what it gives now [Q1].

What a rule gives now is an interval: one number for a whole indicator, whose points are known, and what the whole leaves open for a part
of a ``best_of`` or a ``sum`` whose own points nobody was shown. Where the record is known, it is one number for the parts too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from gmpy2 import mpq

from scoring.advice.needs import Be, More, Need, Reach, outside, within
from scoring.errors import RuleError
from scoring.rules.points import BestOf, Count, Flag, Linear, Never, Override, Rule, Sum, Table
from scoring.rules.thresholds import Growth, Interval, Percentile, Tier, Tiers
from scoring.rules.values import Expression, Field, Reader

PARTS = 4  # a rule by proportion has no thresholds: its steps are the quarters of its full points
ROUNDING = mpq(1, 200)  # what half-up rounding to hundredths may have taken from a sum, or added to it


@dataclass(frozen=True, slots=True)
class Outcome:
    """Points of a rule once ``needs`` hold, and how many more than now; both are intervals of exact points."""

    needs: tuple[Need, ...]
    after: Interval
    gain: Interval


@dataclass(frozen=True, slots=True)
class Known:
    """The model's fields, and what is known of the enterprise's record: a field that is absent is not known, an empty one is missing data."""

    fields: Mapping[str, Field]
    record: Mapping[str, object]

    def points(self, rule: Rule) -> mpq | None:
        """Exact points of the rule; None where they cannot be told from what is known."""
        if not all(name in self.record for name, _ in rule.uses()):
            return None
        try:
            found = rule.evaluate(Reader(self.fields, self.record))
        except RuleError:
            return None
        return mpq(0) if found is None else found

    def value(self, of: Expression) -> mpq | None:
        """The value of an expression; None where it is not known, or has none."""
        if not all(name in self.record for name in of.fields):
            return None
        try:
            return of.number(Reader(self.fields, self.record))
        except RuleError:
            return None

    def growth(self, rule: Growth) -> mpq | None:
        """The growth that a rule looks at, likewise."""
        now, base = (self.value(Expression("field", (name,))) for name in (rule.of, rule.base))
        return None if now is None or base is None or base <= 0 else (now - base) / base


def outcomes(rule: Rule, present: Interval, known: Known, up: bool) -> Iterator[Outcome]:
    """Every outcome of ``rule`` that can be better than ``present``: more points, or with ``up`` false (a negative weight) fewer.

    Lowering a ``best_of`` has no outcome: every part would have to be lowered at once.
    """
    for outcome in _all(rule, present, known, up):
        if (outcome.gain[1] > 0) if up else (outcome.gain[0] < 0):
            yield outcome


def _all(rule: Rule, present: Interval, known: Known, up: bool) -> Iterator[Outcome]:
    match rule:
        case Tiers():
            yield from _tiers(Reach(rule.of, (), now=known.value(rule.of)), rule.tiers, rule.otherwise, present, up)
        case Growth():
            reach = Reach(Expression("field", (rule.of,)), (), rule.base, known.growth(rule))
            yield from _tiers(reach, rule.tiers, rule.otherwise, present, up)
        case Linear():
            yield from _linear(rule, present, known, up)
        case Percentile():
            value = known.value(rule.of)
            for line in rule.table if up else ():
                yield _to(present, rule.points * line.percentile / 100, Reach(rule.of, ((">=", line.at_least),), now=value))
            if not up:
                yield _to(present, mpq(0), Reach(rule.of, (("<", rule.table[0].at_least),), now=value))
        case Table():
            yield from _table(rule, present, known)
        case Flag():
            yield _to(present, rule.points, Be(rule.of, ("1",)))
            yield _to(present, mpq(0), Be(rule.of, ("0",)))
        case Count():
            yield from _count(rule, present, up)
        case BestOf():
            yield from _best_of(rule, present, known) if up else ()
        case Sum():
            yield from _sum(rule, present, known, up)
        case Never():
            pass


def _to(present: Interval, points: mpq, *needs: Need) -> Outcome:
    return Outcome(needs, (points, points), (points - present[1], points - present[0]))


def _linear(rule: Linear, present: Interval, known: Known, up: bool) -> Iterator[Outcome]:
    now = known.value(rule.of)
    if not up:
        yield _to(present, mpq(0), Reach(rule.of, (("<=", mpq(0)),), now=now))
        return
    whole = rule.of.kind == "field" and known.fields[rule.of.fields[0]].spec.type == "integer"
    values = [rule.reference * part / PARTS for part in range(1, PARTS + 1)]
    for value in dict.fromkeys(mpq(-(-value // 1)) if whole else value for value in values):
        yield _to(present, rule.scale(value), Reach(rule.of, ((">=", value),), now=now))


def _tiers(reach: Reach, tiers: tuple[Tier, ...], otherwise: mpq, present: Interval, up: bool) -> Iterator[Outcome]:
    """Tiers hold from the narrowest on, so a wider one is kept apart from the nearest narrower one that is worse than it."""
    for place, tier in enumerate(tiers):
        worse = [other for other in tiers[:place] if ((other.points < tier.points) if up else (other.points > tier.points))]
        yield _to(present, tier.points, replace(reach, bounds=(within(tier), *map(outside, worse[-1:]))))
    yield _to(present, otherwise, replace(reach, bounds=(outside(tiers[-1]),)))


def _table(rule: Table, present: Interval, known: Known) -> Iterator[Outcome]:
    # An override that gives other points than the indicator has now is not set, or the points would be its.
    flags = [item for item in rule.overrides if present[0] <= item.points <= present[1] and _flag(item, known) != 0]
    clear = tuple(Be(item.flag, ("0",)) for item in flags)
    groups: dict[mpq, list[str]] = {}
    for category in known.fields[rule.of].spec.values:
        points = rule.points.get(category, rule.otherwise)
        if points is not None:
            groups.setdefault(points, []).append(category)
    for points, categories in groups.items():
        yield _to(present, points, Be(rule.of, tuple(categories)), *clear)
    for place, override in enumerate(rule.overrides):
        before = tuple(Be(item.flag, ("0",)) for item in rule.overrides[:place])
        yield _to(present, override.points, Be(override.flag, ("1",)), *before)


def _flag(override: Override, known: Known) -> mpq | None:
    return known.value(Expression("field", (override.flag,)))


def _count(rule: Count, present: Interval, up: bool) -> Iterator[Outcome]:
    if not up:
        yield _to(present, mpq(0), *(Reach(Expression("field", (name,)), (("<=", mpq(0)),)) for name in rule.each))
        return
    room = rule.cap - present[1], rule.cap - present[0]
    for name, each in rule.each.items():
        for items in dict.fromkeys((1, int(-(-room[1] // each)))):
            gain = min(items * each, room[0]), min(items * each, room[1])
            yield Outcome((More(name, items),), (present[0] + gain[1], present[1] + gain[0]), gain)


def _best_of(rule: BestOf, present: Interval, known: Known) -> Iterator[Outcome]:
    for part in rule.rules:
        low, high = part.span()
        own = _exactly(known.points(part), (min(low, present[1]), min(high, present[1])))
        for outcome in _all(part, own, known, True):
            gain = max(outcome.after[0] - present[1], mpq(0)), max(outcome.after[1] - present[0], mpq(0))
            yield Outcome(outcome.needs, (max(outcome.after[0], present[0]), max(outcome.after[1], present[1])), gain)


def _sum(rule: Sum, present: Interval, known: Known, up: bool) -> Iterator[Outcome]:
    capped = rule.cap is not None and present[1] >= rule.cap
    spans = [_exactly(known.points(part), part.span()) for part in rule.rules]
    for place, part in enumerate(rule.rules):
        others = [span for other, span in enumerate(spans) if other != place]
        least = present[0] - _total(high for _, high in others) - ROUNDING
        most = spans[place][1] if capped else present[1] - _total(low for low, _ in others) + ROUNDING
        low, high = spans[place]
        for outcome in _all(part, (min(max(low, least), high), max(min(high, most), low)), known, up):
            yield _capped(rule, outcome, present, capped and not up)


def _capped(rule: Sum, outcome: Outcome, present: Interval, open_end: bool) -> Outcome:
    """A part's outcome as the sum's. What a sum at its cap loses when a part falls is open: more may lie above the cap than is seen."""
    low, high = outcome.gain
    if rule.cap is not None:
        low, high = min(low, rule.cap - present[1]), min(high, rule.cap - present[0])
    if open_end:
        high = max(high, mpq(0))
    return Outcome(outcome.needs, (present[0] + low, present[1] + high), (low, high))


def _exactly(points: mpq | None, otherwise: Interval) -> Interval:
    return otherwise if points is None else (points, points)


def _total(values: Iterable[mpq]) -> mpq:
    return sum(values, mpq(0))
