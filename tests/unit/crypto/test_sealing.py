"""Sealing is HPKE of RFC 9180: opens for its recipient, context and bytes, and for nothing else."""

from __future__ import annotations

import secrets

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from crypto import sealing
from crypto.encoding import frame
from crypto.errors import SealingError

PRIVATE, PUBLIC = sealing.generate_key(secrets.randbits)
ENC, CIPHERTEXT = sealing.seal(PUBLIC, b"info", b"aad", b"plaintext")


def flipped(data: bytes, position: int) -> bytes:
    return data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]


@pytest.mark.parametrize("plaintext", [b"", b"x", b"\0" * 100_000])
def test_a_sealed_message_opens_for_its_recipient(plaintext: bytes) -> None:
    enc, ciphertext = sealing.seal(PUBLIC, b"info", b"aad", plaintext)
    assert sealing.open_sealed(PRIVATE, b"info", b"aad", enc, ciphertext) == plaintext


def test_it_is_plain_hpke_with_the_framed_context_as_info() -> None:
    suite = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
    opened = suite.decrypt(ENC + CIPHERTEXT, X25519PrivateKey.from_private_bytes(PRIVATE), frame(b"info", b"aad"))
    assert opened == b"plaintext"


def test_two_sealings_of_one_message_differ() -> None:
    again = sealing.seal(PUBLIC, b"info", b"aad", b"plaintext")
    assert again[0] != ENC
    assert again[1] != CIPHERTEXT


@pytest.mark.parametrize(("info", "aad"), [(b"inf", b"oaad"), (b"infoa", b"ad"), (b"", b"aad"), (b"info", b"")])
def test_another_context_does_not_open_it(info: bytes, aad: bytes) -> None:
    with pytest.raises(SealingError):
        sealing.open_sealed(PRIVATE, info, aad, ENC, CIPHERTEXT)


def test_another_recipient_does_not_open_it() -> None:
    with pytest.raises(SealingError):
        sealing.open_sealed(sealing.generate_key(secrets.randbits)[0], b"info", b"aad", ENC, CIPHERTEXT)


def test_every_changed_byte_is_noticed() -> None:
    for position in range(len(CIPHERTEXT)):
        with pytest.raises(SealingError):
            sealing.open_sealed(PRIVATE, b"info", b"aad", ENC, flipped(CIPHERTEXT, position))
    for position in range(len(ENC)):
        with pytest.raises(SealingError):
            sealing.open_sealed(PRIVATE, b"info", b"aad", flipped(ENC, position), CIPHERTEXT)


@pytest.mark.parametrize(
    ("enc", "ciphertext"),
    [(b"", CIPHERTEXT), (ENC[:-1], CIPHERTEXT), (ENC + b"\0", CIPHERTEXT), (ENC, b""), (ENC, b"\0" * 15), (bytes(32), CIPHERTEXT)],
    ids=["no enc", "short enc", "long enc", "no ciphertext", "short ciphertext", "zero enc"],
)
def test_short_or_degenerate_messages_are_refused(enc: bytes, ciphertext: bytes) -> None:
    with pytest.raises(SealingError):
        sealing.open_sealed(PRIVATE, b"info", b"aad", enc, ciphertext)


@pytest.mark.parametrize("public", [b"", bytes(31), bytes(32)])
def test_a_key_that_cannot_be_sealed_to_is_refused(public: bytes) -> None:
    with pytest.raises(SealingError):
        sealing.seal(public, b"info", b"aad", b"x")


def test_keys_come_from_the_given_randomness() -> None:
    assert sealing.generate_key(lambda _bits: 5) == sealing.generate_key(lambda _bits: 5)
    assert sealing.public_key(PRIVATE) == PUBLIC
    with pytest.raises(SealingError):
        sealing.public_key(b"short")
