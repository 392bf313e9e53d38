"""Items on their way to a peer zone: what was taken away while the caller read slowly is not sent any more, and
what only the coordinator makes nobody offers [F3, F4]."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from nodes.coordinator.callers import Callers
from nodes.coordinator.keeping.outbox import Outbox
from nodes.coordinator.replicating import FederationService
from nodes.errors import PeerNotEntitledError, RoleMissingError
from nodes.runtime.peers.identity import load_identity
from nodes.runtime.peers.limits import RateLimit
from nodes.runtime.replica.zone import Zone
from protos.v1 import federation_pb2 as wire
from scoring.exchange.registry import MemberRegistry
from scoring.statements import Grant, Title
from simulators.zone.authority import CertificateAuthority, make_member
from simulators.zone.layout import MemberPlan
from tests.support.databases import database_in
from tests.support.peers import PEER, change_of, peer_member
from tests.unit.log.small_zone import ZONE, SmallZone


@dataclass
class Members:
    """A zone of which only the members matter."""

    registry: MemberRegistry
    zone: str = ZONE

    @contextmanager
    def reading(self) -> Iterator[Members]:
        yield self


@dataclass
class Call:
    """A call of the peer's node, as gRPC shows it to a handler."""

    certificate: bytes

    def auth_context(self) -> dict[str, list[bytes]]:
        return {"x509_pem_cert": [self.certificate]}

    def is_active(self) -> bool:
        return True

    def add_callback(self, _callback: Callable[[], None]) -> bool:
        return True


@pytest.fixture
def call_of(tmp_path: Path) -> Callable[[str], Call]:
    tmp_path.chmod(0o700)
    authority = CertificateAuthority.create("test")
    (tmp_path / "ca.pem").write_bytes(authority.certificate.public_bytes(Encoding.PEM))

    def call(member: str) -> Call:
        make_member(authority, ZONE, MemberPlan(member, Title(zh=member, en=member), ()), tmp_path / member)
        return Call(load_identity(ZONE, member, tmp_path / member, tmp_path / "ca.pem").tls.chain)

    return call


def test_a_grant_that_ends_while_the_caller_reads_one_kind_ends_the_others(call_of: Callable[[str], Call], tmp_path: Path) -> None:
    zone = SmallZone()
    members = Members(MemberRegistry(zone.registry))

    def grant(place: int, *grants: Grant) -> None:
        members.registry.apply(change_of(zone, peer_member(grants=grants)), place)

    outbox = Outbox(database_in(tmp_path / "state", "coordinator"))
    for kind in ("models", "policies"):
        outbox.put(kind, "x", kind.encode())
    service = FederationService(Callers(cast(Zone, members), RateLimit(600, lambda: 0.0)), outbox, threading.Event())
    grant(1, "models", "policies")
    asked = wire.ReplicateRequest(cursors=[wire.ReplicationCursor(kind=kind) for kind in ("models", "policies")])
    stream = service.Replicate(asked, cast(Any, call_of(PEER)))
    assert [item.kind for item in next(stream).items] == ["models"]
    grant(2, "models")  # before the caller asks for more
    with pytest.raises(PeerNotEntitledError, match="policies"):
        next(stream)


def test_the_front_offers_what_it_has_and_no_chunk_of_a_backup(call_of: Callable[[str], Call], tmp_path: Path) -> None:
    """A name such as ``coordinator/<number>/<size>`` would have the coordinator believe that all is sealed already."""
    outbox = Outbox(database_in(tmp_path / "state", "coordinator"))
    members = Members(MemberRegistry(SmallZone().registry))
    service = FederationService(Callers(cast(Zone, members), RateLimit(600, lambda: 0.0)), outbox, threading.Event())
    front = cast(Any, call_of("authority"))
    assert service.Offer(wire.OfferRequest(kind="models", name="x@1", content=b"x"), front).sequence == 1
    with pytest.raises(RoleMissingError):
        service.Offer(wire.OfferRequest(kind="backup", name=f"coordinator/{1:012}/{1 << 40}", content=b"x"), front)
    assert outbox.last("backup") == 0
