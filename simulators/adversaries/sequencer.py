"""A log that keeps several histories under its one key, and shows each member the one that suits it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import grpc

from crypto.checkpoint import Checkpoint, sign_checkpoint
from crypto.merkle import MemoryTree
from crypto.notes import NoteSigner
from nodes.runtime.peers import tls
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.rpc import RpcServer
from protos.v1 import log_pb2 as wire
from protos.v1.log_pb2_grpc import LogServicer, add_LogServicer_to_server

History = Sequence[tuple[bytes, bytes]]  # leaves with their envelopes


class ForkingLog(LogServicer):
    """``shown``: by member, the history that it is shown; ``cosignatures``: by size and root, the lines that witnesses have given."""

    def __init__(self, identity: Identity, signer: NoteSigner) -> None:
        self._identity, self._signer = identity, signer
        self.shown: dict[str, History] = {}
        self.cosignatures: dict[tuple[int, bytes], bytes] = {}
        self._ending = threading.Event()
        self._server = RpcServer(identity, "127.0.0.1:0", lambda _member: None, _alarm)
        self._server.add(add_LogServicer_to_server, self)
        self.address = f"127.0.0.1:{self._server.start()}"

    def stop(self) -> None:
        self._ending.set()
        self._server.stop(0.2)

    def note(self, history: History) -> bytes:
        """The checkpoint of a history, truly signed, with the cosignatures that there are."""
        tree = MemoryTree([leaf for leaf, _ in history])
        note = sign_checkpoint(Checkpoint(self._signer.name, len(history), tree.root()), self._signer)
        return note + self.cosignatures.get((len(history), tree.root()), b"")

    def Follow(self, request: wire.FollowRequest, context: grpc.ServicerContext) -> Iterator[wire.LogUpdate]:
        history = self.shown[tls.caller(context, self._identity.zone)]
        entries = [
            wire.LogEntry(index=index, leaf=leaf, envelope=envelope) for index, (leaf, envelope) in enumerate(history) if index >= request.from_index
        ]
        yield wire.LogUpdate(entries=entries, checkpoint=self.note(history))
        self._ending.wait()


def _alarm(error: BaseException) -> None:
    raise AssertionError("the hostile log broke down") from error
