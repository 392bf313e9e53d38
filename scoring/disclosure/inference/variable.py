"""A variable: what is unknown of one owner's record, in the cells that its functions tell apart [D3, D5]. Variables are independent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import gcd, lcm

from scoring.disclosure.inference.priors import Marginal


@dataclass(frozen=True)
class Variable:
    """Cells with their frequencies; the hundredths of each column in each cell.

    ``whole``: points and frequencies of a column over all stages, where a stage leaves fewer. ``told``: the class of each cell that an
    audience sees anyway, by what is open to it and by gates, counted from 0; empty where it sees none. ``prior``: frequencies of a column's
    points, where they are not equal.
    """

    columns: Mapping[str, tuple[int, ...]]
    counts: tuple[int, ...]
    whole: Mapping[str, Marginal] = field(default_factory=dict)
    told: tuple[int, ...] = ()
    prior: Mapping[str, Marginal] = field(default_factory=dict)

    @cached_property
    def classes(self) -> int:
        """Number of classes that are seen anyway."""
        return max(self.told, default=0) + 1

    def counts_of(self, column: str) -> tuple[int, ...]:
        """Frequencies of the cells by which a column is judged: its points as often as its prior says, and where they are the same, cells as
        often as ``counts`` say."""
        values, here = self.columns[column], frequencies(self.columns[column], self.counts)
        usual = dict(zip(here.values, here.counts, strict=True))
        prior = self.prior.get(column, Marginal(here.values, (1,) * len(here.values)))
        wanted, scale = dict(zip(prior.values, prior.counts, strict=True)), lcm(*usual.values())
        return tuple(count * wanted.get(value, 0) * (scale // usual[value]) for count, value in zip(self.counts, values, strict=True))

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for equal variables."""
        return tuple(self.columns.items()), self.counts, tuple(self.whole.items()), self.told, tuple(self.prior.items())

    def under(self, marginals: Mapping[str, Marginal]) -> Variable:
        """The same cells under another prior of single columns: each as often as its points are there against how often they are here. As it is
        where no cell would be left."""
        prior = {column: marginals[column] for column in self.columns if column in marginals}
        counts = [1] * len(self.counts)
        for column in prior:
            counts = [count * more for count, more in zip(counts, replace(self, prior=prior).counts_of(column), strict=True)]
        kept = [cell for cell, count in enumerate(counts) if count]
        if not kept:
            return self
        columns = {column: tuple(values[cell] for cell in kept) for column, values in self.columns.items()}
        told = tuple(self.told[cell] for cell in kept) if self.told else ()
        whole = {column: marginals.get(column, of) for column, of in self.whole.items()}
        return Variable(columns, tuple(counts[cell] for cell in kept), whole, told, prior)

    def added(self, weights: Mapping[str, int]) -> Sequence[int]:
        """What each cell adds to a functional with these weights."""
        mine = [(weights[column], values) for column, values in self.columns.items() if weights.get(column)]
        return [sum(weight * values[cell] for weight, values in mine) for cell in range(len(self.counts))]

    def spread(self, weights: Mapping[str, int]) -> tuple[int, int]:
        """Greatest less least of what the cells add, and the greatest common divisor of its steps; (0, 0) where all add the same."""
        mine = [column for column in self.columns if weights.get(column)]
        if len(mine) == 1:
            times, (wide, step) = abs(weights[mine[0]]), self._spreads[mine[0]]
            return times * wide, times * step
        return _spread(self.added(weights))

    @cached_property
    def _spreads(self) -> dict[str, tuple[int, int]]:
        return {column: _spread(values) for column, values in self.columns.items()}


def alone(column: str, marginal: Marginal) -> Variable:
    """The variable of a function that shares no source with any other."""
    return Variable({column: marginal.values}, marginal.counts, prior={column: marginal})


def frequencies(values: Sequence[int], counts: Sequence[int]) -> Marginal:
    """Distinct values, ascending, and how often each occurs."""
    found: Counter[int] = Counter()
    for number, count in zip(values, counts, strict=True):
        found[number] += count
    return Marginal(tuple(sorted(found)), tuple(found[number] for number in sorted(found)))


def _spread(values: Sequence[int]) -> tuple[int, int]:
    least = min(values)
    return max(values) - least, gcd(*(value - least for value in values))
