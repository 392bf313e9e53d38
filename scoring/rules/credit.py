"""Product lines: the amount that a bank's product gives for an opened total and opened figures [M1 credit, P2.5, P5.5].

Amounts are integer fen. A line is computed once, after the openings, from public numbers; a product may be stated relative to a
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
Reason = Literal["OFFERED", "NOT_ELIGIBLE", "VETOED", "CONDITION_NOT_MET", "NOT_SHOWN", "BELOW_MINIMUM"]
Slope = Annotated[Number, Declared(ge=0)]


class LinearLine(Part):
    """base + slope · total + Σ slope · figure, at least ``floor``, at most ``cap``, rounded down to a multiple of ``round_to``. Yuan.

    ``slope`` is in yuan a point for each stage (left out: the total does not count), which is the same number as fen a hundredth;
    ``figures`` gives yuan a unit for opened figures. A negative total or figure counts as 0.
    """

    base: Yuan
    slope: dict[StageId, Slope] = Declared(default_factory=dict)
    figures: dict[Name, Slope] = Declared(default_factory=dict)
    floor: Yuan
    cap: Yuan
    round_to: Annotated[int, Declared(ge=1, le=10**9)]

    @model_validator(mode="after")
    def _public_bounds(self) -> LinearLine:
        if self.floor > self.cap or self.floor % self.round_to:
            raise ValueError("floor is at most cap, and a multiple of round_to: rounding down never goes below it 最低额度应为取整的倍数")
        return self

    def fen(self, stage: str, total_hundredths: int, figures: Mapping[str, int]) -> int:
        """Line of a total and of figures, all in hundredths, in fen. Requires a stage of the model, and every figure of the line.

        >>> line = LinearLine(base=500_000, slope={"S1": 20_000}, floor=500_000, cap=3_000_000, round_to=10_000)
        >>> [line.fen("S1", total, {}) // FEN for total in (0, -1000, 5_049, 5_050, 20_000)]
        [500000, 500000, 1500000, 1510000, 3000000]
        >>> of_revenue = LinearLine(base=0, figures={"revenue": 10_000}, floor=0, cap=10_000_000, round_to=10_000)
        >>> [of_revenue.fen("S1", 0, {"revenue": hundredths}) // FEN for hundredths in (-5, 100, 12_399, 200_000)]
        [0, 10000, 1230000, 10000000]
        """
        exact = self.base * FEN + self.slope.get(stage, mpq(0)) * max(total_hundredths, 0)
        exact += sum((slope * max(figures[name], 0) for name, slope in self.figures.items()), mpq(0))
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
    """A bank product as the pack states it.

    ``vetoes`` are indicators of role veto: one that is triggered refuses the line. ``eligibility`` are figures of which each must be
    positive: a condition that the enterprise has to meet, so that missing data, which gives 0, refuses.
    """

    title: Title
    functional: Name
    line: LinearLine | None = None
    relative: RelativeLine | None = None
    promise: Promise | None = None
    minimum_total: Points | None = None
    term_months: Annotated[int, Declared(ge=1, le=600)]
    rate_rule: Title
    vetoes: tuple[Name, ...] = ()
    eligibility: tuple[Name, ...] = ()

    @model_validator(mode="after")
    def _one_line(self) -> ProductSpec:
        if (self.line is None) == (self.relative is None) or (self.promise is not None and self.relative is None):
            raise ValueError("a product has either a line, or a line relative to another product with its promise 额度二者取一")
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
    def eligibility(self) -> tuple[str, ...]:
        """Conditions of the product and of its base product."""
        return tuple(dict.fromkeys((*self.spec.eligibility, *(() if self.base is None else self.base.eligibility))))

    @property
    def figures(self) -> tuple[str, ...]:
        """Figures that the line is computed from."""
        line = self.spec.line if self.base is None else self.base.spec.line
        return () if line is None else tuple(line.figures)

    @property
    def singles(self) -> tuple[str, ...]:
        """Indicators that are opened by themselves, each once, after the functional: vetoes, conditions, then figures of the line."""
        return tuple(dict.fromkeys((*self.vetoes, *self.eligibility, *self.figures)))

    @property
    def openings(self) -> tuple[str, ...]:
        """What a request for the product opens, in order [P5.1]."""
        return self.functional, *self.singles

    @property
    def term_months(self) -> int:
        return self.spec.term_months


@dataclass(frozen=True, slots=True)
class LineResult:
    """A line in fen, and why. ``line_fen`` is positive exactly when ``reason`` is OFFERED and the product's cap is not 0."""

    line_fen: int
    reason: Reason


def line_fen(product: Product, stage: str, total_hundredths: int, gated: bool, singles: Mapping[str, int] | None = None) -> LineResult:
    """The line of ``product`` for an opened total.

    ``singles`` gives the opened value, in hundredths, of each of ``product.singles``: a veto that is positive is triggered, a condition
    that is not positive is not met. One that was not opened refuses (NOT_SHOWN): its absence is never taken for good news. Floors never
    apply to whom anything refuses. Requires a stage of the model.
    """
    shown = {} if singles is None else singles
    reason = _refused(product, total_hundredths, gated, shown)
    if reason is not None:
        return LineResult(0, reason)
    return LineResult(_amount_fen(product, stage, total_hundredths, shown), "OFFERED")


def _refused(product: Product, total_hundredths: int, gated: bool, shown: Mapping[str, int]) -> Reason | None:
    minimum = product.spec.minimum_total
    if gated:
        return "NOT_ELIGIBLE"
    if any(shown.get(name, 0) > 0 for name in product.vetoes):
        return "VETOED"
    if any(name not in shown for name in product.singles):
        return "NOT_SHOWN"
    if any(shown[name] <= 0 for name in product.eligibility):
        return "CONDITION_NOT_MET"
    if minimum is not None and total_hundredths < int(minimum * 100):
        return "BELOW_MINIMUM"
    return None


def _amount_fen(product: Product, stage: str, total_hundredths: int, figures: Mapping[str, int]) -> int:
    if product.spec.line is not None:
        return product.spec.line.fen(stage, total_hundredths, figures)
    assert product.spec.relative is not None
    assert product.base is not None
    return product.spec.relative.fen(stage, _amount_fen(product.base, stage, total_hundredths, figures))
