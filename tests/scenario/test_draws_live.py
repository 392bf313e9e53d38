"""Draws with real processes: an honest one agrees; records changed, an opening refused, one missing, a row that says something else than its
column, and a number that is withheld are each found, by ``xinqiao draw`` and ``xinqiao audit`` with exit code 1 [P6, P4.5]."""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest

from nodes.runtime.clock import Timer
from nodes.runtime.peers.identity import load_identity
from nodes.runtime.peers.log_client import LogClient
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from nodes.runtime.settings import Peer
from scoring.draws.selection import commitment_of
from scoring.statements import AuditCommit, DisclosurePolicy, Refusal, parse_leaf
from simulators.population.loans import loan_books
from simulators.population.records import write_table
from simulators.zone.configs import read_endpoints
from simulators.zone.layout import ZONE, demo_plan
from tests.scenario.conftest import run_command
from tests.support.live_zone import PACK, LiveZone, live_zone

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("draws")]

TIMEOUT_S = 300.0
LOANS, LOANS_EPOCH, PRODUCT, BANKS = "loan-performance", "loans-1995", "base-line", ("bank-a", "bank-b")
HONEST, FALSE, WITHHELD = "e1995", "e1995b", "e1995c"
DUE_S, SOON_S, WINDOW_S = 200, 75, 60
CHANGED, REFUSING, ABSENT, TWO_FACED = "tax-hangzhou", "science-binjiang", "insurance-hangzhou", "ip-zhejiang"


@pytest.fixture(scope="module")
def zone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveZone]:
    plan = replace(demo_plan(), disclosure=DisclosurePolicy(epoch_interval_s=0))  # three epochs of one period, one after the other
    settings = {"columns_drawn": 2, "rows_drawn": 2, "rows_every_s": WINDOW_S, "answers_due_s": DUE_S}
    with live_zone(
        tmp_path_factory.mktemp("draws") / "zone", plan=plan, tune=lambda out: write_settings(out, settings), packs=(PACK, LOANS)
    ) as running:
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


def released(zone: LiveZone, epoch: str) -> None:
    zone.authority.release(epoch, TIMEOUT_S, lambda _done, _total: None)


def shown(zone: LiveZone, epoch: str) -> tuple[int, dict[str, Any]]:
    return run_command("draw", "show", epoch, "--config", str(zone.out / "config" / "auditor.toml"), "--wait", str(TIMEOUT_S))


def outcomes(draw: dict[str, Any]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for item in draw["items"]:
        found.setdefault(item["member"], set()).add(item["outcome"])
    return found


def database(zone: LiveZone, department: str, name: str = "department") -> sqlite3.Connection:
    return sqlite3.connect(zone.out / "state" / department / "department" / f"{name}.db", timeout=30)


def audited(zone: LiveZone) -> tuple[int, list[dict[str, Any]]]:
    base = zone.gateway.base
    code, document = run_command("audit", base, "--keys", str(zone.out / "public"), "--identity", str(zone.out / "members" / "auditor"))
    return code, document["findings"]


def log_client(zone: LiveZone, member: str) -> LogClient:
    identity = load_identity(ZONE, member, zone.out / "members" / member, zone.out / "public" / "ca.pem")
    return LogClient(identity, Peer(member="log", address=read_endpoints(zone.out)["log"]))


def until(holds: Callable[[], bool]) -> None:
    timer = Timer(TIMEOUT_S)
    while not holds():
        assert timer.left_s() > 0
        threading.Event().wait(0.5)


def test_an_honest_draw_agrees_and_the_audit_passes(zone: LiveZone) -> None:
    contributed(zone, HONEST)
    released(zone, HONEST)
    code, document = shown(zone, HONEST)
    (draw,) = document["draws"]
    assert (code, document["agrees"], draw["draw"]) == (0, True, "columns")
    assert len(outcomes(draw)) > 3
    assert sum(item["subjects"] for item in draw["items"]) > len(draw["items"])
    assert audited(zone) == (0, [])


@pytest.mark.nightly
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


@pytest.mark.nightly
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


@pytest.mark.nightly
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


def test_an_epochs_account_is_for_the_auditor_alone(zone: LiveZone) -> None:
    for path in Path(zone.out / "state" / "auditor" / "draws").iterdir():
        assert path.stat().st_mode & 0o077 == 0


# --- loans flow back: sums over two banks, drawn as every column is [M7] ---


@dataclass(frozen=True)
class Lent:
    """Bank → USCC → balance in yuan: all that is in its ``books``, and of those the ``consented`` borrowers. ``score``: a total that bank-a had of
    ``subject`` before."""

    books: dict[str, dict[str, Decimal]]
    consented: dict[str, set[str]]
    subject: str
    score: str


@pytest.fixture(scope="module")
def lent(zone: LiveZone) -> Lent:
    """A released epoch of the loan model. One firm borrows from both banks, one from bank-a alone, one from bank-b alone."""
    tables = loan_books(zone.population, BANKS)
    books = {table.member: {row[0]: Decimal(row[table.columns.index("loan_balance")]) for row in table.rows} for table in tables}
    subject_of = {uscc: subject for subject, uscc in zone.subjects.items()}
    in_a, in_b = set(books["bank-a"]), set(books["bank-b"])
    both, only_a, only_b = (min(found) for found in (in_a & in_b, in_a - in_b, in_b - in_a))
    for bank, uscc in (("bank-a", both), ("bank-a", only_a), ("bank-b", both), ("bank-b", only_b)):
        zone.grant(subject_of[uscc], bank, PRODUCT)
    score = zone.banks["bank-a"].query(subject_of[only_a], PRODUCT)["total"]
    for table in tables:
        write_table(table, zone.out, "loans.csv")
    configure(zone, columns_drawn=2, rows_drawn=0)
    zone.authority.open_epoch(LOANS_EPOCH, zone.population.period, LOANS)
    zone.authority.wait_for_columns(LOANS_EPOCH, TIMEOUT_S, lambda _done, _total: None)
    released(zone, LOANS_EPOCH)
    given = {bank: {item["uscc"] for item in zone.banks[bank].call("GET", "/consents")["consents"]} for bank in BANKS}
    return Lent(books, {bank: given[bank] & set(books[bank]) for bank in BANKS}, subject_of[only_a], score)


def test_sums_over_two_banks_equal_plain_sums_and_their_draw_agrees(zone: LiveZone, lent: Lent) -> None:
    plain: dict[str, int] = {}
    for bank, borrowers in lent.consented.items():
        for uscc in borrowers:  # a hundredth for each 10,000 yuan, rounded half up
            plain[uscc] = plain.get(uscc, 0) + int((lent.books[bank][uscc] / 10_000).quantize(Decimal(1), ROUND_HALF_UP))
    found = {zone.subjects[item["subject"]]: item["hundredths"] for item in zone.authority.totals(LOANS_EPOCH)}
    assert {uscc: total for uscc, total in found.items() if total} == plain
    assert len(found) == len(zone.subjects) > len(plain) >= 3
    for name in ("loans-at-all", "overdue-at-all"):
        assert len(zone.authority.call("GET", f"/v1/epochs/{LOANS_EPOCH}/totals?functional={name}")["totals"]) == len(zone.subjects)
    code, document = shown(zone, LOANS_EPOCH)
    (draw,) = document["draws"]
    assert (code, outcomes(draw)) == (0, {bank: {"AGREES"} for bank in BANKS})


def test_a_bank_learns_nothing_of_another_banks_borrowers(zone: LiveZone, lent: Lent) -> None:
    """Neither who they are nor which ids they have: what a bank keeps is its own book, its own consents and its own ciphertexts."""
    strangers = {uscc: subject for subject, uscc in zone.subjects.items() if uscc in lent.consented["bank-a"] - set(lent.books["bank-b"])}
    kept = b"".join(path.read_bytes() for path in (zone.out / "state" / "bank-b").rglob("*") if path.is_file())
    assert strangers
    assert all(uscc.encode() in kept for uscc in lent.consented["bank-b"])
    for uscc, subject in strangers.items():
        assert not any(trace in kept for trace in (uscc.encode(), subject.encode(), bytes.fromhex(subject)))


def test_banks_are_answered_from_the_scores_as_before(zone: LiveZone, lent: Lent) -> None:
    assert zone.banks["bank-a"].query(lent.subject, PRODUCT)["total"] == lent.score
    assert zone.service.portrait(zone.subjects[lent.subject])["values"]


def test_without_one_banks_columns_no_sum_is_opened(zone: LiveZone, lent: Lent) -> None:
    """The closing names what is missing, which the audit compares with the log."""
    epoch = f"{LOANS_EPOCH}-b"
    before = {(item["code"], item["leaf_index"]) for item in audited(zone)[1]}
    zone.processes.stop(["bank-b"])
    zone.authority.open_epoch(epoch, zone.population.period, LOANS)
    status: Callable[[], dict[str, Any]] = lambda: zone.authority.call("GET", f"/v1/epochs/{epoch}")  # noqa: E731 - asked again and again
    until(lambda: {item["member"] for item in status()["columns"] if not item["received"]} == {"bank-b"})
    zone.authority.call("POST", f"/v1/epochs/{epoch}:close", {"allow_absent": True})
    until(lambda: bool(status()["opening"]["failed"]))
    found = status()
    zone.processes.start(["bank-b"])
    zone.processes.wait_ready(TIMEOUT_S, ["bank-b"])
    assert lent
    assert (found["state"], found["opening"]["failed"], found["opening"]["batches_opened"]) == ("CLOSED", "ROWS_AWAITED", 0)
    assert zone.authority.totals(epoch) == []
    assert {(item["code"], item["leaf_index"]) for item in audited(zone)[1]} == before
