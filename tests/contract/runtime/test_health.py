"""Whether a process can serve, as those outside may ask: gRPC health over mutual TLS, /readyz; storage that really fails."""

from __future__ import annotations

import errno
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2 as wire
from grpc_health.v1 import health_pb2_grpc
from sqlalchemy import Engine, event
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from nodes.errors import MemberUnknownError, NotReadyError, PeerUnavailableError, RpcRefusal
from nodes.runtime import database
from nodes.runtime.files import make_private_directory
from nodes.runtime.observing import health as module
from nodes.runtime.observing.health import READY, STOPPING, Health
from nodes.runtime.observing.http import health_app
from nodes.runtime.observing.service import HealthService
from nodes.runtime.peers import rpc, tls
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.rpc import RpcServer

SERVING, NOT_SERVING = wire.HealthCheckResponse.SERVING, wire.HealthCheckResponse.NOT_SERVING
SERVICE = "xinqiao.v1.Log"


@dataclass
class Place:
    """A server with nothing but its health, the state directory that it stands on, and its database."""

    state_dir: Path
    health: Health
    engine: Engine
    server: RpcServer

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.port}"


@pytest.fixture
def place(tmp_path: Path, make_identity: Callable[..., Identity], monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setattr(module, "PROBE_S", 0.0)  # each question anew
    state_dir = make_private_directory(tmp_path / "state")
    health, engine = Health(state_dir), database.open_database(state_dir, "log")

    def admit(member: str) -> None:
        if member != "alice":
            raise MemberUnknownError(f"{member} is not registered")

    server = RpcServer(make_identity("log", listens=True), "127.0.0.1:0", admit, lambda _error: None)
    server.add(health_pb2_grpc.add_HealthServicer_to_server, HealthService(health, SERVICE))
    server.start()
    yield Place(state_dir, health, engine, server)
    health.enter(STOPPING)
    server.stop(0.2)
    engine.dispose()


@pytest.fixture
def alice(make_identity: Callable[..., Identity], place: Place) -> Iterator[grpc.Channel]:
    with tls.channel(make_identity("alice"), place.address, "log") as channel:
        yield channel


def stub(channel: grpc.Channel) -> Any:
    """The published stubs name none of the calls."""
    return health_pb2_grpc.HealthStub(channel)


def asked(channel: grpc.Channel, service: str = "") -> int:
    reply: wire.HealthCheckResponse = rpc.call(stub(channel).Check, wire.HealthCheckRequest(service=service), timeout_s=5)
    return reply.status


def test_a_process_serves_from_ready_to_stopping_and_neither_before_nor_after(place: Place, alice: grpc.Channel) -> None:
    assert asked(alice) == NOT_SERVING
    place.health.enter(READY)
    assert (asked(alice), asked(alice, SERVICE)) == (SERVING, SERVING)
    place.health.enter(STOPPING)
    assert asked(alice) == NOT_SERVING


def test_what_a_role_requires_decides_and_is_said(place: Place, alice: grpc.Channel) -> None:
    place.health.enter(READY)
    missing = ["the log shows no usable key yet"]

    def require() -> None:
        if missing:
            raise NotReadyError(missing[0])

    place.health.require("key", require)
    assert asked(alice) == NOT_SERVING
    with pytest.raises(NotReadyError, match="key: the log shows no usable key yet"):
        place.health.check()
    missing.clear()
    assert asked(alice) == SERVING


def test_a_state_directory_that_cannot_be_written_is_not_served_from(place: Place, alice: grpc.Channel) -> None:
    place.health.enter(READY)
    assert asked(alice) == SERVING
    away = place.state_dir.rename(place.state_dir.with_name("away"))
    assert asked(alice) == NOT_SERVING
    away.rename(place.state_dir)
    assert asked(alice) == SERVING


def failing(trouble: Exception) -> Callable[[object], None]:
    def fail(_connection: object) -> None:
        raise trouble

    return fail


def test_strangers_are_told_that_storage_fails_and_not_where_it_lies(place: Place) -> None:
    """A gateway's /readyz answers whoever reaches it; where and as whom is in the process's own log."""
    place.health.enter(READY)
    away = OperationalError("SELECT 1", {}, Exception('connection to server at "10.0.0.7", port 5432 failed: FATAL: role "xq" does not exist'))
    troubles = {
        PermissionError(errno.EACCES, "Permission denied", str(place.state_dir / "x")): "Permission denied",
        away: "the database does not answer",
    }
    for trouble, said in troubles.items():
        fail = failing(trouble)
        event.listen(place.engine, "engine_connect", fail)
        with capture_logs() as logged, pytest.raises(NotReadyError) as refused:
            place.health.check()
        event.remove(place.engine, "engine_connect", fail)
        assert str(refused.value) == f"storage: {said}"
        assert [line["error"] for line in logged if line["event"] == "storage.troubled"] == [str(getattr(trouble, "orig", trouble))]
    place.health.check()


def test_a_database_that_another_program_locks_is_not_served_from(place: Place, alice: grpc.Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    place.engine.dispose()
    monkeypatch.setattr(database, "BUSY_TIMEOUT_MS", 50)  # of the connections opened from now on
    place.health.enter(READY)
    with closing(sqlite3.connect(place.state_dir / "log.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert asked(alice) == NOT_SERVING
        other.execute("ROLLBACK")
    assert asked(alice) == SERVING


def test_a_database_that_was_closed_says_nothing_of_another_process(place: Place, tmp_path: Path) -> None:
    other = Health(make_private_directory(tmp_path / "other"))
    other.enter(READY)
    place.engine.dispose()
    place.state_dir.rename(place.state_dir.with_name("away"))
    other.check()
    (tmp_path / "away").rename(place.state_dir)


def test_whoever_watches_hears_of_every_change(place: Place, alice: grpc.Channel) -> None:
    watching: rpc.Call[wire.HealthCheckResponse] = rpc.stream(stub(alice).Watch, wire.HealthCheckRequest(service=SERVICE), timeout_s=20)
    heard = iter(watching)
    assert next(heard).status == NOT_SERVING
    place.health.enter(READY)
    assert next(heard).status == SERVING
    place.health.enter(STOPPING)
    assert next(heard).status == NOT_SERVING
    assert next(heard, None) is None


def test_an_unknown_service_is_refused_and_watched_as_unknown(place: Place, alice: grpc.Channel) -> None:
    with pytest.raises(RpcRefusal) as refused:
        asked(alice, "xinqiao.v1.Other")
    assert refused.value.status == "NOT_FOUND"
    statuses = [item.status for item in rpc.stream(stub(alice).Watch, wire.HealthCheckRequest(service="xinqiao.v1.Other"), timeout_s=5)]
    assert statuses == [wire.HealthCheckResponse.SERVICE_UNKNOWN]


def test_only_members_are_told_how_a_process_is(place: Place, make_identity: Callable[..., Identity]) -> None:
    with tls.channel(make_identity("mallory"), place.address, "log") as channel, pytest.raises(RpcRefusal) as refused:
        asked(channel)
    assert refused.value.reason == "MEMBER_UNKNOWN"
    credentials = grpc.ssl_channel_credentials(make_identity("alice").tls.ca)
    with grpc.secure_channel(place.address, credentials) as channel, pytest.raises(PeerUnavailableError):
        rpc.call(stub(channel).Check, wire.HealthCheckRequest(), timeout_s=1)


def test_the_listener_answers_by_the_same_health(place: Place) -> None:
    client = TestClient(health_app(place.health.check))
    assert (client.get("/healthz").status_code, client.get("/readyz").status_code) == (200, 503)
    refusal = client.get("/readyz").json()
    assert (refusal["reason"], refusal["detail"]) == ("NOT_READY", "the process is starting")
    place.health.enter(READY)
    assert client.get("/readyz").json() == {"status": "ready"}


def test_many_questions_are_one_probe(tmp_path: Path) -> None:
    state_dir = make_private_directory(tmp_path / "state")
    health = Health(state_dir)
    health.enter(READY)
    health.check()
    written = (state_dir / module.PROBE_FILE).stat().st_ino
    threads = [threading.Thread(target=health.check) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (state_dir / module.PROBE_FILE).stat().st_ino == written
