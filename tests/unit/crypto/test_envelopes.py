"""DSSE envelopes: the specification's own example, both algorithms, and every malformed or changed envelope refused."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, replace

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from crypto import statements
from crypto.encoding import sha256
from crypto.errors import EnvelopeFormatError, KeyFormatError, SignatureError
from crypto.statements import Algorithm, VerifyKey, check_signature, countersign, parse_envelope, sign_envelope

TYPE = "application/vnd.xinqiao.test.v1+json"


@dataclass(frozen=True)
class Ed25519Key:
    private: ed25519.Ed25519PrivateKey
    key_id: str = "member~ed"
    algorithm: Algorithm = "ed25519"

    def sign(self, data: bytes) -> bytes:
        return self.private.sign(data)

    @property
    def verify_key(self) -> VerifyKey:
        return VerifyKey(self.key_id, self.algorithm, self.private.public_key().public_bytes_raw())


@dataclass(frozen=True)
class P256Key:
    private: ec.EllipticCurvePrivateKey
    key_id: str = "member~p256"
    algorithm: Algorithm = "ecdsa-p256-sha256"

    def sign(self, data: bytes) -> bytes:
        return self.private.sign(data, ec.ECDSA(hashes.SHA256()))

    @property
    def verify_key(self) -> VerifyKey:
        point = self.private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return VerifyKey(self.key_id, self.algorithm, point)


ED = Ed25519Key(ed25519.Ed25519PrivateKey.generate())
P256 = P256Key(ec.generate_private_key(ec.SECP256R1()))
RAW = sign_envelope(TYPE, b'{"v":1}', ED)


def changed(**fields: object) -> bytes:
    return json.dumps({**json.loads(RAW), **fields}).encode()


def with_signature(**fields: object) -> bytes:
    return changed(signatures=[{**json.loads(RAW)["signatures"][0], **fields}])


def test_the_bytes_signed_are_the_specifications_example() -> None:
    example = statements.pre_authentication_encoding("http://example.com/HelloWorld", b"hello world")
    assert example == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


@pytest.mark.parametrize("key", [ED, P256], ids=["ed25519", "ecdsa-p256"])
def test_a_signed_envelope_verifies(key: Ed25519Key | P256Key) -> None:
    envelope = parse_envelope(sign_envelope(TYPE, b"payload \x00\xff", key))
    assert (envelope.payload_type, envelope.payload, envelope.key_ids) == (TYPE, b"payload \x00\xff", (key.key_id,))
    check_signature(envelope, key.verify_key)


@pytest.mark.parametrize("key", [ED, P256], ids=["ed25519", "ecdsa-p256"])
def test_a_signature_over_other_bytes_or_another_type_is_refused(key: Ed25519Key | P256Key) -> None:
    envelope = parse_envelope(sign_envelope(TYPE, b"payload", key))
    for wrong in (replace(envelope, payload=b"Payload"), replace(envelope, payload_type=TYPE.replace("test", "ticket"))):
        with pytest.raises(SignatureError):
            check_signature(wrong, key.verify_key)


def test_another_key_under_the_same_id_is_refused() -> None:
    other = Ed25519Key(ed25519.Ed25519PrivateKey.generate())
    with pytest.raises(SignatureError, match="does not verify"):
        check_signature(parse_envelope(RAW), other.verify_key)


def test_an_absent_signature_is_refused() -> None:
    with pytest.raises(SignatureError, match="no signature"):
        check_signature(parse_envelope(RAW), P256.verify_key)


def test_the_algorithm_is_the_registered_keys_not_the_signers_choice() -> None:
    confused = Ed25519Key(ED.private, key_id=P256.key_id)
    with pytest.raises(SignatureError):
        check_signature(parse_envelope(sign_envelope(TYPE, b"x", confused)), P256.verify_key)


def test_several_may_sign_one_statement() -> None:
    both = parse_envelope(sign_envelope(TYPE, b"x", ED, P256))
    later = parse_envelope(countersign(sign_envelope(TYPE, b"x", ED), P256))
    for envelope in (both, later):
        assert envelope.key_ids == (ED.key_id, P256.key_id)
        check_signature(envelope, ED.verify_key)
        check_signature(envelope, P256.verify_key)


def test_an_envelope_without_a_signer_is_not_made() -> None:
    with pytest.raises(EnvelopeFormatError):
        sign_envelope(TYPE, b"x")


def test_the_digest_is_of_the_exact_bytes() -> None:
    spaced = RAW.replace(b",", b", ")
    assert parse_envelope(RAW).digest == sha256(RAW)
    assert parse_envelope(spaced).digest != sha256(RAW)
    check_signature(parse_envelope(spaced), ED.verify_key)


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"null", b"[]", b'"x"', b"{}", RAW[:-1], RAW + b"x", b"\xff", RAW.replace(b"vnd", b"\xffnd"), b"[" * 100_000, b'{"a":' * 50_000,
        changed(extra=1), changed(payload=1), changed(payload="e30"), changed(payload="e31="), changed(payload="e30=\n"), changed(payload="e-0="),
        changed(payloadType=""), changed(payloadType=1), changed(payloadType="x" * 257), changed(signatures=[]), changed(signatures={}),
        changed(signatures=[1]), with_signature(keyid=""), with_signature(keyid=7), with_signature(keyid="x" * 129), with_signature(sig=""),
        with_signature(sig="!"), with_signature(sig="A" * 12_000), with_signature(cert="x"), changed(signatures=json.loads(RAW)["signatures"] * 2),
        changed(signatures=[{"keyid": f"k{i}", "sig": "AAAA"} for i in range(17)]),
        RAW.replace(b'"payloadType"', b'"payload":"e30=","payloadType"'), b" " * (statements.MAX_ENVELOPE_BYTES + 1),
    ],
)  # fmt: skip
def test_other_bytes_are_no_envelopes(raw: bytes) -> None:
    with pytest.raises(EnvelopeFormatError):
        parse_envelope(raw)


@pytest.mark.parametrize(
    "key",
    [
        VerifyKey("k", "ed25519", b"\0" * 31),
        VerifyKey("k", "ecdsa-p256-sha256", b"\4" + b"\0" * 64),
        VerifyKey("k", "ecdsa-p256-sha256", b"\0" * 32),
        VerifyKey("k", "rsa", b"\0" * 32),  # type: ignore[arg-type]
    ],
)
def test_an_unusable_key_is_not_a_failed_signature(key: VerifyKey) -> None:
    signed = sign_envelope(TYPE, b"x", Ed25519Key(ED.private, key_id="k"))
    with pytest.raises(KeyFormatError):
        check_signature(parse_envelope(signed), key)


def test_every_changed_byte_of_the_signature_is_noticed() -> None:
    envelope = parse_envelope(RAW)
    (key_id, signature), *_ = envelope.signatures
    for position in range(len(signature)):
        forged = bytearray(signature)
        forged[position] ^= 1
        with pytest.raises(SignatureError):
            check_signature(replace(envelope, signatures=((key_id, bytes(forged)),)), ED.verify_key)


def test_the_encoding_is_the_json_of_the_specification() -> None:
    document = json.loads(RAW)
    assert base64.b64decode(document["payload"]) == b'{"v":1}'
    assert document["payloadType"] == TYPE
    assert [set(item) for item in document["signatures"]] == [{"keyid", "sig"}]
