"""What was quarantined, corrected by a person, read once more through the same mapping."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from typing import Protocol, runtime_checkable

from connectors.api.pages import read_item
from connectors.errors import DeliveryError
from connectors.files.table import Row, read_table
from connectors.mapping import ConnectorMapping
from connectors.records import Malformed, Record
from connectors.sources import CsvSource, HttpSource


@runtime_checkable
class ReadsAgain(Protocol):
    """A connector of what is no table, which reads by itself what was quarantined of it."""

    def read_again(self, kept: Malformed, content: str) -> Iterator[Record | Malformed]:
        """As ``read_again`` below."""
        ...


def read_again(mapping: ConnectorMapping, kept: Malformed, content: str) -> Iterator[Record | Malformed]:
    """The one row ``content``, in the form of ``kept.content``: a line of CSV under the same columns, or an item of JSON. Its origin stays that
    of ``kept``.

    Raises DeliveryError where there is no such row: of a delivery that was refused as a whole, which is delivered again, and of text that is
    not one line of CSV, or not JSON.
    """
    if mapping.keys is None or not kept.origin.place:
        raise DeliveryError("this cannot be corrected by itself: deliver it again 不能单独更正，请重新报送")
    for item in _items(mapping, kept, content):
        yield replace(item, origin=kept.origin)


def _items(mapping: ConnectorMapping, kept: Malformed, content: str) -> Iterator[Record | Malformed]:
    if isinstance(mapping.source, HttpSource):
        return read_item(mapping, content)
    header = _cells(kept.header, ",") if kept.header else list(mapping.columns)
    row = _cells(content, ",")
    if len(row) != len(header) and isinstance(mapping.source, CsvSource):
        row = _cells(content, mapping.source.delimiter)  # a row that was no CSV is kept as it stood
    return read_table(iter([Row(1, header), Row(2, row)]), mapping, kept.origin.delivery, 1, ragged=False)


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        rows = list(csv.reader(line.splitlines(keepends=True), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise DeliveryError(f"not a line of CSV 不是一行合规的 CSV: {error}") from error
    if len(rows) != 1:
        raise DeliveryError("one line of CSV is expected 应为一行 CSV")
    return rows[0]
