"""Following the log: a process's replica kept up to date over the network, replayed into a sink, waited on by other threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from crypto.checkpoint import WitnessedCheckpoint, check_witnessed
from crypto.errors import NoteError
from nodes.errors import NotReadyError, PeerUnavailableError, QuotaFullError, RpcRefusal
from nodes.runtime import clock, logging
from nodes.runtime.observing import gauges
from nodes.runtime.peers import rpc, tls
from nodes.runtime.peers.absence import Absence
from nodes.runtime.peers.identity import Identity
from nodes.runtime.process import Process
from nodes.runtime.replica.store import Entry, Head, LogReplica
from nodes.runtime.settings import Peer
from protos.v1 import log_pb2, log_pb2_grpc
from scoring.errors import CheckpointStaleError
from scoring.statements import WitnessPolicy, parse_leaf

FOLLOW_TIMEOUT_S = 3600.0

_log = logging.logger("follower")


class Sink(Protocol):
    """What the log is replayed into: from the first leaf at every start, then each new one, in order, in one thread."""

    def apply(self, index: int, leaf: bytes, envelope: bytes, /) -> object: ...


@dataclass(frozen=True, slots=True)
class Witnessed:
    """The newest checkpoint here that enough witnesses signed, with its note."""

    checkpoint: WitnessedCheckpoint
    note: str

    @property
    def order(self) -> tuple[int, int]:
        """Size, then freshness: a later one replaces an earlier one."""
        return self.checkpoint.size, self.checkpoint.time


class LogFollower:
    """Keeps ``replica`` and ``sink`` at the log's newest checkpoint.

    Use: make it, ``attach`` it to the process, then read ``size``, ``checkpoint``, ``witnessed`` and wait with ``wait_for``.
    What the sink has applied is verified, durable and pinned. A fork or inconsistency stops the process.
    """

    def __init__(self, identity: Identity, peer: Peer, replica: LogReplica, sink: Sink, policy: WitnessPolicy) -> None:
        self._identity, self._peer, self._replica, self._sink, self._policy = identity, peer, replica, sink, policy
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._call: rpc.Call[log_pb2.LogUpdate] | None = None
        self._size = 0
        self._connected = False
        self._checkpoint = ""
        self._witnessed: Witnessed | None = None

    def attach(self, process: Process) -> None:
        """Replay what is stored into the sink, then follow the log in a worker of ``process``. Raises what the sink raises."""
        self.replay()
        self._stop = process.stopping
        process.on_stop(self.cancel)
        process.worker("follower", self.run)
        self._tell()

    def replay(self) -> None:
        """Give the sink what is stored, before anything is asked of the log. Raises what the sink raises."""
        if self._replica.head.size:
            self._publish(self._replica.head)

    @property
    def replica(self) -> LogReplica:
        """The verified copy that this keeps up to date."""
        return self._replica

    @property
    def size(self) -> int:
        """Number of leaves that the sink has applied."""
        with self._changed:
            return self._size

    @property
    def checkpoint(self) -> str:
        """Newest signed checkpoint of exactly ``size`` leaves, as the log sent it; empty before the first."""
        with self._changed:
            return self._checkpoint

    @property
    def witnessed(self) -> Witnessed | None:
        """Newest checkpoint that met the witness policy since this process began; sizes only grow."""
        with self._changed:
            return self._witnessed

    def wait_for(self, index: int, timeout_s: float) -> None:
        """Return once the sink has applied leaf ``index``. Raises NotReadyError after ``timeout_s`` or when the process stops."""
        self._wait(lambda: self._size > index, f"leaf {index}", timeout_s)

    def wait_for_witnessed(self, size: int, timeout_s: float) -> Witnessed:
        """A witnessed checkpoint of at least ``size`` leaves. Raises NotReadyError after ``timeout_s`` or when the process stops."""
        what = f"a witnessed checkpoint of size {size}"
        self._wait(lambda: self._witnessed is not None and self._witnessed.checkpoint.size >= size, what, timeout_s)
        witnessed = self.witnessed
        if witnessed is None:
            raise NotReadyError(f"no witnessed checkpoint of size {size} yet")
        return witnessed

    def check_witnesses(self, now: int) -> None:
        """The witnesses keep up: no leaf has waited for enough of them longer than the policy allows, at Unix time ``now``.  # L5

        Raises CheckpointStaleError. A log in which nothing happens needs no new cosignatures.
        """
        witnessed = self.witnessed
        covered = 0 if witnessed is None else witnessed.checkpoint.size
        if covered >= self.size:
            return
        waited_s = self._waited_s(covered, now)
        if waited_s > self._policy.max_age_s:
            raise CheckpointStaleError(
                f"leaf {covered} has waited {waited_s} s for {self._policy.required} of {len(self._policy.witnesses)} witnesses: "
                "nothing is released until they are back"
            )

    def check_begun(self) -> None:
        """There is a log to work on here: at least its first leaf. Raises NotReadyError."""
        if self.size == 0:
            raise NotReadyError("nothing of the log is here yet")

    def cancel(self) -> None:
        """End ``run`` and every wait, from any thread."""
        self._stop.set()
        with self._changed:
            self._changed.notify_all()
            call = self._call
        if call is not None:
            call.cancel()

    def run(self) -> None:
        """Follow until cancelled, or the replica is full; connects again from the replica's own cursor. Raises LogForkError, LogInconsistentError,
        storage errors."""
        absence = Absence(_log, self._peer.member, self._stop)
        with tls.channel(self._identity, self._peer.address, self._peer.member) as channel:
            stub = log_pb2_grpc.LogStub(channel)
            while not self._stop.is_set():
                try:
                    self._follow(stub, absence)
                except (PeerUnavailableError, RpcRefusal) as error:
                    self._connected = False
                    absence.lost(error)
                except QuotaFullError as error:  # what comes next will not fit either: only people make room
                    self._connected = False
                    _log.error(logging.PEER_FULL, peer=self._peer.member, part="log", detail=str(error))
                    self._stop.wait()

    def _waited_s(self, covered: int, now: int) -> int:
        return now - parse_leaf(next(self._replica.entries(covered, covered + 1)).leaf).time

    def _tell(self) -> None:
        """Offer the gauges of this copy of the log, named by its place in the process [H2]."""

        def unwitnessed_s() -> float:
            witnessed = self.witnessed
            covered = 0 if witnessed is None else witnessed.checkpoint.size
            return 0.0 if covered >= self.size else float(self._waited_s(covered, clock.now()))

        copy = self._replica.place
        gauges.gauges("xinqiao_replica_leaves", "Leaves of the log verified and applied here", "copy", lambda: {copy: self.size}, copy)
        gauges.gauges(
            "xinqiao_replica_unwitnessed_seconds", "How long the oldest leaf here that is not witnessed has waited", "copy",
            lambda: {copy: unwitnessed_s()}, copy,
        )  # fmt: skip
        gauges.gauges("xinqiao_replica_following", "1 while the log is being followed, else 0", "copy", lambda: {copy: float(self._connected)}, copy)

    def _follow(self, stub: log_pb2_grpc.LogStub, absence: Absence) -> None:
        self._replica.forget_unconfirmed()
        request = log_pb2.FollowRequest(from_index=self._replica.next_index())
        call: rpc.Call[log_pb2.LogUpdate] = rpc.stream(stub.Follow, request, timeout_s=FOLLOW_TIMEOUT_S)
        with self._changed:
            self._call = call
        if self._stop.is_set():
            call.cancel()
        for update in call:
            self._connected = True
            entries = [Entry(entry.index, entry.leaf, entry.envelope) for entry in update.entries]
            proved = self._replica.accept(entries, update.checkpoint)
            absence.over()
            if proved is not None:
                self._publish(proved)

    def _publish(self, proved: Head) -> None:
        """Apply what the replica has confirmed, then let waiters see it, and what the witnesses say of ``proved``."""
        head = self._replica.head
        for entry in self._replica.entries(self._size, head.size):
            self._sink.apply(entry.index, entry.leaf, entry.envelope)
        witnessed = self._judge(proved.note)
        with self._changed:
            self._size, self._checkpoint = head.size, head.note.decode()
            if witnessed is not None and (self._witnessed is None or witnessed.order >= self._witnessed.order):
                self._witnessed = witnessed
            self._changed.notify_all()
        _log.debug(logging.LOG_FOLLOWED, size=head.size, witnessed=witnessed is not None)

    def _judge(self, note: bytes) -> Witnessed | None:
        try:
            checkpoint = check_witnessed(note, self._replica.log_vkey, self._policy.witnesses, self._policy.required)
        except NoteError:
            return None  # not yet enough witnesses: the log sends the note again when it has them
        return Witnessed(checkpoint, note.decode())

    def _wait(self, holds: Callable[[], bool], what: str, timeout_s: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: holds() or self._stop.is_set(), timeout_s)
            if not holds():
                raise NotReadyError(f"{what} has not come from the log yet")
