"""Sealed messages between members: only the addressee opens them, and only as what they were sent as."""

from __future__ import annotations

import secrets

import pytest

from crypto.errors import SealingError
from crypto.sealing import generate_key, seal
from nodes.errors import WireFormatError
from nodes.runtime import relay
from nodes.runtime.relay import BindingAnswer, EnrolmentRequest, SealedBinding
from scoring.statements import SigningKey

PRIVATE, PUBLIC = generate_key(secrets.randbits)
REQUEST = EnrolmentRequest(
    uscc="91330108MA2AAAAA00",
    key=SigningKey(key_id="e-0011223344556677", algorithm="ed25519", public="00" * 32),
    hpke="11" * 32,
    service="enterprise-x",
)


def sealed() -> bytes:
    return relay.seal_message(REQUEST, PUBLIC, sender="enterprise-x", to="market", matter="enrolment-request")


def test_message_opens_for_its_addressee() -> None:
    opened = relay.open_message(EnrolmentRequest, sealed(), PRIVATE, sender="enterprise-x", to="market", matter="enrolment-request")
    assert opened == REQUEST


@pytest.mark.parametrize(
    ("sender", "to", "matter"),
    [("bank-a", "market", "enrolment-request"), ("enterprise-x", "tax", "enrolment-request"), ("enterprise-x", "market", "binding")],
)
def test_message_does_not_open_as_another_ones_or_another_matter(sender: str, to: str, matter: relay.SubjectMatter) -> None:
    with pytest.raises(SealingError):
        relay.open_message(EnrolmentRequest, sealed(), PRIVATE, sender=sender, to=to, matter=matter)


def test_message_of_another_form_is_refused() -> None:
    with pytest.raises(WireFormatError):
        relay.open_message(BindingAnswer, sealed(), PRIVATE, sender="enterprise-x", to="market", matter="enrolment-request")


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
