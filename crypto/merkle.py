"""Merkle trees of RFC 6962: roots, compact ranges, inclusion and consistency proofs [L1, L6].

Proof makers read stored hashes through a function and never hold the tree; proof checkers need nothing but the proof.
Where the hashes lie (tiles, a list) is not known here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from crypto.errors import MerkleError

HASH_SIZE = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()
MAX_SIZE = 1 << 62

Node = tuple[int, int]
"""(level, index): the complete subtree over leaves [index * 2^level, (index + 1) * 2^level)."""

GetHashes = Callable[[Sequence[Node]], Sequence[bytes]]
"""Answers the hashes of complete subtrees, in the order asked."""


def leaf_hash(data: bytes) -> bytes:
    """SHA-256(0x00 ‖ data), RFC 6962 section 2.1."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 ‖ left ‖ right), RFC 6962 section 2.1."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(leaves: Iterable[bytes]) -> bytes:
    """Merkle tree hash of the leaves' data, in order. The empty tree's is SHA-256 of nothing."""
    return Frontier().extended(leaf_hash(data) for data in leaves).root()


def fold(hashes: Sequence[bytes]) -> bytes:
    """Root of the subtree whose 2^k hashes these are. Requires a positive power of two of them."""
    row = list(hashes)
    while len(row) > 1:
        row = [node_hash(row[i], row[i + 1]) for i in range(0, len(row), 2)]
    return row[0]


@dataclass(frozen=True, slots=True)
class Frontier:
    """Compact range of a tree: its size and the roots of its complete subtrees, largest first. Log-sized; enough to append.

    ``extended`` returns a new frontier, so that a caller may check a root before it keeps the result.
    """

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.size <= MAX_SIZE or len(self.hashes) != self.size.bit_count() or any(len(h) != HASH_SIZE for h in self.hashes):
            raise MerkleError(f"a frontier of {self.size} leaves needs {max(self.size, 0).bit_count()} hashes of {HASH_SIZE} bytes")

    def extended(self, leaf_hashes: Iterable[bytes]) -> Frontier:
        """Frontier after these leaf hashes. Raises MerkleError when one is not 32 bytes."""
        stack, size = list(self.hashes), self.size
        for item in leaf_hashes:
            carry, rest = item, size
            while rest & 1:
                carry = node_hash(stack.pop(), carry)
                rest >>= 1
            stack.append(carry)
            size += 1
        return Frontier(size, tuple(stack))

    def root(self) -> bytes:
        """Merkle tree hash at this size."""
        return _fold_right(self.hashes) if self.hashes else EMPTY_ROOT

    def to_bytes(self) -> bytes:
        """Size as 8 bytes big-endian, then the hashes, largest subtree first."""
        return self.size.to_bytes(8, "big") + b"".join(self.hashes)

    @classmethod
    def from_bytes(cls, data: bytes) -> Frontier:
        """Inverse of ``to_bytes``. Raises MerkleError for any other bytes."""
        if len(data) < 8 or (len(data) - 8) % HASH_SIZE:
            raise MerkleError(f"{len(data)} bytes are not a frontier")
        return cls(int.from_bytes(data[:8], "big"), tuple(data[i : i + HASH_SIZE] for i in range(8, len(data), HASH_SIZE)))


class MemoryTree:
    """All hashes of a tree in memory, for trees that fit: contributions, stage columns. ``hashes`` is its GetHashes."""

    def __init__(self, leaves: Iterable[bytes]) -> None:
        """Tree over the leaves' data, in order."""
        self._levels: list[list[bytes]] = [[leaf_hash(data) for data in leaves]]
        while len(self._levels[-1]) > 1:
            row = self._levels[-1]
            self._levels.append([node_hash(row[i], row[i + 1]) for i in range(0, len(row) - 1, 2)])
        self.size = len(self._levels[0])

    def hashes(self, nodes: Sequence[Node]) -> list[bytes]:
        """Hashes of complete subtrees of this tree."""
        return [self._levels[level][index] for level, index in nodes]

    def root(self) -> bytes:
        """Merkle tree hash of the whole tree."""
        return Frontier(self.size, tuple(self.hashes(range_nodes(0, self.size)))).root()

    def inclusion_proof(self, index: int) -> list[bytes]:
        """Audit path of a leaf in the whole tree. Raises MerkleError unless 0 <= index < size."""
        return inclusion_proof(index, self.size, self.hashes)


def inclusion_proof(index: int, size: int, get_hashes: GetHashes) -> list[bytes]:
    """PATH(index, D[size]) of RFC 6962, sibling of the leaf first. Raises MerkleError unless 0 <= index < size."""  # L6
    if not 0 <= index < size:
        raise MerkleError(f"leaf {index} is not in a tree of size {size}")
    start, end, ranges = 0, size, []
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    return _range_hashes(ranges[::-1], get_hashes)


def consistency_proof(size1: int, size2: int, get_hashes: GetHashes) -> list[bytes]:
    """PROOF(size1, D[size2]) of RFC 6962; empty when size1 is 0 or equals size2. Raises MerkleError unless 0 <= size1 <= size2."""
    if not 0 <= size1 <= size2:
        raise MerkleError(f"no consistency proof leads from size {size1} to size {size2}")
    if size1 in {0, size2}:
        return []
    start, end, ranges = 0, size2, []
    while end != size1:
        middle = start + _split(end - start)
        if size1 <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    if start > 0:
        ranges.append((start, end))
    return _range_hashes(ranges[::-1], get_hashes)


def check_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], tree_root: bytes) -> None:
    """Holds when the leaf with hash ``leaf`` stands at ``index`` in the tree of ``size`` and ``tree_root``.

    Raises MerkleError unless 0 <= index < size, every hash has 32 bytes, the proof has exactly the length that index and
    size demand, and it leads to the root (RFC 9162 section 2.1.3.2).  # L6
    """
    if not 0 <= index < size:
        raise MerkleError(f"leaf {index} is not in a tree of size {size}")
    _check_widths(leaf, tree_root, *proof)
    position, last, current = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise MerkleError("the inclusion proof is too long")
        if position & 1 or position == last:
            current = node_hash(sibling, current)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            current = node_hash(current, sibling)
        position, last = position >> 1, last >> 1
    if last:
        raise MerkleError("the inclusion proof is too short")
    if current != tree_root:
        raise MerkleError("the inclusion proof does not lead to the root")


def check_consistency(size1: int, size2: int, proof: Sequence[bytes], root1: bytes, root2: bytes) -> None:
    """Holds when the tree (size1, root1) is a prefix of the tree (size2, root2).

    From size 0 only the empty proof is right and root1 must be the empty tree's. Raises MerkleError otherwise
    (RFC 9162 section 2.1.4.2).  # L6
    """
    if not 0 <= size1 <= size2:
        raise MerkleError(f"a tree of size {size1} is no prefix of one of size {size2}")
    _check_widths(root1, root2, *proof)
    if size1 in {0, size2}:
        if proof:
            raise MerkleError("this consistency proof must be empty")
        if size1 == size2 and root1 != root2:
            raise MerkleError("two trees of one size have different roots")
        if size1 == 0 and root1 != EMPTY_ROOT:
            raise MerkleError("the empty tree has another root")
        return
    path = [root1, *proof] if size1 & (size1 - 1) == 0 else list(proof)
    if not path:
        raise MerkleError("the consistency proof is too short")
    _walk_consistency(size1 - 1, size2 - 1, path, root1, root2)


def _walk_consistency(first: int, second: int, path: list[bytes], root1: bytes, root2: bytes) -> None:
    while first & 1:
        first, second = first >> 1, second >> 1
    old = new = path[0]
    for item in path[1:]:
        if second == 0:
            raise MerkleError("the consistency proof is too long")
        if first & 1 or first == second:
            old, new = node_hash(item, old), node_hash(item, new)
            while not first & 1 and first:
                first, second = first >> 1, second >> 1
        else:
            new = node_hash(new, item)
        first, second = first >> 1, second >> 1
    if second:
        raise MerkleError("the consistency proof is too short")
    if old != root1 or new != root2:
        raise MerkleError("the consistency proof does not lead to the roots")


def range_nodes(start: int, end: int) -> list[Node]:
    """Complete subtrees that make up leaves [start, end), left to right. Requires start a multiple of a power of two >= end - start."""
    nodes = []
    while start < end:
        level = (end - start).bit_length() - 1
        nodes.append((level, start >> level))
        start += 1 << level
    return nodes


def _range_hashes(ranges: Sequence[tuple[int, int]], get_hashes: GetHashes) -> list[bytes]:
    parts = [range_nodes(start, end) for start, end in ranges]
    found = iter(get_hashes([node for part in parts for node in part]))
    return [_fold_right([next(found) for _ in part]) for part in parts]


def _fold_right(hashes: Sequence[bytes]) -> bytes:
    current = hashes[-1]
    for item in reversed(hashes[:-1]):
        current = node_hash(item, current)
    return current


def _split(count: int) -> int:
    """Largest power of two below count."""
    return 1 << ((count - 1).bit_length() - 1)


def _check_widths(*hashes: bytes) -> None:
    if any(len(item) != HASH_SIZE for item in hashes):
        raise MerkleError(f"every hash of a proof has {HASH_SIZE} bytes")
