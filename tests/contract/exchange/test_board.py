"""The notice board over real mutual TLS: members pin and read; a custodian finds a split, and takes a revocation, through either board."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

from crypto.encoding import sha256
from crypto.keygen import PrivateKey
from nodes.auditor.witness import Witness
from nodes.auditor.witness_state import WitnessState
from nodes.custodian.revocations import Revocations
from nodes.errors import LogSplitError, PeerUnavailableError, RpcRefusal
from nodes.runtime.notices.board import LARGEST_NOTICE, MOST_NOTICES, MOST_OF_A_PEER, BoardClient, BoardService
from nodes.runtime.notices.heads import HeadComparison, HeadLimits
from nodes.runtime.notices.kept import kept_notes
from nodes.runtime.notices.turn import Notices
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.rpc import RpcServer
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from nodes.runtime.replica.follower import LogFollower
from nodes.runtime.replica.store import Entry, LogReplica
from nodes.runtime.settings import Peer
from protos.v1.board_pb2_grpc import add_BoardServicer_to_server
from scoring.statements import Head, Refusal, Split
from tests.contract.conftest import ZONE
from tests.support.databases import database_in
from tests.support.exchange import HeldZone, MemoryLog
from tests.support.members import ORGANISATIONS
from tests.support.zone import MemoryZone, released_zone

MakeIdentity = Callable[..., Identity]


def has_role(member: str, *roles: str) -> bool:
    if member == "other-node":
        return "peer" in roles
    return member in ORGANISATIONS and not set(roles).isdisjoint(ORGANISATIONS[member].roles)


@dataclass
class Boards:
    """The two boards of a zone; either can be stopped."""

    servers: dict[str, RpcServer]

    def peer(self, keeper: str) -> Peer:
        return Peer(member=keeper, address=f"127.0.0.1:{self.servers[keeper].port}")


@pytest.fixture
def boards(make_identity: MakeIdentity) -> Iterator[Boards]:
    servers = {}
    for keeper in ("coordinator", "log"):
        server = RpcServer(make_identity(keeper, listens=True), "127.0.0.1:0", lambda _member: None, lambda _error: None)
        server.add(add_BoardServicer_to_server, BoardService(ZONE, has_role))
        server.start()
        servers[keeper] = server
    yield Boards(servers)
    for server in servers.values():
        server.stop(0.1)


@pytest.fixture
def client(boards: Boards, make_identity: MakeIdentity) -> Iterator[Callable[[str], BoardClient]]:
    made: list[BoardClient] = []

    def make(member: str, keeper: str = "coordinator") -> BoardClient:
        made.append(BoardClient(make_identity(member), boards.peer(keeper)))
        return made[-1]

    yield make
    for item in made:
        item.close()


def test_a_member_reads_what_the_others_pinned_last(client: Callable[[str], BoardClient]) -> None:
    tax, notary, auditor = client("tax"), client("notary"), client("auditor")
    assert tax.exchange([b"1"]) == []
    assert notary.exchange([b"2", b"3"]) == [b"1"]
    assert tax.exchange([b"4"]) == [b"2", b"3"]
    assert auditor.exchange([]) == [b"2", b"3", b"4"] or auditor.exchange([]) == [b"4", b"2", b"3"]


def test_heads_come_before_what_enterprises_pinned(client: Callable[[str], BoardClient]) -> None:
    client("enterprise").exchange([b"revocation"])
    client("tax").exchange([b"head"])
    assert client("notary").exchange([]) == [b"head", b"revocation"]


def test_the_board_is_not_for_everybody_and_bounded(client: Callable[[str], BoardClient]) -> None:
    with pytest.raises(RpcRefusal, match="ROLE_MISSING"):
        client("bank-a").exchange([])
    for notices in ([b""] * (MOST_NOTICES + 1), [bytes(LARGEST_NOTICE + 1)], [bytes(LARGEST_NOTICE)] * 20):
        with pytest.raises(RpcRefusal, match="MESSAGE_INVALID"):
            client("tax").exchange(notices)


def test_a_peer_zones_node_pins_its_head_and_what_splits_it_and_nothing_else(
    client: Callable[[str], BoardClient], make_identity: MakeIdentity
) -> None:
    node = client("other-node")
    said = Head(zone=ZONE, nonce=fresh_nonce(), member="other-node", time=1, checkpoint="x")
    head = sign_statement(said, make_identity("other-node").signer)
    split = sign_statement(Split(zone=ZONE, nonce=fresh_nonce(), member="other-node", notes=("x",)), make_identity("other-node").signer)
    node.exchange([head, split])
    for notices in ([head] * (MOST_OF_A_PEER + 1), [head, b"garbage"]):
        with pytest.raises(RpcRefusal, match="MESSAGE_INVALID"):
            node.exchange(notices)
    assert client("tax").exchange([]) == [head, split]


# --- custodians at their boards ---


class Following(MemoryLog):
    """A follower that is up to date with the zone's log."""

    @property
    def checkpoint(self) -> str:
        return self.note().decode()


@dataclass
class Custodian:
    """One custodian's part in the notices, over the history that ``zone`` is."""

    zone: MemoryZone
    heads: HeadComparison
    revocations: Revocations
    notices: Notices


@pytest.fixture(scope="module")
def released(small_private_key: PrivateKey) -> MemoryZone:
    zone = released_zone(small_private_key)
    zone.consent(zone.subjects[0])
    return zone


def custodian(name: str, zone: MemoryZone, identity: Identity, boards: list[BoardClient], directory: Path) -> Custodian:
    held, home = HeldZone(zone.view), directory / name
    replica = LogReplica(database_in(home / "state", "replica"), home / "state", zone.log_signer.key.to_vkey())
    replica.accept([Entry(index, *entry) for index, entry in enumerate(zone.entries)], Following(zone).note())
    heads = HeadComparison(held, replica, name, home / "heads", lambda: zone.now, HeadLimits())
    revocations = Revocations(held, home / "revocations", lambda: zone.now)
    me = identity.but(signer=zone.keys.signers[name])
    return Custodian(zone, heads, revocations, Notices(me, boards, cast(LogFollower, Following(zone)), heads, revocations, lambda: zone.now))


@pytest.mark.parametrize("hostile", ["coordinator", "log", "nobody"])
def test_a_split_is_found_through_either_board(
    hostile: str, released: MemoryZone, boards: Boards, client: Callable[..., BoardClient], make_identity: MakeIdentity, tmp_path: Path
) -> None:
    """The log shows tax one history and notary another, with cosignatures of a witness that colludes on both."""
    here, there = released.fork(), released.fork()
    for zone in (here, there):
        zone.say(Refusal(zone=ZONE, nonce="00" * 16 if zone is here else "11" * 16, member="bank-a", reason="NOT_READY"), "bank-a")
    if hostile != "nobody":
        boards.servers[hostile].stop(0)
    parties = [
        custodian(name, zone, make_identity(name), [client(name, keeper) for keeper in ("coordinator", "log")], tmp_path)
        for name, zone in (("tax", here), ("notary", there), ("credit", here))
    ]
    for party in parties:
        party.heads.check()  # each by itself sees nothing: a log that it verifies, witnessed
    for party in (*parties, *parties):
        party.notices.turn()
    for party in parties:
        with pytest.raises(LogSplitError):
            party.heads.check()


def test_a_fork_that_a_witness_alone_was_asked_to_cosign_reaches_the_custodians(
    released: MemoryZone, boards: Boards, client: Callable[..., BoardClient], make_identity: MakeIdentity, tmp_path: Path
) -> None:
    """All see one history; the log asks one witness to cosign another. Its notes go by one board, the other being silent."""
    boards.servers["log"].stop(0)
    here, other = released.fork(), released.fork()
    for zone, nonce in ((here, "00" * 16), (other, "11" * 16)):
        zone.say(Refusal(zone=ZONE, nonce=nonce, member="bank-a", reason="NOT_READY"), "bank-a")
    notary = custodian("notary", here, make_identity("notary"), [client("notary", keeper) for keeper in boards.servers], tmp_path)
    auditor = custodian("auditor", here, make_identity("auditor"), [client("auditor", keeper) for keeper in boards.servers], tmp_path)
    kept = tmp_path / "witness" / "evidence"
    auditor.notices._evidence = lambda: kept_notes(kept)
    witness = Witness(here.log_signer.key.to_vkey(), here.witness_signer, WitnessState(kept.parent, tmp_path / "witness.pin"), lambda: here.now)
    assert witness.add(0, [], Following(here).note()).status == 200
    for party in (auditor, notary, auditor, notary):
        party.notices.turn()
        party.heads.check()
    assert witness.add(witness.size, [], Following(other).note()).status == 409
    for party in (auditor, notary):
        party.notices.turn()
    with pytest.raises(LogSplitError):
        notary.heads.check()


def test_custodians_with_one_history_agree(
    released: MemoryZone, client: Callable[..., BoardClient], make_identity: MakeIdentity, tmp_path: Path
) -> None:
    parties = [custodian(name, released.fork(), make_identity(name), [client(name)], tmp_path) for name in ("tax", "notary", "credit")]
    for party in (*parties, *parties):
        party.notices.turn()
    for party in parties:
        party.heads.check()
        assert not party.heads.split


def test_a_revocation_that_one_custodian_has_reaches_the_others_and_is_acknowledged_in_their_heads(
    released: MemoryZone, boards: Boards, client: Callable[..., BoardClient], make_identity: MakeIdentity, tmp_path: Path
) -> None:
    """The log keeps it out, and its board is silent: one custodian that was given it passes it on by the other board."""
    boards.servers["log"].stop(0)
    zone = released.fork()
    consent = zone.view.at(next(iter(zone.view.consents.values())).index)
    raw = zone.envelope(zone.revocation(consent), zone.own_key[consent.statement.subject])
    names = ("tax", "notary", "credit")
    parties = [custodian(name, released.fork(), make_identity(name), [client(name, keeper) for keeper in boards.servers], tmp_path) for name in names]
    parties[0].revocations.take(raw)
    for party in (*parties, *parties):
        party.notices.turn()
    assert [party.revocations.held() for party in parties] == [(sha256(raw).hex(),)] * 3


def test_a_board_that_is_away_is_an_error_of_that_board_alone(boards: Boards, client: Callable[..., BoardClient]) -> None:
    boards.servers["log"].stop(0)
    with pytest.raises(PeerUnavailableError):
        client("tax", "log").exchange([])
    assert client("tax", "coordinator").exchange([]) == []
