"""The serving side of the log: entries, proofs, envelopes and the static C2SP tree, out of the store and two small caches [L4, L6].

Tiles of a given width never change, so they are cached by level, index and width; the newest entries are kept so that followers
do not read the database for each group.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

from crypto import tiles
from crypto.errors import MerkleError
from nodes.errors import NotFoundError
from nodes.log.publication import Publication
from nodes.log.storage import Entry, LogStore

CACHED_TILES = 512
RECENT_ENTRIES = 4096
RECENT_BYTES = 16 << 20
CHECKPOINT_PATH = "checkpoint"


class Reader:
    """Read access to the published part of the tree. Thread-safe."""

    def __init__(self, store: LogStore, publication: Publication) -> None:
        self._store, self._publication = store, publication
        self._lock = threading.Lock()
        self._tiles: OrderedDict[tuple[int, int, int], bytes] = OrderedDict()
        self._recent: OrderedDict[int, Entry] = OrderedDict()
        self._recent_bytes = 0

    def remember(self, entries: Sequence[Entry]) -> None:
        """Keep entries that were just committed, the oldest giving way."""
        with self._lock:
            for entry in entries:
                self._recent[entry.index] = entry
                self._recent_bytes += len(entry.envelope)
            while self._recent and (len(self._recent) > RECENT_ENTRIES or self._recent_bytes > RECENT_BYTES):
                self._recent_bytes -= len(self._recent.popitem(last=False)[1].envelope)

    def entries(self, start: int, end: int, max_bytes: int) -> list[Entry]:
        """Entries from ``start`` on, before ``end``, with ``max_bytes`` of envelopes in all, at least one. Requires start < end <= signed size."""
        found: list[Entry] = []
        with self._lock:
            while start + len(found) < end and (entry := self._recent.get(start + len(found))) is not None:
                max_bytes -= len(entry.envelope)
                if found and max_bytes < 0:
                    break
                found.append(entry)
        return found or self._store.entries(start, end, max_bytes)

    def read_tile(self, level: int, index: int, width: int) -> bytes:
        """The first ``width`` hashes of a tile: a ``tiles.ReadTile``. Raises StorageError when they are not stored."""
        key = (level, index, width)
        with self._lock:
            data = self._tiles.get(key)
            if data is not None:
                self._tiles.move_to_end(key)
                return data
        data = self._store.read_tile(level, index, width)
        with self._lock:
            self._tiles[key] = data
            if len(self._tiles) > CACHED_TILES:
                self._tiles.popitem(last=False)
        return data

    def inclusion_proof(self, index: int, size: int) -> list[bytes]:
        """Audit path of leaf ``index`` in the tree of ``size`` leaves. Raises MerkleError unless index < size <= signed size."""
        self._check_size(size)
        return tiles.inclusion_proof(index, size, self.read_tile)

    def consistency_proof(self, size1: int, size2: int) -> list[bytes]:
        """Proof from ``size1`` to ``size2``. Raises MerkleError unless size1 <= size2 <= signed size."""
        self._check_size(size2)
        return tiles.consistency_proof(size1, size2, self.read_tile)

    def entry_of(self, digest: bytes) -> Entry:
        """The published entry whose envelope has this digest. Raises NotFoundError."""
        entry = self._store.entry_of(digest)
        if entry is None or entry.index >= self._publication.signed.size:
            raise NotFoundError("no envelope with this digest is in the log")
        return entry

    def read_path(self, path: str) -> bytes:
        """What the static tree has at ``path``: the witnessed checkpoint, a tile or an entry bundle, partial ones included.

        Raises NotFoundError for any other path, for tiles that the tree does not reach, and for the checkpoint before it is witnessed.
        """
        if path == CHECKPOINT_PATH:
            witnessed = self._publication.witnessed
            if witnessed is None:
                raise NotFoundError("no checkpoint has been witnessed yet")
            return witnessed.note
        try:
            address = tiles.parse_path(path)
        except MerkleError as error:
            raise NotFoundError(str(error)) from error
        if address.width > tiles.tile_width(address.level or 0, address.index, self._publication.signed.size):
            raise NotFoundError(f"the log has no {path}")
        if address.level is not None:
            return self.read_tile(address.level, address.index, address.width)
        start = address.index * tiles.TILE_WIDTH
        return tiles.encode_entries(self._store.leaves(start, start + address.width))

    def _check_size(self, size: int) -> None:
        if size > self._publication.signed.size:
            raise MerkleError(f"the log has not signed a tree of size {size}")
