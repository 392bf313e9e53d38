"""Summands of a sum: what each cell of a variable adds, and the points of one function there, with the measure of what is known without
any sum [D5]."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from scoring.disclosure.inference.priors import Marginal
from scoring.disclosure.inference.windows import SLACK, Floats, Whole

FEW = 24  # points up to which every point is handled by itself
CERTAIN, WINDOW = 0.95, 20  # pinned: 95 % of the posterior within ±1/20 of the range


@dataclass(frozen=True, slots=True)
class Yardstick:
    """What is known without any sum: E|x − median|, ±5 % of the range, and whether 95 % lie within that around the median."""

    error: float
    reach: int
    before: bool


@dataclass(frozen=True)
class Summand:
    """Cells with the points of one function there (``values``, ascending, hundredths), their probabilities, and what each adds to the sum.

    ``stride`` is the even step of both values and offsets when all cells are equally likely and evenly spaced, else 0.
    """

    values: Whole
    weights: Floats
    offsets: Whole  # least is 0
    stride: int
    order: Whole  # of each cell as it was given, its place
    yardstick: Yardstick

    @property
    def width(self) -> int:
        """Greatest offset."""
        return int(self.offsets.max())


def summand(values: Sequence[int], counts: Sequence[int], offsets: Sequence[int], whole: Marginal | None = None) -> Summand:
    """Cells of these points that occur ``counts`` times and add ``offsets`` to a sum, counted from the least; those that agree in both are one.

    ``whole``: points and frequencies against which what is learned is judged, where they are not the cells' own.
    """
    given, chances = np.array(values, dtype=np.int64), np.array([count / sum(counts) for count in counts], dtype=np.float64)
    added = np.array(offsets, dtype=np.int64) - min(offsets)
    (points, added), order = np.unique(np.stack((given, added)), axis=1, return_inverse=True)
    order = order.reshape(-1)
    weights: Floats = np.bincount(order, weights=chances).astype(np.float64)
    steps = set(zip(np.diff(points).tolist(), np.diff(added).tolist(), strict=True))
    alike = len(points) == len(given) and len(set(counts)) == 1
    even = whole is None and alike and len(points) > FEW and len(steps) == 1
    yardstick = _yardstick(points, weights) if whole is None else _yardstick_of(whole)
    return Summand(points, weights, added, abs(steps.pop()[1]) if even else 0, order, yardstick)


def _yardstick(points: Whole, weights: Floats) -> Yardstick:
    upto = np.concatenate((np.zeros(1), np.cumsum(weights)))
    median = int(np.searchsorted(upto[1:], 0.5 - SLACK))
    reach = (int(points[-1]) - int(points[0])) // WINDOW
    low, high = np.searchsorted(points, points[median] - reach), np.searchsorted(points, points[median] + reach, side="right")
    error = float(np.sum(weights * np.abs(points - points[median])))
    return Yardstick(error, reach, bool(upto[high] - upto[low] >= CERTAIN - SLACK))


@lru_cache(maxsize=256)
def _yardstick_of(whole: Marginal) -> Yardstick:
    total = sum(whole.counts)
    return _yardstick(np.array(whole.values, dtype=np.int64), np.array([count / total for count in whole.counts], dtype=np.float64))
