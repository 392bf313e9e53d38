"""Backups of states with SQLite files and with PostgreSQL schemas: what is taken while others write is one instant, and comes back as it was."""

from __future__ import annotations

import json
import secrets
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from crypto.checkpoint import Checkpoint, sign_checkpoint
from crypto.keygen import PrivateKey
from crypto.notes import ED25519, NoteSigner
from nodes.commands.output import ExitCode
from nodes.commands.storage.backup import app
from nodes.log.storage import LogStore
from nodes.runtime.database import open_database, reading, writing
from nodes.runtime.files import make_private_directory, write_private
from nodes.runtime.migrations.upgrading import VERSION_TABLE
from nodes.runtime.process import take_state
from tests.contract.stores.test_log_store import Writer
from tests.support.zone import MemoryZone

ZONE = "test-zone"


class Process:
    """Where one process keeps its state, and its configuration. ``url`` of the database, if it is not in files."""

    def __init__(self, directory: Path, url: str, role: str = "department", member: str = "tax") -> None:
        self.directory, self.url, self.state = directory, url, directory / "state"
        self.config = directory / "process.toml"
        directory.mkdir(exist_ok=True)
        make_private_directory(self.state)
        table = 'listen = "127.0.0.1:0"\npin = "pin/head.pin"\n' if role == "log" else ""
        self.config.write_text(
            f'member = "{member}"\nzone = "{ZONE}"\nstate_dir = "state"\nkeys_dir = "keys"\npublic_dir = "public"\n'
            f'database_url = "{url}"\n[{role}]\n{table}'
        )

    def open(self, kind: str) -> Engine:
        return open_database(self.state / "own", kind, self.url)

    def run(self, *arguments: str) -> tuple[int, Any]:
        result = CliRunner().invoke(app, [*arguments, "--json"])
        return result.exit_code, json.loads(result.stdout)

    def create(self, to: Path) -> tuple[int, Any]:
        return self.run("create", "--config", str(self.config), "--to", str(to))

    def restore(self, source: Path, *arguments: str) -> tuple[int, Any]:
        return self.run("restore", str(source), "--config", str(self.config), *arguments)


class Urls:
    """A URL for each of a test's processes; empty for files."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self.server = request.getfixturevalue("postgresql") if request.param == "postgresql" else None
        self._stack: list[Any] = []

    def new(self) -> str:
        if self.server is None:
            return ""
        database = self.server.database()
        self._stack.append(database)
        return str(database.__enter__())

    def close(self) -> None:
        for database in self._stack:
            database.__exit__(None, None, None)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def urls(request: pytest.FixtureRequest) -> Any:
    found = Urls(request)
    yield found
    found.close()


@pytest.fixture
def process(urls: Urls, tmp_path: Path) -> Process:
    return Process(tmp_path / "one", urls.new())


def put(engine: Engine, name: str, person: bytes = b"") -> None:
    with writing(engine) as connection:
        connection.exec_driver_sql("DELETE FROM accounts WHERE name = 'x'")
        statement = "INSERT INTO accounts (name, person, salt, verifier) VALUES (%s, %s, %s, %s)"
        values = (name, person, b"", b"")
        if connection.dialect.name == "sqlite":
            statement = statement.replace("%s", "?")
        connection.exec_driver_sql(statement, values)


def names(engine: Engine) -> set[str]:
    with reading(engine) as connection:
        return set(connection.exec_driver_sql("SELECT name FROM accounts").scalars())


def test_a_state_comes_back_as_it_was_and_elsewhere(process: Process, urls: Urls, tmp_path: Path) -> None:
    engine = process.open("pages")
    put(engine, "li-wei", "李伟".encode())
    blobs = make_private_directory(process.state / "own" / "blobs")
    write_private(blobs / "a", b"\x00\xff")
    (process.state / "own" / "public").mkdir(mode=0o755)
    (process.state / "own").chmod(0o700)
    (process.state / "own" / "public" / "b").write_bytes(b"b")
    (process.state / "own" / "public" / "b").chmod(0o644)
    (process.state / "ready").write_text("{}")
    code, made = process.create(tmp_path / "backup")
    assert (code, made["member"], [each["kind"] for each in made["databases"]]) == (ExitCode.DONE, "tax", ["pages"])
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "backup").rglob("*") if path.is_file()} == {0}
    assert process.run("check", str(tmp_path / "backup"))[0] == ExitCode.DONE
    put(engine, "later")
    engine.dispose()

    other = Process(tmp_path / "other", urls.new())
    assert other.restore(tmp_path / "backup")[0] == ExitCode.DONE
    restored = other.open("pages")
    assert names(restored) == {"li-wei"}
    restored.dispose()
    assert (other.state / "own" / "blobs" / "a").read_bytes() == b"\x00\xff"
    for name in ("", "own", "own/blobs", "own/blobs/a", "own/public", "own/public/b"):
        before, after = (process.state / name).stat(), (other.state / name).stat()
        assert (before.st_mode, before.st_uid, before.st_gid) == (after.st_mode, after.st_uid, after.st_gid), name
    assert not (other.state / "ready").exists()


def test_what_is_taken_while_others_write_is_one_instant(process: Process, urls: Urls, tmp_path: Path) -> None:
    """Each name goes to one database, then to the other, then to a file as a cursor: never is a later one ahead of an earlier one."""
    first, second, cursor = process.open("pages"), open_database(process.state / "own", "pages", process.url, name="second"), process.state / "cursor"
    ending, done = threading.Event(), 0

    def work() -> None:
        nonlocal done
        while not ending.is_set() or done < 20:
            put(first, f"n{done:06d}")
            put(second, f"n{done:06d}")
            write_private(cursor, str(done).encode())
            done += 1

    writer = threading.Thread(target=work)
    writer.start()
    for number in range(3):
        assert process.create(tmp_path / f"backup-{number}")[0] == ExitCode.DONE
    ending.set()
    writer.join()
    first.dispose()
    second.dispose()
    for number in range(3):
        other = Process(tmp_path / f"other-{number}", urls.new())
        assert other.restore(tmp_path / f"backup-{number}")[0] == ExitCode.DONE
        ahead, behind = other.open("pages"), open_database(other.state / "own", "pages", other.url, name="second")
        assert 0 <= len(names(ahead)) - len(names(behind)) <= 1
        kept = int((other.state / "cursor").read_text()) if (other.state / "cursor").exists() else -1
        assert kept < len(names(behind)) or kept == -1
        ahead.dispose()
        behind.dispose()


def test_nothing_is_written_over(process: Process, urls: Urls, tmp_path: Path) -> None:
    process.open("pages").dispose()
    process.create(tmp_path / "backup")
    assert process.create(tmp_path / "backup")[1]["error"] == "SETTINGS_INVALID"
    assert process.create(process.state / "backup")[1]["error"] == "SETTINGS_INVALID"
    other = Process(tmp_path / "other", urls.new())
    write_private(make_private_directory(other.state) / "something", b"kept")
    assert other.restore(tmp_path / "backup")[1]["error"] == "STATE_NOT_EMPTY"
    assert (other.state / "something").read_bytes() == b"kept"
    (other.state / "something").unlink()
    with take_state(other.state):
        assert other.restore(tmp_path / "backup")[1]["error"] == "STATE_IN_USE"
    if process.url:
        shutil.rmtree(process.state)
        assert process.restore(tmp_path / "backup")[1]["error"] == "STATE_NOT_EMPTY", "the schemas are there still"


def test_another_process_s_backup_is_refused(process: Process, tmp_path: Path) -> None:
    process.open("pages").dispose()
    process.create(tmp_path / "backup")
    other = Process(tmp_path / "other", process.url, member="court")
    assert other.restore(tmp_path / "backup")[1]["error"] == "SETTINGS_INVALID"
    assert not any(other.state.iterdir())


def test_a_backup_of_another_engine_is_refused(tmp_path: Path) -> None:
    process = Process(tmp_path / "one", "")
    process.open("pages").dispose()
    process.create(tmp_path / "backup")
    code, refused = Process(tmp_path / "other", "postgresql+psycopg://nobody@localhost:1/x").restore(tmp_path / "backup")
    assert (code, refused["error"]) == (ExitCode.BAD_INPUT, "SETTINGS_INVALID")


@pytest.mark.parametrize("change", ["flip", "lose", "add", "unfinished", "outside"])
def test_a_changed_backup_is_not_put_back(change: str, tmp_path: Path) -> None:
    process, backup = Process(tmp_path / "one", ""), tmp_path / "backup"
    process.open("pages").dispose()
    write_private(process.state / "cursor", b"7")
    process.create(backup)
    if change == "flip":
        (backup / "state" / "cursor").write_bytes(b"8")
    elif change == "lose":
        (backup / "state" / "own" / "pages.db").unlink()
    elif change == "add":
        (backup / "state" / "more").write_bytes(b"")
    elif change == "unfinished":
        (backup / "manifest.json").unlink()
    else:
        (backup / "manifest.json").write_text((backup / "manifest.json").read_text().replace("state/cursor", "state/../../cursor"))
    code, checked = process.run("check", str(backup))
    assert code in {ExitCode.NOT_HOLDING, ExitCode.BAD_INPUT}
    assert checked.get("findings") or checked["error"] == "BACKUP_UNUSABLE"
    other = Process(tmp_path / "other", "")
    assert other.restore(backup)[1]["error"] == "BACKUP_UNUSABLE"
    assert not any(other.state.iterdir())


def test_a_backup_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    process = Process(tmp_path / "one", "")
    engine = process.open("pages")
    with writing(engine) as connection:
        connection.exec_driver_sql(f"UPDATE {VERSION_TABLE} SET version_num = 'pages_9999'")
    engine.dispose()
    process.create(tmp_path / "backup")
    assert Process(tmp_path / "other", "").restore(tmp_path / "backup")[1]["error"] == "SETTINGS_INVALID"


class Log:
    """A log's process with its pin on another disk, a registry that names its key, and made-up leaves under signed checkpoints."""

    def __init__(self, process: Process, zone: MemoryZone) -> None:
        self.process, self.signer, self.writer = process, zone.log_signer, Writer()
        (process.directory / "public").mkdir()
        (process.directory / "public" / "registry.dsse.json").write_bytes(zone.entries[0][1])
        self.pin = make_private_directory(process.directory / "pin") / "head.pin"

    def append(self, count: int) -> bytes:
        """The checkpoint after ``count`` more leaves; pinned."""
        engine = open_database(self.process.state, "log", self.process.url)
        self.writer.put(LogStore(engine), count)
        engine.dispose()
        head = self.writer.head
        note = sign_checkpoint(Checkpoint(self.signer.key.name, head.size, head.root), self.signer)
        write_private(self.pin, note)
        return note


def test_a_log_is_put_back_only_where_nothing_came_after_it(urls: Urls, small_private_key: PrivateKey, tmp_path: Path) -> None:
    zone, process = MemoryZone(small_private_key), Process(tmp_path / "one", urls.new(), "log", "log")
    log, backup = Log(process, zone), tmp_path / "backup"
    log.append(5)
    code, made = process.create(backup)
    assert (code, made["log"]["size"]) == (ExitCode.DONE, 5)
    later = log.append(1)
    (tmp_path / "later").write_bytes(later)

    other = Process(tmp_path / "other", urls.new(), "log", "log")
    shutil.copytree(process.directory / "public", other.directory / "public")
    pin = make_private_directory(other.directory / "pin") / "head.pin"

    def refused(*arguments: str) -> str:
        code, answer = other.restore(backup, *arguments)
        assert code == ExitCode.BAD_INPUT
        assert not any(other.state.iterdir())
        return f"{answer['error']} {answer['detail']}"

    assert "STATE_ROLLED_BACK nothing shows" in refused()
    assert "STATE_ROLLED_BACK the backup's log ends at 5 leaves, a checkpoint of 6" in refused("--checkpoint", str(tmp_path / "later"))
    write_private(pin, later)
    assert "STATE_ROLLED_BACK" in refused()
    pin.unlink()
    (tmp_path / "forked").write_bytes(sign_checkpoint(Checkpoint(zone.log_signer.key.name, 5, bytes(32)), zone.log_signer))
    assert "LOG_FORKED" in refused("--checkpoint", str(tmp_path / "forked"))
    stranger = NoteSigner(zone.log_signer.key.name, ED25519, secrets.token_bytes(32))
    (tmp_path / "strange").write_bytes(sign_checkpoint(Checkpoint(stranger.key.name, 5, log.writer.head.root), stranger))
    assert other.restore(backup, "--checkpoint", str(tmp_path / "strange"))[0] == ExitCode.BAD_INPUT
    assert not pin.exists()

    process.create(tmp_path / "last")
    assert other.restore(tmp_path / "last", "--checkpoint", str(tmp_path / "later"))[0] == ExitCode.DONE
    assert pin.read_bytes() == later
    engine = open_database(other.state, "log", other.url)
    assert LogStore(engine).root_at(6) == log.writer.head.root
    engine.dispose()
