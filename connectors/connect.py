"""From a mapping's file to the connector that it describes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import StaticPool

from connectors.api.client import Client, trust_of
from connectors.api.pages import ApiConnector
from connectors.api.signing import credentials_of
from connectors.customs.channels import Channels
from connectors.customs.folders import ClientFolders
from connectors.customs.records import SingleWindow
from connectors.customs.store import METADATA, CustomsStore
from connectors.database.engine import open_engine
from connectors.database.view import ViewConnector
from connectors.files.csv_rows import read_csv
from connectors.files.folder import WatchedFolder
from connectors.files.table import read_table
from connectors.files.xlsx_rows import read_xlsx
from connectors.mapping import ConnectorMapping, load_mapping
from connectors.records import Connector, Malformed, Record
from connectors.sources import CsvSource, HttpSource, SingleWindowSource, SqlSource, XlsxSource


def open_connector(path: Path) -> Connector:
    """The connector of the mapping in ``path``. Raises MappingError when the mapping, or a file that it names, is not as it should be."""
    return connect(load_mapping(path), path.absolute().parent)


def connect(mapping: ConnectorMapping, base: Path, customs: Engine | None = None) -> Connector:
    """The connector of ``mapping``, whose paths are relative to ``base``. ``customs``: where one over the customs client's folders keeps its
    messages, apart from the records' own database; without it they are kept for as long as the connector is, as a dry run needs it."""
    source = mapping.source
    match source:
        case CsvSource():
            return WatchedFolder(
                mapping.id, base / source.folder, source.pattern, source.quiet_s, partial(_read_csv, mapping, source), mapping.reading
            )
        case XlsxSource():
            return WatchedFolder(
                mapping.id, base / source.folder, source.pattern, source.quiet_s, partial(_read_xlsx, mapping, source), mapping.reading
            )
        case SqlSource():
            return ViewConnector(mapping, source, open_engine(source, base))
        case HttpSource():
            return ApiConnector(mapping, source, partial(Client, source, trust_of(source, base), credentials_of(source.auth, base)))
        case SingleWindowSource():
            store = CustomsStore(customs or _memory(), mapping.id, Channels(source.dialect), lambda: int(time.time()))
            traders = None if source.traders is None else frozenset(source.traders)
            return SingleWindow(mapping.id, ClientFolders(base / source.folder, source.quiet_s), store, time.time, source.rates, traders)


def _memory() -> Engine:
    """A database that lives as long as the connector: for one that is only tried out."""
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    METADATA.create_all(engine)
    return engine


def _read_csv(mapping: ConnectorMapping, source: CsvSource, file: BinaryIO, name: str) -> Iterator[Record | Malformed]:
    rows = read_csv(file, source.encoding, source.delimiter)
    return read_table(rows, mapping, name, source.header_line, ragged=False)


def _read_xlsx(mapping: ConnectorMapping, source: XlsxSource, file: BinaryIO, name: str) -> Iterator[Record | Malformed]:
    return read_table(read_xlsx(file, source.sheet), mapping, name, source.header_line, ragged=True)
