"""The registrar's desk: enterprises' keys are enrolled for the enterprises that stand in its register [P5.0].

A request comes sealed and signed from an enterprise service. What is logged carries a subject id and keys only; the service gets,
sealed, the signed binding of code and subject id, once the enrolment is in the log.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from crypto.encoding import canonical_json, sha256
from crypto.subjects import subject_id
from nodes.contributing.office import KeptRecords
from nodes.contributing.outbox import Kept, Message, Outbox, Prepared
from nodes.contributing.trust import ZoneTrust
from nodes.errors import RoleMissingError
from nodes.runtime import logging
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from nodes.runtime.replica import relay
from nodes.runtime.replica.relay import BINDING, ENROLMENT_REQUEST, BindingAnswer, EnrolmentRequest
from protos.errors import refusal_of
from scoring.errors import SubjectUnknownError, WrongSignerError
from scoring.exchange.view import verify_key
from scoring.statements import Binding, Enrolment, Member

ENROLMENT_ASKED = "enrolment.asked"
ENROLMENT_PLACE = "enrolment/"
_log = logging.logger("department.enrolment")


@dataclass(frozen=True, slots=True)
class EnrolmentDesk:
    """Answers enrolment requests in the name of the registrar ``identity``."""

    identity: Identity
    trust: ZoneTrust
    store: KeptRecords
    outbox: Outbox
    roster_key: bytes

    def ask(self, sender: str, sealed: bytes) -> None:
        """Take one sealed request: afterwards an enrolment, or a refusal sealed to the sender, is in the outbox.

        Raises RoleMissingError, SealingError, SignatureError, WireFormatError when it is not a request of an enterprise service to us:
        then nobody is answered.
        """
        service = self.trust.registry.member(sender)
        if "registrar" not in self.trust.member.roles or "enterprise-service" not in service.roles:
            raise RoleMissingError("enrolments are asked for by enterprise services, of the registrar")
        request = relay.open_message(
            EnrolmentRequest,
            sealed,
            self.identity.hpke_private,
            [verify_key(key) for key in service.keys],
            sender=sender,
            to=self.identity.member,
            matter=ENROLMENT_REQUEST,
        )
        try:
            self._check(request, sender)
        except (SubjectUnknownError, WrongSignerError) as error:
            self._answer(service, BindingAnswer(key_id=request.key.key_id, subject="", reason=refusal_of(error).reason))
            return
        source = sha256(canonical_json(request.model_dump(mode="json"))).hex()
        place = ENROLMENT_PLACE + request.key.key_id
        self.outbox.offer(Prepared(place, source, lambda revision: self._enrolment(place, source, request, revision)))
        _log.info(ENROLMENT_ASKED, service=sender, key_id=request.key.key_id)

    def settled(self, kept: Kept, leaf_index: int, reason: str) -> None:
        """Answer the service once its enrolment was logged (``reason`` empty) or refused. Idempotent."""
        facts = json.loads(kept.message.content)
        service = self.trust.registry.member(facts["service"])
        subject, binding = ("", "") if reason else (facts["subject"], facts["binding"])
        self._answer(service, BindingAnswer(key_id=facts["key_id"], subject=subject, binding=binding, leaf_index=leaf_index, reason=reason))

    def _check(self, request: EnrolmentRequest, sender: str) -> None:
        if request.service != sender:
            raise WrongSignerError(f"{sender} asks for an enrolment with {request.service}")
        if not self.store.knows(request.uscc):
            raise SubjectUnknownError("the register has no enterprise with this code")

    def _enrolment(self, place: str, source: str, request: EnrolmentRequest, revision: int) -> Message:
        subject = subject_id(self.roster_key, request.uscc)
        zone, signer = self.identity.zone, self.identity.signer
        enrolment = Enrolment(zone=zone, nonce=fresh_nonce(), subject=subject, key=request.key, hpke=request.hpke, service=request.service)
        binding = Binding(zone=zone, nonce=fresh_nonce(), subject=subject, uscc=request.uscc, service=request.service)
        facts = {
            "service": request.service,
            "key_id": request.key.key_id,
            "subject": subject,
            "binding": sign_statement(binding, signer).hex(),
        }
        return Message(place, revision, "submit", sign_statement(enrolment, signer), canonical_json(facts), source=source)

    def _answer(self, service: Member, answer: BindingAnswer) -> None:
        source = sha256(canonical_json(answer.model_dump(mode="json"))).hex()
        place = f"binding/{service.id}/{answer.key_id}"

        def make(revision: int) -> Message:
            public = bytes.fromhex(service.hpke)
            sealed = relay.seal_message(answer, public, self.identity.signer, sender=self.identity.member, to=service.id, matter=BINDING)
            return Message(place, revision, "relay", b"", sealed, receiver=service.id, subject_matter=BINDING, source=source)

        self.outbox.offer(Prepared(place, source, make))
