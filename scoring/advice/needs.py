"""What an enterprise would have to show for other points: a value within bounds, a category, a flag, so many items more [Q1]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gmpy2 import mpq

from scoring.rules.thresholds import Tier
from scoring.rules.values import Expression

Sign = Literal[">=", ">", "<=", "<"]
Bound = tuple[Sign, mpq]
_OPPOSITE: dict[Sign, Sign] = {">=": "<", ">": "<=", "<=": ">", "<": ">="}


@dataclass(frozen=True, slots=True)
class Reach:
    """The value of ``of``, or with ``base`` its growth over that field, within every one of ``bounds``. ``now``: the value where it is known."""

    of: Expression
    bounds: tuple[Bound, ...]
    base: str = ""
    now: mpq | None = None

    @property
    def fields(self) -> tuple[str, ...]:
        return (*self.of.fields, *((self.base,) if self.base else ()))


@dataclass(frozen=True, slots=True)
class Be:
    """A category that is one of ``values``, or a flag that is ``1`` or ``0``."""

    field: str
    values: tuple[str, ...]

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.field,)


@dataclass(frozen=True, slots=True)
class More:
    """So many items more than are counted now."""

    field: str
    items: int

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.field,)


Need = Reach | Be | More


def within(tier: Tier) -> Bound:
    """The bound of a tier."""
    sides: tuple[tuple[Sign, mpq | None], ...] = ((">=", tier.at_least), (">", tier.more_than), ("<=", tier.at_most), ("<", tier.less_than))
    return next((sign, bound) for sign, bound in sides if bound is not None)


def outside(tier: Tier) -> Bound:
    """What holds exactly where the tier does not."""
    sign, bound = within(tier)
    return _OPPOSITE[sign], bound


def holds(bound: Bound, value: mpq) -> bool:
    """Whether ``value`` is within the bound.

    >>> [holds((">=", mpq(3)), mpq(3)), holds((">", mpq(3)), mpq(3)), holds(("<=", mpq(3)), mpq(4))]
    [True, False, False]
    """
    sign, edge = bound
    return {">=": value >= edge, ">": value > edge, "<=": value <= edge, "<": value < edge}[sign]
