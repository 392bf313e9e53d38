"""Statements shown as logged to somebody who does not follow the log: leaf, envelope and inclusion under one witnessed checkpoint [L6].

Whoever asks something on the strength of the log's content gathers it with ``gather``; whoever is asked checks it with ``check``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from crypto import tiles
from crypto.checkpoint import check_witnessed
from crypto.encoding import sha256
from crypto.errors import MerkleError
from crypto.merkle import check_consistency, check_inclusion, leaf_hash
from crypto.tiles import TileAddress
from nodes.runtime.peers.log_client import LogClient
from scoring.statements import Hex32, HexBytes, Index, Leaf, Record, Registry, parse_leaf

CHECKPOINT_TIMEOUT_S = 30.0


class LoggedEntry(Record):
    """One leaf with its envelope (empty where the leaf alone is to be seen) and its audit path under the evidence's checkpoint."""

    index: Index
    leaf: HexBytes
    envelope: HexBytes | Literal[""]
    proof: tuple[Hex32, ...]


class LogEvidence(Record):
    """Entries under one witnessed checkpoint; and, where ``size`` is not 0, the root of the first ``size`` leaves of the same tree."""

    checkpoint: str
    entries: tuple[LoggedEntry, ...]
    size: Index = 0
    root: Hex32 | Literal[""] = ""
    consistency: tuple[Hex32, ...] = ()


@dataclass(frozen=True, slots=True)
class Shown:
    """A checked entry."""

    index: int
    leaf: Leaf
    envelope: bytes


def gather(log: LogClient, entries: Mapping[int, tuple[bytes, bytes]], size: int = 0) -> LogEvidence:
    """Evidence for ``entries`` (index → leaf, envelope) and for the tree of the first ``size`` leaves.

    Raises RpcRefusal, PeerUnavailableError; NoteError, MerkleError when the log's answers are malformed. What it proves is for the reader.
    """
    note = log.checkpoint(max(size, *(index + 1 for index in entries)), CHECKPOINT_TIMEOUT_S)
    tree_size = int(note.split("\n", 2)[1])
    proofs = log.prove(sorted(entries), tree_size)
    found = tuple(
        LoggedEntry(index=index, leaf=leaf.hex(), envelope=envelope.hex(), proof=tuple(item.hex() for item in proofs[index]))
        for index, (leaf, envelope) in sorted(entries.items())
    )
    if not size:
        return LogEvidence(checkpoint=note, entries=found)
    read = _reader(log)
    consistency = () if size == tree_size else tuple(item.hex() for item in tiles.consistency_proof(size, tree_size, read))
    return LogEvidence(checkpoint=note, entries=found, size=size, root=tiles.frontier(size, read).root().hex(), consistency=consistency)


def check(evidence: LogEvidence, genesis: Registry) -> dict[int, Shown]:
    """The entries by index, once the checkpoint has its witnesses and everything lies under it.

    Raises NoteError, MerkleError, StatementFormatError.
    """
    policy = genesis.witness_policy
    checkpoint = check_witnessed(evidence.checkpoint.encode(), genesis.log_vkey, policy.witnesses, policy.required)
    found = {}
    for entry in evidence.entries:
        leaf_bytes, envelope = bytes.fromhex(entry.leaf), bytes.fromhex(entry.envelope)
        check_inclusion(leaf_hash(leaf_bytes), entry.index, checkpoint.size, _hashes(entry.proof), checkpoint.root)
        leaf = parse_leaf(leaf_bytes)
        if envelope and sha256(envelope).hex() != leaf.digest:
            raise MerkleError(f"leaf {entry.index} names another statement than the one shown")
        found[entry.index] = Shown(entry.index, leaf, envelope)
    if evidence.size:
        check_consistency(evidence.size, checkpoint.size, _hashes(evidence.consistency), bytes.fromhex(evidence.root), checkpoint.root)
    return found


def _hashes(proof: Sequence[str]) -> list[bytes]:
    return [bytes.fromhex(item) for item in proof]


def _reader(log: LogClient) -> Callable[[int, int, int], bytes]:
    def read(level: int, index: int, width: int) -> bytes:
        return log.read_tile(TileAddress(level, index, width).path())

    return read
