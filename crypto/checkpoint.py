"""Checkpoints of the log (C2SP tlog-checkpoint), witness cosignatures over them, and portable proofs (C2SP tlog-proof) [L1, L5].

Trust comes in as keys; nothing is fetched and no clock is read. The note format itself is ``crypto.notes``.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass

from crypto import merkle, notes
from crypto.errors import NoteError
from crypto.merkle import HASH_SIZE
from crypto.notes import NoteSigner, Signs, parse_vkey

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_PROOF_HEADER = "c2sp.org/tlog-proof@v1"
_MAX_PROOF_BYTES = 1 << 17


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Tree head of one log: origin, number of leaves, RFC 6962 root."""

    origin: str
    size: int
    root: bytes

    def to_text(self) -> bytes:
        """Note text of three lines; no extension lines [L1]."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n".encode()


@dataclass(frozen=True, slots=True)
class WitnessedCheckpoint:
    """A checkpoint signed by the log and by enough witnesses. ``time`` is the w-th newest cosignature's: its freshness [L5]."""

    size: int
    root: bytes
    time: int


@dataclass(frozen=True, slots=True)
class TlogProof:
    """Offline evidence that a leaf is in a log: index, audit path and signed checkpoint. ``extra`` is not authenticated."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    def to_bytes(self) -> bytes:
        """The C2SP text."""
        extra = [] if self.extra is None else [f"extra {base64.b64encode(self.extra).decode()}"]
        lines = [_PROOF_HEADER, *extra, f"index {self.index}", *(base64.b64encode(item).decode() for item in self.hashes)]
        return "\n".join(lines).encode() + b"\n\n" + self.checkpoint


def sign_checkpoint(checkpoint: Checkpoint, signer: NoteSigner) -> bytes:
    """The log's signed note of a checkpoint."""
    return notes.sign_note(checkpoint.to_text(), signer)


def cosign(note: bytes, signer: Signs, time: int) -> bytes:
    """Signature line of a witness over a checkpoint's note, at ``time`` in POSIX seconds. Verifies nothing: the witness did."""
    return signer.signature_line(notes.parse_note(note).text, time)


def parse_checkpoint(text: bytes) -> Checkpoint:
    """Checkpoint of a note's text. Raises NoteError unless it is exactly origin, size and root, without extension lines."""
    lines = text.decode(errors="replace").split("\n")
    if len(lines) != 4 or not lines[0] or lines[3]:
        raise NoteError("a checkpoint has three lines: origin, size, root")
    if not _DECIMAL.fullmatch(lines[1]) or int(lines[1]) > merkle.MAX_SIZE:
        raise NoteError(f"{lines[1]!r} is not a tree size")
    checkpoint = Checkpoint(lines[0], int(lines[1]), _decode_hash(lines[2]))
    if checkpoint.to_text() != text:
        raise NoteError("the checkpoint is not in its canonical form")
    return checkpoint


def open_checkpoint(note: bytes, log_vkey: str) -> Checkpoint:
    """Checkpoint that the log itself signed; cosignatures are not looked at.

    Raises NoteError when the note is malformed, the log's signature is missing or wrong, or the origin is not its key's name.
    """
    key = parse_vkey(log_vkey)
    if key.kind != notes.ED25519:
        raise NoteError("a log's key has type 0x01")
    checkpoint = parse_checkpoint(notes.open_note(note, [key]))
    if checkpoint.origin != key.name:
        raise NoteError(f"the checkpoint is of {checkpoint.origin!r}, not of {key.name!r}")
    return checkpoint


def witness_times(note: bytes, witness_vkeys: Sequence[str]) -> dict[str, int]:
    """Time of each witness's newest cosignature, by vkey; witnesses that did not sign are absent.

    Raises NoteError when a known witness's line does not verify or a key is no cosignature key.
    """
    keys = [parse_vkey(line) for line in witness_vkeys]
    if any(key.kind != notes.COSIGNATURE_V1 for key in keys):
        raise NoteError("a witness's key has type 0x04")
    found = notes.verified(notes.parse_note(note), keys)
    return {key.to_vkey(): time for key, time in found.items()}


def check_witnessed(note: bytes, log_vkey: str, witness_vkeys: Sequence[str], required: int) -> WitnessedCheckpoint:
    """The checkpoint, once the log and at least ``required`` distinct witnesses signed it.  # L5

    Requires 1 <= required <= number of distinct keys. Raises NoteError as ``open_checkpoint`` and ``witness_times``, when
    witnesses are too few, or when two witness keys are one (the same public key under two names signs nothing twice).
    """
    checkpoint = open_checkpoint(note, log_vkey)
    keys = [parse_vkey(line) for line in witness_vkeys]
    if not 1 <= required <= len(keys) or len({key.public for key in keys}) != len(keys):
        raise NoteError(f"a policy of {required} witnesses cannot be met with the {len(keys)} keys given")
    times = sorted(witness_times(note, witness_vkeys).values(), reverse=True)
    if len(times) < required:
        raise NoteError(f"{len(times)} of the required {required} witnesses signed the checkpoint of size {checkpoint.size}")
    return WitnessedCheckpoint(checkpoint.size, checkpoint.root, times[required - 1])


def parse_tlog_proof(data: bytes) -> TlogProof:
    """Proof from its text; the checkpoint in it is not opened. Raises NoteError for anything but the canonical form."""
    if len(data) > _MAX_PROOF_BYTES:
        raise NoteError(f"a proof has at most {_MAX_PROOF_BYTES} bytes")
    head, _, checkpoint = data.partition(b"\n\n")
    lines = head.decode(errors="replace").split("\n")
    if lines.pop(0) != _PROOF_HEADER:
        raise NoteError(f"a proof begins with {_PROOF_HEADER}")
    extra = _decode(lines.pop(0).removeprefix("extra ")) if lines and lines[0].startswith("extra ") else None
    index = lines.pop(0).removeprefix("index ") if lines and lines[0].startswith("index ") else ""
    if not _DECIMAL.fullmatch(index) or len(lines) > 63:
        raise NoteError("a proof has an index line and at most 63 hashes")
    proof = TlogProof(int(index), tuple(_decode_hash(line) for line in lines), checkpoint, extra)
    if proof.to_bytes() != data:
        raise NoteError("the proof is not in its canonical form")
    return proof


def check_tlog_proof(data: bytes, leaf: bytes, log_vkey: str, witness_vkeys: Sequence[str], required: int) -> WitnessedCheckpoint:
    """The witnessed checkpoint under which the leaf with these bytes is in the log at the proof's index.

    Raises NoteError as ``parse_tlog_proof`` and ``check_witnessed``, MerkleError as ``merkle.check_inclusion``.
    """
    proof = parse_tlog_proof(data)
    witnessed = check_witnessed(proof.checkpoint, log_vkey, witness_vkeys, required)
    merkle.check_inclusion(merkle.leaf_hash(leaf), proof.index, witnessed.size, proof.hashes, witnessed.root)
    return witnessed


def _decode_hash(text: str) -> bytes:
    data = _decode(text)
    if len(data) != HASH_SIZE:
        raise NoteError(f"a hash has {HASH_SIZE} bytes, not {len(data)}")
    return data


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoteError(f"{text!r} is not base64") from error
