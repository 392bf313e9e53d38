"""Point rules by thresholds: tiers of a value, tiers of a growth rate, lines of a reference table.

Each bound states by its name which side is closed. See ``scoring.rules.points`` for what every rule knows.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Literal

from gmpy2 import mpq
from pydantic import Field as Declared
from pydantic import model_validator

from scoring.rules.values import FieldName, Number, Part, Points, Reader, Value

Interval = tuple[mpq, mpq]
Use = tuple[str, str]  # field name, and how it is read: number, flag, category or months


def span_of(*points: mpq | int) -> Interval:
    """Least interval that holds ``points``, and 0, which missing data gives."""
    exact = [mpq(0), *(mpq(point) for point in points)]
    return min(exact), max(exact)


def uses_of(value: Value) -> Iterator[Use]:
    """The fields of an expression, and how it reads them."""
    kind = "months" if value.kind == "longest_run" else "number"
    return ((name, kind) for name in value.fields)


class Tier(Part):
    """One band of a ``tiers`` or ``growth`` rule. Exactly one bound, and its name says whether the bound belongs to the band."""

    at_least: Number | None = None  # closed
    more_than: Number | None = None  # open
    at_most: Number | None = None  # closed
    less_than: Number | None = None  # open
    points: Points

    @model_validator(mode="after")
    def _one_bound(self) -> Tier:
        if sum(bound is not None for bound in (self.at_least, self.more_than, self.at_most, self.less_than)) != 1:
            raise ValueError("a tier has exactly one of at_least, more_than, at_most, less_than 每档只写一个界限")
        return self

    def holds(self, value: mpq) -> bool:
        """Whether ``value`` is within the bound."""
        if self.at_least is not None:
            return value >= self.at_least
        if self.more_than is not None:
            return value > self.more_than
        if self.at_most is not None:
            return value <= self.at_most
        return self.less_than is not None and value < self.less_than

    def rank(self) -> tuple[bool, tuple[mpq, int]]:
        """(is a lower bound, position of the bound on the line): tiers of one rule point one way and grow wider."""
        if self.at_least is not None:
            return True, (self.at_least, 0)
        if self.more_than is not None:
            return True, (self.more_than, 1)
        if self.at_most is not None:
            return False, (self.at_most, 1)
        assert self.less_than is not None
        return False, (self.less_than, 0)


def _first_match(tiers: tuple[Tier, ...], value: mpq, otherwise: mpq) -> mpq:
    return next((tier.points for tier in tiers if tier.holds(value)), otherwise)


def _check_tiers(tiers: tuple[Tier, ...]) -> None:
    """Raises ValueError unless the tiers point one way, from the narrowest to the widest: then each can be reached."""
    ranks = [tier.rank() for tier in tiers]
    if len({lower for lower, _ in ranks}) > 1:
        raise ValueError("the tiers of a rule all have lower bounds or all have upper bounds 各档界限方向须一致")
    for (lower, first), (_, second) in pairwise(ranks):
        if (first <= second) if lower else (first >= second):
            raise ValueError("tiers go from the narrowest to the widest: the first that holds gives the points 各档须由窄到宽")


class Tiers(Part):
    """Bands of a value; the first tier that holds gives the points.

    >>> from decimal import Decimal
    >>> tiers = ({"at_least": Decimal("0.30"), "points": 20}, {"at_least": Decimal("0.25"), "points": 16})
    >>> rule = Tiers(kind="tiers", of="share", tiers=tiers, otherwise=0)
    >>> [str(rule.grade(mpq(share))) for share in ("0.31", "0.30", "0.29", "0.25", "0.24")]
    ['20', '20', '16', '16', '0']
    """

    kind: Literal["tiers"]
    of: Value
    tiers: Annotated[tuple[Tier, ...], Declared(min_length=1)]
    otherwise: Points

    @model_validator(mode="after")
    def _ordered(self) -> Tiers:
        _check_tiers(self.tiers)
        return self

    def grade(self, value: mpq) -> mpq:
        return _first_match(self.tiers, value, self.otherwise)

    def evaluate(self, reader: Reader) -> mpq | None:
        value = self.of.number(reader)
        return None if value is None else self.grade(value)

    def span(self) -> Interval:
        return span_of(self.otherwise, *(tier.points for tier in self.tiers))

    def uses(self) -> Iterator[Use]:
        return uses_of(self.of)


class Growth(Part):
    """Tiers of (of − base) / base, year on year. A base that is not positive has no growth and earns ``when_base_not_positive``.

    >>> from decimal import Decimal
    >>> tiers = ({"at_least": Decimal("0.3"), "points": 10}, {"at_least": 0, "points": 3})
    >>> rule = Growth(kind="growth", of="sales", base="sales_previous", tiers=tiers, otherwise=0, when_base_not_positive=1)
    >>> [str(rule.grade(mpq(now), mpq(before))) for now, before in ((130, 100), (129, 100), (100, 100), (99, 100), (5, 0))]
    ['10', '3', '3', '0', '1']
    """

    kind: Literal["growth"]
    of: FieldName
    base: FieldName
    tiers: Annotated[tuple[Tier, ...], Declared(min_length=1)]
    otherwise: Points
    when_base_not_positive: Points

    @model_validator(mode="after")
    def _ordered(self) -> Growth:
        _check_tiers(self.tiers)
        return self

    def grade(self, now: mpq, base: mpq) -> mpq:
        if base <= 0:
            return self.when_base_not_positive
        return _first_match(self.tiers, (now - base) / base, self.otherwise)

    def evaluate(self, reader: Reader) -> mpq | None:
        now, base = reader.number(self.of), reader.number(self.base)
        return None if now is None or base is None else self.grade(now, base)

    def span(self) -> Interval:
        return span_of(self.otherwise, self.when_base_not_positive, *(tier.points for tier in self.tiers))

    def uses(self) -> Iterator[Use]:
        return iter(((self.of, "number"), (self.base, "number")))


class Reference(Part):
    """One line of a published reference table: values from ``at_least`` on stand at this percentile."""

    at_least: Number
    percentile: Annotated[Number, Declared(ge=0, le=100)]


class Percentile(Part):
    """points · percentile / 100, the percentile read from a published reference table (largest line not above the value; below all: 0).

    >>> rule = Percentile(kind="percentile", of="x", points=20, table=({"at_least": 10, "percentile": 25}, {"at_least": 40, "percentile": 80}))
    >>> [str(rule.grade(mpq(x))) for x in (9, 10, 39, 40, 1000)]
    ['0', '5', '5', '16', '16']
    """

    kind: Literal["percentile"]
    of: Value
    points: Annotated[Points, Declared(gt=0)]
    table: Annotated[tuple[Reference, ...], Declared(min_length=1)]

    @model_validator(mode="after")
    def _ascending(self) -> Percentile:
        for first, second in pairwise(self.table):
            if not (first.at_least < second.at_least and first.percentile < second.percentile):
                raise ValueError("a reference table ascends in value and in percentile 分位表须递增")
        return self

    def grade(self, value: mpq) -> mpq:
        reached = [line.percentile for line in self.table if value >= line.at_least]
        return self.points * reached[-1] / 100 if reached else mpq(0)

    def evaluate(self, reader: Reader) -> mpq | None:
        value = self.of.number(reader)
        return None if value is None else self.grade(value)

    def span(self) -> Interval:
        return span_of(self.points * self.table[-1].percentile / 100)

    def uses(self) -> Iterator[Use]:
        return uses_of(self.of)
