"""Every kind of database up, down and up again, on SQLite and on PostgreSQL; migrations and tables say the same."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import BigInteger, Column, Engine, Integer, String, Table, insert, inspect, select

from nodes.errors import DatabaseNewerError
from nodes.runtime.database import connect, open_database, reading, writing
from nodes.runtime.migrations.agreement import differences
from nodes.runtime.migrations.catalogue import HERE, TABLES, metadata_of, revisions, versions_of
from nodes.runtime.migrations.history import configuration
from nodes.runtime.migrations.upgrading import VERSION_TABLE, bring_up_to_date, downgrade, is_current, revision_of

ROOT = Path(__file__).parents[3]


@pytest.fixture
def engine(url: str, tmp_path: Path) -> Iterator[Engine]:
    engine = connect(tmp_path / "state" / "test.db", url, "test")
    yield engine
    engine.dispose()


def tables(engine: Engine) -> set[str]:
    return set(inspect(engine).get_table_names()) - {VERSION_TABLE}


@pytest.mark.parametrize("kind", TABLES)
def test_every_kind_goes_up_down_and_up_again(kind: str, engine: Engine) -> None:
    bring_up_to_date(engine, kind)
    made, found = tables(engine), differences(engine, kind)
    assert not found, (
        f"the tables of {kind!r} differ from its migrations: {'; '.join(found)}. Write the migration with\n"
        f'  .venv/bin/python -m nodes.runtime.migrations {kind} "what changes"\nread the file that it names, and commit it'
    )
    assert made == set(metadata_of(kind).tables)
    assert len(made) == sum(len(getattr(import_module(place.split(":")[0]), place.split(":")[1]).tables) for place in TABLES[kind]), "one name twice"
    downgrade(engine, kind, "base")
    assert not tables(engine)
    assert revision_of(engine) is None
    bring_up_to_date(engine, kind)
    assert tables(engine) == made
    assert not differences(engine, kind)
    assert is_current(engine, kind)


SECONDS = {
    "gateway": ("gateway_0003", {"request_nonces": "expires", "policy_bank_files": "at", "policy_claims": "leaf", "policy_papers": "leaf"}),
    "pages": ("pages_0002", {"sessions": "seen", "views": "time", "marks": "sent"}),
}
"""Kind → the revision before its seconds had room, and some of the columns."""


@pytest.mark.parametrize("kind", SECONDS)
def test_what_was_stored_stays_and_seconds_after_2038_have_room(kind: str, engine: Engine) -> None:
    before, columns = SECONDS[kind]
    bring_up_to_date(engine, kind)
    downgrade(engine, kind, before)
    tables = metadata_of(kind).tables
    with engine.begin() as connection:
        for table, column in columns.items():
            connection.execute(insert(tables[table]).values(_row(tables[table], "old", {column: 1_800_000_000})))
    bring_up_to_date(engine, kind)
    with engine.begin() as connection:
        for table, column in columns.items():
            connection.execute(insert(tables[table]).values(_row(tables[table], "new", {column: 1 << 33})))
            found = connection.execute(select(tables[table].c[column]).order_by(tables[table].c[column])).scalars().all()
            assert found == [1_800_000_000, 1 << 33], table


def test_no_integer_of_32_bits_counts_seconds_or_leaves() -> None:
    """PostgreSQL's INTEGER ends in 2038; SQLite's does not, so that no other test would see it."""
    small = {
        f"{table.name}.{column.name}" for kind in TABLES for table in metadata_of(kind).tables.values() for column in table.c if _is_small(column)
    }
    counts = {"position", "part", "size", "revision", "version", "number", "level", "opening", "generation", "times", "hundredths"}
    rows = {"records", "malformed", "delivery", "id"}
    assert {name for name in small if name.partition(".")[2] not in counts | rows} == set()


def _is_small(column: Column[Any]) -> bool:
    return isinstance(column.type, Integer) and not isinstance(column.type, BigInteger)


def _row(table: Table, text: str, values: dict[str, Any]) -> dict[str, Any]:
    """A row of the table: ``values``, and something that fits for the rest."""
    found = {column.name: text if isinstance(column.type, String) else text.encode() for column in table.c if not isinstance(column.type, Integer)}
    return {**found, **{column.name: 0 for column in table.c if isinstance(column.type, Integer) and not column.primary_key}, **values}


@pytest.mark.parametrize("kind", [kind for kind in TABLES if "if_not_exists" in (versions_of(kind) / f"{kind}_0001_first.py").read_text()])
def test_a_database_from_before_migrations_is_taken_as_it_is(kind: str, engine: Engine) -> None:
    bring_up_to_date(engine, kind)
    downgrade(engine, kind, revisions(kind)[0])
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DROP TABLE {VERSION_TABLE}")
    bring_up_to_date(engine, kind)
    assert not differences(engine, kind)


def test_tables_that_are_stated_are_some_kind_s() -> None:
    stated = {
        f"{'.'.join(path.relative_to(ROOT).with_suffix('').parts)}"
        for folder in ("nodes", "gateway", "connectors")
        for path in (ROOT / folder).rglob("*.py")
        if " = MetaData()" in (text := path.read_text()) or " = sa.MetaData()" in text
    }
    named = {place.partition(":")[0] for places in TABLES.values() for place in places}
    missing = stated - named - {"nodes.runtime.migrations.catalogue"}
    assert not missing, (
        f"{', '.join(sorted(missing))}: name the tables of these modules under a kind in {HERE / 'catalogue.py'}, then write its migration"
    )
    assert named <= stated


def test_no_process_makes_tables_by_itself() -> None:
    tried_out = ROOT / "connectors" / "connect.py"  # in memory, for as long as a mapping is tried out
    sources = [path for folder in ("nodes", "gateway", "connectors") for path in (ROOT / folder).rglob("*.py") if path != tried_out]
    makers = [str(path) for path in sources if ".create_all(" in path.read_text()]
    assert not makers, f"{', '.join(makers)}: tables come from migrations, when open_database opens the database"


@pytest.mark.parametrize("kind", TABLES)
def test_a_history_is_one_line_as_its_file_names_say(kind: str) -> None:
    script = ScriptDirectory.from_config(configuration(kind))
    assert [each.revision for each in reversed(list(script.walk_revisions()))] == list(revisions(kind))
    assert script.get_current_head() == revisions(kind)[-1] == f"{kind}_{len(revisions(kind)):04d}"
    assert {path.name for path in versions_of(kind).glob("*.py")} == {Path(each.path).name for each in script.walk_revisions()}


def test_a_newer_database_is_refused_and_left_as_it_is(url: str, tmp_path: Path) -> None:
    engine = open_database(tmp_path / "state", "replica", url)
    with writing(engine) as connection:
        connection.exec_driver_sql(f"UPDATE {VERSION_TABLE} SET version_num = 'replica_9999'")
    for step in (lambda: open_database(tmp_path / "state", "replica", url), lambda: downgrade(engine, "replica", "base")):
        with pytest.raises(DatabaseNewerError, match=r"revision replica_9999 .*xinqiao database downgrade'"):
            step()
    assert tables(engine) == {"replica_entries", "replica_head"}
    engine.dispose()


def test_a_database_with_two_revisions_is_none_of_ours(url: str, tmp_path: Path) -> None:
    engine = open_database(tmp_path / "state", "replica", url)
    with writing(engine) as connection:
        connection.exec_driver_sql(f"INSERT INTO {VERSION_TABLE} VALUES ('other')")
    with pytest.raises(DatabaseNewerError, match="other, replica_0001"):
        open_database(tmp_path / "state", "replica", url)
    engine.dispose()


def test_processes_that_start_at_once_make_the_tables_once(url: str, tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from nodes.runtime.database import open_database
open_database(Path(sys.argv[1]), "gateway", sys.argv[2])
"""
    started = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "state"), url], cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(3)
    ]
    assert [(process.communicate()[1], process.returncode) for process in started] == [("", 0)] * 3
    engine = open_database(tmp_path / "state", "gateway", url)
    assert not differences(engine, "gateway")
    engine.dispose()


def test_threads_of_one_process_upgrade_different_databases_at_once(url: str, tmp_path: Path) -> None:
    opened: list[str] = []

    def open_one(kind: str) -> None:
        engine = open_database(tmp_path / "state", kind, url)
        opened.append(kind if is_current(engine, kind) else "")
        engine.dispose()

    threads = [threading.Thread(target=open_one, args=(kind,)) for kind in TABLES]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(opened) == sorted(TABLES)


def test_a_failed_upgrade_leaves_nothing(url: str, tmp_path: Path, engine: Engine) -> None:
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("CREATE SCHEMA test")
        connection.exec_driver_sql("CREATE TABLE alembic_version_taken (a INTEGER)")
        connection.exec_driver_sql("CREATE VIEW views AS SELECT a FROM alembic_version_taken")  # where a table is to be
    with pytest.raises(Exception, match="views"):
        bring_up_to_date(engine, "pages")
    assert tables(engine) == {"alembic_version_taken"}


def test_reading_and_writing_go_on_in_the_schema(url: str, tmp_path: Path) -> None:
    one, other = open_database(tmp_path, "pages", url), open_database(tmp_path, "pages", url, name="other")
    with writing(one) as connection:
        connection.exec_driver_sql("INSERT INTO accounts VALUES ('li-wei', '', '', '')")
    for engine, count in ((one, 1), (other, 0)):
        with reading(engine) as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM accounts").scalar_one() == count
        engine.dispose()
