"""Figures of every unknown in a view: exact where the joint distribution is small enough, else by integer combinations [P7.1 (b)].

Functionals are first brought into the form with the fewest cells. Elimination takes them apart into groups that share no variable, and
whole multiples of one are taken from another while that shortens its range; neither loses or adds information. A group of several
functionals is then one sum: with radix R = 1 + range, f_1 + R·f_2 + R·R'·f_3 … has a value of its own for each tuple of values, so
the joint distribution is that of a single weighted sum and one convolution serves both cases. What an audience sees of a variable anyway is
one more functional, of that variable alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import gcd, prod

from scoring.disclosure.inference.combinations import combinations, count
from scoring.disclosure.inference.posteriors import Figures, Judged, Tick, leakage_of_listed, leakage_of_variables
from scoring.disclosure.inference.span import Row, rank, reduced
from scoring.disclosure.inference.summands import summand
from scoring.disclosure.inference.variable import Variable
from scoring.statements import DisclosurePolicy

Weights = dict[str, int]
Variables = Sequence[Variable]
FIRM_CELLS = 16  # a listed firm costs about as much as this many cells


@dataclass(frozen=True, slots=True)
class Measured:
    """Figures of one unknown. ``combination`` is None when they are exact, else the coefficients, over the group's rows, that say most."""

    figures: Figures
    rows: tuple[Row, ...]
    combination: tuple[int, ...] | None
    tried: int
    combinations: int


@dataclass(frozen=True)
class Group:
    """Functionals, and the variables behind them, that share nothing with other groups; the columns that are judged."""

    rows: tuple[Row, ...]
    variables: tuple[Variable, ...]
    judged: tuple[str, ...]

    def cells(self) -> int:
        """Number of values that the functionals, and what is seen anyway, can have together at most."""
        return prod(spread_of(row, self.variables)[0] + 1 for row in self.rows) * prod(variable.classes for variable in self.variables)


def measure(
    rows: Sequence[Row], variables: Variables, judged: Collection[str], policy: DisclosurePolicy, tick: Tick = lambda: None
) -> dict[str, Measured]:
    """Figures of the columns ``judged`` that can have more than one point, from ``rows`` over the columns of ``variables``; left out where
    neither a row nor what is seen anyway nor a stage touches the variable.

    ``tick`` is called between parts of the work; what it raises ends it.
    """
    varying = [{column: weight for column, weight in row.items() if _owner(column, variables).spread({column: 1})[0]} for row in rows]
    found: dict[str, Measured] = {}
    for group in groups(varying, variables, judged):
        found |= {column: Measured(fixed, group.rows, None, 1, 1) for column, fixed in _fixed(group)}
        basis = compact(group, varying)
        firms = prod(len(variable.counts) for variable in basis.variables)
        cells = basis.cells()
        if min(cells, firms * FIRM_CELLS) <= policy.exact_cells:
            tick()
            exact = listed(basis) if firms * FIRM_CELLS < cells else convolved(basis, tick)
            found |= {column: Measured(figures, basis.rows, None, 1, 1) for column, figures in exact.items()}
        else:
            found |= _estimated(basis, policy, tick)
    return found


def convolved(group: Group, tick: Tick = lambda: None) -> dict[str, Figures]:
    """Figures by one convolution over the joint distribution's cells."""
    parts = _summands(group)
    return _named(group, leakage_of_variables(parts, tick))


def listed(group: Group) -> dict[str, Figures]:
    """Figures by listing every firm: for few cells each, whose functionals leave most values empty."""
    sums = [[variable.added(row) for variable in group.variables] for row in group.rows]
    sums += [[variable.told if variable is of else [0] * len(variable.counts) for variable in group.variables] for of in group.variables if of.told]
    return _named(group, leakage_of_listed(_apart(group), sums))


def groups(rows: Sequence[Row], variables: Variables, judged: Collection[str]) -> list[Group]:
    """The span of ``rows`` taken apart into bases that share no variable; variables that no row touches, where something is known of them."""
    found: list[tuple[list[Row], list[int]]] = []
    places = {column: place for place, variable in enumerate(variables) for column in variable.columns}
    for row in reduced(rows):
        together: tuple[list[Row], list[int]] = [row], list(dict.fromkeys(places[column] for column in row))
        apart = []
        for other in found:
            if set(other[1]) & set(together[1]):
                together = [*other[0], *together[0]], list(dict.fromkeys((*other[1], *together[1])))
            else:
                apart.append(other)
        found = [*apart, together]
    touched = {place for _, read in found for place in read}
    found += [([], [place]) for place, variable in enumerate(variables) if place not in touched and (variable.whole or variable.classes > 1)]
    return [_group(same, [variables[place] for place in read], judged) for same, read in found]


def compact(group: Group, rows: Sequence[Row]) -> Group:
    """A basis of the group's span with few cells: of the group and the rows inside it, after taking multiples of one from another."""
    columns = {column for row in group.rows for column in row}
    inside = [dict(row) for row in rows if row and set(row) <= columns and rank([*group.rows, row]) == len(group.rows)]
    given: list[Row] = []
    for row in sorted(inside, key=lambda row: spread_of(row, group.variables)[0]):
        if rank([*given, row]) > len(given):
            given.append(row)
    choices = [_shortened(group, basis) for basis in (group.rows, given) if len(basis) == len(group.rows)]
    return min(choices, key=Group.cells)


def spread_of(row: Row, variables: Variables) -> tuple[int, int]:
    """Number of steps between the least and the greatest value of a functional, and the size of a step."""
    spreads = [variable.spread(row) for variable in variables]
    step = gcd(*(step for _, step in spreads)) or 1
    return sum(wide for wide, _ in spreads) // step, step


def _group(rows: Sequence[Row], variables: Sequence[Variable], judged: Collection[str]) -> Group:
    chosen = tuple(column for variable in variables for column in variable.columns if column in judged)
    return Group(tuple(rows), tuple(variables), chosen)


def _owner(column: str, variables: Variables) -> Variable:
    return next(variable for variable in variables if column in variable.columns)


def _fixed(group: Group) -> Iterator[tuple[str, Figures]]:
    """Columns that have one point in the stage alone: whoever knows the stage knows them."""
    for variable in group.variables:
        for column, whole in variable.whole.items():
            if column in group.judged and len(set(variable.columns[column])) == 1 < len(whole.values):
                yield column, Figures(0.0, 1.0, summand(whole.values, whole.counts, whole.values).yardstick.before)


def _shortened(group: Group, basis: Sequence[Row]) -> Group:
    found = [dict(row) for row in basis]

    def wide(row: Row) -> int:
        return spread_of(row, group.variables)[0]

    while True:
        changed = False
        for place, other in product(range(len(found)), repeat=2):
            if place == other:
                continue
            best = min((_plus(found[place], times, found[other]) for times in range(-16, 17)), key=wide)
            if wide(best) < wide(found[place]):
                found[place], changed = best, True
        if not changed:
            return Group(tuple(found), group.variables, group.judged)


def _plus(row: Row, times: int, other: Row) -> Weights:
    columns = dict.fromkeys((*row, *other))
    added = {column: row.get(column, 0) + times * other.get(column, 0) for column in columns}
    return {column: weight for column, weight in added.items() if weight}


def _summands(group: Group) -> list[Judged]:
    """What each cell of each variable adds to the one sum that stands for all functionals and all that is seen anyway."""
    offsets = [[0] * len(variable.counts) for variable in group.variables]
    radix = 1
    for row in group.rows:
        wide, step = spread_of(row, group.variables)
        for place, variable in enumerate(group.variables):
            added = variable.added(row)
            least = min(added)
            offsets[place] = [before + radix * ((more - least) // step) for before, more in zip(offsets[place], added, strict=True)]
        radix *= wide + 1
    for place, variable in enumerate(group.variables):
        if variable.told:
            offsets[place] = [before + radix * told for before, told in zip(offsets[place], variable.told, strict=True)]
            radix *= variable.classes
    return [_parts(group, variable, added) for variable, added in zip(group.variables, offsets, strict=True)]


def _parts(group: Group, variable: Variable, offsets: Sequence[int]) -> Judged:
    columns = _judged(group, variable)
    targets = [summand(variable.columns[name], variable.counts_of(name), offsets, variable.whole.get(name)) for name in columns]
    if len(variable.columns) == 1 and targets:
        return targets[0], targets
    return summand(offsets, variable.counts, offsets), targets


def _apart(group: Group) -> list[Judged]:
    """The variables' parts of a sum that tells all cells apart."""
    return [_parts(group, variable, range(len(variable.counts))) for variable in group.variables]


def _judged(group: Group, variable: Variable) -> list[str]:
    return [column for column, values in variable.columns.items() if column in group.judged and len(set(values)) > 1]


def _named(group: Group, figures: Sequence[Sequence[Figures]]) -> dict[str, Figures]:
    pairs = zip(group.variables, figures, strict=True)
    return {column: found for variable, of in pairs for column, found in zip(_judged(group, variable), of, strict=True)}


def _estimated(group: Group, policy: DisclosurePolicy, tick: Tick) -> dict[str, Measured]:
    """The worst figures over integer combinations, small coefficients first, while the policy's number and cells last. Where they do not last
    for one, what cannot be measured is taken to be told entirely."""
    size = len(group.rows)
    total = count(size, policy.coefficients_up_to)
    worst: dict[str, tuple[Figures, tuple[int, ...]]] = {}
    tried = cells = 0
    for coefficients in combinations(size, policy.coefficients_up_to):
        row: Weights = {}
        for times, other in zip(coefficients, group.rows, strict=True):
            row = _plus(row, times, other)
        single = Group((row,), group.variables, group.judged)
        cells += single.cells()
        if tried == policy.combinations_at_most or cells > policy.exact_cells:
            break
        tried += 1
        for column, figures in convolved(single, tick).items():
            before = worst.get(column)
            ratio = figures.ratio if before is None else min(figures.ratio, before[0].ratio)
            pinned = figures.pinned if before is None else max(figures.pinned, before[0].pinned)
            by = coefficients if before is None or figures.ratio < before[0].ratio else before[1]
            worst[column] = Figures(ratio, pinned, figures.before), by
    if not tried:
        parts = zip(group.variables, _apart(group), strict=True)
        told = {
            column: Figures(0.0, 1.0, item.yardstick.before)
            for variable, (_, of) in parts
            for column, item in zip(_judged(group, variable), of, strict=True)
        }
        return {column: Measured(figures, group.rows, (1,) * size, 0, total) for column, figures in told.items()}
    return {column: Measured(figures, group.rows, by, tried, total) for column, (figures, by) in worst.items()}
