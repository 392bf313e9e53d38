"""The growing edge writes exactly the tiles of the definition, in whatever groups leaves arrive."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from crypto import merkle, tiles
from crypto.merkle import HASH_SIZE, MemoryTree
from nodes.log.tree import Edge, TileRow

LEAVES = [b"%d" % i for i in range(66_000)]
HASHES = [merkle.leaf_hash(leaf) for leaf in LEAVES]


class Rows:
    """What a database would hold; refuses an insert over a row and a growth of none, as the tables do."""

    def __init__(self) -> None:
        self.tiles: dict[tuple[int, int], bytes] = {}

    def put(self, rows: list[TileRow]) -> None:
        for row in rows:
            key = (row.level, row.index)
            assert (key in self.tiles) == row.grown
            assert row.hashes.startswith(self.tiles.get(key, b""))
            self.tiles[key] = row.hashes

    def read(self, level: int, index: int, width: int) -> bytes:
        return self.tiles[level, index][: width * HASH_SIZE]


def grow(groups: list[int]) -> tuple[Edge, Rows]:
    edge, rows, start = Edge(), Rows(), 0
    for count in groups:
        edge, changed = edge.extended(HASHES[start : start + count])
        rows.put(changed)
        start += count
    return edge, rows


@given(st.lists(st.sampled_from([0, 1, 2, 100, 255, 256, 257, 300, 512, 1000]), max_size=8))
@settings(max_examples=60, deadline=None)
def test_tiles_are_those_of_the_whole_tree(groups: list[int]) -> None:
    edge, rows = grow(groups)
    tree = MemoryTree(LEAVES[: edge.size])
    assert edge.size == sum(groups)
    assert edge.frontier.root() == tree.root()
    expected = {(a.level, a.index): a.width for a in tiles.tiles_of(edge.size) if a.level is not None}
    assert {key: len(data) // HASH_SIZE for key, data in rows.tiles.items()} == expected
    for (level, index), width in expected.items():
        span = [(tiles.TILE_HEIGHT * (level or 0), index * 256 + i) for i in range(width)]
        assert rows.read(level or 0, index, width) == b"".join(tree.hashes(span))


@given(st.lists(st.sampled_from([1, 255, 256, 300]), max_size=6))
@settings(max_examples=40, deadline=None)
def test_an_edge_is_loaded_from_its_tiles(groups: list[int]) -> None:
    edge, rows = grow(groups)
    assert Edge.load(edge.size, rows.read) == edge


def test_the_third_level_begins_after_65536_leaves() -> None:
    edge, rows = grow([65_535, 1, 1])
    assert set(range(3)) == {level for level, _ in rows.tiles}
    assert len(rows.tiles[2, 0]) == HASH_SIZE
    assert Edge.load(edge.size, rows.read) == edge
    assert edge.frontier.root() == MemoryTree(LEAVES[:65_537]).root()
