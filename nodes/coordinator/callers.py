"""Who calls the coordinator: by certificate, by role, by what a ticket says; and how much each member may send."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import grpc

from nodes.errors import RoleMissingError
from nodes.runtime.peers import tls
from nodes.runtime.peers.limits import RateLimit
from nodes.runtime.replica.zone import Zone
from scoring.errors import TicketUnknownError
from scoring.exchange.view import Logged


@dataclass(frozen=True, slots=True)
class Callers:
    """The zone's members as callers. ``sent``: how many messages each may send."""

    zone: Zone
    sent: RateLimit

    def caller(self, context: grpc.ServicerContext) -> str:
        """The member whose certificate the call came under. Raises CallerError."""
        with self.zone.reading() as view:
            return tls.caller(context, view.zone)

    def require(self, context: grpc.ServicerContext, roles: Collection[str]) -> str:
        """The caller, which has one of ``roles``. Raises RoleMissingError, and as ``caller``."""
        caller = self.caller(context)
        with self.zone.reading() as view:
            if set(view.registry.member(caller).roles).isdisjoint(roles):
                raise RoleMissingError(f"this call is for {', '.join(sorted(roles))}, not for {caller}")
        return caller

    def sender(self, context: grpc.ServicerContext) -> str:
        """The caller, one more of whose messages is counted. The front carries what others sign, and has limits of its own for them.

        Raises RateLimitedError, and as ``caller``.
        """
        caller = self.caller(context)
        with self.zone.reading() as view:
            front = "gateway" in view.registry.member(caller).roles
        if not front:
            self.sent.take(caller)
        return caller

    def own_ticket(self, ticket: str, caller: str) -> Logged:
        """The logged ticket whose audience, or whose audience's service, is ``caller``. Raises TicketUnknownError, RoleMissingError."""
        with self.zone.reading() as view:
            logged = view.tickets.get(ticket)
            if logged is None:
                raise TicketUnknownError("no such ticket is in the log")
            enrolment = view.enrolments.get(logged.statement.audience)
        if caller != (logged.statement.audience if enrolment is None else enrolment.statement.service):
            raise RoleMissingError(f"this is for the audience of the ticket, not for {caller}")
        return logged

    def openings_of(self, ticket: str) -> int:
        """How many openings a logged ticket has. Raises TicketUnknownError."""
        with self.zone.reading() as view:
            if ticket not in view.tickets:
                raise TicketUnknownError("no such ticket is in the log")
            return len(view.tickets[ticket].statement.openings)
