"""The auditor as a real process beside a real log: checkpoints come witnessed, through kills; a witness that forgot never returns."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from crypto.checkpoint import check_witnessed
from nodes.errors import PeerUnavailableError
from nodes.runtime.entry import EXIT_FATAL
from nodes.runtime.peers.log_client import LogClient
from nodes.runtime.peers.signing import fresh_nonce
from scoring.statements import Refusal
from tests.scenario.log_zone import ZONE, LogProcess, Zone, make_zone, running_log
from tests.support.waiting import until

TIMEOUT_S = 30.0


@pytest.fixture(scope="module")
def zone(tmp_path_factory: pytest.TempPathFactory) -> Zone:
    return make_zone(tmp_path_factory.mktemp("zone"))


@pytest.fixture(scope="module")
def log(zone: Zone) -> Iterator[LogProcess]:
    with running_log(zone) as process:
        yield process


@pytest.fixture(scope="module")
def client(zone: Zone, log: LogProcess) -> Iterator[LogClient]:
    made = LogClient(zone.identities["bank-a"], log.peer)
    yield made
    made.close()


def start_auditor(zone: Zone, log: LogProcess) -> subprocess.Popen[bytes]:
    config = zone.root / "auditor.toml"
    lines = ['member = "auditor"', f'zone = "{ZONE}"', 'state_dir = "state/auditor"', 'keys_dir = "members/auditor"', 'public_dir = "public"']
    config.write_text("\n".join([*lines, "[auditor]", "[peers.log]", 'member = "log"', f'address = "{log.peer.address}"']) + "\n")
    with (zone.root / "auditor.err").open("ab") as errors:
        return subprocess.Popen([sys.executable, "-m", "nodes.auditor", str(config)], stderr=errors, cwd=Path(__file__).parents[2])


@pytest.fixture
def auditor(zone: Zone, log: LogProcess) -> Iterator[subprocess.Popen[bytes]]:
    process = start_auditor(zone, log)
    yield process
    process.kill()
    process.wait()


def witnessed_size(zone: Zone, client: LogClient, min_size: int) -> int:
    note = client.checkpoint(min_size, TIMEOUT_S).encode()
    policy = zone.registry.witness_policy
    return check_witnessed(note, zone.registry.log_vkey, [zone.witness_signer("auditor").key.to_vkey()], policy.required).size


def test_checkpoints_come_witnessed(zone: Zone, client: LogClient, auditor: subprocess.Popen[bytes]) -> None:
    for _ in range(5):
        placed = client.append(zone.refusal("bank-a"))
        assert witnessed_size(zone, client, placed.index + 1) > placed.index
    auditor.terminate()
    assert auditor.wait(TIMEOUT_S) == 0


def test_killed_auditor_goes_on_witnessing(zone: Zone, log: LogProcess, client: LogClient, auditor: subprocess.Popen[bytes]) -> None:
    placed = client.append(zone.refusal("bank-a"))
    witnessed_size(zone, client, placed.index + 1)
    auditor.kill()
    auditor.wait()
    placed = client.append(zone.refusal("bank-a"))
    with pytest.raises(PeerUnavailableError):
        client.checkpoint(placed.index + 1, 0.2)  # nobody witnesses it meanwhile
    again = start_auditor(zone, log)
    try:
        assert witnessed_size(zone, client, placed.index + 1) > placed.index
    finally:
        again.kill()
        again.wait()


def test_statement_that_breaks_a_rule_is_reported(zone: Zone, client: LogClient, auditor: subprocess.Popen[bytes]) -> None:
    """The log admits a bank's refusal in another member's name; who replays it does not."""
    forged = zone.sign("bank-a", Refusal(zone=ZONE, nonce=fresh_nonce(), member="coordinator", reason="NOT_READY"))
    placed = client.append(forged)
    errors = zone.root / "auditor.err"
    found = until(lambda: [line for line in errors.read_text().splitlines() if "statement.void" in line], "the report", TIMEOUT_S)
    assert [(json.loads(line)["leaf_index"], json.loads(line)["reason"]) for line in found] == [(placed.index, "SIGNER_NOT_ALLOWED")]


def test_auditor_that_lost_its_witness_state_does_not_start(zone: Zone, log: LogProcess, client: LogClient, auditor: subprocess.Popen[bytes]) -> None:
    """The last test of this module: its auditor is retired."""
    witnessed_size(zone, client, client.append(zone.refusal("bank-a")).index + 1)
    auditor.kill()
    auditor.wait()
    shutil.rmtree(zone.root / "state" / "auditor")
    assert start_auditor(zone, log).wait(TIMEOUT_S) == EXIT_FATAL
    said = (zone.root / "auditor.err").read_text()
    assert "retire" in said
    assert "Traceback" not in said
