"""What was quarantined of any kind of source is read once more, corrected, through the same mapping, and keeps its place."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest

from connectors.again import read_again
from connectors.api.pages import read_item
from connectors.errors import DeliveryError
from connectors.files.csv_rows import read_csv
from connectors.files.table import read_table
from connectors.mapping import ConnectorMapping, parse_mapping
from connectors.records import Malformed, Origin, Record
from tests.support.connecting import CODES, MAPPING, row, table

CSV = 'source: {kind: csv, folder: inbox, pattern: "*.csv", encoding: utf-8, quiet_s: 0}'
AT = Origin("tax-returns", "a.csv", "line 3")


def mapping(source: str = CSV) -> ConnectorMapping:
    return parse_mapping(MAPPING.replace(CSV, source).encode())


def refused(found: ConnectorMapping, text: str, delimiter: str = ",") -> Malformed:
    """The one row of a table that is refused."""
    items: Iterator[Record | Malformed] = read_table(read_csv(io.BytesIO(text.encode()), "utf-8", delimiter), found, "a.csv", None, ragged=False)
    (bad,) = [item for item in items if isinstance(item, Malformed)]
    return bad


def read(found: ConnectorMapping, kept: Malformed, content: str) -> Record | Malformed:
    (item,) = read_again(found, kept, content)
    return item


def test_a_line_is_read_under_the_names_of_its_own_file() -> None:
    lines = table(row(0, revenue="1"), row(1, revenue="1", staff="many")).splitlines()
    turned = "".join(",".join(reversed(line.split(","))) + "\n" for line in lines)
    kept = refused(mapping(), turned)
    assert kept.header.split(",")[0] == "企业名称"
    corrected = read(mapping(), kept, kept.content.replace("many", "7"))
    assert isinstance(corrected, Record)
    assert (corrected.uscc, corrected.values["staff"], corrected.origin, corrected.valid_from) == (CODES[1], "7", kept.origin, "2024-01-31")


def test_what_is_still_wrong_keeps_its_place_and_says_what() -> None:
    kept = refused(mapping(), table(row(0), row(1, staff="many")))
    wrong = read(mapping(), kept, kept.content)
    assert isinstance(wrong, Malformed)
    assert (wrong.origin, wrong.field) == (kept.origin, "staff")


def test_a_line_that_was_no_csv_is_read_with_the_sources_own_delimiter() -> None:
    found = mapping(CSV.replace("encoding: utf-8", 'encoding: utf-8, delimiter: ";"'))
    lines = table(row(0, revenue="1"), row(1, revenue="2", company='"甲')).replace(",", ";")
    kept = refused(found, lines, ";")
    corrected = read(found, kept, kept.content.replace('"甲', "甲").strip())
    assert isinstance(corrected, Record)
    assert (corrected.uscc, corrected.values["revenue"]) == (CODES[1], "20000")


def test_a_row_of_a_view_is_read_in_the_order_of_the_mappings_columns() -> None:
    found = mapping("source: {kind: sql, url: 'sqlite:///a.db', view: v}")
    cells = dict(zip(table().strip().split(","), row(2, revenue="3").split(","), strict=True))
    kept = Malformed(AT, "staff", "wrong", "")
    corrected = read(found, kept, ",".join(cells[name] for name in found.columns))
    assert isinstance(corrected, Record)
    assert (corrected.uscc, corrected.values["revenue"]) == (CODES[2], "30000")


def test_an_item_of_an_api_is_read_as_json() -> None:
    found = mapping("source: {kind: http, url: 'https://api.example/v1'}")
    cells = dict(zip(table().strip().split(","), row(3, revenue="4").split(","), strict=True))
    (plain,) = read_item(found, str(cells).replace("'", '"'))
    corrected = read(found, Malformed(AT, "staff", "wrong", ""), str(cells).replace("'", '"'))
    assert isinstance(plain, Record)
    assert isinstance(corrected, Record)
    assert (corrected.values, corrected.origin) == (plain.values, AT)


@pytest.mark.parametrize("content", ["", "a\nb", 'a,"b', "{not json"])
def test_what_is_not_one_row_is_refused(content: str) -> None:
    source = "source: {kind: http, url: 'https://api.example/v1'}" if content.startswith("{") else CSV
    with pytest.raises(DeliveryError):
        list(read_again(mapping(source), Malformed(AT, "", "wrong", ""), content))


def test_a_delivery_that_was_refused_as_a_whole_is_delivered_again() -> None:
    with pytest.raises(DeliveryError, match="deliver it again"):
        list(read_again(mapping(), Malformed(Origin("tax-returns", "a.csv", ""), "", "torn", ""), row(0)))
