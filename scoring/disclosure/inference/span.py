"""The rational span of an audience's functionals: which combinations single something out [P7.1 (a)].

Exact: Gaussian elimination over rationals. A row is a functional, a column an unknown of one firm; a combination is a vector of
integers, one for each row, without a common factor.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import gcd, lcm

from gmpy2 import mpq

Row = Mapping[str, int]
Vector = tuple[mpq, ...]


@dataclass(frozen=True, slots=True)
class Isolation:
    """Σ coefficient·row = ``value``: a non-zero vector on the columns where it should not be."""

    coefficients: tuple[int, ...]
    value: Mapping[str, int]


def isolation(rows: Sequence[Row], inside: Iterable[str]) -> Isolation | None:
    """The combination of fewest columns found that is supported on ``inside`` alone and is not zero; None when there is none.

    >>> found = isolation([{"a": 2, "b": 1, "c": 3}, {"b": 1, "c": 3}], ["a"])
    >>> found.coefficients, dict(found.value)
    ((1, -1), {'a': 2})
    >>> isolation([{"a": 2, "b": 1, "c": 3}, {"b": 1, "c": 1}], ["a"]) is None
    True
    """
    within = set(inside)
    outside = [column for column in _columns(rows) if column not in within]
    found = []
    for vector in null_space([[row.get(column, 0) for column in outside] for row in rows]):
        if (shown := _shown(rows, primitive(vector))) is not None:
            found.append(shown)
    return min(found, key=lambda item: (len(item.value), item.coefficients), default=None)


def ungated(rows: Sequence[Row], gates: Iterable[str]) -> Isolation | None:
    """A combination in which every gate vanishes and that is not one of rows without a gate; None when there is none.

    Rows without a gate are declared to be shown of gated firms too; anything else in which the masks cancel is not.

    >>> ungated([{"a": 1, "b": 1, "mask": 1}, {"a": 1, "mask": 1}], ["mask"]).value
    {'b': 1}
    >>> ungated([{"a": 1, "b": 1, "mask of one": 1}, {"a": 1, "mask of two": 1}], ["mask of one", "mask of two"]) is None
    True
    """
    masks = list(gates)
    declared = [row for row in rows if not any(row.get(mask, 0) for mask in masks)]
    for vector in null_space([[row.get(mask, 0) for mask in masks] for row in rows]):
        shown = _shown(rows, primitive(vector))
        if shown is not None and rank([*declared, shown.value]) > rank(declared):
            return shown
    return None


def combine(rows: Sequence[Row], coefficients: Sequence[int]) -> dict[str, int]:
    """Σ coefficient·row without its zeros, columns in order. Requires a coefficient for each row."""
    found = {column: sum(c * row.get(column, 0) for c, row in zip(coefficients, rows, strict=True)) for column in _columns(rows)}
    return {column: value for column, value in found.items() if value}


def rank(rows: Sequence[Row]) -> int:
    """Number of independent rows."""
    return len(reduced(rows))


def reduced(rows: Sequence[Row]) -> list[dict[str, int]]:
    """A basis of the rows' span in reduced echelon form, each row scaled to integers without a common factor: the sparsest form that
    elimination gives, so that functionals that share no unknown come apart."""
    columns = _columns(rows)
    echelon, pivots = _eliminate([[mpq(row.get(column, 0)) for column in columns] for row in rows])
    return [{column: value for column, value in zip(columns, primitive(tuple(line)), strict=True) if value} for line in echelon[: len(pivots)]]


def relations(vectors: Mapping[str, Sequence[int]]) -> dict[str, dict[str, mpq]]:
    """Of each vector that is a combination of earlier ones, in the order given, its coefficients; those that are none of it are left out.

    >>> {name: {of: str(times) for of, times in parts.items()} for name, parts in relations({"a": [1, 0], "b": [2, 0], "c": [0, 0]}).items()}
    {'b': {'a': '2'}, 'c': {}}
    """
    found: dict[str, dict[str, mpq]] = {}
    basis: list[tuple[int, list[mpq], dict[str, mpq]]] = []
    for name, given in vectors.items():
        rest, made_of = [mpq(value) for value in given], {name: mpq(1)}
        for pivot, line, parts in basis:
            if factor := rest[pivot]:
                rest = [value - factor * above for value, above in zip(rest, line, strict=True)]
                made_of = {key: made_of.get(key, mpq(0)) - factor * parts.get(key, mpq(0)) for key in dict.fromkeys((*made_of, *parts))}
        pivot = next((place for place, value in enumerate(rest) if value), -1)
        if pivot < 0:
            found[name] = {key: -value for key, value in made_of.items() if key != name and value}
        else:
            head = rest[pivot]
            basis.append((pivot, [value / head for value in rest], {key: value / head for key, value in made_of.items()}))
    return found


def null_space(matrix: Sequence[Sequence[int]]) -> list[Vector]:
    """A basis of the vectors x, one entry for each row, with Σ x_i · row_i = 0.

    >>> [primitive(vector) for vector in null_space([[1, 2], [2, 4], [0, 1]])]
    [(2, -1, 0)]
    """
    size = len(matrix)
    lines = [[*map(mpq, row), *(mpq(place == other) for other in range(size))] for place, row in enumerate(matrix)]
    width = len(matrix[0]) if matrix else 0
    echelon, pivots = _eliminate(lines)
    return [tuple(line[width:]) for line, pivot in zip(echelon, pivots, strict=False) if pivot >= width]


def primitive(vector: Sequence[mpq]) -> tuple[int, ...]:
    """The vector scaled to integers without a common factor, its first entry that is not zero positive."""
    scale = lcm(*(int(value.denominator) for value in vector)) if vector else 1
    whole = [int(value * scale) for value in vector]
    divisor = gcd(*whole) or 1
    if next((value for value in whole if value), 1) < 0:
        divisor = -divisor
    return tuple(value // divisor for value in whole)


def _shown(rows: Sequence[Row], coefficients: tuple[int, ...]) -> Isolation | None:
    """The combination with the sign that makes its value begin with a positive number; None when the value is zero."""
    value = combine(rows, coefficients)
    if not value:
        return None
    if next(iter(value.values())) > 0:
        return Isolation(coefficients, value)
    return Isolation(tuple(-times for times in coefficients), {column: -weight for column, weight in value.items()})


def _columns(rows: Iterable[Row]) -> list[str]:
    return list(dict.fromkeys(column for row in rows for column in row))


def _eliminate(lines: list[list[mpq]]) -> tuple[list[list[mpq]], list[int]]:
    """Reduced row echelon form of ``lines`` (changed in place), and the column of each pivot."""
    pivots: list[int] = []
    width = len(lines[0]) if lines else 0
    for column in range(width):
        top = len(pivots)
        source = next((place for place in range(top, len(lines)) if lines[place][column]), None)
        if source is None:
            continue
        lines[top], lines[source] = lines[source], lines[top]
        head = lines[top][column]
        lines[top] = [value / head for value in lines[top]]
        for place, line in enumerate(lines):
            if place != top and (factor := line[column]):
                lines[place] = [value - factor * above for value, above in zip(line, lines[top], strict=True)]
        pivots.append(column)
    return lines, pivots
