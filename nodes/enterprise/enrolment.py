"""Enrolment: an enterprise's keys are made, the registrar is asked through the coordinator, its sealed answer is checked and kept [P5.0]."""

from __future__ import annotations

import threading
from dataclasses import replace

from crypto.errors import CryptoError, SignatureError
from crypto.statements import check_signature, parse_envelope
from nodes.enterprise.keyring import Keyring
from nodes.enterprise.store import Enterprise, Store
from nodes.errors import NodeError, NotReadyError
from nodes.runtime import logging
from nodes.runtime.clock import Timer
from nodes.runtime.peers.exchange_client import ExchangeClient
from nodes.runtime.peers.identity import Identity
from nodes.runtime.replica import relay
from nodes.runtime.replica.relay import BINDING, ENROLMENT_REQUEST, BindingAnswer, EnrolmentRequest
from protos.v1.exchange_pb2 import Sealed, WorkItem
from scoring.errors import ScoringError, SubjectUnknownError, WrongSignerError
from scoring.exchange.registry import MemberRegistry
from scoring.exchange.view import verify_key
from scoring.statements import Binding, parse_statement

ENROLMENT_ANSWERED, ANSWER_REFUSED = "enrolment.answered", "enrolment.answer_refused"
_log = logging.logger("enterprise.enrolment")


class Enrolments:
    """Enrols enterprises under keys that this service keeps for them."""

    def __init__(self, identity: Identity, registry: MemberRegistry, keyring: Keyring, store: Store, exchange: ExchangeClient) -> None:
        self._identity, self._registry, self._keyring, self._store, self._exchange = identity, registry, keyring, store, exchange
        self._answered = threading.Condition()
        self._turn = threading.Lock()

    def enrol(self, uscc: str, wait_s: float) -> Enterprise:
        """The enterprise, enrolled. One that is enrolled already stays as it is.

        Raises SubjectUnknownError when the registrar refuses, NotReadyError when it has not answered within ``wait_s``: ask again.
        """
        with self._turn:
            known = self._store.enterprise(uscc)
            if known is None or known.state == "refused":
                known = self._request(uscc, known)
                self._store.put_enterprise(known)
        if known.state == "asked":
            self._send(known)
            known = self._wait(uscc, wait_s)
        if known.state == "refused":
            raise SubjectUnknownError(f"the registrar refused to enrol this enterprise: {known.reason}")
        return known

    def enrolled(self, uscc: str) -> Enterprise:
        """The enrolled enterprise with this code. Raises SubjectUnknownError."""
        known = self._store.enterprise(uscc)
        if known is None or known.state != "enrolled":
            raise SubjectUnknownError("no enterprise with this code is enrolled with this service")
        return known

    def resume(self) -> None:
        """Send again what the registrar has not answered: when the process starts. Raises PeerUnavailableError, RpcRefusal."""
        for enterprise in self._store.enterprises():
            if enterprise.state == "asked":
                self._send(enterprise)

    def handle(self, item: WorkItem) -> None:
        """Take one work item: a registrar's answer, or what is none of ours. An answer that does not hold is logged here and left out."""
        if item.WhichOneof("work") != "sealed" or item.sealed.subject_matter != BINDING:
            self._store.skip(item.seq)
            return
        try:
            found = self._read(item.sealed)
        except (CryptoError, ScoringError, NodeError) as error:
            _log.warning(ANSWER_REFUSED, seq=item.seq, sender=item.sealed.sender, error=type(error).__name__)
            self._store.skip(item.seq)
            return
        self._store.answered(found, item.seq)
        _log.info(ENROLMENT_ANSWERED, key_id=found.key_id, state=found.state, leaf_index=found.leaf_index)
        with self._answered:
            self._answered.notify_all()

    def _request(self, uscc: str, known: Enterprise | None) -> Enterprise:
        keys = self._keyring.create() if known is None else self._keyring.get(known.key_id)
        registrar = self._registry.sole("registrar")
        message = EnrolmentRequest(uscc=uscc, key=keys.registered, hpke=keys.hpke_public.hex(), service=self._identity.member)
        sealed = relay.seal_message(
            message,
            bytes.fromhex(registrar.hpke),
            self._identity.signer,
            sender=self._identity.member,
            to=registrar.id,
            matter=ENROLMENT_REQUEST,
        )
        return Enterprise(uscc, keys.signer.key_id, sealed)

    def _send(self, enterprise: Enterprise) -> None:
        self._exchange.relay(self._registry.sole("registrar").id, ENROLMENT_REQUEST, enterprise.request)

    def _wait(self, uscc: str, wait_s: float) -> Enterprise:
        timer = Timer(wait_s)
        with self._answered:
            while True:
                known = self._store.enterprise(uscc)
                assert known is not None
                if known.state != "asked":
                    return known
                if timer.left_s() <= 0:
                    raise NotReadyError("the registrar has not answered yet: ask again")
                self._answered.wait(timer.left_s())

    def _read(self, sealed: Sealed) -> Enterprise:
        registrar = self._registry.sole("registrar")
        if sealed.sender != registrar.id:
            raise WrongSignerError("enrolments are answered by the registrar")
        answer = relay.open_message(
            BindingAnswer,
            sealed.sealed,
            self._identity.hpke_private,
            [verify_key(key) for key in registrar.keys],
            sender=registrar.id,
            to=self._identity.member,
            matter=BINDING,
        )
        known = self._store.enterprise_by_key(answer.key_id)
        if known is None:
            raise SubjectUnknownError("the answer is about a key that this service did not ask for")
        if answer.reason:
            return replace(known, state="refused", reason=answer.reason) if known.state == "asked" else known
        self._check_binding(answer, known.uscc)
        return replace(known, state="enrolled", reason="", subject=answer.subject, binding=answer.binding, leaf_index=answer.leaf_index)

    def _check_binding(self, answer: BindingAnswer, uscc: str) -> None:
        """The binding is the registrar's, of this code and this subject, for this service."""
        envelope = parse_envelope(bytes.fromhex(answer.binding))
        signer = self._registry.key(envelope.key_ids[0])
        check_signature(envelope, verify_key(signer.key))
        binding = parse_statement(envelope.payload_type, envelope.payload)
        if "registrar" not in signer.member.roles or not isinstance(binding, Binding):
            raise WrongSignerError("a binding is signed by the registrar")
        if (binding.uscc, binding.subject, binding.service) != (uscc, answer.subject, self._identity.member):
            raise SignatureError("the binding is of another enterprise or service")
