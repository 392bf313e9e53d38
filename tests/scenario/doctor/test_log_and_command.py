"""``xinqiao doctor`` at a real log and its witnesses, and as a command with its document and exit codes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nodes.commands.doctor.command import examine
from nodes.runtime.peers.log_client import LogClient
from tests.scenario.doctor.patient import Patient, admitted, assert_wrong, gateway, of
from tests.scenario.log_witness import WitnessDouble
from tests.scenario.log_zone import LogProcess, Zone, make_zone, running_log

pytestmark = pytest.mark.slow

# --- the log ---


def test_a_clock_behind_the_newest_cosignature_is_found(patient: Patient) -> None:
    assert_wrong(patient, "clock", "in this machine's future", -10_000)


def test_a_log_that_shows_less_than_was_verified_is_found(patient: Patient) -> None:
    replica = patient.state / "replica"
    replica.mkdir(mode=0o700)
    (replica / "log-head.json").write_text(json.dumps({"size": 4711, "root": "00" * 32}), encoding="utf-8")
    (replica / "log-head.json").chmod(0o600)
    assert_wrong(patient, "log", "4711 leaves were verified here")


def test_a_checkpoint_of_another_log_and_missing_witnesses_are_found(zone: Zone, tmp_path: Path) -> None:
    other = make_zone(tmp_path / "other")
    with running_log(other) as unwitnessed:
        patient = admitted(other, unwitnessed, tmp_path, "bank-a")
        levels = [(finding.level, finding.about) for later in (0, 200, 400) for finding in of(patient.findings(later, "witnesses"), "witnesses")]
        assert levels == [("ok", "waiting"), ("warning", "waiting"), ("error", "waiting")], "leaf 0 waits, and the policy allows 300 s"
        double = WitnessDouble(other.identities["auditor"], other.witness_signer("auditor"), other.registry.log_vkey)
        double.start(unwitnessed.peer)
        log = LogClient(other.identities["bank-a"], unwitnessed.peer)
        log.checkpoint(1, 30)
        double.stop()
        log.append(other.refusal("bank-a"))
        log.close()
        assert_wrong(patient, "witnesses", "leaf 1 has waited", 400)
        shutil.copy(zone.root / "public" / "registry.dsse.json", patient.public / "registry.dsse.json")
        assert_wrong(patient, "log", "it is not the log's that the pinned registry names")


def test_a_lost_pin_is_found(zone: Zone, log: LogProcess) -> None:
    config = zone.root / "log.toml"
    pin = zone.root / "state" / "log" / "head.pin"
    assert [finding.level for finding in examine(config, time.time, lambda _text: None) if finding.check == "pins"] == ["ok"]
    away = pin.rename(pin.with_name("away.pin"))
    try:
        found = [finding for finding in examine(config, time.time, lambda _text: None) if finding.check == "pins"]
    finally:
        away.rename(pin)
    assert [finding.level for finding in found] == ["error"]


# --- the command ---


def test_the_command_prints_one_document_and_exits_with_1_for_what_is_wrong(patient: Patient) -> None:
    ended = _command(patient.config)
    document = json.loads(ended.stdout)
    assert (ended.returncode, document["verdict"]) == (1, "error"), "its gateway is away"
    assert document["counts"]["ok"] > 5
    assert all(finding["action"] for finding in document["findings"] if finding["level"] != "ok")
    with gateway(patient.zone, lambda: None) as base:
        patient.write(lambda text: text.replace("https://127.0.0.1:1", base))
        ended = _command(patient.config)
    assert (ended.returncode, json.loads(ended.stdout)["verdict"]) == (0, "ok")


def _command(config: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "xinqiao", "doctor", "--config", str(config), "--json"]
    return subprocess.run(command, check=False, capture_output=True, text=True, env=os.environ)
