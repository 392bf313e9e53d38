"""Who may put what into the log, and who may read it."""

from __future__ import annotations

import itertools
import json
import secrets
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from crypto.encoding import sha256
from crypto.errors import EnvelopeFormatError, SignatureError
from crypto.keygen import PrivateKey
from crypto.statements import countersign, sign_envelope
from nodes.errors import MemberLeftError, MemberUnknownError, RoleMissingError, WireFormatError
from nodes.log.admission import Admission
from nodes.log.sequencer import Submission
from nodes.log.storage import Entry
from scoring.errors import (
    ApprovalError,
    CustodianNeededError,
    SignerUnknownError,
    StatementFormatError,
    StatementReplayedError,
    WrongSignerError,
    ZoneMismatchError,
)
from scoring.statements import (
    Binding,
    Consent,
    Enrolment,
    Failure,
    KeyActivated,
    KeyRound,
    Leaf,
    MemberChange,
    Refusal,
    Revocation,
    RosterCompiled,
    SigningKey,
    StagesPublished,
    Statement,
    parse_leaf,
)
from tests.support.custody import Custody
from tests.support.ledger import SMALL_BITS
from tests.support.zone import MemoryZone, open_zone
from tests.unit.log.small_zone import ROLES, ZONE, SmallZone, make_key

SUBJECT = "ab" * 16
PLACES = itertools.count(1)


@pytest.fixture
def admission(small_zone: SmallZone) -> Admission:
    return Admission(small_zone.genesis)


def entry(index: int, submission: Submission) -> Entry:
    leaf = Leaf(kind=submission.kind, actor=submission.actor, time=index, digest=submission.digest.hex()).to_bytes()
    return Entry(index, leaf, submission.digest, submission.kind, submission.parties, submission.envelope)


def put(admission: Admission, caller: str, envelope: bytes) -> Entry:
    """Admit and commit."""
    found = entry(next(PLACES), admission.admit(caller, envelope, "k"))
    admission.apply(found)
    return found


def enrolment(key_id: str, key: Any, service: str = "enterprise") -> Enrolment:
    signing = SigningKey(key_id=key_id, algorithm=key.algorithm, public=key.public.hex())
    return Enrolment(zone=ZONE, nonce=secrets.token_hex(16), subject=SUBJECT, key=signing, hpke="09" + "00" * 31, service=service)


def consent(service: str = "enterprise") -> Consent:
    return Consent(
        zone=ZONE, nonce=secrets.token_hex(16), id="cd" * 16, subject=SUBJECT, audience="bank-a", purpose="loan", products=(), functionals=(),
        not_before=0, not_after=1, service=service, signed_by="enterprise",
    )  # fmt: skip


def revocation(service: str = "enterprise") -> Revocation:
    return Revocation(zone=ZONE, nonce=secrets.token_hex(16), consent="cd" * 16, subject=SUBJECT, service=service)


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


# --- enterprises ---


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


# --- changes of members ---


def test_a_joined_member_may_call_and_sign_and_one_that_left_may_not(admission: Admission, small_zone: SmallZone) -> None:
    key = make_key("bank-c")
    small_zone.keys["bank-c"] = key
    with pytest.raises(MemberUnknownError):
        admission.check_member("bank-c")
    put(admission, "authority", small_zone.sign("authority", small_zone.change("bank-c", key)))
    admission.check_member("bank-c")
    assert admission.admit("bank-c", small_zone.refusal("bank-c"), "k").actor == "bank-c"
    put(admission, "authority", small_zone.sign("authority", small_zone.change("bank-c", key, "leave")))
    with pytest.raises(MemberLeftError):
        admission.check_member("bank-c")
    with pytest.raises(SignerUnknownError):
        admission.admit("coordinator", small_zone.refusal("bank-c"), "k")


def test_a_rekeyed_member_signs_with_its_new_key_only(admission: Admission, small_zone: SmallZone) -> None:
    old, new = small_zone.keys["bank-b"], make_key("bank-b")
    put(admission, "authority", small_zone.sign("authority", small_zone.change("bank-b", new, "rekey")))
    with pytest.raises(SignerUnknownError):
        admission.admit("bank-b", small_zone.refusal("bank-b"), "k")
    small_zone.keys["bank-b"] = new
    try:
        assert admission.admit("bank-b", small_zone.refusal("bank-b"), "k").actor == "bank-b"
    finally:
        small_zone.keys["bank-b"] = old


def test_only_the_authority_changes_members(admission: Admission, small_zone: SmallZone) -> None:
    with pytest.raises(WrongSignerError):
        admission.admit("coordinator", small_zone.sign("coordinator", small_zone.change("bank-c", make_key("bank-c"))), "k")


def test_a_key_that_too_few_custodians_approved_is_not_logged(admission: Admission, small_zone: SmallZone) -> None:
    for action in ("join", "rekey"):
        approved = small_zone.change("bank-b", make_key("bank-b"), action)
        with pytest.raises(ApprovalError):
            admission.admit("authority", small_zone.sign("authority", approved.model_copy(update={"approvals": ()})), "k")
        admission.admit("authority", small_zone.sign("authority", approved), "k")
    revoked = small_zone.change("bank-b", small_zone.keys["bank-b"], "leave").model_copy(update={"approvals": ()})
    put(admission, "authority", small_zone.sign("authority", revoked))
    with pytest.raises(MemberLeftError):
        admission.check_member("bank-b")


# --- whose approvals count ---


@pytest.fixture(scope="module")
def dealt(small_private_key: PrivateKey) -> Custody:
    """A zone with its key, of which insurance is a custodian too, without a share."""
    custody = Custody(open_zone(small_private_key))
    custody.employ("insurance")
    return custody


def following(zone: MemoryZone) -> Admission:
    """The log's admission once it has the zone's leaves."""
    admission = Admission(zone.entries[0][1], SMALL_BITS)
    for index in range(1, len(zone.entries)):
        follow(admission, zone, index)
    return admission


def follow(admission: Admission, zone: MemoryZone, index: int) -> None:
    leaf, envelope = zone.entries[index]
    said = parse_leaf(leaf)
    admission.apply(Entry(index, leaf, bytes.fromhex(said.digest), said.kind, (said.actor,), envelope))


def rekeyed(zone: MemoryZone, custodians: Sequence[str]) -> bytes:
    zone.keys.make("ip")
    change = MemberChange(zone=zone.name, nonce=secrets.token_hex(16), action="rekey", member=zone.keys.member("ip"))
    return zone.envelope(zone.approved(change, custodians), "authority")


def test_after_a_re_sharing_the_log_takes_approvals_of_the_custodians_of_today(dealt: Custody) -> None:
    zone = dealt.zone.fork()
    before = following(zone)
    with pytest.raises(ApprovalError):
        before.admit("authority", rekeyed(zone, ("notary", "insurance")), "k")
    before.admit("authority", rekeyed(zone, ("notary", "tax")), "k")
    Custody(zone).play(("credit", "notary", "insurance"), 2)
    after = following(zone)
    with pytest.raises(ApprovalError):
        after.admit("authority", rekeyed(zone, ("notary", "tax")), "k")
    after.admit("authority", rekeyed(zone, ("notary", "insurance")), "k")


def test_a_ceremony_or_a_round_that_is_void_appoints_nobody(dealt: Custody) -> None:
    """The coordinator submits rounds: the log does not take its word, nor the authority's, for those who hold the key."""
    zone = dealt.zone.fork()
    admission, start = following(zone), len(zone.entries)
    ceremony = zone.view.ceremony
    assert ceremony is not None
    zone.say_void(ceremony.statement.model_copy(update={"nonce": secrets.token_hex(16), "threshold": 1, "custodians": ("tax",)}), "authority")
    said: dict[str, Any] = {"zone": zone.name, "generation": 1}
    round_ = KeyRound(nonce=secrets.token_hex(16), action="reshare", threshold=1, custodians=("tax",), dealers=("credit", "notary"), **said)
    begun = zone.say(round_, "authority")
    zone.say_void(KeyActivated(nonce=secrets.token_hex(16), round=begun.digest, acknowledgements=(), **said), "authority")
    for index in range(start, len(zone.entries)):
        follow(admission, zone, index)
    with pytest.raises(ApprovalError):
        admission.admit("authority", rekeyed(zone, ("tax",)), "k")
    admission.admit("authority", rekeyed(zone, ("credit", "notary")), "k")


def test_a_custodian_without_whom_nothing_could_be_opened_does_not_leave_the_log_either(dealt: Custody) -> None:
    zone = dealt.zone.fork()
    zone.say(MemberChange(zone=zone.name, nonce=secrets.token_hex(16), action="leave", member=zone.keys.member("tax")), "authority")
    admission = following(zone)
    leaves = MemberChange(zone=zone.name, nonce=secrets.token_hex(16), action="leave", member=zone.keys.member("notary"))
    with pytest.raises(CustodianNeededError):
        admission.admit("authority", zone.envelope(leaves, "authority"), "k")
    zone.say_void(leaves, "authority")
    follow(admission, zone, len(zone.entries) - 1)
    admission.check_member("notary")


def test_a_change_that_cannot_take_effect_is_refused(admission: Admission, small_zone: SmallZone) -> None:
    stolen = small_zone.change("bank-c", small_zone.keys["bank-a"])
    with pytest.raises(WrongSignerError, match="registered twice"):
        admission.admit("authority", small_zone.sign("authority", stolen), "k")
    with pytest.raises(SignerUnknownError):
        admission.admit("authority", small_zone.sign("authority", small_zone.change("nobody", make_key("nobody"), "leave")), "k")


def test_of_two_changes_that_contradict_each_other_the_second_has_no_effect(admission: Admission, small_zone: SmallZone) -> None:
    key = make_key("bank-c")
    first = admission.admit("authority", small_zone.sign("authority", small_zone.change("bank-c", key)), "k")
    second = admission.admit("authority", small_zone.sign("authority", small_zone.change("bank-d", key)), "k")
    admission.apply(entry(1, first))
    admission.apply(entry(2, second))
    admission.check_member("bank-c")
    with pytest.raises(MemberUnknownError):
        admission.check_member("bank-d")


def test_an_old_joining_in_a_new_envelope_does_not_bring_a_member_back(admission: Admission, small_zone: SmallZone) -> None:
    key = make_key("bank-c")
    joining = put(admission, "authority", small_zone.sign("authority", small_zone.change("bank-c", key)))
    put(admission, "authority", small_zone.sign("authority", small_zone.change("bank-c", key, "leave")))
    again = countersign(joining.envelope, small_zone.keys["coordinator"])
    with pytest.raises(StatementReplayedError):
        admission.admit("coordinator", again, "k")
    leaf = Leaf(kind="member", actor="authority", time=9, digest=sha256(again).hex()).to_bytes()
    admission.apply(
        Entry(next(PLACES), leaf, sha256(again), "member", ("authority",), again)
    )  # admitted by an earlier version, or together with the first
    with pytest.raises(MemberLeftError):
        admission.check_member("bank-c")


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
