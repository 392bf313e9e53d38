"""What an audit of the log says about draws and failures: what is overdue, what rests on another tree, what did not agree [L7, P6, P2.4]."""

from __future__ import annotations

from pathlib import Path

import pytest

from crypto.keygen import PrivateKey
from crypto.merkle import MemoryTree
from nodes.auditor.audit import Verdict
from nodes.runtime.peers.signing import fresh_nonce
from scoring.audit import Scope
from scoring.draws.rules import drawn
from scoring.draws.selection import commitment_of
from scoring.exchange.view import Logged
from scoring.statements import AuditCommit, AuditResult, AuditReveal, DrawnItem, Failure, Outcome, Refusal
from tests.support.artifacts import write_zone
from tests.support.epoch import EPOCH
from tests.support.findings import Judge, codes
from tests.support.members import ZONE
from tests.support.zone import MemoryZone, open_zone

R, DUE_S = bytes(range(32)), 100


@pytest.fixture(scope="module")
def drawn_zone(small_private_key: PrivateKey) -> MemoryZone:
    zone = open_zone(small_private_key)
    zone.say(AuditCommit(zone=ZONE, nonce=fresh_nonce(), epoch=EPOCH, draw="columns", count=1, commitment=commitment_of(R), due_s=DUE_S), "auditor")
    zone.contribute_columns()
    zone.close_epoch()
    return zone


@pytest.fixture
def zone(drawn_zone: MemoryZone) -> MemoryZone:
    """A closed epoch whose columns an auditor has committed to draw."""
    return drawn_zone.fork()


def commit_of(zone: MemoryZone) -> Logged:
    (state,) = zone.view.draws.values()
    return state.committed


def reveal(zone: MemoryZone) -> None:
    zone.say(AuditReveal(zone=ZONE, nonce=fresh_nonce(), commit=commit_of(zone).digest, r=R.hex()), "auditor")


def settle(zone: MemoryZone, outcome: Outcome = "AGREES", root: bytes | None = None) -> Logged:
    """Log the outcome; ``outcome`` is that of the first item."""
    (state,) = zone.view.draws.values()
    size = state.size(zone.view)
    assert size is not None
    tree = root or MemoryTree([leaf for leaf, _ in zone.entries[:size]]).root()
    items = [DrawnItem(leaf_index=leaf, position=place, outcome="AGREES") for leaf, place in drawn(zone.view, state, tree)]
    items[0] = items[0].model_copy(update={"outcome": outcome})
    result = AuditResult(zone=ZONE, nonce=fresh_nonce(), cause=state.committed.digest, size=size, root=tree.hex(), items=tuple(items))
    return zone.say(result, "auditor")


def later(zone: MemoryZone, seconds: int) -> None:
    """Time passes, and the log goes on."""
    zone.now += seconds
    zone.say(Refusal(zone=ZONE, nonce=fresh_nonce(), member="bank-b", reason="CONSENT_MISSING"), "bank-b")


def judged(zone: MemoryZone, path: Path, judge: Judge, scope: Scope | None = None) -> Verdict:
    write_zone(zone, path / "run")
    return judge(path / "run", path / "run" / "public", scope)


def test_a_draw_that_agrees_is_told_with_what_it_could_find(zone: MemoryZone, tmp_path: Path, judge: Judge) -> None:
    reveal(zone)
    settle(zone)
    later(zone, DUE_S + 1)
    verdict = judged(zone, tmp_path, judge)
    assert codes(verdict) == []
    (summary,) = verdict.draws
    batches = len(zone.placement.batches)
    assert (summary.state, summary.items, summary.agree, summary.of) == ("settled", len(zone.view.columns), len(zone.view.columns), batches)
    assert summary.one_false.denominator == batches
    assert summary.one_false.numerator == 1


def test_a_withheld_number_is_a_finding_once_it_is_due(zone: MemoryZone, tmp_path: Path, judge: Judge) -> None:
    later(zone, DUE_S - 10)
    assert codes(judged(zone, tmp_path / "before", judge)) == []
    later(zone, 30)
    verdict = judged(zone, tmp_path / "after", judge)
    assert [(finding.code, finding.leaf_index) for finding in verdict.findings] == [("DRAW_WITHHELD", commit_of(zone).index)]


def test_a_draw_without_outcome_is_a_finding_once_it_is_due(zone: MemoryZone, tmp_path: Path, judge: Judge) -> None:
    reveal(zone)
    later(zone, DUE_S + 1)
    assert codes(judged(zone, tmp_path, judge)) == ["DRAW_UNFINISHED"]


def test_an_outcome_under_another_root_is_a_finding(zone: MemoryZone, tmp_path: Path, judge: Judge) -> None:
    """The rules accept it, since they know no tree: an auditor could have chosen what is drawn."""
    reveal(zone)
    result = settle(zone, root=b"\1" * 32)
    verdict = judged(zone, tmp_path, judge)
    assert [(finding.code, finding.leaf_index) for finding in verdict.findings] == [("DRAW_ROOT", result.index)]


@pytest.mark.parametrize("outcome", ["MISSING", "REFUSED", "OPENING_INVALID", "VALUE_IMPOSSIBLE", "RECORD_DIFFERS", "ROW_DIFFERS"])
def test_what_was_not_opened_or_does_not_agree_is_a_finding_at_its_contribution(
    zone: MemoryZone, tmp_path: Path, judge: Judge, outcome: Outcome
) -> None:
    reveal(zone)
    first = settle(zone, outcome).statement.items[0]
    verdict = judged(zone, tmp_path, judge)
    (finding,) = verdict.findings
    assert (finding.code, finding.leaf_index) == (f"DRAW_{outcome}", first.leaf_index)
    sender = zone.view.contributions[first.leaf_index].statement.header.sender
    assert sender in finding.detail
    assert codes(judged(zone, tmp_path / "its", judge, Scope(member=sender))) == [f"DRAW_{outcome}"]
    assert codes(judged(zone, tmp_path / "another's", judge, Scope(member="bank-a"))) == []


# --- failures ---


def failed(zone: MemoryZone) -> Logged:
    zone.open_totals()
    zone.say(zone.release_statement(), "authority")
    ticket = zone.say(zone.asked(zone.consent(zone.subjects[0])).ticket, "coordinator")
    return zone.say(Failure(zone=ZONE, nonce=fresh_nonce(), ticket=ticket.digest), "bank-a")


def audited(zone: MemoryZone, report: Logged, outcome: Outcome) -> None:
    inputs = zone.view.failures[report.digest].inputs()
    items = [DrawnItem(leaf_index=leaf, position=place, outcome="AGREES") for leaf, place in inputs]
    items[0] = items[0].model_copy(update={"outcome": outcome})
    zone.say(AuditResult(zone=ZONE, nonce=fresh_nonce(), cause=report.digest, size=0, root="", items=tuple(items)), "auditor")


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        ("VALUE_IMPOSSIBLE", ["DRAW_VALUE_IMPOSSIBLE"]),
        ("REFUSED", ["FAILURE_UNRESOLVED", "DRAW_REFUSED"]),
        ("AGREES", ["FAILURE_UNFOUNDED"]),
    ],
)
def test_a_failure_is_a_finding_until_its_inputs_tell_who_is_at_fault(
    zone: MemoryZone, tmp_path: Path, judge: Judge, outcome: Outcome, expected: list[str]
) -> None:
    reveal(zone)
    settle(zone)
    report = failed(zone)
    assert codes(judged(zone, tmp_path / "before", judge)) == ["FAILURE_UNRESOLVED"]
    audited(zone, report, outcome)
    assert codes(judged(zone, tmp_path / "after", judge)) == expected
