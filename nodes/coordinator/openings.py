"""Sends tickets to custodians and gathers their sealed partials: a quorum first, the others when one refuses, leaves or takes too long."""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass, field

from crypto.encoding import sha256
from nodes.coordinator.store import Store
from nodes.coordinator.work import WorkQueue
from nodes.errors import RpcRefusal
from nodes.runtime.clock import Timer
from nodes.runtime.replica.zone import Zone
from protos.v1.exchange_pb2 import OpenTicket, WorkItem
from scoring.errors import CustodiansMissingError
from scoring.exchange.view import Logged
from scoring.release.opening import SealedPartial

LOOK_S = 1.0  # how often a wait looks whether those who were asked are still connected
EPOCH_PATIENCE = 30  # times the patience for a request: an epoch's tickets queue up behind each other and behind the columns' proofs


@dataclass(slots=True)
class _Wait:
    """What is known while a ticket is waited for: whom it was sent to, and who refused it with which reason."""

    asked: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)


class Openings:
    """What custodians have answered. Sealed partials are stored; refusals live as long as the wait for them (they are in the log).

    ``patience_s``: how long a quorum may take for a request before the other custodians are asked too. Who took longer is asked last
    until it answers again.
    """

    def __init__(self, zone: Zone, store: Store, work: WorkQueue, patience_s: float) -> None:
        self._zone, self._store, self._work, self._patience_s = zone, store, work, patience_s
        self._changed = threading.Condition()
        self._waits: dict[str, _Wait] = defaultdict(_Wait)  # by ticket
        self._late: set[str] = set()

    def take(self, ticket: str, partials: list[SealedPartial]) -> None:
        """Keep one custodian's answers to a ticket."""
        self._store.put_partials(ticket, partials)
        with self._changed:
            self._late.difference_update(partial.custodian for partial in partials)
            self._changed.notify_all()

    def refuse(self, ticket: str, custodian: str, reason: str) -> None:
        """Note that a custodian refused a ticket, with its public reason. One that has no share decides nothing."""
        if custodian not in self._sharing()[1]:
            return
        with self._changed:
            if ticket in self._waits:
                self._waits[ticket].refused[custodian] = reason
                self._changed.notify_all()

    def dispatch(self, ticket: Logged, document: bytes) -> None:
        """Ask a quorum of the custodians that are connected now.

        Requests are spread over all custodians. The tickets of one epoch go to the same ones, so that no more custodians than are
        needed fetch and prove its columns.
        """
        self._ask(ticket, document, self._quorum(ticket)[: self._sharing()[0]])

    def gather(self, ticket: Logged, document: bytes, timeout_s: float) -> list[SealedPartial]:
        """Partials of exactly t custodians, each for every opening of the ticket. Call after ``dispatch``.

        Raises RpcRefusal with the custodians' most common reason when so many refused that t cannot be reached, and
        CustodiansMissingError when too few answered within ``timeout_s``.
        """
        threshold, custodians = self._sharing()
        timer = Timer(timeout_s)
        patience = Timer(self._patience_s * (EPOCH_PATIENCE if ticket.statement.purpose == "epoch" else 1))
        with self._changed:
            while True:
                complete, wait = self._complete(ticket), self._waits[ticket.digest]
                if len(complete) >= threshold:
                    return [partial for name in sorted(complete)[:threshold] for partial in complete[name]]
                if len(custodians) - len(wait.refused) < threshold:
                    reasons = sorted(wait.refused.values())
                    raise RpcRefusal(max(reasons, key=reasons.count), "too many custodians refused this ticket", "FAILED_PRECONDITION")
                if timer.left_s() <= 0:
                    raise CustodiansMissingError(f"{len(complete)} of the {threshold} custodians needed answered within {timeout_s:g} s")
                gone = wait.asked - complete.keys() - self._work.following()
                if wait.asked.issuperset(custodians):
                    self._changed.wait(max(0.01, timer.left_s()))
                elif wait.refused or gone or patience.left_s() <= 0:
                    self._late |= wait.asked - complete.keys() if patience.left_s() <= 0 else set()
                    self._ask(ticket, document, custodians)
                else:
                    self._changed.wait(max(0.01, min(timer.left_s(), patience.left_s(), LOOK_S)))

    def forget(self, ticket: Logged) -> None:
        """Drop what is only needed while a ticket is waited for."""
        with self._changed:
            self._waits.pop(ticket.digest, None)

    def _complete(self, ticket: Logged) -> dict[str, list[SealedPartial]]:
        """Answers of those who hold a share and have answered every opening: others could crowd out what opens."""
        by_custodian: dict[str, list[SealedPartial]] = defaultdict(list)
        holders = self._sharing()[1]
        for partial in self._store.partials(ticket.digest):
            if partial.custodian in holders:
                by_custodian[partial.custodian].append(partial)
        wanted = len(ticket.statement.openings)
        return {name: partials for name, partials in by_custodian.items() if len(partials) == wanted}

    def _quorum(self, ticket: Logged) -> list[str]:
        """All custodians in the order in which this ticket would have them: those that are connected and answer in time first."""
        _, custodians = self._sharing()
        following = self._work.following()
        spread = sha256(ticket.statement.epoch.encode()).hex() if ticket.statement.purpose == "epoch" else ticket.digest
        turn = int(spread[:8], 16) % len(custodians)
        rotated = custodians[turn:] + custodians[:turn]
        with self._changed:
            return sorted(rotated, key=lambda name: (name not in following, name in self._late))

    def _ask(self, ticket: Logged, document: bytes, custodians: list[str]) -> None:
        with self._changed:
            self._waits[ticket.digest].asked.update(custodians)
        item = WorkItem(open=OpenTicket(ticket_envelope=ticket.envelope, leaf_index=ticket.index, request=document))
        for custodian in custodians:
            self._work.add(custodian, f"open/{ticket.digest}", item)

    def _sharing(self) -> tuple[int, list[str]]:
        with self._zone.reading() as view:
            if view.ceremony is None:
                raise CustodiansMissingError("no key ceremony is in the log")
            ceremony = view.ceremony.statement
            return ceremony.threshold, list(ceremony.custodians)
