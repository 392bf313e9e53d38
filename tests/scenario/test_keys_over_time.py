"""The key over time in a zone of real processes: refreshed, a custodian killed at each write, given up, re-shared; a liar named [P1.4, P1.7]."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from crypto.statements import parse_envelope
from nodes.custodian.shares.holding import read_holding
from nodes.packs import shipped_pack
from nodes.runtime.clock import Timer
from nodes.runtime.files import read_private
from scoring.indicators.model import load_pack
from scoring.statements import Blame, Statement, parse_statement
from tests.scenario.conftest import run_command
from tests.support.live_zone import EPOCH, LiveZone
from tests.support.shared_zone import CUSTODIANS, GROUP
from tests.support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group(GROUP), pytest.mark.timeout(900)]
PRODUCT = next(iter(load_pack(shipped_pack("firm-panel")).products))
NAME = "notary-hangzhou"
WRITES = ("key-receiver", "key-deal", "key-ack", "in force")
BANK = "bank-a"


@pytest.fixture(scope="module")
def zone(common_zone: LiveZone) -> LiveZone:
    common_zone.evaluated()
    return common_zone


@pytest.fixture(scope="module")
def subject(zone: LiveZone) -> str:
    """An enterprise that consented to the bank."""
    found: str = zone.authority.totals(EPOCH)[0]["subject"]
    zone.grant(found, BANK, PRODUCT)
    return found


def key(zone: LiveZone, *arguments: str, config: str = "gateway") -> dict[str, Any]:
    code, document = run_command("key", *arguments, "--config", str(zone.out / "config" / f"{config}.toml"))
    assert code == 0, document
    return document


def query(zone: LiveZone, subject: str) -> str:
    total: str = zone.banks[BANK].query(subject, PRODUCT)["total"]
    return total


def wait_for_generation(zone: LiveZone, number: int) -> None:
    until(lambda: key(zone, "status")["generation"] >= number, f"generation {number}", 90)


def holding_of(zone: LiveZone, name: str) -> Any:
    passphrase = read_private(zone.out / "members" / name / "passphrase").strip()
    return read_holding(zone.out / "state" / name / "custodian" / "share.json", passphrase)


@contextmanager
def instead(zone: LiveZone, name: str, module: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Another program in the place of a custodian's process, which is started again afterwards."""
    zone.processes.stop([name])
    with zone.processes.log_file(name).open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", module, str(zone.out / "config" / f"{name}.toml"), *arguments], stdout=output, stderr=output, env=os.environ
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(30)
        zone.processes.start([name])
        zone.processes.wait_ready(60, [name])


def test_shares_are_refreshed_while_the_zone_works(zone: LiveZone, subject: str) -> None:
    before, answers, number = query(zone, subject), list[str](), key(zone, "status")["generation"]
    over = threading.Event()

    def ask() -> None:
        while not over.wait(0.5):
            answers.append(query(zone, subject))

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        found = key(zone, "refresh", "--wait", "60")
    finally:
        over.set()
        asking.join()
    assert (found["generation"], found["custodians"], found["round"]) == (number + 1, list(CUSTODIANS), None)
    assert query(zone, subject) == before
    assert set(answers) == {before}


@pytest.mark.nightly
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("write", WRITES)
def test_a_custodian_killed_at_a_write_of_a_refresh_goes_on_when_it_is_back(zone: LiveZone, subject: str, write: str, moment: str) -> None:
    total, number = query(zone, subject), key(zone, "status")["generation"]
    with instead(zone, NAME, "tests.support.ending_custodian", write, moment) as process:
        key(zone, "refresh")
        assert process.wait(90) == -signal.SIGKILL
        assert query(zone, subject) == total, "the others open meanwhile, whichever generation is in force"
    wait_for_generation(zone, number + 1)
    until(lambda: holding_of(zone, NAME).part is None, "no part is held")
    assert holding_of(zone, NAME).share.generation == number + 1
    assert query(zone, subject) == total


@pytest.mark.nightly
def test_a_refresh_without_a_custodian_is_given_up_and_nothing_is_lost(zone: LiveZone, subject: str) -> None:
    before, number = {name: holding_of(zone, name).share for name in CUSTODIANS[2:]}, key(zone, "status")["generation"]
    with instead(zone, NAME, "tests.support.ending_custodian", "key-ack", "before") as process:
        key(zone, "refresh")
        assert process.wait(90) == -signal.SIGKILL
        assert key(zone, "status")["round"]["awaited"]["acknowledgements"] == [NAME]
        assert key(zone, "abandon")["round"] is None
    assert key(zone, "status")["generation"] == number
    assert query(zone, subject)
    until(lambda: all(holding_of(zone, name).part is None for name in CUSTODIANS[2:]), "no part is held")
    assert {name: holding_of(zone, name).share for name in CUSTODIANS[2:]} == before


def reshare(zone: LiveZone, threshold: int, custodians: tuple[str, ...], dealers: tuple[str, ...] = ()) -> dict[str, Any]:
    """A re-sharing, approved by the dealers' operators; what the zone says when it is in force."""
    number = key(zone, "status")["generation"]
    options = [option for name in custodians for option in ("--custodian", name)] + [option for name in dealers for option in ("--dealer", name)]
    begun = key(zone, "reshare", "--threshold", str(threshold), *options)["round"]
    for name in begun["dealers"]:
        key(zone, "approve", begun["digest"], config=name)
    wait_for_generation(zone, number + 1)
    return key(zone, "status")


@pytest.mark.nightly
def test_a_lost_share_is_dealt_again(zone: LiveZone, subject: str) -> None:
    total = query(zone, subject)
    zone.processes.stop([NAME])
    (zone.out / "state" / NAME / "custodian" / "share.json").unlink()
    zone.processes.start([NAME])
    zone.processes.wait_ready(60, [NAME])
    assert query(zone, subject) == total, "the others open"
    reshare(zone, 3, CUSTODIANS, ("tax-hangzhou", "credit-binjiang", "university-hangzhou"))
    others = ["archive-zhejiang", "university-hangzhou"]
    zone.processes.stop(others)
    try:
        assert query(zone, subject) == total, "with the new share: three of five run"
    finally:
        zone.processes.start(others)
        zone.processes.wait_ready(60, others)


@pytest.mark.nightly
def test_a_custodian_leaves_and_comes_back(zone: LiveZone, subject: str) -> None:
    total = query(zone, subject)
    staying = tuple(name for name in CUSTODIANS if name != "archive-zhejiang")
    found = reshare(zone, 3, staying)
    assert found["custodians"] == list(staying)
    until(lambda: holding_of(zone, "archive-zhejiang").share is None, "the share is gone")
    assert query(zone, subject) == total
    reshare(zone, 4, CUSTODIANS)
    assert query(zone, subject) == total
    assert zone.service.portrait(zone.subjects[subject])["values"]


@pytest.mark.nightly
def test_a_lying_custodian_spoils_nothing_and_is_named_in_the_log(zone: LiveZone, subject: str, tmp_path: Path) -> None:
    total = query(zone, subject)
    with instead(zone, NAME, "tests.support.lying_custodian"):
        timer, found = Timer(300), list[Blame]()  # a quorum is asked first: the liar is in it sooner or later
        while not found:
            assert query(zone, subject) == total
            found = blames(zone, tmp_path / "copy")
            assert timer.left_s() > 0, "nobody is blamed"
    assert {(blame.custodian, blame.fault) for blame in found} == {(NAME, "failed")}
    assert audited(zone, tmp_path / "copy")["verdict"] == "fail"


@pytest.mark.nightly  # all of it is what ran at night
def test_an_auditor_finds_nothing_in_all_of_it_but_the_liar(zone: LiveZone, tmp_path: Path) -> None:
    document = audited(zone, tmp_path / "copy")
    assert document["kinds"]["key-activate"] >= 1 + len(WRITES) + 3


@pytest.mark.nightly
def test_those_who_read_little_of_the_log_judged_all_of_it_alike(zone: LiveZone) -> None:
    """Departments, banks and the enterprise service follow the rounds by their statements: to none of them was a step void, or missing."""
    wrong = {"statement.void", "statement.missing"}
    for name in (BANK, "tax-hangzhou", "ip-zhejiang", "enterprise-binjiang"):
        lines = (json.loads(line) for line in zone.processes.log_file(name).read_text().splitlines() if line.startswith("{"))
        found = [line for line in lines if line["event"] in wrong and line["component"] == "members"]
        assert found == [], name
    code, told = run_command("member", "update", zone.gateway.base, "--public", str(zone.out / "public"))
    assert code == 0, told
    assert (told["approvers"], told["threshold"]) == (sorted(CUSTODIANS), 4)


def audited(zone: LiveZone, copy: Path) -> dict[str, Any]:
    identity, public = zone.out / "members" / "auditor", zone.out / "public"
    code, document = run_command("audit", zone.gateway.base, "--keys", str(public), "--identity", str(identity), "--mirror", str(copy))
    assert code == (1 if document["findings"] else 0), json.dumps(document)[:4000]
    assert {finding["code"] for finding in document["findings"]} <= {"PARTIAL_FAILED"}, json.dumps(document)[:4000]
    assert all(f"custodian {NAME}," in finding["detail"] for finding in document["findings"])
    return document


def blames(zone: LiveZone, copy: Path) -> list[Blame]:
    """Every blame in the log, as an auditor's copy has it; the audit finds nothing but them."""
    audited(zone, copy)
    found: list[Statement] = []
    for path in (copy / "log" / "envelopes").iterdir():
        envelope = parse_envelope(path.read_bytes())
        if envelope.payload_type == Blame.payload_type():
            found.append(parse_statement(envelope.payload_type, envelope.payload))
    return [statement for statement in found if isinstance(statement, Blame)]
