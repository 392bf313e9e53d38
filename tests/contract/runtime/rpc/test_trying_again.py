"""Calls over real loopback mutual TLS: when a call is tried again, how long, and when it ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import grpc
import pytest

from nodes.errors import PeerUnavailableError, RpcRefusal, SettingsError
from nodes.runtime.peers import rpc, tls
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.rpc import RpcServer
from protos.v1 import log_pb2, log_pb2_grpc
from tests.support.answering import Desk, Site, append, start


def test_a_caller_in_haste_waits_as_long_as_it_is_told(site: Site, alice: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError) as error:
        site.log(alice).Append(log_pb2.AppendRequest(idempotency_key="haste"), timeout=5)
    refusal = rpc.translate(error.value)
    assert isinstance(refusal, RpcRefusal)
    assert (refusal.reason, refusal.status, refusal.retry_after_s) == ("RATE_LIMITED", "RESOURCE_EXHAUSTED", 0.5)
    begun = time.monotonic()
    assert append(site, alice, "haste").leaf_index == site.desk.calls == 3  # refused once more, then served
    assert time.monotonic() - begun >= 0.5
    site.desk.calls = 0
    with pytest.raises(RpcRefusal, match="RATE_LIMITED"):
        append(site, alice, "haste", timeout_s=0.3)  # the time is over before it may come again


def test_a_call_is_tried_again_until_the_other_side_is_ready(site: Site, alice: grpc.Channel) -> None:
    assert append(site, alice, "soon").leaf_index == 3


def test_a_call_waits_for_a_server_that_comes_up(make_identity: Callable[..., Identity]) -> None:
    first = start(make_identity("coordinator", listens=True))
    address = first.address
    first.server.stop(0)
    with tls.channel(make_identity("alice"), address, "coordinator") as channel:
        answers: list[bytes] = []
        caller = threading.Thread(target=lambda: answers.append(append(first, channel, timeout_s=20).leaf))
        caller.start()
        server = RpcServer(make_identity("coordinator", listens=True), address, lambda _: None, lambda _: None)
        server.add(log_pb2_grpc.add_LogServicer_to_server, Desk())  # type: ignore[abstract]
        server.start()
        caller.join(20)
        server.stop(0)
    assert answers == [b"alice"]


def test_trying_again_stops_when_told_to(make_identity: Callable[..., Identity]) -> None:
    stop = threading.Event()
    stop.set()
    with tls.channel(make_identity("alice"), "127.0.0.1:1", "coordinator") as channel, pytest.raises(PeerUnavailableError):
        rpc.call(log_pb2_grpc.LogStub(channel).Append, log_pb2.AppendRequest(), timeout_s=60, stop=stop)


def test_a_cancelled_stream_ends_quietly(site: Site, alice: grpc.Channel) -> None:
    call = rpc.stream(site.log(alice).Follow, log_pb2.FollowRequest(), timeout_s=30)
    seen: list[bytes] = []
    came = threading.Event()

    def read() -> None:
        for update in call:
            seen.append(update.checkpoint)
            came.set()

    reader = threading.Thread(target=read)
    reader.start()
    assert came.wait(5)
    call.cancel()
    reader.join(5)
    assert not reader.is_alive()
    assert seen == [b"first"]


def test_a_taken_address_is_a_clear_error(site: Site, make_identity: Callable[..., Identity]) -> None:
    with pytest.raises(SettingsError, match="cannot listen on"):
        RpcServer(make_identity("coordinator", listens=True), site.address, lambda _: None, lambda _: None)
