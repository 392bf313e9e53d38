"""The admission lint's mathematics against enumeration: spans, posteriors, and the forms in which they are computed [P7.1]."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.disclosure.inference.joint import Group, compact, convolved, groups, listed, measure
from scoring.disclosure.inference.posteriors import Figures, add, leakage
from scoring.disclosure.inference.posteriors import figures as figures_of
from scoring.disclosure.inference.priors import Marginal
from scoring.disclosure.inference.span import Isolation, combine, isolation, rank, ungated
from scoring.disclosure.inference.summands import FEW, summand
from scoring.disclosure.inference.variable import Variable, alone
from scoring.statements import DisclosurePolicy

unhurried = settings(deadline=None)
COLUMNS = "abcd"
ENTRY = st.integers(-2, 2)
ROWS = st.lists(st.fixed_dictionaries(dict.fromkeys(COLUMNS, ENTRY)), min_size=1, max_size=3)
SMALLEST_MINORS = 8  # entries of a primitive null vector of 3 rows are minors of 2 rows: at most 2·2 + 2·2


def combined(rows: list[dict[str, int]], times: tuple[int, ...]) -> dict[str, int]:
    return {name: value for name in COLUMNS if (value := sum(t * row[name] for t, row in zip(times, rows, strict=True)))}


def enumerated(rows: list[dict[str, int]]) -> list[dict[str, int]]:
    """Every combination that is not zero, with coefficients large enough to meet each one-dimensional null space."""
    reach = range(-SMALLEST_MINORS, SMALLEST_MINORS + 1)
    return [value for times in product(reach, repeat=len(rows)) if (value := combined(rows, times))]


@unhurried
@given(ROWS, st.sets(st.sampled_from(COLUMNS), min_size=1, max_size=3))
def test_a_combination_isolates_exactly_when_enumeration_finds_one(rows: list[dict[str, int]], inside: set[str]) -> None:
    found = isolation(rows, inside)
    assert (found is not None) == any(set(value) <= inside for value in enumerated(rows))
    if found is not None:
        assert combined(rows, found.coefficients) == dict(found.value)
        assert set(found.value) <= inside


@unhurried
@given(ROWS)
def test_masks_cancel_exactly_when_enumeration_finds_a_combination_that_is_not_declared(rows: list[dict[str, int]]) -> None:
    declared = [row for row in rows if not row["d"]]
    undeclared = [value for value in enumerated(rows) if "d" not in value and rank([*declared, value]) > rank(declared)]
    found: Isolation | None = ungated(rows, ["d"])
    assert (found is not None) == bool(undeclared)
    if found is not None:
        assert combine(rows, found.coefficients) == dict(found.value)
        assert "d" not in found.value


@st.composite
def small_views(draw: st.DrawFn) -> tuple[list[dict[str, int]], dict[str, Marginal]]:
    """One to three functionals over two to four unknowns of two to five points, with frequencies."""
    names = COLUMNS[: draw(st.integers(2, 4))]
    marginals = {}
    for name in names:
        values = sorted(draw(st.sets(st.integers(-20, 60), min_size=2, max_size=5)))
        counts = draw(st.lists(st.integers(1, 4), min_size=len(values), max_size=len(values)))
        marginals[name] = Marginal(tuple(values), tuple(counts))
    weights = st.fixed_dictionaries(dict.fromkeys(names, st.integers(-4, 12)))
    rows = draw(st.lists(weights, min_size=1, max_size=3))
    return [{name: weight for name, weight in row.items() if weight} for row in rows], marginals


def apart(marginals: dict[str, Marginal]) -> list[Variable]:
    return [alone(name, marginal) for name, marginal in marginals.items()]


def error(spread: dict[int, Fraction], median: int) -> Fraction:
    return sum((weight * abs(value - median) for value, weight in spread.items()), Fraction())


def median_of(spread: dict[int, Fraction]) -> int:
    half, reached = sum(spread.values(), Fraction()) / 2, Fraction()
    for value in sorted(spread):
        reached += spread[value]
        if reached >= half:
            return value
    raise AssertionError("a distribution without mass")


def by_enumeration(rows: list[dict[str, int]], marginals: dict[str, Marginal], name: str) -> tuple[Fraction, Fraction]:
    """Ratio and share pinned of one unknown, from every firm that there can be."""
    seen: dict[tuple[int, ...], dict[int, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
    weights = {
        key: dict(zip(item.values, (Fraction(count, sum(item.counts)) for count in item.counts), strict=True)) for key, item in marginals.items()
    }
    for points in product(*(item.values for item in marginals.values())):
        firm = dict(zip(marginals, points, strict=True))
        share = Fraction(1)
        for key, value in firm.items():
            share *= weights[key][value]
        seen[tuple(sum(weight * firm[key] for key, weight in row.items()) for row in rows)][firm[name]] += share
    reach = Fraction(marginals[name].values[-1] - marginals[name].values[0], 20)
    after = pinned = Fraction()
    for spread in seen.values():
        median, whole = median_of(spread), sum(spread.values(), Fraction())
        after += error(spread, median)
        near = sum((weight for value, weight in spread.items() if abs(value - median) <= reach), Fraction())
        pinned += whole if near >= whole * Fraction(95, 100) else 0
    return after / error(weights[name], median_of(weights[name])), pinned


def agree(figures: Figures, wanted: tuple[Fraction | float, Fraction | float]) -> None:
    assert figures.ratio == pytest.approx(float(wanted[0]), abs=1e-9)
    assert figures.pinned == pytest.approx(float(wanted[1]), abs=1e-9)


@settings(deadline=None, max_examples=100)
@given(small_views())
def test_figures_are_those_of_enumerating_every_firm(view: tuple[list[dict[str, int]], dict[str, Marginal]]) -> None:
    rows, marginals = view
    found = measure(rows, apart(marginals), marginals, DisclosurePolicy())
    assert set(found) == {name for row in rows for name in row}
    for name, measured in found.items():
        assert measured.combination is None
        agree(measured.figures, by_enumeration(rows, marginals, name))


@settings(deadline=None, max_examples=100)
@given(small_views())
def test_convolving_and_listing_give_the_same(view: tuple[list[dict[str, int]], dict[str, Marginal]]) -> None:
    rows, marginals = view
    for group in groups(rows[:2], apart(marginals), marginals):
        basis = compact(group, rows[:2])
        fast, plain = convolved(basis), listed(basis)
        assert set(fast) == set(plain)
        for name, figures in fast.items():
            agree(figures, (plain[name].ratio, plain[name].pinned))


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.lists(st.integers(0, 6), min_size=2, max_size=4, unique=True).map(sorted), st.sampled_from([1, 2])), min_size=1, max_size=6)
)
def test_kinds_of_summands_give_what_each_by_itself_gives(shapes: list[tuple[list[int], int]]) -> None:
    """Equal summands are judged once; against each of them in turn, beside all others."""
    parts = [summand(values, [1] * len(values), [weight * value for value in values]) for values, weight in shapes]
    for place, (part, fast) in enumerate(zip(parts, leakage(parts), strict=True)):
        others = np.ones(1)
        for other in (other for beside, other in enumerate(parts) if beside != place):
            others = add(others, other)
        plain = figures_of(part, others, lambda: None)
        assert fast.ratio == pytest.approx(plain.ratio)
        assert fast.pinned == pytest.approx(plain.pinned)
        assert fast.before == plain.before


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(FEW + 1, 90), st.integers(1, 5), st.integers(-9, 9).filter(bool)), min_size=1, max_size=4))
def test_running_sums_give_what_the_whole_table_gives(shapes: list[tuple[int, int, int]]) -> None:
    """The fast way for evenly spaced points, against the plain way for any points."""
    parts = []
    for count, step, weight in shapes:
        values = [step * place - 7 for place in range(count)]
        parts.append(summand(values, [1] * count, [weight * value for value in values]))
    assert all(part.stride for part in parts)
    for fast, plain in zip(leakage(parts), leakage([dataclasses.replace(part, stride=0) for part in parts]), strict=True):
        assert fast.ratio == pytest.approx(plain.ratio, abs=1e-9)
        assert fast.pinned == pytest.approx(plain.pinned, abs=1e-9)


@unhurried
@given(small_views())
def test_the_form_with_fewest_cells_spans_what_the_functionals_span(view: tuple[list[dict[str, int]], dict[str, Marginal]]) -> None:
    rows, marginals = view
    parts: list[Group] = groups(rows, apart(marginals), marginals)
    columns = [{column for row in group.rows for column in row} for group in parts]
    assert all(not one & other for place, one in enumerate(columns) for other in columns[:place])
    basis = [row for group in parts for row in compact(group, rows).rows]
    assert rank(basis) == rank(rows) == len(basis)
    assert rank([*rows, *basis]) == rank(rows)
