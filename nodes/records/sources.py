"""The sources of a contributor's records, as its configuration names them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from connectors.again import ReadsAgain, read_again
from connectors.connect import connect
from connectors.customs.records import SingleWindow
from connectors.errors import MappingError
from connectors.mapping import ConnectorMapping, load_mapping
from connectors.plain import PlainFolder, read_plain_again
from connectors.records import Connector
from connectors.sources import HttpSource, SingleWindowSource, SqlSource
from nodes.records.quarantine import Again
from nodes.runtime.database import open_database


@dataclass(frozen=True, slots=True)
class Source:
    """A connector, how what was quarantined of it is read again once it is corrected, of what kind it is, and where its source is."""

    connector: Connector
    again: Again
    kind: str
    where: str


class SourcesTable(Protocol):
    """The part of a configuration that names sources: a department's, or a contributing bank's."""

    @property
    def records_dir(self) -> Path | None: ...
    @property
    def connectors(self) -> tuple[Path, ...]: ...


def open_sources(table: SourcesTable, state_dir: Path, database_url: str = "") -> list[Source]:
    """The plain folder, where there is one, and one source for each mapping, in the order of the configuration. What a connector has to keep
    lies in ``state_dir``, or in the database of ``database_url``.

    Raises MappingError when a mapping is wrong, two have the same id, or two customs clients could give the records of one trader.
    """
    sources = [] if table.records_dir is None else [Source(PlainFolder(table.records_dir), read_plain_again, "csv", str(table.records_dir))]
    sources += [_mapped(path, state_dir, database_url) for path in table.connectors]
    seen: set[str] = set()
    for source in sources:
        name = source.connector.id
        if name in seen:
            raise MappingError(f"two connectors of this node are called {name}: each needs an id of its own 名称重复")
        seen.add(name)
    _check_clients([source.connector for source in sources if isinstance(source.connector, SingleWindow)])
    return sources


def _check_clients(clients: Sequence[SingleWindow]) -> None:
    """Each client's records replace what another said of the same trader: with several, each says whose declarations it has [K8]."""
    if len(clients) < 2:
        return
    named: dict[str, str] = {}
    for client in clients:
        if client.traders is None:
            raise MappingError(
                f"{client.id}: with several customs clients each mapping names the traders that its client declares for (source.traders) 须写明"
            )
        for trader in sorted(client.traders):
            if trader in named:
                raise MappingError(f"{client.id}: {named[trader]} names the trader {trader} too; one client gives a trader's records 经营单位重复")
            named[trader] = client.id


def _mapped(path: Path, state_dir: Path, database_url: str) -> Source:
    mapping = load_mapping(path)
    customs = open_database(state_dir, "customs", database_url) if isinstance(mapping.source, SingleWindowSource) else None
    connector = connect(mapping, path.absolute().parent, customs)
    again = connector.read_again if isinstance(connector, ReadsAgain) else partial(read_again, mapping)
    return Source(connector, again, mapping.source.kind, _where(mapping))


def _where(mapping: ConnectorMapping) -> str:
    """The source as its people know it; never a URL of a database, which may hold a password."""
    match mapping.source:
        case SqlSource(view=view):
            return view or "query"
        case HttpSource(url=url):
            return urlsplit(url).hostname or ""
        case source:
            return source.folder
