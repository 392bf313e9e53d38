"""Tile paths, entry bundles and coordinates as the tlog-tiles specification words them."""

from __future__ import annotations

import pytest

from crypto import tiles
from crypto.errors import MerkleError
from crypto.tiles import TileAddress


@pytest.mark.parametrize(
    ("address", "path"),
    [
        (TileAddress(0, 0), "tile/0/000"),
        (TileAddress(0, 1234067), "tile/0/x001/x234/067"),
        (TileAddress(1, 999), "tile/1/999"),
        (TileAddress(1, 1000), "tile/1/x001/000"),
        (TileAddress(63, 5, 1), "tile/63/005.p/1"),
        (TileAddress(None, 273, 112), "tile/entries/273.p/112"),
        (TileAddress(None, 1234067), "tile/entries/x001/x234/067"),
    ],
)
def test_paths_are_those_of_the_specification(address: TileAddress, path: str) -> None:
    assert address.path() == path
    assert tiles.parse_path(path) == address


@pytest.mark.parametrize(
    "path",
    [
        "", "tile", "tile/0", "tile/0/", "/tile/0/000", "tile/0/000/", "tile/00/000", "tile/64/000", "tile/-1/000", "tile/0/0", "tile/0/0000",
        "tile/0/x000/000", "tile/0/x001/x234", "tile/0/001/234", "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/01", "tile/0/000.p/",
        "tile/0/000.p", "tile/entry/000", "tile/0/../000", "tile/0/00\u0661", "tile/0/000\n", "tile/8/0/000", "checkpoint",
        "tile/0/" + "x999/" * 40 + "999",
    ],
)  # fmt: skip
def test_other_spellings_are_refused(path: str) -> None:
    with pytest.raises(MerkleError):
        tiles.parse_path(path)


def test_a_tree_of_seventy_thousand_has_the_tiles_that_the_specification_counts() -> None:
    found = tiles.tiles_of(70_000)
    levels = {level: [a for a in found if a.level == level] for level in (None, 0, 1, 2, 3)}
    assert [len(levels[level]) for level in (None, 0, 1, 2, 3)] == [274, 274, 2, 1, 0]
    assert [levels[level][-1].width for level in (None, 0, 1, 2)] == [112, 112, 17, 1]
    assert all(a.width == 256 for level in (None, 0, 1) for a in levels[level][:-1])


def test_a_tree_of_256_has_one_full_tile_and_one_hash_above() -> None:
    assert [a.path() for a in tiles.tiles_of(256)] == ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"]


def test_an_empty_tree_has_no_tile() -> None:
    assert tiles.tiles_of(0) == []


def test_bundles_give_back_their_entries() -> None:
    entries = [b"", b"a", b"b" * tiles.MAX_ENTRY_BYTES]
    assert tiles.encode_entries([b"ab"]) == b"\x00\x02ab"
    assert tiles.decode_entries(tiles.encode_entries(entries), 3) == entries


def test_an_entry_above_65535_bytes_is_refused() -> None:
    with pytest.raises(MerkleError, match="65536"):
        tiles.encode_entries([b"x" * 65_536])


@pytest.mark.parametrize(("data", "width"), [(b"\x00", 1), (b"\x00\x02a", 1), (b"\x00\x01a\x00", 2), (b"\x00\x01a", 2), (b"\x00\x01a", 0), (b"", 1)])
def test_a_cut_or_miscounted_bundle_is_refused(data: bytes, width: int) -> None:
    with pytest.raises(MerkleError):
        tiles.decode_entries(data, width)


def test_a_tile_of_another_width_is_refused() -> None:
    with pytest.raises(MerkleError):
        tiles.inclusion_proof(0, 2, lambda _level, _index, _width: b"\0" * 32)
