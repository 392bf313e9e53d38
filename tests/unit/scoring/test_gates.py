"""A gate makes a total count as 0 and hides what it would have been, also from who opens it; each functional has a mask of its own [P2.3]."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from crypto.keygen import PrivateKey
from scoring.exchange.tickets import derive_inputs
from scoring.exchange.view import Logged
from scoring.indicators.functional import Functional, functional, gate_value
from scoring.release.aggregate import aggregate
from scoring.statements import Input
from tests.support.epoch import EPOCH, GATED_FIRM
from tests.support.leaky import BETWEEN, SECOND, leaky_zone
from tests.support.zone import MemoryZone

OPEN_FIRM, STAGE = 0, "S1"


@pytest.fixture(scope="module")
def zone(small_private_key: PrivateKey, tmp_path_factory: pytest.TempPathFactory) -> MemoryZone:
    """Two functionals behind one gate, which is closed for one firm; it and another have consented to both, and their rows are there."""
    made = leaky_zone(small_private_key, tmp_path_factory.mktemp("packs"))
    for firm in (OPEN_FIRM, GATED_FIRM):
        made.consent(made.subjects[firm])
    return made


def form(zone: MemoryZone, name: str) -> Functional:
    return functional(zone.model, name, STAGE)


def inputs(zone: MemoryZone, firm: int, *names: str) -> tuple[Input, ...]:
    return derive_inputs(zone.view, zone.view.epoch(EPOCH), names, STAGE, subject=zone.subjects[firm], audience="bank-a")


def opened(zone: MemoryZone, name: str, taken: Sequence[Input]) -> int:
    """What the custodians' shares give for a functional over these ciphertexts; no ticket asks for it."""
    return zone.open(aggregate(zone.public_key, zone.model, (name,), STAGE, None, taken, zone.ciphertext)).m


def plain(zone: MemoryZone, firm: int, name: str) -> int:
    points = zone.points[zone.subjects[firm]]
    return sum(term.weight * points[term.indicator] for term in form(zone, name).terms if term.functional == "-")


def consistent(gated: Functional, value: int, total: int) -> bool:
    """Whether a gated ``total`` may have given the opened ``value``: the mask that this takes is one that is drawn."""
    return 0 <= total - value - (1 << gated.gate_bits) < 1 << (gated.gate_bits + 40)


def test_a_gated_total_reads_as_zero_and_an_open_one_as_itself(zone: MemoryZone) -> None:
    for name in ("total", SECOND):
        reading = zone.model.read(form(zone, name), opened(zone, name, inputs(zone, GATED_FIRM, name)))
        assert (reading.value_hundredths, reading.gated) == (0, True)
        value = opened(zone, name, inputs(zone, OPEN_FIRM, name))
        assert value == zone.model.read(form(zone, name), value).value_hundredths == plain(zone, OPEN_FIRM, name) > 0


def test_what_is_opened_of_a_gated_enterprise_agrees_with_every_total_that_the_model_can_give(zone: MemoryZone) -> None:
    """The mask is 2^40 times as wide as the totals: that one of them is out is as likely as guessing twelve digits."""
    for name in ("total", SECOND):
        gated = form(zone, name)
        value = opened(zone, name, inputs(zone, GATED_FIRM, name))
        assert all(consistent(gated, value, total) for total in range(gated.plain_lo, gated.plain_hi + 1))


def test_without_its_random_part_a_gate_would_hide_nothing(zone: MemoryZone) -> None:
    """Positive control: a fixed mask is taken off again by who knows the model."""
    gated, total = form(zone, "total"), plain(zone, GATED_FIRM, "total")
    value = total + gate_value(gated, True, lambda _bits: 0)
    assert zone.model.read(gated, value).gated
    assert [guess for guess in range(gated.plain_lo, gated.plain_hi + 1) if guess - value == 1 << gated.gate_bits] == [total]


def test_two_totals_of_a_gated_enterprise_do_not_show_their_difference(zone: MemoryZone) -> None:
    weight = zone.model.indicators[BETWEEN].weight(STAGE)
    difference = opened(zone, "total", inputs(zone, GATED_FIRM, "total")) - opened(zone, SECOND, inputs(zone, GATED_FIRM, SECOND))
    low, high = zone.model.indicators[BETWEEN].bounds
    assert not low * weight <= difference <= high * weight


def test_one_mask_for_two_functionals_would_cancel(zone: MemoryZone) -> None:
    """Positive control: the second functional takes the first one's gate ciphertext, and the difference of the two openings is a point."""
    of_total = {(item.indicator, item.functional): item for item in inputs(zone, GATED_FIRM, "total")}
    shared = of_total["gate", "total"]
    taken = [
        item.model_copy(update={"leaf_index": shared.leaf_index, "position": shared.position}) if item.functional == SECOND else item
        for item in inputs(zone, GATED_FIRM, SECOND)
    ]
    difference = opened(zone, "total", tuple(of_total.values())) - opened(zone, SECOND, taken)
    assert difference == zone.model.indicators[BETWEEN].weight(STAGE) * zone.points[zone.subjects[GATED_FIRM]][BETWEEN]


def test_a_row_carries_a_gate_ciphertext_of_its_own_for_each_functional(zone: MemoryZone) -> None:
    credit: Logged = zone.view.rows[EPOCH, "credit", zone.subjects[GATED_FIRM], "bank-a"][-1]
    entries = [(entry.indicator, entry.functional) for entry in credit.statement.header.entries]
    assert entries == [("gate", "total"), ("gate", SECOND)]
    masks = [zone.open(zone.ciphertext(credit.index, place)).m for place in range(2)]
    assert masks[0] != masks[1]
    assert all(mask < -(1 << form(zone, name).gate_bits) for mask, name in zip(masks, ("total", SECOND), strict=True))
