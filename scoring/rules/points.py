"""Point rules: the closed set by which an indicator's record becomes points (docs/specs/models.md, M2).

Each rule is a part of a pack and knows three things: the points of a record (exact; None where nothing could be read), the
interval of the points it can give, and the fields it reads. Missing data gives 0 points and is named by the reader. Rounding
happens once, half-up to hundredths, in ``points_report``; no rule rounds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from gmpy2 import mpq
from pydantic import Field as Declared

from scoring.errors import ModelError, RuleError
from scoring.rules.thresholds import Growth, Interval, Percentile, Tiers, Use, span_of, uses_of
from scoring.rules.values import FieldName, Number, Part, Points, Reader, Value, half_up

if TYPE_CHECKING:
    from scoring.indicators.model import Model


class Linear(Part):
    """points · value / reference, between 0 and ``points``: the reference is the value that earns full points.

    >>> rule = Linear(kind="linear", of="x", reference=1000, points=30)
    >>> [str(rule.scale(mpq(x))) for x in ("-5", "0", "1", "500", "1000", "4000")]
    ['0', '0', '3/100', '15', '30', '30']
    """

    kind: Literal["linear"]
    of: Value
    reference: Annotated[Number, Declared(gt=0)]
    points: Annotated[Points, Declared(gt=0)]

    def scale(self, value: mpq) -> mpq:
        return min(max(value / self.reference, mpq(0)), mpq(1)) * self.points

    def evaluate(self, reader: Reader) -> mpq | None:
        value = self.of.number(reader)
        return None if value is None else self.scale(value)

    def span(self) -> Interval:
        return span_of(self.points)

    def uses(self) -> Iterator[Use]:
        return uses_of(self.of)


class Override(Part):
    """A flag that, when set, decides a ``table`` rule whatever the category says."""

    flag: FieldName
    points: Points


class Table(Part):
    """Category → points: a table, never an order. The first override whose flag is set prevails; a missing flag leaves no value.

    >>> from scoring.rules.values import Field, FieldSpec, Reader
    >>> spec = {"title": {"zh": "级", "en": "grade"}, "type": "category", "values": ("A", "M", "B")}
    >>> flag = {"title": {"zh": "被执行人", "en": "listed"}, "type": "flag"}
    >>> fields = {"grade": Field("grade", "credit", FieldSpec(**spec)), "listed": Field("listed", "credit", FieldSpec(**flag))}
    >>> rule = Table(kind="table", of="grade", points={"A": 10, "M": 8, "B": 5}, overrides=({"flag": "listed", "points": -10},))
    >>> records = ({"grade": "A", "listed": 0}, {"grade": "M", "listed": 0}, {"grade": "A", "listed": 1}, {"listed": 1}, {"listed": 0})
    >>> [str(rule.evaluate(Reader(fields, record))) for record in records]
    ['10', '8', '-10', '-10', 'None']
    """

    kind: Literal["table"]
    of: FieldName
    points: Annotated[dict[str, Points], Declared(min_length=1)]
    otherwise: Points | None = None  # needed when ``points`` leaves out a value of the field
    overrides: tuple[Override, ...] = ()

    def evaluate(self, reader: Reader) -> mpq | None:
        flags = [(override, reader.number(override.flag)) for override in self.overrides]
        category = reader.get(self.of)
        for override, flag in flags:
            if flag == 1:
                return override.points
        if not isinstance(category, str) or any(flag is None for _, flag in flags):
            return None
        points = self.points.get(category, self.otherwise)
        return None if points is None else points

    def span(self) -> Interval:
        return span_of(*self.points.values(), *(() if self.otherwise is None else (self.otherwise,)), *(item.points for item in self.overrides))

    def uses(self) -> Iterator[Use]:
        yield self.of, "category"
        yield from ((override.flag, "flag") for override in self.overrides)


class Count(Part):
    """Points for each item, by class, up to ``cap``. A class whose number is missing counts as none and is reported.

    >>> from decimal import Decimal
    >>> rule = Count(kind="count", each={"inventions": 3, "designs": Decimal("0.5")}, cap=10)
    >>> [str(rule.total({"inventions": mpq(i), "designs": mpq(d)})) for i, d in ((0, 0), (1, 1), (3, 2), (3, 3))]
    ['0', '7/2', '10', '10']
    """

    kind: Literal["count"]
    each: Annotated[dict[FieldName, Annotated[Points, Declared(gt=0)]], Declared(min_length=1)]
    cap: Annotated[Points, Declared(gt=0)]

    def total(self, numbers: Mapping[str, mpq]) -> mpq:
        return min(sum((number * self.each[name] for name, number in numbers.items()), mpq(0)), self.cap)

    def evaluate(self, reader: Reader) -> mpq | None:
        found = {name: number for name in self.each if (number := reader.number(name)) is not None}
        return self.total(found) if found else None

    def span(self) -> Interval:
        return span_of(self.cap)

    def uses(self) -> Iterator[Use]:
        return ((name, "number") for name in self.each)


class Flag(Part):
    """Points when the flag is set, else 0.

    >>> Flag(kind="flag", of="certified", points=5).span() == (0, 5)
    True
    """

    kind: Literal["flag"]
    of: FieldName
    points: Points

    def evaluate(self, reader: Reader) -> mpq | None:
        flag = reader.number(self.of)
        return None if flag is None else flag * self.points

    def span(self) -> Interval:
        return span_of(self.points)

    def uses(self) -> Iterator[Use]:
        return iter(((self.of, "flag"),))


class BestOf(Part):
    """The greatest of several rules' points, among those that could be read.

    >>> rule = BestOf(kind="best_of", rules=({"kind": "flag", "of": "a", "points": 3}, {"kind": "flag", "of": "b", "points": 4}))
    >>> rule.span() == (0, 4)
    True
    """

    kind: Literal["best_of"]
    rules: Annotated[tuple[Rule, ...], Declared(min_length=2)]

    def evaluate(self, reader: Reader) -> mpq | None:
        return max((points for rule in self.rules if (points := rule.evaluate(reader)) is not None), default=None)

    def span(self) -> Interval:
        spans = [rule.span() for rule in self.rules]
        return min(lo for lo, _ in spans), max(hi for _, hi in spans)

    def uses(self) -> Iterator[Use]:
        return (use for rule in self.rules for use in rule.uses())


class Sum(Part):
    """The sum of several rules' points, those that could not be read counting 0, at most ``cap`` where it is given.

    >>> rule = Sum(kind="sum", rules=({"kind": "flag", "of": "a", "points": 3}, {"kind": "flag", "of": "b", "points": -4}), cap=2)
    >>> rule.span() == (-4, 2)
    True
    """

    kind: Literal["sum"]
    rules: Annotated[tuple[Rule, ...], Declared(min_length=2)]
    cap: Annotated[Points, Declared(gt=0)] | None = None

    def evaluate(self, reader: Reader) -> mpq | None:
        found = [points for rule in self.rules if (points := rule.evaluate(reader)) is not None]
        if not found:
            return None
        total = sum(found, mpq(0))
        return total if self.cap is None else min(total, self.cap)

    def span(self) -> Interval:
        spans = [rule.span() for rule in self.rules]
        lo, hi = sum((lo for lo, _ in spans), mpq(0)), sum((hi for _, hi in spans), mpq(0))
        return lo, hi if self.cap is None else min(hi, self.cap)

    def uses(self) -> Iterator[Use]:
        return (use for rule in self.rules for use in rule.uses())


class Never(Part):
    """No points for anyone: a gate that exists in the model and that no record triggers."""

    kind: Literal["never"]

    def evaluate(self, reader: Reader) -> mpq | None:
        return mpq(0)

    def span(self) -> Interval:
        return span_of()

    def uses(self) -> Iterator[Use]:
        return iter(())


Rule = Annotated[Tiers | Linear | Table | Count | Growth | Percentile | Flag | BestOf | Sum | Never, Declared(discriminator="kind")]
BestOf.model_rebuild()
Sum.model_rebuild()


@dataclass(frozen=True, slots=True)
class PointsReport:
    """Points of one indicator in hundredths, and the fields that gave no usable value (reported to owner and enterprise)."""

    hundredths: int
    missing: tuple[str, ...]


def points_report(model: Model, indicator_id: str, record: Mapping[str, object], stage: str) -> PointsReport:
    """Points of ``record`` (field name → value; only the indicator's own fields are read) in ``stage``, rounded half-up once [P2.1].

    Requires that ``indicator_id`` and ``stage`` are the model's. Raises RuleError for a malformed value, ModelError for unknown ids.
    """
    try:
        indicator = model.indicators[indicator_id]
        rule = indicator.rules[stage]
    except KeyError as error:
        raise ModelError(f"{model.id}@{model.version} has no indicator {indicator_id!r} in stage {stage!r} 没有此指标") from error
    reader = Reader(model.fields, record)
    points = rule.evaluate(reader)
    return PointsReport(0 if points is None else half_up(points, 100), tuple(reader.missing))


def points(model: Model, indicator_id: str, record: Mapping[str, object], stage: str) -> int:
    """``points_report`` without the report. A gate's or veto's points are positive exactly when the record triggers it."""
    return points_report(model, indicator_id, record, stage).hundredths


def contributed_points(model: Model, indicator_id: str, record: Mapping[str, object], stage: str) -> tuple[int, bool]:
    """Points that are contributed for a record, in hundredths, and whether a field was missing or unusable: that counts as 0 [P2.1]."""
    try:
        report = points_report(model, indicator_id, record, stage)
    except RuleError:
        return 0, True
    return report.hundredths, bool(report.missing)
