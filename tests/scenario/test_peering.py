"""A peer zone's node as a real process: it mirrors log and items through cuts and kills, gets what its entry allows and no more, and its
witness counts. Log and coordinator are real processes too."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from crypto import tiles
from crypto.checkpoint import Checkpoint, check_witnessed, open_checkpoint, sign_checkpoint
from crypto.encoding import sha256
from crypto.merkle import root as tree_root
from crypto.statements import parse_envelope
from nodes.errors import NotFoundError, PeerUnavailableError, RpcRefusal
from nodes.evidence.archive import Archive
from nodes.evidence.tree import check_tree, entries_of
from nodes.runtime.clock import now
from nodes.runtime.files import make_private_directory, write_private
from nodes.runtime.notices.board import BoardClient
from nodes.runtime.peers import rpc
from nodes.runtime.peers.identity import load_signing_key
from nodes.runtime.peers.signing import fresh_nonce
from nodes.runtime.settings import Peer
from protos.v1 import board_pb2, board_pb2_grpc, exchange_pb2, exchange_pb2_grpc, federation_pb2, federation_pb2_grpc, log_pb2, log_pb2_grpc
from scoring.statements import Head, SigningKey, Split, parse_leaf, parse_statement
from tests.scenario.log_zone import ZONE, connect
from tests.scenario.peer_zone import HOME, NODE, SHORT_S, PeeredZone, PeerProcess, peered_zone
from tests.support.faults.orders import Orders, durable_writes
from tests.support.link import Link
from tests.support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.nightly, pytest.mark.xdist_group("peering")]
WRITERS = ("nodes/peering/", "nodes/auditor/witness_state")
NOT_NOW = {  # a log that forked
    *(f"nodes/auditor/witness_state:WitnessState.keep_evidence {kind}" for kind in ("file", "directory")),
    *(f"nodes/peering/trust:Trust.lose {kind}" for kind in ("file", "directory")),
}  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PeeredZone]:
    with peered_zone(tmp_path_factory.mktemp("zone")) as made:
        made.admit()
        yield made


@pytest.fixture(scope="module")
def node(place: PeeredZone) -> Iterator[list[PeerProcess]]:
    """The node's running process, in a list in which a test that kills it puts the next one."""
    running = [place.start()]
    yield running
    if running[0].process.poll() is None:
        running[0].kill()


def mirrored(place: PeeredZone, node: PeerProcess) -> list[bytes]:
    """The leaves that the mirror shows, once that is all that was logged; the tree has been hashed again."""
    size = place.size
    until(lambda: node.size >= size, f"the mirror shows {size} leaves, it has {node.size}")
    archive = Archive(node.mirror.directory / "log")
    checkpoint = open_checkpoint(archive.checkpoint() or b"", place.zone.registry.log_vkey)
    assert check_tree(archive, checkpoint.size, checkpoint.root).findings == []
    return list(entries_of(archive, checkpoint.size))


def test_the_log_is_mirrored_and_witnessed_and_the_mirror_is_a_log(place: PeeredZone, node: list[PeerProcess]) -> None:
    size = place.refuse(3)
    assert mirrored(place, node[0])[:size] == place.leaves()[:size]
    note = (node[0].mirror.directory / "log" / "checkpoint").read_bytes()
    policy = place.zone.registry.witness_policy
    assert check_witnessed(note, place.zone.registry.log_vkey, policy.witnesses, 2).size >= size  # neither witness suffices alone [F6]
    until(lambda: node[0].mirror.status().get("shown_size", 0) >= size, "the status says so")
    status = node[0].mirror.status()
    assert (status["zone"], status["home"], status["state"], status["split"]) == (ZONE, HOME, "mirroring", None)


def test_a_narrower_tile_is_read_out_of_a_wider_one(place: PeeredZone, node: list[PeerProcess]) -> None:
    leaves = mirrored(place, node[0])
    mirror = node[0].mirror
    assert tiles.decode_entries(mirror.read_path("tile/entries/000.p/2"), 2) == leaves[:2]
    assert mirror.read_tile(0, 0, 3) == mirror.read_tile(0, 0, len(leaves))[:96]
    for path in (f"tile/0/000.p/{len(leaves) + 1}", "tile/0/001", "tile/0/../checkpoint", "../status.json", "checkpoint/"):
        with pytest.raises(NotFoundError):
            mirror.read_path(path)


def test_cuts_lose_and_repeat_nothing(place: PeeredZone, node: list[PeerProcess]) -> None:
    """The link ends after so many bytes, wherever that is within a message."""
    for step in range(6):
        link = place.links["log"]
        link.cut_after = link.passed + 700 * (step + 1)
        place.refuse(10)
    assert mirrored(place, node[0]) == place.leaves()


def test_a_killed_node_goes_on_where_it_was(place: PeeredZone, node: list[PeerProcess]) -> None:
    place.refuse(4)
    node[0].kill()
    place.refuse(4)
    node[0] = place.start()
    assert mirrored(place, node[0]) == place.leaves()


def test_items_come_once_each_in_order_through_cuts_and_kills(place: PeeredZone, node: list[PeerProcess]) -> None:
    contents = {f"pack-{i}": bytes([i]) * (20_000 + i) for i in range(12)}
    link = place.links["coordinator"]
    for number, (name, content) in enumerate(contents.items(), 1):
        link.cut_after = link.passed + 7_000 * number if number % 3 == 0 else None
        assert place.offer("models", name, content) == number
        if number == 6:
            node[0].kill()
            node[0] = place.start()
    assert place.offer("models", "again", contents["pack-3"]) == 4  # the same bytes are one item
    until(lambda: len(node[0].mirror.items().get("models", {})) == 12, "all items came")
    index = node[0].mirror.items()["models"]
    assert {name: found["sequence"] for name, found in index.items()} == {name: i for i, name in enumerate(contents, 1)}
    assert {name: node[0].mirror.item("models", found["digest"]) for name, found in index.items()} == contents


@pytest.mark.timeout(900)
def test_killed_before_and_after_each_of_its_durable_writes_the_node_loses_nothing_and_repeats_nothing(
    place: PeeredZone, node: list[PeerProcess], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = Orders(tmp_path / "faults").install(monkeypatch)
    due = {(step, moment) for step in durable_writes(*WRITERS) - NOT_NOW for moment in ("before", "after")}
    offered = dict[str, bytes]()
    node[0].kill()
    with orders.killing():
        node[0] = place.begin()

        def killed() -> bool:
            """Whether it was at every write; while it was not, there is something new to be written, and it is started again."""
            name, content = f"often-{len(offered)}", f"content {len(offered)}".encode()
            offered[name] = content
            place.offer("statistics", name, content)
            place.refuse()
            if (code := node[0].process.poll()) is not None:
                assert code == -signal.SIGKILL, node[0].errors.read_text()[-2000:]
                node[0] = place.begin()
            return due <= orders.killed()

        until(killed, f"the node was killed at {sorted(due)}", 600, look_s=0.5)
    if node[0].process.poll() is None:
        node[0].kill()
    node[0] = place.start()
    assert mirrored(place, node[0]) == place.leaves()
    until(lambda: len(node[0].mirror.items().get("statistics", {})) == len(offered), "all items came")
    index = node[0].mirror.items()["statistics"]
    assert {name: found["sequence"] for name, found in index.items()} == {name: number for number, name in enumerate(offered, 1)}
    assert {name: node[0].mirror.item("statistics", found["digest"]) for name, found in index.items()} == offered


def test_a_backup_is_kept_and_not_shown(place: PeeredZone, node: list[PeerProcess]) -> None:
    place.back_up("part", b"sealed")
    until(lambda: node[0].mirror.status()["items"].get("backup") == 1, "the backup came")
    with pytest.raises(NotFoundError):
        node[0].mirror.item("backup", sha256(b"sealed").hex())
    assert "backup" not in node[0].mirror.items()


def test_a_peer_that_does_not_read_is_not_sent_more_than_windows_hold(place: PeeredZone, node: list[PeerProcess]) -> None:
    """The streams' windows are the only buffer: what is not stored on one side waits in the other's database [F5]."""
    count, size = 24, 1 << 20
    for i in range(count):
        place.offer("policies", f"big-{i}", bytes([i]) * size)
    with Link(place.coordinator.address) as slow, connect(place.zone.identities[NODE], Peer(member="coordinator", address=slow.address)) as channel:
        cursors = [federation_pb2.ReplicationCursor(kind="policies")]
        stub = federation_pb2_grpc.FederationStub(channel)
        stream = iter(rpc.stream(stub.Replicate, federation_pb2.ReplicateRequest(cursors=cursors), timeout_s=60))
        got = [item.sequence for item in next(stream).items]
        before = -1
        while before != slow.passed:
            before = slow.passed
            threading.Event().wait(0.5)
        assert slow.passed < count * size // 2
        while len(got) < count:
            got += [item.sequence for item in next(stream).items]
        assert got == list(range(1, count + 1))
    until(lambda: len(node[0].mirror.items().get("policies", {})) == count, "the node has all of them")


# --- a hostile peer: everything that it could call with the certificate that it has ---


@pytest.fixture(scope="module")
def channels(place: PeeredZone) -> Iterator[dict[str, grpc.Channel]]:
    made = {role: connect(place.zone.identities[NODE], peer) for role, peer in (("log", place.log.peer), ("coordinator", place.coordinator))}
    yield made
    for channel in made.values():
        channel.close()


ALLOWED = {"Follow", "Witness", "Checkpoint", "Prove", "Envelopes", "ReadTile", "Replicate"}
SERVICES = (
    ("coordinator", exchange_pb2, exchange_pb2_grpc.ExchangeStub),
    ("coordinator", federation_pb2, federation_pb2_grpc.FederationStub),
    ("log", log_pb2, log_pb2_grpc.LogStub),
)
CALLS = [
    pytest.param(role, stub, method, id=method.name)
    for role, module, stub in SERVICES
    for method in next(iter(module.DESCRIPTOR.services_by_name.values())).methods
    if method.name not in ALLOWED
]


@pytest.mark.parametrize(("role", "stub", "method"), CALLS)
def test_a_peer_is_refused_every_call_that_is_not_for_it(channels: dict[str, grpc.Channel], role: str, stub: Any, method: Any) -> None:
    """Work, relays, partials, contributions, tickets: whatever it asks for, and whatever is added later."""
    message = method.input_type._concrete_class
    call = getattr(stub(channels[role]), method.name)

    def ask() -> None:
        if method.server_streaming:
            list(rpc.stream(call, message(), timeout_s=SHORT_S))
        else:
            rpc.call(call, (lambda: iter([message()])) if method.client_streaming else message(), timeout_s=SHORT_S)

    with pytest.raises(RpcRefusal, match="PEER_NOT_ENTITLED"):
        ask()


def test_there_are_calls_that_are_not_for_a_peer() -> None:
    assert {"FetchBlob", "FollowWork", "Relay", "SubmitPartials", "MorePartials", "Contribute", "Submit", "Release", "Append", "Offer"} <= {
        item.id for item in CALLS
    }


def test_a_peer_reads_envelopes_of_its_grants_alone(place: PeeredZone, channels: dict[str, grpc.Channel]) -> None:
    private = place.zone.refusal("bank-a")
    place.append(private)
    with pytest.raises(RpcRefusal, match="NOT_FOUND"):
        rpc.call(log_pb2_grpc.LogStub(channels["log"]).Envelopes, log_pb2.EnvelopeRequest(digests=[sha256(private)]), timeout_s=SHORT_S)
    stream = rpc.stream(log_pb2_grpc.LogStub(channels["log"]).Follow, log_pb2.FollowRequest(), timeout_s=SHORT_S)
    update = next(iter(stream))
    shown = {parse_leaf(entry.leaf).kind for entry in update.entries if entry.envelope}
    assert shown == {"registry", "member"}


def test_a_peer_gets_items_of_its_grants_alone(place: PeeredZone, node: list[PeerProcess], channels: dict[str, grpc.Channel]) -> None:
    """What is taken away ends on the running stream; what is granted again comes from where the node was."""
    stub = federation_pb2_grpc.FederationStub(channels["coordinator"])
    wanted = federation_pb2.ReplicateRequest(cursors=[federation_pb2.ReplicationCursor(kind=kind) for kind in ("policies", "models")])
    stream = rpc.stream(stub.Replicate, wanted, timeout_s=SHORT_S)
    assert {item.kind for item in next(iter(stream)).items} == {"policies"}
    place.admit(("log", "models", "catalog"))
    with pytest.raises(RpcRefusal, match="policies"):
        for _ in rpc.stream(stub.Replicate, wanted, timeout_s=SHORT_S):
            pass
    place.offer("policies", "text", b"while it was not granted")
    until(lambda: node[0].mirror.status()["grants"] == ["catalog", "log", "models"], "the node knows what it may have")
    assert "text" not in node[0].mirror.items()["policies"]
    place.admit()
    until(lambda: "text" in node[0].mirror.items()["policies"], "what was granted again came")


@pytest.mark.parametrize("cursors", [[], [("log", 0)], [("rows", 0)], [("models", 0), ("models", 1)], [("models", 1 << 63)]])
def test_cursors_that_are_none_are_refused(channels: dict[str, grpc.Channel], cursors: list[tuple[str, int]]) -> None:
    request = federation_pb2.ReplicateRequest(cursors=[federation_pb2.ReplicationCursor(kind=kind, after=after) for kind, after in cursors])
    with pytest.raises(RpcRefusal, match="MESSAGE_INVALID"):
        list(rpc.stream(federation_pb2_grpc.FederationStub(channels["coordinator"]).Replicate, request, timeout_s=SHORT_S))


def test_others_are_no_peers(place: PeeredZone) -> None:
    with connect(place.zone.identities["bank-a"], place.coordinator) as channel:
        stub = federation_pb2_grpc.FederationStub(channel)
        request = federation_pb2.ReplicateRequest(cursors=[federation_pb2.ReplicationCursor(kind="models")])
        with pytest.raises(RpcRefusal, match="ROLE_MISSING"):
            list(rpc.stream(stub.Replicate, request, timeout_s=SHORT_S))
        with pytest.raises(RpcRefusal, match="ROLE_MISSING"):
            rpc.call(stub.Offer, federation_pb2.OfferRequest(kind="models", name="n", content=b"x"), timeout_s=SHORT_S)


def test_a_peer_sees_heads_on_the_board_and_nothing_else(place: PeeredZone, channels: dict[str, grpc.Channel]) -> None:
    custodian = BoardClient(place.zone.identities["custodian-a"], place.log.peer)
    head = place.zone.sign("custodian-a", head_of(place, "custodian-a", place.leaves()))
    custodian.exchange([head, place.zone.refusal("custodian-a"), b"none"])
    reply = rpc.call(board_pb2_grpc.BoardStub(channels["log"]).Exchange, board_pb2.Notices(), timeout_s=SHORT_S)
    assert list(reply.envelopes) == [head]
    until(lambda: bool(custodian.exchange([head])), "the node's own head is on the board")  # what custodians compare with
    custodian.close()


def head_of(place: PeeredZone, member: str, leaves: list[bytes]) -> Head:
    """What a member posts that was shown these leaves, under the log's own signature."""
    signer = place.zone.log_signer
    note = sign_checkpoint(Checkpoint(signer.name, len(leaves), tree_root(leaves)), signer)
    return Head(zone=ZONE, nonce=fresh_nonce(), member=member, time=now(), checkpoint=note.decode())


def test_the_node_goes_over_to_the_key_that_its_entry_names(place: PeeredZone, node: list[PeerProcess]) -> None:
    """From ``next/``, without a restart. The entry has the new key alone, so it signs at once."""
    ahead = make_private_directory(place.zone.root / "members" / NODE / "next") / "sign.pem"
    write_private(ahead, Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    new = load_signing_key(NODE, ahead)
    place.admit(keys=(SigningKey(key_id=new.key_id, algorithm=new.algorithm, public=new.public.hex()),))
    custodian = BoardClient(place.zone.identities["custodian-a"], place.log.peer)

    def signers() -> set[str]:
        return {parse_envelope(raw).key_ids[0] for raw in custodian.exchange([])}

    until(lambda: new.key_id in signers(), "the node's head is signed with the new key")
    custodian.close()
    assert [line["key"] for line in node[0].lines("key.turned")] == [new.key_id]
    assert mirrored(place, node[0])


# --- the end of it: the log shows its own members another history ---


def test_a_full_mirror_stays_as_it_is_says_so_and_its_node_goes_on_witnessing(
    place: PeeredZone, node: list[PeerProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = mirrored(place, node[0])
    until(lambda: node[0].mirror.status()["shown_size"] == len(before), "the status says so")
    node[0].kill()
    monkeypatch.setenv("XINQIAO_PEERING__LOG_GB", str((node[0].mirror.status()["kept_bytes"]["log"] + 2000) / 1e9))
    node[0] = place.start()
    size = place.refuse(20)
    until(lambda: node[0].mirror.status()["full"] == ["log"], "the status says that it is full")
    assert len(before) <= node[0].size < size
    assert [line["part"] for line in node[0].lines("peer.full")] == ["log"]
    request = log_pb2.CheckpointRequest(min_size=size)  # for which both witnesses are needed [F6]
    note = rpc.call(place.stubs["coordinator"].Checkpoint, request, timeout_s=SHORT_S).checkpoint
    policy = place.zone.registry.witness_policy
    assert check_witnessed(note, place.zone.registry.log_vkey, policy.witnesses, 2).size >= size
    node[0].kill()
    monkeypatch.delenv("XINQIAO_PEERING__LOG_GB")
    node[0] = place.start()
    assert mirrored(place, node[0]) == place.leaves(), "with more room it goes on where it stopped"


def test_a_split_ends_mirroring_and_witnessing_and_is_kept_and_told(place: PeeredZone, node: list[PeerProcess]) -> None:
    leaves = mirrored(place, node[0])
    cosigned = len(leaves)
    other = [*leaves[:-1], leaves[-2]]
    custodian = BoardClient(place.zone.identities["custodian-a"], place.coordinator)

    def found() -> bool:
        custodian.exchange([place.zone.sign("custodian-a", head_of(place, "custodian-a", other))])
        return bool(node[0].mirror.status()["state"] == "split")

    until(found, "the split is found")
    alarm = node[0].lines("log.split")[-1]
    assert "nothing more of its log is mirrored" in alarm["what_to_do"]
    assert alarm["found_by"] == "heads"
    evidence = Path(alarm["evidence"])
    theirs = [note for file in evidence.glob("*.note") if (note := open_checkpoint(file.read_bytes(), place.zone.registry.log_vkey))]
    assert tree_root(other) in {checkpoint.root for checkpoint in theirs}
    place.refuse(3)
    node[0].kill()
    node[0] = place.start()  # a restart clears nothing
    until(lambda: node[0].mirror.status()["state"] == "split", "it is split still")
    assert node[0].size == cosigned
    with pytest.raises((RpcRefusal, PeerUnavailableError)):  # without this witness there is no checkpoint on which anything is released
        rpc.call(place.stubs["coordinator"].Checkpoint, log_pb2.CheckpointRequest(min_size=cosigned + 1), timeout_s=1.0)

    def told() -> bool:
        """Its own history is on the board, with the notes of both, for custodians with the other one to compare: they open nothing more."""
        envelopes = [parse_envelope(raw) for raw in custodian.exchange([])]
        said = [parse_statement(envelope.payload_type, envelope.payload) for envelope in envelopes]
        heads = [shown(item.checkpoint) for item in said if isinstance(item, Head) and item.member == NODE]
        splits = [{shown(note) for note in item.notes} for item in said if isinstance(item, Split) and item.member == NODE]
        return heads == [(cosigned, tree_root(leaves))] and splits == [{(cosigned, tree_root(leaves)), (cosigned, tree_root(other))}]

    def shown(note: str) -> tuple[int, bytes]:
        checkpoint = open_checkpoint(note.encode(), place.zone.registry.log_vkey)
        return checkpoint.size, checkpoint.root

    until(told, "the node's head and the notes are on the board")
    custodian.close()
