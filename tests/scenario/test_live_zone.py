"""A running zone under pressure: custodians absent, processes killed with SIGKILL, files looked at from outside."""

from __future__ import annotations

import csv
import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from connectors.customs.declarations import build_declaration
from nodes.commands.auditing.audit import audit
from nodes.errors import RpcRefusal
from nodes.packs import shipped_pack
from nodes.runtime.clock import Timer
from scoring.indicators.model import load_pack
from simulators.population import firm_panel as panel
from simulators.population.records import write_records
from tests.oracles import firm_panel as oracle
from tests.support.customs import USCC, declaration, receipt, response, zipped
from tests.support.live_zone import PACK, STANDALONE_CUSTODIANS, LiveZone
from tests.support.shared_zone import GROUP, OFFICE
from tests.support.waiting import until

pytestmark = [pytest.mark.xdist_group(GROUP), pytest.mark.timeout(400)]
EPOCH = "e1995-killed"
PRODUCT = next(iter(load_pack(shipped_pack("firm-panel")).products))


@pytest.fixture(scope="module")
def zone(common_zone: LiveZone) -> LiveZone:
    """The common zone with one more epoch released, in which departments and coordinator were killed."""
    common_zone.authority.open_epoch(EPOCH, common_zone.population.period, PACK)
    for name in ("science-binjiang", "coordinator", "tax-hangzhou"):
        common_zone.processes.kill(name)
    common_zone.processes.start()
    common_zone.processes.wait_ready(60)
    common_zone.authority.wait_for_columns(EPOCH, 120, lambda _done, _total: None)
    common_zone.authority.release(EPOCH, 120, lambda _done, _total: None)
    return common_zone


@pytest.fixture(scope="module")
def granted(zone: LiveZone) -> tuple[str, str]:
    """(subject, consent id) of an enterprise that consented to bank-a."""
    subject = zone.authority.totals(EPOCH)[0]["subject"]
    return subject, zone.grant(subject, "bank-a", PRODUCT)


def expected(zone: LiveZone) -> dict[str, int]:
    """USCC -> total in hundredths, by plain arithmetic."""
    with panel.SOURCE.open(encoding="utf-8", newline="") as file:
        records = oracle.records(list(csv.DictReader(file)), 1995)
    return {firm.uscc: oracle.total(records[firm.company]) for firm in zone.population.firms}


def check_totals(zone: LiveZone) -> None:
    plain = expected(zone)
    totals = zone.authority.totals(EPOCH)
    assert {zone.subjects[item["subject"]]: item["hundredths"] for item in totals} == plain


def test_an_epoch_is_the_same_when_departments_and_coordinator_are_killed_in_it(zone: LiveZone) -> None:
    check_totals(zone)


def test_an_enterprises_declarations_are_shown_as_its_client_gets_the_answers(zone: LiveZone) -> None:
    folder = zone.out.parent / "ImpPath" / "Deccus001"
    (folder / "SentBox" / "a.zip").write_bytes(zipped({"a.xml": build_declaration(declaration())}))
    (folder / "InBox" / "Receipt_a.xml").write_bytes(receipt("H"))
    (folder / "InBox" / "Successed_a.xml").write_bytes(response())

    def told() -> list[Any]:
        declarations: list[Any] = zone.service.call("GET", f"/customs/{USCC}/exceptions")["declarations"]
        named = declarations and declarations[0]["client_seq_nos"]
        return declarations if named and [step["code"] for step in declarations[0]["history"]] == ["0", "H"] else []

    found = until(told, "the messages are read")
    assert zone.service.call("GET", f"/customs/{USCC}/declarations")["declarations"] == found


def test_no_process_has_another_ones_files_open(zone: LiveZone) -> None:
    roots = [zone.out / name for name in ("state", "members", "records")]
    member_of = {name: "authority" if name == "gateway" else name for name in zone.processes.names()}
    for name in zone.processes.names():
        held = [Path(path) for path in zone.processes.open_files(name) if path.startswith(str(zone.out))]
        assert held, name
        for path in held:
            if path.is_relative_to(zone.out / "public"):  # everybody's, looked at again and again for what was replaced
                continue
            root = next(root for root in roots if path.is_relative_to(root))
            assert path.relative_to(root).parts[0] in {name, member_of[name]}, f"{name} holds {path}"


def test_every_directory_and_key_is_private(zone: LiveZone) -> None:
    for directory in [*(zone.out / "state").iterdir(), *(zone.out / "members").iterdir()]:
        assert directory.stat().st_mode & 0o777 == 0o700, directory
        for file in directory.rglob("*"):
            if file.suffix in {".pem", ".key", ".token", ".db", ".pin"} or file.name in {"passphrase", "share.json"}:
                assert file.stat().st_mode & 0o077 == 0, file


def answered(zone: LiveZone, subject: str) -> dict[str, Any]:
    """The answer to bank-a, which asks again, as a bank does, while custodians that have just come back are not ready within their time."""
    timer = Timer(60)
    while True:
        try:
            return zone.banks["bank-a"].query(subject, PRODUCT)
        except RpcRefusal as refused:
            if refused.reason != "CUSTODIANS_MISSING" or timer.left_s() < 0:
                raise


@pytest.mark.nightly
def test_t_custodians_suffice_and_fewer_open_nothing(zone: LiveZone, granted: tuple[str, str]) -> None:
    subject, _ = granted
    zone.processes.stop(STANDALONE_CUSTODIANS[:2])  # three of five are left
    answer = zone.banks["bank-a"].query(subject, PRODUCT)
    assert answer["total"]
    zone.processes.stop(STANDALONE_CUSTODIANS[2:])  # two are left: one fewer than t
    try:
        with pytest.raises(RpcRefusal) as refused:
            zone.banks["bank-a"].query(subject, PRODUCT)
        assert refused.value.reason == "CUSTODIANS_MISSING"
        with pytest.raises(RpcRefusal) as portrait:
            zone.service.portrait(zone.subjects[subject])
        assert portrait.value.reason == "CUSTODIANS_MISSING"
    finally:
        zone.processes.start(STANDALONE_CUSTODIANS)
        zone.processes.wait_ready(60, STANDALONE_CUSTODIANS)
    assert answered(zone, subject)["total"] == answer["total"]


OFTEN, AT_NIGHT = ("tax-hangzhou",), ("log", "coordinator", "gateway", "bank-a", "auditor", "enterprise-binjiang")
LATER = [pytest.mark.slow, pytest.mark.nightly]


@pytest.mark.parametrize("name", [*OFTEN, *(pytest.param(name, marks=LATER) for name in AT_NIGHT)])
def test_a_killed_process_goes_on_where_it_was(name: str, zone: LiveZone, granted: tuple[str, str]) -> None:
    subject, consent_id = granted
    before = zone.banks["bank-a"].query(subject, PRODUCT)
    zone.processes.kill(name)
    zone.processes.start([name])
    zone.processes.wait_ready(60, [name])
    zone.authority.wait_usable(60)
    zone.banks["bank-a"].wait_for_consent(consent_id, 30)
    after = answered(zone, subject)
    assert (after["total"], after["line_fen"], after["stage"]) == (before["total"], before["line_fen"], before["stage"])
    check_totals(zone)


def test_a_consent_given_while_a_department_is_away_is_served_when_it_is_back(zone: LiveZone, granted: tuple[str, str]) -> None:
    subject = zone.authority.totals(EPOCH)[1]["subject"]
    zone.processes.kill(OFFICE)
    consent_id = zone.grant(subject, "bank-b", PRODUCT)
    assert zone.ask("bank-b", subject, PRODUCT, consent_id).status_code == 202
    zone.processes.start([OFFICE])
    zone.processes.wait_ready(60, [OFFICE])
    answer = zone.banks["bank-b"].query(subject, PRODUCT)
    assert round(float(answer["total"]) * 100) == expected(zone)[zone.subjects[subject]]


def test_log_of_a_running_zone_is_audited_over_the_network(zone: LiveZone, granted: tuple[str, str], tmp_path: Path) -> None:
    """By a stranger the public tree; by the auditor all of it, from a copy that grows."""
    app = typer.Typer()
    app.command()(audit)

    def audited(*more: str) -> dict[str, Any]:
        ended = CliRunner().invoke(app, [zone.gateway.base, "--keys", str(zone.out / "public"), "--json", *more])
        assert ended.exit_code == 0, ended.output
        document: dict[str, Any] = json.loads(ended.stdout)
        return document

    stranger = audited()
    assert (stranger["extent"], stranger["kinds"]) == ("tree", {})
    mine = ("--identity", str(zone.out / "members" / "auditor"), "--mirror", str(tmp_path / "copy"))
    first = audited(*mine)
    assert (first["extent"], first["checked"]["statements"]) == ("complete", first["tree_size"])
    zone.banks["bank-a"].query(granted[0], PRODUCT)
    second = audited(*mine, "--report", str(tmp_path / "report"), "--note")
    assert second["tree_size"] > first["tree_size"]
    assert second["checked"]["tickets"] == first["checked"]["tickets"] + 1
    assert (tmp_path / "report" / "audit.html").is_file()
    noted = audited(*mine)
    assert noted["kinds"]["audit"] == 1


@pytest.mark.slow
def test_a_correction_in_an_open_epoch_reaches_the_total_and_the_same_file_again_says_nothing(zone: LiveZone) -> None:
    """One figure after another, from a department's own system over its connector; what is delivered twice is in the log once [C5]."""
    write_records(replace(zone.population, period="1996"), zone.out, "1996.csv")
    zone.authority.open_epoch("e1996", "1996", "firm-panel")
    zone.authority.wait_for_columns("e1996", 120, lambda _done, _total: None)
    first, second = zone.population.firms[:2]
    deliver(zone, "a.csv", first.uscc, 4)
    until(lambda: revisions(zone, "e1996")["patents"] == [0, 1])
    deliver(zone, "a.csv", first.uscc, 4)
    deliver(zone, "copy.csv", first.uscc, 4)
    deliver(zone, "b.csv", second.uscc, 8)
    until(lambda: revisions(zone, "e1996")["patents"][-1] == 2)
    assert revisions(zone, "e1996") == {"patents": [0, 1, 2], "citations": [0]}
    zone.authority.release("e1996", 120, lambda _done, _total: None)
    with panel.SOURCE.open(encoding="utf-8", newline="") as file:
        records = oracle.records(list(csv.DictReader(file)), 1995)
    plain = expected(zone)
    for firm, patents in ((first, "4"), (second, "8")):
        plain[firm.uscc] = oracle.total(records[firm.company] | {"patents": patents})
        assert plain[firm.uscc] != expected(zone)[firm.uscc]
    assert {zone.subjects[item["subject"]]: item["hundredths"] for item in zone.authority.totals("e1996")} == plain


def deliver(zone: LiveZone, name: str, uscc: str, patents: int) -> None:
    """The register exports one figure; returns once the node has taken the file."""
    path = zone.out.parent / "register" / name
    path.with_suffix(".tmp").write_text(f"统一社会信用代码,年度,专利数\n{uscc},1996,{patents}\n", encoding="gb18030")
    path.with_suffix(".tmp").rename(path)
    until(lambda: not path.exists())


def revisions(zone: LiveZone, epoch: str) -> dict[str, list[int]]:
    """Indicator -> revisions of the department's column that are in the log, looked at from outside."""
    database = zone.out / "state" / OFFICE / "department" / "department.db"
    with closing(sqlite3.connect(database, timeout=30)) as connection:
        rows = connection.execute(
            "SELECT place, revision FROM outbox WHERE place LIKE ? AND leaf_index >= 0 ORDER BY revision", (f"column/{epoch}/%",)
        )
        found: dict[str, list[int]] = {}
        for place, revision in rows:
            found.setdefault(place.split("/")[2], []).append(revision)
    return found
