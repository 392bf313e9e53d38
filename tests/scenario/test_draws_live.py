"""Draws with real processes: honest members agree, whether departments contribute scores or banks their loan books [P6, P4.5, M7]. What a draw
finds of others is in ``test_draws_found``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest

from simulators.population.loans import loan_books
from simulators.population.records import write_table
from tests.scenario.conftest import run_command
from tests.support.live_zone import EPOCH, LiveZone
from tests.support.shared_zone import GROUP, LOANS
from tests.support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group(GROUP), pytest.mark.timeout(400)]

TIMEOUT_S = 300.0
LOANS_EPOCH, PRODUCT, BANKS = "loans-1995", "base-line", ("bank-a", "bank-b")


@pytest.fixture(scope="module")
def zone(common_zone: LiveZone) -> LiveZone:
    common_zone.evaluated()
    return common_zone


def released(zone: LiveZone, epoch: str) -> None:
    zone.authority.release(epoch, TIMEOUT_S, lambda _done, _total: None)


def shown(zone: LiveZone, epoch: str) -> tuple[int, dict[str, Any]]:
    return run_command("draw", "show", epoch, "--config", str(zone.out / "config" / "auditor.toml"), "--wait", str(TIMEOUT_S))


def outcomes(draw: dict[str, Any]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for item in draw["items"]:
        found.setdefault(item["member"], set()).add(item["outcome"])
    return found


def audited(zone: LiveZone) -> tuple[int, list[dict[str, Any]]]:
    base = zone.gateway.base
    code, document = run_command("audit", base, "--keys", str(zone.out / "public"), "--identity", str(zone.out / "members" / "auditor"))
    return code, document["findings"]


def test_an_honest_draw_agrees_and_the_audit_passes(zone: LiveZone) -> None:
    code, document = shown(zone, EPOCH)
    (draw,) = document["draws"]
    assert (code, document["agrees"], draw["draw"]) == (0, True, "columns")
    assert len(outcomes(draw)) > 3
    assert sum(item["subjects"] for item in draw["items"]) > len(draw["items"])
    assert audited(zone) == (0, [])


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
    zone.authority.open_epoch(LOANS_EPOCH, zone.population.period, LOANS)
    zone.authority.wait_for_columns(LOANS_EPOCH, TIMEOUT_S, lambda _done, _total: None)
    released(zone, LOANS_EPOCH)
    given = {bank: {item["uscc"] for item in zone.banks[bank].call("GET", "/consents")["consents"]} for bank in BANKS}
    return Lent(books, {bank: given[bank] & set(books[bank]) for bank in BANKS}, subject_of[only_a], score)


@pytest.mark.nightly
def test_sums_over_two_banks_equal_plain_sums_and_their_draw_agrees(zone: LiveZone, lent: Lent) -> None:
    plain: dict[str, int] = {}
    for bank, borrowers in lent.consented.items():
        for uscc in borrowers:  # a hundredth for each 10,000 yuan, rounded half up
            plain[uscc] = plain.get(uscc, 0) + int((lent.books[bank][uscc] / 10_000).quantize(Decimal(1), ROUND_HALF_UP))
    found = {zone.subjects[item["subject"]]: item["hundredths"] for item in zone.authority.totals(LOANS_EPOCH)}
    assert {uscc: total for uscc, total in found.items() if total} == plain
    assert len(found) == len(zone.subjects) > len(plain) >= 3
    for name in ("repaid-at-all", "loans-at-all", "overdue-at-all"):
        assert len(zone.authority.call("GET", f"/v1/epochs/{LOANS_EPOCH}/totals?functional={name}")["totals"]) == len(zone.subjects)
    code, document = shown(zone, LOANS_EPOCH)
    (draw,) = document["draws"]
    assert (code, outcomes(draw)) == (0, {bank: {"AGREES"} for bank in BANKS})


@pytest.mark.nightly
def test_a_bank_learns_nothing_of_another_banks_borrowers(zone: LiveZone, lent: Lent) -> None:
    """Neither who they are nor which ids they have: what a bank keeps is its own book, its own consents and its own ciphertexts."""
    strangers = {uscc: subject for subject, uscc in zone.subjects.items() if uscc in lent.consented["bank-a"] - set(lent.books["bank-b"])}
    kept = b"".join(path.read_bytes() for path in (zone.out / "state" / "bank-b").rglob("*") if path.is_file())
    assert strangers
    assert all(uscc.encode() in kept for uscc in lent.consented["bank-b"])
    for uscc, subject in strangers.items():
        assert not any(trace in kept for trace in (uscc.encode(), subject.encode(), bytes.fromhex(subject)))


@pytest.mark.nightly
def test_banks_are_answered_from_the_scores_as_before(zone: LiveZone, lent: Lent) -> None:
    assert zone.banks["bank-a"].query(lent.subject, PRODUCT)["total"] == lent.score
    assert zone.service.portrait(zone.subjects[lent.subject])["values"]


@pytest.mark.nightly
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
