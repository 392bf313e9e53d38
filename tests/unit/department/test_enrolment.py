"""The registrar enrols keys of enterprises in its register, at the request of an enterprise service, and of nobody else."""

from __future__ import annotations

import secrets

import pytest

from crypto.statements import check_signature, parse_envelope
from crypto.subjects import subject_id
from nodes.runtime.replica import relay
from nodes.runtime.replica.relay import BindingAnswer, EnrolmentRequest
from protos.v1.exchange_pb2 import Sealed, WorkItem
from scoring.exchange.view import verify_key
from scoring.statements import Binding, Enrolment, parse_statement
from simulators.population.tables import Population
from tests.support.departments import ROSTER_KEY, DepartmentZone


def test_an_enterprise_of_the_register_is_enrolled_and_its_service_gets_the_signed_binding(zone: DepartmentZone, firms: Population) -> None:
    uscc = firms.firms[4].uscc
    key_id = zone.enrol(uscc)
    logged = zone.ledger.view.enrolments[key_id]
    subject = subject_id(ROSTER_KEY, uscc)
    enrolment: Enrolment = logged.statement
    assert (enrolment.subject, enrolment.service, enrolment.key) == (subject, "enterprise", zone.ledger.keys.signing(key_id))
    answer = zone.answer()
    assert (answer.key_id, answer.subject, answer.leaf_index, answer.reason) == (key_id, subject, logged.index, "")
    envelope = parse_envelope(bytes.fromhex(answer.binding))
    check_signature(envelope, verify_key(zone.ledger.keys.signing("market")))
    binding = parse_statement(envelope.payload_type, envelope.payload)
    assert isinstance(binding, Binding)
    assert (binding.uscc, binding.subject, binding.service) == (uscc, subject, "enterprise")


def test_the_code_is_in_nothing_that_the_coordinator_can_read(zone: DepartmentZone, firms: Population) -> None:
    zone.enrol(firms.firms[4].uscc)
    calls = zone.nodes["market"].exchange.calls
    assert {name for name, _, _ in calls} == {"submit", "relay/enterprise/binding"}
    assert not any(firms.firms[4].uscc.encode() in part for call in calls for part in call[1:])
    for _, envelope, _ in calls[:1]:
        assert firms.firms[4].uscc.encode() not in parse_envelope(envelope).payload


def test_a_code_that_is_not_in_the_register_is_refused_to_the_service_only(zone: DepartmentZone) -> None:
    _, item = zone.ask_enrolment("91330108MA2AAAAA00")
    zone.nodes["market"].do(item)
    answer = zone.answer()
    assert (answer.reason, answer.subject, answer.binding) == ("SUBJECT_UNKNOWN", "", "")
    assert not zone.ledger.view.enrolments
    assert not zone.ledger.view.refusals


def test_a_key_that_the_log_refuses_is_refused_to_the_service_with_its_reason(zone: DepartmentZone, firms: Population) -> None:
    zone.ledger.keys.make("x-foreign", enterprise=True)
    _, item = zone.ask_enrolment(firms.firms[4].uscc, key=zone.ledger.keys.signing("x-foreign"))
    zone.nodes["market"].do(item)
    assert zone.answer().reason == "SIGNER_NOT_ALLOWED"


def test_the_same_request_again_gets_the_same_answer_and_no_second_leaf(zone: DepartmentZone, firms: Population) -> None:
    _, item = zone.ask_enrolment(firms.firms[4].uscc)
    market = zone.nodes["market"]
    market.do(item)
    size = zone.ledger.view.size
    market = market.restart()
    market.do(item)
    assert zone.ledger.view.size == size
    first, again = market.exchange.sent("relay/enterprise/binding")
    assert first == again


def test_a_crash_between_the_leaf_and_the_answer_loses_no_answer(zone: DepartmentZone, firms: Population) -> None:
    _, item = zone.ask_enrolment(firms.firms[4].uscc)
    market = zone.nodes["market"]
    market.do(item, send=False)
    kept = market.office.outbox.next()
    assert kept is not None
    market.exchange.submit(kept.message.envelope)  # logged, and the process dies before it hears of it
    market = market.restart()
    market.flush()
    assert zone.answer().subject == subject_id(ROSTER_KEY, firms.firms[4].uscc)
    assert len(zone.ledger.view.enrolments) == 1


@pytest.mark.parametrize(
    ("sender", "signer", "reason"),
    [("bank-a", "bank-a", "ROLE_MISSING"), ("coordinator", "coordinator", "ROLE_MISSING"), ("enterprise", "coordinator", "SIGNATURE_INVALID")],
)
def test_a_request_that_no_service_signed_enrols_nobody(zone: DepartmentZone, firms: Population, sender: str, signer: str, reason: str) -> None:
    keys, key_id = zone.ledger.keys, f"e-{secrets.token_hex(8)}"
    keys.make(key_id, enterprise=True)
    request = EnrolmentRequest(uscc=firms.firms[4].uscc, key=keys.signing(key_id), hpke=keys.sealing(key_id).hex(), service=sender)
    sealed = relay.seal_message(request, keys.sealing("market"), keys.signers[signer], sender=sender, to="market", matter=relay.ENROLMENT_REQUEST)
    zone.nodes["market"].do(WorkItem(sealed=Sealed(sender=sender, subject_matter=relay.ENROLMENT_REQUEST, sealed=sealed)))
    assert not zone.ledger.view.enrolments
    assert [logged.statement.reason for logged in zone.ledger.view.refusals] == [reason]


def test_a_service_cannot_enrol_with_another_service(zone: DepartmentZone, firms: Population) -> None:
    _, item = zone.ask_enrolment(firms.firms[4].uscc, service="bank-a")
    zone.nodes["market"].do(item)
    assert zone.answer().reason == "SIGNER_NOT_ALLOWED"
    assert not zone.ledger.view.enrolments


def test_a_message_of_no_known_form_does_not_stop_the_registrar(zone: DepartmentZone, firms: Population) -> None:
    """Signed and sealed by a real service, and no request: refused like any other, and the next request is answered."""
    keys = zone.ledger.keys
    answer = BindingAnswer(key_id="e-0123456789abcdef", subject="")
    sealed = relay.seal_message(
        answer, keys.sealing("market"), keys.signers["enterprise"], sender="enterprise", to="market", matter=relay.ENROLMENT_REQUEST
    )
    zone.nodes["market"].do(WorkItem(seq=7, sealed=Sealed(sender="enterprise", subject_matter=relay.ENROLMENT_REQUEST, sealed=sealed)))
    assert [logged.statement.reason for logged in zone.ledger.view.refusals] == ["MESSAGE_INVALID"]
    assert zone.enrol(firms.firms[4].uscc) in zone.ledger.view.enrolments


def test_only_the_registrar_takes_requests(zone: DepartmentZone, firms: Population) -> None:
    _, item = zone.ask_enrolment(firms.firms[4].uscc)
    zone.nodes["tax"].do(item)
    assert [logged.statement.reason for logged in zone.ledger.view.refusals] == ["ROLE_MISSING"]
