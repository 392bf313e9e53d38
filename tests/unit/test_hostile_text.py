"""Text that JSON can escape and UTF-8 cannot hold (lone surrogates) is refused wherever bytes come in from outside: never an internal error."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from crypto.contribution import check_contribution
from crypto.errors import CryptoError, EncodingError
from crypto.merkle import root
from crypto.paillier import PublicKey
from crypto.proofs import KnowledgeProof
from crypto.sealing import generate_key, seal
from crypto.statements import VerifyKey, parse_envelope
from nodes.errors import NodeError
from nodes.runtime.replica import relay
from nodes.runtime.web.request_document import RequestDocument
from protos.errors import INTERNAL, detail_of, refusal_of
from scoring.errors import ScoringError
from scoring.exchange.roster import parse_roster, parse_stages
from scoring.indicators.model import load_pack
from scoring.release.asking import asked
from scoring.release.receipt import Receipt
from scoring.statements import BY_KIND, PAYLOAD_TYPE_PREFIX, parse_leaf, parse_statement

LONE = "\ud800"
ZERO = "0" * 32
ROSTER = {"format": "xinqiao/roster/v1", "zone": "z", "epoch": "e", "period": "1995", "subjects": [[ZERO, "330108"]]}
STAGES = {**ROSTER, "format": "xinqiao/stages/v1", "model": ZERO * 2, "subjects": [[ZERO, "330108", "S1"]]}
ENVELOPE = {"payload": "e30=", "payloadType": "application/json", "signatures": [{"keyid": "tax~1", "sig": "AAAA"}]}
REQUEST = {"method": "POST", "target_uri": "https://g/v1/scores", "headers": [["content-type", "application/json"]], "body": "{}"}
SCORE = {"subject": ZERO, "product": "p", "purpose": "loan", "consent_id": ZERO}


def at_every_place(document: object) -> list[object]:
    """The document with a lone surrogate in each of its texts in turn, and as a member's name."""
    if isinstance(document, str):
        return [LONE, document + LONE]
    if isinstance(document, dict):
        changed: list[object] = [{**document, LONE: 1}]
        return changed + [{**document, name: value} for name, inner in document.items() for value in at_every_place(inner)]
    if isinstance(document, list):
        return [[*document[:i], value, *document[i + 1 :]] for i, inner in enumerate(document) for value in at_every_place(inner)]
    return []


def test_the_places_are_all_found() -> None:
    assert len(at_every_place({"a": ["x", {"b": "y"}], "c": 1})) == 1 + 2 + 1 + 2


Reader = Callable[[bytes], object]
READERS: dict[str, tuple[Reader, object]] = {
    "envelope": (parse_envelope, ENVELOPE),
    "leaf": (parse_leaf, {"actor": "tax", "digest": ZERO * 2, "kind": "refusal", "time": 1, "v": 1}),
    "refusal": (
        lambda data: parse_statement(f"{PAYLOAD_TYPE_PREFIX}refusal.v1+json", data),
        {"v": 1, "zone": "z", "nonce": ZERO, "member": "tax", "reason": "NOT_READY", "about": "", "count": 1},
    ),
    "roster": (parse_roster, ROSTER),
    "stages": (lambda data: parse_stages(data, ["S1"]), STAGES),
    "request document": (RequestDocument.parse, REQUEST),
    "request's body": (lambda data: asked("/v1/scores", json.loads(data)), SCORE),
    "batch's body": (lambda data: asked("/v1/scores:batch", json.loads(data), ZERO), {"items": [SCORE]}),
    "pack": (load_pack, {"format": "xinqiao/model/v1", "id": "x"}),
    "binding": (relay.SealedBinding.model_validate_json, {"uscc": "91330108MA2AAAAA00", "binding": "aa"}),
}


@pytest.mark.parametrize("name", READERS)
def test_a_lone_surrogate_is_refused_at_every_place(name: str) -> None:
    read, document = READERS[name]
    for changed in at_every_place(document):
        with pytest.raises((ScoringError, CryptoError, NodeError, ValueError)) as refused:
            read(json.dumps(changed).encode())
        assert not isinstance(refused.value, UnicodeError), changed
        if isinstance(refused.value, (ScoringError, CryptoError, NodeError)):
            row = refusal_of(refused.value)
            assert row is not INTERNAL
            detail_of(refused.value, row).encode()  # can be sent


@pytest.mark.parametrize("kind", sorted(BY_KIND))
def test_no_kind_of_statement_has_a_field_for_one(kind: str) -> None:
    for member in ("zone", "nonce", *BY_KIND[kind].model_fields, LONE):
        with pytest.raises(ScoringError) as refused:
            parse_statement(f"{PAYLOAD_TYPE_PREFIX}{kind}.v1+json", json.dumps({"v": 1, member: LONE}).encode())
        str(refused.value).encode()


def test_a_receipt_with_one_is_no_receipt() -> None:
    with pytest.raises(ValueError, match=r"format|Invalid JSON"):
        Receipt.model_validate_json(json.dumps({"format": LONE}))


def test_a_contributions_header_with_one_is_refused(small_public_key: PublicKey) -> None:
    data = b"\1".rjust(small_public_key.ciphertext_size, b"\0")
    header = {"key": small_public_key.key_hash.hex(), "proof": "djn", "batches": 1, "merkle_root": root([data]).hex(), "period": LONE}
    with pytest.raises(EncodingError):
        check_contribution(small_public_key, header, KnowledgeProof("djn", 1, 0, 0), data)


@pytest.mark.parametrize("member", ["payloadType", "keyid"])
def test_a_sealed_message_with_one_does_not_stop_its_receiver(member: str) -> None:
    """Anybody can seal to a department: what does not hold must be a refusal, which its worker survives."""
    private, public = generate_key(secrets.randbits)
    key = Ed25519PrivateKey.generate()
    envelope: dict[str, object] = {
        "payload": base64.b64encode(b"{}").decode(),
        "payloadType": LONE if member == "payloadType" else "x",
        "signatures": [{"keyid": LONE if member == "keyid" else "enterprise~1", "sig": base64.b64encode(bytes(64)).decode()}],
    }
    enc, ciphertext = seal(public, relay._info("enterprise", "market", "enrolment-request"), b"", json.dumps(envelope).encode())
    keys = [VerifyKey("enterprise~1", "ed25519", key.public_key().public_bytes_raw())]
    with pytest.raises((CryptoError, NodeError)):
        relay.open_message(relay.EnrolmentRequest, enc + ciphertext, private, keys, sender="enterprise", to="market", matter="enrolment-request")
