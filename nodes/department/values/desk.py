"""Shows enterprises what the department holds of them, and takes their answers and filings [V1–V4]; ``settling`` settles them.

A service is believed about an enterprise as far as the county's signed binding reaches. What goes back is sealed to that service.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial

from connectors.outside import shapeless
from crypto.encoding import canonical_json, sha256
from nodes.contributing.office import KeptRecords
from nodes.contributing.outbox import Message, Outbox, Prepared
from nodes.contributing.trust import ZoneTrust
from nodes.department.values.book import ValueBook
from nodes.errors import RoleMissingError
from nodes.runtime import logging
from nodes.runtime.clock import Clock
from nodes.runtime.peers.identity import Identity
from nodes.runtime.replica import relay
from nodes.runtime.replica.relay import VALUE_ANSWERS, VALUES, VALUES_REQUEST
from nodes.runtime.replica.value_messages import FiledValue, GivenAnswer, ShownFiling, ShownValue, ValueAnswers, Values, ValuesRequest
from scoring.errors import RuleError, WrongSignerError
from scoring.exchange.view import verify_key
from scoring.lifecycle import Filing, confirm, dispute
from scoring.statements import Binding, Member

VALUES_SHOWN, ANSWERS_TAKEN = "values.shown", "values.answered"
_log = logging.logger("department.values")


@dataclass(frozen=True, slots=True)
class ValueTerms:
    """What the department agrees to. ``self_filed``: fields that enterprises may file; ``dispute_days``: within which a dispute is settled."""

    self_filed: tuple[str, ...] = ()
    dispute_days: int = 15


@dataclass(frozen=True, slots=True)
class ValuesDesk:
    """Answers enterprise services about the department's own records."""

    identity: Identity
    trust: ZoneTrust
    records: KeptRecords
    book: ValueBook
    outbox: Outbox
    terms: ValueTerms
    now: Clock

    def ask(self, sender: str, sealed: bytes) -> None:
        """Take a sealed request: afterwards the values, or why none are shown, are in the outbox.

        Raises RoleMissingError, WrongSignerError, SealingError, SignatureError, WireFormatError when nobody is to be answered.
        """
        service = self._service(sender)
        request = self._open(ValuesRequest, service, sealed, VALUES_REQUEST)
        binding = self._bound(request.binding, service)
        self._show(service, binding, request.period, request.serial, {})
        _log.info(VALUES_SHOWN, service=sender, subject=binding.subject)

    def answer(self, sender: str, sealed: bytes) -> None:
        """Take sealed answers and filings: those that fit are kept, and the values as they are then are in the outbox. Raises as ``ask``.

        What was taken before is answered by what was said then and changes nothing; so whoever carries messages cannot have an old answer count
        again. Answers that come behind later ones are refused one by one.
        """
        service = self._service(sender)
        given = self._open(ValueAnswers, service, sealed, VALUE_ANSWERS)
        binding = self._bound(given.binding, service)
        if self._answered(service, binding, given):
            return
        if self.book.newest(binding.uscc, given.period, service.id, given.serial) > given.serial:
            named = {answer.field for answer in given.answers} | {filed.field for filed in given.filings}
            refused = dict.fromkeys(named, "later answers about this enterprise and period came before these")
        else:
            refused = self._answers(binding.uscc, given.period, given.answers) | self._filings(binding.uscc, given.period, given.filings)
        self._show(service, binding, given.period, given.serial, refused)
        _log.info(
            ANSWERS_TAKEN, service=sender, subject=binding.subject, answers=len(given.answers), filings=len(given.filings), refused=len(refused)
        )

    def _answered(self, service: Member, binding: Binding, given: ValueAnswers) -> bool:
        """Whether these answers were answered before; then the same bytes are sent again."""
        before = self.outbox.latest(_place(service, binding, given.period, given.serial))
        if before is None:
            return False
        self.outbox.offer(Prepared(before.message.place, before.message.source, lambda _revision: before.message))
        return True

    def _answers(self, uscc: str, period: str, answers: tuple[GivenAnswer, ...]) -> dict[str, str]:
        record, now = self.records.find(uscc, period) or {}, self.now()
        changes = {
            answer.field: partial(confirm, version=answer.version, now=now)
            if answer.confirmed
            else partial(dispute, version=answer.version, note=answer.note, now=now, days=self.terms.dispute_days)
            for answer in answers
        }
        failed = self.book.change(uscc, period, record, now, changes)
        return {field: str(error) for field, error in failed.items()}

    def _filings(self, uscc: str, period: str, filings: tuple[FiledValue, ...]) -> dict[str, str]:
        refused = {}
        for filed in filings:
            if filed.field not in self.terms.self_filed:
                refused[filed.field] = f"{filed.field} is not filed by enterprises"
            elif not self.records.knows(uscc):
                refused[filed.field] = "the department knows no enterprise with this code"
            elif misfit := self._misfit(filed):
                refused[filed.field] = misfit[:500]
            else:
                self.book.file(uscc, period, Filing(filed.field, filed.value, "filed", self.now(), filed.note))
        return refused

    def _misfit(self, filed: FiledValue) -> str:
        """Why no rule could read the value: approved, it would keep the department from contributing. Empty where it can be read."""
        if any(map(shapeless, filed.value)):
            return f"{filed.field}: the value holds characters that cannot be seen"
        try:
            for field in self.trust.fields(filed.field):
                field.parse(filed.value)
        except RuleError as error:
            return str(error)
        return ""

    def _show(self, service: Member, binding: Binding, period: str, serial: int, refused: Mapping[str, str]) -> None:
        record = self.records.find(binding.uscc, period)
        held = [] if record is None else self.book.shown(binding.uscc, period, record, self.now())
        values = Values(
            uscc=binding.uscc,
            period=period,
            serial=serial,
            values=tuple(ShownValue(**asdict(one)) for one in held),
            filings=tuple(ShownFiling(**asdict(one)) for one in self.book.filings(binding.uscc, period)),
            self_filed=self.terms.self_filed,
            refused=dict(refused),
            reason="" if held else "RECORDS_MISSING",
        )
        source = sha256(canonical_json(values.model_dump(mode="json"))).hex()
        place = _place(service, binding, period, serial)

        def make(revision: int) -> Message:
            public = bytes.fromhex(service.hpke)
            sealed = relay.seal_message(values, public, self.identity.signer, sender=self.identity.member, to=service.id, matter=VALUES)
            return Message(place, revision, "relay", b"", sealed, receiver=service.id, subject_matter=VALUES, source=source)

        self.outbox.offer(Prepared(place, source, make))

    def _service(self, sender: str) -> Member:
        service = self.trust.registry.member(sender)
        if "enterprise-service" not in service.roles:
            raise RoleMissingError("values are shown to enterprise services")
        return service

    def _open(self, cls: type[relay.R], service: Member, sealed: bytes, matter: relay.SubjectMatter) -> relay.R:
        keys = [verify_key(key) for key in service.keys]
        return relay.open_message(cls, sealed, self.identity.hpke_private, keys, sender=service.id, to=self.identity.member, matter=matter)

    def _bound(self, binding_hex: str, service: Member) -> Binding:
        """The county's binding, of an enterprise that this service serves. Raises WrongSignerError and the errors of envelopes."""
        binding = self.trust.statement(bytes.fromhex(binding_hex), Binding, "registrar")
        if binding.service != service.id:
            raise WrongSignerError(f"{service.id} does not serve the enterprise of this binding")
        return binding


def _place(service: Member, binding: Binding, period: str, serial: int) -> str:
    return f"values/{service.id}/{binding.subject}/{period}/{serial}"
