"""The same records through CSV, workbooks, databases and APIs are identical: whatever a source calls, types and encodes them."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest
from openpyxl import Workbook
from sqlalchemy import make_url

from connectors.connect import open_connector
from connectors.database.engine import reading
from connectors.database.view import ViewConnector
from connectors.errors import SourceUnavailableError
from connectors.records import Connector, Malformed, Record
from crypto.subjects import make_uscc
from tests.support.department_api import DepartmentApi, department_api

NAMES = ("code", "since", "revenue", "staff", "grade", "enforced", "months", "company")
MAPPING = """\
format: xinqiao/connector/v1
id: same
title: {zh: 同一批记录, en: the same records}
source: SOURCE
keys: {uscc: code, period: {constant: "2023"}}
valid_from: {column: since, as: date}
fields:
  revenue: {column: revenue, type: amount, unit: 10k-yuan, to: yuan}
  staff: {column: staff, type: integer}
  grade: {column: grade, type: category, values: {A级: A, B级: B}}
  enforced: {column: enforced, type: flag, "true": ["1", "true"], "false": ["0", "false"]}
  months: {column: months, type: months, separator: "、"}
  company: {column: company, type: text}
"""
Rows = list[tuple[Any, ...]]


def rows() -> Rows:
    """Typed as a database would have them; every seventh is wrong in some way."""
    found: Rows = []
    for place in range(70):
        code = make_uscc("9", "1", "330108", f"MA2B{place:04d}")
        revenue = None if place % 11 == 0 else Decimal(place * 12345) / 1000
        months = "、".join(f"2023-{month:02}" for month in range(1, place % 5 + 1))
        row = [code, date(2024, 1, 1 + place % 28), revenue, place * 3, "AB"[place % 2] + "级", place % 2, months, f"企业㐂{place}"]
        if place % 7 == 6:
            row[place % 4 * 2] = (code[:17], Decimal(10**27), "C级", "2023-13")[place % 4]
        found.append(tuple(row))
    return found


def spelled(value: object) -> str:
    """As a department's export spells a value."""
    return (
        "" if value is None else f"{value:,f}" if isinstance(value, Decimal) else f"{value:%Y年%m月%d日}" if isinstance(value, date) else str(value)
    )


class Sources:
    """Makes each kind of source in ``directory`` and opens its connector."""

    def __init__(self, directory: Path, api: DepartmentApi) -> None:
        self.directory = directory
        self.api = api

    def open(self, source: str) -> Connector:
        path = self.directory / "same.yaml"
        path.write_text(MAPPING.replace("SOURCE", source), encoding="utf-8")
        return open_connector(path)

    def csv(self, encoding: str) -> Connector:
        text = io.StringIO()
        csv.writer(text).writerows([NAMES, *([spelled(value) for value in row] for row in rows())])
        (self.directory / "a.csv").write_bytes(text.getvalue().encode(encoding))
        return self.open(f'{{kind: csv, folder: ., pattern: "*.csv", encoding: {encoding}, quiet_s: 0}}')

    def xlsx(self) -> Connector:
        book = Workbook()
        sheet = book.worksheets[0]
        for row in [NAMES, *rows()]:
            sheet.append(row)
        book.save(self.directory / "a.xlsx")
        return self.open('{kind: xlsx, folder: ., pattern: "*.xlsx", quiet_s: 0}')

    def sqlite(self, more: str = "") -> Connector:
        with closing(sqlite3.connect(self.directory / "same.db")) as connection, connection:
            connection.execute("CREATE TABLE returns (n INTEGER PRIMARY KEY, code, since, revenue, staff, grade, enforced, months, company)")
            typed = [
                [f"{value:f}" if isinstance(value, Decimal) else value.isoformat() if isinstance(value, date) else value for value in row]
                for row in rows()
            ]
            connection.executemany("INSERT INTO returns VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?)", typed)
            connection.execute("CREATE VIEW v_returns AS SELECT * FROM returns")
        return self.open(f'{{kind: sql, url: "sqlite:///same.db", view: v_returns, batch: 9{more}}}')

    def postgresql(self, url: str) -> Connector:
        there = make_url(url)
        with psycopg.connect(host=str(there.query["host"]), user=there.username, dbname="postgres", autocommit=True) as connection:
            connection.execute("CREATE SCHEMA IF NOT EXISTS export")
            connection.execute(
                "CREATE TABLE returns (n serial PRIMARY KEY, code text, since date, revenue numeric, staff integer, grade text, enforced boolean,"
                " months text, company text, changed timestamptz DEFAULT now())"
            )
            for row in rows():
                typed = [bool(value) if place == 5 else value for place, value in enumerate(row)]
                connection.execute(
                    "INSERT INTO returns (code, since, revenue, staff, grade, enforced, months, company) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
                    typed,
                )
            connection.execute("CREATE VIEW export.v_returns AS SELECT * FROM returns")
        return self.open(f'{{kind: sql, url: "{url}", view: export.v_returns, cursor: changed, batch: 9}}')

    def mysql(self, url: str) -> Connector:
        with closing(
            pymysql.connect(unix_socket=str(make_url(url).query["unix_socket"]), user="root", charset="utf8mb4", autocommit=True)
        ) as connection:
            cursor = connection.cursor()
            cursor.execute("CREATE DATABASE export CHARACTER SET utf8mb4")
            cursor.execute(
                "CREATE TABLE export.returns (n integer AUTO_INCREMENT PRIMARY KEY, code varchar(18), since date, revenue decimal(40, 3),"
                " staff integer, grade varchar(9), enforced boolean, months text, company text, changed datetime(6) DEFAULT now(6))"
            )
            insert = (
                "INSERT INTO export.returns (code, since, revenue, staff, grade, enforced, months, company) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"
            )
            cursor.executemany(insert, rows())
            cursor.execute("CREATE VIEW export.v_returns AS SELECT * FROM export.returns")
        return self.open(f'{{kind: sql, url: "{url}", view: export.v_returns, cursor: changed, batch: 9}}')

    def http(self) -> Connector:
        def value(value: object) -> object:
            return value.isoformat() if isinstance(value, date) else float(value) if isinstance(value, Decimal) else value

        self.api.items = [{name: bool(cell) if name == "enforced" else value(cell) for name, cell in zip(NAMES, row, strict=True)} for row in rows()]
        self.api.answers.extend([(429, {"Retry-After": "0"}, b""), (503, {"Retry-After": "0"}, b"")])
        return self.open(
            f'{{kind: http, url: "{self.api.url}/v1/returns", items: data.records, ca_file: ca.pem, rate_per_s: 1000,'
            " page: {by: offset, parameter: offset, size_parameter: size, size: 9}}"
        )


KINDS: dict[str, Callable[[Sources], Connector]] = {
    "csv in UTF-8": lambda sources: sources.csv("utf-8"),
    "csv with a BOM": lambda sources: sources.csv("utf-8-sig"),
    "csv in GB18030": lambda sources: sources.csv("gb18030"),
    "xlsx": Sources.xlsx,
    "sqlite": Sources.sqlite,
    "sqlite with a cursor": lambda sources: sources.sqlite(", cursor: n"),
    "http": Sources.http,
}


@pytest.fixture
def sources(tmp_path: Path) -> Iterator[Sources]:
    with department_api(tmp_path) as api:
        yield Sources(tmp_path, api)


def taken(connector: Connector) -> tuple[list[tuple[object, ...]], list[str]]:
    """What the records say, and the fields for which rows were refused."""
    items = [item for delivery in connector.deliveries("") for item in delivery.items()]
    records = [(item.uscc, item.period, item.valid_from, json.dumps(dict(item.values))) for item in items if isinstance(item, Record)]
    return sorted(records), sorted(item.field for item in items if isinstance(item, Malformed))


def expected() -> tuple[list[tuple[object, ...]], list[str]]:
    """By arithmetic of its own."""
    good = []
    for place, (code, since, revenue, staff, grade, enforced, months, company) in enumerate(rows()):
        if place % 7 != 6:
            exact = "" if revenue is None else f"{(revenue * 10000).normalize():f}"
            values = {
                "revenue": exact,
                "staff": str(staff),
                "grade": grade[0],
                "enforced": str(enforced),
                "months": months.replace("、", ";"),
                "company": company,
            }
            good.append((code, "2023", since.isoformat(), json.dumps(values)))
    return sorted(good), sorted(["uscc", "revenue", "grade", "months"][place % 4] for place in range(70) if place % 7 == 6)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_records_come_through_every_kind_of_source(sources: Sources, kind: str) -> None:
    assert taken(KINDS[kind](sources)) == expected()


def assert_goes_on(connector: Connector) -> None:
    """A run from where the last one ended gives nothing."""
    cursor = ""
    for delivery in connector.deliveries(""):
        cursor = delivery.cursor
    assert list(connector.deliveries(cursor)) == []


@pytest.mark.slow
def test_the_same_records_come_through_postgresql_and_nothing_can_be_written(sources: Sources, postgresql_url: str) -> None:
    connector = sources.postgresql(postgresql_url)
    assert taken(connector) == expected()
    assert_goes_on(connector)
    for query, told in (
        ("DELETE FROM returns RETURNING *", "refused"),
        ("SELECT *, setval('returns_n_seq', 1) AS x FROM returns", "ReadOnlySqlTransaction"),
    ):
        writing = sources.open(f'{{kind: sql, url: "{postgresql_url}", query: "{query}"}}')
        with pytest.raises(SourceUnavailableError, match=told):
            list(writing.deliveries(""))
    assert taken(sources.open(f'{{kind: sql, url: "{postgresql_url}", view: export.v_returns}}')) == expected()


@pytest.mark.slow
def test_the_same_records_come_through_mysql_and_nothing_can_be_written(sources: Sources, mysql_url: str) -> None:
    connector = sources.mysql(mysql_url)
    assert taken(connector) == expected()
    assert_goes_on(connector)
    assert isinstance(connector, ViewConnector)
    with pytest.raises(SourceUnavailableError, match="READ ONLY"), reading(connector.engine) as connection:
        connection.exec_driver_sql("DELETE FROM export.returns")
    assert taken(sources.open(f'{{kind: sql, url: "{mysql_url}", query: "SELECT * FROM export.returns", cursor: n}}')) == expected()
