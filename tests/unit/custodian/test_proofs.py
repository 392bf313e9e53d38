"""A custodian answers demands for proofs by itself: once, with what the log can check, and only while it has the share to prove with [P1.4]."""

from __future__ import annotations

import threading
from typing import cast

import pytest

from crypto.threshold import Share, Sharing, partial
from nodes.custodian.proofs import ProofDesk
from nodes.custodian.shares.keeper import ShareKeeper
from nodes.errors import PeerUnavailableError
from nodes.runtime.peers.exchange_client import ExchangeClient
from scoring.custody.blame import holds, proof_of
from scoring.exchange.view import Logged
from tests.support.custody import Custody
from tests.support.exchange import HeldZone, MemoryLog, identity_of
from tests.unit.custodian.conftest import Desk


class Keeper:
    """Holds one share of the first generation."""

    def __init__(self, desk: Desk, number: int) -> None:
        self._held = desk.zone.sharing, desk.zone.shares[number - 1]

    def in_force(self) -> tuple[Sharing, Share]:
        return self._held


class Exchange:
    """The coordinator, as far as a proof needs it."""

    def __init__(self, desk: Desk) -> None:
        self._log, self.away = MemoryLog(desk.zone), False

    def submit(self, envelope: bytes) -> object:
        if self.away:
            raise PeerUnavailableError("away")
        return self._log.append(envelope)


@pytest.fixture
def ticket(desk: Desk) -> Logged:
    consent = desk.zone.view.at(next(iter(desk.zone.view.consents.values())).index)
    return desk.zone.view.tickets[desk.zone.say(desk.zone.asked(consent).ticket, "coordinator").digest]


@pytest.fixture
def exchange(desk: Desk) -> Exchange:
    return Exchange(desk)


@pytest.fixture
def proofs(desk: Desk, exchange: Exchange) -> ProofDesk:
    keeper = cast(ShareKeeper, Keeper(desk, 1))
    zone = HeldZone(desk.zone.view)
    return ProofDesk(identity_of(desk.zone.keys, "tax"), zone, desk.examiner, keeper, cast(ExchangeClient, exchange), threading.Event())


def demanded(desk: Desk, ticket: Logged, *names: str) -> Logged:
    return desk.zone.say(Custody(desk.zone).demand(ticket, *names), "bank-a")


def test_a_demand_is_answered_once_with_a_proof_that_holds(desk: Desk, ticket: Logged, proofs: ProofDesk) -> None:
    demand = demanded(desk, ticket, "tax", "credit")
    assert proofs.answer_all()
    assert proofs.answer_all()
    view = desk.zone.view
    assert set(view.partial_proofs) == {(demand.digest, "tax")}
    aggregate = desk.examiner.aggregate_of(ticket.statement, 0)
    x = partial(desk.zone.sharing, desk.zone.shares[0], aggregate)
    proof = proof_of(view.partial_proofs[demand.digest, "tax"].statement)
    subject = (ticket.digest, 0, 0)
    assert holds(view.generation(), subject, "tax", aggregate, x, proof)
    assert not holds(view.generation(), subject, "tax", aggregate, x ^ 1, proof)
    assert view.void == {}


def test_a_demand_of_others_is_not_answered(desk: Desk, ticket: Logged, proofs: ProofDesk) -> None:
    demanded(desk, ticket, "credit")
    assert proofs.answer_all()
    assert desk.zone.view.partial_proofs == {}


def test_an_answer_that_could_not_be_sent_is_sent_later(desk: Desk, ticket: Logged, proofs: ProofDesk, exchange: Exchange) -> None:
    demanded(desk, ticket, "tax")
    exchange.away = True
    assert not proofs.answer_all()
    exchange.away = False
    assert proofs.answer_all()
    assert len(desk.zone.view.partial_proofs) == 1


def test_after_a_renewal_there_is_nothing_left_to_prove_with(desk: Desk, ticket: Logged, proofs: ProofDesk) -> None:
    demanded(desk, ticket, "tax")
    Custody(desk.zone).play()
    assert proofs.answer_all()
    assert desk.zone.view.partial_proofs == {}
