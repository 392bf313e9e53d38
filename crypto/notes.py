"""C2SP signed notes: keys as vkey lines, Ed25519 signatures (type 0x01), timestamped cosignatures (type 0x04) [L1].

A key's type byte selects its rule, so that another type (ML-DSA-44 cosignatures, 0x06) is one more row of ``_SIGNATURE_SIZES``
and one more branch of ``VerifierKey.check``. What the text of a note says is not read here.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from crypto.errors import NoteError

ED25519 = 0x01
COSIGNATURE_V1 = 0x04
MAX_NOTE_BYTES = 1 << 16
MAX_SIGNATURES = 64
_PUBLIC_SIZE = 32
_SIGNATURE_SIZES = {ED25519: 64, COSIGNATURE_V1: 8 + 64}
_MAX_TIME = (1 << 63) - 1
_DASH = "\N{EM DASH}"


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """Public key of a note's signer: its name, type byte and 32 bytes of Ed25519 public key."""

    name: str
    kind: int
    public: bytes

    def __post_init__(self) -> None:
        if not self.name or "+" in self.name or any(c.isspace() or ord(c) < 0x20 for c in self.name):
            raise NoteError(f"{self.name!r} is not a key name: it is empty or has a space or a plus")
        if self.kind not in _SIGNATURE_SIZES or len(self.public) != _PUBLIC_SIZE:
            raise NoteError(f"key {self.name}: type 0x{self.kind:02x} with {len(self.public)} bytes is not supported")

    @property
    def key_id(self) -> bytes:
        """First four bytes of SHA-256(name ‖ LF ‖ type ‖ public key)."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:4]

    def to_vkey(self) -> str:
        """``name+hex(key id)+base64(type ‖ public key)``."""
        return f"{self.name}+{self.key_id.hex()}+{_encode(bytes([self.kind]) + self.public)}"

    def check(self, text: bytes, signature: bytes) -> int:
        """Time of the signature (0 for type 0x01, which has none). Raises NoteError when this key did not make it over ``text``."""
        if len(signature) != _SIGNATURE_SIZES[self.kind]:
            raise NoteError(f"a signature of {self.name} has {len(signature)} bytes")
        time = int.from_bytes(signature[:8], "big") if self.kind == COSIGNATURE_V1 else 0
        if time > _MAX_TIME:
            raise NoteError(f"the cosignature of {self.name} is timed after the end of time")
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature[-64:], _message(self.kind, text, time))
        except (InvalidSignature, ValueError) as error:
            raise NoteError(f"the signature of {self.name} does not verify") from error
        return time


class Signs(Protocol):
    """Whatever signs a note's text: a key, or several of which one is in use."""

    def signature_line(self, text: bytes, time: int = 0) -> bytes: ...


class NoteSigner:
    """Private half: signs notes under one name and type. ``private`` is 32 raw bytes of Ed25519; ``key`` the public half."""

    __slots__ = ("_private", "key")

    def __init__(self, name: str, kind: int, private: bytes) -> None:
        try:
            self._private = Ed25519PrivateKey.from_private_bytes(private)
        except ValueError as error:
            raise NoteError(f"the private key of {name} has 32 bytes") from error
        self.key = VerifierKey(name, kind, self._private.public_key().public_bytes_raw())

    def __repr__(self) -> str:
        return f"NoteSigner({self.name!r}, kind=0x{self.key.kind:02x})"

    @property
    def name(self) -> str:
        return self.key.name

    def signature_line(self, text: bytes, time: int = 0) -> bytes:
        """One signature line over a note's text. ``time`` in POSIX seconds; only cosignatures carry it."""
        stamp = time.to_bytes(8, "big") if self.key.kind == COSIGNATURE_V1 else b""
        signature = stamp + self._private.sign(_message(self.key.kind, text, time))
        return NoteSignature(self.name, self.key.key_id, signature).to_line()


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line as read: nothing is known about its validity."""

    name: str
    key_id: bytes
    signature: bytes

    def to_line(self) -> bytes:
        """The line as it stands in a note."""
        return f"{_DASH} {self.name} {_encode(self.key_id + self.signature)}\n".encode()


@dataclass(frozen=True, slots=True)
class Note:
    """A note split into its text (ending in a newline) and signature lines, none verified."""

    text: bytes
    signatures: tuple[NoteSignature, ...]


def parse_vkey(line: str) -> VerifierKey:
    """Key of a vkey line. Raises NoteError unless its parts fit and the key id is the right one."""
    parts = line.rstrip("\n").split("+", 2)
    if len(parts) == 3:
        material = _decode(parts[2])
        key = VerifierKey(parts[0], material[0] if material else -1, material[1:])
        if key.to_vkey() == line.rstrip("\n"):
            return key
    raise NoteError(f"{line!r} is not a verifier key: name+hash+base64")


def sign_note(text: bytes, signer: NoteSigner, time: int = 0) -> bytes:
    """A note of ``text``, which must end in a newline, with one signature. Raises NoteError for a text that no note may have."""
    note = text + b"\n" + signer.signature_line(text, time)
    if not text.endswith(b"\n") or parse_note(note).text != text:
        raise NoteError("the text of a note ends in a newline")
    return note


def parse_note(note: bytes) -> Note:
    """Text and signature lines of a note. Raises NoteError for bytes that are not a signed note."""
    if len(note) > MAX_NOTE_BYTES:
        raise NoteError(f"a note has at most {MAX_NOTE_BYTES} bytes")
    try:
        decoded = note.decode()
    except UnicodeDecodeError as error:
        raise NoteError("a note is UTF-8") from error
    if any(c < " " and c != "\n" for c in decoded):
        raise NoteError("a note has no control characters but newlines")
    text, separator, lines = decoded.rpartition("\n\n")
    if not separator or not lines.endswith("\n"):
        raise NoteError("a note is a text, an empty line and signature lines")
    signatures = parse_signatures(lines.encode())
    return Note(text.encode() + b"\n", signatures)


def parse_signatures(lines: bytes) -> tuple[NoteSignature, ...]:
    """Signature lines, each ending in a newline. Raises NoteError for anything else."""
    rows = lines.decode(errors="replace").split("\n")
    if rows[-1] or not 1 <= len(rows) - 1 <= MAX_SIGNATURES:
        raise NoteError(f"a note has 1 to {MAX_SIGNATURES} signature lines")
    return tuple(_parse_signature(row) for row in rows[:-1])


def verified(note: Note, keys: Sequence[VerifierKey]) -> dict[VerifierKey, int]:
    """Newest time of each of ``keys`` that signed the note; signatures of other keys are ignored.

    Raises NoteError when a signature under the name and key id of a known key does not verify.
    """
    known = {(key.name, key.key_id): key for key in keys}
    found: dict[VerifierKey, int] = {}
    for signature in note.signatures:
        key = known.get((signature.name, signature.key_id))
        if key is not None:
            found[key] = max(key.check(note.text, signature.signature), found.get(key, 0))
    return found


def open_note(note: bytes, keys: Sequence[VerifierKey]) -> bytes:
    """Text of a note that at least one of ``keys`` signed. Raises NoteError."""
    parsed = parse_note(note)
    if not verified(parsed, keys):
        raise NoteError("no trusted key signed the note")
    return parsed.text


def _message(kind: int, text: bytes, time: int) -> bytes:
    return b"cosignature/v1\ntime %d\n" % time + text if kind == COSIGNATURE_V1 else text


def _parse_signature(row: str) -> NoteSignature:
    parts = row.split(" ")
    if len(parts) != 3 or parts[0] != _DASH or not parts[1] or "+" in parts[1] or any(c.isspace() for c in parts[1]):
        raise NoteError("a signature line is a dash, a key name and base64")
    blob = _decode(parts[2])
    if len(blob) < 5:
        raise NoteError("a signature holds a key id and a signature")
    return NoteSignature(parts[1], blob[:4], blob[4:])


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decode(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoteError(f"{text!r} is not base64") from error
    if _encode(data) != text:
        raise NoteError(f"{text!r} is not canonical base64")
    return data
