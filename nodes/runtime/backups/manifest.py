"""What a backup says of itself: whose state it is, when it was taken, every file with its SHA-256, mode and owner. Written last."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nodes.errors import BackupUnusableError
from nodes.runtime.files import write_private

FILE = "manifest.json"
STATE, DUMP, PIN = "state", "postgresql.dump", "pin"
"""Within a backup: the state directory's files, the dump of a PostgreSQL database, and a log's pin that lies outside its state directory."""

_CHUNK = 1 << 20


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class KeptDirectory(_Part):
    """A directory below the state directory."""

    path: str
    mode: int
    uid: int
    gid: int


class KeptFile(_Part):
    """A file of the backup; ``path`` is within it."""

    path: str
    mode: int
    uid: int
    gid: int
    size: int
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class KeptDatabase(_Part):
    """A database: its file below the state directory, or its schema."""

    name: str
    kind: str
    revision: str | None


class KeptHead(_Part):
    """Where the log of the backup ends."""

    size: int
    root: str = Field(pattern="^[0-9a-f]{64}$")


class Manifest(_Part):
    """The whole document. ``made``: seconds of Unix time; ``log``: of a log's backup only."""

    format: Literal["xinqiao/backup/v1"] = "xinqiao/backup/v1"
    zone: str
    member: str
    made: int
    program: str
    engine: Literal["sqlite", "postgresql"]
    directories: tuple[KeptDirectory, ...]
    files: tuple[KeptFile, ...]
    databases: tuple[KeptDatabase, ...]
    log: KeptHead | None = None

    def write(self, directory: Path) -> None:
        """Complete the backup in ``directory``; on disk when this returns."""
        write_private(directory / FILE, json.dumps(self.model_dump(mode="json"), indent=1).encode())


def read_manifest(directory: Path) -> Manifest:
    """Raises BackupUnusableError when there is none, as in a backup that was not finished, or it is malformed."""
    path = directory / FILE
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise BackupUnusableError(f"{directory} has no {FILE}: it is no backup, or one that was not finished") from error
    except (OSError, ValidationError) as error:
        raise BackupUnusableError(f"{path} cannot be read as a backup's manifest") from error
    for name in (*(file.path for file in manifest.files), *(each.path for each in manifest.directories)):
        parts = Path(name).parts
        if not parts or ".." in parts or Path(name).is_absolute():
            raise BackupUnusableError(f"{path} names {name!r}, which is no place within a backup")
    return manifest


def faults_of(directory: Path, manifest: Manifest) -> Iterator[str]:
    """What of the backup is missing, changed or too much against its manifest, one sentence each."""
    stated = {file.path: file for file in manifest.files}
    found = {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file() or path.is_symlink()} - {FILE}
    for name in sorted(stated.keys() - found):
        yield f"{name} is missing"
    for name in sorted(found - stated.keys()):
        yield f"{name} is not in the manifest"
    for name in sorted(stated.keys() & found):
        if (directory / name).is_symlink() or digest_of(directory / name) != stated[name].sha256:
            yield f"{name} was changed"


def digest_of(path: Path) -> str:
    """SHA-256 of a file, hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
