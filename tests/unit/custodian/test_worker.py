"""The custodian at work: whatever a ticket's audience or the coordinator does, it answers or refuses, and goes on."""

from __future__ import annotations

import threading
from typing import cast

import pytest

from crypto.statements import parse_envelope
from crypto.threshold import Share, Sharing
from nodes.custodian.examination import Admitted, Examiner
from nodes.custodian.shares.keeper import ShareKeeper
from nodes.custodian.worker import Custodian
from nodes.errors import PeerUnavailableError, RpcRefusal
from nodes.runtime.peers.exchange_client import ExchangeClient
from protos.v1.exchange_pb2 import OpenTicket, PartialsPart
from scoring.statements import Refusal, parse_statement
from tests.support.exchange import MemoryLog, identity_of
from tests.unit.custodian.conftest import Desk


class Exchange:
    """What a custodian sends to the coordinator."""

    def __init__(self) -> None:
        self.answered: list[PartialsPart] = []
        self.refused: list[str] = []

    def submit_partials(self, parts: list[PartialsPart]) -> None:
        self.answered += parts

    def refuse_ticket(self, _ticket: str, reason: str, _leaf_index: int) -> None:
        self.refused.append(reason)


class Keeper:
    """Holds the first custodian's share."""

    def __init__(self, desk: Desk) -> None:
        self._held = desk.zone.sharing, desk.zone.shares[0]

    def in_force(self) -> tuple[Sharing, Share]:
        return self._held


class Unsealable:
    """An examiner that admits a ticket whose audience has a key to which nothing can be sealed."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def examine(self, work: OpenTicket) -> Admitted:
        admitted = self._desk.examine(work)
        return Admitted(admitted.logged, admitted.key, admitted.aggregates, bytes(32))

    def still_admitted(self, admitted: Admitted) -> None:
        raise AssertionError("nothing was sealed")


class Interrupted:
    """An examiner that at first cannot have the ciphertexts that it must look at."""

    def __init__(self, desk: Desk, *failures: Exception) -> None:
        self._desk, self._failures = desk, list(failures)

    def examine(self, work: OpenTicket) -> Admitted:
        if self._failures:
            raise self._failures.pop()
        return self._desk.examine(work)

    def still_admitted(self, admitted: Admitted) -> None:
        self._desk.examiner.still_admitted(admitted)


def custodian(desk: Desk, examiner: object, exchange: Exchange) -> Custodian:
    name, stopping = "tax", threading.Event()
    return Custodian(
        identity_of(desk.zone.keys, name), cast(Examiner, examiner), cast(ShareKeeper, Keeper(desk)), desk.revocations,
        cast(ExchangeClient, exchange),
        MemoryLog(desk.zone).client(), stopping,
    )  # fmt: skip


def work_for(desk: Desk) -> OpenTicket:
    consent = desk.zone.view.at(next(iter(desk.zone.view.consents.values())).index)
    return desk.say(desk.zone.asked(consent))


def test_an_admitted_ticket_is_answered_once_for_each_opening(desk: Desk) -> None:
    exchange, work = Exchange(), work_for(desk)
    custodian(desk, desk.examiner, exchange).open(work)
    assert [item.opening for part in exchange.answered for item in part.partials] == [0]
    assert exchange.refused == []


def test_a_ticket_that_does_not_hold_is_refused_in_the_log_and_gets_nothing(desk: Desk) -> None:
    exchange, work = Exchange(), work_for(desk)
    desk.late_s = 700
    custodian(desk, desk.examiner, exchange).open(work)
    assert (exchange.answered, exchange.refused) == ([], ["TICKET_EXPIRED"])
    envelope = parse_envelope(desk.zone.entries[-1][1])
    refusal = parse_statement(envelope.payload_type, envelope.payload)
    assert isinstance(refusal, Refusal)
    assert (refusal.member, refusal.reason) == ("tax", "TICKET_EXPIRED")


@pytest.mark.parametrize("failure", [PeerUnavailableError("away"), RpcRefusal("STORAGE_UNAVAILABLE", "its disk is full", "UNAVAILABLE")])
def test_what_a_coordinator_cannot_serve_now_is_no_reason_to_refuse_a_ticket(desk: Desk, failure: Exception) -> None:
    exchange, work = Exchange(), work_for(desk)
    custodian(desk, Interrupted(desk, failure), exchange).open(work)
    assert (len(exchange.answered), exchange.refused) == (1, [])


def test_an_audience_to_which_nothing_can_be_sealed_does_not_stop_the_custodian(desk: Desk) -> None:
    exchange, work = Exchange(), work_for(desk)
    custodian(desk, Unsealable(desk), exchange).open(work)
    assert (exchange.answered, exchange.refused) == ([], ["SEALING_INVALID"])
