"""The coordinator turns the log into work whatever a valid statement says: one enterprise must not be able to stop it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from crypto.keygen import PrivateKey
from nodes.coordinator import reactor
from nodes.coordinator.keeping.store import Store
from nodes.coordinator.reactor import Reactor, work_for
from nodes.coordinator.work import WorkQueue
from scoring.exchange.view import Logged
from scoring.statements import EpochClose
from tests.support.databases import ON_BOTH, fresh_database
from tests.support.epoch import EPOCH
from tests.support.exchange import HeldZone
from tests.support.zone import MemoryZone, open_zone

pytestmark = ON_BOTH


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


# --- an instance that stands by ---


class Two:
    """Two instances of a coordinator over one database: the first leads."""

    def __init__(self, zone: MemoryZone) -> None:
        self.store, self.zone = Store(fresh_database("coordinator")), zone
        work = WorkQueue(self.store, threading.Event())
        self.first, self.second = (Reactor(HeldZone(zone.view), work, leads=leads) for leads in (True, False))

    def queued(self) -> list[tuple[str, bytes]]:
        return [(member, item) for member in self.zone.view.registry.members for _, item in self.store.work_after(member, 0, 1 << 20)]

    def consents(self) -> Iterator[Logged]:
        """Consents of one enterprise after the other, each of which makes work."""
        for subject in self.zone.subjects:
            key = self.zone.enrol(subject)
            yield self.zone.say(self.zone.consent_statement(subject), key)


def test_an_instance_that_stands_by_queues_nothing_until_it_takes_over(zone: MemoryZone) -> None:
    two, consents = Two(zone), list(Two(zone).consents())
    for logged in consents:
        two.second(logged)
    assert two.queued() == []
    two.second.take_over()
    assert len(two.queued()) == sum(1 for logged in consents for _ in work_for(zone.view, logged))
    two.second(zone.open_epoch("epoch-1996"))
    assert any(member == "tax" for member, _ in two.queued())


def test_what_both_instances_read_is_queued_once_and_what_the_leader_missed_by_the_other(zone: MemoryZone) -> None:
    two, consents = Two(zone), list(Two(zone).consents())
    for logged in consents[:-1]:
        two.first(logged)
    for logged in consents:
        two.second(logged)
    two.second.take_over()
    assert len(two.queued()) == len(set(two.queued())) == sum(1 for logged in consents for _ in work_for(zone.view, logged))


def test_an_instance_that_stands_by_forgets_what_the_leader_has_queued(zone: MemoryZone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reactor, "MOST_KEPT", 8)
    two = Two(zone)
    for logged in two.consents():
        two.first(logged)
        two.second(logged)
        assert len(two.second._kept) <= 8 + len(list(work_for(zone.view, logged)))
