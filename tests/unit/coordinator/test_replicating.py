"""Items on their way to a peer zone: what was taken away while the caller read slowly is not sent any more, what only the coordinator makes nobody
offers, what enough peers hold is dropped [F3, F4, F23]."""

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
from nodes.coordinator.replicating import Copies, FederationService
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


def kept(outbox: Outbox) -> list[int]:
    """Numbers of the chunks whose content the outbox has."""
    return [item.sequence for item in outbox.after("backup", 0, 1 << 20) if item.content is not None]


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    made = Outbox(database_in(tmp_path / "state", "coordinator"))
    for number in range(1, 5):
        made.put("backup", f"coordinator/{number:012}/0", bytes([number]))
    return made


def test_a_chunk_is_dropped_once_so_many_peers_hold_it_and_never_before(outbox: Outbox) -> None:
    copies, peers = Copies(outbox, 2), {"east", "west", "north"}
    copies.tell("east", 4, peers)
    assert kept(outbox) == [1, 2, 3, 4], "one holds them"
    copies.tell("west", 2, peers)
    assert kept(outbox) == [3, 4]
    copies.tell("north", 3, peers)
    assert kept(outbox) == [4]
    assert outbox.newest("backup", "coordinator/") is not None, "the stream goes on behind its last chunk"
    Copies(outbox, 0).tell("east", 4, peers)
    assert kept(outbox) == [4], "by default all are kept"


def test_what_counts_is_who_may_have_backups_now_and_what_was_ever_sealed(outbox: Outbox) -> None:
    copies = Copies(outbox, 2)
    copies.tell("east", 1 << 40, {"east"})
    copies.tell("gone", 4, {"east"})
    assert kept(outbox) == [1, 2, 3, 4], "a peer whose grant was taken away holds nothing that counts"
    copies.tell("west", 1 << 40, {"east", "west"})
    assert kept(outbox) == []
    outbox.put("backup", "coordinator/000000000005/0", b"5")
    copies.tell("east", 4, {"east", "west"})
    assert kept(outbox) == [5], "nobody holds what was sealed after it spoke, however far it said that it was"
    copies.tell("east", 0, {"east", "west"})  # it lost its store
    copies.tell("west", 5, {"east", "west"})
    assert kept(outbox) == [5]


def test_a_peer_s_next_question_tells_what_it_holds(call_of: Callable[[str], Call], outbox: Outbox) -> None:
    zone = SmallZone()
    members = Members(MemberRegistry(zone.registry))
    members.registry.apply(change_of(zone, peer_member(grants=("backup",))), 1)
    service = FederationService(Callers(cast(Zone, members), RateLimit(600, lambda: 0.0)), outbox, threading.Event(), backup_held_by=1)
    call = cast(Any, call_of(PEER))
    first = next(service.Replicate(wire.ReplicateRequest(cursors=[wire.ReplicationCursor(kind="backup")]), call))
    assert ([item.sequence for item in first.items], kept(outbox)) == ([1, 2, 3, 4], [1, 2, 3, 4])
    again = service.Replicate(wire.ReplicateRequest(cursors=[wire.ReplicationCursor(kind="backup", after=3)]), call)
    assert [item.sequence for item in next(again).items] == [4]
    assert kept(outbox) == [4]
