"""Takes a backup while the process runs: every database as it is at one instant, every file as it was just before.

Files come first, since a pin or a cursor may be older than its database and never newer; then all databases at one instant, and at the same
instant, while nobody can write to a database, files that appeared meanwhile: what a database lists has its file, and no file tells of what
is in no database yet. What a process does with such a state is what it does after a crash.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from importlib.metadata import version
from pathlib import Path

from nodes.errors import BackupUnusableError, SettingsError
from nodes.runtime.backups import postgresql
from nodes.runtime.backups.manifest import DUMP, PIN, STATE, KeptDatabase, KeptDirectory, KeptFile, KeptHead, Manifest, digest_of
from nodes.runtime.clock import now
from nodes.runtime.database import BUSY_TIMEOUT_MS, connect, reading
from nodes.runtime.files import PRIVATE_DIR, PRIVATE_FILE, make_private_directory
from nodes.runtime.migrations.found import SUFFIX, databases_of, files_of
from nodes.runtime.migrations.upgrading import lock_writers
from nodes.runtime.process import LOCK_FILE, READY_FILE
from nodes.runtime.settings import NodeSettings

_HEAD = "SELECT size, root FROM head WHERE id = 1"  # of a log
_OF_THE_PROCESS = frozenset({LOCK_FILE, READY_FILE})


def take_backup(settings: NodeSettings, to: Path, pin: Path | None = None) -> Manifest:
    """A backup of the process of ``settings`` in ``to``, which must be absent or empty. ``pin``: that of a log, if it lies outside the state.

    Raises SettingsError when ``to`` is not empty or lies in the state directory, BackupUnusableError when PostgreSQL's tools are missing or fail.
    """
    state = settings.state_dir.resolve()
    if to.resolve().is_relative_to(state):
        raise SettingsError(f"{to} lies in the state directory itself: choose a place on another medium")
    if make_private_directory(to) and any(to.iterdir()):
        raise SettingsError(f"{to} is not empty: each backup has a directory of its own")
    directories = [_directory(name, path.stat()) for name, path in _below(state) if path.is_dir()]
    kept = _copy_files(state, to / STATE, frozenset())
    if pin is not None and pin.exists():
        shutil.copyfile(pin, to / PIN)
        kept[PIN] = pin.stat()
    databases, head = _take_schemas(settings, to, kept) if settings.database_url else _take_files(settings, to, kept)
    manifest = Manifest(
        zone=settings.zone,
        member=settings.member,
        made=now(),
        program=version("xinqiao"),
        engine="postgresql" if settings.database_url else "sqlite",
        directories=tuple(directories),
        files=tuple(_described(to, name, info) for name, info in sorted(kept.items())),
        databases=tuple(databases),
        log=head,
    )
    manifest.write(to)
    return manifest


def _below(state: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(state.rglob("*")):
        yield str(path.relative_to(state)), path


def _copy_files(state: Path, to: Path, known: frozenset[str]) -> dict[str, os.stat_result]:
    """Copy every file that is no database and not ``known``; their names in the backup."""
    kept = {}
    for name, path in _below(state):
        within = f"{STATE}/{name}"
        if within in known or name in _OF_THE_PROCESS or path.is_symlink() or not path.is_file() or _belongs_to_database(path):
            continue
        target = to / name
        try:
            info = path.stat()
            target.parent.mkdir(mode=PRIVATE_DIR, parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        except FileNotFoundError:  # the process has just removed it
            continue
        kept[within] = info
    return kept


def _belongs_to_database(path: Path) -> bool:
    """Databases, what SQLite keeps beside them, copies from before upgrades, and files that are not whole yet."""
    return SUFFIX in path.suffixes or path.name.endswith((f"{SUFFIX}-wal", f"{SUFFIX}-shm", f"{SUFFIX}-journal", ".new"))


def _take_files(settings: NodeSettings, to: Path, kept: dict[str, os.stat_result]) -> tuple[list[KeptDatabase], KeptHead | None]:
    """All SQLite databases at one instant: their writers wait for as long as it takes to begin reading each, not while they are copied."""
    state = settings.state_dir.resolve()
    described = [KeptDatabase(name=found.name, kind=found.kind, revision=found.revision) for found in databases_of(settings)]
    of_log, head = {each.name for each in described if each.kind == "log"}, None
    with ExitStack() as stack:
        readers = []
        with ExitStack() as held:
            for path in files_of(state):
                writer = held.enter_context(closing(sqlite3.connect(path, isolation_level=None, timeout=BUSY_TIMEOUT_MS / 1000)))
                writer.execute("BEGIN IMMEDIATE")
                reader = stack.enter_context(closing(sqlite3.connect(path, isolation_level=None)))
                reader.execute("BEGIN")
                reader.execute("SELECT count(*) FROM sqlite_master").fetchone()  # from here on it sees this instant
                readers.append((path, reader))
            kept |= _copy_files(state, to / STATE, frozenset(kept))
        for path, reader in readers:
            if str(path.relative_to(state)) in of_log:
                head = _head(reader.execute(_HEAD).fetchone())
            target = to / STATE / path.relative_to(state)
            target.parent.mkdir(mode=PRIVATE_DIR, parents=True, exist_ok=True)
            with closing(sqlite3.connect(target)) as copy:
                reader.backup(copy)
                copy.execute("PRAGMA journal_mode=DELETE")  # one file, with nothing beside it
            kept[f"{STATE}/{path.relative_to(state)}"] = path.stat()
    return described, head


def _take_schemas(settings: NodeSettings, to: Path, kept: dict[str, os.stat_result]) -> tuple[list[KeptDatabase], KeptHead | None]:
    """All schemas of the process's PostgreSQL database in one snapshot."""
    described = [KeptDatabase(name=found.name, kind=found.kind, revision=found.revision) for found in databases_of(settings)]
    if not described:
        raise BackupUnusableError("the PostgreSQL database of the configuration holds nothing of this program")
    of_log = next((each.name for each in described if each.kind == "log"), "public")
    engine = connect(Path(), settings.database_url, of_log)
    try:
        with reading(engine) as connection:
            with engine.connect() as held, held.begin():
                for each in described:
                    held.exec_driver_sql(f'SET LOCAL search_path TO "{each.name}"')
                    lock_writers(held)
                snapshot: str = connection.exec_driver_sql("SELECT pg_export_snapshot()").scalar_one()
                kept |= _copy_files(settings.state_dir.resolve(), to / STATE, frozenset(kept))
            head = None if of_log == "public" else _head(connection.exec_driver_sql(_HEAD).one_or_none())
            postgresql.dump(settings.database_url, [each.name for each in described], snapshot, to / DUMP)
    finally:
        engine.dispose()
    kept[DUMP] = (to / DUMP).stat()
    return described, head


def _head(row: tuple[int, bytes] | None) -> KeptHead | None:
    return None if row is None else KeptHead(size=row[0], root=row[1].hex())


def _directory(name: str, info: os.stat_result) -> KeptDirectory:
    return KeptDirectory(path=name, mode=info.st_mode & 0o777, uid=info.st_uid, gid=info.st_gid)


def _described(to: Path, name: str, info: os.stat_result) -> KeptFile:
    path = to / name
    path.chmod(PRIVATE_FILE)
    with path.open("rb") as file:
        os.fsync(file.fileno())
    return KeptFile(
        path=name, mode=info.st_mode & 0o777, uid=info.st_uid, gid=info.st_gid, size=path.stat().st_size, sha256=digest_of(path)
    )  # fmt: skip
