"""What an auditor has to have opened: a revealed draw or a failed ticket without an outcome, and the requests that ask for it [P6, P2.4]."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from nodes.runtime.peers.log_client import LogClient
from nodes.runtime.replica.audit_messages import AskedItem, OpeningRequest
from nodes.runtime.replica.evidence import LogEvidence, check, gather
from nodes.runtime.replica.zone import Zone
from scoring.draws.failures import FailureState
from scoring.draws.rules import DrawState, Item, drawn
from scoring.exchange.view import ZoneView
from scoring.statements import Ticket, parse_leaf

LeafAt = Callable[[int], tuple[bytes, bytes]]
"""Leaf and envelope at an index of the log."""


@dataclass(frozen=True, slots=True)
class Case:
    """One draw or failure to be settled. ``due``: Unix time from which on what was not shown counts as missing. ``final``: every
    contributor is told, drawn or not, since it may erase its secret then [P4.4]."""

    cause: str
    epoch: str
    kind: Literal["columns", "rows", "failure"]
    items: tuple[Item, ...]
    evidence: LogEvidence
    due: int
    final: bool = False


def draw_case(zone: Zone, state: DrawState, log: LogClient, leaf_at: LeafAt) -> Case:
    """The case of a revealed draw. Raises RpcRefusal, PeerUnavailableError, and NoteError, MerkleError when the log does not prove its tree."""
    commit = state.commit
    with zone.reading() as view:
        size = state.size(view)
        revealed = next(item.index for item in reversed(view.statements.values()) if item.statement == state.reveal)
    assert size is not None  # what is revealed is fixed
    indices = {state.committed.index, size - 1, revealed}
    if commit.draw == "rows":
        before = size - 2  # back to the last leaf before the time, past those of our own
        while parse_leaf(leaf_at(before)[0]).time >= commit.until:
            indices.add(before)
            before -= 1
        indices.add(before)
    evidence = gather(log, {index: leaf_at(index) for index in indices}, size)
    check(evidence, zone.genesis)
    due = parse_leaf(leaf_at(size - 1)[0]).time + commit.due_s
    with zone.reading() as view:
        items = drawn(view, state, bytes.fromhex(evidence.root))
    return Case(state.committed.digest, commit.epoch, commit.draw, items, evidence, due, commit.final)


def failure_case(zone: Zone, state: FailureState, log: LogClient, leaf_at: LeafAt, due_s: int) -> Case:
    """The case of a failed ticket: every one of its inputs. Raises as ``draw_case``."""
    ticket: Ticket = state.ticket.statement
    indices = {state.ticket.index, state.reported.index}
    with zone.reading() as view:
        if ticket.audience in view.enrolments:
            indices.add(view.enrolments[ticket.audience].index)  # by which departments know whose report it is
    evidence = gather(log, {index: leaf_at(index) for index in indices})
    check(evidence, zone.genesis)
    return Case(state.reported.digest, ticket.epoch, "failure", state.inputs(), evidence, state.reported.time + due_s)


def requests_of(view: ZoneView, case: Case) -> Mapping[str, OpeningRequest]:
    """What each contributor is asked for, by member."""
    asked: dict[str, list[AskedItem]] = {}
    for leaf_index, position in case.items:
        logged = view.contributions[leaf_index]
        item = AskedItem(contribution=logged.digest, leaf_index=leaf_index, position=position)
        asked.setdefault(logged.statement.header.sender, []).append(item)
    epoch = view.epoch(case.epoch)
    if case.final:
        for owners in epoch.opened.contributors.values():
            for member in owners:
                asked.setdefault(member, [])
    opened = view.at(epoch.open_index).envelope.hex()
    return {
        member: OpeningRequest(cause=case.cause, evidence=case.evidence, opened=opened, items=tuple(items)) for member, items in sorted(asked.items())
    }
