"""A whole zone with every process on PostgreSQL, and one on SQLite: an epoch, a release; then processes lose their states and go on from
backups that were taken while all ran, before the last release."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from nodes.commands.output import ExitCode
from nodes.packs import shipped_pack
from scoring.indicators.model import load_pack
from tests.scenario.conftest import run_command
from tests.support.live_zone import PACK, LiveZone, live_zone
from tests.support.postgresql import Server

pytestmark = [pytest.mark.slow, pytest.mark.nightly, pytest.mark.timeout(600), pytest.mark.xdist_group("zone_databases")]
LOST = ("coordinator", "gateway", "notary-hangzhou", "bank-a", "tax-hangzhou")
PRODUCT = next(iter(load_pack(shipped_pack(PACK)).products))


class Databases:
    """A database for each process of the zone; without a server, files."""

    def __init__(self, server: Server | None) -> None:
        self._server, self._stack, self.urls = server, ExitStack(), dict[str, str]()

    def give(self, out: Path) -> None:
        """Name a new database in every process's configuration."""
        for path in sorted((out / "config").glob("*.toml")):
            text = path.read_text()
            if self._server is not None and text.startswith("member = "):
                self.urls[path.stem] = self._stack.enter_context(self._server.database())
                path.write_text(f'database_url = "{self.urls[path.stem]}"\n{text}')

    def renew(self, out: Path, name: str) -> None:
        """Another, empty database for one process."""
        if self._server is not None:
            path, old = out / "config" / f"{name}.toml", self.urls[name]
            self.urls[name] = self._stack.enter_context(self._server.database())
            path.write_text(path.read_text().replace(old, self.urls[name]))

    def close(self) -> None:
        self._stack.close()


@pytest.fixture(scope="module", params=["postgresql", "sqlite"])
def databases(request: pytest.FixtureRequest) -> Iterator[Databases]:
    found = Databases(request.getfixturevalue("postgresql") if request.param == "postgresql" else None)
    yield found
    found.close()


@pytest.fixture(scope="module")
def zone(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveZone]:
    with live_zone(tmp_path_factory.mktemp("databases") / "zone", tune=databases.give) as running:
        running.evaluate()
        yield running


def config(zone: LiveZone, name: str) -> str:
    return str(zone.out / "config" / f"{name}.toml")


def released(zone: LiveZone, number: int) -> dict[str, Any]:
    """A verified score of one enterprise, given to bank-a upon a new consent."""
    subject = sorted(zone.subjects)[number]
    zone.grant(subject, "bank-a", PRODUCT)
    answer = zone.banks["bank-a"].query(subject, PRODUCT)
    assert zone.banks["bank-a"].receipt(answer["receipt_id"])["subject"] == subject
    return answer


def test_every_store_of_every_process_is_in_its_database(zone: LiveZone, databases: Databases) -> None:
    assert released(zone, 0)["total"]
    files = list((zone.out / "state").rglob("*.db"))
    assert bool(files) != bool(databases.urls)
    for name in zone.processes.names():
        code, found = run_command("database", "check", "--config", config(zone, name))
        assert code == ExitCode.DONE, found
    for url in databases.urls.values():
        with create_engine(url, poolclass=NullPool).connect() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").scalar_one() == 0


def test_processes_that_lost_their_states_go_on_from_backups(zone: LiveZone, databases: Databases, tmp_path: Path) -> None:
    for name in (*LOST, "log"):
        code, made = run_command("backup", "create", "--config", config(zone, name), "--to", str(tmp_path / name))
        assert code == ExitCode.DONE, made
        assert run_command("backup", "check", str(tmp_path / name))[0] == ExitCode.DONE
    released(zone, 1)
    zone.processes.stop(LOST)
    for name in LOST:
        shutil.rmtree(zone.out / "state" / name)
        databases.renew(zone.out, name)
        code, restored = run_command("backup", "restore", str(tmp_path / name), "--config", config(zone, name))
        assert code == ExitCode.DONE, restored
    zone.processes.start(LOST)
    zone.processes.wait_ready(120, LOST)
    zone.authority.wait_usable(60)
    for number in (2, 0):
        assert released(zone, number)["total"]
    code, verdict = run_command("audit", zone.gateway.base, "--keys", str(zone.out / "public"))
    assert (code, verdict["verdict"]) == (ExitCode.DONE, "pass"), verdict


def test_an_older_log_is_not_put_back(zone: LiveZone, databases: Databases, tmp_path: Path) -> None:
    backup, state = tmp_path / "log", zone.out / "state" / "log"
    assert run_command("backup", "create", "--config", config(zone, "log"), "--to", str(backup))[0] == ExitCode.DONE
    released(zone, 3)
    zone.processes.stop(["log"])
    state.rename(tmp_path / "lost")
    kept = databases.urls.get("log", "")
    databases.renew(zone.out, "log")
    code, refused = run_command("backup", "restore", str(backup), "--config", config(zone, "log"))
    assert (code, refused["error"]) == (ExitCode.BAD_INPUT, "STATE_ROLLED_BACK")
    assert "--checkpoint" in refused["detail"]
    newest = ("--checkpoint", str(tmp_path / "lost" / "head.pin"))
    code, refused = run_command("backup", "restore", str(backup), "--config", config(zone, "log"), *newest)
    assert (code, refused["error"]) == (ExitCode.BAD_INPUT, "STATE_ROLLED_BACK")
    assert "start a new one with a new key" in refused["detail"]

    path = Path(config(zone, "log"))
    if kept:  # the database as it was when the log was stopped
        path.write_text(path.read_text().replace(databases.urls["log"], kept))
    (tmp_path / "lost").rename(state)
    last = tmp_path / "last"
    assert run_command("backup", "create", "--config", config(zone, "log"), "--to", str(last))[0] == ExitCode.DONE
    shutil.copy(state / "head.pin", tmp_path / "newest")
    shutil.rmtree(state)
    if kept:
        databases.urls["log"] = kept
    databases.renew(zone.out, "log")
    code, restored = run_command("backup", "restore", str(last), "--config", config(zone, "log"), "--checkpoint", str(tmp_path / "newest"))
    assert code == ExitCode.DONE, restored
    zone.processes.start(["log"])
    zone.processes.wait_ready(60, ["log"])
    assert released(zone, 4)["total"]
