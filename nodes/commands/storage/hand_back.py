"""``xinqiao backup hand-back``: what a peer keeps of another zone's sealed backup, written out for that zone's people [F20, F22]."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from nodes.commands.output import JsonFlag, reporting
from nodes.coordinator.keeping.outbox import BACKUP
from nodes.errors import SettingsError
from nodes.peering.items import ItemStore
from nodes.peering.settings import PeeringSettings
from nodes.recovery.handing import Held, Listed, hand_back
from nodes.runtime.database import open_database

KIND = "peering"


def hand_back_(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="The TOML file of the node that mirrors the zone.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Where the chunks and their list go; must be absent.")],
    as_json: JsonFlag = False,
) -> None:
    """Hand a zone back the sealed backup that this peer keeps of it, with the list of every item that it was given. The node may run meanwhile."""
    with reporting(as_json) as report:
        settings = PeeringSettings.load(config)
        engine = open_database(settings.state_dir, KIND, settings.database_url, schema=f"{KIND}-{settings.zone}")
        store = ItemStore(engine)
        if not store.cursors(frozenset({BACKUP}))[BACKUP]:
            raise SettingsError(f"this node keeps no backup of {settings.zone}: has that zone a recovery_key, and this node the grant backup there?")
        chunks = hand_back(held_by(store), out)
        engine.dispose()
        report.result({"zone": settings.zone, "chunks": chunks, "directory": str(out)}, f"{out}: {chunks} chunks of {settings.zone}'s backup")


def held_by(store: ItemStore) -> Iterator[Held]:
    """Every item with its place; the bytes of backups alone."""
    contents = store.contents(BACKUP)
    for kind, sequence, name, digest, kept in store.listed():
        content = next(contents)[3] if kind == BACKUP and kept else b""
        listed = {"kind": kind, "sequence": sequence, "name": name, "digest": digest.hex()}
        yield Held(Listed.model_validate(listed), content)
