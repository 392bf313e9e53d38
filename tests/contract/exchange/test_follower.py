"""Following the log over real mutual TLS: in order, resumed after a cut, waited on, stopped by a fork."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from crypto.checkpoint import Checkpoint, cosign, sign_checkpoint
from crypto.encoding import sha256
from crypto.merkle import root
from crypto.notes import COSIGNATURE_V1, ED25519, NoteSigner
from nodes.errors import LogForkError, NotReadyError
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.rpc import RpcServer
from nodes.runtime.replica.follower import LogFollower
from nodes.runtime.replica.store import LogReplica
from nodes.runtime.settings import Peer
from protos.v1 import log_pb2, log_pb2_grpc
from scoring.errors import CheckpointStaleError, LogInconsistentError
from scoring.statements import Leaf, WitnessPolicy
from tests.support.databases import database_in

LOG = NoteSigner("xinqiao/test-zone", ED25519, secrets.token_bytes(32))
WITNESS = NoteSigner("xinqiao/test-zone/auditor", COSIGNATURE_V1, secrets.token_bytes(32))
POLICY = WitnessPolicy(witnesses=(WITNESS.key.to_vkey(),), required=1, max_age_s=300)


class MemoryLog(log_pb2_grpc.LogServicer):
    """A log in memory that tells every follower what ``append`` and ``cosign`` publish; it can also lie."""

    def __init__(self) -> None:
        self.entries: list[tuple[bytes, bytes]] = []
        self.updates: list[log_pb2.LogUpdate] = []
        self.starts: list[int] = []
        self.closed = False
        self.changed = threading.Condition()

    def append(self, *texts: str, tree: list[str] | None = None) -> bytes:
        """Publish leaves and a checkpoint over them (over another tree, when told to lie); the checkpoint's note."""
        added = [make_entry(text) for text in texts]
        with self.changed:
            first = len(self.entries)
            self.entries += added
            leaves = [leaf for leaf, _ in self.entries] if tree is None else [make_entry(text)[0] for text in tree]
            note = sign_checkpoint(Checkpoint(LOG.name, len(leaves), root(leaves)), LOG)
            update = log_pb2.LogUpdate(checkpoint=note)
            for index, (leaf, envelope) in enumerate(added, first):
                update.entries.add(index=index, leaf=leaf, envelope=envelope)
            self.updates.append(update)
            self.changed.notify_all()
        return note

    def cosign(self, note: bytes) -> None:
        """Publish the note with the witness's cosignature."""
        with self.changed:
            self.updates.append(log_pb2.LogUpdate(checkpoint=note + cosign(note, WITNESS, 1_700_000_000)))
            self.changed.notify_all()

    def close(self) -> None:
        with self.changed:
            self.closed = True
            self.changed.notify_all()

    def Follow(self, request: log_pb2.FollowRequest, context: Any) -> Iterator[log_pb2.LogUpdate]:
        with self.changed:
            self.starts.append(request.from_index)
        context.add_callback(self._wake)
        position, sent = request.from_index, 0
        while context.is_active() and not self.closed:
            with self.changed:
                while len(self.updates) == sent and not self.closed and context.is_active():
                    self.changed.wait(10)
                fresh = self.updates[sent:]
                sent = len(self.updates)
            for update in fresh:
                if update.entries and update.entries[-1].index < position:
                    continue
                yield update

    def _wake(self) -> None:
        with self.changed:
            self.changed.notify_all()


def make_entry(text: str) -> tuple[bytes, bytes]:
    envelope = text.encode()
    return Leaf(kind="refusal", actor="bank-a", time=1_700_000_000, digest=sha256(envelope).hex()).to_bytes(), envelope


@dataclass
class Seen:
    """A sink that remembers."""

    entries: list[tuple[int, bytes]] = field(default_factory=list)

    def apply(self, index: int, leaf: bytes, envelope: bytes) -> None:
        assert index == len(self.entries)
        self.entries.append((index, envelope))


@dataclass
class Running:
    follower: LogFollower
    sink: Seen
    thread: threading.Thread
    failures: list[BaseException]

    def stop(self) -> None:
        self.follower.cancel()
        self.thread.join(10)
        assert not self.thread.is_alive()

    def failure(self) -> BaseException:
        self.thread.join(10)
        (failure,) = self.failures
        return failure


class Place:
    """A log service and a follower's directory."""

    def __init__(self, log_identity: Identity, identity: Identity, directory: Path) -> None:
        self._log_identity, self._identity, self._directory = log_identity, identity, directory
        self.log = MemoryLog()  # type: ignore[abstract]  # only Follow is asked for
        self.address = "127.0.0.1:0"
        self.server = self.serve()

    def serve(self) -> RpcServer:
        server = RpcServer(self._log_identity, self.address, lambda _: None, lambda _: None)
        server.add(log_pb2_grpc.add_LogServicer_to_server, self.log)
        self.address = f"127.0.0.1:{server.start()}"
        return server

    def follow(self) -> Running:
        """A follower as a process makes it at its start."""
        replica = LogReplica(database_in(self._directory, "replica"), self._directory, LOG.key.to_vkey())
        sink, failures = Seen(), list[BaseException]()
        follower = LogFollower(self._identity, Peer(member="log", address=self.address), replica, sink, POLICY)
        follower.replay()

        def run() -> None:
            try:
                follower.run()
            except Exception as error:  # noqa: BLE001 - handed to the test
                failures.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        return Running(follower, sink, thread, failures)


@pytest.fixture
def place(make_identity: Callable[..., Identity], tmp_path: Path) -> Iterator[Place]:
    place = Place(make_identity("log", listens=True), make_identity("coordinator", listens=True), tmp_path / "state")
    yield place
    place.log.close()
    place.server.stop(0)


def test_entries_reach_the_sink_in_order_and_waiters_wake(place: Place) -> None:
    running = place.follow()
    place.log.append("a", "b")
    note = place.log.append("c")
    running.follower.wait_for(2, 10)
    assert running.sink.entries == [(0, b"a"), (1, b"b"), (2, b"c")]
    assert (running.follower.size, running.follower.checkpoint) == (3, note.decode())
    running.stop()


def test_waiting_ends_at_the_deadline_and_at_the_end_of_the_process(place: Place) -> None:
    running = place.follow()
    with pytest.raises(NotReadyError, match="leaf 5 has not come"):
        running.follower.wait_for(5, 0.05)
    errors: list[BaseException] = []

    def wait() -> None:
        try:
            running.follower.wait_for(5, 60)
        except NotReadyError as error:
            errors.append(error)

    waiter = threading.Thread(target=wait)
    waiter.start()
    running.stop()
    waiter.join(5)
    assert len(errors) == 1


def test_a_restarted_follower_replays_what_it_has_and_asks_only_for_the_rest(place: Place) -> None:
    running = place.follow()
    place.log.append("a", "b")
    running.follower.wait_for(1, 10)
    running.stop()
    place.log.append("c")
    again = place.follow()
    again.follower.wait_for(2, 10)
    assert again.sink.entries == [(0, b"a"), (1, b"b"), (2, b"c")]
    assert place.log.starts == [0, 2]
    again.stop()


def test_what_is_stored_is_replayed_without_the_log(place: Place) -> None:
    running = place.follow()
    note = place.log.append("a", "b")
    running.follower.wait_for(1, 10)
    running.stop()
    place.server.stop(0)
    again = place.follow()
    assert again.sink.entries == [(0, b"a"), (1, b"b")]
    assert again.follower.checkpoint == note.decode()
    again.stop()


def test_a_follower_comes_back_after_the_log_was_away(place: Place) -> None:
    running = place.follow()
    place.log.append("a")
    running.follower.wait_for(0, 10)
    place.server.stop(0)
    place.log.append("b")
    place.server = place.serve()
    running.follower.wait_for(1, 20)
    assert running.sink.entries == [(0, b"a"), (1, b"b")]
    running.stop()


def test_a_follower_may_start_before_the_log(place: Place) -> None:
    place.server.stop(0)
    running = place.follow()
    place.log.append("a")
    place.server = place.serve()
    running.follower.wait_for(0, 20)
    assert running.sink.entries == [(0, b"a")]
    running.stop()


def test_witnessed_checkpoints_are_told_apart_and_never_go_back(place: Place) -> None:
    running = place.follow()
    first = place.log.append("a")
    second = place.log.append("b")
    running.follower.wait_for(1, 10)
    assert running.follower.witnessed is None
    place.log.cosign(second)
    witnessed = running.follower.wait_for_witnessed(2, 10)
    assert (witnessed.checkpoint.size, witnessed.checkpoint.time) == (2, 1_700_000_000)
    assert witnessed.note.startswith(second.decode())
    place.log.cosign(first)
    place.log.append("c")
    running.follower.wait_for(2, 10)
    assert running.follower.witnessed == witnessed
    with pytest.raises(NotReadyError, match="witnessed checkpoint of size 3"):
        running.follower.wait_for_witnessed(3, 0.05)
    running.stop()


def test_witnesses_are_missed_once_a_leaf_has_waited_for_them_too_long(place: Place) -> None:
    """A log in which nothing happens is not stale, however old its last cosignature; one that grows unwitnessed is."""
    running, written = place.follow(), 1_700_000_000
    note = place.log.append("a")
    running.follower.wait_for(0, 10)
    running.follower.check_witnesses(written + POLICY.max_age_s)
    with pytest.raises(CheckpointStaleError, match="leaf 0 has waited 301 s for 1 of 1 witnesses"):
        running.follower.check_witnesses(written + POLICY.max_age_s + 1)
    place.log.cosign(note)
    running.follower.wait_for_witnessed(1, 10)
    running.follower.check_witnesses(written + 86_400)
    place.log.append("b")
    running.follower.wait_for(1, 10)
    with pytest.raises(CheckpointStaleError, match="leaf 1"):
        running.follower.check_witnesses(written + POLICY.max_age_s + 1)
    running.stop()


def test_a_fork_stops_the_follower_and_nothing_of_it_reaches_the_sink(place: Place, tmp_path: Path) -> None:
    running = place.follow()
    place.log.append("a", "b")
    running.follower.wait_for(1, 10)
    place.log.append("c", tree=["a", "other", "c"])
    assert isinstance(running.failure(), LogForkError)
    assert running.sink.entries == [(0, b"a"), (1, b"b")]
    assert len(list((tmp_path / "state" / "evidence").iterdir())) == 2


def test_a_log_that_shows_another_history_after_a_restart_stops_the_follower(place: Place) -> None:
    running = place.follow()
    place.log.append("a", "b")
    running.follower.wait_for(1, 10)
    running.stop()
    place.log.entries[1:] = [make_entry("other")]
    place.log.append("c")
    assert isinstance(place.follow().failure(), LogForkError)


def test_an_envelope_that_is_withheld_stops_the_follower(place: Place) -> None:
    running = place.follow()
    leaf, _ = make_entry("a")
    note = sign_checkpoint(Checkpoint(LOG.name, 1, root([leaf])), LOG)
    update = log_pb2.LogUpdate(checkpoint=note)
    update.entries.add(index=0, leaf=leaf, envelope=b"")
    with place.log.changed:
        place.log.updates.append(update)
        place.log.changed.notify_all()
    assert isinstance(running.failure(), LogInconsistentError)
    assert running.sink.entries == []


def test_what_the_sink_raises_stops_the_follower(place: Place, make_identity: Callable[..., Identity], tmp_path: Path) -> None:
    class Refusing:
        def apply(self, index: int, leaf: bytes, envelope: bytes) -> None:
            raise LogInconsistentError("leaf 0 is not the pinned registry")

    replica = LogReplica(database_in(tmp_path / "other", "replica"), tmp_path / "other", LOG.key.to_vkey())
    follower = LogFollower(make_identity("coordinator"), Peer(member="log", address=place.address), replica, Refusing(), POLICY)
    place.log.append("a")
    with pytest.raises(LogInconsistentError, match="pinned registry"):
        follower.run()
