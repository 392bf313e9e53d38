"""What an enterprise's key puts into the log through its service, and who enrols it."""

from __future__ import annotations

import pytest

from nodes.errors import RoleMissingError
from nodes.log.admission import Admission
from scoring.errors import (
    WrongSignerError,
)
from scoring.statements import (
    Failure,
    Refusal,
)
from tests.unit.log.admitting import consent, enrolment, put, revocation
from tests.unit.log.small_zone import ZONE, SmallZone, make_key


def test_an_enrolled_enterprise_consents_through_its_service(admission: Admission, small_zone: SmallZone) -> None:
    key = make_key("e", named="e-0123456789abcdef")
    small_zone.keys["firm"] = key
    put(admission, "registrar", small_zone.sign("registrar", enrolment(key.key_id, key)))
    for statement in (consent(), revocation()):
        submission = admission.admit("enterprise", small_zone.sign("firm", statement), "k")
        assert (submission.actor, submission.kind) == ("enterprise", statement.kind)
        assert admission.admit("coordinator", small_zone.sign("firm", statement), "k").actor == "enterprise"


def test_a_service_consents_in_its_own_name(admission: Admission, small_zone: SmallZone) -> None:
    assert admission.admit("enterprise", small_zone.sign("enterprise", consent()), "k").actor == "enterprise"


def test_a_consent_that_names_another_service_is_refused(admission: Admission, small_zone: SmallZone) -> None:
    key = make_key("e", named="e-0123456789abcdef")
    small_zone.keys["firm"] = key
    put(admission, "registrar", small_zone.sign("registrar", enrolment(key.key_id, key)))
    for signer in ("firm", "enterprise", "bank-a"):
        with pytest.raises(WrongSignerError):
            admission.admit("coordinator", small_zone.sign(signer, consent(service="other-service")), "k")


def test_an_enterprise_reports_the_failure_of_its_portrait_through_its_service(admission: Admission, small_zone: SmallZone) -> None:
    key = make_key("e", named="e-0123456789abcdef")
    small_zone.keys["firm"] = key
    put(admission, "registrar", small_zone.sign("registrar", enrolment(key.key_id, key)))
    failure = small_zone.sign("firm", Failure(zone=ZONE, nonce="00" * 16, ticket="ab" * 32))
    assert admission.admit("coordinator", failure, "k").actor == "enterprise"
    with pytest.raises(RoleMissingError):
        admission.admit("bank-a", failure, "k")


def test_an_enterprises_key_signs_nothing_else(admission: Admission, small_zone: SmallZone) -> None:
    key = make_key("e", named="e-0123456789abcdef")
    small_zone.keys["firm"] = key
    put(admission, "registrar", small_zone.sign("registrar", enrolment(key.key_id, key)))
    statement = Refusal(zone=ZONE, nonce="00" * 16, member="enterprise", reason="NOT_READY")
    with pytest.raises(WrongSignerError, match="enterprise's key"):
        admission.admit("enterprise", small_zone.sign("firm", statement), "k")


def test_only_the_registrar_enrols_and_a_key_id_only_once(admission: Admission, small_zone: SmallZone) -> None:
    key, thief = make_key("e", named="e-0123456789abcdef"), make_key("e", named="e-0123456789abcdef")
    with pytest.raises(WrongSignerError):
        admission.admit("bank-a", small_zone.sign("bank-a", enrolment(key.key_id, key)), "k")
    with pytest.raises(WrongSignerError):
        admission.admit("registrar", small_zone.sign("registrar", enrolment(key.key_id, key, service="bank-a")), "k")
    with pytest.raises(WrongSignerError):
        admission.admit("registrar", small_zone.sign("registrar", enrolment("bank-b~0123456789abcdef", key)), "k")
    put(admission, "registrar", small_zone.sign("registrar", enrolment(key.key_id, key)))
    with pytest.raises(WrongSignerError, match="enrolled already"):
        admission.admit("registrar", small_zone.sign("registrar", enrolment(thief.key_id, thief)), "k")
