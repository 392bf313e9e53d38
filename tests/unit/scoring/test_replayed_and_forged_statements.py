"""What the rules refuse of members, registrar and log that deviate: replays, names taken twice, keys to which nothing can be sealed."""

from __future__ import annotations

import base64
import json

import pytest

from crypto.encoding import canonical_json, sha256
from crypto.errors import SealingError
from crypto.keygen import PrivateKey
from crypto.statements import countersign
from nodes.runtime.peers.signing import fresh_nonce
from scoring.errors import ConsentScopeError, SignerUnknownError, StatementReplayedError, WrongSignerError
from scoring.statements import Leaf, Member, MemberChange, SigningKey
from tests.support.members import ZONE
from tests.support.zone import MemoryZone, open_zone


@pytest.fixture(scope="module")
def opened(small_private_key: PrivateKey) -> MemoryZone:
    return open_zone(small_private_key)


@pytest.fixture
def zone(opened: MemoryZone) -> MemoryZone:
    return opened.fork()


def change(zone: MemoryZone, action: str, name: str, **fields: object) -> MemberChange:
    member = zone.keys.member(name).model_copy(update=fields)
    return zone.approved(MemberChange.model_validate({"zone": ZONE, "nonce": fresh_nonce(), "action": action, "member": member}))


def last_error(zone: MemoryZone) -> Exception:
    return zone.view.void[len(zone.entries) - 1]


# --- replays ---


def test_a_member_that_left_is_not_brought_back_by_its_old_joining_in_a_new_envelope(zone: MemoryZone) -> None:
    joining = zone.envelope(change(zone, "join", "bank-b"), "authority")
    assert zone.append(joining, "authority", "member") is not None
    zone.say(change(zone, "leave", "bank-b"), "authority")

    again = countersign(joining, zone.keys.signers["coordinator"])
    assert sha256(again) != sha256(joining)  # the log takes it for something new
    assert zone.append(again, "authority", "member") is None
    assert isinstance(last_error(zone), StatementReplayedError)
    assert "bank-b" not in zone.view.registry.members


def test_the_very_same_bytes_count_once_even_if_the_log_places_them_twice(zone: MemoryZone) -> None:
    joining = zone.envelope(change(zone, "join", "bank-b"), "authority")
    zone.append(joining, "authority", "member")
    zone.say(change(zone, "leave", "bank-b"), "authority")
    assert zone.append(joining, "authority", "member") is None
    assert isinstance(last_error(zone), StatementReplayedError)


def test_the_same_statement_in_another_layout_of_its_envelope_counts_once(zone: MemoryZone) -> None:
    joining = zone.envelope(change(zone, "join", "bank-b"), "authority")
    zone.append(joining, "authority", "member")
    zone.say(change(zone, "leave", "bank-b"), "authority")
    assert zone.append(json.dumps(json.loads(joining), indent=1).encode(), "authority", "member") is None
    assert isinstance(last_error(zone), StatementReplayedError)


# --- changes of members ---


def bad_changes(zone: MemoryZone) -> list[MemberChange]:
    stolen = zone.keys.signing("coordinator")
    own = zone.keys.signing("bank-b")
    return [
        change(zone, "join", "bank-b", keys=(own, stolen)),
        change(zone, "join", "bank-b", keys=(own, own)),
        change(zone, "rekey", "bank-b", id="bank-nobody"),
        change(zone, "leave", "bank-b", id="bank-nobody"),
        change(zone, "join", "bank-b", id="e-0123456789abcdef"),
        change(zone, "join", "bank-b", keys=(SigningKey(key_id="e-0123456789abcdef", algorithm="ed25519", public=own.public),)),
        change(zone, "rekey", "bank-b", hpke="00" * 32),
    ]


@pytest.mark.parametrize("place", range(7))
def test_a_change_of_members_that_contradicts_the_registry_is_void_and_stops_nobody(zone: MemoryZone, place: int) -> None:
    before = dict(zone.view.registry.members)
    zone.say_void(bad_changes(zone)[place], "authority")
    assert isinstance(last_error(zone), WrongSignerError | SignerUnknownError | SealingError)
    assert zone.view.registry.members == before
    zone.say(change(zone, "leave", "bank-b"), "authority")  # the log goes on, and so does whoever follows it


# --- enrolments ---


def test_an_enterprise_is_not_enrolled_anew_with_another_service(zone: MemoryZone) -> None:
    zone.enrol(zone.subjects[0])
    zone.say(change(zone, "join", "bank-b", roles=("bank", "enterprise-service")), "authority")
    zone.say_void(zone.enrolment(zone.subjects[0], service="bank-b"), "market")
    assert isinstance(last_error(zone), WrongSignerError)


@pytest.mark.parametrize("name", ["e-bank", "e-0123456789abcde", "e-0123456789abcdef0", "bank-a"])
def test_an_enterprises_key_id_cannot_be_a_members_name(zone: MemoryZone, name: str) -> None:
    made = zone.enrolment(zone.subjects[0])
    zone.say_void(made.model_copy(update={"key": made.key.model_copy(update={"key_id": name})}), "market")
    assert isinstance(last_error(zone), WrongSignerError)


def test_a_sealing_key_that_gives_everyone_the_same_secret_is_not_enrolled(zone: MemoryZone) -> None:
    made = zone.enrolment(zone.subjects[0])
    zone.say_void(made.model_copy(update={"hpke": "00" * 32}), "market")
    assert isinstance(last_error(zone), SealingError)


def test_a_key_that_the_enterprise_replaced_signs_nothing_more(zone: MemoryZone) -> None:
    old = zone.enrol(zone.subjects[0])
    new = zone.enrol(zone.subjects[0])
    zone.say_void(zone.consent_statement(zone.subjects[0]), old)
    assert isinstance(last_error(zone), SignerUnknownError)
    assert old not in zone.view.request_keys()
    zone.say(zone.consent_statement(zone.subjects[0]), new)


def test_a_portrait_is_only_for_the_key_that_consents(zone: MemoryZone) -> None:
    old = zone.enrol(zone.subjects[0])
    new = zone.enrol(zone.subjects[0])
    zone.say_void(zone.consent_statement(zone.subjects[0], old), new)
    assert isinstance(last_error(zone), ConsentScopeError)
    zone.say(zone.consent_statement(zone.subjects[0], new), new)


def test_a_consent_signed_by_a_key_that_was_replaced_since_is_shown_with_that_key(zone: MemoryZone) -> None:
    consent = zone.consent(zone.subjects[0], rows=False)
    signer = zone.own_key[zone.subjects[0]]
    zone.enrol(zone.subjects[0])
    state = zone.view.consents[consent.statement.id]
    assert zone.view.enrolment_behind(state).statement.key.key_id == signer


def test_a_consent_names_a_functional_once(zone: MemoryZone) -> None:
    key = zone.enrol(zone.subjects[0])
    zone.say_void(zone.consent_statement(zone.subjects[0], functionals=("total",) * 1000), key)
    assert isinstance(last_error(zone), ConsentScopeError)


# --- signatures ---


def test_only_the_first_signature_speaks(zone: MemoryZone) -> None:
    """A signature of the authority behind another member's does not make it the authority's statement, nor the other way round."""
    said = change(zone, "leave", "bank-b")
    envelope = countersign(zone.envelope(said, "coordinator"), zone.keys.signers["authority"])
    assert zone.append(envelope, "authority", "member") is None
    assert isinstance(last_error(zone), WrongSignerError)


def test_a_first_signature_under_anothers_key_id_is_refused(zone: MemoryZone) -> None:
    document = json.loads(zone.envelope(change(zone, "leave", "bank-b"), "coordinator"))
    document["signatures"][0]["keyid"] = zone.keys.signers["authority"].key_id
    assert zone.append(canonical_json(document), "authority", "member") is None


def test_a_payload_signed_as_one_kind_is_not_another(zone: MemoryZone) -> None:
    document = json.loads(zone.envelope(change(zone, "leave", "bank-b"), "authority"))
    document["payloadType"] = "application/vnd.xinqiao.refusal.v1+json"
    assert zone.append(canonical_json(document), "authority", "refusal") is None


def test_a_leaf_that_names_another_actor_has_no_effect(zone: MemoryZone) -> None:
    envelope = zone.envelope(change(zone, "leave", "bank-b"), "authority")
    leaf = Leaf(kind="member", actor="coordinator", time=zone.now, digest=sha256(envelope).hex()).to_bytes()
    zone.entries.append((leaf, envelope))
    assert zone.view.apply(len(zone.entries) - 1, leaf, envelope) is None


def test_a_repeated_name_in_a_payload_is_refused(zone: MemoryZone) -> None:
    said = change(zone, "leave", "bank-b")
    document = json.loads(zone.envelope(said, "authority"))
    payload = base64.b64decode(document["payload"])
    assert isinstance(said.member, Member)
    document["payload"] = base64.b64encode(payload.replace(b'"v":1', b'"v":1,"v":1')).decode()
    assert zone.append(canonical_json(document), "authority", "member") is None
