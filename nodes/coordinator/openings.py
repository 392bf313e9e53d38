"""Sends tickets to custodians and gathers their sealed partials: a quorum first, the others when one refuses or takes too long."""

from __future__ import annotations

import threading
from collections import defaultdict

from nodes.coordinator.store import Store
from nodes.coordinator.work import WorkQueue
from nodes.errors import RpcRefusal
from nodes.runtime.clock import Timer
from nodes.runtime.zone import Zone
from protos.v1.exchange_pb2 import OpenTicket, WorkItem
from scoring.errors import CustodiansMissingError
from scoring.opening import SealedPartial
from scoring.view import Logged


class Openings:
    """What custodians have answered. Sealed partials are stored; refusals live as long as the wait for them (they are in the log)."""

    def __init__(self, zone: Zone, store: Store, work: WorkQueue, patience_s: float) -> None:
        self._zone, self._store, self._work, self._patience_s = zone, store, work, patience_s
        self._changed = threading.Condition()
        self._refused: dict[str, dict[str, str]] = defaultdict(dict)  # ticket -> custodian -> reason

    def take(self, ticket: str, partials: list[SealedPartial]) -> None:
        """Keep one custodian's answers to a ticket."""
        self._store.put_partials(ticket, partials)
        with self._changed:
            self._changed.notify_all()

    def refuse(self, ticket: str, custodian: str, reason: str) -> None:
        """Note that a custodian refused a ticket, with its public reason. One that has no share decides nothing."""
        if custodian not in self._sharing()[1]:
            return
        with self._changed:
            self._refused[ticket][custodian] = reason
            self._changed.notify_all()

    def dispatch(self, ticket: Logged, document: bytes) -> None:
        """Ask a quorum of the custodians that are connected now; different tickets ask different ones."""
        self._ask(ticket, document, self._quorum(ticket.digest)[: self._sharing()[0]])

    def gather(self, ticket: Logged, document: bytes, timeout_s: float) -> list[SealedPartial]:
        """Partials of exactly t custodians, each for every opening of the ticket. Call after ``dispatch``.

        Raises RpcRefusal with the custodians' most common reason when so many refused that t cannot be reached, and
        CustodiansMissingError when too few answered within ``timeout_s``.
        """
        threshold, custodians = self._sharing()
        timer, patience = Timer(timeout_s), Timer(self._patience_s)
        asked_all = False
        with self._changed:
            while True:
                complete = self._complete(ticket)
                if len(complete) >= threshold:
                    return [partial for name in sorted(complete)[:threshold] for partial in complete[name]]
                refused = self._refused.get(ticket.digest, {})
                if len(custodians) - len(refused) < threshold:
                    reasons = sorted(refused.values())
                    raise RpcRefusal(max(reasons, key=reasons.count), "too many custodians refused this ticket", "FAILED_PRECONDITION")
                if timer.left_s() <= 0:
                    raise CustodiansMissingError(f"{len(complete)} of the {threshold} custodians needed answered within {timeout_s:g} s")
                if not asked_all and (refused or patience.left_s() <= 0):
                    self._ask(ticket, document, custodians)
                    asked_all = True
                self._changed.wait(max(0.01, timer.left_s() if asked_all else min(timer.left_s(), patience.left_s())))

    def forget(self, ticket: Logged) -> None:
        """Drop what is only needed while a ticket is waited for."""
        with self._changed:
            self._refused.pop(ticket.digest, None)

    def _complete(self, ticket: Logged) -> dict[str, list[SealedPartial]]:
        """Answers of those who hold a share and have answered every opening: others could crowd out what opens."""
        by_custodian: dict[str, list[SealedPartial]] = defaultdict(list)
        holders = self._sharing()[1]
        for partial in self._store.partials(ticket.digest):
            if partial.custodian in holders:
                by_custodian[partial.custodian].append(partial)
        wanted = len(ticket.statement.openings)
        return {name: partials for name, partials in by_custodian.items() if len(partials) == wanted}

    def _quorum(self, digest: str) -> list[str]:
        _, custodians = self._sharing()
        following = self._work.following()
        turn = int(digest[:8], 16) % len(custodians)
        rotated = custodians[turn:] + custodians[:turn]
        return sorted(rotated, key=lambda name: name not in following)

    def _ask(self, ticket: Logged, document: bytes, custodians: list[str]) -> None:
        item = WorkItem(open=OpenTicket(ticket_envelope=ticket.envelope, leaf_index=ticket.index, request=document))
        for custodian in custodians:
            self._work.add(custodian, f"open/{ticket.digest}", item)

    def _sharing(self) -> tuple[int, list[str]]:
        with self._zone.reading() as view:
            if view.ceremony is None:
                raise CustodiansMissingError("no key ceremony is in the log")
            ceremony = view.ceremony.statement
            return ceremony.threshold, list(ceremony.custodians)
