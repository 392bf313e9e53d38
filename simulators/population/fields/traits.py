"""What makes an enterprise what it is, before any record says so: latent traits that every field is drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Columns: TypeAlias = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Traits:
    """Latent traits: standard normal size, innovation, momentum; age in years; revenue of the year in yuan."""

    size: Floats
    innovation: Floats
    momentum: Floats
    age: Floats
    revenue: Floats

    @property
    def count(self) -> int:
        """Number of enterprises."""
        return len(self.size)

    def noise(self, draw: np.random.Generator, spread: float) -> Floats:
        """Normal noise, one a firm, of standard deviation ``spread``."""
        return spread * draw.standard_normal(len(self.size))


def draw_traits(draw: np.random.Generator, count: int) -> Traits:
    """Size drives revenue; small firms are younger, more innovative firms grow faster and spend more."""
    size, innovation, momentum = (draw.standard_normal(count) for _ in range(3))
    momentum = 0.35 * innovation + 0.94 * momentum
    age = np.clip(np.exp(1.6 + 0.35 * size + 0.6 * draw.standard_normal(count)), 0.2, 60.0)
    revenue = np.exp(np.log(6e6) + 2.05 * size)
    revenue[(revenue < 1e6) & (age < 3) & (draw.random(count) < 0.35)] = 0.0
    return Traits(size, innovation, momentum, age, np.round(revenue, 2))


def share(logit: Floats) -> Floats:
    """Shares between 0 and 1 of their logits."""
    return np.asarray(1.0 / (1.0 + np.exp(-logit)))


def yuan(values: Floats, missing: NDArray[np.bool_] | None = None) -> list[str]:
    """Amounts with two decimals; empty where ``missing``."""
    gaps = np.zeros(len(values), dtype=bool) if missing is None else missing
    return ["" if gap else f"{value + 0.0:.2f}" for value, gap in zip(values, gaps, strict=True)]


def whole(values: NDArray[np.int64] | Floats, missing: NDArray[np.bool_] | None = None) -> list[str]:
    """Whole numbers; empty where ``missing``."""
    gaps = np.zeros(len(values), dtype=bool) if missing is None else missing
    return ["" if gap else str(int(value)) for value, gap in zip(values, gaps, strict=True)]
