"""Makes tickets: what a signed request or a closed epoch asks to be opened, worked out from the log and logged before anything opens [P5.2]."""

from __future__ import annotations

from dataclasses import dataclass

from crypto.encoding import sha256
from nodes.coordinator.journal import Journal
from nodes.coordinator.keeping.store import Store
from nodes.runtime.clock import Clock
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from nodes.runtime.replica.material import Ciphertexts, Placements
from nodes.runtime.replica.zone import Zone
from nodes.runtime.web.request_document import RequestDocument
from nodes.runtime.web.requests import verify_release_request
from scoring.errors import WrongKeyError
from scoring.exchange.consent import check_consent
from scoring.exchange.epoch import EpochState, Phase
from scoring.exchange.roster import Batch
from scoring.exchange.tickets import COLUMN_POSITION, derive_inputs, opening_for
from scoring.exchange.view import Logged, ZoneView
from scoring.release.aggregate import aggregate, aggregate_hash
from scoring.release.asking import Target, answering_epoch, target_of
from scoring.statements import Input, Ticket, TicketOpening


@dataclass(frozen=True, slots=True)
class Asked:
    """A verified request with everything that a ticket for it needs."""

    document: RequestDocument
    nonce: str
    target: Target
    consent: str  # digest
    epoch: EpochState
    stage: str
    inputs: tuple[Input, ...]


@dataclass(frozen=True, slots=True)
class Issued:
    """A logged ticket with the aggregates that it names, in order."""

    ticket: Logged
    aggregates: tuple[int, ...]


class TicketOffice:
    """The coordinator's issue of tickets. Ciphertexts and rosters come from its own blobs."""

    def __init__(
        self,
        identity: Identity,
        zone: Zone,
        journal: Journal,
        store: Store,
        ciphertexts: Ciphertexts,
        placements: Placements,
        now: Clock,
        ticket_life_s: int,
    ) -> None:
        self._identity, self._zone, self._journal, self._store, self._now = identity, zone, journal, store, now
        self._ciphertexts, self._placements, self._ticket_life_s = ciphertexts, placements, ticket_life_s

    def ask(self, document: RequestDocument, subject: str) -> Asked:
        """What the request asks about ``subject``, allowed by its consent now and answerable from the log.

        Raises as ``verify_release_request``, ``target_of`` and ``check_consent``; ConsentMissingError,
        EpochUnknownError, SubjectUnknownError; RowsAwaitedError while a row is missing.
        """
        now = self._now()
        with self._zone.reading() as view:
            request, wanted = verify_release_request(view, document, subject, now)
            consent = view.consent(wanted.consent_id, wanted.subject)
            ticket = self._ticket_of(view, document, wanted.subject)
            epoch = answering_epoch(view, consent.consent) if ticket is None else view.epoch(ticket.statement.epoch)
            target = target_of(view, epoch, request.key_id, wanted)
            check_consent(consent, audience=target.audience, purpose=target.purpose, functionals=target.functionals, product=target.product, time=now)
        stage = self._placements.placement(epoch.opened.epoch).stage(target.subject)
        with self._zone.reading() as view:
            inputs = derive_inputs(view, epoch, target.functionals, stage, subject=target.subject, audience=target.audience)
        return Asked(document, request.nonce, target, consent.digest, epoch, stage, inputs)

    def issue(self, asked: Asked) -> Issued:
        """The logged ticket for ``asked``: the one that it has, when an answer was lost, or a new one.

        Raises the errors of the ticket rules when the log has moved on meanwhile.
        """
        openings, values = self._openings(asked.epoch, asked.target.openings, asked.stage, None, asked.inputs)
        with self._zone.reading() as view:
            known = self._ticket_of(view, asked.document, asked.target.subject)
        if known is not None:
            return Issued(known, values)

        def make(view: ZoneView) -> bytes:
            meanwhile = self._ticket_of(view, asked.document, asked.target.subject)
            if meanwhile is not None:
                return meanwhile.envelope  # of the same request, sent twice at once or before a crash
            ticket = Ticket(
                zone=view.zone,
                nonce=fresh_nonce(),
                epoch=asked.epoch.opened.epoch,
                model=asked.epoch.opened.model,
                audience=asked.target.audience,
                audience_leaf=view.sealing_key(asked.target.audience)[1],
                purpose=asked.target.purpose,  # type: ignore[arg-type]  # a consent's purpose, checked by ask
                subject=asked.target.subject,
                stage=asked.stage,
                consent=asked.consent,
                request=asked.document.digest,
                request_nonce=asked.nonce,
                openings=openings,
                inputs=asked.inputs,
                not_after=self._now() + self._ticket_life_s,
            )
            envelope = sign_statement(ticket, self._identity.signer)
            self._store.put_request(sha256(envelope).hex(), asked.document.to_bytes())
            return envelope

        return Issued(self._journal.submit_made(make), values)

    def issue_bulk(self, epoch_id: str, functional: str, batches: tuple[Batch, ...]) -> Issued:
        """The logged ticket for ``batches`` (of one stage) of a closed epoch: the one that was logged for them before, or a new one when that
        ran out before enough custodians were there.

        Raises EpochUnknownError, EpochStateError, RowsAwaitedError when a column is missing.
        """
        stage = batches[0].stage
        with self._zone.reading() as view:
            epoch = view.epoch(epoch_id)
            epoch.require(Phase.CLOSED, Phase.RELEASED)
            known = self._bulk_ticket(view, epoch, functional, batches[0])
            inputs = known.statement.inputs if known else derive_inputs(view, epoch, [functional], stage)
            audience = view.registry.sole("authority").id
        parts = [self._openings(epoch, ((functional,),), stage, batch, inputs) for batch in batches]
        values = tuple(value for _, found in parts for value in found)
        if known is not None:
            return Issued(known, values)

        def make(view: ZoneView) -> bytes:
            meanwhile = self._bulk_ticket(view, view.epoch(epoch_id), functional, batches[0])
            if meanwhile is not None:
                return meanwhile.envelope  # the same opening was asked for twice at once, or before a crash
            ticket = Ticket(
                zone=view.zone,
                nonce=fresh_nonce(),
                epoch=epoch_id,
                model=epoch.opened.model,
                audience=audience,
                audience_leaf=view.sealing_key(audience)[1],
                purpose="epoch",
                stage=stage,
                request=epoch.close_digest,
                request_nonce="",
                openings=tuple(opening for found, _ in parts for opening in found),
                inputs=inputs,
                not_after=self._now() + view.registry.genesis.ticket_max_life_s,
            )
            return sign_statement(ticket, self._identity.signer)

        return Issued(self._journal.submit_made(make), values)

    def _bulk_ticket(self, view: ZoneView, epoch: EpochState, functional: str, first: Batch) -> Logged | None:
        """The batch's ticket; of one that ran out before its epoch was released a new one is needed."""
        known = view.bulk.get((epoch.opened.epoch, functional, first.index))
        ran_out = known is not None and epoch.phase is Phase.CLOSED and known.statement.not_after < self._now()
        return None if ran_out else known

    @staticmethod
    def _ticket_of(view: ZoneView, document: RequestDocument, subject: str) -> Logged | None:
        digest = view.requests.get((document.digest, subject))
        return None if digest is None else view.tickets[digest]

    def _openings(
        self, epoch: EpochState, names: tuple[tuple[str, ...], ...], stage: str, batch: Batch | None, inputs: tuple[Input, ...]
    ) -> tuple[tuple[TicketOpening, ...], tuple[int, ...]]:
        with self._zone.reading() as view:
            model, key = view.model(epoch.opened.model), view.public_key
        if key is None:
            raise WrongKeyError("the zone has no key")
        values = tuple(aggregate(key, model, opening, stage, batch, inputs, self._ciphertexts) for opening in names)
        position = COLUMN_POSITION if batch is None else batch.index
        openings = tuple(
            opening_for(model, opening, stage, position, aggregate_hash(key, value)) for opening, value in zip(names, values, strict=True)
        )
        return openings, values
