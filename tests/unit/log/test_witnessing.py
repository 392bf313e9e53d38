"""Witness rounds: policy, latest wins, and witnesses that are behind, ahead, slow or lying."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass

import pytest

from crypto import merkle
from crypto.checkpoint import Checkpoint, check_witnessed, cosign, open_checkpoint, sign_checkpoint
from crypto.errors import MerkleError, NoteError
from crypto.merkle import MemoryTree
from crypto.notes import COSIGNATURE_V1, NoteSigner
from nodes.errors import WitnessDisagreesError
from nodes.log.publication import Publication, SignedHead
from nodes.log.witnessing import PATIENCE_S, Rounds, Session, WitnessReply, WitnessRequest, restore
from protos.errors import WireFormatError
from tests.unit.log.small_zone import SmallZone

LEAVES = [b"leaf %d" % i for i in range(50)]


@dataclass
class Witness:
    """A witness of tlog-witness in memory: its signer and the last tree that it cosigned."""

    signer: NoteSigner
    log_vkey: str
    size: int = 0
    root: bytes = merkle.EMPTY_ROOT
    time: int = 100

    def answer(self, request: WitnessRequest) -> WitnessReply:
        head = open_checkpoint(request.note, self.log_vkey)
        if request.old_size != self.size:
            return WitnessReply(request.request_id, 409, self.size, b"")
        try:
            merkle.check_consistency(self.size, head.size, request.proof, self.root, head.root)
        except MerkleError:
            return WitnessReply(request.request_id, 422, 0, b"")
        self.size, self.root = head.size, head.root
        return WitnessReply(request.request_id, 200, 0, cosign(request.note, self.signer, self.time))


class Log:
    """A tree that grows on demand, its publication and its rounds."""

    def __init__(self, zone: SmallZone, required: int, witnesses: int) -> None:
        self.zone = zone
        self.witnesses = [
            Witness(NoteSigner(f"xinqiao/test-zone/w{i}", COSIGNATURE_V1, secrets.token_bytes(32)), zone.log.key.to_vkey()) for i in range(witnesses)
        ]
        self.vkeys = [witness.signer.key.to_vkey() for witness in self.witnesses]
        self.required = required
        self.publication = Publication()
        self.saved: list[bytes] = []
        self.seconds = 0.0
        self.rounds = Rounds(self.publication, self.vkeys, required, self.prove, self.saved.append, monotonic=lambda: self.seconds)
        self.grow(1)

    def prove(self, size1: int, size2: int) -> list[bytes]:
        return merkle.consistency_proof(size1, size2, MemoryTree(LEAVES[:size2]).hashes)

    def grow(self, size: int) -> None:
        root = merkle.root(LEAVES[:size])
        note = sign_checkpoint(Checkpoint("xinqiao/test-zone", size, root), self.zone.log)
        self.publication.publish_signed(SignedHead(size, root, note))

    def join(self, number: int) -> Session:
        return self.rounds.join(f"w{number}", self.witnesses[number].size)

    def ask(self, session: Session) -> WitnessRequest | None:
        """What the session is asked now; None when it has nothing to do."""
        waiter = self.publication.waiter()
        timer = threading.Timer(0.2, waiter.cancel)
        timer.start()
        try:
            return self.rounds.next_request(session, waiter)
        finally:
            timer.cancel()

    def turn(self, number: int, session: Session) -> int:
        """One question and its answer; the size cosigned."""
        request = self.ask(session)
        assert request is not None
        self.rounds.accept(session, self.witnesses[number].answer(request))
        return open_checkpoint(request.note, self.zone.log.key.to_vkey()).size

    def shown(self) -> int:
        """Size of the witnessed checkpoint on show, checked against the policy; 0 when there is none."""
        head = self.publication.witnessed
        if head is None:
            return 0
        return check_witnessed(head.note, self.zone.log.key.to_vkey(), self.vkeys, self.required).size


def test_one_witness_of_one_cosigns_each_new_head(small_zone: SmallZone) -> None:
    log = Log(small_zone, 1, 1)
    session = log.join(0)
    for size in (1, 2, 7, 50):
        log.grow(size)
        assert log.turn(0, session) == size
        assert log.shown() == size
    assert log.saved[-1] == log.publication.witnessed.note  # type: ignore[union-attr]
    assert log.ask(session) is None


def test_a_checkpoint_is_shown_only_with_enough_cosignatures(small_zone: SmallZone) -> None:
    log = Log(small_zone, 2, 3)
    sessions = [log.join(i) for i in range(3)]
    log.turn(0, sessions[0])
    assert log.shown() == 0
    log.turn(2, sessions[2])
    assert log.shown() == 1
    log.turn(1, sessions[1])  # a late one is added as long as the round lasts
    assert log.publication.witnessed is not None
    assert log.publication.witnessed.note.count(b"\n\xe2\x80\x94 ") == 4


def test_a_round_keeps_its_target_until_enough_cosigned_it_then_takes_the_newest(small_zone: SmallZone) -> None:
    log = Log(small_zone, 2, 2)
    fast, slow = log.join(0), log.join(1)
    assert log.turn(0, fast) == 1
    log.grow(5)
    log.grow(9)
    assert log.ask(fast) is None  # waits for the slow one, so that both sign one tree
    assert log.turn(1, slow) == 1
    assert log.shown() == 1
    assert log.turn(0, fast) == 9
    assert log.turn(1, slow) == 9
    assert log.shown() == 9


def test_a_slow_witness_is_not_waited_for_when_others_are_enough(small_zone: SmallZone) -> None:
    log = Log(small_zone, 1, 2)
    fast, slow = log.join(0), log.join(1)
    request = log.ask(slow)
    assert request is not None
    log.turn(0, fast)
    for size in (3, 4, 5):
        log.grow(size)
        log.turn(0, fast)
        assert log.shown() == size
    log.rounds.accept(slow, log.witnesses[1].answer(request))  # an answer to a past round changes nothing
    assert log.shown() == 5
    assert log.turn(1, slow) == 5


def test_a_witness_that_says_409_is_asked_again_from_its_own_size(small_zone: SmallZone) -> None:
    log = Log(small_zone, 1, 1)
    log.grow(20)
    log.witnesses[0].size, log.witnesses[0].root = 7, merkle.root(LEAVES[:7])
    session = log.rounds.join("w0", 0)
    request = log.ask(session)
    assert request is not None
    assert request.old_size == 0
    log.rounds.accept(session, log.witnesses[0].answer(request))
    assert log.shown() == 0
    assert log.turn(0, session) == 20
    assert log.shown() == 20


def test_a_witness_that_joins_again_is_asked_even_for_a_size_that_it_has_cosigned(small_zone: SmallZone) -> None:
    log = Log(small_zone, 1, 1)
    log.turn(0, log.join(0))
    log.witnesses[0].time = 900
    again = log.join(0)
    assert log.turn(0, again) == 1
    assert log.publication.witnessed is not None
    assert check_witnessed(log.publication.witnessed.note, log.zone.log.key.to_vkey(), log.vkeys, 1).time == 900


def test_a_witness_beyond_the_log_means_that_one_lost_its_history(small_zone: SmallZone) -> None:
    log = Log(small_zone, 1, 1)
    with pytest.raises(WitnessDisagreesError, match="lost its history"):
        log.rounds.join("w0", 2)
    session = log.join(0)
    request = log.ask(session)
    assert request is not None
    with pytest.raises(WitnessDisagreesError):
        log.rounds.accept(session, WitnessReply(request.request_id, 409, 99, b""))


def test_a_witness_that_cosigned_a_later_tree_moves_the_target_of_a_round_that_waited_in_vain(small_zone: SmallZone) -> None:
    log = Log(small_zone, 2, 2)
    first = log.join(0)
    log.turn(0, first)  # target 1 waits for a second witness
    log.grow(8)
    log.witnesses[1].size, log.witnesses[1].root = 5, merkle.root(LEAVES[:5])
    second = log.join(1)
    log.seconds = PATIENCE_S
    assert log.turn(1, second) == 8
    assert log.turn(0, first) == 8
    assert log.shown() == 8


def test_a_witness_that_claims_to_be_ahead_again_and_again_keeps_no_round_from_ending(small_zone: SmallZone) -> None:
    log = Log(small_zone, 2, 2)
    honest = [log.join(0), log.join(1)]
    log.turn(0, honest[0])
    for size in (8, 9):  # the log grows, and a peer zone's witness claims each newest size before the second one answers
        log.grow(size)
        assert log.ask(log.rounds.join("peer", size)) is None
    assert log.turn(1, honest[1]) == 1
    assert log.shown() == 1
    assert [log.turn(0, honest[0]), log.turn(1, honest[1])] == [9, 9]
    assert log.shown() == 9


@pytest.mark.parametrize("status", [400, 403, 404, 409, 422, 500, 0])
def test_a_refusal_ends_the_session_and_publishes_nothing(small_zone: SmallZone, status: int) -> None:
    log = Log(small_zone, 1, 1)
    session = log.join(0)
    request = log.ask(session)
    assert request is not None
    with pytest.raises(WitnessDisagreesError, match=str(status)):
        log.rounds.accept(session, WitnessReply(request.request_id, status, request.old_size, b""))
    assert log.shown() == 0


def test_a_forked_tree_is_not_cosigned(small_zone: SmallZone) -> None:
    log = Log(small_zone, 1, 1)
    log.turn(0, log.join(0))
    log.grow(3)
    log.witnesses[0].root = b"\1" * 32  # it saw another tree of size 1
    session = log.join(0)
    request = log.ask(session)
    assert request is not None
    with pytest.raises(WitnessDisagreesError, match="422"):
        log.rounds.accept(session, log.witnesses[0].answer(request))


@pytest.mark.parametrize("lie", ["nothing", "garbage", "another key", "another note", "changed bit", "log's own signature"])
def test_a_lying_witness_adds_nothing(small_zone: SmallZone, lie: str) -> None:
    log = Log(small_zone, 1, 1)
    session = log.join(0)
    request = log.ask(session)
    assert request is not None
    honest = cosign(request.note, log.witnesses[0].signer, 5)
    stranger = NoteSigner("xinqiao/test-zone/w0", COSIGNATURE_V1, secrets.token_bytes(32))
    other = sign_checkpoint(Checkpoint("xinqiao/test-zone", 1, b"\2" * 32), log.zone.log)
    answer = {
        "nothing": b"",
        "garbage": b"not a line\n",
        "another key": cosign(request.note, stranger, 5),
        "another note": cosign(other, log.witnesses[0].signer, 5),
        "changed bit": honest[:-10] + bytes([honest[-10] ^ 1]) + honest[-9:],
        "log's own signature": log.zone.log.signature_line(b"x\n"),
    }[lie]
    with pytest.raises(WitnessDisagreesError):
        log.rounds.accept(session, WitnessReply(request.request_id, 200, 0, answer))
    assert log.shown() == 0
    assert log.saved == []


def test_lines_of_strangers_beside_an_honest_one_do_not_enter_the_note(small_zone: SmallZone) -> None:
    log = Log(small_zone, 1, 1)
    session = log.join(0)
    request = log.ask(session)
    assert request is not None
    stranger = NoteSigner("elsewhere.example/w", COSIGNATURE_V1, secrets.token_bytes(32))
    lines = cosign(request.note, stranger, 5) + cosign(request.note, log.witnesses[0].signer, 5)
    log.rounds.accept(session, WitnessReply(request.request_id, 200, 0, lines))
    assert log.publication.witnessed is not None
    assert b"elsewhere" not in log.publication.witnessed.note


@pytest.mark.parametrize("request_id", [0, 2])
def test_an_answer_to_no_question_is_refused(small_zone: SmallZone, request_id: int) -> None:
    log = Log(small_zone, 1, 1)
    session = log.join(0)
    with pytest.raises(WireFormatError):
        log.rounds.accept(session, WitnessReply(1, 200, 0, b""))
    assert log.ask(session) is not None
    with pytest.raises(WireFormatError):
        log.rounds.accept(session, WitnessReply(request_id, 200, 0, b""))


def test_the_witnessed_checkpoint_is_shown_again_after_a_restart(small_zone: SmallZone) -> None:
    log = Log(small_zone, 1, 1)
    log.turn(0, log.join(0))
    later = Log(small_zone, 1, 0)
    later.grow(9)
    vkey = small_zone.log.key.to_vkey()
    restore(later.publication, log.saved[-1], vkey, log.vkeys, 1, lambda size: merkle.root(LEAVES[:size]))
    assert later.publication.witnessed is not None
    assert later.publication.witnessed.size == 1
    restore(later.publication, None, vkey, log.vkeys, 1, lambda size: merkle.root(LEAVES[:size]))
    with pytest.raises(NoteError, match="not of this tree"):
        restore(later.publication, log.saved[-1], vkey, log.vkeys, 1, lambda _size: b"\0" * 32)
    with pytest.raises(NoteError, match="0 of the required 1"):
        restore(later.publication, log.saved[-1], vkey, [small_zone.witness.key.to_vkey()], 1, lambda size: merkle.root(LEAVES[:size]))


def test_a_further_witness_is_shown_and_counts_for_nothing(small_zone: SmallZone) -> None:
    """That of a peer zone that joined after genesis: the policy's 2w > W + f was judged without it."""
    log = Log(small_zone, 2, 2)
    log.grow(3)
    late = Witness(NoteSigner("xinqiao/test-zone/late", COSIGNATURE_V1, secrets.token_bytes(32)), small_zone.log.key.to_vkey())
    log.rounds = Rounds(log.publication, log.vkeys, 2, log.prove, log.saved.append, lambda: [late.signer.key.to_vkey()])
    log.witnesses.append(late)
    first, second, third = (log.join(number) for number in range(3))
    log.turn(2, third)
    log.turn(0, first)
    assert log.shown() == 0
    log.turn(1, second)
    assert log.shown() == 3
    lines = [line for line in log.saved[-1].split(b"\n") if line.startswith(b"\xe2\x80\x94")]
    assert [line.split()[1] for line in lines] == [b"xinqiao/test-zone", *(b"xinqiao/test-zone/" + name for name in (b"w0", b"w1", b"late"))]
