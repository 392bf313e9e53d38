"""A witness double over the log's real stream: dials out, keeps the last tree that it cosigned, answers as told to."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator

from crypto import merkle
from crypto.checkpoint import cosign, open_checkpoint
from crypto.errors import MerkleError
from crypto.notes import NoteSigner
from nodes.errors import PeerUnavailableError, RpcRefusal
from nodes.runtime.clock import now
from nodes.runtime.peers import rpc
from nodes.runtime.peers.identity import Identity
from nodes.runtime.settings import Peer
from protos.v1 import log_pb2 as pb
from protos.v1 import log_pb2_grpc
from tests.scenario.log_zone import connect

Answer = Callable[[pb.AddCheckpoint], pb.WitnessAnswer]


class WitnessDouble:
    """Honest unless ``answer`` is replaced. ``size`` and ``root`` survive ``stop``; ``ended`` holds what the log said last."""

    def __init__(self, identity: Identity, signer: NoteSigner, log_vkey: str) -> None:
        self._identity, self._signer, self._log_vkey = identity, signer, log_vkey
        self.size, self.root = 0, merkle.EMPTY_ROOT
        self.answer: Answer = self.honest
        self.cosigned: list[int] = []
        self.ended: RpcRefusal | PeerUnavailableError | None = None
        self._thread: threading.Thread | None = None
        self._call: rpc.Call[pb.AddCheckpoint] | None = None

    def start(self, peer: Peer) -> WitnessDouble:
        """Dial the log and answer in a thread of its own."""
        self.ended = None
        answers: queue.SimpleQueue[pb.WitnessAnswer | None] = queue.SimpleQueue()
        answers.put(pb.WitnessAnswer(size=self.size))
        channel = connect(self._identity, peer)
        call: rpc.Call[pb.AddCheckpoint] = rpc.stream(log_pb2_grpc.LogStub(channel).Witness, _drain(answers), timeout_s=600)
        self._call = call

        def run() -> None:
            try:
                for request in call:
                    answers.put(self.answer(request))
            except (RpcRefusal, PeerUnavailableError) as error:
                self.ended = error
            finally:
                answers.put(None)
                channel.close()

        self._thread = threading.Thread(target=run)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Hang up."""
        if self._call is not None:
            self._call.cancel()
        self.join()

    def join(self) -> None:
        """Wait until the stream has ended."""
        if self._thread is not None:
            self._thread.join(30)
            assert not self._thread.is_alive()

    def honest(self, request: pb.AddCheckpoint) -> pb.WitnessAnswer:
        """What tlog-witness demands."""
        head = open_checkpoint(request.checkpoint, self._log_vkey)
        if request.old_size != self.size:
            return pb.WitnessAnswer(request_id=request.request_id, status=409, size=self.size)
        try:
            merkle.check_consistency(self.size, head.size, list(request.proof), self.root, head.root)
        except MerkleError:
            return pb.WitnessAnswer(request_id=request.request_id, status=422)
        self.size, self.root = head.size, head.root
        self.cosigned.append(head.size)
        return pb.WitnessAnswer(request_id=request.request_id, status=200, cosignature=cosign(request.checkpoint, self._signer, now()))


def _drain(answers: queue.SimpleQueue[pb.WitnessAnswer | None]) -> Iterator[pb.WitnessAnswer]:
    while (answer := answers.get()) is not None:
        yield answer
