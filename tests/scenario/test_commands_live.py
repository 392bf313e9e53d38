"""The commands of operators, staff and clerks on a zone that runs: exit codes, one JSON document and nothing else, no traceback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nodes.packs import shipped_pack
from nodes.runtime.clock import Timer
from nodes.runtime.files import read_private, write_private
from scoring.indicators.model import load_pack
from simulators.zone.authority import make_zone
from simulators.zone.layout import demo_plan
from tests.support.commands import begun
from tests.support.live_zone import EPOCH, PACK, STANDALONE_CUSTODIANS, LiveZone
from tests.support.shared_zone import GROUP, OFFICE, configured
from tests.support.waiting import until

pytestmark = [pytest.mark.nightly, pytest.mark.slow, pytest.mark.xdist_group(GROUP), pytest.mark.timeout(600)]
PRODUCT = next(iter(load_pack(shipped_pack(PACK)).products))
TIMEOUT_S = 300.0
PEOPLE = ("li-wei", "wang-fang")
TAX, DISPUTED, FILED = "tax-hangzhou", "sales_musd", "sales_musd_previous"


@dataclass(frozen=True)
class Ended:
    """What a command left: its exit code, the one document of its standard output, its standard error."""

    code: int
    document: dict[str, Any]
    errors: str


def xinqiao(*arguments: object) -> Ended:
    """``xinqiao ARGUMENTS --json`` as a process of its own."""
    with begun(sys.executable, "-m", "xinqiao", *arguments, "--json") as process:
        return ended(*_finish(process))


def ended(code: int, out: str, errors: str) -> Ended:
    """The end of a command; its standard output is exactly one JSON document."""
    assert "Traceback" not in out + errors
    assert out.endswith("}\n")
    assert out.count("\n") == 1
    return Ended(code, json.loads(out), errors)


def _finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, errors = process.communicate(timeout=TIMEOUT_S)
    return process.returncode, out, errors


def refused(done: Ended, code: int, reason: str) -> None:
    """It ended with this code for this reason, which a person reads too."""
    assert (done.code, done.document["error"]) == (code, reason), done.errors
    assert set(done.document) == {"error", "detail"}
    assert f"[{reason}]" in done.errors or reason == "USAGE"
    assert done.document["detail"] in done.errors


@pytest.fixture(scope="module")
def zone(common_zone: LiveZone) -> Iterator[LiveZone]:
    """A zone that runs, with no epoch yet: this module is the first, and its tests do the zone's work in their order. Meanwhile enterprises may
    file last year's sales with the tax bureau, and another office works under four eyes."""
    add_people(common_zone)
    with configured(common_zone, {TAX: self_filing, OFFICE: under_four_eyes}):
        yield common_zone


def self_filing(text: str) -> str:
    return text.replace("[department]\n", f'[department]\nself_filed = ["{FILED}"]\n')


def under_four_eyes(text: str) -> str:
    """The intellectual property office's configuration with a page and two people."""
    people = ", ".join(f'"{name}"' for name in PEOPLE)
    return text + f'\n[department.desk]\nlisten = "127.0.0.1:0"\npeople_dir = "../people"\npeople = [{people}]\napproval = "two-persons"\n'


def add_people(zone: LiveZone) -> None:
    """By the commands that an operator would use."""
    (zone.out / "desk").mkdir()
    settings = zone.out / "desk" / f"{OFFICE}.toml"  # beside config: its relative paths mean the same
    settings.write_text(under_four_eyes(config(zone, OFFICE).read_text(encoding="utf-8")), encoding="utf-8")
    for name in PEOPLE:
        write_private(zone.out / f"{name}.password", f"password of {name}\n".encode())
        done = xinqiao("department", "person", "add", name, "--config", settings, "--password-file", zone.out / f"{name}.password")
        assert (done.code, done.document["named"]) == (0, True), done.errors


def department(zone: LiveZone, command: str, person: str, *arguments: object) -> Ended:
    people = ("--person", person, "--password-file", zone.out / f"{person}.password")
    return xinqiao("department", command, *arguments, "--config", config(zone, OFFICE), *people)


def config(zone: LiveZone, name: str) -> Path:
    return zone.out / "config" / f"{name}.toml"


def epoch(zone: LiveZone, command: str, *arguments: object) -> Ended:
    return xinqiao("epoch", command, *arguments, "--config", config(zone, "gateway"))


def query(zone: LiveZone, *arguments: object, bank: str = "bank-a") -> Ended:
    return xinqiao("score", "query", "--config", config(zone, bank), *arguments)


# --- the zone ---


def test_the_status_of_a_zone_that_runs(zone: LiveZone) -> None:
    done = xinqiao("zone", "status", zone.out)
    assert done.code == 0
    assert {row["name"]: row["pid"] for row in done.document["processes"]} == {name: zone.processes.pid(name) for name in zone.processes.names()}
    assert {row["state"] for row in done.document["processes"]} == {"ready"}


def test_a_zone_that_runs_is_not_started_again(zone: LiveZone) -> None:
    refused(xinqiao("zone", "up", zone.out), 2, "STATE_IN_USE")
    assert xinqiao("zone", "status", zone.out).code == 0


def test_a_zone_or_key_that_is_there_is_not_made_again(zone: LiveZone) -> None:
    before = (zone.out / "public" / "ceremony.dsse.json").read_bytes()
    refused(xinqiao("zone", "init", zone.out, "--key-bits", 2048), 2, "SETTINGS_INVALID")
    keys = zone.out / "members" / "authority"
    refused(xinqiao("key", "ceremony", "--public", zone.out / "public", "--dealer-keys", keys, "--key-bits", 2048), 2, "SETTINGS_INVALID")
    assert (zone.out / "public" / "ceremony.dsse.json").read_bytes() == before


# --- an epoch ---


def test_an_epoch_that_cannot_be_is_refused(zone: LiveZone) -> None:
    refused(epoch(zone, "status", "nowhere"), 3, "EPOCH_UNKNOWN")
    refused(epoch(zone, "close", "nowhere"), 3, "EPOCH_UNKNOWN")
    refused(epoch(zone, "open", "e2", "--period", zone.population.period, "--model", "nowhere"), 3, "MODEL_MISMATCH")
    refused(epoch(zone, "open", "e2", "--period", "not a period", "--model", PACK), 3, "BODY_INVALID")
    for name in ("Not A Name", "../keys", "..", ""):  # nor is anything else of the gateway's asked for
        refused(epoch(zone, "status", name), 2, "USAGE")


def test_an_epoch_is_opened(zone: LiveZone) -> None:
    opened = epoch(zone, "open", EPOCH, "--period", zone.population.period, "--model", PACK)
    assert (opened.code, opened.document["state"], opened.document["epoch"]) == (0, "OPEN", EPOCH)
    again = epoch(zone, "open", EPOCH, "--period", zone.population.period, "--model", PACK)
    assert (again.code, again.document["state"]) == (0, "OPEN")
    refused(epoch(zone, "open", EPOCH, "--period", "1996", "--model", PACK), 3, "EPOCH_INVALID")


def awaited(zone: LiveZone) -> set[str]:
    """Members whose columns the epoch still waits for."""
    return {column["member"] for column in zone.authority.call("GET", f"/v1/epochs/{EPOCH}")["columns"] if not column["received"]}


def outgoing(zone: LiveZone) -> list[dict[str, Any]]:
    """The office's contributions as its people see them."""
    done = department(zone, "outgoing", PEOPLE[0])
    assert (done.code, done.document["policy"]) == (0, "two-persons"), done.errors
    return [item for epoch in done.document["epochs"] for item in epoch["contributions"]]


def held(zone: LiveZone) -> list[str]:
    """The office's contributions, once the epoch waits for nothing else."""
    until(lambda: awaited(zone) == {OFFICE} and len(outgoing(zone)) >= 2, "two contributions of the office are awaited", TIMEOUT_S, 0.2)
    contributions = outgoing(zone)
    assert {item["state"] for item in contributions} == {"held"}
    return [item["contribution"] for item in contributions]


def test_the_epoch_waits_for_two_people_of_a_department_under_four_eyes(zone: LiveZone) -> None:
    names = held(zone)
    refused(epoch(zone, "close", EPOCH), 4, "NOT_READY")
    proposed = department(zone, "approve", PEOPLE[0], *names)
    assert (proposed.code, {item["act"] for item in proposed.document["decisions"]}) == (0, {"propose"}), proposed.errors
    refused(department(zone, "approve", PEOPLE[0], *names), 3, "DECISION_INVALID")
    zone.processes.kill(OFFICE)
    refused(department(zone, "approve", PEOPLE[1], *names), 4, "PEER_UNAVAILABLE")
    zone.processes.start([OFFICE])
    zone.processes.wait_ready(120, [OFFICE])
    refused(department(zone, "approve", PEOPLE[1], "00000000"), 2, "SETTINGS_INVALID")
    assert awaited(zone) == {OFFICE}
    approved = department(zone, "approve", PEOPLE[1], *(name[:12] for name in names))
    assert (approved.code, {item["act"] for item in approved.document["decisions"]}) == (0, {"approve"}), approved.errors
    until(lambda: not awaited(zone), "nothing is awaited", TIMEOUT_S, 0.2)
    assert all(item["leaf_index"] > 0 and item["state"] == "sent" for item in outgoing(zone))


def test_an_epoch_is_closed_and_released(zone: LiveZone) -> None:
    closed = epoch(zone, "close", EPOCH, "--wait", 120)
    assert (closed.code, closed.document["state"]) == (0, "RELEASED"), closed.errors
    status = epoch(zone, "status", EPOCH)
    assert (status.code, status.document["state"]) == (0, "RELEASED")


def test_a_wrong_token_is_refused_and_a_missing_one_is_bad_input(zone: LiveZone) -> None:
    token = zone.out / "state" / "gateway" / "admin.token"
    right = read_private(token)
    try:
        write_private(token, b"x" * 43)
        refused(epoch(zone, "status", EPOCH), 3, "TOKEN_INVALID")
        token.unlink()
        refused(epoch(zone, "status", EPOCH), 2, "SECRET_FILE")
        write_private(token, right)
        token.chmod(0o644)
        refused(epoch(zone, "status", EPOCH), 2, "SECRET_FILE")
    finally:
        write_private(token, right)
        token.chmod(0o600)
    assert epoch(zone, "status", EPOCH).code == 0


def test_a_gateway_under_another_ca_is_not_talked_to(zone: LiveZone, tmp_path: Path) -> None:
    make_zone(demo_plan(), tmp_path / "other", [])
    text = config(zone, "gateway").read_text(encoding="utf-8")
    for public, code, reason in (
        (tmp_path / "other" / "public", 4, "PEER_UNAVAILABLE"),
        (tmp_path / "nowhere", 2, "INPUT_INVALID"),
    ):
        changed = tmp_path / "gateway.toml"
        changed.write_text(text.replace('"../public"', f'"{public}"').replace('"../', f'"{zone.out}/'), encoding="utf-8")
        refused(xinqiao("epoch", "status", EPOCH, "--config", changed), code, reason)


# --- a score ---


@pytest.fixture(scope="module")
def subjects(zone: LiveZone) -> list[str]:
    """Subjects of the released epoch. At night no test before has seen to it."""
    if epoch(zone, "open", EPOCH, "--period", zone.population.period, "--model", PACK).document["state"] == "OPEN":
        names = held(zone)
        assert [department(zone, "approve", person, *names).code for person in PEOPLE] == [0, 0]
        assert epoch(zone, "close", EPOCH, "--wait", 120).code == 0
    return [item["subject"] for item in zone.authority.totals(EPOCH)]


def test_a_clerk_is_answered_under_a_consent_and_refused_without(zone: LiveZone, subjects: list[str]) -> None:
    refused(query(zone, "--subject", subjects[0], "--product", PRODUCT), 3, "CONSENT_MISSING")
    zone.grant(subjects[0], "bank-a", PRODUCT)
    answered = query(zone, "--subject", subjects[0], "--product", PRODUCT)
    assert (answered.code, answered.document["subject"], answered.document["product"]) == (0, subjects[0], PRODUCT), answered.errors
    by_code = query(zone, "--uscc", zone.subjects[subjects[0]], "--product", PRODUCT)
    assert (by_code.code, by_code.document["total"]) == (0, answered.document["total"])
    refused(query(zone, "--subject", subjects[0], "--product", PRODUCT, bank="bank-b"), 3, "CONSENT_MISSING")
    refused(query(zone, "--subject", subjects[0], "--product", "nowhere"), 3, "NOT_DISCLOSED")
    refused(query(zone, "--subject", subjects[0], "--product", PRODUCT, "--purpose", "insurance"), 3, "CONSENT_SCOPE")
    refused(query(zone, "--subject", "not-hex", "--product", PRODUCT), 2, "USAGE")
    refused(query(zone, "--uscc", "9133", "--product", PRODUCT), 2, "USAGE")
    refused(query(zone, "--subject", subjects[0], "--product", PRODUCT, "--wait", -1), 2, "USAGE")
    refused(query(zone, "--product", PRODUCT), 2, "SETTINGS_INVALID")


def test_a_revoked_consent_is_refused(zone: LiveZone, subjects: list[str]) -> None:
    consent_id = zone.grant(subjects[1], "bank-a", PRODUCT)
    assert query(zone, "--subject", subjects[1], "--product", PRODUCT).code == 0
    zone.service.revoke(consent_id)
    done = query(zone, "--subject", subjects[1], "--product", PRODUCT)
    assert (done.code, done.document["error"] in {"CONSENT_REVOKED", "CONSENT_MISSING"}) == (3, True), done.document


def test_an_enterprise_disputes_and_files_and_the_department_settles(zone: LiveZone, subjects: list[str]) -> None:
    uscc, tax = zone.subjects[subjects[0]], config(zone, TAX)
    about = {"uscc": uscc, "department": TAX, "period": zone.population.period}
    shown = {item["field"]: item for item in zone.service.call("POST", "/values", about)["values"]}
    answers = [{"field": DISPUTED, "version": shown[DISPUTED]["version"], "confirmed": False, "note": "our return says otherwise"}]
    held = shown[FILED]["value"]  # what is held already: totals of the other modules in this zone stay what they are
    filings = [{"field": FILED, "value": held}]
    assert not zone.service.call("POST", "/values/answers", {**about, "answers": answers, "filings": filings})["refused"]
    listed = xinqiao("values", "list", tax).document
    ((dispute,), (filing,)) = listed["disputes"], listed["filings"]
    assert (dispute["uscc"], dispute["field"], dispute["overdue"]) == (uscc, DISPUTED, False)
    assert xinqiao("values", "uphold", tax, uscc, about["period"], DISPUTED, "--note", "the audited figure").code == 0
    refused(xinqiao("values", "uphold", tax, uscc, about["period"], DISPUTED, "--note", "again"), 2, "VALUE_STATE")
    assert xinqiao("values", "approve", tax, filing["number"]).document["state"] == "approved"
    refused(xinqiao("values", "reject", tax, filing["number"], "--note", "no"), 2, "VALUE_STATE")
    settled = zone.service.call("POST", "/values", about)
    now = {item["field"]: item for item in settled["values"]}
    assert (now[DISPUTED]["state"], now[FILED]["value"], settled["filings"][0]["state"]) == ("upheld", held, "approved")
    assert zone.service.call("GET", f"/values/{uscc}?period={about['period']}")["standing"] == "certified"


def test_the_receipt_of_an_answer_verifies_and_the_running_log_is_audited(zone: LiveZone, subjects: list[str], tmp_path: Path) -> None:
    receipt_id = query(zone, "--subject", subjects[0], "--product", PRODUCT).document["receipt_id"]
    receipt = tmp_path / "receipt.json"
    receipt.write_text(json.dumps(zone.banks["bank-a"].receipt(receipt_id)), encoding="utf-8")
    held = xinqiao("verify", receipt, "--keys", zone.out / "public")
    assert (held.code, held.document["verdict"]) == (0, "pass")
    receipt.write_text(receipt.read_text(encoding="utf-8").replace('"format"', '"form"'), encoding="utf-8")
    assert xinqiao("verify", receipt, "--keys", zone.out / "public").code in {1, 2}
    audited = xinqiao("audit", zone.gateway.base, "--keys", zone.out / "public")
    assert (audited.code, audited.document["verdict"]) == (0, "pass"), audited.document


# --- somebody is away ---


@pytest.mark.nightly
def test_whoever_is_away_makes_a_command_unavailable(zone: LiveZone, subjects: list[str]) -> None:
    asked = ("--subject", subjects[0], "--product", PRODUCT, "--wait", 1)
    with away(zone, "gateway"):
        refused(epoch(zone, "status", EPOCH), 4, "PEER_UNAVAILABLE")
        refused(query(zone, *asked), 4, "PEER_UNAVAILABLE")
        refused(xinqiao("audit", zone.gateway.base, "--keys", zone.out / "public"), 4, "PEER_UNAVAILABLE")
    with away(zone, "bank-a"):
        refused(query(zone, *asked), 4, "PEER_UNAVAILABLE")
    with away(zone, "coordinator"):
        assert query(zone, *asked).code == 4
    with away(zone, *STANDALONE_CUSTODIANS):
        refused(query(zone, *asked), 4, "CUSTODIANS_MISSING")
        status = xinqiao("zone", "status", zone.out)
        stopped = {row["name"] for row in status.document["processes"] if row["state"] == "stopped"}
        assert (status.code, stopped) == (1, set(STANDALONE_CUSTODIANS))
    assert query(zone, *asked).code == 0


@contextmanager
def away(zone: LiveZone, *names: str) -> Iterator[None]:
    """Processes stopped for a block."""
    zone.processes.stop(names)
    try:
        yield
    finally:
        zone.processes.start(names)
        zone.processes.wait_ready(120, names)
        zone.authority.wait_usable(60)


# --- a zone of one's own ---


@pytest.mark.nightly  # by day the operator guide's lines make a zone, run it, look at it and stop it
def test_a_zone_is_made_run_looked_at_and_stopped(tmp_path: Path) -> None:
    directory = tmp_path / "zone"
    made = xinqiao("zone", "init", directory, "--pack", PACK, "--key-bits", 2048)
    assert (made.code, len(made.document["processes"])) == (0, 16), made.errors
    with begun(sys.executable, "-m", "xinqiao", "zone", "up", directory, "--json") as up:
        wait_for_state(up, directory, "ready")
        os.kill(up.pid, signal.SIGTERM)
        done = ended(*_finish(up))
    assert (done.code, done.document["stopped"], set(done.document["processes"])) == (0, True, set(made.document["processes"]))
    assert "the gateway answers at https://127.0.0.1:" in done.errors
    status = xinqiao("zone", "status", directory)
    assert (status.code, {row["state"] for row in status.document["processes"]}) == (1, {"stopped"})


@pytest.mark.nightly
def test_a_zone_that_loses_a_process_ends_and_names_it(tmp_path: Path) -> None:
    directory = tmp_path / "zone"
    assert xinqiao("zone", "init", directory, "--pack", PACK, "--key-bits", 2048).code == 0
    with begun(sys.executable, "-m", "xinqiao", "zone", "up", directory, "--json") as up:
        rows = wait_for_state(up, directory, "ready")
        os.kill(next(row["pid"] for row in rows if row["name"] == "bank-b"), signal.SIGKILL)
        done = ended(*_finish(up))
    refused(done, 4, "PEER_UNAVAILABLE")
    assert "process bank-b ended with code -9" in done.errors
    states = {row["name"]: row["state"] for row in xinqiao("zone", "status", directory).document["processes"]}
    assert {name for name, state in states.items() if state == "ready"} == set()
    assert states["bank-b"] == "died"


def wait_for_state(up: subprocess.Popen[str], directory: Path, state: str) -> list[dict[str, Any]]:
    """Rows of ``zone status`` once all are in ``state``."""
    timer = Timer(TIMEOUT_S)
    while True:
        rows: list[dict[str, Any]] = xinqiao("zone", "status", directory).document["processes"]
        if {row["state"] for row in rows} == {state}:
            return rows
        assert up.poll() is None, up.communicate()[1]
        assert timer.left_s() > 0, rows


def test_a_ceremony_is_held_by_a_dealer_with_witnesses(tmp_path: Path) -> None:
    make_zone(demo_plan(), tmp_path / "zone", [])
    public, members = tmp_path / "zone" / "public", tmp_path / "zone" / "members"
    held = ("key", "ceremony", "--public", public, "--dealer-keys", members / "authority", "--key-bits", 2048)
    refused(xinqiao(*held, "--threshold", 2), 2, "KEY_INVALID")
    refused(xinqiao(*held, "--witness", f"auditor={members / 'nobody'}"), 2, "SECRET_FILE")
    assert not (public / "key.json").exists()
    done = xinqiao(*held, "--threshold", 4, "--witness", f"auditor={members / 'auditor'}")
    assert (done.code, done.document["threshold"], done.document["bits"]) == (0, 4, 2048)
    assert "ceremony: search" in done.errors
    refused(xinqiao(*held), 2, "SETTINGS_INVALID")
