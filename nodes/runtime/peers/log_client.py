"""Calls to the log: append, proofs, witnessed checkpoints. Following it is ``follower``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from crypto.encoding import sha256
from nodes.runtime.peers import rpc, tls
from nodes.runtime.peers.identity import Identity
from nodes.runtime.settings import Peer
from protos.v1 import log_pb2, log_pb2_grpc

APPEND_TIMEOUT_S = 20.0
ENVELOPE_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Appended:
    """A logged statement's place: the leaf's exact bytes and its index."""

    leaf: bytes
    index: int


class LogClient:
    """One channel to the zone's log. Every method raises RpcRefusal and PeerUnavailableError."""

    def __init__(self, identity: Identity, peer: Peer) -> None:
        self._channel = tls.channel(identity, peer.address, peer.member)
        self._stub = log_pb2_grpc.LogStub(self._channel)

    def append(self, envelope: bytes) -> Appended:
        """Log a signed statement, once: sending the same bytes again gives the first answer."""
        request = log_pb2.AppendRequest(envelope=envelope, idempotency_key=sha256(envelope).hex())
        reply = rpc.call(self._stub.Append, request, timeout_s=APPEND_TIMEOUT_S)
        return Appended(reply.leaf, reply.leaf_index)

    def checkpoint(self, min_size: int, timeout_s: float) -> str:
        """A sufficiently witnessed checkpoint of at least ``min_size`` leaves; waits for it up to ``timeout_s``."""
        reply = rpc.call(self._stub.Checkpoint, log_pb2.CheckpointRequest(min_size=min_size), timeout_s=timeout_s)
        return reply.checkpoint.decode()

    def prove(self, indices: Sequence[int], size: int) -> dict[int, tuple[bytes, ...]]:
        """Inclusion proofs of leaves ``indices`` in the tree of ``size`` leaves, by index."""
        reply = rpc.call(self._stub.Prove, log_pb2.ProveRequest(indices=list(indices), tree_size=size), timeout_s=APPEND_TIMEOUT_S)
        return {proof.index: tuple(proof.hashes) for proof in reply.proofs}

    def read_tile(self, path: str) -> bytes:
        """A file of the log's static tree: "checkpoint", "tile/<L>/<N>[.p/<W>]" or "tile/entries/<N>[.p/<W>]"."""
        reply = rpc.call(self._stub.ReadTile, log_pb2.ReadTileRequest(path=path), timeout_s=APPEND_TIMEOUT_S)
        return reply.content

    def envelope(self, digest: str) -> bytes:
        """A logged statement by its SHA-256 in hex, if this member may read it."""
        request = log_pb2.EnvelopeRequest(digests=[bytes.fromhex(digest)])
        reply = rpc.call(self._stub.Envelopes, request, timeout_s=ENVELOPE_TIMEOUT_S)
        return bytes(reply.envelopes[0])

    def close(self) -> None:
        """End the channel; calls that run fail."""
        self._channel.close()
