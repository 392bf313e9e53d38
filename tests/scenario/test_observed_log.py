"""A real log process that tells of itself: its listener, its metrics, its health over gRPC, and what it says when it cannot serve."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2 as wire
from grpc_health.v1 import health_pb2_grpc

from crypto.encoding import sha256
from nodes.errors import PeerUnavailableError, RpcRefusal
from nodes.runtime.peers import rpc
from nodes.runtime.peers.log_client import LogClient
from protos.v1 import log_pb2 as pb
from protos.v1 import log_pb2_grpc
from tests.scenario.log_zone import LogProcess, Zone, connect, make_zone, running_log
from tests.support.waiting import until

pytestmark = pytest.mark.slow
OBSERVE = '[observe]\nlisten = "127.0.0.1:0"\n'
APPENDS = 3


@pytest.fixture(scope="module")
def zone(tmp_path_factory: pytest.TempPathFactory) -> Zone:
    return make_zone(tmp_path_factory.mktemp("zone") / "z")


@pytest.fixture(scope="module")
def log(zone: Zone) -> Iterator[LogProcess]:
    with running_log(zone, tables=OBSERVE) as running:
        client = LogClient(zone.identities["bank-a"], running.peer)
        for _ in range(APPENDS):
            client.append(zone.refusal("bank-a"))
        client.close()
        yield running


def stub(channel: grpc.Channel) -> Any:
    """The published stubs name none of the calls."""
    return health_pb2_grpc.HealthStub(channel)


def metrics(log: LogProcess) -> dict[str, float]:
    """Every sample by its name with labels."""
    text = httpx.get(f"http://127.0.0.1:{log.observe_port}/metrics").text
    found = re.findall(r"^([a-z_]+(?:\{.*\})?) (\S+)$", text, re.MULTILINE)
    return {name: float(value) for name, value in found}


def test_a_log_tells_how_large_it_is_and_what_it_answered(log: LogProcess) -> None:
    found = metrics(log)
    assert found["xinqiao_log_leaves"] == 1 + APPENDS
    assert found["xinqiao_log_witnessed_leaves"] == 0
    assert found["xinqiao_log_unwitnessed_seconds"] >= 0
    assert "xinqiao_log_witness_age_seconds" not in found, "no witness has signed yet: there is no age"
    assert found['xinqiao_leaves_total{kind="refusal"}'] == APPENDS
    assert found['xinqiao_calls_total{method="/xinqiao.v1.Log/Append",status="OK"}'] == APPENDS
    assert found['xinqiao_call_seconds_count{method="/xinqiao.v1.Log/Append"}'] == APPENDS
    assert found["xinqiao_log_commit_seconds_count"] >= APPENDS
    assert found['xinqiao_database_transaction_seconds_count{database="log",kind="writing"}'] >= APPENDS
    assert found['xinqiao_database_statement_seconds_count{database="log",statement="INSERT"}'] >= APPENDS
    assert found["process_resident_memory_bytes"] > 1 << 20
    assert found["xinqiao_ready"] == 1
    assert found["xinqiao_certificate_seconds_left"] > 86_400
    assert found["xinqiao_disk_free_bytes"] > 0
    assert found['xinqiao_events_total{event="process.ready",level="info"}'] == 1


def test_a_refused_call_counts_by_method_and_reason_and_names_nobody(zone: Zone, log: LogProcess) -> None:
    with connect(zone.identities["outsider"], log.peer) as channel:
        calls = log_pb2_grpc.LogStub(channel)
        with pytest.raises(RpcRefusal):
            rpc.call(calls.Append, pb.AppendRequest(envelope=b"x", idempotency_key=sha256(b"x").hex()), timeout_s=5)
        with pytest.raises(RpcRefusal):
            rpc.call(channel.unary_unary("/xinqiao.v1.Log/Invented"), b"", timeout_s=5)
    found = metrics(log)
    assert found['xinqiao_calls_refused_total{method="/xinqiao.v1.Log/Append",reason="MEMBER_UNKNOWN"}'] == 1
    assert found['xinqiao_calls_total{method="/xinqiao.v1.Log/Append",status="PERMISSION_DENIED"}'] == 1
    text = "\n".join(found)
    assert "outsider" not in text
    assert "Invented" not in text, "a method that nobody offers is no series"


def test_a_stream_that_lasts_is_counted_while_it_runs(zone: Zone, log: LogProcess) -> None:
    name = 'xinqiao_streams{method="/xinqiao.v1.Log/Follow"}'
    with connect(zone.identities["bank-a"], log.peer) as channel:
        following: rpc.Call[pb.LogUpdate] = rpc.stream(log_pb2_grpc.LogStub(channel).Follow, pb.FollowRequest(), timeout_s=3600)
        updates = iter(following)
        next(updates)
        assert metrics(log)[name] == 1
        following.cancel()
    until(lambda: not metrics(log)[name], "the stream is over")
    assert 'xinqiao_call_seconds_count{method="/xinqiao.v1.Log/Follow"}' not in metrics(log), "hours are no time of an answer"


def test_the_probe_of_a_container_says_whether_a_process_can_serve(zone: Zone, log: LogProcess) -> None:
    assert probe(log.observe_port) == 0
    state = zone.root / "state" / "log"
    away = state.rename(state.with_name("away"))
    try:
        until(lambda: probe(log.observe_port) == 1, "it cannot serve")
        assert httpx.get(f"http://127.0.0.1:{log.observe_port}/healthz").status_code == 200, "it runs, though it cannot serve"
        with connect(zone.identities["bank-a"], log.peer) as channel:
            reply = rpc.call(stub(channel).Check, wire.HealthCheckRequest(service="xinqiao.v1.Log"), timeout_s=5)
        assert reply.status == wire.HealthCheckResponse.NOT_SERVING
    finally:
        away.rename(state)


def test_a_process_that_ends_says_so_before_it_is_gone(zone: Zone) -> None:
    with running_log(zone, "ending", tables=OBSERVE) as running:
        url = f"http://127.0.0.1:{running.observe_port}/readyz"
        with connect(zone.identities["bank-a"], running.peer) as channel, httpx.Client() as client:
            watching: rpc.Call[wire.HealthCheckResponse] = rpc.stream(stub(channel).Watch, wire.HealthCheckRequest(), timeout_s=30)
            heard = iter(watching)
            statuses = [next(heard).status]
            assert client.get(url).status_code == 200
            running.process.send_signal(signal.SIGTERM)
            with suppress(PeerUnavailableError):  # the stream may be cut by the server's end, after what it had to say
                for item in heard:
                    statuses.append(item.status)
        assert running.process.wait(30) == 0
    assert statuses == [wire.HealthCheckResponse.SERVING, wire.HealthCheckResponse.NOT_SERVING]
    assert probe(running.observe_port) == 1


def probe(port: int) -> int:
    command = [sys.executable, "-m", "nodes.runtime.observing.probe", f"127.0.0.1:{port}"]
    return subprocess.run(command, check=False, capture_output=True).returncode
