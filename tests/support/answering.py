"""A server over real loopback mutual TLS whose desk answers one method of each kind, and callers with certificates of their own."""

from __future__ import annotations

import datetime
import errno
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from nodes.errors import MemberLeftError, MemberUnknownError, NotReadyError, RateLimitedError, RpcRefusal
from nodes.runtime.peers import rpc, tls
from nodes.runtime.peers.identity import Identity, TlsFiles
from nodes.runtime.peers.rpc import RpcServer, ServerLimits
from protos.v1 import exchange_pb2, exchange_pb2_grpc, log_pb2, log_pb2_grpc
from scoring.errors import ConsentMissingError, LogInconsistentError, RangeError
from simulators.zone.authority import CertificateAuthority

ZONE = "test-zone"
FAILURES: dict[str, Exception] = {
    "consent": ConsentMissingError("no consent c1"),
    "range": RangeError("total 4711"),
    "bug": KeyError("secret 4711"),
    "full": OSError(errno.ENOSPC, "No space left on device: /state/4711"),
    "fatal": LogInconsistentError("leaf 3"),
    "relayed": RpcRefusal("EPOCH_STATE", "epoch e1 is closed", "FAILED_PRECONDITION"),
    "relayed-fatal": RpcRefusal("LOG_FORKED", "a peer says that it must stop", "INTERNAL"),
    "soon": NotReadyError("not yet"),
    "haste": RateLimitedError("too many: ask again in 1 s", 0.5),
}


class Desk(log_pb2_grpc.LogServicer, exchange_pb2_grpc.ExchangeServicer):
    """Answers one method of each kind. An idempotency key or part that names a failure raises it."""

    def __init__(self) -> None:
        self.calls = 0
        self.streaming = threading.Event()
        self.go_on = threading.Event()

    def Append(self, request: log_pb2.AppendRequest, context: Any) -> log_pb2.AppendReply:
        self.calls += 1
        if request.idempotency_key == "hang":
            self.go_on.wait(10)
        if request.idempotency_key in {"soon", "haste"} and self.calls > 2:
            return log_pb2.AppendReply(leaf_index=self.calls)
        if request.idempotency_key == "soon, then silence":
            if self.calls > 1:
                self.go_on.wait(10)
            raise FAILURES["soon"]
        if request.idempotency_key in FAILURES:
            raise FAILURES[request.idempotency_key]
        return log_pb2.AppendReply(leaf=tls.caller(context, ZONE).encode())

    def Follow(self, request: log_pb2.FollowRequest, context: Any) -> Iterator[log_pb2.LogUpdate]:
        yield log_pb2.LogUpdate(checkpoint=b"first")
        self.streaming.set()
        if request.from_index == 7:
            raise FAILURES["consent"]
        self.go_on.wait(10)
        yield log_pb2.LogUpdate(checkpoint=b"second")

    def Witness(self, request_iterator: Iterator[log_pb2.WitnessAnswer], context: Any) -> Iterator[log_pb2.AddCheckpoint]:
        for answer in request_iterator:
            if answer.status == 409:
                raise FAILURES["consent"]
            yield log_pb2.AddCheckpoint(request_id=answer.request_id)

    def Contribute(self, request_iterator: Iterator[exchange_pb2.ContributionPart], context: Any) -> exchange_pb2.Receipt:
        size = 0
        for part in request_iterator:
            size += len(part.ciphertexts)
            if part.envelope:
                raise FAILURES[part.envelope.decode()]
        return exchange_pb2.Receipt(leaf_index=size)


@dataclass
class Site:
    """A running server and who is on its register."""

    server: RpcServer
    desk: Desk
    left: set[str]
    fatal: list[BaseException]

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.port}"

    def log(self, channel: grpc.Channel) -> Any:
        return log_pb2_grpc.LogStub(channel)

    def exchange(self, channel: grpc.Channel) -> Any:
        return exchange_pb2_grpc.ExchangeStub(channel)


def start(identity: Identity, limits: ServerLimits | None = None) -> Site:
    left: set[str] = set()
    fatal: list[BaseException] = []

    def admit(member: str) -> None:
        if member in left:
            raise MemberLeftError(f"{member} has left")
        if member not in {"alice", "bob", "carol"}:
            raise MemberUnknownError(f"{member} is not registered")

    server = RpcServer(identity, "127.0.0.1:0", admit, fatal.append, limits)
    desk = Desk()  # type: ignore[abstract]  # the other methods stay unimplemented
    server.add(log_pb2_grpc.add_LogServicer_to_server, desk)
    server.add(exchange_pb2_grpc.add_ExchangeServicer_to_server, desk)
    server.start()
    return Site(server, desk, left, fatal)


def append(site: Site, channel: grpc.Channel, key: str = "", timeout_s: float = 5.0) -> log_pb2.AppendReply:
    reply: log_pb2.AppendReply = rpc.call(site.log(channel).Append, log_pb2.AppendRequest(idempotency_key=key), timeout_s=timeout_s)
    return reply


def first_of(stream: Any) -> str:
    """The first answer of a stream, or the reason of its refusal."""
    try:
        return str(next(stream).checkpoint.decode())
    except grpc.RpcError as error:
        return str(rpc.translate(error).args[0]).split(":", maxsplit=1)[0]


def certified(
    authority: CertificateAuthority, identity: Identity, uris: list[str], *more: x509.GeneralName, life: datetime.timedelta | None = None
) -> Identity:
    """The identity with another certificate of ``authority``: a fresh P-256 key under exactly these names."""
    key = ec.generate_private_key(ec.SECP256R1())
    names = [*(x509.UniformResourceIdentifier(uri) for uri in uris), *more]
    certificate = authority.issue(key.public_key(), names)
    if life is not None:
        now = datetime.datetime.now(datetime.UTC)
        builder = x509.CertificateBuilder(
            certificate.issuer, certificate.subject, key.public_key(), certificate.serial_number, now - datetime.timedelta(days=1), now + life
        )
        for extension in certificate.extensions:
            builder = builder.add_extension(extension.value, extension.critical)
        certificate = builder.sign(authority.key, hashes.SHA256())
    files = TlsFiles(identity.tls.ca, certificate.public_bytes(Encoding.PEM), key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return identity.but(tls=files)
