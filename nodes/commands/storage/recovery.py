"""``xinqiao backup key|open|recover``: what a zone does with the backup that its peers keep of it (docs/specs/federation.md, F20–F22)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from nodes.commands.output import JsonFlag, Report, of_form, reporting
from nodes.coordinator.keeping.blobs import open_blobs
from nodes.coordinator.keeping.outbox import Outbox
from nodes.coordinator.keeping.store import Store
from nodes.coordinator.settings import CoordinatorSettings
from nodes.errors import SettingsError
from nodes.evidence.archive import Archive
from nodes.evidence.roots import Roots
from nodes.log.__main__ import LogSettings
from nodes.log.admission import Admission
from nodes.log.publication import FilePin
from nodes.log.storage import LogStore
from nodes.recovery.handing import chunks_in, given_before, read_chunk
from nodes.recovery.installing import Count, install_blobs, install_log, renumber_work
from nodes.recovery.keys import make_recovery_key, read_recovery_key
from nodes.recovery.unsealing import open_backup
from nodes.runtime.clock import now
from nodes.runtime.database import open_database
from nodes.runtime.files import make_private_directory
from nodes.runtime.replica.zone import read_public
from nodes.runtime.settings import NodeSettings
from scoring.statements import Name

ZoneName = Annotated[str, typer.Option(help="The zone, such as hangzhou-binjiang.", callback=of_form(Name))]
Keys = Annotated[Path, typer.Option(help="The zone's public directory, as it was pinned.")]
ArchiveDir = Annotated[Path, typer.Argument(metavar="ARCHIVE", help="The directory that `backup open` wrote, or an auditor's copy with statements.")]


def key(
    zone: ZoneName,
    private: Annotated[Path, typer.Option(help="Where the private half goes (0600): a medium that is kept offline.")],
    public: Annotated[Path, typer.Option(help="Where the public half goes: [coordinator] recovery_key names it.")],
    as_json: JsonFlag = False,
) -> None:
    """Make the zone's recovery key. Whoever has the private half reads the whole backup; without it nobody does, its zone included."""
    with reporting(as_json) as report:
        made = make_recovery_key(zone, private, public)
        report.result(
            {"zone": zone, "private": str(private), "public": str(public), "key": made.hex()},
            f"{public} seals backups; only {private} opens them. Take it off this machine, keep two copies apart, and write over neither",
        )


def open_(
    chunks: Annotated[Path, typer.Argument(metavar="CHUNKS", help="Directory of chunks as a peer handed them back.")],
    keys: Keys,
    recovery_key: Annotated[Path, typer.Option(help="The private half of the recovery key.")],
    checkpoint: Annotated[
        list[Path],
        typer.Option(
            help="The newest checkpoint of the log that a witness, a peer or an auditor knows; may be repeated. The backup must reach each."
        ),
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="Where the archive goes; must be absent.")],
    as_json: JsonFlag = False,
) -> None:
    """Open the backup that a peer kept into an archive. Everything in it is proven by the log; `xinqiao audit` judges it like any other."""
    with reporting(as_json) as report:
        if out.exists():
            raise SettingsError(f"{out} is there already: an archive is opened into a fresh directory")
        roots = Roots.load(keys)
        private = read_recovery_key(recovery_key, roots.zone)
        known = [read_public(path) for path in checkpoint]
        found = open_backup(_contents(chunks_in(chunks), report), private, roots, Archive(out / "log", out), known)
        document = {"size": found.size, "documents": len(found.blobs), "receipts": found.receipts, "missing": found.missing, "archive": str(out)}
        lost = f"; MISSING: {', '.join(found.missing)}" if found.missing else ""
        report.result(document, f"{out}: {found.size} leaves, {len(found.blobs)} documents and ciphertexts, {found.receipts} receipts{lost}")


def recover(
    archive: ArchiveDir,
    log: Annotated[Path, typer.Option(help="The log's TOML file; its state directory must be empty.")],
    coordinator: Annotated[Path, typer.Option(help="The coordinator's TOML file; its state directory must be empty.")],
    chunks: Annotated[
        Path | None, typer.Option(help="The directory that the peer handed back: what peers were given goes on being numbered.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Put an archive into the empty state directories of log and coordinator. Then start the log, the coordinator, and the rest."""
    with reporting(as_json) as report:
        found = Archive.find(archive)
        at_log, at_coordinator = LogSettings.load(log), CoordinatorSettings.load(coordinator)
        _check_empty(at_log, at_coordinator)
        for each in (at_log, at_coordinator):
            make_private_directory(each.state_dir)  # on a new machine there is none
        given = given_before(chunks) if chunks is not None else []
        admission = Admission(read_public(at_log.public_dir / "registry.dsse.json"))
        head = install_log(
            found,
            admission,
            LogStore(open_database(at_log.state_dir, "log", at_log.database_url)),
            FilePin(at_log.pin),
            _progress(report),
        )
        engine = open_database(at_coordinator.state_dir, "coordinator", at_coordinator.database_url)
        documents = install_blobs(found, open_blobs(at_coordinator.state_dir, engine), _progress(report))
        renumber_work(found, Roots.load(at_log.public_dir).registry, Store(engine), now())
        Outbox(engine).restore(given)
        report.result(
            {"size": head.size, "root": head.root.hex(), "documents": documents},
            f"the log goes on from leaf {head.size}, root {head.root.hex()[:16]}…; {documents} documents and ciphertexts are at the coordinator",
        )


def _contents(paths: Sequence[Path], report: Report) -> Iterator[bytes]:
    for done, path in enumerate(paths, 1):
        report.progress(f"chunks opened: {done}/{len(paths)}")
        yield read_chunk(path)


def _progress(report: Report) -> Count:
    return lambda what, done, total: report.progress(f"{what}: {done}/{total}")


def _check_empty(*settings: NodeSettings) -> None:
    """Raises SettingsError before anything is written where something is there."""
    for each in settings:
        if each.state_dir.is_dir() and any(each.state_dir.iterdir()):
            raise SettingsError(f"{each.state_dir} is not empty: move what is in it away, then recover into an empty directory")
