"""Calls over real loopback mutual TLS: what a call and a caller cost at most."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
import pytest

from nodes.errors import PeerUnavailableError, RpcRefusal
from nodes.runtime.peers import rpc, tls
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.rpc import ServerLimits
from protos.v1 import exchange_pb2, log_pb2
from tests.support.answering import Site, append, first_of, start


def test_one_caller_cannot_shut_the_others_out(make_identity: Callable[..., Identity]) -> None:
    site = start(make_identity("coordinator", listens=True), ServerLimits(workers=4))
    with (
        tls.channel(make_identity("alice"), site.address, "coordinator") as alice,
        tls.channel(make_identity("bob"), site.address, "coordinator") as bob,
    ):
        streams = [site.log(alice).Follow(log_pb2.FollowRequest(), timeout=30) for _ in range(8)]
        begun = [first_of(stream) for stream in streams]
        assert sorted(begun) == ["NOT_READY"] * 5 + ["first"] * 3
        assert append(site, bob).leaf == b"bob"
        site.desk.go_on.set()
        assert [[update.checkpoint for update in stream] for stream, word in zip(streams, begun, strict=True) if word == "first"] == [[b"second"]] * 3
        assert append(site, alice).leaf == b"alice"  # what ended counts no more
    site.server.stop(0)


def test_several_callers_together_cannot_shut_the_others_out(make_identity: Callable[..., Identity]) -> None:
    """With three quarters for each, whatever the others have, alice and bob would hold all eight workers and carol's call would wait."""
    site = start(make_identity("coordinator", listens=True), ServerLimits(workers=8))
    channels = {name: tls.channel(make_identity(name), site.address, "coordinator") for name in ("alice", "bob", "carol")}
    streams = [site.log(channels[name]).Follow(log_pb2.FollowRequest(), timeout=30) for name in ("alice", "bob") for _ in range(8)]
    assert [first_of(stream) for stream in streams].count("first") == 6
    assert append(site, channels["carol"]).leaf == b"carol"
    site.desk.go_on.set()
    for channel in channels.values():
        channel.close()
    site.server.stop(0)


def test_a_call_without_a_deadline_is_refused(site: Site, alice: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError) as error:
        site.log(alice).Append(log_pb2.AppendRequest())
    assert rpc.translate(error.value).args[0].startswith("DEADLINE_MISSING")
    assert site.desk.calls == 0


def test_a_single_answer_is_waited_for_ten_minutes_at_most(site: Site, alice: grpc.Channel) -> None:
    with pytest.raises(RpcRefusal, match="DEADLINE_MISSING"):
        append(site, alice, timeout_s=700)
    assert first_of(site.log(alice).Follow(log_pb2.FollowRequest(), timeout=700)) == "first"
    site.desk.go_on.set()


@pytest.mark.parametrize("method", ["/xinqiao.v1.Log/Append", "/xinqiao.v1.Log/Follow", "/xinqiao.v1.Log/Witness", "/xinqiao.v1.Exchange/Contribute"])
def test_bytes_that_are_no_message_are_refused(site: Site, alice: grpc.Channel, method: str) -> None:
    for rubbish in (b"\xff", b"\x0a\x05abc", b"\x08"):
        raw: Any = alice.stream_stream(method)  # on the wire all four kinds are alike
        call = raw(iter([rubbish]), timeout=5)
        with pytest.raises(grpc.RpcError) as error:
            list(call)
        refusal = rpc.translate(error.value)
        assert isinstance(refusal, RpcRefusal)
        assert (refusal.reason, refusal.status) == ("MESSAGE_INVALID", "INVALID_ARGUMENT")
    assert not site.fatal


def test_a_call_ends_at_its_deadline(site: Site, alice: grpc.Channel) -> None:
    with pytest.raises(PeerUnavailableError):
        append(site, alice, "hang", timeout_s=0.3)


def test_a_message_over_the_limit_is_refused(site: Site, alice: grpc.Channel, make_identity: Callable[..., Identity]) -> None:
    request = log_pb2.AppendRequest(envelope=bytes(tls.MESSAGE_LIMIT + 1))
    with pytest.raises(RpcRefusal) as refusal:
        rpc.call(site.log(alice).Append, request, timeout_s=10)
    assert refusal.value.reason == "MESSAGE_TOO_LARGE"
    assert site.desk.calls == 0


def test_the_server_itself_enforces_the_message_limit(site: Site, make_identity: Callable[..., Identity]) -> None:
    alice = make_identity("alice")
    credentials = grpc.ssl_channel_credentials(alice.tls.ca, alice.tls.key, alice.tls.chain)
    options = [("grpc.max_send_message_length", -1), ("grpc.ssl_target_name_override", "localhost")]
    request = log_pb2.AppendRequest(envelope=bytes(tls.MESSAGE_LIMIT + 1))
    with grpc.secure_channel(site.address, credentials, options=options) as channel, pytest.raises(RpcRefusal) as refusal:
        rpc.call(site.log(channel).Append, request, timeout_s=10)
    assert refusal.value.reason == "MESSAGE_TOO_LARGE"
    assert site.desk.calls == 0


def test_a_large_upload_in_parts_arrives_whole(site: Site, alice: grpc.Channel) -> None:
    parts = [exchange_pb2.ContributionPart(ciphertexts=bytes(512 << 10))] * 32
    receipt = rpc.call(site.exchange(alice).Contribute, lambda: iter(parts), timeout_s=10)
    assert receipt.leaf_index == 16 << 20


def test_connections_have_a_maximum_age(make_identity: Callable[..., Identity]) -> None:
    site = start(make_identity("coordinator", listens=True), ServerLimits(age_s=0.3, grace_s=0.2))
    try:
        with tls.channel(make_identity("alice"), site.address, "coordinator") as channel:
            updates = iter(rpc.stream(site.log(channel).Follow, log_pb2.FollowRequest(), timeout_s=20))
            assert next(updates).checkpoint == b"first"
            with pytest.raises(PeerUnavailableError):
                next(updates)  # cut long before its own deadline
            assert append(site, channel).leaf == b"alice"  # on a new connection
    finally:
        site.desk.go_on.set()
        site.server.stop(0)
