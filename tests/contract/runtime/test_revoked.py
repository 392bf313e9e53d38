"""A certificate that the CA took back is refused on every call from then on, on connections and streams that are open already."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from structlog.testing import capture_logs

from nodes.errors import CallerError, RpcRefusal, SettingsError
from nodes.runtime.notices.board import BoardService
from nodes.runtime.peers import rpc, tls
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.revoked import RevokedCertificates, revoked_by
from nodes.runtime.peers.rpc import RpcServer
from protos.v1 import board_pb2, board_pb2_grpc
from simulators.zone.authority import CertificateAuthority
from tests.contract.conftest import ZONE

MakeIdentity = Callable[..., Identity]


@dataclass
class Site:
    """A server with a list of revoked certificates, and a caller whose connection is open."""

    server: RpcServer
    crl: Path
    channel: grpc.Channel

    def call(self) -> board_pb2.Notices:
        return rpc.call(board_pb2_grpc.BoardStub(self.channel).Exchange, board_pb2.Notices(), timeout_s=5)

    def publish(self, text: bytes) -> None:
        """Put a list in its place, as an operator does: whole, and never twice at one time."""
        new = self.crl.with_suffix(".new")
        new.write_bytes(text)
        before = self.crl.stat().st_mtime_ns if self.crl.exists() else 0
        os.utime(new, ns=(before + 1_000_000_000, before + 1_000_000_000))
        new.replace(self.crl)


def certificate(identity: Identity) -> x509.Certificate:
    return x509.load_pem_x509_certificate(identity.tls.chain)


@pytest.fixture
def site(make_identity: MakeIdentity, tmp_path: Path) -> Iterator[Site]:
    keeper, crl = make_identity("coordinator", listens=True), tmp_path / "ca.crl"
    listening = keeper.but(tls=dataclasses.replace(keeper.tls, crl=crl))
    server = RpcServer(listening, "127.0.0.1:0", lambda _member: None, lambda _error: None)
    server.add(board_pb2_grpc.add_BoardServicer_to_server, BoardService(ZONE, lambda *_: True))
    server.start()
    with tls.channel(make_identity("tax"), f"127.0.0.1:{server.port}", "coordinator") as channel:
        yield Site(server, crl, channel)
    server.stop(0.1)


def refused(site: Site) -> None:
    with pytest.raises(RpcRefusal) as refusal:
        site.call()
    assert (refusal.value.reason, refusal.value.status) == ("CALLER_UNKNOWN", "UNAUTHENTICATED")
    assert "revoked" in refusal.value.detail


def test_a_certificate_that_is_revoked_is_refused_on_its_live_connection(
    site: Site, authority: CertificateAuthority, make_identity: MakeIdentity
) -> None:
    site.call()
    site.publish(authority.revoke([certificate(make_identity("notary"))]))
    site.call()  # another's
    site.publish(authority.revoke([certificate(make_identity("notary")), certificate(make_identity("tax"))]))
    refused(site)


def test_what_was_revoked_stays_so_when_the_list_is_damaged_replaced_or_gone(
    site: Site, authority: CertificateAuthority, make_identity: MakeIdentity
) -> None:
    site.publish(authority.revoke([certificate(make_identity("tax"))]))
    refused(site)
    for text in (b"nonsense", CertificateAuthority.create("foreign").revoke([]), authority.revoke([])):
        site.publish(text)
        refused(site)
    site.crl.unlink()
    refused(site)


def test_a_list_that_the_ca_did_not_sign_revokes_nobody(site: Site, make_identity: MakeIdentity) -> None:
    site.publish(CertificateAuthority.create("foreign").revoke([certificate(make_identity("tax"))]))
    site.call()


@pytest.mark.parametrize("text", [b"", b"nonsense"])
def test_a_process_does_not_begin_with_a_list_that_it_cannot_read(text: bytes, make_identity: MakeIdentity, tmp_path: Path) -> None:
    file = tmp_path / "ca.crl"
    file.write_bytes(text)
    with pytest.raises(SettingsError):
        RevokedCertificates(file, lambda: make_identity("tax").tls.ca)


def test_those_revoked_are_the_ones_that_each_ca_listed(authority: CertificateAuthority, make_identity: MakeIdentity) -> None:
    revoked = [certificate(make_identity(name)) for name in ("tax", "notary")]
    ca, second = make_identity("tax").tls.ca, CertificateAuthority.create("test zone, second")
    listed = {(item.issuer.public_bytes(), item.serial_number) for item in revoked}
    assert revoked_by(authority.revoke(revoked), ca) == listed
    both = second.revoke(revoked) + authority.revoke([])  # the second CA numbers as the first: its list is about its own
    trusted = ca + second.certificate.public_bytes(Encoding.PEM)
    assert revoked_by(both, trusted) == {(second.certificate.subject.public_bytes(), item.serial_number) for item in revoked}
    with pytest.raises(ValueError, match="not signed"):
        revoked_by(both, ca)


def test_a_list_that_could_not_be_read_is_taken_once_it_can(
    site: Site, authority: CertificateAuthority, make_identity: MakeIdentity, tmp_path: Path
) -> None:
    made = authority.revoke([certificate(make_identity("tax"))])
    hidden = tmp_path / "hidden.crl"
    hidden.write_bytes(made)
    site.crl.mkdir()  # what is there cannot be read, as a file of another user
    with capture_logs() as said:
        site.call()
        site.call()
    assert [line["event"] for line in said if line["log_level"] == "error"] == ["revoked.unreadable"]
    site.crl.rmdir()
    hidden.replace(site.crl)
    refused(site)


def test_a_list_of_a_ca_that_is_trusted_only_later_is_taken_then(make_identity: MakeIdentity, tmp_path: Path) -> None:
    file, ca, second = tmp_path / "ca.crl", make_identity("tax").tls.ca, CertificateAuthority.create("test zone, second")
    mine, anchors = second.certificate, [ca]
    revoked = RevokedCertificates(file, lambda: anchors[-1])
    file.write_bytes(second.revoke([mine]))
    revoked.check((mine.subject.public_bytes(), mine.serial_number))  # nobody of the zone signed the list yet
    anchors.append(ca + mine.public_bytes(Encoding.PEM))
    with pytest.raises(CallerError, match="revoked"):
        revoked.check((mine.subject.public_bytes(), mine.serial_number))


def test_a_list_in_the_place_of_one_of_the_same_time_and_size_is_read(
    authority: CertificateAuthority, make_identity: MakeIdentity, tmp_path: Path
) -> None:
    file, tax, notary = tmp_path / "ca.crl", certificate(make_identity("tax")), certificate(make_identity("notary"))
    file.write_bytes(authority.revoke([notary]).ljust(4096))
    status = file.stat()
    revoked = RevokedCertificates(file, lambda: make_identity("tax").tls.ca)
    file.write_bytes(authority.revoke([tax]).ljust(4096))
    os.utime(file, ns=(status.st_mtime_ns, status.st_mtime_ns))
    with pytest.raises(CallerError, match="revoked"):
        revoked.check((tax.issuer.public_bytes(), tax.serial_number))
