"""Calls over real loopback mutual TLS: who gets in, what a refusal looks like, what a call costs at most."""

from __future__ import annotations

import datetime
import errno
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from nodes.errors import MemberLeftError, MemberUnknownError, NotReadyError, PeerUnavailableError, RateLimitedError, RpcRefusal, SettingsError
from nodes.runtime.peers import rpc, tls
from nodes.runtime.peers.identity import Identity, TlsFiles, member_uri
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


@pytest.fixture
def site(make_identity: Callable[..., Identity]) -> Iterator[Site]:
    site = start(make_identity("coordinator", listens=True))
    yield site
    site.desk.go_on.set()
    site.server.stop(0.2)


@pytest.fixture
def alice(make_identity: Callable[..., Identity], site: Site) -> Iterator[grpc.Channel]:
    with tls.channel(make_identity("alice"), site.address, "coordinator") as channel:
        yield channel


def append(site: Site, channel: grpc.Channel, key: str = "", timeout_s: float = 5.0) -> log_pb2.AppendReply:
    reply: log_pb2.AppendReply = rpc.call(site.log(channel).Append, log_pb2.AppendRequest(idempotency_key=key), timeout_s=timeout_s)
    return reply


# --- who gets in ---


def test_a_registered_member_is_known_by_its_uri(site: Site, alice: grpc.Channel) -> None:
    assert append(site, alice).leaf == b"alice"


def test_an_unregistered_member_is_refused(site: Site, make_identity: Callable[..., Identity]) -> None:
    with tls.channel(make_identity("mallory"), site.address, "coordinator") as channel, pytest.raises(RpcRefusal) as refusal:
        append(site, channel)
    assert (refusal.value.reason, refusal.value.status) == ("MEMBER_UNKNOWN", "PERMISSION_DENIED")
    assert site.desk.calls == 0


def test_a_member_that_left_is_refused_on_its_live_connection(site: Site, alice: grpc.Channel) -> None:
    append(site, alice)
    site.left.add("alice")
    with pytest.raises(RpcRefusal) as refusal:
        append(site, alice)
    assert refusal.value.reason == "MEMBER_LEFT"


def test_a_member_that_left_gets_no_more_of_a_running_stream(site: Site, alice: grpc.Channel) -> None:
    updates = iter(rpc.stream(site.log(alice).Follow, log_pb2.FollowRequest(), timeout_s=10))
    assert next(updates).checkpoint == b"first"
    site.left.add("alice")
    site.desk.go_on.set()
    with pytest.raises(RpcRefusal) as refusal:
        next(updates)
    assert refusal.value.reason == "MEMBER_LEFT"


def test_a_certificate_of_another_ca_is_refused(site: Site, make_identity: Callable[..., Identity]) -> None:
    alice = make_identity("alice")
    foreign = certified(CertificateAuthority.create("foreign"), alice, [member_uri(ZONE, "alice")])
    with tls.channel(foreign, site.address, "coordinator") as channel, pytest.raises(PeerUnavailableError):
        append(site, channel, timeout_s=1)
    assert site.desk.calls == 0


def test_a_caller_without_a_certificate_is_refused(site: Site, make_identity: Callable[..., Identity]) -> None:
    credentials = grpc.ssl_channel_credentials(make_identity("alice").tls.ca)
    with grpc.secure_channel(site.address, credentials) as channel, pytest.raises(PeerUnavailableError):
        append(site, channel, timeout_s=1)
    assert site.desk.calls == 0


def test_an_unencrypted_caller_is_refused(site: Site) -> None:
    with grpc.insecure_channel(site.address) as channel, pytest.raises(PeerUnavailableError):
        append(site, channel, timeout_s=1)
    assert site.desk.calls == 0


@pytest.mark.parametrize(
    "uris",
    [
        [],
        [member_uri(ZONE, "alice"), member_uri(ZONE, "bob")],
        [member_uri("other-zone", "alice")],
        [f"https://{ZONE}/alice"],
        [f"xinqiao://{ZONE}/alice/x"],
    ],
    ids=["none", "two", "other zone", "other scheme", "longer path"],
)
def test_a_certificate_must_name_exactly_one_member_of_the_zone(
    uris: list[str], site: Site, authority: CertificateAuthority, make_identity: Callable[..., Identity]
) -> None:
    identity = certified(authority, make_identity("alice"), uris)
    with tls.channel(identity, site.address, "coordinator") as channel, pytest.raises(RpcRefusal) as refusal:
        append(site, channel)
    assert (refusal.value.reason, refusal.value.status) == ("CALLER_UNKNOWN", "UNAUTHENTICATED")
    assert site.desk.calls == 0


def test_a_dns_name_is_no_identity(site: Site, authority: CertificateAuthority, make_identity: Callable[..., Identity]) -> None:
    identity = certified(authority, make_identity("alice"), [], x509.DNSName("alice"))
    with tls.channel(identity, site.address, "coordinator") as channel, pytest.raises(RpcRefusal) as refusal:
        append(site, channel)
    assert refusal.value.reason == "CALLER_UNKNOWN"


def test_an_expired_certificate_is_refused(site: Site, authority: CertificateAuthority, make_identity: Callable[..., Identity]) -> None:
    identity = certified(authority, make_identity("alice"), [member_uri(ZONE, "alice")], life=datetime.timedelta(seconds=-60))
    with tls.channel(identity, site.address, "coordinator") as channel, pytest.raises((PeerUnavailableError, RpcRefusal)):
        append(site, channel, timeout_s=1)
    assert site.desk.calls == 0


def test_a_certificate_that_expires_is_refused_on_its_live_connection(
    site: Site, authority: CertificateAuthority, make_identity: Callable[..., Identity], monkeypatch: pytest.MonkeyPatch
) -> None:
    identity = certified(authority, make_identity("alice"), [member_uri(ZONE, "alice")], life=datetime.timedelta(hours=1))
    with tls.channel(identity, site.address, "coordinator") as channel:
        append(site, channel)
        tomorrow = datetime.datetime.now(datetime.UTC).timestamp() + 86_400
        monkeypatch.setattr("time.time", lambda: tomorrow)  # the machine's clock, not our code
        with pytest.raises(RpcRefusal) as refusal:
            append(site, channel)
    assert refusal.value.reason == "CALLER_UNKNOWN"


def test_an_ed25519_tls_key_fails_the_handshake(site: Site, authority: CertificateAuthority, make_identity: Callable[..., Identity]) -> None:
    identity = make_identity("alice")
    key = ed25519.Ed25519PrivateKey.generate()
    chain = authority.issue(key.public_key(), [x509.UniformResourceIdentifier(identity.uri)]).public_bytes(Encoding.PEM)
    files = TlsFiles(identity.tls.ca, chain, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with tls.channel(identity.but(tls=files), site.address, "coordinator") as channel, pytest.raises(PeerUnavailableError):
        append(site, channel, timeout_s=1)


def test_a_caller_refuses_a_server_of_another_name(site: Site, make_identity: Callable[..., Identity]) -> None:
    with tls.channel(make_identity("alice"), site.address, "log") as channel, pytest.raises(PeerUnavailableError):
        append(site, channel, timeout_s=1)
    assert site.desk.calls == 0


def test_a_member_that_may_not_listen_cannot_pose_as_a_server(make_identity: Callable[..., Identity]) -> None:
    impostor = start(make_identity("bob"))
    try:
        with tls.channel(make_identity("alice"), impostor.address, "coordinator") as channel, pytest.raises(PeerUnavailableError):
            append(impostor, channel, timeout_s=1)
    finally:
        impostor.server.stop(0)
    assert impostor.desk.calls == 0


# --- what a refusal looks like ---


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


def first_of(stream: Any) -> str:
    """The first answer of a stream, or the reason of its refusal."""
    try:
        return str(next(stream).checkpoint.decode())
    except grpc.RpcError as error:
        return str(rpc.translate(error).args[0]).split(":", maxsplit=1)[0]


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


# --- bounds ---


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


# --- trying again ---


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


def test_the_private_key_is_in_no_representation(make_identity: Callable[..., Identity], tmp_path: Path) -> None:
    assert "PRIVATE KEY" not in repr(make_identity("alice"))
