"""Draws in the log: committed before the close, fixed by it, shown afterwards, and an outcome that names exactly what was drawn [P6]."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from crypto.keygen import PrivateKey
from nodes.runtime.peers.signing import fresh_nonce
from scoring.draws.rules import DrawState, drawn
from scoring.draws.selection import commitment_of
from scoring.errors import DrawError, WrongSignerError
from scoring.exchange.view import Logged
from scoring.statements import AuditCommit, AuditResult, AuditReveal, DrawnItem
from tests.support.epoch import EPOCH
from tests.support.members import ZONE
from tests.support.zone import MemoryZone, open_zone

R = bytes(range(32))
ROOT = bytes(32)


@pytest.fixture(scope="module")
def opened(small_private_key: PrivateKey) -> MemoryZone:
    zone = open_zone(small_private_key)
    zone.contribute_columns()
    return zone


@pytest.fixture
def zone(opened: MemoryZone) -> MemoryZone:
    """An epoch with all columns, still open."""
    return opened.fork()


def commitment(**changes: Any) -> AuditCommit:
    said: dict[str, Any] = {"epoch": EPOCH, "draw": "columns", "count": 1, "commitment": commitment_of(R), "due_s": 600}
    return AuditCommit(zone=ZONE, nonce=fresh_nonce(), **(said | changes))


def reveal(commit: Logged, r: bytes = R) -> AuditReveal:
    return AuditReveal(zone=ZONE, nonce=fresh_nonce(), commit=commit.digest, r=r.hex())


def state_of(zone: MemoryZone, commit: Logged) -> DrawState:
    return zone.view.draws[commit.digest]


def result(zone: MemoryZone, commit: Logged, **changes: Any) -> AuditResult:
    state = state_of(zone, commit)
    items = tuple(DrawnItem(leaf_index=leaf, position=place, outcome="AGREES") for leaf, place in drawn(zone.view, state, ROOT))
    said: dict[str, Any] = {"cause": commit.digest, "size": state.size(zone.view), "root": ROOT.hex(), "items": items}
    return AuditResult(zone=ZONE, nonce=fresh_nonce(), **(said | changes))


# --- columns ---


def test_a_draw_takes_its_number_of_batches_of_every_column(zone: MemoryZone) -> None:
    commit = zone.say(commitment(count=2), "auditor")
    zone.close_epoch()
    zone.say(reveal(commit), "auditor")
    items = drawn(zone.view, state_of(zone, commit), ROOT)
    batches = len(zone.placement.batches)
    assert batches > 2
    for found in zone.view.columns.values():
        mine = [place for leaf, place in items if leaf == found[-1].index]
        assert len(mine) == len(set(mine)) == 2
        assert all(0 <= place < batches for place in mine)
    assert len(items) == 2 * len(zone.view.columns)
    zone.say(result(zone, commit), "auditor")
    assert state_of(zone, commit).result is not None


def test_only_the_revision_that_counts_is_drawn(zone: MemoryZone) -> None:
    sender, entry = zone.owed_columns()[0]
    old = zone.view.columns[EPOCH, sender, entry.indicator, entry.functional][-1].index
    new = zone.say(zone.column(sender, entry, 1), sender).index
    commit = zone.say(commitment(), "auditor")
    zone.close_epoch()
    zone.say(reveal(commit), "auditor")
    leaves = {leaf for leaf, _ in drawn(zone.view, state_of(zone, commit), ROOT)}
    assert new in leaves
    assert old not in leaves


def test_a_draw_from_the_root_alone_is_not_possible(zone: MemoryZone) -> None:
    """Who fixes the root does not know R, and who knows R committed to it before: after the close there is no commitment any more."""
    zone.close_epoch()
    with pytest.raises(DrawError, match="before the epoch closes"):
        zone.judge(commitment(), "auditor")


def test_r_is_not_shown_before_the_close_and_only_the_number_committed_to(zone: MemoryZone) -> None:
    commit = zone.say(commitment(), "auditor")
    with pytest.raises(DrawError, match="not fixed yet"):
        zone.judge(reveal(commit), "auditor")
    zone.close_epoch()
    with pytest.raises(DrawError, match="not the number"):
        zone.judge(reveal(commit, secrets.token_bytes(32)), "auditor")
    zone.say(reveal(commit), "auditor")
    with pytest.raises(DrawError, match="shown before"):
        zone.judge(reveal(commit), "auditor")


def test_only_auditors_draw_and_each_its_columns_once(zone: MemoryZone) -> None:
    with pytest.raises(WrongSignerError):
        zone.judge(commitment(), "authority")
    zone.say(commitment(), "auditor")
    with pytest.raises(DrawError, match="in the log already"):
        zone.judge(commitment(), "auditor")
    with pytest.raises(DrawError, match="once"):
        zone.judge(commitment(commitment="ab" * 32), "auditor")


@pytest.mark.parametrize("change", ["missing", "additional", "other", "root", "size", "early"])
def test_an_outcome_that_is_not_exactly_of_what_was_drawn_is_void(zone: MemoryZone, change: str) -> None:
    commit = zone.say(commitment(), "auditor")
    zone.close_epoch()
    if change == "early":
        with pytest.raises(DrawError):
            zone.judge(AuditResult(zone=ZONE, nonce=fresh_nonce(), cause=commit.digest, size=0, root="", items=()), "auditor")
        return
    zone.say(reveal(commit), "auditor")
    good = result(zone, commit)
    first = good.items[0]
    other = first.model_copy(update={"position": next(place for place in range(len(zone.placement.batches)) if place != first.position)})
    changes: dict[str, dict[str, Any]] = {
        "missing": {"items": good.items[1:]},
        "additional": {"items": (first, *good.items)},
        "other": {"items": tuple(sorted((other, *good.items[1:]), key=lambda item: (item.leaf_index, item.position)))},
        "root": {"root": "ab" * 32},
        "size": {"size": good.size + 1},
    }
    with pytest.raises(DrawError):
        zone.judge(good.model_copy(update=changes[change]), "auditor")
    zone.judge(good, "auditor")


def test_a_draw_has_one_outcome_by_its_own_auditor(zone: MemoryZone) -> None:
    commit = zone.say(commitment(), "auditor")
    zone.close_epoch()
    zone.say(reveal(commit), "auditor")
    zone.say(result(zone, commit), "auditor")
    with pytest.raises(DrawError, match="one outcome"):
        zone.judge(result(zone, commit), "auditor")


# --- rows ---


def rows_commitment(zone: MemoryZone, since: int, **changes: Any) -> AuditCommit:
    return commitment(draw="rows", since=since, until=zone.now + 20, **changes)


def test_rows_are_drawn_from_those_before_the_first_leaf_at_the_time(zone: MemoryZone) -> None:
    zone.close_epoch()
    start = zone.view.epoch(EPOCH).open_index
    commit = zone.say(rows_commitment(zone, start), "auditor")
    zone.consent(zone.subjects[0])
    with pytest.raises(DrawError, match="not fixed yet"):
        zone.judge(reveal(commit), "auditor")
    zone.now += 30
    late = zone.consent(zone.subjects[2])  # its leaf fixes the draw; the rows that follow it are of the next one
    zone.say(reveal(commit), "auditor")
    state = state_of(zone, commit)
    size = state.size(zone.view)
    assert size is not None
    assert size <= late.index + 1
    items = drawn(zone.view, state, ROOT)
    of = {zone.view.contributions[leaf].statement.header.sender for leaf, _ in items}
    assert {zone.view.contributions[leaf].statement.header.subject for leaf, _ in items} == {zone.subjects[0]}
    assert len(items) == len(of) > 3  # one of each department
    assert {place for _, place in items} == {-1}
    zone.say(result(zone, commit), "auditor")


def test_draws_of_rows_follow_one_another_without_gap_or_overlap(zone: MemoryZone) -> None:
    zone.close_epoch()
    start = zone.view.epoch(EPOCH).open_index
    with pytest.raises(DrawError, match="begins at leaf"):
        zone.judge(rows_commitment(zone, start + 1), "auditor")
    first = zone.say(rows_commitment(zone, start), "auditor")
    other = {"commitment": "ab" * 32}
    with pytest.raises(DrawError, match="not over"):
        zone.judge(rows_commitment(zone, start, **other), "auditor")
    zone.now += 30
    zone.consent(zone.subjects[0], rows=False)
    end = state_of(zone, first).size(zone.view)
    assert end is not None
    with pytest.raises(DrawError, match="begins at leaf"):
        zone.judge(rows_commitment(zone, start, **other), "auditor")
    zone.say(rows_commitment(zone, end, final=True, **other), "auditor")
    zone.now += 30
    zone.consent(zone.subjects[3], rows=False)
    with pytest.raises(DrawError, match="final"):
        zone.judge(rows_commitment(zone, zone.view.size - 1, commitment="cd" * 32), "auditor")


def test_a_void_leaf_at_the_time_fixes_the_draw_too(zone: MemoryZone) -> None:
    """The tree has it; so every view, which replays void leaves, comes to the same size."""
    zone.close_epoch()
    commit = zone.say(rows_commitment(zone, zone.view.epoch(EPOCH).open_index), "auditor")
    zone.now += 30
    leaf = zone.say_void(commitment(), "authority")
    assert state_of(zone, commit).size(zone.view) == leaf + 1
