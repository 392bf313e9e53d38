"""The growing right edge of the tiled tree: which tiles a batch of leaf hashes completes or changes. Pure; nothing is stored here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from crypto import tiles
from crypto.merkle import HASH_SIZE, Frontier, fold
from crypto.tiles import TILE_WIDTH


@dataclass(frozen=True, slots=True)
class TileRow:
    """One stored tile: the hashes that it has so far. ``grown``: it was stored before with fewer."""

    level: int
    index: int
    hashes: bytes
    grown: bool


@dataclass(frozen=True, slots=True)
class Edge:
    """A tree's size, compact range and partial tiles, one a level: all that appending needs, whatever the size."""

    frontier: Frontier = field(default_factory=Frontier)
    partial: tuple[tuple[bytes, ...], ...] = ()

    @property
    def size(self) -> int:
        return self.frontier.size

    def extended(self, leaf_hashes: Sequence[bytes]) -> tuple[Edge, list[TileRow]]:
        """The edge after these leaves, and every tile that they complete or change."""
        rows: list[TileRow] = []
        partial: list[tuple[bytes, ...]] = []
        rising: list[bytes] = list(leaf_hashes)
        for level in range(64 // tiles.TILE_HEIGHT):
            before = list(self.partial[level]) if level < len(self.partial) else []
            if not rising and level >= len(self.partial):
                break
            now = before + rising
            first = tiles.tile_count(level, self.size) // TILE_WIDTH
            if rising:
                rows += _rows(level, first, now, grown=bool(before))
            full = len(now) // TILE_WIDTH * TILE_WIDTH
            rising = [fold(now[i : i + TILE_WIDTH]) for i in range(0, full, TILE_WIDTH)]
            partial.append(tuple(now[full:]))
        return Edge(self.frontier.extended(leaf_hashes), tuple(partial)), rows

    @classmethod
    def load(cls, size: int, read_tile: tiles.ReadTile) -> Edge:
        """Edge of a stored tree of ``size`` leaves. Raises MerkleError when a tile has another width than the size demands."""
        partial: list[tuple[bytes, ...]] = []
        level = 0
        while tiles.tile_count(level, size):
            index, width = divmod(tiles.tile_count(level, size), TILE_WIDTH)
            partial.append(tuple(tiles.split_tile(read_tile(level, index, width), width)) if width else ())
            level += 1
        return cls(tiles.frontier(size, read_tile), tuple(partial))


def _rows(level: int, first: int, hashes: Sequence[bytes], *, grown: bool) -> Iterable[TileRow]:
    for offset in range(0, len(hashes), TILE_WIDTH):
        data = b"".join(hashes[offset : offset + TILE_WIDTH])
        yield TileRow(level, first + offset // TILE_WIDTH, data, grown and offset == 0)


def prefix(row: bytes, width: int) -> bytes:
    """The first ``width`` hashes of a stored tile: the partial tile of an earlier, smaller tree."""
    return row[: width * HASH_SIZE]
