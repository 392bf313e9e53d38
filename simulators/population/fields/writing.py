"""Numbers into the text of a record field, in the field's own type and unit; and back, for the fields that follow it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

import numpy as np

from scoring.errors import RuleError
from scoring.rules.values import Field
from simulators.population.fields.fallback import AMOUNTS, PARTS, SPANS
from simulators.population.fields.traits import Floats


def written(field: Field, values: Floats) -> list[str]:
    """Text of every value; empty for not-a-number. A number that the field may not be is moved to the nearest that it may be."""
    return list(_texts(field, values))


def adopted(field: Field, column: Sequence[str]) -> list[str] | None:
    """A core field's text for a pack that names it: as it is where the pack can read it, else in the pack's type and unit.

    None when the pack means something else by the name: when a tenth of the column or more cannot be said in its terms.
    """
    if field.spec.unit in AMOUNTS and AMOUNTS[field.spec.unit] != 1:
        return written(field, numbers(column))
    said = [text if _readable(field, text) else _moved(field, text) for text in column]
    return said if 10 * sum(not text for text in said) < 10 * sum(not text for text in column) + len(column) else None


def numbers(column: Sequence[str]) -> Floats:
    """A core column's numbers, not-a-number where it is empty or not a number."""
    return np.array([_number(text) for text in column], dtype=np.float64)


def _texts(field: Field, values: Floats) -> Iterator[str]:
    spec = field.spec
    for value in values:
        if np.isnan(value):
            yield ""
        elif spec.type == "category":
            yield spec.values[int(value)]
        elif spec.type == "flag":
            yield "1" if value > 0 else "0"
        else:
            yield _plain(field, float(value))


def _plain(field: Field, value: float) -> str:
    """A number in the field's unit: amounts exact to the fen, shares to four digits, spans in whole days' precision."""
    spec = field.spec
    bounded = value if spec.signed else max(value, 0.0)
    if spec.unit in AMOUNTS:
        fen = Decimal(f"{bounded:.2f}")
        text = f"{fen / AMOUNTS[spec.unit]:f}" if AMOUNTS[spec.unit] > 1 else str(fen)
        return text if spec.type == "decimal" else str(round(Decimal(text)))
    scaled = bounded * SPANS.get(spec.unit, 1.0) * PARTS.get(spec.unit, 1.0)
    if spec.type == "integer":
        return str(int(scaled) if spec.unit in SPANS else round(scaled))
    return f"{scaled:.4f}" if spec.unit in {*PARTS, *SPANS} else f"{scaled:.2f}"


def _readable(field: Field, text: str) -> bool:
    try:
        field.parse(text)
    except RuleError:
        return False
    return True


def _moved(field: Field, text: str) -> str:
    """The nearest that the pack can read: a grade above its highest (AA where it ends at A) is its highest."""
    if field.spec.type == "category":
        return next((text[:size] for size in range(len(text), 0, -1) if text[:size] in field.spec.values), "")
    number = _number(text)
    return "" if np.isnan(number) else _plain(field, number)


def _number(text: str) -> float:
    try:
        return float(text) if text else float("nan")
    except ValueError:
        return float("nan")
