"""A log as plain files: the static C2SP tree, statements, blobs, and what was handed in beside them. Reads and writes, judges nothing.

``DIR/log`` holds checkpoint, tile/…, envelopes/<digest> and blobs/<digest>; ``DIR/receipts`` and ``DIR/epochs`` JSON documents.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from crypto.encoding import sha256
from crypto.errors import MerkleError
from crypto.tiles import TILE_WIDTH, TileAddress, parse_path, tiles_of
from nodes.errors import SettingsError
from nodes.runtime.files import PRIVATE_DIR, write_public

_DIGEST = re.compile(r"[0-9a-f]{64}")
CHECKPOINT = "checkpoint"


class Archive:
    """The files of one log in ``log_dir``, and documents in ``documents_dir`` (None: there are none)."""

    def __init__(self, log_dir: Path, documents_dir: Path | None = None) -> None:
        self.log_dir, self.documents_dir = log_dir, documents_dir

    @classmethod
    def find(cls, path: Path) -> Archive:
        """The archive at ``path``: a run's directory, or its log directory alone. Raises SettingsError when neither has a checkpoint."""
        if (path / "log" / CHECKPOINT).is_file():
            return cls(path / "log", path)
        if (path / CHECKPOINT).is_file():
            return cls(path)
        raise SettingsError(f"{path} holds no log: there is neither log/checkpoint nor checkpoint")

    # --- reading ---

    def checkpoint(self) -> bytes | None:
        """The signed note; None when there is none yet."""
        return _read(self.log_dir / CHECKPOINT)

    def tile(self, address: TileAddress) -> bytes | None:
        """A tile or entry bundle, None when it is missing."""
        return _read(self.log_dir / address.path())

    def tiles(self) -> Iterator[TileAddress]:
        """Every tile and entry bundle that is there, partial ones of earlier sizes included, in order of path."""
        for path in sorted((self.log_dir / "tile").glob("**/*")):
            try:
                address = parse_path(path.relative_to(self.log_dir).as_posix())
            except MerkleError:
                continue
            if path.is_file():
                yield address

    @property
    def has_statements(self) -> bool:
        """Whether statements are here at all: without them only the public tree can be judged."""
        return (self.log_dir / "envelopes").is_dir()

    def envelope(self, digest: str) -> bytes | None:
        """The envelope stored under a digest (64 hex digits); its bytes are unchecked. None when it is missing."""
        return _read(self.log_dir / "envelopes" / digest)

    def blob(self, digest: str) -> bytes | None:
        """The blob stored under a digest; its bytes are unchecked. None when it is missing."""
        return _read(self.blob_path(digest))

    def blob_path(self, digest: str) -> Path:
        """Where a blob lies."""
        return self.log_dir / "blobs" / digest

    def documents(self, kind: str) -> list[Path]:
        """JSON files handed in: ``receipts`` or ``epochs``, in order of path."""
        found = [] if self.documents_dir is None else sorted((self.documents_dir / kind).glob("**/*.json"))
        return [path for path in found if path.is_file()]

    # --- writing ---

    def put_tile(self, address: TileAddress, data: bytes) -> None:
        """Store a tile or bundle."""
        _put(self.log_dir / address.path(), data)

    def put_checkpoint(self, note: bytes) -> None:
        """Store the note that covers what is stored; on disk when this returns."""
        write_public(self.log_dir / CHECKPOINT, note)

    def prune(self, size: int) -> None:
        """Remove every tile that is not of the tree of ``size`` leaves: partial ones of smaller trees, and what lies beyond."""
        kept = set(tiles_of(size))
        for address in list(self.tiles()):
            path = self.log_dir / address.path()
            if address not in kept:
                path.unlink()
                if address.width < TILE_WIDTH and not any(path.parent.iterdir()):
                    path.parent.rmdir()

    def reject(self, addresses: Iterable[TileAddress], note: bytes) -> Path:
        """Move tiles that were not those of ``note`` out of the tree, beside the note: evidence against the log. Where they are now."""
        place = self.log_dir / "rejected" / sha256(note).hex()[:16]
        place.mkdir(parents=True, exist_ok=True)
        for address in addresses:
            path = self.log_dir / address.path()
            (place / address.path()).parent.mkdir(parents=True, exist_ok=True)
            path.replace(place / address.path())
        write_public(place / CHECKPOINT, note)
        return place

    def put_envelope(self, digest: str, data: bytes) -> None:
        """Store a statement under its digest."""
        self._put_private("envelopes", digest, data)

    def put_blob(self, digest: str, data: bytes) -> None:
        """Store a document under its SHA-256, or ciphertexts under their Merkle root."""
        self._put_private("blobs", digest, data)

    def put_document(self, kind: str, name: str, data: bytes) -> None:
        """Store a document of ``kind`` (receipts, epochs). Requires a ``documents_dir``."""
        assert self.documents_dir is not None
        directory = self.documents_dir / kind
        directory.mkdir(mode=PRIVATE_DIR, parents=True, exist_ok=True)
        _put(directory / name, data)

    def _put_private(self, part: str, digest: str, data: bytes) -> None:
        if not _DIGEST.fullmatch(digest):
            raise ValueError(f"{digest!r} is not a digest")
        (self.log_dir / part).mkdir(mode=PRIVATE_DIR, parents=True, exist_ok=True)
        _put(self.log_dir / part / digest, data)


def _read(path: Path) -> bytes | None:
    """A plain file; None where there is none. Whoever hands an archive over may lay a pipe or a link to a device into it, which end never."""
    return path.read_bytes() if path.is_file() else None


def _put(path: Path, data: bytes) -> None:
    """Whole or not at all; content is checked again whenever it is read, so it need not be synced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    temporary.write_bytes(data)
    temporary.replace(path)
