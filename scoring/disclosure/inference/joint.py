"""Figures of every unknown in a view: exact where the joint distribution is small enough, else by integer combinations [P7.1 (b)].

Functionals are first brought into the form with the fewest cells. Elimination takes them apart into groups that share no unknown, and
whole multiples of one are taken from another while that shortens its range; neither loses or adds information. A group of several
functionals is then one sum: with radix R = 1 + range, f_1 + R·f_2 + R·R'·f_3 … has a value of its own for each tuple of values, so
the joint distribution is that of a single weighted sum and one convolution serves both cases.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import gcd, prod

from scoring.disclosure.inference.posteriors import Figures, Tick, leakage, leakage_of_listed, summand
from scoring.disclosure.inference.priors import Marginal
from scoring.disclosure.inference.span import Row, rank, reduced
from scoring.statements import DisclosurePolicy

Weights = dict[str, int]
FIRM_CELLS = 16  # a listed firm costs about as much as this many cells


@dataclass(frozen=True, slots=True)
class Measured:
    """Figures of one unknown. ``combination`` is None when they are exact, else the coefficients, over the group's rows, that say most."""

    figures: Figures
    rows: tuple[Row, ...]
    combination: tuple[int, ...] | None
    tried: int
    combinations: int


def measure(rows: Sequence[Row], marginals: Mapping[str, Marginal], policy: DisclosurePolicy, tick: Tick = lambda: None) -> dict[str, Measured]:
    """Figures of every column with more than one point, from ``rows`` over them; columns that no row touches are left out.

    ``tick`` is called between parts of the work; what it raises ends it.
    """
    varying = [{column: weight for column, weight in row.items() if len(marginals[column].values) > 1} for row in rows]
    found: dict[str, Measured] = {}
    for group in groups(varying):
        basis = compact(group, varying, marginals)
        cells, firms = _cells(basis, marginals), prod(len(marginals[column].values) for column in _columns(basis))
        if min(cells, firms * FIRM_CELLS) <= policy.exact_cells:
            tick()
            exact = listed(basis, marginals) if firms * FIRM_CELLS < cells else convolved(basis, marginals, tick)
            found |= {column: Measured(figures, tuple(basis), None, 1, 1) for column, figures in exact.items()}
        else:
            found |= _estimated(basis, marginals, policy, tick)
    return found


def convolved(basis: Sequence[Row], marginals: Mapping[str, Marginal], tick: Tick = lambda: None) -> dict[str, Figures]:
    """Figures by one convolution over the joint distribution's cells."""
    return _figures(_radix(basis, marginals), marginals, tick)


def listed(basis: Sequence[Row], marginals: Mapping[str, Marginal]) -> dict[str, Figures]:
    """Figures by listing every firm: for few points each, whose functionals leave most cells empty."""
    columns = _columns(basis)
    points = [(marginals[column].values, marginals[column].counts) for column in columns]
    sums = [[[row.get(column, 0) * value for value in marginals[column].values] for column in columns] for row in basis]
    return dict(zip(columns, leakage_of_listed(points, sums), strict=True))


def groups(rows: Sequence[Row]) -> list[list[Weights]]:
    """The span of ``rows`` taken apart into bases that share no column.

    >>> groups([{"a": 1, "b": 1, "c": 2}, {"c": 1}, {"a": 2, "b": 2}])
    [[{'a': 1, 'b': 1}], [{'c': 1}]]
    """
    found: list[list[Weights]] = []
    for row in reduced(rows):
        touching = [group for group in found if any(set(row) & set(other) for other in group)]
        found = [group for group in found if group not in touching]
        found.append([*(other for group in touching for other in group), row])
    return found


def compact(group: list[Weights], rows: Sequence[Row], marginals: Mapping[str, Marginal]) -> list[Weights]:
    """A basis of the group's span with few cells: of the group and the rows inside it, after taking multiples of one from another."""
    columns = {column for row in group for column in row}
    inside = [dict(row) for row in rows if row and set(row) <= columns and rank([*group, row]) == len(group)]
    given: list[Weights] = []
    for row in sorted(inside, key=lambda row: _range(row, marginals)):
        if rank([*given, row]) > len(given):
            given.append(row)
    choices = [_shortened(basis, marginals) for basis in (group, given) if len(basis) == len(group)]
    return min(choices, key=lambda basis: _cells(basis, marginals))


def _shortened(basis: list[Weights], marginals: Mapping[str, Marginal]) -> list[Weights]:
    found = [dict(row) for row in basis]
    while True:
        changed = False
        for place, other in product(range(len(found)), repeat=2):
            if place == other:
                continue
            best = min((_plus(found[place], times, found[other]) for times in range(-16, 17)), key=lambda row: _range(row, marginals))
            if _range(best, marginals) < _range(found[place], marginals):
                found[place], changed = best, True
        if not changed:
            return found


def _columns(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(column for row in rows for column in row))


def _plus(row: Row, times: int, other: Row) -> Weights:
    columns = dict.fromkeys((*row, *other))
    added = {column: row.get(column, 0) + times * other.get(column, 0) for column in columns}
    return {column: weight for column, weight in added.items() if weight}


def _step(row: Row, marginals: Mapping[str, Marginal]) -> int:
    """Greatest common divisor of the differences between values of the functional."""
    return gcd(*(weight * (value - marginals[column].values[0]) for column, weight in row.items() for value in marginals[column].values)) or 1


def _range(row: Row, marginals: Mapping[str, Marginal]) -> int:
    """Number of steps between the least and the greatest value of the functional."""
    spread = sum(abs(weight) * (marginals[column].values[-1] - marginals[column].values[0]) for column, weight in row.items())
    return spread // _step(row, marginals)


def _cells(basis: Sequence[Row], marginals: Mapping[str, Marginal]) -> int:
    return prod(_range(row, marginals) + 1 for row in basis)


def _radix(basis: Sequence[Row], marginals: Mapping[str, Marginal]) -> dict[str, list[int]]:
    """What each point of each column adds to the one sum that stands for all functionals of the basis."""
    found: dict[str, list[int]] = {}
    place = 1
    for row in basis:
        step = _step(row, marginals)
        for column, weight in row.items():
            values = marginals[column].values
            before = found.setdefault(column, [0] * len(values))
            found[column] = [offset + place * (weight * (value - values[0]) // step) for offset, value in zip(before, values, strict=True)]
        place *= _range(row, marginals) + 1
    return found


def _figures(offsets: Mapping[str, Sequence[int]], marginals: Mapping[str, Marginal], tick: Tick) -> dict[str, Figures]:
    parts = [summand(marginals[column].values, marginals[column].counts, added) for column, added in offsets.items()]
    return dict(zip(offsets, leakage(parts, tick), strict=True))


def _estimated(basis: list[Weights], marginals: Mapping[str, Marginal], policy: DisclosurePolicy, tick: Tick) -> dict[str, Measured]:
    """The worst figures over integer combinations, small coefficients first, while the policy's number and cells last."""
    total = count(len(basis), policy.coefficients_up_to)
    worst: dict[str, tuple[Figures, tuple[int, ...]]] = {}
    tried = cells = 0
    for coefficients in combinations(len(basis), policy.coefficients_up_to):
        row: Weights = {}
        for times, other in zip(coefficients, basis, strict=True):
            row = _plus(row, times, other)
        cells += _range(row, marginals) + 1
        if tried == policy.combinations_at_most or cells > policy.exact_cells:
            break
        tried += 1
        for column, figures in _figures(_radix([row], marginals), marginals, tick).items():
            before = worst.get(column)
            ratio = figures.ratio if before is None else min(figures.ratio, before[0].ratio)
            pinned = figures.pinned if before is None else max(figures.pinned, before[0].pinned)
            by = coefficients if before is None or figures.ratio < before[0].ratio else before[1]
            worst[column] = Figures(ratio, pinned, figures.before), by
    return {column: Measured(figures, tuple(basis), by, tried, total) for column, (figures, by) in worst.items()}


def combinations(size: int, limit: int) -> Iterator[tuple[int, ...]]:
    """Integer vectors without a common factor, up to sign, entries at most ``limit``: by their greatest entry, then in order.

    >>> list(combinations(2, 2))
    [(0, 1), (1, -1), (1, 0), (1, 1), (1, -2), (1, 2), (2, -1), (2, 1)]
    """
    for height in range(1, limit + 1):
        for vector in product(range(-height, height + 1), repeat=size):
            first = next((value for value in vector if value), 0)
            if first > 0 and max(map(abs, vector)) == height and gcd(*vector) == 1:
                yield vector


def count(size: int, limit: int) -> int:
    """Number of vectors that ``combinations`` gives.

    >>> [count(2, limit) == len(list(combinations(2, limit))) for limit in (1, 2, 3, 6)]
    [True, True, True, True]
    """
    primitive: dict[int, int] = {}
    for divisor in range(limit, 0, -1):  # vectors of which it is the greatest common divisor
        whole = ((2 * (limit // divisor) + 1) ** size - 1) // 2
        primitive[divisor] = whole - sum(primitive[multiple] for multiple in range(2 * divisor, limit + 1, divisor))
    return primitive[1]
