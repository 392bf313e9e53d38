"""Custodians' answers at the coordinator: only holders of a share count, and an epoch's tickets are made again when they ran out."""

from __future__ import annotations

import threading
from typing import cast

import pytest

from crypto.keygen import PrivateKey
from nodes.coordinator.journal import Journal
from nodes.coordinator.keeping.store import Store
from nodes.coordinator.releasing.openings import Openings
from nodes.coordinator.releasing.tickets import TicketOffice
from nodes.coordinator.work import WorkQueue
from nodes.errors import RpcRefusal
from nodes.runtime.replica.material import Ciphertexts, Placements
from scoring.errors import CustodiansMissingError
from scoring.exchange.view import Logged
from scoring.release.opening import SealedPartial
from tests.support.databases import ON_BOTH, fresh_database
from tests.support.exchange import HeldZone, MemoryLog, identity_of
from tests.support.members import CUSTODIANS
from tests.support.zone import MemoryZone, closed_zone

pytestmark = ON_BOTH


@pytest.fixture(scope="module")
def closed(small_private_key: PrivateKey) -> MemoryZone:
    return closed_zone(small_private_key)


@pytest.fixture
def zone(closed: MemoryZone) -> MemoryZone:
    return closed.fork()


@pytest.fixture
def store() -> Store:
    return Store(fresh_database("coordinator"))


@pytest.fixture
def openings(zone: MemoryZone, store: Store) -> Openings:
    return Openings(HeldZone(zone.view), store, WorkQueue(store, threading.Event()), patience_s=0)


def bulk(zone: MemoryZone) -> Logged:
    ticket, _ = zone.bulk_ticket("total", zone.batches_of("S4"))
    return zone.say(ticket, "coordinator")


def answer(openings: Openings, ticket: Logged, custodian: str) -> None:
    openings.take(ticket.digest, [SealedPartial(custodian, place, b"", b"") for place in range(len(ticket.statement.openings))])


def test_answers_of_those_without_a_share_do_not_crowd_out_the_others(zone: MemoryZone, openings: Openings) -> None:
    ticket = bulk(zone)
    for name in ("a-newcomer", "another-newcomer", CUSTODIANS[0]):
        answer(openings, ticket, name)
    with pytest.raises(CustodiansMissingError):
        openings.gather(ticket, b"", 0)
    answer(openings, ticket, CUSTODIANS[1])
    assert {item.custodian for item in openings.gather(ticket, b"", 0)} == set(CUSTODIANS[:2])


def test_refusals_of_those_without_a_share_refuse_nothing(zone: MemoryZone, openings: Openings) -> None:
    ticket = bulk(zone)
    for name in ("a-newcomer", "another-newcomer"):
        openings.refuse(ticket.digest, name, "CONSENT_MISSING")
    with pytest.raises(CustodiansMissingError):
        openings.gather(ticket, b"", 0)


def test_refusals_of_so_many_holders_that_none_can_open_end_the_wait(zone: MemoryZone, openings: Openings) -> None:
    ticket = bulk(zone)
    openings.dispatch(ticket, b"")
    for name in CUSTODIANS[:2]:
        openings.refuse(ticket.digest, name, "CHECKPOINT_STALE")
    with pytest.raises(RpcRefusal, match="CHECKPOINT_STALE"):
        openings.gather(ticket, b"", 0)


def test_an_epochs_ticket_is_made_again_once_it_ran_out(zone: MemoryZone, store: Store) -> None:
    held = HeldZone(zone.view)
    journal = Journal(held, MemoryLog(zone).client(), store, lambda: zone.now)
    placements = Placements(held, zone.blobs.__getitem__)
    office = TicketOffice(
        identity_of(zone.keys, "coordinator"), held, journal, store, cast(Ciphertexts, zone.ciphertext), placements, lambda: zone.now, 600
    )
    batches = tuple(zone.batches_of("S4"))
    first = office.issue_bulk(zone.stages.epoch, "total", batches)
    assert office.issue_bulk(zone.stages.epoch, "total", batches).ticket == first.ticket
    zone.now = first.ticket.statement.not_after + 1
    second = office.issue_bulk(zone.stages.epoch, "total", batches)
    assert second.ticket.index > first.ticket.index
    assert second.aggregates == first.aggregates
