"""Content by its digest: ciphertexts under their Merkle root, documents under their SHA-256. Durable before they are named in the log.

They are files beside an embedded database, and rows of a PostgreSQL, where every instance of the coordinator finds them [B4].
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from sqlalchemy import Column, Engine, Integer, LargeBinary, MetaData, PrimaryKeyConstraint, String, Table, select

from nodes.coordinator.keeping.store import insert_new
from nodes.errors import NotFoundError
from nodes.runtime.database import reading, writing
from nodes.runtime.files import make_private_directory, write_private

PART_BYTES = 1 << 20
METADATA = MetaData()
_parts = Table(
    "blob_parts",
    METADATA,
    Column("digest", String(64), nullable=False),
    Column("part", Integer, nullable=False),
    Column("content", LargeBinary, nullable=False),
    PrimaryKeyConstraint("digest", "part"),
)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


class Blobs(Protocol):
    """Where the coordinator keeps content."""

    def put(self, digest: str, content: bytes) -> None:
        """Store ``content`` under ``digest`` (64 hex digits), which the caller has checked."""

    def get(self, digest: str) -> bytes:
        """Whole content. Raises NotFoundError."""
        ...

    def parts(self, digest: str) -> Iterator[bytes]:
        """Content in parts of at most 1 MiB. Raises NotFoundError before the first part."""
        ...


def open_blobs(state_dir: Path, engine: Engine) -> Blobs:
    """Where the coordinator with this state directory and database keeps content."""
    return BlobRows(engine) if engine.dialect.name == "postgresql" else BlobStore(state_dir / "blobs")


class BlobStore:
    """Blobs of one directory, two levels deep by the digest's first byte."""

    def __init__(self, directory: Path) -> None:
        self._directory = make_private_directory(directory)

    def put(self, digest: str, content: bytes) -> None:
        path = self._path(digest)
        make_private_directory(path.parent)
        write_private(path, content)

    def get(self, digest: str) -> bytes:
        try:
            return self._path(digest).read_bytes()
        except FileNotFoundError as error:
            raise NotFoundError(f"no blob {digest}") from error

    def parts(self, digest: str) -> Iterator[bytes]:
        try:
            file = self._path(digest).open("rb")
        except FileNotFoundError as error:
            raise NotFoundError(f"no blob {digest}") from error
        with file:
            while part := file.read(PART_BYTES):
                yield part

    def _path(self, digest: str) -> Path:
        return self._directory / _checked(digest)[:2] / digest


class BlobRows:
    """Blobs of one database, part by part."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def put(self, digest: str, content: bytes) -> None:
        places = range(0, max(len(content), 1), PART_BYTES)
        rows = [{"digest": _checked(digest), "part": part, "content": content[start : start + PART_BYTES]} for part, start in enumerate(places)]
        with writing(self._engine) as connection:
            insert_new(connection, _parts, list[dict[str, object]](rows))

    def get(self, digest: str) -> bytes:
        with reading(self._engine) as connection:
            query = select(_parts.c.content).where(_parts.c.digest == _checked(digest)).order_by(_parts.c.part)
            found = list(connection.execute(query).scalars())
        if not found:
            raise NotFoundError(f"no blob {digest}")
        return b"".join(found)

    def parts(self, digest: str) -> Iterator[bytes]:
        part = 0
        while (content := self._part(digest, part)) is not None:
            yield content
            part += 1
        if not part:
            raise NotFoundError(f"no blob {digest}")

    def _part(self, digest: str, part: int) -> bytes | None:
        with reading(self._engine) as connection:
            found: bytes | None = connection.execute(
                select(_parts.c.content).where(_parts.c.digest == _checked(digest), _parts.c.part == part)
            ).scalar_one_or_none()
        return found


def _checked(digest: str) -> str:
    if not _DIGEST.fullmatch(digest):
        raise NotFoundError("a blob is named by 64 hex digits")
    return digest
