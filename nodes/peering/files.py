"""The mirror as plain files, for whoever asks while the origin is away: the static C2SP tree, and what this node may read behind it [F8].

Everything is written, and on disk, before the checkpoint that covers it; so a directory that was copied or served at any moment is a log.
It holds nothing that is not in the node's database: remove it, and it is made again at the next start.
"""

from __future__ import annotations

from pathlib import Path

from crypto.checkpoint import WitnessedCheckpoint, open_checkpoint
from crypto.encoding import canonical_json
from crypto.errors import MerkleError, NoteError
from crypto.merkle import leaf_hash
from crypto.tiles import TILE_WIDTH, TileAddress, encode_entries, tile_count, tile_width
from nodes.errors import LogForkError
from nodes.log.tree import Edge
from nodes.runtime.files import PUBLIC_FILE, write_public
from nodes.runtime.replica.store import LogReplica
from scoring.statements import parse_leaf

CHECKPOINT, STATUS, INDEX = "checkpoint", "status.json", "index.json"
BUNDLES_AT_ONCE = 16
_DIR = PUBLIC_FILE | 0o111


class MirrorFiles:
    """Writes one log's files under ``directory``. One thread calls it."""

    def __init__(self, directory: Path, replica: LogReplica) -> None:
        self._directory, self._replica = directory, replica
        for path in (directory, directory / "log", directory / "statements", directory / "items"):
            path.mkdir(mode=_DIR, parents=True, exist_ok=True)
            path.chmod(_DIR)  # the process's umask keeps others out, which is not what these are for
        self._edge = self._written()
        self._write_statements(0, self._edge.size)  # one may have come, or be readable to this version, only after its leaf was shown

    @property
    def size(self) -> int:
        """Leaves under the checkpoint that is shown."""
        return self._edge.size

    def publish(self, note: bytes, checkpoint: WitnessedCheckpoint) -> None:
        """Show everything up to a witnessed checkpoint of the replica, whose signed note is ``note``, of at least the size shown.

        Raises LogForkError when it is of another tree.
        """
        edge, before = self._edge, self._edge.size
        while edge.size < checkpoint.size:
            edge = self._extend(edge, min(checkpoint.size, (edge.size // TILE_WIDTH + BUNDLES_AT_ONCE) * TILE_WIDTH))
        if edge.frontier.root() != checkpoint.root:
            raise LogForkError(f"the witnessed root of {checkpoint.size} leaves is not that of the mirrored ones")
        self._write_statements(before, checkpoint.size)
        write_public(self._directory / "log" / CHECKPOINT, note)
        self._edge = edge
        for address in _partial(before):
            if address not in _partial(edge.size):
                (self._directory / "log" / address.path()).unlink(missing_ok=True)

    def complete(self, digest: str, envelope: bytes) -> None:
        """Show a statement that came later than its leaf."""
        self._write(Path("statements") / digest, envelope)

    def put_item(self, kind: str, digest: str, content: bytes) -> None:
        """Show an item under its digest."""
        self._write(Path("items") / kind / digest, content)

    def put_index(self, index: dict[str, dict[str, dict[str, object]]]) -> None:
        """Show which item is the newest of each name, by kind."""
        write_public(self._directory / "items" / INDEX, canonical_json(index))

    def put_status(self, status: dict[str, object]) -> None:
        """Show how this node stands with the other zone."""
        write_public(self._directory / STATUS, canonical_json(status))

    def _extend(self, edge: Edge, end: int) -> Edge:
        first = edge.size // TILE_WIDTH * TILE_WIDTH
        leaves = [entry.leaf for entry in self._replica.entries(first, end)]
        for start in range(0, len(leaves), TILE_WIDTH):
            bundle = leaves[start : start + TILE_WIDTH]
            self._put(TileAddress(None, (first + start) // TILE_WIDTH, len(bundle)), encode_entries(bundle))
        extended, rows = edge.extended([leaf_hash(leaf) for leaf in leaves[edge.size - first :]])
        for row in rows:
            width = tile_width(row.level, row.index, end)
            self._put(TileAddress(row.level, row.index, width), row.hashes)
        return extended

    def _write_statements(self, start: int, end: int) -> None:
        for entry in self._replica.entries(start, end):
            name = Path("statements") / parse_leaf(entry.leaf).digest if entry.envelope else None
            if name is not None and not (self._directory / name).exists():
                self._write(name, entry.envelope)

    def _put(self, address: TileAddress, data: bytes) -> None:
        self._write(Path("log") / address.path(), data)

    def _write(self, name: Path, data: bytes) -> None:
        path = self._directory / name
        for parent in [parent for parent in reversed(path.parents) if self._directory in parent.parents and not parent.exists()]:
            parent.mkdir()
            parent.chmod(_DIR)
        write_public(path, data)

    def _written(self) -> Edge:
        """The edge of what is shown already; an empty one where that is nothing, or not of this tree."""
        try:
            checkpoint = open_checkpoint((self._directory / "log" / CHECKPOINT).read_bytes(), self._replica.log_vkey)
            if checkpoint.size > self._replica.head.size or self._replica.root_at(checkpoint.size) != checkpoint.root:
                return Edge()
            edge = Edge.load(checkpoint.size, self._read_tile)
        except (OSError, NoteError, MerkleError):
            return Edge()
        return edge if edge.frontier.root() == checkpoint.root else Edge()

    def _read_tile(self, level: int, index: int, width: int) -> bytes:
        return (self._directory / "log" / TileAddress(level, index, width).path()).read_bytes()


def _partial(size: int) -> list[TileAddress]:
    """The tiles and the bundle on the edge of a tree that are not full."""
    found = []
    for level in [None, *range(8)]:
        index, width = divmod(tile_count(level or 0, size), TILE_WIDTH)
        if width:
            found.append(TileAddress(level, index, width))
    return found
