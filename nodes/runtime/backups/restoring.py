"""Puts a backup back into an empty state directory, and into a PostgreSQL database without the process's schemas.

A log is the one process that must never go on from an old state: it would sign a second history. Its backup is put back only where the newest
checkpoint that anyone holds shows that nothing came after it [L4].
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import inspect

from crypto.checkpoint import open_checkpoint
from crypto.statements import parse_envelope
from nodes.errors import BackupUnusableError, LogForkError, RollbackError, SettingsError, StateNotEmptyError
from nodes.runtime.backups import postgresql
from nodes.runtime.backups.manifest import DUMP, PIN, STATE, KeptDirectory, KeptFile, KeptHead, Manifest, faults_of, read_manifest
from nodes.runtime.database import connect
from nodes.runtime.files import make_private_directory, read_private, sync_directory, write_private
from nodes.runtime.migrations.catalogue import revisions
from nodes.runtime.process import LOCK_FILE, take_state
from nodes.runtime.replica.zone import read_public
from nodes.runtime.settings import NodeSettings
from scoring.statements import Registry, parse_statement

RETIRE = (
    "Going on from it would sign a second history, which witnesses refuse. Look for a newer backup; if there is none, retire this log: start a "
    "new one with a new key, and keep this backup to be read (xinqiao audit)"
)


@dataclass(frozen=True, slots=True)
class Newest:
    """What is known of where the log had come to. ``pin``: where the log keeps its pin; ``checkpoint``: the newest one that anybody holds."""

    pin: Path
    checkpoint: bytes | None = None


def restore_backup(settings: NodeSettings, source: Path, newest: Newest | None = None) -> Manifest:
    """The state that ``source`` holds is that of the process of ``settings`` when this returns; at an error nothing of it is left.

    ``newest`` is for a log. Raises BackupUnusableError when the backup is not whole, SettingsError when it is another process's or of another engine,
    StateNotEmptyError when there is a state already, RollbackError and LogForkError when a log would fork.
    """
    manifest = read_manifest(source)
    _check(settings, source, manifest)
    if manifest.log is not None:
        if newest is None:
            raise SettingsError("this is a log's backup, the configuration is not a log's")
        _check_fork(settings, manifest.log, newest)
    state = make_private_directory(settings.state_dir)
    if any(path.name != LOCK_FILE for path in state.iterdir()):
        raise StateNotEmptyError(f"{state} is not empty: a backup is put back where nothing is. Move what is there away first")
    with take_state(state):
        try:
            _write(source, state, manifest)
            if manifest.engine == "postgresql":
                _restore_schemas(settings, source, manifest)
        except BaseException:
            _empty(state)
            raise
    if newest is not None and (source / PIN).exists() and not newest.pin.exists():
        write_private(newest.pin, (source / PIN).read_bytes())
    return manifest


def _check(settings: NodeSettings, source: Path, manifest: Manifest) -> None:
    if faults := list(faults_of(source, manifest)):
        raise BackupUnusableError(f"{source}: {'; '.join(faults[:5])}{' …' if len(faults) > 5 else ''}")
    if (manifest.zone, manifest.member) != (settings.zone, settings.member):
        raise SettingsError(f"the backup is of {manifest.member} in {manifest.zone}, the configuration of {settings.member} in {settings.zone}")
    if manifest.engine != ("postgresql" if settings.database_url else "sqlite"):
        raise SettingsError(f"the backup is of {manifest.engine}: the configuration must name the same kind of database")
    for each in manifest.databases:
        if each.revision is not None and each.revision not in revisions(each.kind):
            raise SettingsError(
                f"the backup's {each.name} is at revision {each.revision}: a newer version of the program wrote it, restore it with that one"
            )


def _check_fork(settings: NodeSettings, head: KeptHead, newest: Newest) -> None:
    envelope = parse_envelope(read_public(settings.public_dir / "registry.dsse.json"))
    registry = parse_statement(envelope.payload_type, envelope.payload)
    if not isinstance(registry, Registry):
        raise SettingsError(f"{settings.public_dir / 'registry.dsse.json'} is no registry")
    notes = [note for note in (newest.checkpoint, read_private(newest.pin) if newest.pin.exists() else None) if note is not None]
    if not notes:
        raise RollbackError(
            "nothing shows that the log had not gone on after this backup: its pin is gone. Give the newest checkpoint that anybody holds (the "
            "gateway's /log/checkpoint, a witness, an auditor, a peer zone's mirror) with --checkpoint"
        )
    for note in notes:
        known = open_checkpoint(note, registry.log_vkey)
        if known.size > head.size:
            raise RollbackError(f"the backup's log ends at {head.size} leaves, a checkpoint of {known.size} was signed: it is an old copy. {RETIRE}")
        if known.size == head.size and known.root.hex() != head.root:
            raise LogForkError(f"the backup's log has another history than the checkpoint signed at {known.size} leaves. {RETIRE}")


def _write(source: Path, state: Path, manifest: Manifest) -> None:
    """The files and directories of the state, with their modes, and their owners where this user may give them away; on disk at the end."""
    for directory in manifest.directories:
        path = state / directory.path
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        _belongs(path, directory)
    for file in manifest.files:
        if not file.path.startswith(f"{STATE}/"):
            continue
        path = state / file.path.removeprefix(f"{STATE}/")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copyfile(source / file.path, path)
        _belongs(path, file)
        with path.open("rb") as written:
            os.fsync(written.fileno())
    for path in (state, *(path for path in state.rglob("*") if path.is_dir())):
        sync_directory(path)


def _belongs(path: Path, kept: KeptFile | KeptDirectory) -> None:
    path.chmod(kept.mode)
    if os.geteuid() == 0:
        os.chown(path, kept.uid, kept.gid)


def _restore_schemas(settings: NodeSettings, source: Path, manifest: Manifest) -> None:
    engine = connect(Path(), settings.database_url, "public")
    try:
        there = set(inspect(engine).get_schema_names())
    finally:
        engine.dispose()
    if taken := sorted(there & {each.name for each in manifest.databases}):
        raise StateNotEmptyError(f"the PostgreSQL database already has {', '.join(taken)}: make an empty one")
    postgresql.restore(settings.database_url, source / DUMP)


def _empty(state: Path) -> None:
    for path in state.iterdir():
        if path.name == LOCK_FILE:
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            with suppress(FileNotFoundError):
                path.unlink()
