"""Calls over real loopback mutual TLS: who gets in."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from nodes.errors import PeerUnavailableError, RpcRefusal
from nodes.runtime.peers import rpc, tls
from nodes.runtime.peers.identity import Identity, TlsFiles, member_uri
from protos.v1 import log_pb2
from simulators.zone.authority import CertificateAuthority
from tests.support.answering import ZONE, Site, append, certified, start


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


def test_the_private_key_is_in_no_representation(make_identity: Callable[..., Identity], tmp_path: Path) -> None:
    assert "PRIVATE KEY" not in repr(make_identity("alice"))
