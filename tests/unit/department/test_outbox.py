"""What is kept for sending: once, final, oldest first; and the secrets of epochs behind it."""

from __future__ import annotations

import stat
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import Engine

from crypto.encoding import sha256
from nodes.contributing.epoch_secrets import EpochSecrets
from nodes.contributing.outbox import Kept, Message, Outbox, Prepared
from nodes.contributing.sender import Sender
from nodes.errors import PeerUnavailableError, RpcRefusal, SecretFileError
from nodes.runtime.peers.log_client import Appended
from protos.errors import WireFormatError
from scoring.statements import Leaf
from tests.support.databases import ON_BOTH, database_in
from tests.support.departments import Acknowledged

pytestmark = ON_BOTH


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    found = database_in(tmp_path / "state", "department")
    yield found
    found.dispose()


@pytest.fixture
def outbox(engine: Engine) -> Outbox:
    return Outbox(engine)


def prepared(place: str, source: str, body: bytes = b"body") -> Prepared:
    return Prepared(place, source, lambda revision: Message(place, revision, "submit", body, source=source))


def next_of(outbox: Outbox) -> Kept:
    kept = outbox.next()
    assert kept is not None
    return kept


# --- outbox ---


def test_messages_leave_in_the_order_in_which_they_came(outbox: Outbox) -> None:
    for place in ("b", "a", "c"):
        outbox.offer(prepared(place, "1"))
    left = []
    while (kept := outbox.next()) is not None:
        left.append(kept.message.place)
        outbox.sent(kept, 5, b"leaf")
    assert left == ["b", "a", "c"]


def test_the_same_source_is_said_again_in_the_same_bytes_and_another_in_a_new_revision(outbox: Outbox) -> None:
    outbox.offer(prepared("a", "1", b"first"))
    outbox.sent(next_of(outbox), 5)
    outbox.offer(prepared("a", "1", b"never made"))
    again = next_of(outbox)
    assert (again.message.revision, again.message.envelope) == (0, b"first")
    outbox.sent(again, 5)
    outbox.offer(prepared("a", "2", b"second"))
    corrected = next_of(outbox)
    assert (corrected.message.revision, corrected.message.envelope) == (1, b"second")


def test_a_refused_message_is_tried_again_only_when_it_is_asked_for_again(outbox: Outbox) -> None:
    outbox.offer(prepared("a", "1"))
    outbox.refused(next_of(outbox), "LAYOUT_INVALID")
    assert outbox.next() is None
    kept = outbox.latest("a")
    assert kept is not None
    assert (kept.state, kept.reason) == ("refused", "LAYOUT_INVALID")
    outbox.offer(prepared("a", "1"))
    assert next_of(outbox).reason == ""


def test_what_waits_survives_a_restart(outbox: Outbox, engine: Engine) -> None:
    outbox.offer(prepared("a", "1", b"kept"))
    assert next_of(Outbox(engine)).message.envelope == b"kept"
    assert Outbox(engine).waiting.is_set()


def test_waiting_is_cleared_when_nothing_waits_and_set_by_the_next_message(outbox: Outbox) -> None:
    assert outbox.next() is None
    assert not outbox.waiting.is_set()
    outbox.offer(prepared("a", "1"))
    assert outbox.waiting.is_set()


def test_what_was_said_is_the_newest_that_was_not_refused(outbox: Outbox) -> None:
    assert outbox.said("column/e/x/") is None
    outbox.offer(prepared("column/e/x/-", "1"))
    assert outbox.said("column/e/x/") == "1"
    outbox.sent(next_of(outbox), 5)
    outbox.offer(prepared("column/e/x/-", "2"))
    assert outbox.said("column/e/x/") == "2"  # what is offered from now on is sent after it
    assert outbox.waits("column/e/")
    outbox.refused(next_of(outbox), "REVISION_CONFLICT")
    assert outbox.said("column/e/x/") == "1"
    assert outbox.was_refused("column/e/", "REVISION_CONFLICT")
    assert not outbox.was_refused("column/e/", "EPOCH_STATE")
    assert not outbox.waits("column/e/")
    assert [(standing.revision, standing.state) for standing in outbox.newest("column/e/")] == [(1, "refused")]


def test_a_place_is_a_prefix_and_not_a_pattern(outbox: Outbox) -> None:
    outbox.offer(prepared("column/e/x-y/-", "1"))
    assert outbox.said("column/e/x_y/") is None
    assert outbox.said("column/e/x%/") is None


def test_work_set_aside_is_kept_until_it_is_settled(outbox: Outbox) -> None:
    outbox.set_aside(7, b"seven")
    outbox.set_aside(3, b"three")
    outbox.set_aside(7, b"seven")
    assert outbox.aside() == [(3, b"three"), (7, b"seven")]
    outbox.settle(3)
    assert outbox.aside() == [(7, b"seven")]


# --- sender ---


@dataclass
class Line:
    """A line to the coordinator and the log that fails as told, then answers."""

    failures: list[Exception] = field(default_factory=list)
    calls: list[tuple[str, ...]] = field(default_factory=list)
    digest: str = ""

    def contribute(self, envelope: bytes, ciphertexts: bytes) -> Acknowledged:
        return self._answer(envelope, "contribute", ciphertexts.decode())

    def publish(self, envelope: bytes, content: bytes) -> Acknowledged:
        return self._answer(envelope, "publish", content.decode())

    def submit(self, envelope: bytes) -> Acknowledged:
        return self._answer(envelope, "submit")

    def append(self, envelope: bytes) -> Appended:
        answer = self._answer(envelope, "log")
        return Appended(answer.leaf, answer.leaf_index)

    def relay(self, to: str, matter: str, sealed: bytes) -> None:
        self._answer(b"", "relay", to, matter, sealed.decode())

    def _answer(self, envelope: bytes, *call: str) -> Acknowledged:
        self.calls.append(call)
        if self.failures:
            raise self.failures.pop(0)
        leaf = Leaf(kind="column", actor="tax", time=1, digest=self.digest or sha256(envelope).hex())
        return Acknowledged(leaf.to_bytes(), 9)


def sender_of(outbox: Outbox, line: Line, told: list[tuple[str, int, str]] | None = None) -> Sender:
    heard = [] if told is None else told
    return Sender(
        outbox, line, line, lambda kept, index, reason: heard.append((kept.message.place, index, reason)), threading.Event(), lambda _kept: True
    )


def test_each_kind_of_message_takes_its_own_call(outbox: Outbox) -> None:
    line = Line()
    sender = sender_of(outbox, line)
    outbox.keep(Message("a", 0, "contribute", b"e", b"ciphertexts"))
    outbox.keep(Message("b", 0, "publish", b"e", b"document"))
    outbox.keep(Message("c", 0, "submit", b"e", b"for ourselves"))
    outbox.keep(Message("d", 0, "log", b"e"))
    outbox.keep(Message("e", 0, "relay", b"", b"sealed", receiver="x", subject_matter="binding"))
    while (kept := outbox.next()) is not None:
        assert sender.send(kept)
    assert line.calls == [("contribute", "ciphertexts"), ("publish", "document"), ("submit",), ("log",), ("relay", "x", "binding", "sealed")]


@pytest.mark.parametrize(
    "failure",
    [
        PeerUnavailableError("away"),
        RpcRefusal("NOT_READY", "wait", "UNAVAILABLE"),
        RpcRefusal("X", "again", "ABORTED"),
        RpcRefusal("STORAGE_FAILED", "the other side broke", "INTERNAL"),
        RpcRefusal("CALLER_UNKNOWN", "our certificate has run out", "UNAUTHENTICATED"),
    ],
)
def test_a_message_that_does_not_get_through_waits_on_unchanged(outbox: Outbox, failure: Exception) -> None:
    told: list[tuple[str, int, str]] = []
    line = Line([failure])
    outbox.offer(prepared("a", "1"))
    before = next_of(outbox)
    assert not sender_of(outbox, line, told).send(before)
    assert next_of(outbox) == before
    assert not told


def test_a_refused_message_does_not_hold_up_the_next(outbox: Outbox) -> None:
    told: list[tuple[str, int, str]] = []
    line = Line([RpcRefusal("LAYOUT_INVALID", "no", "INVALID_ARGUMENT")])
    sender = sender_of(outbox, line, told)
    for place in ("a", "b"):
        outbox.offer(prepared(place, "1"))
    while (kept := outbox.next()) is not None:
        assert sender.send(kept)
    states = [kept.state for place in ("a", "b") if (kept := outbox.latest(place)) is not None]
    assert states == ["refused", "sent"]
    assert told == [("a", -1, "LAYOUT_INVALID"), ("b", 9, "")]


def test_a_receipt_for_other_bytes_is_no_receipt(outbox: Outbox) -> None:
    line = Line(digest="ab" * 32)
    outbox.offer(prepared("a", "1"))
    with pytest.raises(WireFormatError):
        sender_of(outbox, line).send(next_of(outbox))
    assert next_of(outbox).state == "waiting"


def test_the_sending_thread_sends_what_comes_later_and_ends_when_told(outbox: Outbox) -> None:
    stopping, sent = threading.Event(), threading.Event()
    line = Line([PeerUnavailableError("away")])
    sender = Sender(outbox, line, line, lambda _kept, _index, _reason: sent.set(), stopping, lambda _kept: True)
    thread = threading.Thread(target=sender.run)
    thread.start()
    outbox.offer(prepared("a", "1"))
    assert sent.wait(20)
    stopping.set()
    sender.stop()
    thread.join(20)
    assert not thread.is_alive()
    assert len(line.calls) == 2


# --- secrets ---


def test_a_secret_is_drawn_once_and_the_same_after_a_restart(tmp_path: Path) -> None:
    first = EpochSecrets(tmp_path / "epochs", 2).secret("epoch-1")
    assert len(first) == 32
    assert EpochSecrets(tmp_path / "epochs", 2).secret("epoch-1") == first
    assert EpochSecrets(tmp_path / "epochs", 2).secret("epoch-2") != first
    assert stat.S_IMODE((tmp_path / "epochs" / "epoch-1.key").stat().st_mode) == 0o600


def test_the_oldest_secret_is_erased_when_a_new_one_is_drawn(tmp_path: Path) -> None:
    secrets = EpochSecrets(tmp_path / "epochs", 2)
    drawn = {epoch: secrets.secret(epoch) for epoch in ("epoch-c", "epoch-a", "epoch-b")}
    assert sorted(path.stem for path in (tmp_path / "epochs").iterdir()) == ["epoch-a", "epoch-b"]
    assert secrets.secret("epoch-a") == drawn["epoch-a"]
    assert secrets.secret("epoch-c") != drawn["epoch-c"]


@pytest.mark.parametrize("epoch", ["../epoch", "", "Epoch", "a/b", "epoch\n"])
def test_a_name_that_is_no_epoch_names_no_file(tmp_path: Path, epoch: str) -> None:
    with pytest.raises(SecretFileError):
        EpochSecrets(tmp_path / "epochs", 2).secret(epoch)
    assert list((tmp_path / "epochs").iterdir()) == []


def test_a_secret_that_others_may_read_or_that_was_cut_is_not_used(tmp_path: Path) -> None:
    secrets = EpochSecrets(tmp_path / "epochs", 2)
    secrets.secret("epoch-1")
    path = tmp_path / "epochs" / "epoch-1.key"
    path.chmod(0o640)
    with pytest.raises(SecretFileError, match="mode"):
        secrets.secret("epoch-1")
    path.chmod(0o600)
    path.write_bytes(b"short")
    with pytest.raises(SecretFileError, match="5 bytes"):
        secrets.secret("epoch-1")
