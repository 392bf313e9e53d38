"""Shapes of record fields: how a field's values follow from an enterprise's traits and from its other fields. All parameters are assumed.

A shape gives plain numbers, one an enterprise: amounts in yuan, shares between 0 and 1, spans in years, flags 0 and 1; not-a-number where
an enterprise cannot have a value. ``writing`` puts them into a field's own type and unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from simulators.population.fields.traits import Floats, Traits, share


@dataclass(frozen=True, slots=True)
class Basis:
    """What a field may follow: its own stream of random numbers, the traits, and the fields drawn before it (not-a-number where missing)."""

    draw: np.random.Generator
    traits: Traits
    known: dict[str, Floats]

    def lean(self, size: float, innovation: float, spread: float = 0.0) -> Floats:
        """How much traits and chance lift an enterprise, on a logarithmic scale."""
        return size * self.traits.size + innovation * self.traits.innovation + self.traits.noise(self.draw, spread)

    def field(self, name: str) -> Floats:
        """Numbers of a field drawn before, 0 where missing. Raises KeyError for one that was not."""
        return np.nan_to_num(self.known[name])


class Shape(Protocol):
    """How one field is drawn."""

    def values(self, basis: Basis) -> Floats:
        """A number for every enterprise."""
        ...


@dataclass(frozen=True, slots=True)
class Same:
    """The figure of another field, under this pack's name for it."""

    of: str

    def values(self, basis: Basis) -> Floats:
        return basis.known[self.of]


@dataclass(frozen=True, slots=True)
class Count:
    """Items: Poisson about ``mean`` for an ordinary enterprise, at most about ``most``; overdispersed by ``spread``."""

    mean: float
    size: float = 0.5
    innovation: float = 0.3
    spread: float = 0.3
    most: float = 300.0

    def values(self, basis: Basis) -> Floats:
        mean = np.minimum(self.mean * np.exp(basis.lean(self.size, self.innovation, self.spread)), self.most)
        return basis.draw.poisson(mean).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Some:
    """Items among those of another field: each counts with the probability of ``logit``, which innovation lifts."""

    of: str
    logit: float
    innovation: float = 0.0

    def values(self, basis: Basis) -> Floats:
        chance = share(self.logit + basis.lean(0.0, self.innovation, 0.4))
        return basis.draw.binomial(np.round(basis.field(self.of)).astype(np.int64), chance).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount in proportion to another field: ``part`` of it for an ordinary enterprise; nothing at all for the share ``none``."""

    of: str
    part: float
    innovation: float = 0.0
    size: float = 0.0
    spread: float = 0.6
    none: float = 0.0
    at_least: float = 0.0

    def values(self, basis: Basis) -> Floats:
        amount = np.maximum(basis.field(self.of), self.at_least) * self.part * np.exp(basis.lean(self.size, self.innovation, self.spread))
        amount[basis.draw.random(basis.traits.count) < self.none] = 0.0
        return np.asarray(np.round(amount, 2))


@dataclass(frozen=True, slots=True)
class About:
    """A positive figure about ``mean`` that follows nothing else."""

    mean: float
    size: float = 0.0
    innovation: float = 0.0
    spread: float = 0.5

    def values(self, basis: Basis) -> Floats:
        return np.asarray(self.mean * np.exp(basis.lean(self.size, self.innovation, self.spread)))


@dataclass(frozen=True, slots=True)
class PartOf:
    """An amount that is a part of another field, never more than it: the share of ``logit``."""

    of: str
    logit: float
    innovation: float = 0.0
    spread: float = 0.6

    def values(self, basis: Basis) -> Floats:
        return np.asarray(np.round(basis.field(self.of) * share(self.logit + basis.lean(0.0, self.innovation, self.spread)), 2))


@dataclass(frozen=True, slots=True)
class Share:
    """A share between 0 and 1."""

    logit: float
    innovation: float = 0.0
    size: float = 0.0
    spread: float = 0.6

    def values(self, basis: Basis) -> Floats:
        return share(self.logit + basis.lean(self.size, self.innovation, self.spread))


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate of change about ``mean``, which momentum lifts; may be negative."""

    mean: float
    momentum: float = 0.15
    spread: float = 0.2

    def values(self, basis: Basis) -> Floats:
        traits = basis.traits
        return np.asarray(np.exp(np.log1p(self.mean) + self.momentum * traits.momentum + traits.noise(basis.draw, self.spread)) - 1.0)


@dataclass(frozen=True, slots=True)
class Before:
    """Another field's figure ``years`` before; missing where the enterprise was not there yet."""

    of: str
    years: int = 1

    def values(self, basis: Basis) -> Floats:
        growth = np.exp(self.years * (0.08 + 0.14 * basis.traits.momentum) + basis.traits.noise(basis.draw, 0.15))
        return np.where(basis.traits.age < self.years, np.nan, np.asarray(basis.known[self.of] / growth))


@dataclass(frozen=True, slots=True)
class Mark:
    """A flag that holds for about the share ``likely``, likelier for the innovative (and the large by ``size``); for one enterprise at least."""

    likely: float
    innovation: float = 0.6
    size: float = 0.0

    def values(self, basis: Basis) -> Floats:
        ranks = np.argsort(-basis.lean(self.size, self.innovation, 1.0), kind="stable")
        marks = np.zeros(basis.traits.count)
        marks[ranks[: max(1, round(self.likely * basis.traits.count))]] = 1.0
        return marks


@dataclass(frozen=True, slots=True)
class Age:
    """Years since registration, as exact as the registration date."""

    def values(self, basis: Basis) -> Floats:
        return basis.traits.age


@dataclass(frozen=True, slots=True)
class Pick:
    """The place of a category's value, by ``weights`` in the order in which the pack lists its values; the innovative stand earlier."""

    weights: tuple[float, ...]

    def values(self, basis: Basis) -> Floats:
        order = np.argsort(np.argsort(-basis.lean(0.0, 0.7, 1.0), kind="stable"), kind="stable")
        bounds = np.cumsum(np.array(self.weights) / sum(self.weights)) * basis.traits.count
        return np.minimum(np.searchsorted(bounds, order, side="right"), len(self.weights) - 1).astype(np.float64)
