"""Calls over real loopback mutual TLS: what a refusal looks like to the caller, and what it does to the server."""

from __future__ import annotations

import grpc
import pytest

from nodes.errors import RpcRefusal
from nodes.runtime.peers import rpc
from protos.v1 import exchange_pb2, log_pb2
from scoring.errors import LogInconsistentError
from tests.support.answering import Site, append


def test_a_domain_error_arrives_with_reason_status_and_detail(site: Site, alice: grpc.Channel) -> None:
    with pytest.raises(RpcRefusal) as refusal:
        append(site, alice, "consent")
    assert (refusal.value.reason, refusal.value.status, refusal.value.detail) == ("CONSENT_MISSING", "PERMISSION_DENIED", "no consent c1")


def test_a_refusal_that_could_name_a_value_tells_only_its_sentence(site: Site, alice: grpc.Channel) -> None:
    with pytest.raises(RpcRefusal) as refusal:
        append(site, alice, "range")
    assert refusal.value.reason == "VALUE_IMPOSSIBLE"
    assert "4711" not in refusal.value.detail


def test_a_defect_tells_the_caller_nothing_and_the_server_lives(site: Site, alice: grpc.Channel) -> None:
    with pytest.raises(RpcRefusal) as refusal:
        append(site, alice, "bug")
    assert refusal.value.reason == "INTERNAL"
    assert "4711" not in refusal.value.detail
    assert append(site, alice).leaf == b"alice"
    assert site.fatal == []


def test_a_reason_is_not_lost_when_time_runs_out_while_asking_again(site: Site, alice: grpc.Channel) -> None:
    with pytest.raises(RpcRefusal) as refusal:
        append(site, alice, "soon, then silence", timeout_s=0.5)
    site.desk.go_on.set()
    assert refusal.value.reason == "NOT_READY"
    assert site.desk.calls == 2


def test_a_full_disk_asks_the_caller_to_come_again(site: Site, alice: grpc.Channel) -> None:
    """Else the sender of a contribution would take it for a judgement and never send it again."""
    with pytest.raises(RpcRefusal) as refusal:
        append(site, alice, "full", timeout_s=0.2)
    assert (refusal.value.reason, refusal.value.passing) == ("STORAGE_UNAVAILABLE", True)
    assert "4711" not in refusal.value.detail
    assert site.fatal == []


def test_a_fatal_error_is_given_to_the_process(site: Site, alice: grpc.Channel) -> None:
    with pytest.raises(RpcRefusal):
        append(site, alice, "fatal")
    assert [type(error) for error in site.fatal] == [LogInconsistentError]


def test_what_is_fatal_to_a_peer_is_not_fatal_here(site: Site, alice: grpc.Channel) -> None:
    """Else a custodian, by the reason of its refusal, could stop the coordinator."""
    with pytest.raises(RpcRefusal) as refusal:
        append(site, alice, "relayed-fatal")
    assert refusal.value.reason == "LOG_FORKED"
    assert site.fatal == []


def test_a_refusal_from_further_on_passes_through(site: Site, alice: grpc.Channel) -> None:
    with pytest.raises(RpcRefusal) as refusal:
        append(site, alice, "relayed")
    assert (refusal.value.reason, refusal.value.detail) == ("EPOCH_STATE", "epoch e1 is closed")


def test_streams_of_answers_are_refused_in_the_middle(site: Site, alice: grpc.Channel) -> None:
    updates = iter(rpc.stream(site.log(alice).Follow, log_pb2.FollowRequest(from_index=7), timeout_s=10))
    assert next(updates).checkpoint == b"first"
    with pytest.raises(RpcRefusal) as refusal:
        next(updates)
    assert refusal.value.reason == "CONSENT_MISSING"


def test_streams_of_requests_are_refused(site: Site, alice: grpc.Channel) -> None:
    with pytest.raises(RpcRefusal) as refusal:
        rpc.call(site.exchange(alice).Contribute, lambda: iter([exchange_pb2.ContributionPart(envelope=b"consent")]), timeout_s=5)
    assert refusal.value.reason == "CONSENT_MISSING"


def test_streams_both_ways_are_refused(site: Site, alice: grpc.Channel) -> None:
    answers = iter([log_pb2.WitnessAnswer(request_id=1), log_pb2.WitnessAnswer(status=409)])
    replies = iter(rpc.stream(site.log(alice).Witness, answers, timeout_s=5))
    assert next(replies).request_id == 1
    with pytest.raises(RpcRefusal) as refusal:
        next(replies)
    assert refusal.value.reason == "CONSENT_MISSING"


def test_an_unknown_method_is_refused(site: Site, alice: grpc.Channel) -> None:
    with pytest.raises(RpcRefusal) as refusal:
        rpc.call(alice.unary_unary("/xinqiao.v1.Log/Nothing"), b"", timeout_s=5)
    assert refusal.value.reason == "RPC_UNIMPLEMENTED"
