"""Sealing to one recipient: HPKE base mode (RFC 9180), DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305 [P5.4].

Each message has its own encapsulation. ``info`` says what the message is and ``aad`` what it belongs to; both are bound as the
framed HPKE ``info`` and neither is sent. The ephemeral key comes from the library's own generator.
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from crypto.encoding import frame
from crypto.errors import SealingError

ENC_SIZE = 32
_TAG_SIZE = 16
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
_PROBE = X25519PrivateKey.from_private_bytes(bytes(31) + b"\x40")  # no secret: it only shows whether an exchange is possible


def seal(public: bytes, info: bytes, aad: bytes, plaintext: bytes) -> tuple[bytes, bytes]:
    """(enc, ciphertext) that only the holder of ``public``'s private key opens, under the same info and aad.

    Raises SealingError when ``public`` is not a usable X25519 key of 32 bytes.
    """
    try:
        sealed = _SUITE.encrypt(plaintext, X25519PublicKey.from_public_bytes(public), frame(info, aad))
    except ValueError as error:
        raise SealingError("the recipient's sealing key is not a usable X25519 public key") from error
    return sealed[:ENC_SIZE], sealed[ENC_SIZE:]


Private = bytes | tuple[bytes, ...]
"""A recipient's X25519 private key, 32 raw bytes; or all that it has, the likeliest first, while it goes over from one to the next."""


def open_sealed(private: Private, info: bytes, aad: bytes, enc: bytes, ciphertext: bytes) -> bytes:
    """Plaintext of a sealed message. Raises SealingError for another recipient, info or aad, or changed bytes."""
    if len(enc) != ENC_SIZE or len(ciphertext) < _TAG_SIZE:
        raise SealingError(f"a sealed message has {ENC_SIZE} bytes of encapsulation and a tag")
    for key in (private,) if isinstance(private, bytes) else private:
        try:
            return _SUITE.decrypt(enc + ciphertext, X25519PrivateKey.from_private_bytes(key), frame(info, aad))
        except (InvalidTag, ValueError):
            continue
    raise SealingError("the sealed message does not open")


def check_public_key(public: bytes) -> None:
    """Something can be sealed to ``public``. Raises SealingError when it is not 32 bytes, or one of the few points that give every
    sender the same secret."""
    try:
        _PROBE.exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError as error:
        raise SealingError("the sealing key is not a usable X25519 public key") from error


def generate_key(randbits: Callable[[int], int]) -> tuple[bytes, bytes]:
    """A fresh X25519 pair (private, public), 32 raw bytes each. ``randbits`` as ``secrets.randbits``."""
    private = randbits(256).to_bytes(32, "big")
    return private, public_key(private)


def public_key(private: bytes) -> bytes:
    """Public key of a private one, 32 raw bytes. Raises SealingError when the private key is not 32 bytes."""
    try:
        return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()
    except ValueError as error:
        raise SealingError("a sealing key has 32 bytes") from error
