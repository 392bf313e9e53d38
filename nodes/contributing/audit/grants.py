"""What an auditor may have opened, judged from the log's own evidence by a contributor that does not follow the log [P6, P2.4].

A draw grants what R and the root take of our contributions; a failed ticket grants those of its inputs that are ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from crypto.encoding import sha256
from crypto.statements import VerifyKey, check_signature, parse_envelope
from nodes.contributing.outbox import Acknowledged
from nodes.contributing.trust import ZoneTrust
from nodes.runtime.replica.audit_messages import OpeningRequest
from nodes.runtime.replica.evidence import LogEvidence, Shown, check
from scoring.draws.rules import WHOLE_ROW
from scoring.draws.selection import Lot, commitment_of
from scoring.errors import NotDrawnError, WrongSignerError
from scoring.exchange.view import verify_key
from scoring.statements import (
    AuditCommit,
    AuditReveal,
    ContributionHeader,
    Enrolment,
    EpochClose,
    Failure,
    Statement,
    Ticket,
    parse_statement,
)

S = TypeVar("S", bound=Statement)


@dataclass(frozen=True, slots=True)
class Contribution:
    """One of our contributions that is in the log, by the digest of its envelope."""

    sent: Acknowledged
    digest: str
    header: ContributionHeader


Allowed = dict[tuple[str, int], Contribution]
"""What may be opened: (contribution's digest, position) → the contribution."""


@dataclass(frozen=True, slots=True)
class DrawGrant:
    """A draw whose commitment, fixing leaf and number are in the log. ``size``: leaves of the tree that fixed it."""

    commit: AuditCommit
    lot: Lot
    size: int

    @property
    def final(self) -> bool:
        """Whether this auditor draws nothing of the epoch after this."""
        return self.commit.final

    def allowed(self, contributions: Iterable[Contribution]) -> Allowed:
        """What the draw takes of ours: of each column that counted at the close, or of our rows in its window [P6]."""
        logged = [item for item in contributions if item.sent.leaf_index < self.size]
        if self.commit.draw == "columns":
            columns = counting(logged)
            return {
                (item.digest, place): item
                for item in columns.values()
                for place in self.lot.batches(item.digest, item.header.batches, self.commit.count)
            }
        rows = {item.digest: item for item in logged if item.header.kind == "row" and item.sent.leaf_index >= self.commit.since}
        return {(digest, WHOLE_ROW): rows[digest] for digest, _ in self.lot.chosen([(digest, 0) for digest in rows], self.commit.count)}


@dataclass(frozen=True, slots=True)
class FailureGrant:
    """A ticket whose audience reported that a value was impossible. ``inputs``: (leaf, position) of all that it took [P2.4]."""

    inputs: frozenset[tuple[int, int]]
    final: bool = False

    def allowed(self, contributions: Iterable[Contribution]) -> Allowed:
        """Its inputs that are ours."""
        return {(item.digest, place): item for item in contributions for leaf, place in self.inputs if leaf == item.sent.leaf_index}


def granted(request: OpeningRequest, trust: ZoneTrust, auditor: str, epoch: str) -> DrawGrant | FailureGrant:
    """What the request's evidence grants ``auditor`` in ``epoch``.

    Raises NoteError, MerkleError when the evidence is not the witnessed log's; StatementFormatError, WrongSignerError, SignerUnknownError,
    SignatureError when its statements are not those of who may make them; NotDrawnError when they grant nothing, or not yet.
    """
    shown = check(request.evidence, trust.registry.genesis)
    by_digest = {item.leaf.digest: item for item in shown.values() if item.envelope}
    cause = by_digest.get(request.cause)
    if cause is None:
        raise NotDrawnError("the draw or failure is not among the entries shown")
    kind = parse_envelope(cause.envelope).payload_type
    if kind == AuditCommit.payload_type():
        return _draw(request.evidence, shown, cause, trust, auditor, epoch)
    if kind == Failure.payload_type():
        return _failure(shown, by_digest, cause, trust, epoch)
    raise NotDrawnError("only a draw or a failed ticket asks for openings")


def counting(contributions: Iterable[Contribution]) -> dict[tuple[str, str], Contribution]:
    """The column that counts for each entry: the latest revision."""
    columns = sorted((item for item in contributions if item.header.kind == "column"), key=lambda item: item.header.revision)
    return {(item.header.entries[0].indicator, item.header.entries[0].functional): item for item in columns}


def _draw(evidence: LogEvidence, shown: dict[int, Shown], cause: Shown, trust: ZoneTrust, auditor: str, epoch: str) -> DrawGrant:
    commit, fixing = _said(cause, AuditCommit, trust, auditor), evidence.size - 1
    if commit.epoch != epoch:
        raise NotDrawnError(f"the draw is over epoch {commit.epoch}")
    if not cause.index < fixing:
        raise NotDrawnError("the draw was committed to after it was fixed")
    if commit.draw == "columns":
        close = shown.get(fixing)
        if close is None or not close.envelope or trust.statement(close.envelope, EpochClose, "authority").epoch != epoch:
            raise NotDrawnError("the tree of the draw does not end with the epoch's close")
    elif not _first_at(commit.until, fixing, shown, auditor):
        raise NotDrawnError("the tree of the draw does not end with the first leaf of another at its time")
    for item in shown.values():
        if item.envelope and item.index > fixing and parse_envelope(item.envelope).payload_type == AuditReveal.payload_type():
            reveal = _said(item, AuditReveal, trust, auditor)
            if reveal.commit == cause.leaf.digest and commitment_of(bytes.fromhex(reveal.r)) == commit.commitment:
                return DrawGrant(commit, Lot(bytes.fromhex(reveal.r), bytes.fromhex(evidence.root)), evidence.size)
    raise NotDrawnError("the number of the draw is not shown in the log")


def _first_at(until: int, fixing: int, shown: dict[int, Shown], auditor: str) -> bool:
    """Whether ``fixing`` is the first leaf at ``until`` that is not the auditor's: all from the last one before that time on are shown."""
    if fixing not in shown or shown[fixing].leaf.time < until or shown[fixing].leaf.actor == auditor:
        return False
    index = fixing - 1
    while index in shown and shown[index].leaf.time >= until and shown[index].leaf.actor == auditor:
        index -= 1
    return index in shown and shown[index].leaf.time < until


def _failure(shown: dict[int, Shown], by_digest: dict[str, Shown], cause: Shown, trust: ZoneTrust, epoch: str) -> FailureGrant:
    envelope = parse_envelope(cause.envelope)
    failure = _parsed(cause, Failure)
    logged = by_digest.get(failure.ticket)
    if logged is None or logged.index > cause.index:
        raise NotDrawnError("the failed ticket is not among the entries shown")
    ticket = trust.statement(logged.envelope, Ticket, "coordinator")
    if ticket.epoch != epoch:
        raise NotDrawnError(f"the failed ticket is of epoch {ticket.epoch}")
    check_signature(envelope, _audience_key(envelope.key_ids[0], ticket.audience, shown, trust))
    places = failure.batches
    return FailureGrant(frozenset((item.leaf_index, place) for item in ticket.inputs for place in (places or (item.position,))))


def _audience_key(key_id: str, audience: str, shown: dict[int, Shown], trust: ZoneTrust) -> VerifyKey:
    """The key of the ticket's audience: a member's, or an enterprise's own by the enrolment that is shown with it."""
    if audience in trust.registry.members:
        entry = trust.registry.key(key_id)
        if entry.member.id != audience:
            raise WrongSignerError("the failure is not reported by the ticket's audience")
        return verify_key(entry.key)
    for item in shown.values():
        if item.envelope and parse_envelope(item.envelope).payload_type == Enrolment.payload_type():
            enrolment = trust.statement(item.envelope, Enrolment, "registrar")
            if enrolment.key.key_id == audience == key_id:
                return verify_key(enrolment.key)
    raise WrongSignerError("the failure is not reported by the ticket's audience")


def _said(item: Shown, kind: type[S], trust: ZoneTrust, member: str) -> S:
    """The statement in an entry, signed by ``member``."""
    envelope = parse_envelope(item.envelope)
    entry = trust.registry.key(envelope.key_ids[0])
    if entry.member.id != member:
        raise WrongSignerError(f"the {kind.kind} is not {member}'s")
    check_signature(envelope, verify_key(entry.key))
    return _parsed(item, kind)


def _parsed(item: Shown, kind: type[S]) -> S:
    envelope = parse_envelope(item.envelope)
    statement = parse_statement(envelope.payload_type, envelope.payload)
    assert isinstance(statement, kind)  # its payload type was looked at
    return statement


def digest_of(sent: Acknowledged) -> str:
    """How the log and a draw name a contribution."""
    return sha256(sent.envelope).hex()
