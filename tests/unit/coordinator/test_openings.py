"""Whom the coordinator asks to open a ticket, and when it asks the others: with custodians that only this file plays."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest

from nodes.coordinator.keeping.store import Store
from nodes.coordinator.releasing.openings import Openings
from nodes.coordinator.work import WorkQueue
from nodes.errors import RpcRefusal
from nodes.runtime.replica.zone import Zone
from protos.v1.exchange_pb2 import WorkItem
from scoring.errors import CustodiansMissingError
from scoring.exchange.view import Logged
from scoring.release.opening import SealedPartial
from tests.support.waiting import until

CUSTODIANS = ("c1", "c2", "c3", "c4", "c5")
LONG_S, SHORT_S = 60.0, 0.05


class Bench:
    """The surroundings of ``Openings``: a zone of 3 of 5 custodians, all connected, who do nothing but receive work."""

    def __init__(self, patience_s: float = LONG_S) -> None:
        self.connected: set[str] = set(CUSTODIANS)
        self.sent: list[tuple[str, str]] = []
        self.custodians: tuple[str, ...] = CUSTODIANS
        self.generation = 0
        self._partials: dict[str, list[SealedPartial]] = {}
        self.openings = Openings(cast(Zone, self), cast(Store, self), cast(WorkQueue, self), patience_s)

    @contextmanager
    def reading(self) -> Iterator[Any]:
        present = SimpleNamespace(custodians=self.custodians, number=self.generation, sharing=SimpleNamespace(threshold=3))
        yield SimpleNamespace(generations=[present], generation=lambda: present)

    def following(self) -> set[str]:
        return set(self.connected)

    def add(self, member: str, key: str, _item: WorkItem) -> None:
        self.sent.append((member, key))

    def put_partials(self, ticket: str, partials: list[SealedPartial]) -> None:
        self._partials.setdefault(ticket, []).extend(partials)

    def partials(self, ticket: str) -> list[SealedPartial]:
        return list(self._partials.get(ticket, []))

    def request(self, _ticket: str) -> bytes:
        return b""

    def asked(self, ticket: Logged) -> set[str]:
        return {member for member, key in self.sent if key == f"open/{ticket.digest}/{self.generation}"}

    def answer(self, ticket: Logged, *custodians: str) -> None:
        for custodian in custodians:
            partials = [SealedPartial(custodian, place, b"", b"", self.generation) for place in range(len(ticket.statement.openings))]
            self.openings.take(ticket.digest, partials)

    def gathered(self, ticket: Logged, timeout_s: float = LONG_S) -> set[str]:
        return {partial.custodian for partial in self.openings.gather(ticket, b"", timeout_s)}


def ticket(number: int, epoch: str = "e1", purpose: str = "epoch", openings: int = 2) -> Logged:
    digest = f"{number * 0x1000_0001:08x}" + "0" * 56
    statement = SimpleNamespace(epoch=epoch, purpose=purpose, openings=[None] * openings)
    return cast(Logged, SimpleNamespace(digest=digest, envelope=b"ticket", index=number, statement=statement))


def test_the_tickets_of_one_epoch_go_to_one_quorum() -> None:
    bench = Bench()
    tickets = [ticket(number) for number in range(12)]
    for one in tickets:
        bench.openings.dispatch(one, b"")
    quorums = {frozenset(bench.asked(one)) for one in tickets}
    assert [len(quorum) for quorum in quorums] == [3]


def test_epochs_and_requests_are_spread_over_all_custodians() -> None:
    bench = Bench()
    for number in range(40):
        bench.openings.dispatch(ticket(number, epoch=f"e{number}"), b"")
    assert {member for member, _ in bench.sent} == set(CUSTODIANS)
    bench.sent.clear()
    for number in range(40):
        bench.openings.dispatch(ticket(number, purpose="loan"), b"")
    assert {member for member, _ in bench.sent} == set(CUSTODIANS)


def test_custodians_that_are_not_connected_are_asked_last() -> None:
    bench = Bench()
    bench.connected = {"c1", "c3", "c5"}
    one = ticket(1)
    bench.openings.dispatch(one, b"")
    assert bench.asked(one) == {"c1", "c3", "c5"}


def test_a_quorum_that_answers_is_enough() -> None:
    bench = Bench()
    one = ticket(1)
    bench.openings.dispatch(one, b"")
    quorum = bench.asked(one)
    bench.answer(one, *quorum)
    assert bench.gathered(one) == quorum == bench.asked(one)


def test_when_one_of_the_quorum_leaves_the_others_are_asked_at_once() -> None:
    bench = Bench()
    one = ticket(1)
    bench.openings.dispatch(one, b"")
    gone, *rest = sorted(bench.asked(one))
    bench.answer(one, *rest)
    bench.connected.discard(gone)
    with pytest.raises(CustodiansMissingError):
        bench.gathered(one, SHORT_S)
    assert bench.asked(one) == set(CUSTODIANS)


def test_one_that_answered_and_left_is_not_missed() -> None:
    bench = Bench()
    one = ticket(1)
    bench.openings.dispatch(one, b"")
    gone, *_ = quorum = sorted(bench.asked(one))
    bench.answer(one, gone)
    bench.connected.discard(gone)
    with pytest.raises(CustodiansMissingError):
        bench.gathered(one, SHORT_S)
    assert bench.asked(one) == set(quorum)


def test_when_one_of_the_quorum_refuses_the_others_are_asked() -> None:
    bench = Bench()
    one = ticket(1)
    bench.openings.dispatch(one, b"")
    refusing, *rest = sorted(bench.asked(one))
    other = min(set(CUSTODIANS) - bench.asked(one))
    bench.answer(one, *rest)
    bench.openings.refuse(one.digest, refusing, "CONSENT_REVOKED")
    waiting = threading.Thread(target=lambda: bench.gathered(one))
    waiting.start()
    bench.answer(one, other)
    waiting.join(LONG_S)
    assert not waiting.is_alive()
    assert bench.gathered(one) == {*rest, other}


def test_an_epoch_has_more_patience_than_a_request() -> None:
    bench = Bench(patience_s=0.04)
    request, bulk = ticket(1, purpose="loan"), ticket(2)
    for one in (request, bulk):
        bench.openings.dispatch(one, b"")
        with pytest.raises(CustodiansMissingError):
            bench.gathered(one, 0.2)
    assert bench.asked(request) == set(CUSTODIANS)
    assert len(bench.asked(bulk)) == 3


def test_who_was_late_is_asked_last_until_it_answers_again() -> None:
    bench = Bench(patience_s=0.001)
    first, second, third = (ticket(number) for number in range(3))
    bench.openings.dispatch(first, b"")
    late, *rest = sorted(bench.asked(first))
    bench.answer(first, *rest)
    with pytest.raises(CustodiansMissingError):
        bench.gathered(first, 0.2)
    bench.openings.dispatch(second, b"")
    assert late not in bench.asked(second)
    bench.answer(first, late)
    bench.openings.dispatch(third, b"")
    assert late in bench.asked(third)


def test_so_many_refusals_that_nobody_can_open_give_their_reason() -> None:
    bench = Bench()
    one = ticket(1)
    bench.openings.dispatch(one, b"")
    for custodian, reason in (("c1", "CONSENT_REVOKED"), ("c2", "TICKET_EXPIRED"), ("c3", "CONSENT_REVOKED")):
        bench.openings.refuse(one.digest, custodian, reason)
    with pytest.raises(RpcRefusal) as raised:
        bench.gathered(one)
    assert raised.value.reason == "CONSENT_REVOKED"


def test_a_refusal_that_nobody_waits_for_is_forgotten() -> None:
    bench = Bench()
    one = ticket(1)
    for custodian in CUSTODIANS:
        bench.openings.refuse(one.digest, custodian, "CONSENT_REVOKED")
    bench.openings.dispatch(one, b"")
    bench.answer(one, *bench.asked(one))
    assert bench.gathered(one) == bench.asked(one)


def test_when_the_shares_are_renewed_under_way_the_custodians_are_asked_again() -> None:
    """What was answered with the old shares serves no more: partials of two generations do not combine [P1.7]."""
    bench = Bench()
    one = ticket(1)
    bench.openings.dispatch(one, b"")
    bench.answer(one, *sorted(bench.asked(one))[:2])
    bench.generation, bench.custodians = 1, ("c1", "c2", "c3", "c6")
    bench.connected = set(bench.custodians)
    gathered: list[set[str]] = []
    waiting = threading.Thread(target=lambda: gathered.append(bench.gathered(one)))
    waiting.start()
    until(lambda: len(bench.asked(one)) >= 3)
    assert bench.asked(one) <= set(bench.custodians)
    bench.answer(one, *bench.asked(one))
    waiting.join(30)
    assert gathered == [bench.asked(one)]


def test_everything_is_what_all_that_are_connected_answer() -> None:
    bench = Bench()
    one = ticket(1)
    bench.connected = {"c1", "c2", "c3", "c4"}
    bench.answer(one, "c1", "c2")
    found: list[set[str]] = []
    waiting = threading.Thread(target=lambda: found.append({item.custodian for item in bench.openings.everything(one, LONG_S)}))
    waiting.start()
    until(lambda: bench.asked(one) == set(CUSTODIANS))
    bench.openings.refuse(one.digest, "c3", "TICKET_EXPIRED")
    bench.answer(one, "c4")
    waiting.join(30)
    assert found == [{"c1", "c2", "c4"}]


def test_who_does_not_answer_is_not_waited_for_longer_than_said() -> None:
    bench = Bench()
    one = ticket(1)
    bench.answer(one, "c1")
    assert {item.custodian for item in bench.openings.everything(one, SHORT_S)} == {"c1"}
