"""Opens a backup into an ordinary archive of the log (docs/specs/artifacts.md), which ``xinqiao audit`` judges like any other [F21].

Nothing is believed because it opens: leaves must make the root of a witnessed checkpoint, statements be those that leaves name, documents and
ciphertexts those that statements name. Checkpoints that witnesses know besides are compared: the backup reaches them all, or is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from crypto.checkpoint import WitnessedCheckpoint, check_witnessed
from crypto.encoding import sha256
from crypto.errors import NoteError
from crypto.merkle import HASH_SIZE, Frontier, leaf_hash
from crypto.tiles import TILE_WIDTH, TileAddress, encode_entries, tile_width
from nodes.evidence.archive import Archive
from nodes.evidence.mirror import ciphertexts_root
from nodes.evidence.receipt import verify_receipt
from nodes.evidence.roots import Roots
from nodes.log.tree import Edge
from nodes.recovery.sealing import blobs_of
from nodes.runtime.replica.store import Entry
from scoring.errors import ReceiptError, StatementFormatError
from scoring.federation.backup import Part, Reader, entries_of, read_head
from scoring.federation.errors import BackupError
from scoring.statements import parse_leaf


@dataclass
class Opened:
    """What came out of a backup. ``size``: leaves that ``note``, the newest witnessed checkpoint in it, covers; ``missing``: documents and
    ciphertexts that statements name and that are not there."""

    leaves: list[bytes] = field(default_factory=list)
    wanted: list[tuple[int, str]] = field(default_factory=list)  # leaf, blob
    blobs: set[str] = field(default_factory=set)
    receipts: int = 0
    size: int = 0
    note: bytes = b""

    @property
    def missing(self) -> list[str]:
        return [digest for index, digest in self.wanted if index < self.size and digest not in self.blobs]


def open_backup(chunks: Iterable[bytes], private: bytes, roots: Roots, archive: Archive, known: Sequence[bytes] = ()) -> Opened:
    """Write the archive that ``chunks`` hold, in the order in which they were sealed; ``known``: notes of checkpoints that witnesses have.

    Raises BackupError when a chunk is missing, changed or out of place; when leaves, statements, documents, ciphertexts or receipts are not what
    the newest witnessed checkpoint in the backup makes them; and when a known checkpoint is of more leaves than the backup has, or of
    another history: the log must go on from there and from nothing earlier [L4]. The archive counts only once this has returned.
    """
    found, readers = Opened(), dict[str, Reader]()
    for chunk in chunks:
        stream = read_head(chunk).stream
        reader = readers.setdefault(stream, Reader(private, roots.zone, stream))
        part = reader.take(chunk)
        if part is not None:
            _TAKERS[part.kind](found, part, roots, archive)
    if not found.note:
        raise BackupError("the backup holds no witnessed checkpoint: nothing of it can be proven")
    del found.leaves[found.size :]
    hashes = [leaf_hash(leaf) for leaf in found.leaves]
    for note in (found.note, *known):
        _check_reaches(_witnessed(note, roots), hashes)
    _write_tree(found, hashes, archive)
    archive.put_checkpoint(found.note)
    return found


def _take_entries(found: Opened, part: Part, _roots: Roots, archive: Archive) -> None:
    first, pairs = entries_of(part)
    if first > len(found.leaves):
        raise BackupError(f"leaves {len(found.leaves)} to {first} are missing from the backup")
    del found.leaves[first:]  # sealed anew after a stop: the same, or the checkpoint tells
    for place, (leaf, envelope) in enumerate(pairs):
        digest = sha256(envelope).hex()
        if _digest_in(leaf) != digest:
            raise BackupError(f"leaf {first + place} names another statement than the one beside it")
        archive.put_envelope(digest, envelope)
        found.leaves.append(leaf)
        found.wanted += [(first + place, blob) for blob in blobs_of([Entry(first + place, leaf, envelope)])]


def _take_blob(found: Opened, part: Part, roots: Roots, archive: Archive) -> None:
    """Documents are named by their SHA-256, ciphertexts by their Merkle root."""
    if part.name not in (sha256(part.content).hex(), ciphertexts_root(part.content, roots.key.ciphertext_size)):
        raise BackupError(f"blob {part.name} has another digest")
    archive.put_blob(part.name, part.content)
    found.blobs.add(part.name)


def _take_checkpoint(found: Opened, part: Part, roots: Roots, _archive: Archive) -> None:
    checkpoint = _witnessed(part.content, roots)
    if not found.size <= checkpoint.size <= len(found.leaves):
        raise BackupError(f"a checkpoint of {checkpoint.size} leaves in the backup comes after {len(found.leaves)} leaves")
    found.size, found.note = checkpoint.size, part.content


def _take_receipt(found: Opened, part: Part, roots: Roots, archive: Archive) -> None:
    try:
        verify_receipt(part.content, roots)
    except ReceiptError as error:
        raise BackupError(f"receipt {part.name} does not hold: {error.reason}") from error
    archive.put_document("receipts", f"{sha256(part.content).hex()}.json", part.content)
    found.receipts += 1


_TAKERS = {"entries": _take_entries, "blob": _take_blob, "checkpoint": _take_checkpoint, "receipt": _take_receipt}


def _digest_in(leaf: bytes) -> str:
    try:
        return parse_leaf(leaf).digest
    except StatementFormatError as error:
        raise BackupError(f"the backup holds what is no leaf: {error}") from error


def _witnessed(note: bytes, roots: Roots) -> WitnessedCheckpoint:
    policy = roots.registry.genesis.witness_policy
    try:
        return check_witnessed(note, roots.log_vkey, policy.witnesses, policy.required)
    except NoteError as error:
        raise BackupError(f"a checkpoint is not signed by the log and enough of its witnesses: {error}") from error


def _check_reaches(checkpoint: WitnessedCheckpoint, hashes: Sequence[bytes]) -> None:
    if checkpoint.size > len(hashes):
        raise BackupError(
            f"witnesses know {checkpoint.size} leaves, the backup has {len(hashes)}: a log that went on from there would fork. "
            "Fetch the peer's newest chunks, or give a backup that has the rest"
        )
    if Frontier().extended(hashes[: checkpoint.size]).root() != checkpoint.root:
        raise BackupError(f"the backup's first {checkpoint.size} leaves are not those of a checkpoint that witnesses signed")


def _write_tree(found: Opened, hashes: Sequence[bytes], archive: Archive) -> None:
    _, rows = Edge().extended(hashes)
    for row in rows:
        archive.put_tile(TileAddress(row.level, row.index, len(row.hashes) // HASH_SIZE), row.hashes)
    for index in range(-(-found.size // TILE_WIDTH)):
        bundle = encode_entries(found.leaves[index * TILE_WIDTH : (index + 1) * TILE_WIDTH])
        archive.put_tile(TileAddress(None, index, tile_width(0, index, found.size)), bundle)
