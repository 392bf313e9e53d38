"""The coordinator turns the log into work whatever a valid statement says: one enterprise must not be able to stop it."""

from __future__ import annotations

import pytest

from crypto.keygen import PrivateKey
from nodes.coordinator.reactor import work_for
from scoring.statements import EpochClose
from tests.support.epoch import EPOCH
from tests.support.zone import MemoryZone, open_zone


@pytest.fixture(scope="module")
def opened(small_private_key: PrivateKey) -> MemoryZone:
    return open_zone(small_private_key)


@pytest.fixture
def zone(opened: MemoryZone) -> MemoryZone:
    return opened.fork()


@pytest.mark.parametrize("functionals", [("no-such-functional",), ("total", "no-such-functional")])
def test_a_consent_to_what_the_epochs_model_does_not_have_is_noticed_and_gets_no_rows(zone: MemoryZone, functionals: tuple[str, ...]) -> None:
    key = zone.enrol(zone.subjects[0])
    logged = zone.say(zone.consent_statement(zone.subjects[0], functionals=functionals), key)
    work = list(work_for(zone.view, logged))
    assert [(member, item.WhichOneof("work")) for member, _, item in work] == [("bank-a", "consent")]


def test_a_new_epoch_gets_rows_for_the_standing_consents_that_its_model_can_answer(zone: MemoryZone) -> None:
    first, second = zone.subjects[:2]
    zone.say(zone.consent_statement(first, functionals=("no-such-functional",)), zone.enrol(first))
    answerable = zone.say(zone.consent_statement(second), zone.enrol(second))
    work = list(work_for(zone.view, zone.open_epoch("epoch-1996")))
    rows = {item.row.consent_envelope for _, _, item in work if item.WhichOneof("work") == "row"}
    assert rows == {answerable.envelope}


def test_the_contributors_of_an_epoch_and_nobody_else_are_told_of_its_close(zone: MemoryZone) -> None:
    opened = list(work_for(zone.view, zone.view.at(zone.view.epoch(EPOCH).open_index)))
    asked = {member for member, _, item in opened if item.WhichOneof("work") == "columns"}
    closed = zone.say(EpochClose(zone=zone.view.zone, nonce="00" * 16, epoch=EPOCH), "authority")
    work = list(work_for(zone.view, closed))
    assert {member for member, _, _ in work} == asked
    assert {item.closed.epoch_close_envelope for _, _, item in work} == {closed.envelope}
