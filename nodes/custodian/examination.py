"""The custodian's own examination of a ticket [P5.3]: nothing is taken from whoever sent it but bytes to check.

Points 1 to 5 of P5.3, in order. What the log alone decides (admission, functionals, exact inputs, latest revisions, no second ticket)
was judged by this custodian's own view when the ticket's leaf was applied; here come the witnessed checkpoint, the request, the
consent and the audience's key as they stand now, the roster's stages, the proofs on every input and the aggregate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from crypto.encoding import sha256
from crypto.paillier import PublicKey
from nodes.custodian.revocations import Revocations
from nodes.errors import NotReadyError
from nodes.runtime.clock import Clock
from nodes.runtime.replica.follower import LogFollower
from nodes.runtime.replica.material import Ciphertexts, Placements
from nodes.runtime.replica.zone import Zone
from nodes.runtime.web.request_document import RequestDocument
from nodes.runtime.web.requests import verify_release_request
from protos.v1.exchange_pb2 import OpenTicket
from scoring.errors import (
    AudienceUnknownError,
    CheckpointStaleError,
    ConsentScopeError,
    RequestFormatError,
    TicketExpiredError,
    TicketUnknownError,
    WrongKeyError,
)
from scoring.exchange.consent import check_consent
from scoring.exchange.view import Logged, ZoneView
from scoring.indicators.model import Model
from scoring.release.aggregate import check_stage, recompute
from scoring.release.asking import check_target, target_of
from scoring.statements import Ticket


@dataclass(frozen=True, slots=True)
class Admitted:
    """A ticket that passed: its aggregates in order, and what is needed to answer."""

    logged: Logged
    key: PublicKey
    aggregates: tuple[int, ...]
    audience_key: bytes


class Heads(Protocol):
    """Others' heads of the log. ``check`` raises LogSplitError, HeadsMissingError, NotReadyError when something speaks against opening."""

    def check(self) -> None: ...


class Admission(Protocol):
    """Our own admission lint. ``check`` raises ModelLeaksError, NotReadyError, WrongModelError when an epoch's models do not pass (yet)."""

    def check(self, epoch: str) -> None: ...


class Examiner:
    """Examines tickets with this custodian's own replica, rosters and proven ciphertexts, others' heads, and revocations that came straight."""

    def __init__(
        self, zone: Zone, follower: LogFollower, ciphertexts: Ciphertexts, placements: Placements, heads: Heads, revocations: Revocations,
        admission: Admission, now: Clock, witness_wait_s: float,
    ) -> None:  # fmt: skip
        self._zone, self._follower, self._now, self._witness_wait_s = zone, follower, now, witness_wait_s
        self._ciphertexts, self._placements, self._heads, self._revocations = ciphertexts, placements, heads, revocations
        self._admission = admission

    def examine(self, work: OpenTicket) -> Admitted:
        """The admitted ticket. Raises the error of the first check that fails; NotReadyError while witnesses, or our
        lint of the model, are awaited: ask again."""
        self._heads.check()
        logged = self._logged(work)
        ticket: Ticket = logged.statement
        self._check_time(logged)
        self._check_witnessed(logged)
        with self._zone.reading() as view:
            if ticket.purpose != "epoch":
                self._check_request(view, logged, work.request)
                self._check_consent_now(view, ticket)
            key, model = self._context(view, ticket)
            audience_key, audience_leaf = view.sealing_key(ticket.audience)
        if audience_leaf != ticket.audience_leaf:
            raise AudienceUnknownError("the audience's key was replaced after the ticket")
        self._admission.check(ticket.epoch)
        placement = self._placements.placement(ticket.epoch)
        check_stage(ticket, placement)
        aggregates = tuple(recompute(key, model, ticket, opening, placement, self._ciphertexts) for opening in ticket.openings)
        return Admitted(logged, key, aggregates, audience_key)

    def still_admitted(self, admitted: Admitted) -> None:
        """What may have changed while the ticket was being examined has not. Call with ``Revocations.sending``, right before sending.

        Raises as ``examine``, for time, consent, the audience's key and others' heads.
        """
        self._heads.check()
        ticket: Ticket = admitted.logged.statement
        self._check_time(admitted.logged)
        with self._zone.reading() as view:
            if ticket.purpose != "epoch":
                self._check_consent_now(view, ticket)
            if view.sealing_key(ticket.audience) != (admitted.audience_key, ticket.audience_leaf):
                raise AudienceUnknownError("the audience's key was replaced after the ticket")

    def aggregate_of(self, ticket: Ticket, opening: int) -> int:
        """The aggregate of one opening of a ticket, recomputed. Raises as ``recompute``, and where its roster or ciphertexts are not to be had."""
        with self._zone.reading() as view:
            key, model = self._context(view, ticket)
        return recompute(key, model, ticket, ticket.openings[opening], self._placements.placement(ticket.epoch), self._ciphertexts)

    def _logged(self, work: OpenTicket) -> Logged:
        """The ticket as our own replica has it: same bytes, at that leaf, and in force by every rule of the view."""
        try:
            self._follower.wait_for(work.leaf_index, self._witness_wait_s)
        except NotReadyError as error:
            raise TicketUnknownError(f"our log has no leaf {work.leaf_index} yet") from error
        digest = sha256(work.ticket_envelope).hex()
        with self._zone.reading() as view:
            void = view.void.get(work.leaf_index)
            if void is not None:
                raise void
            logged = view.tickets.get(digest)
        if logged is None or logged.index != work.leaf_index:
            raise TicketUnknownError("the ticket is not in the log at the leaf that was named")
        return logged

    def _check_time(self, logged: Logged) -> None:
        """The ticket lives, and its leaf is not from the future: by running ahead the log would stretch lives that it measures itself."""
        now = self._now()
        if logged.statement.not_after < now:
            raise TicketExpiredError("the ticket's life is over")
        if logged.time > now + self._zone.genesis.clock_tolerance_s:
            raise TicketExpiredError(f"the ticket's leaf is {logged.time - now} s ahead of our clock")

    def _check_witnessed(self, logged: Logged) -> None:
        """(1) The ticket is under our newest checkpoint with enough witnesses, and that is fresh [L5]."""
        try:
            witnessed = self._follower.wait_for_witnessed(logged.index + 1, self._witness_wait_s)
        except NotReadyError:
            self._follower.check_witnesses(self._now())
            raise
        age_s = self._now() - witnessed.checkpoint.time
        if age_s > self._zone.genesis.witness_policy.max_age_s:
            raise CheckpointStaleError(f"the newest witnessed checkpoint is {age_s} s old")

    def _check_request(self, view: ZoneView, logged: Logged, document_bytes: bytes) -> None:
        """(2) The audience signed this request, it was in force when the ticket was logged, and it asks for exactly this ticket."""
        ticket: Ticket = logged.statement
        document = RequestDocument.parse(document_bytes)
        if document.digest != ticket.request:
            raise RequestFormatError("the request is not the one that the ticket names")
        request, wanted = verify_release_request(view, document, ticket.subject, logged.time)
        if request.nonce != ticket.request_nonce:
            raise RequestFormatError("the ticket names another nonce than its request")
        check_target(ticket, target_of(view, view.epoch(ticket.epoch), request.key_id, wanted))
        if view.consent_by_digest(ticket.consent).consent.id != wanted.consent_id:
            raise ConsentScopeError("the ticket cites another consent than its request")

    def _check_consent_now(self, view: ZoneView, ticket: Ticket) -> None:
        """(3) The consent stands now, not only when the ticket was logged: a later revocation stops what is not opened yet."""
        names = tuple(dict.fromkeys(name for opening in ticket.openings for name in opening.functionals))
        state = view.consent_by_digest(ticket.consent)
        self._revocations.check(state)
        check_consent(state, audience=ticket.audience, purpose=ticket.purpose, functionals=names, product="", time=self._now())

    def _context(self, view: ZoneView, ticket: Ticket) -> tuple[PublicKey, Model]:
        if view.public_key is None:
            raise WrongKeyError("the zone has no key")
        return view.public_key, view.model(ticket.model)
