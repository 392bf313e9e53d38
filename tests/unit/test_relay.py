"""Signed and sealed messages between members: only the addressee opens them, only as what and from whom they were sent."""

from __future__ import annotations

import secrets

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from crypto.errors import EnvelopeFormatError, SealingError, SignatureError
from crypto.sealing import generate_key, seal
from crypto.statements import VerifyKey, sign_envelope
from nodes.runtime.peers.identity import SigningKeyPair
from nodes.runtime.replica import relay
from nodes.runtime.replica.relay import BindingAnswer, EnrolmentRequest, SealedBinding
from protos.errors import WireFormatError
from scoring.statements import SigningKey

PRIVATE, PUBLIC = generate_key(secrets.randbits)
MATTER: relay.SubjectMatter = "enrolment-request"


def signer(key_id: str = "enterprise-x~1") -> SigningKeyPair:
    private = Ed25519PrivateKey.generate()
    return SigningKeyPair(key_id, "ed25519", private.public_key().public_bytes_raw(), private)


def registered(key: SigningKeyPair) -> VerifyKey:
    return VerifyKey(key.key_id, key.algorithm, key.public)


SIGNER = signer()
KEYS = [registered(signer("enterprise-x~0")), registered(SIGNER)]
REQUEST = EnrolmentRequest(
    uscc="91330108MA2AAAAA00",
    key=SigningKey(key_id="e-0011223344556677", algorithm="ed25519", public="00" * 32),
    hpke="11" * 32,
    service="enterprise-x",
)


def sealed(key: SigningKeyPair = SIGNER) -> bytes:
    return relay.seal_message(REQUEST, PUBLIC, key, sender="enterprise-x", to="market", matter=MATTER)


def test_message_opens_for_its_addressee() -> None:
    assert relay.open_message(EnrolmentRequest, sealed(), PRIVATE, KEYS, sender="enterprise-x", to="market", matter=MATTER) == REQUEST


@pytest.mark.parametrize(
    ("sender", "to", "matter"),
    [("bank-a", "market", MATTER), ("enterprise-x", "tax", MATTER), ("enterprise-x", "market", "binding")],
)
def test_message_does_not_open_as_another_ones_or_another_matter(sender: str, to: str, matter: relay.SubjectMatter) -> None:
    with pytest.raises(SealingError):
        relay.open_message(EnrolmentRequest, sealed(), PRIVATE, KEYS, sender=sender, to=to, matter=matter)


def test_message_of_another_form_is_refused() -> None:
    with pytest.raises(WireFormatError):
        relay.open_message(BindingAnswer, sealed(), PRIVATE, KEYS, sender="enterprise-x", to="market", matter=MATTER)


@pytest.mark.parametrize("key_id", ["coordinator~1", "enterprise-x~1"])
def test_message_that_the_carrier_made_is_refused(key_id: str) -> None:
    with pytest.raises(SignatureError):
        relay.open_message(EnrolmentRequest, sealed(signer(key_id)), PRIVATE, KEYS, sender="enterprise-x", to="market", matter=MATTER)


@pytest.mark.parametrize(
    ("payload_type", "payload"),
    [
        ("application/vnd.xinqiao.relay.enrolment-request.v1+json", b'{"message":{},"sender":"enterprise-x","to":"tax"}'),
        ("application/vnd.xinqiao.relay.binding.v1+json", b'{"message":{},"sender":"enterprise-x","to":"market"}'),
        ("application/vnd.xinqiao.relay.enrolment-request.v1+json", b"[]"),
        ("application/vnd.xinqiao.relay.enrolment-request.v1+json", b'{"message":0.5,"sender":"enterprise-x","to":"market"}'),
    ],
    ids=["signed for another", "signed as another matter", "no object", "a float"],
)
def test_a_signature_over_something_else_is_refused(payload_type: str, payload: bytes) -> None:
    info = relay._info("enterprise-x", "market", MATTER)
    enc, ciphertext = seal(PUBLIC, info, b"", sign_envelope(payload_type, payload, SIGNER))
    with pytest.raises(WireFormatError):
        relay.open_message(EnrolmentRequest, enc + ciphertext, PRIVATE, KEYS, sender="enterprise-x", to="market", matter=MATTER)


def test_an_unsigned_message_is_refused() -> None:
    enc, ciphertext = seal(PUBLIC, relay._info("enterprise-x", "market", MATTER), b"", b"{}")
    with pytest.raises(EnvelopeFormatError):
        relay.open_message(EnrolmentRequest, enc + ciphertext, PRIVATE, KEYS, sender="enterprise-x", to="market", matter=MATTER)


def test_binding_opens_only_for_the_consent_that_carries_it() -> None:
    binding = SealedBinding(uscc=REQUEST.uscc, binding="aa")
    text = relay.seal_binding(binding, PUBLIC, "bank-a", "00" * 16)
    assert relay.open_binding(text, PRIVATE, "bank-a", "00" * 16) == binding
    with pytest.raises(SealingError):
        relay.open_binding(text, PRIVATE, "bank-a", "11" * 16)


def test_binding_of_another_form_is_refused() -> None:
    enc, ciphertext = seal(PUBLIC, relay.binding_info("bank-a", "00" * 16), b"", b"{}")
    with pytest.raises(WireFormatError):
        relay.open_binding((enc + ciphertext).hex(), PRIVATE, "bank-a", "00" * 16)
