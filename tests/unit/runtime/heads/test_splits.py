"""Custodians compare heads: a log that shows one another history than the other is found, and nobody else can make it look so [L5]."""

from __future__ import annotations

import json
from typing import Any

import pytest

from crypto.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from crypto.merkle import check_consistency, root
from crypto.notes import ED25519, NoteSigner
from nodes.errors import LogSplitError, NotReadyError
from nodes.runtime.peers.identity import log_name
from nodes.runtime.peers.signing import fresh_nonce
from scoring.statements import Head, MemberChange
from tests.support.heads import LIMITS, OTHER, THIRD, Place, forked, note, refuse
from tests.support.ledger import START
from tests.support.members import ZONE
from tests.support.peers import peer_member


@pytest.mark.parametrize("size", ["same", "smaller", "larger, then caught up"])
def test_two_histories_are_found_at_any_size_and_both_notes_are_kept(place: Place, size: str) -> None:
    other, here = forked(place), len(place.ledger.entries)
    place.hear_all()
    place.heads.check()
    said = {"same": here, "smaller": here - 1, "larger, then caught up": here + 1}[size]
    place.now += 1
    place.heads.take(place.head(OTHER, other, said))
    if said > here:
        refuse(place.ledger)
        place.follow()
        place.heads.turn()
    with pytest.raises(LogSplitError):
        place.heads.check()
    evidence = place.directory / "heads"
    split = json.loads((evidence / "split.json").read_bytes())
    ours, theirs = (open_checkpoint((evidence / name).read_bytes(), place.ledger.log_signer.key.to_vkey()) for name in split["notes"])
    assert split["peer"] == OTHER
    assert (theirs.size, theirs.root.hex()) == (split["size"], split["root_there"])
    proof = [bytes.fromhex(item) for item in split["consistency_proof"]]
    check_consistency(split["size"], ours.size, proof, bytes.fromhex(split["root_here"]), ours.root)  # ours goes on from another tree
    assert split["root_here"] != split["root_there"]


@pytest.mark.parametrize("size", ["same", "smaller", "larger, then caught up"])
def test_notes_that_a_witness_kept_stop_releases_whoever_shows_them(place: Place, size: str) -> None:
    """The head of who shows them may agree with ours: its witness alone was asked to cosign the other history."""
    other, here = forked(place), len(place.ledger.entries)
    place.hear_all()
    said = {"same": here, "smaller": here - 1, "larger, then caught up": here + 1}[size]
    place.heads.take_split(place.split(OTHER, note(place.ledger, here), note(other, said)))
    if said > here:
        place.heads.check()
        place.now += LIMITS.lag_s + 1
        place.hear_all()
        with pytest.raises(NotReadyError):  # the log has signed what it does not show
            place.heads.check()
        refuse(place.ledger)
        place.follow()
        place.heads.turn()
    with pytest.raises(LogSplitError):
        place.heads.check()
    split = json.loads((place.directory / "heads" / "split.json").read_bytes())
    assert (split["peer"], split["size"]) == (OTHER, said)


def test_who_shows_notes_is_not_believed(place: Place) -> None:
    """Notes of our own history, or of another log's key, change nothing; nor does what its member has not signed, or is no poster."""
    here, other = len(place.ledger.entries), forked(place)
    stranger = NoteSigner(log_name(ZONE), ED25519, b"s" * 32)
    foreign = sign_checkpoint(Checkpoint(log_name(ZONE), here, root([b"leaf"] * here)), stranger)
    place.heads.take_split(place.split(OTHER, note(place.ledger, here), note(place.ledger, here - 2)))
    place.heads.take_split(place.split(OTHER, foreign))
    place.heads.take_split(place.split(OTHER, note(other, here), signer=THIRD))
    place.heads.take_split(place.split("bank-a", note(other, here)))
    place.heads.take_split(place.head(OTHER, other, here))
    place.hear_all()
    place.now += LIMITS.lag_s + 1
    place.heads.check()
    assert not place.heads.split


def test_a_split_stops_releases_after_a_restart_too(place: Place) -> None:
    place.heads.take(place.head(OTHER, forked(place)))
    place.heads.take(place.head(OTHER, forked(place), 5))
    place.restart()
    assert place.heads.split
    with pytest.raises(LogSplitError):
        place.heads.check()


def test_heads_of_one_history_agree_whatever_their_sizes(place: Place) -> None:
    """The positive control: earlier, equal and later heads of the same log alarm nobody."""
    for size in range(1, len(place.ledger.entries) + 1):
        place.now += 1
        place.heads.take(place.head(OTHER, size=size))
    refuse(place.ledger, 2)
    place.now += 1
    place.heads.take(place.head(THIRD))
    place.follow()
    place.heads.turn()
    place.heads.check()
    assert not place.heads.split


def test_a_member_alone_cannot_make_a_split(place: Place) -> None:
    """Without the log's own signature on the other root there is nothing to compare."""
    other = forked(place)
    other.log_signer = place.ledger.witness_signer
    assert place.heads.take(place.head(OTHER, other)) is None
    assert not place.heads.split


@pytest.mark.parametrize("changes", [{"member": "bank-a"}, {"zone": "other"}, {"time": START + 9999}])
def test_heads_of_strangers_of_another_zone_and_from_the_future_are_passed_over(place: Place, changes: dict[str, Any]) -> None:
    assert place.heads.take(place.head(ledger=forked(place), size=5, **({"member": OTHER} | changes))) is None
    assert not place.heads.split


def test_a_head_that_its_member_did_not_sign_is_passed_over(place: Place) -> None:
    head = Head(zone=ZONE, nonce=fresh_nonce(), member=OTHER, time=place.now, checkpoint=note(place.ledger, 3).decode())
    assert place.heads.take(place.ledger.envelope(head, THIRD)) is None
    assert place.heads.take(place.ledger.envelope(head, OTHER)) == head


def test_a_peer_zones_head_stops_a_custodian_that_was_shown_another_history(place: Place) -> None:
    name, ledger = "other-node", place.ledger
    ledger.keys.make(name)
    signing, sealing = ledger.keys.signing(name), ledger.keys.sealing(name).hex()
    peer = peer_member(name, roles=("peer",), witness_vkey="").model_copy(update={"keys": (signing,), "hpke": sealing})
    change = MemberChange(zone=ZONE, nonce=fresh_nonce(), action="join", member=peer)
    ledger.say(ledger.approved(change), "authority")
    place.follow()
    place.hear_all()
    place.heads.take(place.head(name))
    place.heads.check()
    place.now += 1
    place.heads.take(place.head(name, forked(place), len(ledger.entries)))
    with pytest.raises(LogSplitError):
        place.heads.check()
