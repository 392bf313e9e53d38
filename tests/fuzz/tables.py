"""Readers of what departments deliver: mappings, CSV, workbooks, pages of an API, kept cursors. What comes out must be storable."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from typing import cast

from openpyxl import Workbook

from connectors.api.client import Client
from connectors.api.pages import ApiConnector
from connectors.database.position import Position
from connectors.files.csv_rows import read_csv
from connectors.files.table import read_table
from connectors.files.xlsx_rows import read_xlsx
from connectors.mapping import ConnectorMapping, parse_mapping
from connectors.records import Malformed, Record
from connectors.sources import HttpSource
from crypto.subjects import examine_uscc
from tests.fuzz.judge import Parser
from tests.support.connecting import HEADER, MAPPING, row, table

API = MAPPING.replace(
    'kind: csv, folder: inbox, pattern: "*.csv", encoding: utf-8, quiet_s: 0',
    'kind: http, url: "https://x/", items: data.records, page: {by: next, path: next}',
)
SHEET = "xl/worksheets/sheet1.xml"


def table_parsers() -> dict[str, Parser]:
    """One for each format."""
    mapping = parse_mapping(MAPPING.encode())
    right = table(row(0), row(1, revenue="-", uscc="91350100M0001TGQXM"), row(2))

    def of_csv(encoding: str) -> Callable[[bytes], object]:
        return lambda data: _stored(read_table(read_csv(io.BytesIO(data), encoding, ","), mapping, "a", None, ragged=False))

    def of_xlsx(data: bytes) -> None:
        _stored(read_table(read_xlsx(io.BytesIO(data), None), mapping, "a", None, ragged=True))

    book, sheet = _workbook()
    return {
        "mapping": Parser(parse_mapping, (MAPPING.encode(), API.encode()), slow=True),
        "table-csv": Parser(of_csv("utf-8"), (right.encode(),)),
        "table-csv-gb18030": Parser(of_csv("gb18030"), (right.encode("gb18030"),)),
        "table-xlsx": Parser(of_xlsx, (book,)),
        "table-sheet": Parser(lambda data: of_xlsx(_with_sheet(book, data)), (sheet,), slow=True),
        "table-page": Parser(partial(_page, parse_mapping(API.encode())), (_document(),)),
        "view-cursor": Parser(lambda data: Position.parse(data.decode("latin-1")).to_text(), (Position(7).to_text().encode(),)),
    }


def _stored(items: Iterator[Record | Malformed]) -> None:
    for item in items:
        texts = [item.origin.place, *(item.values.values() if isinstance(item, Record) else (item.field, item.reason, item.content))]
        assert "\0" not in "".join(texts).encode().decode()
        if isinstance(item, Record):
            examine_uscc(item.uscc)


def _workbook() -> tuple[bytes, bytes]:
    book = Workbook()
    for cells in (HEADER, row(0, revenue="1").split(",")):
        book.worksheets[0].append(cells)
    file = io.BytesIO()
    book.save(file)
    with zipfile.ZipFile(file) as archive:
        return file.getvalue(), archive.read(SHEET)


def _with_sheet(book: bytes, sheet: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            new.writestr(name, sheet if name == SHEET else old.read(name))
    return file.getvalue()


class _Answer:
    """Stands for an API whose every answer is ``body``."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def get(self, _uri: str) -> bytes:
        """The same whatever is asked."""
        return self._body

    def close(self) -> None:
        """Nothing is open."""


def _page(mapping: ConnectorMapping, data: bytes) -> None:
    assert isinstance(mapping.source, HttpSource)
    for place, delivery in enumerate(ApiConnector(mapping, mapping.source, lambda: cast(Client, _Answer(data))).deliveries("")):
        _stored(delivery.items())
        if place == 3:
            break


def _document() -> bytes:
    item = dict(zip(HEADER, row(0, revenue="1234.5").split(","), strict=True))
    return json.dumps({"data": {"records": [item, {**item, "参保人数": 12}]}}).encode()
