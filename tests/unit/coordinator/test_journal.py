"""A statement whose answer was lost is settled before anything else is judged, also by the coordinator that comes after a crash."""

from __future__ import annotations

from typing import cast

import pytest

from crypto.encoding import sha256
from crypto.keygen import PrivateKey
from nodes.coordinator.journal import Journal
from nodes.coordinator.keeping.store import Store
from nodes.coordinator.releasing.tickets import TicketOffice
from nodes.errors import NotReadyError, PeerUnavailableError, RpcRefusal
from nodes.runtime.peers.log_client import Appended, LogClient
from nodes.runtime.replica.material import Ciphertexts, Placements
from scoring.statements import Ticket
from tests.support.databases import ON_BOTH, fresh_database
from tests.support.exchange import HeldZone, MemoryLog, identity_of
from tests.support.zone import MemoryZone, closed_zone

pytestmark = ON_BOTH


class LateLog:
    """A log whose answers are lost: what it has taken shows in the zone's view only when it is sent again. ``taken``: digests, in order."""

    def __init__(self, zone: MemoryZone) -> None:
        self._log = MemoryLog(zone)
        self.failure: Exception | None = PeerUnavailableError("DEADLINE_EXCEEDED")
        self.taken: list[str] = []

    def append(self, envelope: bytes) -> Appended:
        self.taken.append(sha256(envelope).hex())
        if self.failure is not None:
            raise self.failure
        return self._log.append(envelope)


class Desk:
    """A coordinator's ticket office over a late log; ``restart`` forgets what was only in memory."""

    def __init__(self, zone: MemoryZone) -> None:
        self.zone, self.log, self.store = zone, LateLog(zone), Store(fresh_database("coordinator"))
        self.restart()

    def restart(self) -> None:
        held = HeldZone(self.zone.view)
        self.journal = Journal(held, cast(LogClient, self.log), self.store, lambda: self.zone.now)
        placements, ciphertexts = Placements(held, self.zone.blobs.__getitem__), cast(Ciphertexts, self.zone.ciphertext)
        identity = identity_of(self.zone.keys, "coordinator")
        self.office = TicketOffice(identity, held, self.journal, self.store, ciphertexts, placements, lambda: self.zone.now, 600)

    def open(self, stage: str) -> str:
        """Digest of the ticket for a stage's batches."""
        return self.office.issue_bulk(self.zone.stages.epoch, "total", tuple(self.zone.batches_of(stage))).ticket.digest

    def tickets(self) -> list[str]:
        """Digests of the tickets in the log."""
        return [digest for digest, logged in self.zone.view.tickets.items() if isinstance(logged.statement, Ticket)]


@pytest.fixture
def desk(small_private_key: PrivateKey) -> Desk:
    return Desk(closed_zone(small_private_key))


@pytest.mark.parametrize("crash", [False, True])
def test_a_ticket_whose_answer_was_lost_is_not_made_twice(desk: Desk, crash: bool) -> None:
    with pytest.raises(PeerUnavailableError):
        desk.open("S4")
    desk.log.failure = None
    if crash:
        desk.restart()
    assert desk.open("S4") == desk.log.taken[0]
    assert desk.tickets() == [desk.log.taken[0]]
    assert not desk.zone.view.void


def test_something_else_is_judged_only_after_what_is_uncertain(desk: Desk) -> None:
    with pytest.raises(PeerUnavailableError):
        desk.open("S4")
    with pytest.raises(PeerUnavailableError):
        desk.open("S1")
    assert desk.log.taken[0] == desk.log.taken[1]
    desk.log.failure = None
    second = desk.open("S1")
    assert desk.tickets() == [desk.log.taken[0], second]


def test_what_the_log_refused_for_good_is_not_sent_again(desk: Desk) -> None:
    desk.log.failure = RpcRefusal("SIGNER_NOT_ALLOWED", "no", "PERMISSION_DENIED")
    with pytest.raises(RpcRefusal):
        desk.open("S4")
    desk.log.failure = None
    assert desk.tickets() == []
    assert [desk.open("S4")] == desk.tickets()
    assert len(set(desk.log.taken)) == 2


def test_what_holds_no_longer_when_the_log_is_back_is_dropped(desk: Desk) -> None:
    with pytest.raises(PeerUnavailableError):
        desk.open("S4")
    desk.log.failure = None
    desk.zone.now += 100_000  # the ticket's life is over
    assert desk.open("S4") != desk.log.taken[0]
    assert len(desk.tickets()) == 1


def test_an_instance_that_takes_over_settles_what_the_one_before_it_sent(desk: Desk) -> None:
    with pytest.raises(PeerUnavailableError):
        desk.open("S4")
    stopped = desk.office
    desk.log.failure = None
    desk.restart()
    desk.journal.take_over()
    assert desk.open("S4") == desk.log.taken[0]
    desk.office = stopped  # awake again, it sends the same bytes, and gets the same leaf
    assert desk.open("S4") == desk.log.taken[0]
    assert desk.tickets() == [desk.log.taken[0]]
    assert not desk.zone.view.void


def test_an_instance_takes_over_only_by_a_view_that_has_what_the_last_judgement_rested_on(desk: Desk) -> None:
    desk.store.keep_in_flight(desk.zone.entries[-1][1], desk.zone.view.size + 1)
    with pytest.raises(NotReadyError):
        desk.journal.take_over(0.01)
    desk.zone.enrol(desk.zone.subjects[0])
    desk.journal.take_over(0.01)
