"""Sums over any number of banks: exact, within what their number allows, in slots that they never leave; orders that say ids alone [M7]."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.packing import pack, unpack
from scoring.errors import RangeError
from scoring.exchange.order import order_of, parse_order
from scoring.exchange.roster import Stages, batches
from scoring.indicators.functional import contributed, functional, read
from scoring.indicators.model import load_pack

MODEL = load_pack((Path(__file__).parents[2] / "scoring" / "packs" / "loan-performance" / "loan-performance@1.yaml").read_bytes())
BALANCE = "loan-balance"
MOST, GREATEST = MODEL.indicators[BALANCE].most_contributors, MODEL.indicators[BALANCE].bounds[1]
SUBJECTS = st.lists(st.binary(min_size=16, max_size=16).map(bytes.hex), min_size=1, max_size=40, unique=True)


@given(st.lists(st.lists(st.integers(0, GREATEST), min_size=3, max_size=3), min_size=2, max_size=MOST), st.integers(1, GREATEST))
def test_columns_of_banks_add_up_slot_by_slot(columns: list[list[int]], beyond: int) -> None:
    """Also at the bounds of the most banks; one more than the banks of an epoch can give is impossible."""
    names = [f"bank-{number}" for number in range(len(columns))]
    form = contributed(MODEL, functional(MODEL, "total", "all"), {BALANCE: names})
    opened = unpack(sum(pack(column, MODEL.slot_bits) for column in columns), MODEL.slot_bits, 3)
    assert list(opened) == [sum(column[slot] for column in columns) for slot in range(3)]
    assert [read(form, value).value_hundredths for value in opened] == list(opened)
    with pytest.raises(RangeError):
        read(form, len(columns) * GREATEST + beyond)


@given(SUBJECTS, st.integers(1, 7), st.data())
def test_an_order_says_where_each_subject_stands_and_where_batches_end(subjects: list[str], slots: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(0, len(subjects)))
    placed = [(subject, "330108", "S1") for subject in sorted(subjects[:first])] + [(subject, "330109", "S2") for subject in sorted(subjects[first:])]
    stages = Stages("zone", "epoch", "2023", "ab" * 32, tuple(placed))
    order = parse_order(order_of(stages, slots).to_bytes())
    assert list(order.subjects) == [subject for subject, _, _ in placed]
    assert [(item.first_position, item.count) for item in order.batches("all")] == [
        (item.first_position, item.count) for item in batches(stages.counts(), slots)
    ]
