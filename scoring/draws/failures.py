"""Openings that failed because a value was impossible, and what they freeze [P2.4]. Part of ``scoring.exchange.view``, as ``scoring.draws.rules``.

A failed ticket freezes its enterprise (a bulk ticket: its batches) until every one of its inputs was opened to an auditor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scoring.errors import FailureReportError, SubjectFrozenError, TicketUnknownError, WrongSignerError
from scoring.statements import Failure, Ticket

if TYPE_CHECKING:
    from scoring.exchange.view import Logged, ZoneView

REPORTED_WITHIN_S = 7 * 86_400
Item = tuple[int, int]
"""Leaf of a contribution, and position of a ciphertext in it."""


@dataclass(frozen=True, slots=True)
class FailureState:
    """A failed ticket. ``done``: every input was opened to an auditor."""

    reported: Logged
    ticket: Logged
    done: bool = False

    def inputs(self) -> tuple[Item, ...]:
        """Every ciphertext that the failed openings took, in order of leaf and position [P2.4]."""
        ticket: Ticket = self.ticket.statement
        places = self.reported.statement.batches
        found = {(item.leaf_index, place) for item in ticket.inputs for place in (places or (item.position,))}
        return tuple(sorted(found))


def check_failure(view: ZoneView, statement: Failure, audience: str, time: int) -> None:
    """Reported once, by the ticket's audience, while contributors can still open their part [P4.4].

    Raises TicketUnknownError, WrongSignerError, FailureReportError.
    """
    logged = view.tickets.get(statement.ticket)
    if logged is None:
        raise TicketUnknownError("no such ticket is in the log")
    ticket: Ticket = logged.statement
    if ticket.audience != audience:
        raise WrongSignerError(f"the ticket's values were opened to {ticket.audience}, not to {audience}")
    if time > ticket.not_after + REPORTED_WITHIN_S:
        raise FailureReportError("a failure is reported within a week: an old ticket's inputs could freeze an enterprise for ever")
    if any(state.reported.statement.ticket == statement.ticket for state in view.failures.values()):
        raise FailureReportError("the ticket's failure was reported before")
    opened = {opening.batch for opening in ticket.openings if opening.batch >= 0}
    if (
        tuple(sorted(set(statement.batches))) != statement.batches
        or not opened.issuperset(statement.batches)
        or bool(opened) != bool(statement.batches)
    ):
        raise FailureReportError("a bulk ticket's failure names the batches that failed, in order; any other names none")


def check_not_frozen(view: ZoneView, ticket: Ticket) -> None:
    """Nothing that the ticket opens waits for an audit [P2.4]. Raises SubjectFrozenError."""
    for state in view.failures.values():
        if state.done:
            continue
        failed: Ticket = state.ticket.statement
        same = failed.subject == ticket.subject if ticket.subject else _same_batches(state, ticket)
        if same:
            raise SubjectFrozenError(f"the failure at leaf {state.reported.index} is not audited yet")


def _same_batches(state: FailureState, ticket: Ticket) -> bool:
    batches = {opening.batch for opening in ticket.openings}
    return state.ticket.statement.epoch == ticket.epoch and not batches.isdisjoint(state.reported.statement.batches)


def commit_failure(view: ZoneView, logged: Logged) -> None:
    """Effect of a report."""
    view.failures[logged.digest] = FailureState(logged, view.tickets[logged.statement.ticket])
