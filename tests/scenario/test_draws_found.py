"""Draws with real processes, at night: records changed, an opening refused, one missing, a row that says something else than its column, and a
number that is withheld are each found, by ``xinqiao draw`` and ``xinqiao audit`` with exit code 1 [P6, P4.5]."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nodes.runtime.peers.identity import load_identity
from nodes.runtime.peers.log_client import LogClient
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from nodes.runtime.settings import Peer
from scoring.draws.selection import commitment_of
from scoring.statements import AuditCommit, DisclosurePolicy, Refusal, parse_leaf
from simulators.zone.configs import read_endpoints
from simulators.zone.layout import ZONE, demo_plan
from tests.scenario.test_draws_live import TIMEOUT_S, audited, outcomes, released, shown
from tests.support.live_zone import PACK, LiveZone, live_zone
from tests.support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.nightly, pytest.mark.xdist_group("draws"), pytest.mark.timeout(600)]

HONEST, FALSE, WITHHELD = "e1995", "e1995b", "e1995c"
DUE_S, SOON_S, WINDOW_S = 200, 75, 60
CHANGED, REFUSING, ABSENT, TWO_FACED = "tax-hangzhou", "science-binjiang", "insurance-hangzhou", "ip-zhejiang"


@pytest.fixture(scope="module")
def zone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveZone]:
    """A zone of their own, since much of it does not hold afterwards."""
    plan = replace(demo_plan(), disclosure=DisclosurePolicy(epoch_interval_s=0))  # three epochs of one period, one after the other
    settings = {"columns_drawn": 2, "rows_drawn": 2, "rows_every_s": WINDOW_S, "answers_due_s": DUE_S}
    with live_zone(tmp_path_factory.mktemp("draws") / "zone", plan=plan, tune=lambda out: write_settings(out, settings)) as running:
        running.evaluate()
        yield running


def write_settings(out: Path, settings: dict[str, int]) -> None:
    path = out / "config" / "auditor.toml"
    head = path.read_text().partition("[auditor]")[0]
    path.write_text(head + "[auditor]\n" + "".join(f"{name} = {value}\n" for name, value in settings.items()))


def configure(zone: LiveZone, **settings: int) -> None:
    """The auditor, started again with other settings of its table."""
    zone.processes.stop(["auditor"])
    write_settings(zone.out, settings)
    zone.processes.start(["auditor"])
    zone.processes.wait_ready(TIMEOUT_S, ["auditor"])


def contributed(zone: LiveZone, epoch: str) -> None:
    zone.authority.open_epoch(epoch, zone.population.period, PACK)
    zone.authority.wait_for_columns(epoch, TIMEOUT_S, lambda _done, _total: None)


def database(zone: LiveZone, department: str, name: str = "department") -> sqlite3.Connection:
    return sqlite3.connect(zone.out / "state" / department / "department" / f"{name}.db", timeout=30)


def log_client(zone: LiveZone, member: str) -> LogClient:
    identity = load_identity(ZONE, member, zone.out / "members" / member, zone.out / "public" / "ca.pem")
    return LogClient(identity, Peer(member="log", address=read_endpoints(zone.out)["log"]))


def test_a_row_that_says_something_else_than_its_column_is_found(zone: LiveZone) -> None:
    """The department changes what it said for as long as it makes rows, as one that deceives a bank would."""
    with closing(database(zone, TWO_FACED)) as connection, connection:
        kept = connection.execute("SELECT source, points FROM points_said").fetchall()
        for source, points in kept:
            connection.execute(
                "UPDATE points_said SET points = ? WHERE source = ?", (json.dumps([value ^ 1 for value in json.loads(points)]), source)
            )
    subject = next(total["subject"] for total in zone.authority.totals(HONEST) if not total["gated"])
    zone.service.enrol(zone.subjects[subject])
    zone.service.consent(zone.subjects[subject], "bank-a", "base-line")
    until(lambda: bool(rows_of(zone, TWO_FACED)))
    with closing(database(zone, TWO_FACED)) as connection, connection:
        for source, points in kept:
            connection.execute("UPDATE points_said SET points = ? WHERE source = ?", (points, source))
    until(lambda: any(TWO_FACED in outcomes(draw) for draw in rows_drawn(zone)))  # the first windows may have been over before the rows
    found = outcomes(next(draw for draw in rows_drawn(zone) if TWO_FACED in outcomes(draw)))
    assert found.pop(TWO_FACED) == {"ROW_DIFFERS"}
    assert set().union(*found.values()) == {"AGREES"}


def rows_of(zone: LiveZone, department: str) -> list[tuple[str]]:
    with closing(database(zone, department)) as connection:
        return connection.execute("SELECT place FROM outbox WHERE place LIKE 'row/%' AND state = 'sent'").fetchall()


def time_of_a_new_leaf(zone: LiveZone) -> int:
    """Somebody's statement, logged now; the time that the log gave it."""
    client = log_client(zone, "bank-b")
    try:
        refusal = Refusal(zone=ZONE, nonce=fresh_nonce(), member="bank-b", reason="NOT_READY")
        return parse_leaf(client.append(sign_statement(refusal, zone.signer("bank-b"))).leaf).time
    finally:
        client.close()


def rows_drawn(zone: LiveZone) -> list[dict[str, Any]]:
    """The draws of rows so far; somebody's statement lets the log's time go on."""
    time_of_a_new_leaf(zone)
    return [draw for draw in shown(zone, HONEST)[1]["draws"] if draw["draw"] == "rows"]


def test_changed_records_a_refusal_and_a_silent_department_are_found(zone: LiveZone) -> None:
    configure(zone, columns_drawn=2, rows_drawn=0, answers_due_s=SOON_S)
    contributed(zone, FALSE)
    with closing(database(zone, CHANGED, "records")) as connection, connection:
        for number, said in connection.execute("SELECT id, said FROM record_versions").fetchall():
            changed = {name: "987654" if value.replace(".", "").isdigit() else value for name, value in json.loads(said).items()}
            connection.execute("UPDATE record_versions SET said = ? WHERE id = ?", (json.dumps(changed), number))
    (zone.out / "state" / REFUSING / "department" / "epochs" / f"{FALSE}.key").unlink()
    zone.processes.stop([ABSENT])
    released(zone, FALSE)
    code, document = shown(zone, FALSE)
    zone.processes.start([ABSENT])
    found = outcomes(document["draws"][0])
    assert (code, document["agrees"]) == (1, False)
    assert "RECORD_DIFFERS" in found.pop(CHANGED)
    assert found.pop(REFUSING) == {"REFUSED"}
    assert found.pop(ABSENT) == {"MISSING"}
    assert set().union(*found.values()) == {"AGREES"}


def test_a_withheld_number_is_found_and_the_audit_names_every_finding(zone: LiveZone) -> None:
    configure(zone, columns_drawn=0, rows_drawn=0)
    zone.processes.wait_ready(TIMEOUT_S, [ABSENT])
    zone.authority.open_epoch(WITHHELD, zone.population.period, PACK)
    commit = AuditCommit(
        zone=ZONE, nonce=fresh_nonce(), epoch=WITHHELD, draw="columns", count=1, commitment=commitment_of(secrets.token_bytes(32)), due_s=1
    )
    client = log_client(zone, "auditor")
    try:
        placed = client.append(sign_statement(commit, zone.signer("auditor")))
    finally:
        client.close()
    zone.authority.wait_for_columns(WITHHELD, TIMEOUT_S, lambda _done, _total: None)
    released(zone, WITHHELD)
    due = time_of_a_new_leaf(zone) + 1
    until(lambda: time_of_a_new_leaf(zone) > due)
    code, findings = audited(zone)
    assert code == 1
    assert [item["leaf_index"] for item in findings if item["code"] == "DRAW_WITHHELD"] == [placed.index]
    expected = {"DRAW_WITHHELD", "DRAW_RECORD_DIFFERS", "DRAW_REFUSED", "DRAW_MISSING", "DRAW_ROW_DIFFERS"}
    assert {item["code"] for item in findings} == expected
    of = {item["code"]: item["detail"] for item in findings}
    assert of["DRAW_ROW_DIFFERS"].startswith(TWO_FACED)
    assert of["DRAW_REFUSED"].startswith(REFUSING)
