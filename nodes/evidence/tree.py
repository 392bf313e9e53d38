"""The tree, hashed again from its entries alone. Stored tiles are compared with what comes out, never believed [L7].

Written apart from the log's own tree code on purpose: one mistake must not hide itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from crypto import merkle, tiles
from crypto.errors import MerkleError
from crypto.merkle import HASH_SIZE, Frontier, leaf_hash
from crypto.tiles import TILE_HEIGHT, TILE_WIDTH, TileAddress
from nodes.evidence.archive import Archive
from scoring.audit import Finding


class Hashes:
    """Every hash that tiles hold, computed from leaf hashes: level L has one for each complete subtree of 256^L leaves."""

    def __init__(self, leaf_hashes: Sequence[bytes]) -> None:
        self.size = len(leaf_hashes)
        self._levels = [leaf_hashes]
        while len(row := self._levels[-1]) >= TILE_WIDTH:
            full = len(row) // TILE_WIDTH * TILE_WIDTH
            self._levels.append([merkle.fold(row[start : start + TILE_WIDTH]) for start in range(0, full, TILE_WIDTH)])

    def tile(self, level: int, index: int, width: int) -> bytes:
        """The first ``width`` hashes of a tile (fewer where the tree ends): a ``tiles.ReadTile``."""
        row = self._levels[level] if level < len(self._levels) else []
        return b"".join(row[index * TILE_WIDTH : index * TILE_WIDTH + width])

    def root(self, size: int) -> bytes:
        """Root of the first ``size`` leaves. Requires 0 <= size <= self.size."""
        return tiles.frontier(size, self.tile).root()


@dataclass(frozen=True, slots=True)
class TreeCheck:
    """``hashes``: what the entries give; None when they are not all there. ``tiles``: how many stored tiles were compared."""

    hashes: Hashes | None
    findings: list[Finding]
    tiles: int = 0


def check_tree(archive: Archive, size: int, root: bytes) -> TreeCheck:
    """Hash every entry of ``archive`` again and compare the signed ``root`` of ``size`` leaves, and every stored tile.

    Findings: ENTRY_MISSING, ENTRY_BUNDLE_INVALID; ENTRY_HASH_MISMATCH for entries that are not those of the signed tree, where the tiles
    prove it; ROOT_MISMATCH where neither entries nor tiles give the root; TILE_MISSING, TILE_HASH_MISMATCH.
    """
    leaf_hashes: list[bytes] = []
    for index in range(-(-size // TILE_WIDTH)):
        entries = read_bundle(archive, index, size)
        if isinstance(entries, Finding):
            return TreeCheck(None, [entries])
        leaf_hashes += [leaf_hash(entry) for entry in entries]
    hashes = Hashes(leaf_hashes)
    if Frontier().extended(leaf_hashes).root() != root:
        return TreeCheck(hashes, _wrong_entries(archive, leaf_hashes, size, root))
    findings, count = list(_missing_tiles(archive, size)), 0
    for address in archive.tiles():
        findings += _compare(archive, address, hashes, size)
        count += 1
    return TreeCheck(hashes, findings, count)


def read_bundle(archive: Archive, index: int, size: int) -> list[bytes] | Finding:
    """Entries of bundle ``index`` in a tree of ``size`` leaves, or what is wrong with it."""
    address = TileAddress(None, index, tiles.tile_width(0, index, size))
    data = archive.tile(address)
    if data is None:
        return Finding("ENTRY_MISSING", index * TILE_WIDTH, f"there is no {address.path()}")
    try:
        return tiles.decode_entries(data, address.width)
    except MerkleError as error:
        return Finding("ENTRY_BUNDLE_INVALID", index * TILE_WIDTH, f"{address.path()}: {error}")


def entries_of(archive: Archive, size: int) -> Iterator[bytes]:
    """The leaves of an archive whose tree was checked, in order."""
    for index in range(-(-size // TILE_WIDTH)):
        entries = read_bundle(archive, index, size)
        assert not isinstance(entries, Finding)  # checked before
        yield from entries


def _missing_tiles(archive: Archive, size: int) -> Iterator[Finding]:
    for address in tiles.tiles_of(size):
        if address.level is not None and not (archive.log_dir / address.path()).is_file():
            yield Finding("TILE_MISSING", address.index * TILE_WIDTH << (TILE_HEIGHT * address.level), f"there is no {address.path()}")


def _compare(archive: Archive, address: TileAddress, hashes: Hashes, size: int) -> Iterator[Finding]:
    """A stored tile or bundle against the computed hashes. What lies beyond the checkpoint's tree is nobody's claim yet."""
    level = address.level or 0
    if address.width > tiles.tile_width(level, address.index, size):
        return
    stored, computed = archive.tile(address) or b"", hashes.tile(level, address.index, address.width)
    if address.level is None:
        try:
            stored = b"".join(leaf_hash(entry) for entry in tiles.decode_entries(stored, address.width))
        except MerkleError as error:
            yield Finding("ENTRY_BUNDLE_INVALID", address.index * TILE_WIDTH, f"{address.path()}: {error}")
            return
    if stored != computed:
        place = _first_difference(stored, computed)
        leaf = (address.index * TILE_WIDTH + place) << (TILE_HEIGHT * level)
        yield Finding("TILE_HASH_MISMATCH", leaf, f"{address.path()}: hash {place} is not that of the entries")


def _wrong_entries(archive: Archive, leaf_hashes: Sequence[bytes], size: int, root: bytes) -> list[Finding]:
    """The entries do not give the root. If the stored leaf hashes do, the entries that differ from them were changed."""
    stored = b"".join(archive.tile(TileAddress(0, index, tiles.tile_width(0, index, size))) or b"" for index in range(-(-size // TILE_WIDTH)))
    claimed = [stored[start : start + HASH_SIZE] for start in range(0, len(stored), HASH_SIZE)]
    differing = [index for index, (mine, theirs) in enumerate(zip(leaf_hashes, claimed, strict=False)) if mine != theirs]
    if len(stored) == size * HASH_SIZE and Frontier().extended(claimed).root() == root:
        return [Finding("ENTRY_HASH_MISMATCH", index, f"entry {index} is not the one in the signed tree") for index in differing]
    where = differing[0] if differing else None
    return [Finding("ROOT_MISMATCH", where, f"the entries do not give the root that was signed for {size} leaves, nor do the tiles")]


def _first_difference(stored: bytes, computed: bytes) -> int:
    for start in range(0, len(computed), HASH_SIZE):
        if stored[start : start + HASH_SIZE] != computed[start : start + HASH_SIZE]:
            return start // HASH_SIZE
    return len(computed) // HASH_SIZE
