"""How much a sum of independent points says about each of them: exact posteriors by convolution [P7.1 (b)].

A sum is given by its summands: each has points with frequencies, and the offset that each point adds. For a target summand the sum of
the others is convolved once; then, for every value s of the whole sum, the posterior of the target is p(x)·others(s − offset(x)).

Floating point is enough. Frequencies are added and multiplied by positive numbers, which keeps a relative error of at most one unit in
2^53 an operation; only running sums over evenly spaced points subtract, and their error stays below (cells)·2^-53 of the whole mass,
under 10^-6 for up to 2^26 cells. A median that falls between two points may be taken to be either: E|x − median| is the same, and the
nearest point is a window's centre in both cases. Figures are rounded to the side of caution afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from scoring.disclosure.inference.summands import CERTAIN, WINDOW, Summand
from scoring.disclosure.inference.windows import SLACK, Floats, Whole, Windows

Tick = Callable[[], None]
CHUNK_CELLS = 1 << 20


@dataclass(frozen=True, slots=True)
class Figures:
    """ratio = E|x − posterior median| ÷ E|x − prior median|; pinned: share of firms whose posterior is 95 % within ±5 % of the range.

    ``before``: whether the prior is so already, so that every firm is pinned without any sum.
    """

    ratio: float
    pinned: float
    before: bool


Judged = tuple[Summand, Sequence[Summand]]
"""A variable: a summand for what it adds, and for each function that is judged one with the same offsets, by its own frequencies."""


def leakage(summands: Sequence[Summand], tick: Tick = lambda: None) -> list[Figures]:
    """Figures of every summand when their sum is known. Requires at least two points in each."""
    return [found for (found,) in leakage_of_variables([(item, [item]) for item in summands], tick)]


def leakage_of_variables(variables: Sequence[Judged], tick: Tick = lambda: None) -> list[list[Figures]]:
    """Figures of every function when the sum over the variables is known.

    Variables with the same points, frequencies and offsets have the same figures: each kind is judged once, whatever their number.
    """
    kinds: dict[tuple[object, ...], list[int]] = {}
    for place, (base, items) in enumerate(variables):
        key = tuple((item.values.tobytes(), item.weights.tobytes(), item.offsets.tobytes(), item.yardstick) for item in (base, *items))
        kinds.setdefault(key, []).append(place)
    places = list(kinds.values())
    found: dict[int, list[Figures]] = {}
    for kind, others in _all_but_one([(variables[same[0]][0], len(same)) for same in places]):
        judged = [figures(item, others, tick) for item in variables[places[kind][0]][1]]
        found |= dict.fromkeys(places[kind], judged)
    return [found[place] for place in range(len(variables))]


def figures(target: Summand, others: Floats, tick: Tick) -> Figures:
    """Figures of ``target`` when the distribution of the sum of the others, from its least value on, is ``others``."""
    error, pinned = (_even if target.stride else _each)(target, others, tick)
    return _judged(target, error, pinned)


def leakage_of_listed(variables: Sequence[Judged], sums: Sequence[Sequence[Sequence[int]]]) -> list[list[Figures]]:
    """Figures of every function when several sums are known, by listing every firm that there can be.

    ``sums[k][i]`` is what each cell of variable i adds to sum k. Requires that no two cells of a summand are one, and that the product of the
    numbers of cells is small.
    """
    chances = [base.weights[base.order] for base, _ in variables]
    mass = np.ones(1)
    for chance in chances:
        mass = np.multiply.outer(mass, chance).reshape(-1)
    seen = np.zeros(len(mass), dtype=np.int64)  # a number for each distinct tuple of sums
    for added in sums:
        total = np.zeros(1, dtype=np.int64)
        for part in added:
            total = np.add.outer(total, np.array(part, dtype=np.int64)).reshape(-1)
        _, place = np.unique(total, return_inverse=True)
        _, seen = np.unique(seen * (int(place.max()) + 1) + place, return_inverse=True)
    places = np.indices([len(chance) for chance in chances]).reshape(len(chances), -1)
    size = int(seen.max()) + 1
    found = []
    for (_, items), place, chance in zip(variables, places, chances, strict=True):
        joint: Floats = np.bincount(place * size + seen, weights=mass, minlength=len(chance) * size).astype(np.float64).reshape(len(chance), -1)
        judged = []
        for target in items:
            table = np.empty_like(joint)
            table[target.order] = joint * (target.weights[target.order] / chance)[:, None]
            judged.append(_judged(target, *_of_table(table, target, *_window(target))))
        found.append(judged)
    return found


def _judged(target: Summand, error: float, pinned: float) -> Figures:
    """The figures, against those of the prior alone."""
    return Figures(error / target.yardstick.error, pinned, target.yardstick.before)


def _all_but_one(kinds: Sequence[tuple[Summand, int]]) -> Iterator[tuple[int, Floats]]:
    """For each kind, given with its number, the distribution of the sum without one of it: halves are added in turn, so that n of d kinds
    take about n·log d convolutions in all."""

    def grown(others: Floats, item: Summand, times: int) -> Floats:
        for _ in range(times):
            others = add(others, item)
        return others

    def split(places: list[int], others: Floats) -> Iterator[tuple[int, Floats]]:
        if len(places) == 1:
            item, number = kinds[places[0]]
            yield places[0], grown(others, item, number - 1)
            return
        half = len(places) // 2
        for kept, added in ((places[:half], places[half:]), (places[half:], places[:half])):
            beside = others
            for place in added:
                beside = grown(beside, *kinds[place])
            yield from split(kept, beside)

    yield from split(list(range(len(kinds))), np.ones(1))


def add(others: Floats, item: Summand) -> Floats:
    """Distribution of a sum after an independent summand joined it."""
    if not item.stride:
        found = np.zeros(len(others) + item.width)
        for offset, weight in zip(item.offsets.tolist(), item.weights.tolist(), strict=True):
            found[offset : offset + len(others)] += weight * others
        return found
    count, stride = len(item.values), item.stride
    size = len(others) + item.width
    running = _running(others, stride, -(-size // stride))
    running[count:] -= running[:-count].copy()
    return np.maximum(running.reshape(-1)[:size] / count, 0.0)


def _running(others: Floats, stride: int, lines: int) -> Floats:
    """Sums of every stride-th value, as a table of ``lines`` lines of ``stride``: line q, column r holds Σ others[r + stride·j], j <= q."""
    table = np.zeros(lines * stride)
    table[: len(others)] = others
    return np.cumsum(table.reshape(lines, stride), axis=0)


def _each(target: Summand, others: Floats, tick: Tick) -> tuple[float, float]:
    """Expected posterior error and share pinned, by a table of point × sum, a chunk of sums at a time."""
    margin = target.width
    padded = np.concatenate((np.zeros(margin), others, np.zeros(margin)))
    sums, points = len(others) + margin, len(target.values)
    low, high = _window(target)
    error = pinned = 0.0
    step = max(CHUNK_CELLS // points, 1)
    for start in range(0, sums, step):
        tick()
        stop = min(start + step, sums)
        joint = np.empty((points, stop - start))
        for place, (offset, weight) in enumerate(zip(target.offsets.tolist(), target.weights.tolist(), strict=True)):
            joint[place] = weight * padded[margin - offset + start : margin - offset + stop]
        more = _of_table(joint, target, low, high)
        error, pinned = error + more[0], pinned + more[1]
    return error, pinned


def _of_table(joint: Floats, target: Summand, low: Whole, high: Whole) -> tuple[float, float]:
    """Expected posterior error and share pinned of a table of point × what is seen; ``low`` and ``high`` as ``_window`` gives them."""
    upto = np.concatenate((np.zeros((1, joint.shape[1])), np.cumsum(joint, axis=0)))
    whole = upto[-1]
    median = np.minimum((upto[1:] < whole * (0.5 - SLACK)).sum(axis=0), len(joint) - 1)
    error = float(np.sum(joint * np.abs(target.values[:, None] - target.values[median])))
    inside = upto[high[median], np.arange(len(whole))] - upto[low[median], np.arange(len(whole))]
    return error, float(np.sum(whole[inside >= whole * (CERTAIN - SLACK)]))


def _window(target: Summand) -> tuple[Whole, Whole]:
    """For each cell, the places of the first cell within ±5 % of the range, and of the first beyond it."""
    reach = target.yardstick.reach
    return np.searchsorted(target.values, target.values - reach), np.searchsorted(target.values, target.values + reach, side="right")


def _even(target: Summand, others: Floats, tick: Tick) -> tuple[float, float]:
    """As ``_each`` for many evenly spaced points, by running sums: a posterior is a window of every stride-th value of ``others``.

    In line q and column r the target's place t stands over others[r + stride·(q − t)]; masses are differences of running sums, and the
    median is found by halving, in all columns at once.
    """
    count, stride = len(target.values), target.stride
    lines = -(-len(others) // stride) + count - 1
    mass = np.concatenate((np.zeros((1, stride)), _running(others, stride, lines)))
    moment = np.concatenate((np.zeros((1, stride)), np.cumsum(np.arange(lines)[:, None] * np.diff(mass, axis=0), axis=0)))
    spacing, reach = (int(target.values[-1]) - int(target.values[0])) // (count - 1), (count - 1) // WINDOW
    error = pinned = 0.0
    step = max(CHUNK_CELLS // stride, 1)
    for start in range(0, lines, step):
        tick()
        q = np.arange(start, min(start + step, lines))[:, None]
        table = Windows(mass, moment, q, count)
        place = table.median()
        error += table.error(place)
        whole, inside = table.between(0, count), table.between(np.maximum(place - reach, 0), place + reach + 1)
        pinned += float(np.sum(whole[inside >= whole * (CERTAIN - SLACK)]))
    return error * spacing / count, pinned / count
