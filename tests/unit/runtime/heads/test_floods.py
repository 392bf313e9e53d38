"""Comparing with roots of the past takes bounded work each turn, however much is posted [L5]."""

from __future__ import annotations

import itertools

from crypto.merkle import root
from nodes.runtime.notices.heads import MOST_COMPARED
from nodes.runtime.replica.store import LogReplica
from tests.support.databases import database_in
from tests.support.heads import OTHER, THIRD, Place, forked, note, refuse


class Counting(LogReplica):
    """A copy that counts how often a root of the past is asked for."""

    asked = 0

    def root_at(self, size: int) -> bytes:
        self.asked += 1
        return super().root_at(size)


def test_a_flood_of_notes_takes_bounded_work_each_turn_and_hides_nothing(place: Place) -> None:
    """One of the log's own witnesses has as many of its notes as there were checkpoints: each root of the past is hashed from many leaves."""
    refuse(place.ledger, 40)
    place.follow()
    copy = Counting(database_in(place.directory / "state", "replica"), place.directory / "state", place.ledger.log_signer.key.to_vkey())
    place.replica = copy
    place.restart()
    other, copy.asked = forked(place), 0
    shown = [note(place.ledger, size) for size in range(1, len(place.ledger.entries))] + [note(other, len(place.ledger.entries))]
    flood = [place.split(OTHER, *shown[at : at + 8]) for at in range(0, len(shown), 8)]
    turns = 0
    while not place.heads.split:
        before, turns = copy.asked, turns + 1
        for _board in ("coordinator", "log"):
            for notice in flood:
                place.heads.take_split(notice)
            place.heads.take_split(place.split(THIRD, note(place.ledger, 1)))
        place.heads.turn()
        assert copy.asked - before <= 2 * MOST_COMPARED
    assert turns == -(-len(shown) // MOST_COMPARED)


def test_a_flood_of_heads_takes_bounded_work_each_turn(place: Place) -> None:
    """Each is later than the one before, and all are from a moment that our clock has not reached."""
    copy = Counting(database_in(place.directory / "state", "replica"), place.directory / "state", place.ledger.log_signer.key.to_vkey())
    place.replica = copy
    place.restart()
    copy.asked = 0
    for later in range(1, 100):
        place.heads.take(place.head(OTHER, size=3, time=place.now + later))
    assert copy.asked == MOST_COMPARED
    place.heads.take(place.head(THIRD))
    assert copy.asked == MOST_COMPARED + 1


def test_roots_of_the_past_are_those_of_the_leaves(place: Place) -> None:
    leaves = [leaf for leaf, _ in place.ledger.entries]
    for size in range(len(leaves) + 1):
        assert place.replica.root_at(size) == root(itertools.islice(leaves, size))
