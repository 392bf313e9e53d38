"""Draws are without replacement, uniform, and depend on R and on the root: neither who holds R nor who makes the tree can steer one [P6]."""

from __future__ import annotations

import random
from collections import Counter
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.encoding import sha256
from scoring.draws.selection import Lot, commitment_of, detection_probability

numbers = st.binary(min_size=32, max_size=32)
columns = st.integers(0, 1 << 32).map(lambda seed: sha256(seed.to_bytes(8, "big")).hex())
CHI_SQUARE_9_AT_1_IN_100000 = 40.79  # 10 pairs, 9 degrees of freedom


@given(numbers, numbers, columns, st.integers(1, 300), st.integers(1, 64))
def test_a_draw_is_without_replacement_and_as_large_as_it_can_be(r: bytes, root: bytes, column: str, batches: int, count: int) -> None:
    drawn = Lot(r, root).batches(column, batches, count)
    assert drawn == sorted(set(drawn))
    assert len(drawn) == min(count, batches)
    assert all(0 <= place < batches for place in drawn)


@given(numbers, numbers, columns, st.integers(1, 200), st.integers(1, 64))
def test_a_draw_is_a_function_of_its_arguments_and_not_of_their_order(r: bytes, root: bytes, column: str, batches: int, count: int) -> None:
    items = [(column, place) for place in range(batches)]
    shuffled = random.Random(0).sample(items, batches)
    assert Lot(r, root).chosen(items, count) == Lot(r, root).chosen(shuffled, count)


@given(numbers, numbers, numbers, columns)
def test_another_number_or_another_root_ranks_anew(r: bytes, root: bytes, other: bytes, column: str) -> None:
    ranks = {Lot(*pair).rank(column, 3) for pair in {(r, root), (other, root), (r, other)}}
    assert len(ranks) == len({(r, root), (other, root), (r, other)})


@given(numbers, numbers, columns, st.integers(1, 50), st.integers(1, 8))
def test_every_drawn_item_can_be_recognised_by_who_holds_the_stratum_alone(r: bytes, root: bytes, column: str, batches: int, count: int) -> None:
    """A department checks a request over its own column without knowing of any other."""
    other = sha256(column.encode()).hex()
    everything = {name: Lot(r, root).batches(name, batches, count) for name in (column, other)}
    assert everything[column] == Lot(r, root).batches(column, batches, count)


@pytest.mark.parametrize("varied", ["r", "root", "column"])
def test_every_set_of_batches_is_as_likely_as_any_other(varied: str) -> None:
    """Two of five batches, ten sets; only one argument varies, since whoever fixes the others must not see the draw through them."""
    fixed, seen, rounds = sha256(b"fixed"), Counter[tuple[int, ...]](), 5000
    for turn in range(rounds):
        value = sha256(turn.to_bytes(4, "big"))
        said = {"r": fixed, "root": fixed, "column": fixed} | {varied: value}
        seen[tuple(Lot(said["r"], said["root"]).batches(said["column"].hex(), 5, 2))] += 1
    expected = rounds / 10
    assert set(seen) == set(combinations(range(5), 2))
    assert sum((count - expected) ** 2 / expected for count in seen.values()) < CHI_SQUARE_9_AT_1_IN_100000


@given(numbers, numbers)
def test_the_commitment_is_the_hash_of_the_number(r: bytes, other: bytes) -> None:
    assert commitment_of(r) == sha256(r).hex()
    assert (commitment_of(r) == commitment_of(other)) == (r == other)


@given(st.integers(1, 12), st.data())
def test_the_published_probability_is_the_share_of_draws_that_meet_a_false_item(items: int, data: st.DataObject) -> None:
    false, count = data.draw(st.integers(0, items)), data.draw(st.integers(0, items))
    draws = list(combinations(range(items), count))
    meeting = sum(any(place < false for place in draw) for draw in draws)
    assert detection_probability(items, false, count) * len(draws) == meeting
