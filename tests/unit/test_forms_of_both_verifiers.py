"""Ours and the second verifier read the same statements of members and custodians, and the same receipts: none takes what the other refuses."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.encoding import canonical_json
from crypto.errors import SealingError
from crypto.sealing import check_public_key
from nodes.evidence.receipt import parse_receipt
from scoring.errors import ReceiptError, StatementFormatError
from scoring.statements import (
    ChangeApproval,
    KeyAbandoned,
    KeyAcknowledged,
    KeyActivated,
    KeyDeal,
    KeyReceiver,
    KeyRound,
    MemberChange,
    RegistryChange,
    RegistryExtension,
    RegistryRenewal,
    ShareAccepted,
    Statement,
    parse_statement,
)
from tests.support import independent
from tests.support.mutations import leaves
from tests.unit.test_independent_verifier import RECEIPT

verify = independent.load()

ID, DIGEST = "ab" * 16, "cd" * 32
MEMBER = {
    "id": "suzhou", "title": {"zh": "苏州", "en": "Suzhou"}, "roles": ["peer", "witness"], "division": "320505", "level": "city", "department": "",
    "keys": [{"key_id": "suzhou~1", "algorithm": "ed25519", "public": DIGEST}], "hpke": DIGEST, "uri": "urn:suzhou",
    "peer": {"zone": "suzhou-snd", "registry": DIGEST, "log_vkey": "log", "witness_vkey": "witness", "grants": ["log", "models"]},
}  # fmt: skip
SAID: list[tuple[type[Statement], dict[str, Any]]] = [
    (MemberChange, {"action": "join", "member": MEMBER, "approvals": ["AAAA"]}),
    (RegistryRenewal, {"until": 1, "approvals": ["AAAA"]}),
    (RegistryExtension, {"until": 1, "number": 1, "approvals": ["AAAA"]}),
    (ChangeApproval, {"change": DIGEST, "custodian": "tax"}),
    (ShareAccepted, {"ceremony": DIGEST, "custodian": "tax", "index": 1, "generation": 0}),
    (KeyRound, {"action": "refresh", "generation": 1, "threshold": 2, "custodians": ["tax", "ip"], "dealers": ["tax"]}),
    (KeyReceiver, {"round": DIGEST, "custodian": "tax", "hpke": DIGEST}),
    (KeyDeal, {"round": DIGEST, "dealer": "tax", "commitments": ["1", "ab"], "sealed": ["00"]}),
    (KeyAcknowledged, {"round": DIGEST, "custodian": "tax", "deals": DIGEST}),
    (KeyActivated, {"round": DIGEST, "generation": 1, "acknowledgements": [DIGEST]}),
    (KeyAbandoned, {"round": DIGEST}),
]
VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 17, 1 << 31, 1 << 40, 1.0, "", "0", "1", "01", "-1", "0x1", "A", "AB", "ab", "AAAA", "AAA=", "AAB=", "A=",
    "=", " ", "a\n", "join", "city", "ed25519", "log", "tax", "e-0123456789abcdef", "x" * 64, "é", "\ud800", DIGEST.upper(), DIGEST + "\n",
    [], {}, ["AAAA"], [DIGEST], 100.0,
]  # fmt: skip
LEFT_OUT = object()


def places(document: Any) -> list[tuple[Any, ...]]:
    """Every value of a document: objects and lists with those in them."""
    return sorted({path[: length + 1] for path in leaves(document) for length in range(len(path))}, key=str)


def harmed(document: Any, place: tuple[Any, ...], value: Any, name: str) -> Any:
    """The document with another value in one place: left out, or with a name besides, or changed."""
    whole = copy.deepcopy(document)
    item = whole
    for key in place[:-1]:
        item = item[key]
    if name and isinstance(item, dict):
        item[name] = value
    elif value is LEFT_OUT:
        del item[place[-1]]
    else:
        item[place[-1]] = value
    return whole


def ours(kind: type[Statement], payload: bytes) -> Statement | None:
    try:
        return parse_statement(kind.payload_type(), payload)
    except StatementFormatError:
        return None


def theirs(kind: type[Statement], payload: bytes) -> dict[str, Any] | None:
    envelope = verify.Envelope(b"", kind.payload_type(), payload, (("key", b""),))
    try:
        said: dict[str, Any] = envelope.statement()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None  # what ``because`` takes for a statement that is none
    return said


def test_every_kind_that_says_who_approves_is_read_alike() -> None:
    assert {kind.kind for kind, _ in SAID} == set(verify.MEMBERSHIP)


@pytest.mark.parametrize(("kind", "fields"), SAID, ids=[kind.kind for kind, _ in SAID])
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_a_statement_in_any_form_is_one_to_both_or_to_none(kind: type[Statement], fields: dict[str, Any], data: st.DataObject) -> None:
    """The authority signs what it likes: if one took what the other refused, they would differ about who is a member from there on."""
    whole = {"v": 1, "zone": "zone", "nonce": ID, **fields}
    assert ours(kind, canonical_json(whole)) is not None
    assert theirs(kind, canonical_json(whole)) is not None
    value, name = data.draw(st.sampled_from([LEFT_OUT, *VALUES])), data.draw(st.sampled_from(["", "", "", "besides"]))
    name = "" if value is LEFT_OUT else name
    payload = json.dumps(harmed(whole, data.draw(st.sampled_from(places(whole))), value, name)).encode()
    found, other = ours(kind, payload), theirs(kind, payload)
    assert (found is None) == (other is None), payload
    if isinstance(found, RegistryChange):
        assert other is not None
        assert verify.Members.approved(other) == found.digest()  # of which custodians approve


@settings(max_examples=100, deadline=None)
@given(place=st.sampled_from(places(RECEIPT)), value=st.sampled_from([LEFT_OUT, *VALUES]), name=st.sampled_from(["", "", "", "besides"]))
def test_a_receipt_in_any_form_is_one_to_both_or_to_none(place: tuple[Any, ...], value: Any, name: str) -> None:
    document = json.dumps(harmed(RECEIPT, place, value, "" if value is LEFT_OUT else name)).encode()
    taken = {"ours": True, "theirs": True}
    try:
        parse_receipt(document)
    except ReceiptError:
        taken["ours"] = False
    try:
        verify.check_receipt_form(verify.read_json(document))
    except ValueError:
        taken["theirs"] = False
    assert taken["ours"] == taken["theirs"], document


@pytest.mark.parametrize("text", ["A", "AAB=", "AAA", "AAAA="])
def test_base64_that_two_readers_might_read_apart_is_no_receipt(text: str) -> None:
    """One of a change of members was decoded without a guard: the page to which anybody sends a receipt failed."""
    evidence = {"envelope": text, "leaf": "AAAA", "leaf_index": "0", "inclusion_proof": []}
    opening = RECEIPT["openings"][0]
    for bad in (RECEIPT | {"members": [evidence]}, RECEIPT | {"ticket": text}, RECEIPT | {"openings": [opening | {"scale": 100.0}]}):
        with pytest.raises(ReceiptError) as caught:
            parse_receipt(json.dumps(bad).encode())
        assert caught.value.reason == "RECEIPT_FORMAT"


@pytest.mark.parametrize("u", [0, 1, verify.P25519 - 1, verify.P25519, verify.P25519 + 1, *verify.SMALL_ORDER, 9, 1 << 255 | 1, verify.P25519 + 9])
def test_both_know_the_sealing_keys_that_give_everybody_the_same_secret(u: int) -> None:
    key = u.to_bytes(32, "little")
    usable = {"ours": True, "theirs": True}
    try:
        check_public_key(key)
    except SealingError:
        usable["ours"] = False
    try:
        verify.check_sealing_key(key.hex())
    except verify.Fault:
        usable["theirs"] = False
    assert usable["ours"] == usable["theirs"] == (u in {9, verify.P25519 + 9})
