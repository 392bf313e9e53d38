"""``xinqiao backup``: a process's state taken while it runs, checked, and put back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nodes.commands.output import ExitCode, JsonFlag, reporting
from nodes.log.__main__ import LogSettings
from nodes.runtime import logging
from nodes.runtime.backups.checking import findings
from nodes.runtime.backups.manifest import Manifest, read_manifest
from nodes.runtime.backups.restoring import Newest, restore_backup
from nodes.runtime.backups.taking import take_backup
from nodes.runtime.settings import AnyRoleSettings, role_of

app = typer.Typer(no_args_is_help=True, help="Backups of processes (备份), and the zone's sealed backup at its peers.")
Config = Annotated[Path, typer.Option(help="The TOML file of the process.")]
Source = Annotated[Path, typer.Argument(help="The backup's directory.")]


@app.callback()
def _group() -> None:
    """Backups of processes, and the zone's sealed backup at its peers."""


@app.command("create")
def create(
    config: Config,
    to: Annotated[Path, typer.Option(help="Directory for the backup; absent or empty, best on another medium.")],
    as_json: JsonFlag = False,
) -> None:
    """Take a backup of a process's state: databases at one instant, files with modes and owners. The process may run. Keys are not in it.

    The backup holds what the process holds, records in clear included: keep the medium as you keep the process's disk.
    """
    with reporting(as_json) as report:
        settings = AnyRoleSettings.load(config)
        logging.configure(settings.member, settings.log_level)
        report.progress(f"{settings.state_dir} → {to}")
        manifest = take_backup(settings, to, _pin(config))
        report.result(_document(to, manifest), f"{to}: {_summary(manifest)}")


@app.command("check")
def check(source: Source, as_json: JsonFlag = False) -> None:
    """Compare every file of a backup with its manifest, and have every database read. Exit code 1 when something is missing or changed."""
    with reporting(as_json) as report:
        manifest = read_manifest(source)
        found = findings(source, manifest)
        text = "\n".join((f"{source}: {_summary(manifest)}", *found))
        report.result({**_document(source, manifest), "findings": found}, text, ExitCode.NOT_HOLDING if found else ExitCode.DONE)


@app.command("restore")
def restore(
    source: Source,
    config: Config,
    checkpoint: Annotated[
        Path | None, typer.Option(help="For a log: the newest checkpoint that anybody holds (gateway's /log/checkpoint, a witness, an auditor).")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Put a backup back into the empty state directory that the configuration names; the process then starts from it and catches up.

    A log's backup is refused when its pin, or the checkpoint, is newer: it would sign a second history.
    """
    with reporting(as_json) as report:
        settings = AnyRoleSettings.load(config)
        logging.configure(settings.member, settings.log_level)
        pin = _pin(config)
        newest = None if pin is None else Newest(pin, None if checkpoint is None else checkpoint.read_bytes())
        report.progress(f"{source} → {settings.state_dir}")
        manifest = restore_backup(settings, source, newest)
        report.result(_document(source, manifest), f"{settings.state_dir}: {_summary(manifest)}")


def _pin(config: Path) -> Path | None:
    """Where a log keeps its pin; None for every other process."""
    if role_of(config) != "log":
        return None
    settings = LogSettings.load(config)
    return settings.pin


def _document(place: Path, manifest: Manifest) -> dict[str, object]:
    return {
        "backup": str(place),
        "member": manifest.member,
        "made": manifest.made,
        "engine": manifest.engine,
        "files": len(manifest.files),
        "bytes": sum(file.size for file in manifest.files),
        "databases": [each.model_dump() for each in manifest.databases],
        "log": None if manifest.log is None else manifest.log.model_dump(),
    }


def _summary(manifest: Manifest) -> str:
    size = sum(file.size for file in manifest.files)
    databases = ", ".join(each.name for each in manifest.databases) or "no database"
    ends = "" if manifest.log is None else f"; the log ends at {manifest.log.size} leaves"
    return f"{manifest.member}, {len(manifest.files)} files, {size / 1e6:,.1f} MB, {databases}{ends}"
