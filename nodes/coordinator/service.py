"""The coordinator's gRPC face: who may call what, and the wire forms of what the other modules do."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import grpc

from crypto.paillier import encode_ciphertext
from crypto.statements import Envelope, parse_envelope
from nodes.coordinator.callers import Callers
from nodes.coordinator.epochs import Epochs
from nodes.coordinator.intake import Intake
from nodes.coordinator.journal import Journal
from nodes.coordinator.keeping.blobs import PART_BYTES, Blobs
from nodes.coordinator.releasing.evidence import EvidenceDesk
from nodes.coordinator.releasing.openings import Openings
from nodes.coordinator.releasing.tickets import TicketOffice
from nodes.coordinator.settings import CoordinatorTable
from nodes.coordinator.work import WorkQueue
from nodes.runtime.clock import now
from nodes.runtime.peers.limits import RateLimit
from nodes.runtime.replica.zone import Zone
from nodes.runtime.tracing import spans
from nodes.runtime.web.request_document import RequestDocument
from protos.errors import WireFormatError
from protos.v1 import exchange_pb2 as wire
from protos.v1.exchange_pb2_grpc import ExchangeServicer
from scoring.custody.rules import RULES as CUSTODY_RULES
from scoring.errors import BlameError, RowsAwaitedError, StatementFormatError
from scoring.release.opening import SealedPartial
from scoring.statements import (
    BY_KIND,
    Consent,
    Enrolment,
    EpochClose,
    EpochOpen,
    EpochRelease,
    Failure,
    LoanStep,
    PolicyStep,
    ProductTerms,
    PublicationStep,
    Recognition,
    RegistryExtension,
    RegistryRenewal,
    Revocation,
    Statement,
    kind_of,
)

_KINDS: tuple[type[Statement], ...] = (
    *CUSTODY_RULES,
    Enrolment,
    Consent,
    Revocation,
    EpochOpen,
    EpochClose,
    EpochRelease,
    Failure,
    PolicyStep,
    ProductTerms,
    LoanStep,
    PublicationStep,
    RegistryRenewal,
    RegistryExtension,
    Recognition,
)
SUBMITTED = {kind.kind for kind in _KINDS}
READERS_OF_ROSTERS = {"department", "custodian", "auditor", "authority"}
READERS_OF_CIPHERTEXTS = {"custodian", "auditor"}
RELAY_BYTES = 512 * 1024  # an opening shows the record of every subject of its batch
RELAY_KEY = 128
CURSORS = 1 << 63  # a database's integers end there
REASON = re.compile(r"[A-Z][A-Z0-9_]{2,40}")


def check_submitted(envelope: Envelope) -> None:
    """The statement is of a kind that members submit as a whole. Raises StatementFormatError when it is logged another way, or by nobody."""
    kind = kind_of(envelope.payload_type)
    if kind not in SUBMITTED:
        raise StatementFormatError(f"a {kind} is not submitted here; these are: {', '.join(sorted(SUBMITTED & BY_KIND.keys()))}")


class ExchangeService(ExchangeServicer):
    """One method an RPC of exchange.proto. Domain errors go up; the server turns them into refusals."""

    def __init__(
        self,
        zone: Zone,
        table: CoordinatorTable,
        intake: Intake,
        journal: Journal,
        blobs: Blobs,
        work: WorkQueue,
        office: TicketOffice,
        openings: Openings,
        evidence: EvidenceDesk,
        epochs: Epochs,
    ) -> None:
        self._zone, self._table, self._intake, self._journal, self._blobs, self._work = zone, table, intake, journal, blobs, work
        self._office, self._openings, self._evidence, self._epochs = office, openings, evidence, epochs
        self._callers = Callers(zone, RateLimit(table.sent_per_minute_per_member, time.monotonic))
        self._of_key = RateLimit(table.statements_per_minute_per_key, time.monotonic)

    # --- members ---

    def Contribute(self, request_iterator: Iterator[wire.ContributionPart], context: grpc.ServicerContext) -> wire.Receipt:
        receipt = self._intake.contribute(self._callers.sender(context), request_iterator)
        return wire.Receipt(leaf=receipt.leaf, leaf_index=receipt.leaf_index, digest=bytes.fromhex(receipt.digest))

    def PublishDocument(self, request_iterator: Iterator[wire.DocumentPart], context: grpc.ServicerContext) -> wire.Receipt:
        logged = self._intake.publish(self._callers.sender(context), request_iterator)
        return wire.Receipt(leaf=logged.leaf, leaf_index=logged.index, digest=bytes.fromhex(logged.digest))

    def Submit(self, request: wire.StatementRequest, context: grpc.ServicerContext) -> wire.Receipt:
        self._callers.sender(context)
        envelope = parse_envelope(request.envelope)
        check_submitted(envelope)
        self._of_key.check(envelope.key_ids[0])
        logged = self._journal.submit(request.envelope)
        self._of_key.charge(envelope.key_ids[0])  # only now is it known that the key has signed this
        return wire.Receipt(leaf=logged.leaf, leaf_index=logged.index, digest=bytes.fromhex(logged.digest))

    def FetchBlob(self, request: wire.BlobRequest, context: grpc.ServicerContext) -> Iterator[wire.BlobPart]:
        digest = request.digest.hex()
        order = self._epochs.order(digest)
        if order is not None:
            self._callers.require(context, READERS_OF_ROSTERS | {"bank"})
            yield from (wire.BlobPart(content=order[start : start + PART_BYTES]) for start in range(0, len(order), PART_BYTES))
            return
        with self._zone.reading() as view:
            rosters = {item.statement.sha256 for item in (*view.rosters.values(), *view.stages.values())}
        self._callers.require(context, READERS_OF_ROSTERS if digest in rosters else READERS_OF_CIPHERTEXTS)
        for part in self._blobs.parts(digest):
            yield wire.BlobPart(content=part)

    def FollowWork(self, request: wire.WorkCursor, context: grpc.ServicerContext) -> Iterator[wire.WorkItem]:
        if request.after >= CURSORS:
            raise WireFormatError("a cursor is the number of a work item")
        context.add_callback(self._work.wake)
        caller = self._callers.caller(context)

        def active() -> bool:
            self._zone.admit(caller)
            return context.is_active()

        yield from self._work.follow(caller, request.after, active)

    def Relay(self, request: wire.RelayRequest, context: grpc.ServicerContext) -> wire.RelayReply:
        sender = self._callers.sender(context)
        if len(request.sealed) > RELAY_BYTES or not 0 < len(request.idempotency_key) <= RELAY_KEY or len(request.subject_matter) > 64:
            raise WireFormatError(f"a relayed message has a key, a short subject matter and at most {RELAY_BYTES} bytes")
        self._zone.admit(request.to)
        sealed = wire.Sealed(sender=sender, subject_matter=request.subject_matter, sealed=request.sealed)
        self._work.add(request.to, f"sealed/{sender}/{request.idempotency_key}", wire.WorkItem(sealed=sealed))
        return wire.RelayReply()

    # --- custodians ---

    def SubmitPartials(self, request_iterator: Iterator[wire.PartialsPart], context: grpc.ServicerContext) -> wire.PartialsReply:
        custodian = self._callers.require(context, {"custodian"})
        self._callers.sent.take(custodian)
        ticket, found = "", list[SealedPartial]()
        for part in request_iterator:
            ticket = ticket or part.ticket.hex()
            if part.ticket.hex() != ticket:
                raise WireFormatError("one call carries the partials of one ticket")
            found += [SealedPartial(custodian, item.opening, item.enc, item.ciphertext, item.generation) for item in part.partials]
            if len(found) > self._callers.openings_of(ticket):
                raise WireFormatError("more partials than the ticket has openings")
        if sorted(partial.opening for partial in found) != list(range(self._callers.openings_of(ticket))):
            raise WireFormatError("a custodian answers every opening of a ticket once")
        self._openings.take(ticket, found)
        return wire.PartialsReply()

    def RefuseTicket(self, request: wire.CustodianRefusal, context: grpc.ServicerContext) -> wire.PartialsReply:
        custodian = self._callers.require(context, {"custodian"})
        self._callers.sent.take(custodian)
        if not REASON.fullmatch(request.reason):
            raise WireFormatError("a refusal has a reason of the catalogue")
        self._callers.openings_of(request.ticket.hex())
        self._openings.refuse(request.ticket.hex(), custodian, request.reason)
        return wire.PartialsReply()

    # --- audiences that could not open ---

    def MorePartials(self, request: wire.PartialsRequest, context: grpc.ServicerContext) -> Iterator[wire.CustodianPartial]:
        ticket = self._callers.own_ticket(request.ticket.hex(), self._callers.caller(context))
        for partial in self._openings.everything(ticket, self._table.opening_timeout_s):
            yield _wire_partial(partial)

    def Proofs(self, request: wire.ProofsRequest, context: grpc.ServicerContext) -> wire.ProofsReply:
        caller, digest = self._callers.caller(context), request.demand.hex()
        with self._zone.reading() as view:
            found = [logged.envelope for (demand, _), logged in view.partial_proofs.items() if demand == digest]
            demand = view.demands.get(digest)
        if demand is None:
            raise BlameError("no such demand is in the log")
        self._callers.own_ticket(demand.statement.ticket, caller)
        return wire.ProofsReply(envelopes=found)

    # --- the authority's front ---

    def Prepare(self, request: wire.PrepareRequest, context: grpc.ServicerContext) -> wire.PrepareReply:
        self._callers.require(context, {"authority"})
        roster, stages = self._epochs.prepare(request.epoch, request.period, request.model.hex(), self._table.prepare_timeout_s)
        return wire.PrepareReply(roster_envelope=roster.envelope, stages_envelope=stages.envelope, stages_leaf_index=stages.index)

    def EpochStatus(self, request: wire.EpochStatusRequest, context: grpc.ServicerContext) -> wire.EpochStatusReply:
        self._callers.require(context, {"authority"})
        with self._zone.reading() as view:
            state = str(view.epoch(request.epoch).phase)
        columns = [
            wire.ExpectedColumn(indicator=indicator, functional=functional, member=member, received=revision is not None, revision=revision or 0)
            for indicator, functional, member, revision in self._epochs.expected(request.epoch)
        ]
        return wire.EpochStatusReply(state=state, columns=columns)

    def OpenBulk(self, request: wire.BulkRequest, context: grpc.ServicerContext) -> Iterator[wire.BulkPart]:
        self._callers.require(context, {"authority"})
        with self._zone.reading() as view:
            key = view.public_key
        for issued, partials in self._epochs.open_bulk(request.epoch, self._table.batches_per_ticket, self._table.bulk_timeout_s):
            assert key is not None  # an epoch has a key
            yield wire.BulkPart(
                ticket_envelope=issued.ticket.envelope,
                ticket_leaf_index=issued.ticket.index,
                partials=[_wire_partial(partial) for partial in partials],
                aggregates=[encode_ciphertext(key, value) for value in issued.aggregates],
            )

    def Release(self, request: wire.ReleaseRequest, context: grpc.ServicerContext) -> wire.ReleaseReply:
        self._callers.require(context, {"gateway"})
        document = RequestDocument.parse(request.request)
        self._evidence.check_witnesses(now())
        try:
            asked = self._office.ask(document, request.subject)
        except RowsAwaitedError:
            return wire.ReleaseReply(awaiting_rows=True)
        issued = self._office.issue(asked)
        spans.note(leaf_index=issued.ticket.index)
        try:
            self._openings.dispatch(issued.ticket, request.request)
            evidence = self._evidence.gather(asked, issued)
            partials = self._openings.gather(issued.ticket, request.request, self._table.opening_timeout_s)
        finally:
            self._openings.forget(issued.ticket)
        return wire.ReleaseReply(
            ticket_envelope=issued.ticket.envelope,
            ticket_leaf=issued.ticket.leaf,
            ticket_leaf_index=issued.ticket.index,
            checkpoint=evidence.checkpoint.encode(),
            partials=[_wire_partial(partial) for partial in partials],
            evidence=evidence.to_bytes(),
        )


def _wire_partial(partial: SealedPartial) -> wire.CustodianPartial:
    return wire.CustodianPartial(
        custodian=partial.custodian, opening=partial.opening, enc=partial.enc, ciphertext=partial.ciphertext, generation=partial.generation
    )
