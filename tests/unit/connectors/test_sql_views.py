"""Views of a database: only read, in batches, by a cursor that loses no row."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from connectors.connect import connect, open_connector
from connectors.database.engine import open_engine, reading
from connectors.errors import MappingError, SourceUnavailableError
from connectors.mapping import load_mapping
from connectors.records import Malformed, Record
from connectors.sources import SqlSource
from tests.support.connecting import CODES

MAPPING = """\
format: xinqiao/connector/v1
id: view
title: {zh: 视图, en: view}
source: {kind: sql, url: "sqlite:///tax.db", view: v_tax, cursor: 更新序号, batch: 3}
keys: {uscc: 信用代码, period: {constant: "2023"}}
fields:
  revenue: {column: 营业收入(万元), type: amount, unit: 10k-yuan, to: yuan}
  staff: {column: staff, type: integer, optional: true}
"""
Row = tuple[object, ...]


class Database:
    """A SQLite file beside its mapping; the department writes to it, the connector reads."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "tax.db"
        self.mapping = directory / "view.yaml"
        self.map(MAPPING)
        self.write(
            'CREATE TABLE t (n, code, revenue); CREATE VIEW v_tax AS SELECT n AS "更新序号", code AS "信用代码", revenue AS "营业收入(万元)" FROM t'
        )

    def map(self, text: str) -> None:
        self.mapping.write_text(text, encoding="utf-8")

    def write(self, script: str) -> None:
        with closing(sqlite3.connect(self.path)) as connection:
            connection.executescript(script)

    def add(self, *rows: Row) -> None:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.executemany("INSERT INTO t VALUES (?, ?, ?)", rows)

    def run(self, cursor: str = "", stop_after: int = 10**6) -> tuple[list[tuple[str, str]], str]:
        """Code and revenue of each record of a run that ends early, perhaps, and the cursor that its last delivery leaves."""
        found = []
        for place, delivery in enumerate(open_connector(self.mapping).deliveries(cursor)):
            if place == stop_after:
                break
            items = list(delivery.items())
            found += [(item.uscc, item.values["revenue"]) if isinstance(item, Record) else (item.reason, "") for item in items]
            cursor = delivery.cursor
            delivery.settle(None, ())  # type: ignore[arg-type]  # a view does nothing whatever the outcome
        return found, cursor


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path)


def rows(*numbers: int) -> list[Row]:
    return [(number, CODES[place % 9], f"{place}") for place, number in enumerate(numbers)]


def test_a_run_gives_what_is_new_since_the_last(database: Database) -> None:
    database.add(*rows(1, 2, 3, 4, 5))
    found, cursor = database.run()
    assert [revenue for _, revenue in found] == ["0", "10000", "20000", "30000", "40000"]
    assert database.run(cursor) == ([], cursor)
    database.add((6, CODES[5], "7"))
    found, cursor = database.run(cursor)
    assert found == [(CODES[5], "70000")]
    assert database.run(cursor)[0] == []


@pytest.mark.parametrize("stop_after", range(1, 5))
def test_a_run_that_is_cut_short_goes_on_without_a_gap(database: Database, stop_after: int) -> None:
    database.add(*rows(1, 1, 2, 2, 2, 2, 2, 2, 2, 3))
    first, cursor = database.run(stop_after=stop_after)
    rest, _ = database.run(cursor)
    assert set(first) | set(rest) == set(database.run()[0])
    assert len(database.run()[0]) == 10


def test_rows_that_come_later_with_the_last_value_are_not_lost(database: Database) -> None:
    database.add(*rows(1, 2, 2))
    _, cursor = database.run()
    database.add((2, CODES[7], "9"))
    found, cursor = database.run(cursor)
    assert (CODES[7], "90000") in found
    assert (CODES[0], "0") not in found, "what is older is not read again"
    assert database.run(cursor) == ([], cursor)


def test_a_changed_row_with_the_last_value_is_read_again(database: Database) -> None:
    database.add(*rows(1, 2))
    _, cursor = database.run()
    database.write("UPDATE t SET revenue = '5' WHERE n = 2")
    assert database.run(cursor)[0] == [(CODES[1], "50000")]


def test_more_rows_of_one_value_than_a_batch_are_all_read_in_batches(database: Database) -> None:
    database.add(*rows(*[7] * 9))
    sizes = [len(list(delivery.items())) for delivery in open_connector(database.mapping).deliveries("")]
    assert sizes == [3, 3, 3]
    assert len(database.run()[0]) == 9


def test_two_rows_of_one_enterprise_are_versions_in_the_order_of_the_cursor(database: Database) -> None:
    database.add((2, CODES[0], "2"), (1, CODES[0], "1"))
    assert database.run()[0] == [(CODES[0], "10000"), (CODES[0], "20000")]


def test_rows_without_a_cursor_are_refused_once_and_not_lost_silently(database: Database) -> None:
    database.add(*rows(1), (None, CODES[3], "3"))
    found, cursor = database.run()
    assert ("the cursor column is empty 游标列为空", "") in found
    assert database.run(cursor) == ([], cursor)
    database.add((None, CODES[4], "3"))
    assert [reason for reason, _ in database.run(cursor)[0]] == ["the cursor column is empty 游标列为空"] * 2


@pytest.mark.parametrize("values", [("a", "b", "c"), ("2024-01-01 00:00:00", "2024-01-01 00:00:01", "2024-02-01")])
def test_a_cursor_may_be_text(database: Database, values: tuple[str, ...]) -> None:
    database.add(*((value, CODES[place], "1") for place, value in enumerate(values[:2])))
    _, cursor = database.run()
    database.add((values[2], CODES[2], "1"))
    assert database.run(cursor)[0] == [(CODES[2], "10000")]


def test_without_a_cursor_the_whole_is_read_when_anything_changed(database: Database) -> None:
    database.map(MAPPING.replace("cursor: 更新序号, ", ""))
    database.add(*rows(1, 2, 3, 4))
    found, cursor = database.run()
    assert len(found) == 4
    assert database.run(cursor) == ([], cursor)
    database.write("UPDATE t SET revenue = '5' WHERE n = 1")
    found, changed = database.run(cursor)
    assert (len(found), changed != cursor) == (4, True)
    _, halfway = database.run(stop_after=1)
    assert len(database.run(halfway)[0]) == 4, "cut short, it begins again"
    database.add((9, CODES[0], "8"))
    assert "a second row for this enterprise and period 同一企业同一所属期重复" in [reason for reason, _ in database.run(changed)[0]], (
        "in another batch too"
    )


def test_a_query_may_stand_in_the_place_of_a_view(database: Database) -> None:
    query = 'SELECT n AS "更新序号", code AS "信用代码", revenue AS "营业收入(万元)" FROM t WHERE code <> \'a:b\';'
    database.map(MAPPING.replace("view: v_tax", "query: '" + query.replace("'", "''") + "'"))
    database.add(*rows(1, 2))
    _, cursor = database.run()
    database.add((3, CODES[4], "4"))
    assert database.run(cursor)[0] == [(CODES[4], "40000")]


def test_a_column_that_may_be_absent_is_then_not_spoken_of(database: Database) -> None:
    database.add(*rows(1))
    (delivery,) = open_connector(database.mapping).deliveries("")
    (record,) = delivery.items()
    assert isinstance(record, Record)
    assert set(record.values) == {"revenue"}


def test_what_does_not_fit_is_refused_and_the_rest_goes_on(database: Database) -> None:
    database.add((1, CODES[0], "1"), (2, "x", "1"), (3, CODES[2], "1万"), (4, CODES[3], b"\x00"), (5, CODES[4], 1.5))
    items = [item for delivery in open_connector(database.mapping).deliveries("") for item in delivery.items()]
    assert [item.field for item in items if isinstance(item, Malformed)] == ["uscc", "revenue", "revenue"]
    assert [item.values["revenue"] for item in items if isinstance(item, Record)] == ["10000", "15000"]
    assert [item.origin.place for item in items if isinstance(item, Malformed)] == ["row 2", "row 3", "row 1"]


def test_a_connector_cannot_write(database: Database) -> None:
    engine = open_engine(SqlSource(kind="sql", url=f"sqlite:///{database.path}", view="t"), database.path.parent)
    with pytest.raises(SourceUnavailableError, match="readonly"), reading(engine) as connection:
        connection.exec_driver_sql("INSERT INTO t VALUES (1, 2, 3)")


def test_a_database_that_is_not_there_is_unavailable_and_is_not_made(database: Database) -> None:
    database.path.unlink()
    with pytest.raises(SourceUnavailableError, match="unable to open"):
        database.run()
    assert not database.path.exists()


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("DROP VIEW v_tax", "no such table: v_tax"),
        ('DROP VIEW v_tax; CREATE VIEW v_tax AS SELECT n AS "更新序号", code AS "信用代码" FROM t', "v_tax lacks 营业收入"),
    ],
)
def test_a_view_that_is_not_as_the_mapping_says_is_told(database: Database, script: str, told: str) -> None:
    database.write(script)
    with pytest.raises(SourceUnavailableError, match=told):
        database.run()


@pytest.mark.parametrize("cursor", ["x", "{}", '{"form": "int", "value": "x", "tallies": []}', "[]", "null"])
def test_a_kept_cursor_that_is_none_is_told(database: Database, cursor: str) -> None:
    with pytest.raises(SourceUnavailableError, match="kept cursor"):
        database.run(cursor)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://reader:secret@host/db", "a URL with a password stands in a private file"),
        ("oracle://host/db", "sqlite, postgresql, mysql can be read, not oracle"),
        ("nothing", "not the URL of a database"),
        ("sqlite://", "of SQLite the file is named"),
        ("sqlite:///:memory:", "of SQLite the file is named"),
        ("sqlite:///a.db?mode=rwc", "of SQLite the file is named"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_by_what_would_be_right(database: Database, url: str, told: str) -> None:
    database.map(MAPPING.replace("sqlite:///tax.db", url))
    with pytest.raises(MappingError, match=told):
        open_connector(database.mapping)


def test_a_password_stands_in_a_private_file(database: Database) -> None:
    database.map(MAPPING.replace('url: "sqlite:///tax.db"', "url_file: secret"))
    secret = database.path.parent / "secret"
    with pytest.raises(MappingError, match="No such file"):
        open_connector(database.mapping)
    secret.write_text("postgresql://reader:word@host/db\n")
    secret.chmod(0o640)
    with pytest.raises(MappingError, match="open to others"):
        open_connector(database.mapping)
    secret.chmod(0o600)
    mapping = load_mapping(database.mapping)
    assert isinstance(mapping.source, SqlSource)
    assert open_engine(mapping.source, secret.parent).url.drivername == "postgresql+psycopg"
    connect(mapping, secret.parent)


def test_the_kinds_of_database_have_their_drivers() -> None:
    for url, driver in (("mysql://reader@host/db", "pymysql"), ("postgresql://reader@host/db", "psycopg")):
        assert open_engine(SqlSource(kind="sql", url=url, view="v"), Path()).driver == driver
