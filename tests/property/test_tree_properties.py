"""Every proof of every tree verifies, every mutation of one is refused, and tiles give what the whole tree gives."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from crypto import merkle, tiles
from crypto.errors import MerkleError
from crypto.merkle import Frontier, MemoryTree

LEAVES = [b"leaf %d" % i for i in range(700)]
HASHES = [merkle.leaf_hash(leaf) for leaf in LEAVES]
sizes = st.integers(1, 700)


def mth(hashes: list[bytes]) -> bytes:
    """MTH of RFC 6962 section 2.1, word for word, over leaf hashes."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return hashlib.sha256(b"\x01" + mth(hashes[:k]) + mth(hashes[k:])).digest()


def path(m: int, hashes: list[bytes]) -> list[bytes]:
    """PATH of RFC 6962 section 2.1.1."""
    if len(hashes) == 1:
        return []
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return [*path(m, hashes[:k]), mth(hashes[k:])] if m < k else [*path(m - k, hashes[k:]), mth(hashes[:k])]


def subproof(m: int, hashes: list[bytes], whole: bool) -> list[bytes]:
    """SUBPROOF of RFC 6962 section 2.1.2."""
    if m == len(hashes):
        return [] if whole else [mth(hashes)]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return [*subproof(m, hashes[:k], whole), mth(hashes[k:])] if m <= k else [*subproof(m - k, hashes[k:], False), mth(hashes[:k])]


def stored_tile(level: int, index: int, width: int) -> bytes:
    """Tile of the tree of all leaves, by its definition: MTH of each span of 256^level leaves."""
    span = 256**level
    first = index * 256
    return b"".join(mth(HASHES[(first + i) * span : (first + i + 1) * span]) for i in range(width))


@given(sizes, st.data())
@settings(max_examples=150, deadline=None)
def test_proofs_out_of_tiles_are_those_of_the_definition(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    size1 = data.draw(st.integers(0, size))
    inclusion = tiles.inclusion_proof(index, size, stored_tile)
    consistency = tiles.consistency_proof(size1, size, stored_tile)
    assert inclusion == path(index, HASHES[:size])
    assert consistency == (subproof(size1, HASHES[:size], True) if size1 else [])
    merkle.check_inclusion(HASHES[index], index, size, inclusion, mth(HASHES[:size]))
    merkle.check_consistency(size1, size, consistency, mth(HASHES[:size1]), mth(HASHES[:size]))


@given(sizes)
@settings(max_examples=60, deadline=None)
def test_frontiers_of_tiles_of_leaves_and_of_memory_agree(size: int) -> None:
    appended = Frontier().extended(HASHES[:size])
    assert tiles.frontier(size, stored_tile) == appended
    assert appended.root() == MemoryTree(LEAVES[:size]).root() == mth(HASHES[:size])


@given(st.lists(st.integers(0, 40), max_size=12))
@settings(max_examples=60, deadline=None)
def test_appending_in_any_groups_gives_one_frontier(groups: list[int]) -> None:
    frontier, start = Frontier(), 0
    for count in groups:
        frontier = frontier.extended(HASHES[start : start + count])
        start += count
    assert frontier == Frontier().extended(HASHES[:start])


@given(sizes, st.data())
@settings(max_examples=200, deadline=None)
def test_a_mutated_inclusion_proof_is_refused(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    tree = MemoryTree(LEAVES[:size])
    proof = tree.inclusion_proof(index)
    leaf, root = HASHES[index], tree.root()
    wrong = data.draw(st.sampled_from(["index", "size", "drop", "append", "prepend", "bit", "leaf", "root", "swap"]))
    if wrong == "index":
        index = data.draw(st.integers(0, 2 * size).filter(lambda other: other != index))
    elif wrong == "size":  # another size of the same path shape gives the same root: only shapes that differ must be refused
        other = data.draw(st.integers(1, 1400).filter(lambda n: n <= index or len(path_shape(index, n)) != len(proof)))
        size = other
    elif wrong == "drop" and proof:
        del proof[data.draw(st.integers(0, len(proof) - 1))]
    elif wrong == "append":
        proof.append(data.draw(st.sampled_from([root, leaf, b"\0" * 32])))
    elif wrong == "prepend":
        proof.insert(0, data.draw(st.sampled_from([root, leaf, b"\0" * 32])))
    elif wrong == "bit" and proof:
        place = data.draw(st.integers(0, len(proof) - 1))
        proof[place] = flip(proof[place], data.draw(st.integers(0, 255)))
    elif wrong == "swap" and len(proof) > 1:
        proof[0], proof[1] = proof[1], proof[0]
    elif wrong == "leaf":
        leaf = flip(leaf, data.draw(st.integers(0, 255)))
    else:
        root = flip(root, data.draw(st.integers(0, 255)))
    with pytest.raises(MerkleError):
        merkle.check_inclusion(leaf, index, size, proof, root)


@given(st.integers(2, 700), st.data())
@settings(max_examples=200, deadline=None)
def test_a_mutated_consistency_proof_is_refused(size2: int, data: st.DataObject) -> None:
    size1 = data.draw(st.integers(1, size2 - 1))
    proof = tiles.consistency_proof(size1, size2, stored_tile)
    root1, root2 = mth(HASHES[:size1]), mth(HASHES[:size2])
    wrong = data.draw(st.sampled_from(["drop", "append", "prepend", "bit", "root1", "root2", "roots", "empty"]))
    if wrong == "drop":
        del proof[data.draw(st.integers(0, len(proof) - 1))]
    elif wrong == "append":
        proof.append(data.draw(st.sampled_from([root1, root2, b"\0" * 32])))
    elif wrong == "prepend":
        proof.insert(0, data.draw(st.sampled_from([root1, root2, proof[0]])))
    elif wrong == "bit":
        place = data.draw(st.integers(0, len(proof) - 1))
        proof[place] = flip(proof[place], data.draw(st.integers(0, 255)))
    elif wrong == "root1":
        root1 = flip(root1, data.draw(st.integers(0, 255)))
    elif wrong == "root2":
        root2 = flip(root2, data.draw(st.integers(0, 255)))
    elif wrong == "roots":
        root1, root2 = root2, root1
    else:
        proof = []
    with pytest.raises(MerkleError):
        merkle.check_consistency(size1, size2, proof, root1, root2)


@given(st.integers(2, 700), st.data())
@settings(max_examples=100, deadline=None)
def test_a_flipped_bit_of_a_tile_breaks_the_proofs_that_use_it(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    touched: list[tuple[int, int, int]] = []

    def watching(level: int, number: int, width: int) -> bytes:
        touched.append((level, number, width))
        return stored_tile(level, number, width)

    honest = tiles.inclusion_proof(index, size, watching)
    target = data.draw(st.sampled_from(touched))
    bit = data.draw(st.integers(0, target[2] * 256 - 1))

    def lying(level: int, number: int, width: int) -> bytes:
        tile = stored_tile(level, number, width)
        return flip(tile, bit) if (level, number, width) == target else tile

    forged = tiles.inclusion_proof(index, size, lying)
    assume(forged != honest)  # the bit may lie in the leaf itself, or in hashes that this proof does not use
    with pytest.raises(MerkleError):
        merkle.check_inclusion(HASHES[index], index, size, forged, mth(HASHES[:size]))


@given(st.none() | st.integers(0, 63), st.integers(0, 10**12), st.integers(1, 256))
def test_tile_paths_are_read_back(level: int | None, index: int, width: int) -> None:
    address = tiles.TileAddress(level, index, width)
    assert tiles.parse_path(address.path()) == address


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_entry_bundles_are_read_back(entries: list[bytes]) -> None:
    assert tiles.decode_entries(tiles.encode_entries(entries), len(entries)) == entries


def flip(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << (bit % 8)
    return bytes(changed)


def path_shape(index: int, size: int) -> list[bytes]:
    return path(index, [b"\0" * 32] * size)
