"""The contributor's side of an audit: it opens to an auditor exactly what was drawn of its contributions, or what a failed ticket took [P6, P2.4].

That a draw was committed to, fixed by the tree and shown is checked here from the log's own evidence; which of our contributions it takes
follows from R and the root. What was not drawn stays closed, whoever asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from crypto.contribution import exponent_of
from crypto.encoding import canonical_json, sha256
from crypto.errors import CryptoError, OpeningError
from crypto.packing import pack
from crypto.paillier import balanced, check_encryption
from crypto.statements import parse_envelope
from nodes.contributing.audit.grants import Allowed, Contribution, digest_of, granted
from nodes.contributing.contributions import input_of
from nodes.contributing.office import Office
from nodes.contributing.outbox import Message, Prepared
from nodes.contributing.trust import OpenEpoch
from nodes.errors import RoleMissingError
from nodes.runtime import logging
from nodes.runtime.replica import relay
from nodes.runtime.replica.audit_messages import AskedItem, OpeningAnswer, OpeningRequest, ShownCiphertext
from nodes.runtime.replica.relay import AUDIT_OPENING, AUDIT_REQUEST
from protos.errors import refusal_of
from scoring.draws.beside import beside
from scoring.draws.rules import WHOLE_ROW
from scoring.errors import NotDrawnError, OpeningUnavailableError, ScoringError
from scoring.exchange.view import verify_key
from scoring.statements import Column, Row, parse_statement

AUDIT_ANSWERED, AUDIT_REFUSED, SECRET_ERASED = "audit.answered", "audit.refused", "secret.erased"
_log = logging.logger("contributing.audits")


@dataclass(frozen=True, slots=True)
class AuditDesk:
    """Answers auditors in the name of the contributor of ``office``. ``epoch`` checks an epoch's opening and gives it with its roster."""

    office: Office
    epoch: Callable[[bytes], OpenEpoch]

    def ask(self, sender: str, sealed: bytes) -> None:
        """Take one sealed request: afterwards an answer to each of its items, sealed to the auditor, is in the outbox.

        Raises RoleMissingError, SealingError, SignatureError, WireFormatError when it is not an auditor's request: then nobody is answered.
        Raises what stands against it otherwise, after the auditor was told: NotDrawnError, NoteError, MerkleError, StatementFormatError,
        WrongSignerError when evidence does not show a draw of these items, OpeningUnavailableError when we cannot open them any more.
        """
        auditor = self.office.trust.registry.member(sender)
        if "auditor" not in auditor.roles:
            raise RoleMissingError("openings are asked for by auditors")
        request = relay.open_message(
            OpeningRequest,
            sealed,
            self.office.identity.hpke_private,
            [verify_key(key) for key in auditor.keys],
            sender=sender,
            to=self.office.identity.member,
            matter=AUDIT_REQUEST,
        )
        refused: Exception | None = None
        try:
            epoch = self.epoch(bytes.fromhex(request.opened))
            grant = granted(request, self.office.trust, sender, epoch.opened.epoch)
            allowed = grant.allowed(self._contributions(epoch.opened.epoch))
        except (ScoringError, CryptoError) as error:
            for item in request.items:
                self._answer(sender, _refusal(request, item, error))
            raise
        for item in request.items:
            try:
                self._answer(sender, self._opened(request, item, epoch, allowed))
            except (ScoringError, CryptoError) as error:
                self._answer(sender, _refusal(request, item, error))
                refused = error
        if refused is not None:
            raise refused
        _log.info(AUDIT_ANSWERED, auditor=sender, cause=request.cause, items=len(request.items))
        if grant.final and self.office.secrets.end(epoch.opened.epoch, sender, self._auditors()):
            _log.info(SECRET_ERASED, epoch=epoch.opened.epoch)

    # --- what is opened ---

    def _opened(self, request: OpeningRequest, item: AskedItem, epoch: OpenEpoch, allowed: Allowed) -> OpeningAnswer:
        contribution = allowed.get((item.contribution, item.position))
        if contribution is None:
            raise NotDrawnError("this part of our contribution was not drawn")
        secret = self.office.secrets.kept(epoch.opened.epoch)
        if secret is None:
            raise OpeningUnavailableError("the epoch's secret is erased")
        shown = [self._show(epoch, secret, *part) for part in self._parts(epoch, contribution, item.position, request.evidence.size)]
        return OpeningAnswer(cause=request.cause, contribution=item.contribution, position=item.position, shown=tuple(shown))

    def _parts(self, epoch: OpenEpoch, contribution: Contribution, position: int, size: int) -> Iterator[tuple[Contribution, int]]:
        """The ciphertexts of one item: itself, or of a row all of its own and the batches of our columns that carry its subject [P4.5], of
        those among the first ``size`` leaves."""
        if position != WHOLE_ROW:
            yield contribution, position
            return
        header = contribution.header
        yield from ((contribution, place) for place in range(header.batches))
        at = epoch.position_of[header.subject]
        batch = next(batch.index for batch in epoch.batches if batch.first_position <= at < batch.first_position + batch.count)
        logged = [item for item in self._contributions(epoch.opened.epoch) if item.sent.leaf_index < size]
        newest = all(item.sent.leaf_index <= contribution.sent.leaf_index for item in logged if item.sent.place == contribution.sent.place)
        for entry in header.entries:
            columns = [item for item in logged if item.header.kind == "column" and item.header.entries[0] == entry]
            found = beside(columns, contribution.sent.leaf_index, lambda item: item.sent.leaf_index, newest_row=newest)
            yield from ((column, batch) for column in found)

    def _show(self, epoch: OpenEpoch, secret: bytes, contribution: Contribution, position: int) -> ShownCiphertext:
        """Raises OpeningUnavailableError when what we have does not give the ciphertext that we sent."""
        key, header = self.office.trust.public_key(epoch.opened.key), contribution.header
        plaintext, subjects = self._plaintext(epoch, secret, contribution, position)
        exponent = exponent_of(key, secret, header.model_dump(mode="json"), position, plaintext)
        content, size = self.office.outbox.content(contribution.sent.id), key.ciphertext_size
        try:
            check_encryption(key, int.from_bytes(content[position * size : (position + 1) * size], "big"), balanced(plaintext, key.n), exponent)
        except OpeningError as error:
            raise OpeningUnavailableError("what is kept of the contribution does not give its ciphertext") from error
        entry = header.entries[0 if header.kind == "column" else position]
        records = self._records(epoch, contribution, entry.indicator, subjects)
        return ShownCiphertext(
            contribution=contribution.digest, position=position, m=f"{plaintext % key.n:x}", exponent=f"{exponent:x}", records=tuple(records)
        )

    def _plaintext(self, epoch: OpenEpoch, secret: bytes, contribution: Contribution, position: int) -> tuple[int, list[str]]:
        """The plaintext of one ciphertext, and its subjects in order."""
        header, points = contribution.header, self.office.store.points(contribution.sent.source)
        fields = header.model_dump(mode="json")
        if header.kind == "row":
            return input_of(epoch, secret, header.entries[position], points[position], fields, position), [header.subject]
        batch = epoch.batches[position]
        places = range(batch.first_position, batch.first_position + batch.count)
        values = [input_of(epoch, secret, header.entries[0], points[place], fields, place) for place in places]
        return pack(values, header.slot_bits), [epoch.subjects[place][0] for place in places]

    def _records(self, epoch: OpenEpoch, contribution: Contribution, indicator: str, subjects: Iterable[str]) -> Iterator[dict[str, str]]:
        """The fields that the indicator reads, as they were when the points were made: for a row those of the column, whose points it says."""
        source = contribution.sent.source
        if contribution.header.kind == "row":
            columns = self.office.outbox.acknowledged(f"column/{epoch.opened.epoch}/{indicator}/")
            stood = beside(columns, contribution.sent.leaf_index, lambda column: column.leaf_index, newest_row=False)
            source = stood[0].source if stood else source
        held = self.office.store.period_when(epoch.opened.period, source)
        of = self.office.subjects.by_subject(held, source)
        fields = [field.name for field in epoch.model.indicators[indicator].fields]
        for subject in subjects:
            record = of.get(subject, {})
            yield {name: record[name] for name in fields if name in record}

    def _contributions(self, epoch: str) -> list[Contribution]:
        """Our contributions to an epoch that are in the log, in order of leaf."""
        found = []
        for sent in (*self.office.outbox.acknowledged(f"column/{epoch}/"), *self.office.outbox.acknowledged(f"row/{epoch}/")):
            envelope = parse_envelope(sent.envelope)
            statement = parse_statement(envelope.payload_type, envelope.payload)
            assert isinstance(statement, Column | Row)  # what lies in these places
            found.append(Contribution(sent, digest_of(sent), statement.header))
        return found

    # --- answers ---

    def _answer(self, auditor: str, answer: OpeningAnswer) -> None:
        member, place = self.office.trust.registry.member(auditor), f"opening/{answer.cause}/{answer.contribution}/{answer.position}/{auditor}"
        source = sha256(canonical_json(answer.model_dump(mode="json"))).hex()

        def make(revision: int) -> Message:
            public, signer = bytes.fromhex(member.hpke), self.office.identity.signer
            sealed = relay.seal_message(answer, public, signer, sender=self.office.identity.member, to=auditor, matter=AUDIT_OPENING)
            return Message(place, revision, "relay", b"", sealed, receiver=auditor, subject_matter=AUDIT_OPENING, source=source)

        self.office.outbox.offer(Prepared(place, source, make))

    def _auditors(self) -> list[str]:
        return [member.id for member in self.office.trust.registry.with_role("auditor")]


def _refusal(request: OpeningRequest, item: AskedItem, error: Exception) -> OpeningAnswer:
    reason = refusal_of(error).reason
    _log.warning(AUDIT_REFUSED, cause=request.cause, reason=reason)
    return OpeningAnswer(cause=request.cause, contribution=item.contribution, position=item.position, reason=reason)
