"""Statements that come later than their leaves, from a log that answers otherwise than it was asked [F3, F7]."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from nodes.errors import PeerUnavailableError
from nodes.evidence.sources import RpcStatements
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.rpc import RpcServer
from nodes.runtime.settings import Peer
from protos.v1 import log_pb2 as wire
from protos.v1 import log_pb2_grpc


class Answering(log_pb2_grpc.LogServicer):
    """A log that gives ``more`` envelopes than it is asked for."""

    def __init__(self) -> None:
        self.more = 0

    def Envelopes(self, request: wire.EnvelopeRequest, context: Any) -> wire.EnvelopeReply:
        return wire.EnvelopeReply(envelopes=[b"x"] * (len(request.digests) + self.more))


@pytest.fixture
def log(make_identity: Callable[..., Identity]) -> Iterator[tuple[Answering, RpcStatements]]:
    answering = Answering()  # type: ignore[abstract]  # the other methods stay unimplemented
    server = RpcServer(make_identity("log", listens=True), "127.0.0.1:0", lambda _member: None, lambda _error: None)
    server.add(log_pb2_grpc.add_LogServicer_to_server, answering)
    peer = Peer(member="log", address=f"127.0.0.1:{server.start()}")
    source = RpcStatements(make_identity("other-node"), peer, peer)
    yield answering, source
    source.close()
    server.stop(0.1)


def test_a_log_that_gives_more_or_fewer_statements_than_it_was_asked_for_is_asked_again_and_ends_nothing(
    log: tuple[Answering, RpcStatements],
) -> None:
    answering, source = log
    assert source.envelopes(["00" * 32, "11" * 32]) == [b"x", b"x"]
    for more in (-1, 1):
        answering.more = more
        with pytest.raises(PeerUnavailableError, match="were asked for"):
            source.envelopes(["00" * 32, "11" * 32])
