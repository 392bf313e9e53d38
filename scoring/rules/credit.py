"""Product lines: the amount that a bank's product gives for an opened total [M1 credit, P2.5, P5.5].

Amounts are integer fen. A line is computed once, after the opening, from public numbers; a product may be stated relative to a
base product of the same bank. Whether the enterprise consented, and to what, is not judged here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from gmpy2 import mpq
from pydantic import Field as Declared
from pydantic import model_validator

from scoring.rules.values import Number, Part, Points
from scoring.statements import Name, StageId, Title

Yuan = Annotated[int, Declared(ge=0, le=10**12)]
FEN = 100
Reason = Literal["OFFERED", "NOT_ELIGIBLE", "VETOED", "VETO_NOT_SHOWN", "BELOW_MINIMUM"]


class LinearLine(Part):
    """base + slope · total, at least ``floor``, at most ``cap``, rounded down to a multiple of ``round_to``. Yuan.

    ``slope`` is in yuan a point for each stage, which is the same number as fen a hundredth; a negative total counts as 0.
    """

    base: Yuan
    slope: dict[StageId, Annotated[Number, Declared(ge=0)]]
    floor: Yuan
    cap: Yuan
    round_to: Annotated[int, Declared(ge=1, le=10**9)]

    @model_validator(mode="after")
    def _public_bounds(self) -> LinearLine:
        if self.floor > self.cap or self.floor % self.round_to:
            raise ValueError("floor is at most cap, and a multiple of round_to: rounding down never goes below it")
        return self

    def fen(self, stage: str, total_hundredths: int) -> int:
        """Line of a total in hundredths, in fen. Requires a stage of the model.

        >>> line = LinearLine(base=500_000, slope={"S1": 20_000}, floor=500_000, cap=3_000_000, round_to=10_000)
        >>> [line.fen("S1", total) // FEN for total in (0, -1000, 5_049, 5_050, 20_000)]
        [500000, 500000, 1500000, 1510000, 3000000]
        """
        exact = self.base * FEN + self.slope[stage] * max(total_hundredths, 0)
        bounded = min(max(exact, mpq(self.floor * FEN)), mpq(self.cap * FEN))
        step = self.round_to * FEN
        return int(bounded // step) * step


class RelativeLine(Part):
    """A multiple, by stage, of another product's line, rounded up to a multiple of ``round_to`` yuan: never less than promised."""

    to: Name
    times: dict[StageId, Annotated[Number, Declared(gt=0)]]
    round_to: Annotated[int, Declared(ge=1, le=10**9)]

    def fen(self, stage: str, base_fen: int) -> int:
        """Line over a base line of ``base_fen``, in fen. Requires a stage of the model."""
        step = self.round_to * FEN
        return -int(-(self.times[stage] * base_fen) // step) * step


class Promise(Part):
    """What a relative product promises against its base product: the loader checks that line and term keep it."""

    amount_ratio: Annotated[Number, Declared(ge=1)]
    extra_months: Annotated[int, Declared(ge=0)]


class ProductSpec(Part):
    """A bank product as the pack states it. ``vetoes`` are indicators of role veto: one that is triggered refuses the line."""

    title: Title
    functional: Name
    line: LinearLine | None = None
    relative: RelativeLine | None = None
    promise: Promise | None = None
    minimum_total: Points | None = None
    term_months: Annotated[int, Declared(ge=1, le=600)]
    rate_rule: Title
    vetoes: tuple[Name, ...] = ()

    @model_validator(mode="after")
    def _one_line(self) -> ProductSpec:
        if (self.line is None) == (self.relative is None) or (self.promise is not None and self.relative is None):
            raise ValueError("a product has either a line, or a line relative to another product with its promise")
        return self


@dataclass(frozen=True, slots=True)
class Product:
    """A product of a model. ``base`` is the product to which a relative line refers, and is not relative itself."""

    id: str
    spec: ProductSpec
    base: Product | None

    @property
    def functional(self) -> str:
        return self.spec.functional

    @property
    def vetoes(self) -> tuple[str, ...]:
        """Vetoes of the product and of its base product."""
        return tuple(dict.fromkeys((*self.spec.vetoes, *(() if self.base is None else self.base.vetoes))))

    @property
    def term_months(self) -> int:
        return self.spec.term_months


@dataclass(frozen=True, slots=True)
class LineResult:
    """A line in fen, and why. ``line_fen`` is positive exactly when ``reason`` is OFFERED and the product's cap is not 0."""

    line_fen: int
    reason: Reason


def line_fen(product: Product, stage: str, total_hundredths: int, gated: bool, vetoes: Mapping[str, int] | None = None) -> LineResult:
    """The line of ``product`` for an opened total.

    ``vetoes`` gives the opened value, in hundredths, of each veto indicator that the product names; positive means triggered. One
    that was not opened refuses (VETO_NOT_SHOWN): its absence is never taken for good news. Floors never apply to a gated or vetoed
    enterprise. Requires a stage of the model.
    """
    if gated:
        return LineResult(0, "NOT_ELIGIBLE")
    shown = {} if vetoes is None else vetoes
    if any(shown.get(name, 0) > 0 for name in product.vetoes):
        return LineResult(0, "VETOED")
    if any(name not in shown for name in product.vetoes):
        return LineResult(0, "VETO_NOT_SHOWN")
    if product.spec.minimum_total is not None and total_hundredths < int(product.spec.minimum_total * 100):
        return LineResult(0, "BELOW_MINIMUM")
    return LineResult(_amount_fen(product, stage, total_hundredths), "OFFERED")


def _amount_fen(product: Product, stage: str, total_hundredths: int) -> int:
    if product.spec.line is not None:
        return product.spec.line.fen(stage, total_hundredths)
    assert product.spec.relative is not None
    assert product.base is not None
    return product.spec.relative.fen(stage, _amount_fen(product.base, stage, total_hundredths))
