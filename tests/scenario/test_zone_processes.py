"""Real processes of a zone: started, watched, measured, killed and restarted by name; the log followed through all of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from nodes.errors import PeerUnavailableError
from nodes.runtime.database import open_database
from nodes.runtime.peers.identity import load_identity
from nodes.runtime.peers.log_client import LogClient
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from nodes.runtime.replica.follower import LogFollower
from nodes.runtime.replica.store import LogReplica
from nodes.runtime.settings import Peer
from scoring.statements import Refusal, Registry
from simulators.zone.authority import make_zone
from simulators.zone.configs import PINS, choose_addresses, write_configs
from simulators.zone.layout import demo_plan
from simulators.zone.processes import ProcessEndedError, ZoneProcesses

PLAN = demo_plan()
STARTED = ["log", "auditor", "coordinator"]


@pytest.fixture(scope="module")
def registry_and_directory(tmp_path_factory: pytest.TempPathFactory) -> tuple[Registry, Path]:
    """A zone without its key, which the processes that run here do not need."""
    directory = tmp_path_factory.mktemp("zone") / "zone"
    return make_zone(PLAN, directory, []), directory


@pytest.fixture(scope="module")
def zone(registry_and_directory: tuple[Registry, Path]) -> Iterator[ZoneProcesses]:
    directory = registry_and_directory[1]
    with ZoneProcesses(write_configs(PLAN, directory, choose_addresses(PLAN)), directory / "state") as processes:
        processes.start(STARTED)
        processes.wait_ready(60, STARTED)
        yield processes


def address(zone: ZoneProcesses, name: str) -> str:
    return f"127.0.0.1:{zone.ready(name)['port']}"


def test_ready_processes_run_and_are_measured(zone: ZoneProcesses) -> None:
    zone.check()
    usage = zone.usage()
    for name in STARTED:
        assert zone.alive(name)
        assert usage[name].peak_rss_mb >= usage[name].peak_pss_mb > 10
        assert usage[name].cpu_s > 0
    assert not zone.alive("bank-a")


def test_no_process_holds_another_ones_files(zone: ZoneProcesses, registry_and_directory: tuple[Registry, Path]) -> None:
    root = registry_and_directory[1]
    state = root / "state"
    for name in STARTED:
        held = [path for path in zone.open_files(name) if path.startswith(f"{root}/")]
        assert any(path.startswith(f"{state / name}/") for path in held)
        own = (f"{state / name}/", f"{root / PINS / name}/", f"{root}/members/{name}/", f"{root}/public/")  # certificates are watched
        assert all(path.startswith(own) for path in held), (name, held)


def test_the_log_is_followed_witnessed_and_survives_a_kill(
    zone: ZoneProcesses, registry_and_directory: tuple[Registry, Path], tmp_path: Path
) -> None:
    registry, directory = registry_and_directory
    identity = load_identity(PLAN.zone, "authority", directory / "members" / "authority", directory / "public" / "ca.pem")
    peer = Peer(member="log", address=address(zone, "log"))
    seen: list[int] = []

    class Sink:
        def apply(self, index: int, leaf: bytes, envelope: bytes) -> None:
            seen.append(index)

    replica = LogReplica(open_database(tmp_path / "state", "replica"), tmp_path / "state", registry.log_vkey)
    follower = LogFollower(identity, peer, replica, Sink(), registry.witness_policy)
    thread = threading.Thread(target=follower.run)
    thread.start()
    client = LogClient(identity, peer)
    try:
        first = client.append(refusal(identity.signer))
        follower.wait_for(first.index, 20)
        assert follower.wait_for_witnessed(first.index + 1, 20).checkpoint.size > first.index
        zone.kill("log")
        assert not zone.alive("log")
        zone.start(["log"])
        zone.wait_ready(60, ["log"])
        second = client.append(refusal(identity.signer))
        assert second.index == first.index + 1
        follower.wait_for(second.index, 30)
        follower.wait_for_witnessed(second.index + 1, 30)
        assert seen == list(range(second.index + 1))
    finally:
        client.close()
        follower.cancel()
        thread.join(10)
    assert not thread.is_alive()


def refusal(signer: object) -> bytes:
    statement = Refusal(zone=PLAN.zone, nonce=fresh_nonce(), member="authority", reason="CONSENT_MISSING")
    return sign_statement(statement, signer)  # type: ignore[arg-type]


def test_a_killed_process_is_noticed_and_can_be_started_again(zone: ZoneProcesses) -> None:
    before = zone.pid("coordinator")
    used = zone.usage()["coordinator"].cpu_s
    zone.kill("coordinator")
    zone.start(["coordinator"])
    zone.wait_ready(60, ["coordinator"])
    assert zone.pid("coordinator") != before
    assert zone.usage()["coordinator"].cpu_s > used


def test_a_stopped_process_ends_gracefully_and_is_not_missed(zone: ZoneProcesses) -> None:
    zone.stop(["coordinator"])
    assert not zone.alive("coordinator")
    assert '"event": "process.stopped"' in zone.log_file("coordinator").read_text(encoding="utf-8").splitlines()[-1]
    zone.check()
    zone.start(["coordinator"])
    zone.wait_ready(60, ["coordinator"])


def test_a_process_that_cannot_start_is_reported_with_its_log(tmp_path: Path) -> None:
    config = tmp_path / "broken.toml"
    config.write_text("[coordinator]\nlistn = 1\n", encoding="utf-8")
    with ZoneProcesses({"broken": config}, tmp_path / "state") as processes:
        processes.start()
        with pytest.raises(ProcessEndedError, match=r"ended with code 2; its log is .*process\.log"):
            processes.wait_ready(60)
        assert "coordinator.listn: unknown key" in processes.log_file("broken").read_text(encoding="utf-8")


def test_waiting_for_a_process_that_does_not_get_ready_ends(zone: ZoneProcesses, registry_and_directory: tuple[Registry, Path]) -> None:
    (registry_and_directory[1] / "state" / "coordinator" / "ready").rename(registry_and_directory[1] / "hidden")
    with pytest.raises(PeerUnavailableError, match=r"not ready after 0\.1 s: coordinator"):
        zone.wait_ready(0.1, ["coordinator"])
    (registry_and_directory[1] / "hidden").rename(registry_and_directory[1] / "state" / "coordinator" / "ready")
