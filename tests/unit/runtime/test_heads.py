"""Custodians compare heads: a log that shows one another history than the other is found, and nothing hides it for long [L5]."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from crypto.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from crypto.keygen import PrivateKey
from crypto.merkle import check_consistency, root
from crypto.notes import ED25519, NoteSigner
from nodes.errors import HeadsMissingError, LogSplitError, NotReadyError, StorageError
from nodes.runtime.files import write_private
from nodes.runtime.notices.heads import MOST_COMPARED, HeadComparison, HeadLimits
from nodes.runtime.peers.identity import log_name
from nodes.runtime.peers.signing import fresh_nonce
from nodes.runtime.replica.store import Entry, LogReplica
from scoring.custody.planning import heads_needed
from scoring.statements import Head, MemberChange, Refusal, Split
from tests.support.databases import database_in
from tests.support.exchange import HeldZone
from tests.support.ledger import START, Ledger
from tests.support.members import CUSTODIANS, ZONE
from tests.support.peers import peer_member

US, OTHER, THIRD = CUSTODIANS
LIMITS = HeadLimits(report_s=120, lag_s=60, silence_s=600)


@dataclass
class Place:
    """One custodian with its copy of ``ledger``'s log, and a clock of its own."""

    ledger: Ledger
    directory: Path
    now: int = START + 1000
    heads: HeadComparison = field(init=False)

    def __post_init__(self) -> None:
        engine = database_in(self.directory / "state", "replica")
        self.replica = LogReplica(engine, self.directory / "state", self.ledger.log_signer.key.to_vkey())
        self.follow()
        self.restart()

    def restart(self) -> None:
        self.heads = HeadComparison(HeldZone(self.ledger.view), self.replica, US, self.directory / "heads", lambda: self.now, LIMITS)

    def follow(self, count: int | None = None) -> None:
        """Take the ledger's entries up to ``count`` into the copy, under a checkpoint."""
        end = len(self.ledger.entries) if count is None else count
        entries = [Entry(index, *self.ledger.entries[index]) for index in range(self.replica.next_index(), end)]
        self.replica.accept(entries, note(self.ledger, end))

    def head(self, member: str, ledger: Ledger | None = None, size: int | None = None, **changes: Any) -> bytes:
        """A head of ``member``, by what the log shows it in ``ledger``."""
        shown = ledger or self.ledger
        checkpoint = note(shown, len(shown.entries) if size is None else size).decode()
        said = {"zone": ZONE, "nonce": fresh_nonce(), "member": member, "time": self.now, "checkpoint": checkpoint}
        return self.ledger.envelope(Head.model_validate({**said, **changes}), member)

    def split(self, member: str, *notes: bytes, signer: str = "") -> bytes:
        """Notes that ``member`` shows."""
        said = Split(zone=ZONE, nonce=fresh_nonce(), member=member, notes=tuple(item.decode() for item in notes))
        return self.ledger.envelope(said, signer or member)

    def hear_all(self) -> None:
        for member in (OTHER, THIRD):
            self.heads.take(self.head(member))


def note(ledger: Ledger, size: int) -> bytes:
    leaves = [leaf for leaf, _ in ledger.entries[:size]]
    return sign_checkpoint(Checkpoint(log_name(ZONE), size, root(leaves)), ledger.log_signer)


def refuse(ledger: Ledger, count: int = 1) -> None:
    for _ in range(count):
        ledger.say(Refusal(zone=ZONE, nonce=fresh_nonce(), member="bank-a", reason="NOT_READY"), "bank-a")


@pytest.fixture(scope="module")
def founded(small_private_key: PrivateKey) -> Ledger:
    ledger = Ledger(small_private_key)
    ledger.found()
    refuse(ledger, 3)
    return ledger


@pytest.fixture
def place(founded: Ledger, tmp_path: Path) -> Place:
    return Place(founded.fork(), tmp_path)


def forked(place: Place, common: int = 2) -> Ledger:
    """What the log shows to somebody else: the same beginning, then another history of the same size, and one leaf more."""
    other, size = place.ledger.fork(), len(place.ledger.entries)
    refuse(other, size)
    other.entries = [*other.entries[:common], *other.entries[size:]][: size + 1]
    return other


# --- a split ---


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


# --- heads that are beyond ours, or do not come ---


def test_a_log_that_keeps_its_end_from_us_stops_releases_until_we_have_it(place: Place) -> None:
    place.hear_all()
    longer = place.ledger.fork()
    refuse(longer)
    place.now += 1
    place.heads.take(place.head(OTHER, longer))
    place.heads.check()
    place.now += LIMITS.lag_s + 1
    with pytest.raises(NotReadyError):
        place.heads.check()
    place.ledger.entries = longer.entries
    place.follow()
    place.heads.turn()
    place.heads.check()


def test_custodians_that_are_not_heard_of_stop_releases_after_the_limit_and_may_come_back(place: Place) -> None:
    """All that those who pass the heads on can do is to keep them back; then it ends here."""
    place.heads.check()
    place.now += LIMITS.silence_s + 1
    with pytest.raises(HeadsMissingError, match=OTHER):
        place.heads.check()
    place.hear_all()
    place.heads.check()


def test_an_old_head_sent_again_is_no_sign_of_life(place: Place) -> None:
    heads = [place.head(member) for member in (OTHER, THIRD)]
    place.now += LIMITS.silence_s + 1
    for head in heads:
        place.heads.take(head)
    with pytest.raises(HeadsMissingError):
        place.heads.check()


def test_silence_is_counted_across_a_restart(place: Place) -> None:
    place.now += LIMITS.silence_s + 1
    place.restart()
    with pytest.raises(HeadsMissingError):
        place.heads.check()


def test_a_missing_custodian_is_reported_and_its_return_too(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.now += LIMITS.report_s + 1
    place.heads.turn()
    place.heads.turn()
    said = capsys.readouterr()
    assert (said.out + said.err).count("head.missing") == 3  # two custodians and the auditor, once each
    place.hear_all()
    place.heads.turn()
    said = capsys.readouterr()
    assert (said.out + said.err).count("head.returned") == 2


def test_an_unreadable_record_of_who_was_heard_stops_the_process(place: Place) -> None:
    write_private(place.directory / "heads" / "heard.json", b"[]")
    with pytest.raises(StorageError):
        place.restart()


def test_so_many_heads_are_needed_that_no_two_histories_can_each_have_their_own_custodians() -> None:
    """Every assignment of honest custodians to two histories leaves one who hears of the other side, whatever t − 1 dishonest ones say."""
    for custodians, threshold in [(2, 2), (3, 2), (3, 3), (4, 3), (5, 3), (5, 4), (7, 4), (9, 5)]:
        needed, honest = heads_needed(custodians, threshold), custodians - threshold + 1
        assert needed <= custodians - 1
        for on_one_side in range(1, honest):
            enough = [side - 1 + threshold - 1 >= needed for side in (on_one_side, honest - on_one_side)]
            assert not all(enough), (custodians, threshold, on_one_side)


def test_roots_of_the_past_are_those_of_the_leaves(place: Place) -> None:
    leaves = [leaf for leaf, _ in place.ledger.entries]
    for size in range(len(leaves) + 1):
        assert place.replica.root_at(size) == root(itertools.islice(leaves, size))


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
