"""Where the coordinator keeps ciphertexts and documents: files beside SQLite, rows of a PostgreSQL, with the same promises."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from crypto.encoding import sha256
from nodes.coordinator.keeping.blobs import PART_BYTES, BlobRows, Blobs, BlobStore
from nodes.errors import NotFoundError
from nodes.runtime.database import open_database


@pytest.fixture(params=["files", "sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def another(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Blobs]:
    """Makes one more instance over the same place."""
    if request.param == "files":
        return lambda: BlobStore(tmp_path / "blobs")
    url = request.getfixturevalue("postgresql_database") if request.param == "postgresql" else ""
    return lambda: BlobRows(open_database(tmp_path / "state", "coordinator", url))


@pytest.mark.parametrize("size", [0, 1, PART_BYTES, 3 * PART_BYTES + 5])
def test_what_one_instance_kept_the_other_one_has(another: Callable[[], Blobs], size: int) -> None:
    content = bytes(index * 7 % 251 for index in range(997)) * (size // 997 + 1)
    content = content[:size]
    digest = sha256(content + b"blob").hex()
    one, other = another(), another()
    one.put(digest, content)
    one.put(digest, content)
    assert other.get(digest) == content
    parts = list(other.parts(digest))
    assert b"".join(parts) == content
    assert all(len(part) <= PART_BYTES for part in parts)


@pytest.mark.parametrize("digest", ["00" * 32, "../../etc/passwd", "AB" * 32, ""])
def test_what_is_not_there_is_not_found(another: Callable[[], Blobs], digest: str) -> None:
    blobs = another()
    with pytest.raises(NotFoundError):
        blobs.get(digest)
    with pytest.raises(NotFoundError):
        next(blobs.parts(digest))
