"""RFC 6962 trees against the published answers of the Certificate Transparency eight-leaf tree."""

from __future__ import annotations

import pytest

from crypto import merkle
from crypto.errors import MerkleError
from crypto.merkle import Frontier, MemoryTree

LEAVES = [bytes.fromhex(text) for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")]
ROOTS = [
    bytes.fromhex(text)
    for text in (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    )
]
H01 = "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
H03 = "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"
H23 = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
H45 = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
H47 = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
H67 = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
H0, H1 = ROOTS[1].hex(), "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
H4, H6 = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b", "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f"

INCLUSION = [(0, 1, []), (0, 8, [H1, H23, H47]), (5, 8, [H4, H67, H03]), (2, 3, [H01]), (1, 5, [H0, H23, H4])]
CONSISTENCY = [(1, 1, []), (1, 8, [H1, H23, H47]), (6, 8, [H45, H67, H03]), (2, 5, [H23, H4]), (6, 7, [H45, H6, H03])]


@pytest.mark.parametrize("size", range(9))
def test_roots_are_the_published_ones(size: int) -> None:
    assert merkle.root(LEAVES[:size]) == ROOTS[size]
    assert MemoryTree(LEAVES[:size]).root() == ROOTS[size]


@pytest.mark.parametrize(("index", "size", "proof"), INCLUSION)
def test_inclusion_proofs_are_the_published_ones(index: int, size: int, proof: list[str]) -> None:
    made = MemoryTree(LEAVES[:size]).inclusion_proof(index)
    assert [item.hex() for item in made] == proof
    merkle.check_inclusion(merkle.leaf_hash(LEAVES[index]), index, size, made, ROOTS[size])


@pytest.mark.parametrize(("size1", "size2", "proof"), CONSISTENCY)
def test_consistency_proofs_are_the_published_ones(size1: int, size2: int, proof: list[str]) -> None:
    made = merkle.consistency_proof(size1, size2, MemoryTree(LEAVES[:size2]).hashes)
    assert [item.hex() for item in made] == proof
    merkle.check_consistency(size1, size2, made, ROOTS[size1], ROOTS[size2])


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (8, 8), (-1, 8)])
def test_no_leaf_outside_the_tree_is_proved_or_accepted(index: int, size: int) -> None:
    with pytest.raises(MerkleError):
        merkle.inclusion_proof(index, size, MemoryTree(LEAVES).hashes)
    with pytest.raises(MerkleError):
        merkle.check_inclusion(ROOTS[1], index, size, [], ROOTS[size])


@pytest.mark.parametrize("width", [0, 31, 33, 64])
def test_hashes_of_another_width_are_refused(width: int) -> None:
    proof = MemoryTree(LEAVES).inclusion_proof(3)
    with pytest.raises(MerkleError, match="32 bytes"):
        merkle.check_inclusion(merkle.leaf_hash(LEAVES[3]), 3, 8, [b"\0" * width, *proof[1:]], ROOTS[8])
    with pytest.raises(MerkleError, match="32 bytes"):
        merkle.check_consistency(1, 8, [b"\0" * width], ROOTS[1], ROOTS[8])


def test_size_zero_is_consistent_only_with_an_empty_proof_and_the_empty_root() -> None:
    merkle.check_consistency(0, 8, [], ROOTS[0], ROOTS[8])
    with pytest.raises(MerkleError):
        merkle.check_consistency(0, 8, [ROOTS[1]], ROOTS[0], ROOTS[8])
    with pytest.raises(MerkleError):
        merkle.check_consistency(0, 8, [], ROOTS[1], ROOTS[8])


@pytest.mark.parametrize(("size1", "size2"), [(8, 7), (-1, 3)])
def test_a_shrinking_tree_has_no_consistency_proof(size1: int, size2: int) -> None:
    with pytest.raises(MerkleError):
        merkle.consistency_proof(size1, size2, MemoryTree(LEAVES).hashes)
    with pytest.raises(MerkleError):
        merkle.check_consistency(size1, size2, [], ROOTS[8], ROOTS[7])


def test_equal_sizes_need_equal_roots() -> None:
    with pytest.raises(MerkleError, match="different roots"):
        merkle.check_consistency(8, 8, [], ROOTS[8], ROOTS[7])


def test_a_frontier_survives_its_bytes() -> None:
    for size in range(9):
        frontier = Frontier().extended(merkle.leaf_hash(leaf) for leaf in LEAVES[:size])
        assert Frontier.from_bytes(frontier.to_bytes()) == frontier


@pytest.mark.parametrize("data", [b"", b"\0" * 7, b"\0" * 9, b"\0" * 7 + b"\1", b"\0" * 8 + b"\1" * 32, b"\xff" * 8])
def test_bytes_that_are_no_frontier_are_refused(data: bytes) -> None:
    with pytest.raises(MerkleError):
        Frontier.from_bytes(data)


def test_extending_a_frontier_leaves_the_old_one_as_it_was() -> None:
    before = Frontier().extended([merkle.leaf_hash(b"a")])
    after = before.extended([merkle.leaf_hash(b"b")])
    assert (before.size, before.root()) == (1, merkle.root([b"a"]))
    assert (after.size, after.root()) == (2, merkle.root([b"a", b"b"]))


def test_a_frontier_takes_no_short_hash() -> None:
    with pytest.raises(MerkleError):
        Frontier().extended([b"short"])
