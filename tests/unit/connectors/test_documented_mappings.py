"""The mappings printed in the specification are ones that read what they say they read."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from connectors.connect import open_connector
from connectors.mapping import AmountField, CategoryField, ConnectorMapping, FlagField, MonthsField, TextField, parse_mapping
from connectors.records import Record
from connectors.sources import CsvSource, HttpSource, SqlSource, XlsxSource
from tests.support.connecting import CODES
from tests.support.department_api import department_api

SPECIFICATION = (Path(__file__).parents[3] / "docs" / "specs" / "connectors.md").read_text(encoding="utf-8")
EXAMPLES = [text for text in re.findall(r"^```yaml\n(.*?)^```", SPECIFICATION, re.MULTILINE | re.DOTALL) if text.startswith("format:")]


def right_row(mapping: ConnectorMapping) -> dict[str, str]:
    """A cell for every column, as the mapping says that it is spelled."""
    assert mapping.keys is not None
    found = {mapping.keys.uscc: CODES[0]}
    if mapping.keys.period.column is not None:
        found[mapping.keys.period.column] = "2023"
    if mapping.valid_from is not None:
        found[mapping.valid_from.column] = "2024年1月31日" if mapping.valid_from.form == "date" else "2024-01-31 10:00:00"
    for field in mapping.fields.values():
        match field:
            case FlagField():
                cell = field.yes[0]
            case CategoryField():
                cell = next(iter(field.values))
            case MonthsField():
                cell = f"2023年1月{field.separator}2023年2月"
            case TextField():
                cell = "330108"
            case AmountField():
                cell = "1.5"
            case _:
                cell = "7"
        found[field.column] = cell
    return found


def nested(row: dict[str, str]) -> dict[str, Any]:
    """The row as a JSON object, its columns' points as objects in each other."""
    item: dict[str, Any] = {}
    for name, cell in row.items():
        *path, last = name.split(".")
        inner: dict[str, Any] = item
        for part in path:
            inner = inner.setdefault(part, {})
        inner[last] = cell
    return item


@pytest.fixture
def made(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Path, ConnectorMapping]]:
    """An example's mapping in a file, with a source as it describes it that holds one row."""
    text: str = request.param
    mapping = parse_mapping(text.encode())
    row = right_row(mapping)
    path = tmp_path / "mapping.yaml"
    (tmp_path / "secrets").mkdir()
    source = mapping.source
    if isinstance(source, (CsvSource, XlsxSource)):
        (tmp_path / source.folder).mkdir(parents=True)
        file = tmp_path / source.folder / source.pattern.replace("*", "1")
        if isinstance(source, CsvSource):
            file.write_text(f"{','.join(row)}\n{','.join(row.values())}\n", encoding=source.encoding)
        else:
            book = Workbook()
            sheet = book.create_sheet(source.sheet)
            sheet.append(list(row))
            sheet.append(list(row.values()))
            book.save(file)
        text = text.replace("encoding: ", "quiet_s: 0, encoding: ").replace("sheet: ", "quiet_s: 0, sheet: ")
    elif isinstance(source, SqlSource):
        secret = tmp_path / str(source.url_file)
        secret.write_text("sqlite:///department.db\n")
        secret.chmod(0o600)
        columns = {**row, str(source.cursor): 1}
        with closing(sqlite3.connect(tmp_path / "department.db")) as connection, connection:
            connection.execute(f"CREATE TABLE {source.view} ({', '.join(columns)})")
            connection.execute(f"INSERT INTO {source.view} VALUES ({', '.join('?' * len(columns))})", list(columns.values()))
    elif isinstance(source, HttpSource):
        assert source.auth is not None
        (tmp_path / source.auth.file).write_text("5a" * 32)
        (tmp_path / source.auth.file).chmod(0o600)
        with department_api(tmp_path) as api:
            api.items = [nested(row)]
            (tmp_path / str(source.ca_file)).write_bytes(api.ca_file.read_bytes())
            path.write_text(text.replace("https://api.science.example", api.url), encoding="utf-8")
            yield path, mapping
        return
    path.write_text(text, encoding="utf-8")
    yield path, mapping


@pytest.mark.parametrize("made", EXAMPLES, indirect=True, ids=lambda text: re.search("kind: ([a-z]+)", text)[1])  # type: ignore[index]  # each has one
def test_an_example_reads_a_row_that_is_as_it_says(made: tuple[Path, ConnectorMapping]) -> None:
    path, mapping = made
    (delivery,) = open_connector(path).deliveries("")
    (record,) = delivery.items()
    assert isinstance(record, Record)
    assert (record.uscc, record.period) == (CODES[0], "2023")
    assert set(record.values) == set(mapping.fields)
    assert all(record.values.values())


def test_there_is_an_example_of_each_kind() -> None:
    assert [parse_mapping(text.encode()).source.kind for text in EXAMPLES] == ["csv", "xlsx", "sql", "http"]
