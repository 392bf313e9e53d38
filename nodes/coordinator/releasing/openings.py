"""Sends tickets to custodians and gathers their sealed partials: a quorum first, the others when one refuses, leaves or takes too long.

Partials of one generation of the key's shares make an opening. When the shares are renewed while a ticket is under way, its custodians are
asked again [P1.7].
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from crypto.encoding import sha256
from nodes.coordinator.keeping.store import Store
from nodes.coordinator.work import WorkQueue
from nodes.errors import RpcRefusal
from nodes.runtime.clock import Timer
from nodes.runtime.replica.zone import Zone
from protos.v1.exchange_pb2 import OpenTicket, WorkItem
from scoring.custody.generations import Generation
from scoring.errors import CustodiansMissingError
from scoring.exchange.view import Logged
from scoring.release.opening import SealedPartial

LOOK_S = 1.0  # how often a wait looks whether those who were asked are still connected
EPOCH_PATIENCE = 30  # times the patience for a request: an epoch's tickets queue up behind each other and behind the columns' proofs


@dataclass(slots=True)
class _Wait:
    """What is known while a ticket is waited for: whom it was sent to in which generation, and who refused it with which reason."""

    generation: int
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
        self._waits: dict[str, _Wait] = {}  # by ticket
        self._late: set[str] = set()

    def take(self, ticket: str, partials: list[SealedPartial]) -> None:
        """Keep one custodian's answers to a ticket."""
        self._store.put_partials(ticket, partials)
        with self._changed:
            self._late.difference_update(partial.custodian for partial in partials)
            self._changed.notify_all()

    def refuse(self, ticket: str, custodian: str, reason: str) -> None:
        """Note that a custodian refused a ticket, with its public reason. One that has no share decides nothing."""
        if custodian not in self._present().custodians:
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
        present = self._present()
        self._ask(ticket, document, present, self._quorum(ticket, present)[: present.sharing.threshold])

    def gather(self, ticket: Logged, document: bytes, timeout_s: float) -> list[SealedPartial]:
        """Partials of exactly t custodians of one generation, each for every opening of the ticket. Call after ``dispatch``.

        Raises RpcRefusal with the custodians' most common reason when so many refused that t cannot be reached, and
        CustodiansMissingError when too few answered within ``timeout_s``.
        """
        timer = Timer(timeout_s)
        patience = Timer(self._patience_s * (EPOCH_PATIENCE if ticket.statement.purpose == "epoch" else 1))
        with self._changed:
            while True:
                present = self._present()
                threshold, custodians = present.sharing.threshold, present.custodians
                complete = self._complete(ticket, present)
                if len(complete) >= threshold:
                    return [partial for name in sorted(complete)[:threshold] for partial in complete[name]]
                if self._wait(ticket, present) is None:
                    self.dispatch(ticket, document)  # the shares were renewed: what was answered before serves no more
                wait = self._waits[ticket.digest]
                if len(custodians) - len(wait.refused) < threshold:
                    reasons = sorted(wait.refused.values())
                    raise RpcRefusal(max(reasons, key=reasons.count), "too many custodians refused this ticket", "FAILED_PRECONDITION")
                if timer.left_s() <= 0:
                    raise CustodiansMissingError(f"{len(complete)} of the {threshold} custodians needed answered within {timeout_s:g} s")
                gone = wait.asked - complete.keys() - self._work.following()
                if wait.asked.issuperset(custodians):
                    self._changed.wait(max(0.01, min(timer.left_s(), LOOK_S)))
                elif wait.refused or gone or patience.left_s() <= 0:
                    self._late |= wait.asked - complete.keys() if patience.left_s() <= 0 else set()
                    self._ask(ticket, document, present, custodians)
                else:
                    self._changed.wait(max(0.01, min(timer.left_s(), patience.left_s(), LOOK_S)))

    def everything(self, ticket: Logged, timeout_s: float) -> list[SealedPartial]:
        """All that custodians of the present generation answer: every one that is connected is asked, and waited for up to ``timeout_s``.

        For an audience that could not open with the first t: some of them may have lied.
        """
        timer, present = Timer(timeout_s), self._present()
        document = self._store.request(ticket.digest)
        with self._changed:
            self._ask(ticket, document, present, present.custodians)
            try:
                while True:
                    complete, wait = self._complete(ticket, present), self._waits[ticket.digest]
                    awaited = (set(present.custodians) & self._work.following()) - complete.keys() - wait.refused.keys()
                    if not awaited or timer.left_s() <= 0:
                        return [partial for name in sorted(complete) for partial in complete[name]]
                    self._changed.wait(max(0.01, min(timer.left_s(), LOOK_S)))
            finally:
                self._waits.pop(ticket.digest, None)

    def forget(self, ticket: Logged) -> None:
        """Drop what is only needed while a ticket is waited for."""
        with self._changed:
            self._waits.pop(ticket.digest, None)

    def _complete(self, ticket: Logged, present: Generation) -> dict[str, list[SealedPartial]]:
        """Answers of those who hold a share and have answered every opening: others could crowd out what opens."""
        by_custodian: dict[str, list[SealedPartial]] = defaultdict(list)
        for partial in self._store.partials(ticket.digest):
            if partial.generation == present.number and partial.custodian in present.custodians:
                by_custodian[partial.custodian].append(partial)
        wanted = len(ticket.statement.openings)
        return {name: partials for name, partials in by_custodian.items() if len(partials) == wanted}

    def _quorum(self, ticket: Logged, present: Generation) -> list[str]:
        """All custodians in the order in which this ticket would have them: those that are connected and answer in time first."""
        custodians = list(present.custodians)
        following = self._work.following()
        spread = sha256(ticket.statement.epoch.encode()).hex() if ticket.statement.purpose == "epoch" else ticket.digest
        turn = int(spread[:8], 16) % len(custodians)
        rotated = custodians[turn:] + custodians[:turn]
        with self._changed:
            return sorted(rotated, key=lambda name: (name not in following, name in self._late))

    def _ask(self, ticket: Logged, document: bytes, present: Generation, custodians: Iterable[str]) -> None:
        with self._changed:
            wait = self._wait(ticket, present) or _Wait(present.number)
            self._waits[ticket.digest] = wait
            wait.asked.update(custodians)
        item = WorkItem(open=OpenTicket(ticket_envelope=ticket.envelope, leaf_index=ticket.index, request=document))
        for custodian in custodians:
            self._work.add(custodian, f"open/{ticket.digest}/{present.number}", item)

    def _wait(self, ticket: Logged, present: Generation) -> _Wait | None:
        wait = self._waits.get(ticket.digest)
        return wait if wait is not None and wait.generation == present.number else None

    def _present(self) -> Generation:
        with self._zone.reading() as view:
            if not view.generations:
                raise CustodiansMissingError("no key ceremony is in the log")
            return view.generation()
