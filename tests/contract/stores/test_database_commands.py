"""``xinqiao database`` on a process's state, SQLite and PostgreSQL."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from nodes.commands.output import ExitCode
from nodes.commands.storage.database import app
from nodes.runtime.database import connect, open_database, writing
from nodes.runtime.files import make_private_directory
from nodes.runtime.migrations.catalogue import revisions
from nodes.runtime.migrations.upgrading import VERSION_TABLE
from nodes.runtime.process import take_state


class Kept:
    """A state directory with a department's databases, and the configuration that names it."""

    def __init__(self, directory: Path, url: str) -> None:
        self.url, self.state = url, make_private_directory(directory / "state")
        self.config = directory / "process.toml"
        self.config.write_text(
            f'member = "tax"\nzone = "z"\nstate_dir = "state"\nkeys_dir = "keys"\npublic_dir = "public"\ndatabase_url = "{url}"\n[department]\n'
        )
        for name, kind in (("department", "department"), ("records", "records")):
            open_database(self.state / "department", kind, url, name=name).dispose()

    def name(self, database: str) -> str:
        return database if self.url else f"department/{database}.db"

    def sql(self, database: str, statement: str) -> None:
        engine = connect(self.state / "department" / f"{database}.db", self.url, database)
        with writing(engine) as connection:
            connection.exec_driver_sql(statement)
        engine.dispose()

    def run(self, *arguments: str) -> tuple[int, Any]:
        result = CliRunner().invoke(app, [*arguments, "--config", str(self.config), "--json"])
        return result.exit_code, json.loads(result.stdout)


@pytest.fixture
def kept(url: str, tmp_path: Path) -> Kept:
    return Kept(tmp_path, url)


def test_current_names_every_database_with_its_revision(kept: Kept) -> None:
    code, found = kept.run("current")
    assert code == ExitCode.DONE
    assert [(row["database"], row["revision"], row["state"]) for row in found["databases"]] == [
        (kept.name("department"), revisions("department")[-1], "current"),
        (kept.name("records"), revisions("records")[-1], "current"),
    ]


def test_check_tells_what_differs(kept: Kept) -> None:
    assert kept.run("check")[0] == ExitCode.DONE
    kept.sql("records", "DROP TABLE record_quarantine")
    code, found = kept.run("check")
    assert code == ExitCode.NOT_HOLDING
    assert [bool(row["differences"]) for row in found["databases"]] == [False, True]
    assert "quarantine" in str(found["databases"][1]["differences"])


def test_a_database_goes_down_and_up_again(kept: Kept) -> None:
    for revision in ("base", "records_0000"):
        code, refused = kept.run("downgrade", "--database", kept.name("records"), "--to", revision)
        assert (code, refused["error"]) == (ExitCode.BAD_INPUT, "NOT_FOUND")
    assert kept.run("downgrade", "--database", "nowhere", "--to", "records_0001")[0] == ExitCode.BAD_INPUT
    code, done = kept.run("downgrade", "--database", kept.name("records"), "--to", "records_0001")
    assert (code, done["after"]) == (ExitCode.DONE, "records_0001")
    code, done = kept.run("upgrade")
    newest = revisions("records")[-1]
    expected = [] if newest == "records_0001" else [{"database": kept.name("records"), "before": "records_0001", "after": newest}]
    assert (code, done["upgraded"]) == (ExitCode.DONE, expected)
    assert kept.run("check")[0] == ExitCode.DONE


def test_a_running_process_keeps_its_databases(kept: Kept) -> None:
    with take_state(kept.state):
        assert kept.run("upgrade")[1]["error"] == "STATE_IN_USE"
        assert kept.run("current")[0] == ExitCode.DONE


def test_a_newer_database_is_named_and_refused(kept: Kept) -> None:
    kept.sql("records", f"UPDATE {VERSION_TABLE} SET version_num = 'records_9999'")
    code, found = kept.run("check")
    assert (code, found["databases"][1]["state"]) == (ExitCode.NOT_HOLDING, "newer")
    assert kept.run("upgrade")[1]["error"] == "DATABASE_NEWER"


def test_an_sqlite_file_is_copied_before_it_changes(tmp_path: Path) -> None:
    kept = Kept(tmp_path, "")
    kept.sql("records", "INSERT INTO record_connectors VALUES ('hand', '7', '', NULL, '')")
    kept.run("downgrade", "--database", "department/records.db", "--to", "records_0001")
    copies = list((kept.state / "department").glob("records.db.at-*"))
    assert [copy.name for copy in copies] == [f"records.db.at-{revisions('records')[-1]}"]
    assert copies[0].stat().st_mode & 0o777 == 0o600
    engine = connect(copies[0], "", "")
    with writing(engine) as connection:
        assert connection.exec_driver_sql("SELECT cursor FROM record_connectors").scalar_one() == "7"
    engine.dispose()
