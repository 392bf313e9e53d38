"""The broken rows of ``tests.support.connecting``, from a database and from an API: refused as from a file, and the rest goes on."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from connectors.connect import open_connector
from connectors.records import Malformed, Record
from tests.support.connecting import BROKEN_ROWS, CODES, HEADER, MAPPING, cells
from tests.support.department_api import DepartmentApi, department_api

CSV = 'kind: csv, folder: inbox, pattern: "*.csv", encoding: utf-8, quiet_s: 0'
Rows = list[list[str]]
Read = Callable[[Rows], list[Record | Malformed]]


def read(path: Path, source: str) -> list[Record | Malformed]:
    path.write_text(MAPPING.replace(CSV, source), encoding="utf-8")
    (delivery,) = open_connector(path).deliveries("")
    return list(delivery.items())


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DepartmentApi]:
    with department_api(tmp_path_factory.mktemp("api")) as api:
        yield api


@pytest.fixture(params=["sql", "http"])
def source(request: pytest.FixtureRequest, api: DepartmentApi, tmp_path: Path) -> Read:
    """Reads rows from a source of the kind."""

    def from_view(rows: Rows) -> list[Record | Malformed]:
        names = ", ".join(f'"{name}"' for name in HEADER)
        with closing(sqlite3.connect(tmp_path / "tax.db")) as connection, connection:
            connection.execute(f"CREATE TABLE tax ({names})")
            connection.executemany(f"INSERT INTO tax VALUES ({', '.join('?' * len(HEADER))})", rows)
        return read(tmp_path / "tax.yaml", 'kind: sql, url: "sqlite:///tax.db", view: tax')

    def from_api(rows: Rows) -> list[Record | Malformed]:
        api.items = [dict(zip(HEADER, row, strict=True)) for row in rows]
        return read(tmp_path / "tax.yaml", f'kind: http, url: "{api.url}/v1/returns", items: data.records, ca_file: "{api.ca_file}"')

    return from_view if request.param == "sql" else from_api


@pytest.mark.parametrize("name", BROKEN_ROWS)
def test_a_broken_row_is_refused_with_its_reason_and_the_rest_goes_on(source: Read, name: str) -> None:
    field, reason, other = BROKEN_ROWS[name]
    first, bad, last = source([cells(0), cells(1, **other), cells(2)])
    assert isinstance(first, Record)
    assert isinstance(last, Record)
    assert (first.uscc, last.uscc) == (CODES[0], CODES[2])
    assert isinstance(bad, Malformed)
    if name == "a cell too long":
        field, reason = "company", "one line"  # only a file bounds cells that nothing reads
    assert (bad.field, bad.origin.place[-1]) == (field, "2")
    assert reason in bad.reason
    bad.content.encode()
    assert "\0" not in bad.content
