"""Content-addressed files: ciphertexts under their Merkle root, documents under their SHA-256. Durable before they are named in the log."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from nodes.errors import NotFoundError
from nodes.runtime.files import make_private_directory, write_private

PART_BYTES = 1 << 20
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


class BlobStore:
    """Blobs of one directory, two levels deep by the digest's first byte."""

    def __init__(self, directory: Path) -> None:
        self._directory = make_private_directory(directory)

    def put(self, digest: str, content: bytes) -> None:
        """Store ``content`` under ``digest`` (64 hex digits), which the caller has checked."""
        path = self._path(digest)
        make_private_directory(path.parent)
        write_private(path, content)

    def get(self, digest: str) -> bytes:
        """Whole content. Raises NotFoundError."""
        try:
            return self._path(digest).read_bytes()
        except FileNotFoundError as error:
            raise NotFoundError(f"no blob {digest}") from error

    def parts(self, digest: str) -> Iterator[bytes]:
        """Content in parts of at most 1 MiB. Raises NotFoundError before the first part."""
        try:
            file = self._path(digest).open("rb")
        except FileNotFoundError as error:
            raise NotFoundError(f"no blob {digest}") from error
        with file:
            while part := file.read(PART_BYTES):
                yield part

    def _path(self, digest: str) -> Path:
        if not _DIGEST.fullmatch(digest):
            raise NotFoundError("a blob is named by 64 hex digits")
        return self._directory / digest[:2] / digest
