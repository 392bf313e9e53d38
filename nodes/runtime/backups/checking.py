"""Whether a backup could be put back: every file is what the manifest says, every database can be read."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from nodes.errors import BackupUnusableError
from nodes.runtime.backups import postgresql
from nodes.runtime.backups.manifest import DUMP, STATE, Manifest, faults_of


def findings(directory: Path, manifest: Manifest) -> list[str]:
    """What keeps the backup from being put back, one sentence each; empty where nothing does."""
    return list(faults_of(directory, manifest)) or list(_unreadable(directory, manifest))


def _unreadable(directory: Path, manifest: Manifest) -> Iterator[str]:
    if manifest.engine == "postgresql":
        try:
            postgresql.check(directory / DUMP)
        except BackupUnusableError as error:
            yield str(error)
        return
    for each in manifest.databases:
        with closing(sqlite3.connect(f"file:{directory / STATE / each.name}?mode=ro&immutable=1", uri=True)) as database:
            said = [row[0] for row in database.execute("PRAGMA integrity_check")]
        if said != ["ok"]:
            yield f"{each.name}: {said[0]}"
