"""Clients that load a log without pause and remember what it told them, and the check that nothing of it was lost [L9]."""

from __future__ import annotations

import threading
from collections.abc import Callable

from crypto import merkle
from crypto.checkpoint import Checkpoint, open_checkpoint
from crypto.encoding import sha256
from nodes.errors import PeerUnavailableError, RpcRefusal
from nodes.runtime.peers import rpc
from nodes.runtime.settings import Peer
from protos.v1 import log_pb2 as pb
from protos.v1 import log_pb2_grpc
from tests.scenario.log_zone import Zone, connect

CALL_S, JOIN_S = 20.0, 60.0


class Load:
    """Clients that append without pause, and a follower; they remember what the log told them."""

    def __init__(self, zone: Zone, peer: Peer, clients: int) -> None:
        self._zone, self._peer = zone, peer
        self.acknowledged: dict[int, bytes] = {}  # leaf index -> digest
        self.published: list[Checkpoint] = []
        self._enough, self._over = threading.Event(), threading.Event()
        self._wanted = 0
        self._threads = [threading.Thread(target=self._work, args=(self._append,)) for _ in range(clients)]
        self._threads.append(threading.Thread(target=self._work, args=(self._follow,)))

    def run_until(self, acknowledged: int, then: Callable[[], object]) -> None:
        """Load the log until it has acknowledged and published so many, and call ``then`` while the load goes on."""
        self._wanted = acknowledged
        for thread in self._threads:
            thread.start()
        assert self._enough.wait(JOIN_S)
        then()
        self._over.set()
        for thread in self._threads:
            thread.join(JOIN_S)
            assert not thread.is_alive()

    def _work(self, turn: Callable[[log_pb2_grpc.LogStub], None]) -> None:
        member = "auditor" if turn == self._follow else "bank-a"
        with connect(self._zone.identities[member], self._peer) as channel:
            stub = log_pb2_grpc.LogStub(channel)
            while not self._over.is_set():
                try:
                    turn(stub)
                except (PeerUnavailableError, RpcRefusal):
                    self._over.wait(0.1)

    def _append(self, stub: log_pb2_grpc.LogStub) -> None:
        envelope = self._zone.refusal("bank-a")
        request = pb.AppendRequest(envelope=envelope, idempotency_key=sha256(envelope).hex())
        reply = rpc.call(stub.Append, request, timeout_s=CALL_S, stop=self._over)
        self.acknowledged[reply.leaf_index] = sha256(envelope)
        if len(self.acknowledged) >= self._wanted and self.published and self.published[-1].size >= self._wanted:
            self._enough.set()

    def _follow(self, stub: log_pb2_grpc.LogStub) -> None:
        for update in rpc.stream(stub.Follow, pb.FollowRequest(), timeout_s=600):
            if update.checkpoint:
                self.published.append(open_checkpoint(update.checkpoint, self._zone.registry.log_vkey))


def send(stub: log_pb2_grpc.LogStub, envelope: bytes) -> pb.AppendReply:
    """Append a statement under its own digest as key."""
    return rpc.call(stub.Append, pb.AppendRequest(envelope=envelope, idempotency_key=sha256(envelope).hex()), timeout_s=CALL_S)


def served_leaves(zone: Zone, peer: Peer, at_least: int = 0) -> tuple[list[bytes], Checkpoint]:
    """What the log serves now, with a checkpoint that covers it: the first of at least so many leaves, the witnessed one coming first."""
    leaves: list[bytes] = []
    with connect(zone.identities["auditor"], peer) as channel:
        for update in rpc.stream(log_pb2_grpc.LogStub(channel).Follow, pb.FollowRequest(), timeout_s=CALL_S):
            leaves += [entry.leaf for entry in update.entries]
            if update.checkpoint:
                head = open_checkpoint(update.checkpoint, zone.registry.log_vkey)
                if head.size == len(leaves) >= at_least:
                    return leaves, head
    raise AssertionError("the log ended the stream")


def check_nothing_was_lost(zone: Zone, peer: Peer, load: Load) -> int:
    """Every checkpoint ever published is a prefix of what is served, every acknowledged statement in its place. Returns the size."""
    known = max(load.published[-1].size, *(index + 1 for index in load.acknowledged))
    leaves, head = served_leaves(zone, peer, known)
    assert merkle.root(leaves) == head.root
    for checkpoint in load.published:
        assert merkle.root(leaves[: checkpoint.size]) == checkpoint.root
    for index, digest in load.acknowledged.items():
        assert digest.hex().encode() in leaves[index]
    return head.size
