"""The two transactions, on SQLite and on PostgreSQL."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from sqlalchemy import Column, Engine, Integer, MetaData, Table, event, func, insert, select
from sqlalchemy.exc import OperationalError

from nodes.commands.doctor.databases import check_databases
from nodes.commands.doctor.findings import Case
from nodes.errors import SettingsError, StorageUnavailableError
from nodes.runtime.database import connect, open_database, reading, storage_trouble, writing
from nodes.runtime.settings import NodeSettings

METADATA = MetaData()
ROWS = Table("database_test_rows", METADATA, Column("id", Integer, primary_key=True))


@pytest.fixture
def engine(url: str, tmp_path: Path) -> Iterator[Engine]:
    engine = opened(tmp_path, url)
    yield engine
    engine.dispose()


def opened(directory: Path, url: str = "") -> Engine:
    """A database with one table of the test's own."""
    engine = connect(directory / "state" / "test.db", url, "public")
    METADATA.create_all(engine)
    return engine


def count(engine: Engine) -> int:
    with reading(engine) as connection:
        return connection.execute(select(func.count()).select_from(ROWS)).scalar_one()


def test_what_was_written_is_there_and_a_failed_block_leaves_nothing(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(insert(ROWS), {"id": 1})
    with pytest.raises(RuntimeError), writing(engine) as connection:  # noqa: PT012 - the block that fails is the point
        connection.execute(insert(ROWS), {"id": 2})
        raise RuntimeError("crash")
    assert count(engine) == 1


def test_a_reader_keeps_its_snapshot_while_others_write(engine: Engine) -> None:
    with reading(engine) as connection:
        before = connection.execute(select(func.count()).select_from(ROWS)).scalar_one()
        writer = threading.Thread(target=_write, args=(engine, [1]))
        writer.start()
        writer.join()
        assert connection.execute(select(func.count()).select_from(ROWS)).scalar_one() == before
    assert count(engine) == before + 1


def test_writers_wait_for_each_other(engine: Engine) -> None:
    threads = [threading.Thread(target=_write, args=(engine, range(start, start + 20))) for start in range(0, 160, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count(engine) == 160


def test_sqlite_is_durable_private_and_in_wal_mode(tmp_path: Path) -> None:
    engine = opened(tmp_path)
    with writing(engine) as connection:
        pragmas = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous", "foreign_keys")}
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "state").iterdir()} == {0o600}
    assert sqlite3.connect(tmp_path / "state" / "test.db").execute("select count(*) from database_test_rows").fetchone() == (0,)
    engine.dispose()


@pytest.mark.parametrize("url", ["mysql://x/y", "sqlite:////tmp/x.db", "postgresql://x/y", "no url"])
def test_other_databases_are_refused_without_repeating_the_url(url: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="database_url") as error:
        open_database(tmp_path / "state", "replica", url)
    assert "/y" not in str(error.value)


@pytest.mark.parametrize(
    "place",
    ["u:hunter@two:secret@host/db", "u:hunter@secret@host/db", "u:p:secret@host:hunter/db", "u@host/db?password=secret", "u@h/db?sslpassword=secret"],
)
def test_a_url_that_cannot_be_meant_is_refused_without_a_part_of_its_password(place: str, tmp_path: Path) -> None:
    url = f"postgresql+psycopg://{place}"
    with pytest.raises(SettingsError, match="database_url") as error:
        open_database(tmp_path / "state", "replica", url)
    case = Case("log", cast(NodeSettings, SimpleNamespace(database_url=url, state_dir=tmp_path)), None, None, lambda: 0.0)
    (found,) = check_databases(case)
    for said in (str(error.value), repr(error.value.__cause__), str(found)):
        assert "secret" not in said
        assert "hunter" not in said


def _write(engine: Engine, ids: range | list[int]) -> None:
    for number in ids:
        with writing(engine) as connection:
            connection.execute(insert(ROWS), {"id": number})


def troubled(engine: Engine, rows: int = 1) -> Exception:
    """What a failing write of many rows comes to for the caller."""
    with pytest.raises(OperationalError) as failed, writing(engine) as connection:
        connection.execute(insert(ROWS), [{"id": number} for number in range(rows)])
    return storage_trouble(failed.value)


def test_a_full_database_is_told_from_a_defect(tmp_path: Path) -> None:
    engine = opened(tmp_path)
    event.listen(engine, "connect", lambda connection, _record: connection.execute("PRAGMA max_page_count=3"))
    engine.dispose()
    assert isinstance(troubled(engine, 5000), StorageUnavailableError)
    METADATA.drop_all(engine)
    assert isinstance(troubled(engine), OperationalError), "a table that is missing does not come back"


def test_a_database_that_another_process_locks_is_told_from_a_defect(tmp_path: Path) -> None:
    engine = opened(tmp_path)
    event.listen(engine, "connect", lambda connection, _record: connection.execute("PRAGMA busy_timeout=10"))
    engine.dispose()
    other = sqlite3.connect(tmp_path / "state" / "test.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert isinstance(troubled(engine), StorageUnavailableError)
    other.execute("ROLLBACK")
    other.close()
    with writing(engine) as connection:
        connection.execute(insert(ROWS).values(id=1))


def test_a_full_disk_is_told_from_a_defect() -> None:
    with pytest.raises(OSError, match="No space") as full:
        Path("/dev/full").write_bytes(b"x")
    assert isinstance(storage_trouble(full.value), StorageUnavailableError)
    missing = FileNotFoundError(2, "No such file or directory")
    assert storage_trouble(missing) is missing
