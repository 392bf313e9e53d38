"""Who may put what into the log, by form, signer and submitter, and who may read it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from typing import Any

import pytest

from crypto.encoding import sha256
from crypto.errors import EnvelopeFormatError, SignatureError
from crypto.statements import sign_envelope
from nodes.errors import RoleMissingError
from nodes.log.admission import Admission
from nodes.log.sequencer import Submission
from protos.errors import WireFormatError
from scoring.errors import (
    SignerUnknownError,
    StatementFormatError,
    WrongSignerError,
    ZoneMismatchError,
)
from scoring.statements import (
    Binding,
    Refusal,
    RosterCompiled,
    StagesPublished,
    Statement,
)
from tests.unit.log.admitting import SUBJECT, entry
from tests.unit.log.small_zone import ROLES, ZONE, SmallZone, make_key

# --- form ---


def test_a_members_own_statement_is_admitted_with_itself_as_actor(admission: Admission, small_zone: SmallZone) -> None:
    envelope = small_zone.refusal("bank-a")
    submission = admission.admit("bank-a", envelope, "key")
    assert submission == Submission("bank-a", "key", envelope, sha256(envelope), "refusal", "bank-a", ("bank-a",))


@pytest.mark.parametrize("key", ["", "k" * 129])
def test_a_submission_needs_a_key_of_its_own(admission: Admission, small_zone: SmallZone, key: str) -> None:
    with pytest.raises(WireFormatError):
        admission.admit("bank-a", small_zone.refusal("bank-a"), key)


def test_bytes_that_are_no_envelope_are_refused(admission: Admission) -> None:
    with pytest.raises(EnvelopeFormatError):
        admission.admit("bank-a", b"not an envelope", "k")


@pytest.mark.parametrize(
    ("payload_type", "change"),
    [
        ("application/vnd.xinqiao.unheard-of.v1+json", {}),
        ("application/json", {}),
        ("application/vnd.xinqiao.refusal.v1+json", {"surplus": 1}),
        ("application/vnd.xinqiao.refusal.v1+json", {"member": 5}),
        ("application/vnd.xinqiao.refusal.v1+json", {"nonce": "short"}),
    ],
)
def test_what_fits_no_schema_is_refused(admission: Admission, small_zone: SmallZone, payload_type: str, change: dict[str, object]) -> None:
    payload = {**Refusal(zone=ZONE, nonce="00" * 16, member="bank-a", reason="NOT_READY").model_dump(mode="json"), **change}
    envelope = sign_envelope(payload_type, json.dumps(payload).encode(), small_zone.keys["bank-a"])
    with pytest.raises(StatementFormatError):
        admission.admit("bank-a", envelope, "k")


def test_statements_that_are_never_logged_are_refused(admission: Admission, small_zone: SmallZone) -> None:
    binding = Binding(zone=ZONE, nonce="00" * 16, subject=SUBJECT, uscc="91330100MA27XXXX0A".replace("X", "A"), service="enterprise")
    with pytest.raises(StatementFormatError, match="never logged"):
        admission.admit("registrar", small_zone.sign("registrar", binding), "k")


def test_another_zones_statement_is_refused(admission: Admission, small_zone: SmallZone) -> None:
    with pytest.raises(ZoneMismatchError):
        admission.admit("bank-a", small_zone.refusal("bank-a", zone="other-zone"), "k")


# --- signer and submitter ---


def test_an_unregistered_key_is_refused(admission: Admission) -> None:
    statement = Refusal(zone=ZONE, nonce="00" * 16, member="bank-a", reason="NOT_READY")
    envelope = sign_envelope(statement.payload_type(), statement.payload(), make_key("bank-a"))
    with pytest.raises(SignerUnknownError):
        admission.admit("bank-a", envelope, "k")


def test_a_signature_by_another_key_under_a_registered_id_is_refused(admission: Admission, small_zone: SmallZone) -> None:
    statement = Refusal(zone=ZONE, nonce="00" * 16, member="bank-a", reason="NOT_READY")
    forged = make_key("bank-a", named=small_zone.keys["bank-a"].key_id)
    with pytest.raises(SignatureError):
        admission.admit("bank-a", sign_envelope(statement.payload_type(), statement.payload(), forged), "k")


def test_a_member_may_not_submit_for_another(admission: Admission, small_zone: SmallZone) -> None:
    with pytest.raises(RoleMissingError):
        admission.admit("bank-b", small_zone.refusal("bank-a"), "k")


def test_the_coordinator_submits_for_others_and_the_signer_stays_the_actor(admission: Admission, small_zone: SmallZone) -> None:
    submission = admission.admit("coordinator", small_zone.refusal("bank-a"), "k")
    assert submission.actor == "bank-a"
    assert submission.parties == ("bank-a", "coordinator")


def test_further_signatures_are_witnesses_and_do_not_make_an_actor(admission: Admission, small_zone: SmallZone) -> None:
    statement = Refusal(zone=ZONE, nonce="00" * 16, member="bank-a", reason="NOT_READY")
    envelope = small_zone.sign("bank-a", statement, small_zone.keys["bank-b"])
    assert admission.admit("bank-a", envelope, "k").actor == "bank-a"
    with pytest.raises(RoleMissingError):
        admission.admit("bank-b", envelope, "k")


def test_only_the_pinned_registry_is_a_registry(admission: Admission, small_zone: SmallZone) -> None:
    assert admission.admit("authority", small_zone.genesis, "k").kind == "registry"
    again = small_zone.registry.model_copy(update={"nonce": "11" * 16})
    with pytest.raises(WrongSignerError):
        admission.admit("authority", small_zone.sign("authority", again), "k")


def test_a_registry_that_its_authority_did_not_sign_is_no_root_of_trust(small_zone: SmallZone) -> None:
    with pytest.raises(WrongSignerError):
        Admission(small_zone.sign("bank-a", small_zone.registry))
    with pytest.raises(StatementFormatError):
        Admission(small_zone.refusal("authority"))


@pytest.mark.parametrize("kind", ["roster", "stages"])
def test_what_names_a_document_is_submitted_by_the_coordinator_that_has_it(admission: Admission, small_zone: SmallZone, kind: str) -> None:
    said: dict[str, Any] = {"zone": ZONE, "nonce": secrets.token_hex(16), "epoch": "e", "period": "2024", "count": 1, "sha256": "ab" * 32}
    more: dict[str, Any] = {"model": "ab" * 32, "roster": "ab" * 32, "merkle_root": "ab" * 32}
    statement: Statement = RosterCompiled(**said) if kind == "roster" else StagesPublished(**said, **more)
    envelope = small_zone.sign("registrar", statement)
    with pytest.raises(RoleMissingError):
        admission.admit("registrar", envelope, "k")
    assert admission.admit("coordinator", envelope, "k").actor == "registrar"


# --- reading ---


@pytest.mark.parametrize("reader", list(ROLES))
def test_others_read_only_their_own_envelopes(admission: Admission, small_zone: SmallZone, reader: str) -> None:
    theirs = entry(1, admission.admit("coordinator", small_zone.refusal("bank-b"), "k"))
    own = reader in {"bank-b", "coordinator"} or not {"custodian", "auditor", "authority", "gateway"}.isdisjoint(ROLES[reader])
    assert admission.may_read(reader, theirs) is own


READABLE: list[tuple[str, Callable[[SmallZone], Statement]]] = [
    ("authority", lambda zone: zone.registry),
    ("authority", lambda zone: zone.change("bank-c", make_key("bank-c"))),
]


@pytest.mark.parametrize(("signer", "statement"), READABLE, ids=["registry", "member"])
def test_every_member_reads_who_the_members_are(
    admission: Admission, small_zone: SmallZone, signer: str, statement: Callable[[SmallZone], Statement]
) -> None:
    found = statement(small_zone)
    raw = small_zone.genesis if found is small_zone.registry else small_zone.sign(signer, found)
    assert admission.may_read("bank-b", entry(0, admission.admit("authority", raw, "k")))
