"""Bytes under every hash: labels, length-prefixed fields, fixed-width integers, canonical JSON. Does no cryptography beyond hashing."""

from __future__ import annotations

import hashlib
import json

from crypto.errors import EncodingError


def label(use: str) -> bytes:
    """Domain-separation label of one use: ``xinqiao/<use>/v1``."""
    return f"xinqiao/{use}/v1".encode()


def frame(*fields: bytes) -> bytes:
    """Concatenation of fields, each after its length as 8 bytes big-endian: no two lists of fields share an encoding."""
    return b"".join(part for field in fields for part in (len(field).to_bytes(8, "big"), field))


def digest(use: str, *fields: bytes) -> bytes:
    """SHA-256 of the labelled, framed fields: 32 bytes."""
    return hashlib.sha256(frame(label(use), *fields)).digest()


def xof(use: str, size: int, *fields: bytes) -> bytes:
    """``size`` bytes of SHAKE256 over the labelled, framed fields."""
    return hashlib.shake_256(frame(label(use), *fields)).digest(size)


def xof_mod(use: str, modulus: int, *fields: bytes) -> int:
    """Integer in [0, modulus) from |modulus|/8 + 16 bytes of SHAKE256: within 2^-128 of uniform."""
    return int.from_bytes(xof(use, (int(modulus).bit_length() + 7) // 8 + 16, *fields), "big") % int(modulus)


def sha256(data: bytes) -> bytes:
    """SHA-256 of exact bytes: documents, envelopes, leaves' digests."""
    return hashlib.sha256(data).digest()


def to_fixed(value: int, size: int) -> bytes:
    """``value`` as ``size`` bytes big-endian. Raises EncodingError when it is negative or too large."""
    try:
        return int(value).to_bytes(size, "big")
    except OverflowError as error:
        raise EncodingError(f"integer does not fit {size} bytes") from error


def from_fixed(data: bytes, size: int) -> int:
    """Integer of exactly ``size`` bytes big-endian. Raises EncodingError for another length."""
    if len(data) != size:
        raise EncodingError(f"expected {size} bytes, got {len(data)}")
    return int.from_bytes(data, "big")


def canonical_json(value: object) -> bytes:
    """JSON with sorted keys, no spaces, UTF-8, no floats: equal documents have equal bytes.

    Raises EncodingError on a float, and on a lone surrogate, which a JSON escape can name but UTF-8 cannot hold.
    """
    _refuse_floats(value)
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise EncodingError("a lone surrogate has no canonical form: it is not Unicode text") from error


def _refuse_floats(value: object) -> None:
    if isinstance(value, float):
        raise EncodingError("a float has no canonical form: use an integer or a decimal string")
    if isinstance(value, dict):
        for item in value.values():
            _refuse_floats(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _refuse_floats(item)
