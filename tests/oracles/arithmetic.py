"""Exact arithmetic of the oracles: text to fractions, half-up to hundredths by the decimal module."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction


def value(record: Mapping[str, str], name: str) -> Fraction | None:
    """A number of a record; None when it is not there."""
    text = record.get(name, "")
    return Fraction(text) if text != "" else None


def cents(points: Fraction) -> int:
    """Hundredths of points, half-up."""
    with localcontext() as context:
        context.prec = 200
        exact = Decimal(points.numerator) / Decimal(points.denominator)
        return int((exact * 100).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def growth(record: Mapping[str, str], name: str) -> Fraction | None:
    """Growth of a field over its ``_previous``; None without both, or without a positive base."""
    now, before = value(record, name), value(record, name + "_previous")
    if now is None or before is None or before <= 0:
        return None
    return now / before - 1


def ratio(record: Mapping[str, str], above: str, below: str) -> Fraction | None:
    """One field over another; None without both, or over nothing positive."""
    numerator, denominator = value(record, above), value(record, below)
    if numerator is None or denominator is None or denominator <= 0:
        return None
    return numerator / denominator
