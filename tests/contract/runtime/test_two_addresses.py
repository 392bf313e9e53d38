"""Two instances of a process, one of which stands by or is gone: callers find the one that acts, and nothing is done twice for it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from fastapi import FastAPI, Request

from gateway.standby import StandingBy
from nodes.errors import PeerUnavailableError, RpcRefusal, StandbyError
from nodes.runtime.peers import rpc, tls
from nodes.runtime.peers.identity import Identity, server_name
from nodes.runtime.peers.rpc import RpcServer
from nodes.runtime.web import problems
from nodes.runtime.web.gateway_client import GatewayClient, GatewayRefusal
from nodes.runtime.web.request_document import POLICY_STEPS, SCORES, Endpoint
from nodes.runtime.web.server import WebServer
from protos.v1 import exchange_pb2, exchange_pb2_grpc, log_pb2, log_pb2_grpc
from simulators.zone.authority import CertificateAuthority

ZONE = "test-zone"


class Desk(log_pb2_grpc.LogServicer, exchange_pb2_grpc.ExchangeServicer):
    """One instance's service; ``leads`` says whether it acts."""

    def __init__(self, name: str) -> None:
        self.name, self.leads = name, True
        self.contributed: list[int] = []
        self.cut = threading.Event()

    def admit(self, _member: str) -> None:
        if not self.leads:
            raise StandbyError("this instance stands by: ask the other one")

    def Append(self, request: log_pb2.AppendRequest, context: Any) -> log_pb2.AppendReply:
        return log_pb2.AppendReply(leaf=self.name.encode())

    def Contribute(self, request_iterator: Iterator[exchange_pb2.ContributionPart], context: Any) -> exchange_pb2.Receipt:
        self.contributed.append(sum(len(part.ciphertexts) for part in request_iterator))
        return exchange_pb2.Receipt(leaf=self.name.encode())

    def Follow(self, request: log_pb2.FollowRequest, context: Any) -> Iterator[log_pb2.LogUpdate]:
        yield log_pb2.LogUpdate(checkpoint=self.name.encode())
        self.cut.wait(20)


@dataclass
class Pair:
    """Two servers of one member, and a caller's stubs over both addresses."""

    desks: tuple[Desk, Desk]
    servers: tuple[RpcServer, RpcServer]
    log: Any
    exchange: Any

    def leading(self, place: int) -> None:
        for number, desk in enumerate(self.desks):
            desk.leads = number == place

    def append(self, timeout_s: float = 10) -> str:
        reply: log_pb2.AppendReply = rpc.call(self.log.Append, log_pb2.AppendRequest(), timeout_s=timeout_s)
        return reply.leaf.decode()


@pytest.fixture
def pair(make_identity: Callable[..., Identity]) -> Iterator[Pair]:
    desks = Desk("first"), Desk("second")  # type: ignore[abstract]  # the other methods stay unimplemented
    servers = []
    for desk in desks:
        server = RpcServer(make_identity("coordinator", listens=True), "127.0.0.1:0", desk.admit, lambda _error: None)
        server.add(log_pb2_grpc.add_LogServicer_to_server, desk)
        server.add(exchange_pb2_grpc.add_ExchangeServicer_to_server, desk)
        server.start()
        servers.append(server)
    addresses = ",".join(f"127.0.0.1:{server.port}" for server in servers)
    with tls.channel(make_identity("alice"), addresses, "coordinator") as channel:
        yield Pair(desks, (servers[0], servers[1]), log_pb2_grpc.LogStub(channel), exchange_pb2_grpc.ExchangeStub(channel))
    for desk, server in zip(desks, servers, strict=True):
        desk.cut.set()
        server.stop(0)


def test_a_call_goes_to_the_instance_that_acts_and_stays_there(pair: Pair) -> None:
    pair.leading(1)
    assert [pair.append(), pair.append()] == ["second", "second"]
    pair.leading(0)
    assert pair.append() == "first"


def test_a_call_goes_to_the_other_instance_when_one_is_gone(pair: Pair) -> None:
    assert pair.append() == "first"
    pair.servers[0].stop(0)
    assert pair.append() == "second"


def test_while_nobody_acts_the_caller_is_told_so(pair: Pair) -> None:
    pair.leading(2)
    with pytest.raises(RpcRefusal) as refusal:
        pair.append(0.5)
    assert (refusal.value.reason, refusal.value.passing) == ("STANDBY", True)


def test_a_stream_of_messages_is_sent_whole_to_the_other_instance(pair: Pair) -> None:
    pair.leading(1)

    def parts() -> Iterator[exchange_pb2.ContributionPart]:
        yield from (exchange_pb2.ContributionPart(ciphertexts=bytes(100)) for _ in range(3))

    assert rpc.call(pair.exchange.Contribute, parts, timeout_s=10).leaf == b"second"
    assert (pair.desks[0].contributed, pair.desks[1].contributed) == ([], [300])


def test_a_stream_of_answers_goes_on_at_the_other_instance(pair: Pair) -> None:
    def follow() -> list[bytes]:
        found = []
        with pytest.raises((PeerUnavailableError, RpcRefusal)):  # noqa: PT012 - the stream is cut after what it gives
            for update in rpc.stream(pair.log.Follow, log_pb2.FollowRequest(), timeout_s=20):
                found.append(update.checkpoint)
                pair.servers[0].stop(0)
        return found

    assert follow() == [b"first"]
    call = rpc.stream(pair.log.Follow, log_pb2.FollowRequest(), timeout_s=20)
    assert next(iter(call)).checkpoint == b"second"
    call.cancel()


def test_a_stream_of_answers_that_never_began_is_asked_for_at_the_other_instance(pair: Pair) -> None:
    pair.leading(1)
    call = rpc.stream(pair.log.Follow, log_pb2.FollowRequest(), timeout_s=20)
    assert next(iter(call)).checkpoint == b"second"
    call.cancel()


# --- the gateway ---


@dataclass
class Front:
    """One instance of a gateway: what came, and whether it acts."""

    leads: bool = True
    dies: bool = False
    came: list[tuple[str, str]] = field(default_factory=list)

    def check(self) -> None:
        if not self.leads:
            raise StandbyError("this instance stands by: ask the other one")

    def app(self, server: Callable[[], WebServer]) -> FastAPI:
        app = FastAPI()

        @app.post("/{path:path}")
        async def take(path: str, request: Request) -> dict[str, str]:
            self.came.append((request.headers["host"], request.headers["signature-input"]))
            if self.dies:  # its connections end in the middle of the call
                for connection in list(server()._server.server_state.connections):
                    connection.transport.abort()
            return {"path": path}

        @app.get("/healthz")
        def health() -> dict[str, str]:
            return {"status": "ok"}

        problems.install(app)
        app.add_middleware(StandingBy, check=self.check)
        return app


@dataclass
class Fronts:
    """Two gateways behind one public base, and a bank's client."""

    fronts: tuple[Front, Front]
    servers: list[WebServer]
    client: GatewayClient
    identity: Identity
    base: str

    def ask(self, endpoint: Endpoint = SCORES) -> str:
        answer = self.client.ask(endpoint, b"{}", self.identity.signer)
        assert answer.body is not None
        assert answer.document.target_uri == self.base + endpoint.path
        return str(answer.body["path"])


@pytest.fixture
def gateways(make_identity: Callable[..., Identity], authority: CertificateAuthority, tmp_path: Path) -> Iterator[Fronts]:
    identity = make_identity("authority", listens=True)
    certificate, key, ca = (tmp_path / name for name in ("cert.pem", "key.pem", "ca.pem"))
    certificate.write_bytes(identity.tls.chain)
    key.write_bytes(identity.tls.key)
    ca.write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    fronts, servers, threads = (Front(), Front()), list[WebServer](), list[threading.Thread]()
    for number, front in enumerate(fronts):
        servers.append(WebServer(front.app(lambda number=number: servers[number]), "127.0.0.1:0", certificate, key))  # type: ignore[misc]  # a default binds it
        threads.append(threading.Thread(target=servers[-1].run))
        threads[-1].start()
    base = f"https://{server_name(ZONE, 'authority')}:8443"  # a name that nothing resolves: only the addresses lead there
    addresses = ",".join(f"127.0.0.1:{server.port}" for server in servers)
    with GatewayClient(base, ca, addresses=addresses, timeout_s=5) as client:
        yield Fronts(fronts, servers, client, make_identity("alice"), base)
    for server, thread in zip(servers, threads, strict=True):
        server.stop()
        thread.join(20)


def test_a_signed_request_reaches_the_gateway_that_acts_under_its_public_name(gateways: Fronts) -> None:
    gateways.fronts[0].leads = False
    assert gateways.ask() == "v1/scores"
    assert gateways.fronts[0].came == []
    assert gateways.fronts[1].came[0][0] == gateways.base.removeprefix("https://")


def test_a_request_that_was_cut_is_signed_anew_and_asked_at_the_other_gateway(gateways: Fronts) -> None:
    gateways.fronts[0].dies = True
    assert gateways.ask() == "v1/scores"
    (_, cut), (_, answered) = gateways.fronts[0].came[0], gateways.fronts[1].came[0]
    assert cut != answered  # another nonce: whatever became of the first, this one is no replay


def test_what_may_not_be_done_twice_is_not_asked_again_when_it_was_cut(gateways: Fronts) -> None:
    gateways.fronts[0].dies = True
    with pytest.raises(PeerUnavailableError):
        gateways.ask(POLICY_STEPS)
    assert gateways.fronts[1].came == []
    assert gateways.ask(POLICY_STEPS) == "v1/policies/steps"  # asked by somebody who has looked


def test_while_no_gateway_acts_the_bank_is_told_so(gateways: Fronts) -> None:
    for front in gateways.fronts:
        front.leads = False
    addresses = ",".join(f"127.0.0.1:{server.port}" for server in gateways.servers)
    with GatewayClient(gateways.base, addresses=addresses, timeout_s=0.5) as stranger, pytest.raises(PeerUnavailableError):
        stranger.get("/v1/keys")  # the zone's authority is none that it trusts
    gateways.client._timeout_s = 0.5
    with pytest.raises(GatewayRefusal) as refusal:
        gateways.ask()
    assert (refusal.value.reason, refusal.value.passing) == ("STANDBY", True)
    assert gateways.client.get("/healthz") == {"status": "ok"}  # how it is, it says all the same


def test_a_gateway_where_nobody_listens_is_told_as_that() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        base = f"https://127.0.0.1:{taken.getsockname()[1]}"
    with GatewayClient(base) as client, pytest.raises(PeerUnavailableError, match=f"^{base}: no connection: .*Connection refused$"):
        client.get("/v1/keys")
