"""Reading a mirror's files: what the receiving zone's gateway serves, and what its own programs look up [F8]. Judges nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from crypto.errors import MerkleError
from crypto.merkle import HASH_SIZE
from crypto.tiles import TILE_WIDTH, TileAddress, decode_entries, encode_entries, parse_path
from nodes.errors import NotFoundError
from nodes.peering.files import CHECKPOINT, INDEX, STATUS


class MirroredLog:
    """One zone's mirror in ``directory``, which a peer node writes."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def read_path(self, path: str) -> bytes:
        """What the static tree has at ``path``: the checkpoint, a tile or an entry bundle; a narrower one out of a wider one too.

        Raises NotFoundError for any other path, and for what is not mirrored.
        """
        if path == CHECKPOINT:
            return self._file(Path("log") / CHECKPOINT)
        try:
            address = parse_path(path)
        except MerkleError as error:
            raise NotFoundError(str(error)) from error
        return self._tile(address)

    def read_tile(self, level: int, index: int, width: int) -> bytes:
        """The first ``width`` hashes of a tile: a ``tiles.ReadTile``. Raises NotFoundError."""
        return self._tile(TileAddress(level, index, width))

    def statement(self, digest: str) -> bytes:
        """A mirrored envelope by its digest (64 hex digits, of a leaf). Raises NotFoundError where the node may not read it."""
        return self._file(Path("statements") / _digest(digest))

    def item(self, kind: str, digest: str) -> bytes:
        """An item's content by kind and digest. Raises NotFoundError."""
        if not kind.isalpha():
            raise NotFoundError("no such kind of items")
        return self._file(Path("items") / kind / _digest(digest))

    def items(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Kind → name → {sequence, digest} of the newest item of each name; empty before the first."""
        return self._json(Path("items") / INDEX)

    def status(self) -> dict[str, Any]:
        """How the peer node stands with the zone, as it wrote it last; empty before that."""
        return self._json(Path(STATUS))

    def _tile(self, address: TileAddress) -> bytes:
        exact = self.directory / "log" / address.path()
        full = TileAddress(address.level, address.index).path()
        wider = [exact, self.directory / "log" / full, *sorted((self.directory / "log" / f"{full}.p").glob("*"))]
        for path in wider:
            width = int(path.name) if path.parent.name.endswith(".p") and path.name.isdigit() else TILE_WIDTH
            if width >= address.width and path.is_file():
                return _cut(self._file(path.relative_to(self.directory)), address, width)
        raise NotFoundError(f"the mirror has no {address.path()}")

    def _file(self, name: Path) -> bytes:
        try:
            return (self.directory / name).read_bytes()
        except OSError as error:
            raise NotFoundError(f"the mirror has no {name}") from error

    def _json(self, name: Path) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads(self._file(name))
        except NotFoundError:
            return {}
        return found


def _cut(data: bytes, address: TileAddress, width: int) -> bytes:
    if address.width == width:
        return data
    if address.level is not None:
        return data[: address.width * HASH_SIZE]
    return encode_entries(decode_entries(data, width)[: address.width])


def _digest(text: str) -> str:
    if len(text) != 64 or not all(digit in "0123456789abcdef" for digit in text):
        raise NotFoundError("a digest has 64 hex digits")
    return text
