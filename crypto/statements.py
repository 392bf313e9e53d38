"""Signed statements: DSSE envelopes (securesystemslib's encoding), signed by Ed25519 or ECDSA P-256 with SHA-256 [L2].

The signature covers the exact payload bytes. What a payload means, and who may sign it, is not judged here.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, Protocol

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from securesystemslib import dsse
from securesystemslib.exceptions import UnverifiedSignatureError
from securesystemslib.signer import Signature, SSlibKey  # type: ignore[attr-defined]  # its public names, exported without __all__

from crypto.encoding import canonical_json, digest
from crypto.encoding import sha256 as _sha256
from crypto.errors import EnvelopeFormatError, KeyFormatError, SignatureError

Algorithm = Literal["ed25519", "ecdsa-p256-sha256"]

MAX_ENVELOPE_BYTES = 2 << 20
MAX_SIGNATURES = 16
_MAX_KEY_ID = 128
_MAX_SIGNATURE_BYTES = 8192


class SignKey(Protocol):
    """A private key that signs: a file, a token, a remote signer."""

    @property
    def key_id(self) -> str: ...

    @property
    def algorithm(self) -> Algorithm: ...

    def sign(self, data: bytes) -> bytes:
        """Ed25519: 64 bytes. ECDSA: DER, over SHA-256 of ``data``."""
        ...


@dataclass(frozen=True, slots=True)
class VerifyKey:
    """A public key: ``public`` is 32 raw bytes (ed25519) or the 65-byte uncompressed point (ecdsa-p256-sha256)."""

    key_id: str
    algorithm: Algorithm
    public: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """One parsed envelope. ``raw`` are its exact bytes: their SHA-256 is what the log's leaf holds."""

    payload_type: str
    payload: bytes
    signatures: tuple[tuple[str, bytes], ...]  # (key id, signature), key ids distinct
    raw: bytes

    @property
    def digest(self) -> bytes:
        """SHA-256 of the exact bytes, 32 bytes."""
        return _sha256(self.raw)

    @property
    def said(self) -> bytes:
        """32 bytes that name the statement itself, type and payload: the same whatever the signatures and the layout around it."""
        return said(self.payload_type, self.payload)

    @property
    def key_ids(self) -> tuple[str, ...]:
        """Key ids that claim to have signed, in the envelope's order."""
        return tuple(key_id for key_id, _ in self.signatures)


def said(payload_type: str, payload: bytes) -> bytes:
    """32 bytes that name a statement, signed or not: the same as ``Envelope.said`` of any envelope of it."""
    return digest("statement", payload_type.encode(), payload)


def sign_envelope(payload_type: str, payload: bytes, *signers: SignKey) -> bytes:
    """Bytes of an envelope of ``payload`` with one signature by each signer, in their order. Raises EnvelopeFormatError without a signer."""
    return _sign(dsse.Envelope(payload, payload_type, {}), signers)


def countersign(raw: bytes, *signers: SignKey) -> bytes:
    """The same statement with more signatures: another envelope, with another digest. Raises EnvelopeFormatError."""
    envelope = parse_envelope(raw)
    return _sign(_library_envelope(envelope), signers)


def parse_envelope(raw: bytes) -> Envelope:
    """Envelope from its bytes, without checking any signature.

    Raises EnvelopeFormatError unless they are one JSON object of at most 2 MiB with exactly payload, payloadType and 1 to 16
    signatures of distinct key ids, names printable ASCII, all base64 in the standard alphabet, padded and canonical.
    """
    if len(raw) > MAX_ENVELOPE_BYTES:
        raise EnvelopeFormatError(f"an envelope has at most {MAX_ENVELOPE_BYTES} bytes, not {len(raw)}")
    try:
        document = _DECODER.decode(bytes(raw).decode())
    except (ValueError, RecursionError) as error:
        raise EnvelopeFormatError(f"an envelope is one JSON object: {error}") from error
    _expect(document, "envelope", {"payload", "payloadType", "signatures"})
    payload_type = document["payloadType"]
    if not _is_name(payload_type, 256):
        raise EnvelopeFormatError("payloadType is 1 to 256 printable ASCII characters")
    items = document["signatures"]
    if not isinstance(items, list) or not 0 < len(items) <= MAX_SIGNATURES:
        raise EnvelopeFormatError(f"an envelope carries 1 to {MAX_SIGNATURES} signatures")
    signatures = tuple(_parse_signature(item) for item in items)
    if len({key_id for key_id, _ in signatures}) != len(signatures):
        raise EnvelopeFormatError("an envelope carries one signature of a key at most")
    return Envelope(payload_type, _decode(document["payload"], "payload"), signatures, bytes(raw))


def check_signature(envelope: Envelope, key: VerifyKey) -> None:
    """Holds when ``key`` signed the envelope's payload and type. Raises SignatureError when its signature is absent or wrong,
    KeyFormatError when the key itself is unusable."""
    signature = dict(envelope.signatures).get(key.key_id)
    if signature is None:
        raise SignatureError(f"no signature of key {key.key_id}")
    try:
        _library_key(key).verify_signature(Signature(key.key_id, signature.hex()), _library_envelope(envelope).pae())
    except UnverifiedSignatureError as error:
        raise SignatureError(f"the signature of key {key.key_id} does not verify") from error


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """The bytes that a DSSE signature covers."""
    return dsse.Envelope(payload, payload_type, {}).pae()


def _sign(envelope: dsse.Envelope, signers: tuple[SignKey, ...]) -> bytes:
    if not signers:
        raise EnvelopeFormatError("an envelope needs a signer")
    for signer in signers:
        envelope.signatures[signer.key_id] = Signature(signer.key_id, signer.sign(envelope.pae()).hex())
    raw = canonical_json(envelope.to_dict())
    parse_envelope(raw)
    return raw


def _library_envelope(envelope: Envelope) -> dsse.Envelope:
    signatures = {key_id: Signature(key_id, signature.hex()) for key_id, signature in envelope.signatures}
    return dsse.Envelope(envelope.payload, envelope.payload_type, signatures)


@lru_cache(maxsize=4096)
def _library_key(key: VerifyKey) -> SSlibKey:
    if key.algorithm == "ed25519" and len(key.public) == 32:
        return SSlibKey(key.key_id, "ed25519", "ed25519", {"public": key.public.hex()})
    if key.algorithm == "ecdsa-p256-sha256" and len(key.public) == 65:
        try:
            point = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), key.public)
        except ValueError as error:
            raise KeyFormatError(f"key {key.key_id} is not a point of P-256") from error
        pem = point.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        return SSlibKey(key.key_id, "ecdsa", "ecdsa-sha2-nistp256", {"public": pem})
    raise KeyFormatError(f"key {key.key_id}: {key.algorithm} with {len(key.public)} bytes is not a key of the exchange")


def _parse_signature(item: object) -> tuple[str, bytes]:
    fields = _expect(item, "signature", {"keyid", "sig"})
    key_id = fields["keyid"]
    if not _is_name(key_id, _MAX_KEY_ID):
        raise EnvelopeFormatError(f"keyid is 1 to {_MAX_KEY_ID} printable ASCII characters")
    signature = _decode(fields["sig"], "sig")
    if not 0 < len(signature) <= _MAX_SIGNATURE_BYTES:
        raise EnvelopeFormatError(f"a signature has 1 to {_MAX_SIGNATURE_BYTES} bytes")
    return key_id, signature


def _is_name(value: object, longest: int) -> bool:
    """Whether ``value`` is text that has one encoding under every reader: JSON escapes may name what UTF-8 cannot hold."""
    return isinstance(value, str) and 0 < len(value) <= longest and value.isascii() and value.isprintable()


def _expect(value: object, what: str, names: set[str]) -> Mapping[str, Any]:
    if not isinstance(value, dict) or set(value) != names:
        raise EnvelopeFormatError(f"{what} is an object with exactly {', '.join(sorted(names))}")
    return value


def _decode(value: object, name: str) -> bytes:
    try:
        data = base64.b64decode(value, validate=True) if isinstance(value, str) else None
    except (binascii.Error, ValueError) as error:
        raise EnvelopeFormatError(f"{name} is not base64") from error
    if data is None or base64.b64encode(data).decode() != value:
        raise EnvelopeFormatError(f"{name} is not canonical base64")
    return data


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) != len(pairs):
        raise ValueError("an object repeats a name")
    return out


_DECODER = json.JSONDecoder(object_pairs_hook=_object)  # one for all: an auditor reads a hundred thousand envelopes
