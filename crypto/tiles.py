"""C2SP tlog-tiles: paths, tile coordinates, entry bundles, and proofs read out of tiles in constant memory [L1, L6].

A tile is 256 consecutive hashes of one tree level that is a multiple of 8. Storing and serving tiles is done elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from crypto import merkle
from crypto.errors import MerkleError
from crypto.merkle import HASH_SIZE, GetHashes, Node

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
MAX_ENTRY_BYTES = 0xFFFF

ReadTile = Callable[[int, int, int], bytes]
"""(level, index, width) -> the tile's hashes, width * 32 bytes."""

_PATH = re.compile(r"tile/(entries|0|[1-9][0-9]?)/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class TileAddress:
    """One tile, or one entry bundle when ``level`` is None. ``width`` is 256 for a full one."""

    level: int | None
    index: int
    width: int = TILE_WIDTH

    def path(self) -> str:
        """Path below the log's prefix: ``tile/<L>/<N>[.p/<W>]``, N in groups of three digits."""
        digits = str(self.index)
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        groups = [digits[i : i + 3] for i in range(0, len(digits), 3)]
        name = "/".join([f"x{group}" for group in groups[:-1]] + groups[-1:])
        partial = "" if self.width == TILE_WIDTH else f".p/{self.width}"
        return f"tile/{'entries' if self.level is None else self.level}/{name}{partial}"


def parse_path(path: str) -> TileAddress:
    """Address of a tile path, which must be the only spelling of it. Raises MerkleError."""
    match = _PATH.fullmatch(path)
    if match and len(path) < 80:
        level = None if match[1] == "entries" else int(match[1])
        width = int(match[3]) if match[3] else TILE_WIDTH
        address = TileAddress(level, int(match[2].replace("/", "").replace("x", "")), width)
        if (level is None or level < 64) and width <= TILE_WIDTH and address.path() == path:
            return address
    raise MerkleError(f"{path!r} is not the path of a tile")


def tile_count(level: int, size: int) -> int:
    """Number of hashes at a tile level in a tree of ``size`` leaves."""
    return size >> (TILE_HEIGHT * level)


def tile_width(level: int, index: int, size: int) -> int:
    """Width of a tile in a tree of ``size`` leaves; 0 when the tree does not reach it."""
    return max(0, min(TILE_WIDTH, tile_count(level, size) - index * TILE_WIDTH))


def tiles_of(size: int) -> list[TileAddress]:
    """Every tile and entry bundle of a tree, partial ones included, bundles first."""
    found = []
    for level in [None, *range(64 // TILE_HEIGHT)]:
        count = tile_count(level or 0, size)
        found += [TileAddress(level, i, tile_width(level or 0, i, size)) for i in range(-(-count // TILE_WIDTH))]
    return found


def encode_entries(entries: Sequence[bytes]) -> bytes:
    """Entry bundle: each entry after its length as 2 bytes big-endian. Raises MerkleError for an entry above 65,535 bytes."""
    for entry in entries:
        if len(entry) > MAX_ENTRY_BYTES:
            raise MerkleError(f"an entry of {len(entry)} bytes is longer than {MAX_ENTRY_BYTES}")
    return b"".join(part for entry in entries for part in (len(entry).to_bytes(2, "big"), entry))


def decode_entries(data: bytes, width: int) -> list[bytes]:
    """The ``width`` entries of a bundle. Raises MerkleError when it holds more, fewer, or a cut one."""
    entries, position = [], 0
    while position < len(data):
        end = position + 2 + int.from_bytes(data[position : position + 2], "big")
        if position + 2 > len(data) or end > len(data):
            raise MerkleError("an entry bundle ends within an entry")
        entries.append(data[position + 2 : end])
        position = end
    if len(entries) != width:
        raise MerkleError(f"an entry bundle holds {len(entries)} entries, not {width}")
    return entries


def split_tile(data: bytes, width: int) -> list[bytes]:
    """Hashes of a tile. Raises MerkleError unless it holds exactly ``width``."""
    if len(data) != width * HASH_SIZE:
        raise MerkleError(f"a tile of width {width} has {width * HASH_SIZE} bytes, not {len(data)}")
    return [data[i : i + HASH_SIZE] for i in range(0, len(data), HASH_SIZE)]


def hash_reader(size: int, read_tile: ReadTile) -> GetHashes:
    """A GetHashes over the tiles of a tree of ``size`` leaves. Reads each tile once a call and keeps none between calls."""

    def get_hashes(nodes: Sequence[Node]) -> list[bytes]:
        kept: tuple[tuple[int, int], list[bytes]] | None = None
        found: dict[int, bytes] = {}
        for order in sorted(range(len(nodes)), key=lambda i: _place(nodes[i])):
            level, index, offset, span = _place(nodes[order])
            if kept is None or kept[0] != (level, index):
                width = tile_width(level, index, size)
                kept = ((level, index), split_tile(read_tile(level, index, width), width))
            if offset + span > len(kept[1]):
                raise MerkleError(f"subtree {nodes[order]} is not complete in a tree of size {size}")
            found[order] = merkle.fold(kept[1][offset : offset + span])
        return [found[i] for i in range(len(nodes))]

    return get_hashes


def _place(node: Node) -> tuple[int, int, int, int]:
    """(tile level, tile index, first hash in the tile, number of hashes) of a complete subtree."""
    level, below = divmod(node[0], TILE_HEIGHT)
    index, offset = divmod(node[1] << below, TILE_WIDTH)
    return level, index, offset, 1 << below


def inclusion_proof(index: int, size: int, read_tile: ReadTile) -> list[bytes]:
    """Audit path of a leaf out of tiles. Raises MerkleError as ``merkle.inclusion_proof``, or when a tile has the wrong width."""
    return merkle.inclusion_proof(index, size, hash_reader(size, read_tile))


def consistency_proof(size1: int, size2: int, read_tile: ReadTile) -> list[bytes]:
    """Consistency proof out of the tiles of the larger tree. Raises MerkleError as ``merkle.consistency_proof``."""
    return merkle.consistency_proof(size1, size2, hash_reader(size2, read_tile))


def frontier(size: int, read_tile: ReadTile) -> merkle.Frontier:
    """Compact range of a tree out of its tiles: its root is the root that the tiles stand for."""
    return merkle.Frontier(size, tuple(hash_reader(size, read_tile)(merkle.range_nodes(0, size))))
