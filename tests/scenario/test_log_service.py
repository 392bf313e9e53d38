"""The log as members meet it: a real process over mutual TLS."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from crypto import merkle, tiles
from crypto.checkpoint import check_witnessed, open_checkpoint
from crypto.encoding import sha256
from nodes.ceremony.countersigning import approve_change, sign_change
from nodes.errors import PeerUnavailableError, RpcRefusal
from nodes.runtime.peers import rpc
from nodes.runtime.peers.log_client import LogClient
from protos.v1 import log_pb2 as pb
from protos.v1 import log_pb2_grpc
from scoring.statements import Binding, MemberChange, Registry, parse_leaf
from tests.scenario.log_witness import WitnessDouble
from tests.scenario.log_zone import ZONE, LogProcess, Zone, connect, make_zone, running_log

SHORT_S, LONG_S = 10.0, 60.0


@pytest.fixture(scope="module")
def zone(tmp_path_factory: pytest.TempPathFactory) -> Zone:
    return make_zone(tmp_path_factory.mktemp("zone") / "z")


@pytest.fixture(scope="module")
def log(zone: Zone) -> Iterator[LogProcess]:
    with running_log(zone) as running:
        yield running


@pytest.fixture
def witness(zone: Zone, log: LogProcess) -> Iterator[WitnessDouble]:
    """The zone's one needed witness, honest and connected."""
    double = WitnessDouble(zone.identities["auditor"], zone.witness_signer("auditor"), zone.registry.log_vkey)
    double.size, double.root = _cosigned.get(log.process.pid, (double.size, double.root))
    double.start(log.peer)
    yield double
    double.stop()
    _cosigned[log.process.pid] = (double.size, double.root)


_cosigned: dict[int, tuple[int, bytes]] = {}  # what the witness remembers between tests
_channels: dict[tuple[str, str], grpc.Channel] = {}


def stub(zone: Zone, log: LogProcess, member: str) -> log_pb2_grpc.LogStub:
    key = (log.peer.address, member)
    if key not in _channels:
        _channels[key] = connect(zone.identities[member], log.peer)
    return log_pb2_grpc.LogStub(_channels[key])


def append(zone: Zone, log: LogProcess, member: str, envelope: bytes, key: str = "") -> pb.AppendReply:
    request = pb.AppendRequest(envelope=envelope, idempotency_key=key or sha256(envelope).hex())
    return rpc.call(stub(zone, log, member).Append, request, timeout_s=SHORT_S)


def checkpoint(zone: Zone, log: LogProcess, min_size: int) -> bytes:
    reply = rpc.call(stub(zone, log, "bank-a").Checkpoint, pb.CheckpointRequest(min_size=min_size), timeout_s=SHORT_S)
    return reply.checkpoint


def refused(reason: str) -> pytest.RaisesExc[RpcRefusal]:
    return pytest.RaisesExc(RpcRefusal, check=lambda error: error.reason == reason)


# --- what is logged ---


def test_the_registry_is_leaf_zero(zone: Zone, log: LogProcess) -> None:
    update = next(iter(rpc.stream(stub(zone, log, "bank-a").Follow, pb.FollowRequest(), timeout_s=SHORT_S)))
    leaf = parse_leaf(update.entries[0].leaf)
    assert (leaf.kind, leaf.actor, leaf.digest) == ("registry", "authority", sha256(zone.genesis).hex())
    assert update.entries[0].envelope == zone.genesis


def test_a_statement_is_logged_once_whoever_sends_it_again(zone: Zone, log: LogProcess) -> None:
    envelope = zone.refusal("bank-a")
    first = append(zone, log, "bank-a", envelope)
    leaf = parse_leaf(first.leaf)
    assert (leaf.kind, leaf.actor, leaf.digest) == ("refusal", "bank-a", sha256(envelope).hex())
    assert append(zone, log, "bank-a", envelope) == first
    assert append(zone, log, "coordinator", envelope, key="another") == first


def test_an_idempotency_key_names_one_submission(zone: Zone, log: LogProcess) -> None:
    append(zone, log, "bank-a", zone.refusal("bank-a"), key="one")
    with refused("IDEMPOTENCY_CONFLICT"):
        append(zone, log, "bank-a", zone.refusal("bank-a"), key="one")


def test_refusals_say_why(zone: Zone, log: LogProcess) -> None:
    with refused("ENVELOPE_INVALID"):
        append(zone, log, "bank-a", b"garbage")
    with refused("ROLE_MISSING"):
        append(zone, log, "bank-a", zone.refusal("custodian-a"))
    with refused("SIGNER_UNKNOWN"):
        append(zone, log, "coordinator", zone.refusal("outsider"))
    with refused("STATEMENT_INVALID"):
        binding = Binding(zone=ZONE, nonce="00" * 16, subject="ab" * 16, uscc="9" * 18, service="enterprise")
        append(zone, log, "registrar", zone.sign("registrar", binding))
    with refused("MESSAGE_INVALID"):
        rpc.call(stub(zone, log, "bank-a").Append, pb.AppendRequest(envelope=zone.refusal("bank-a")), timeout_s=SHORT_S)


def test_a_caller_outside_the_registry_is_turned_away(zone: Zone, log: LogProcess) -> None:
    with refused("MEMBER_UNKNOWN"):
        append(zone, log, "outsider", zone.refusal("outsider"))


def test_a_caller_without_a_certificate_gets_no_connection(log: LogProcess, zone: Zone) -> None:
    credentials = grpc.ssl_channel_credentials((zone.public_dir / "ca.pem").read_bytes())
    with grpc.secure_channel(log.peer.address, credentials) as channel, pytest.raises(grpc.RpcError) as caught:
        log_pb2_grpc.LogStub(channel).Checkpoint(pb.CheckpointRequest(), timeout=SHORT_S)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_a_call_without_a_deadline_is_refused(zone: Zone, log: LogProcess) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        stub(zone, log, "bank-a").Checkpoint(pb.CheckpointRequest())
    assert rpc.translate(caught.value).reason == "DEADLINE_MISSING"  # type: ignore[union-attr]


# --- reading ---


def test_a_follower_replays_then_follows_and_every_root_is_its_own(zone: Zone, log: LogProcess) -> None:
    for _ in range(5):
        append(zone, log, "bank-a", zone.refusal("bank-a"))
    call: rpc.Call[pb.LogUpdate] = rpc.stream(stub(zone, log, "custodian-a").Follow, pb.FollowRequest(), timeout_s=LONG_S)
    frontier = merkle.Frontier()
    target = None
    for update in call:
        for entry in update.entries:
            assert entry.index == frontier.size
            assert sha256(entry.envelope).hex() == parse_leaf(entry.leaf).digest
            frontier = frontier.extended([merkle.leaf_hash(entry.leaf)])
        if update.checkpoint and update.entries:
            head = open_checkpoint(update.checkpoint, zone.registry.log_vkey)
            assert (head.size, head.root) == (frontier.size, frontier.root())
        if target is None and update.checkpoint:
            target = append(zone, log, "bank-a", zone.refusal("bank-a")).leaf_index
        if target is not None and frontier.size > target:
            break
    call.cancel()


def test_a_follower_without_entitlement_gets_leaves_and_its_own_envelopes_only(zone: Zone, log: LogProcess) -> None:
    own = append(zone, log, "bank-a", zone.refusal("bank-a")).leaf_index
    other = append(zone, log, "custodian-a", zone.refusal("custodian-a")).leaf_index
    seen: dict[int, pb.LogEntry] = {}
    for update in rpc.stream(stub(zone, log, "bank-a").Follow, pb.FollowRequest(from_index=own), timeout_s=SHORT_S):
        seen.update({entry.index: entry for entry in update.entries})
        if other in seen:
            break
    assert seen[own].envelope != b""
    assert seen[other].envelope == b""
    assert seen[other].leaf != b""


def test_following_from_beyond_the_end_is_refused(zone: Zone, log: LogProcess) -> None:
    with refused("MESSAGE_INVALID"):
        next(iter(rpc.stream(stub(zone, log, "bank-a").Follow, pb.FollowRequest(from_index=10**6), timeout_s=SHORT_S)))


def test_envelopes_are_served_to_the_entitled_and_unknown_to_others(zone: Zone, log: LogProcess) -> None:
    envelopes = [zone.refusal("bank-a") for _ in range(3)]
    for envelope in envelopes:
        append(zone, log, "bank-a", envelope)
    request = pb.EnvelopeRequest(digests=[sha256(envelope) for envelope in reversed(envelopes)])
    for reader in ("bank-a", "auditor", "custodian-a", "coordinator", "authority"):
        assert list(stub(zone, log, reader).Envelopes(request, timeout=SHORT_S).envelopes) == envelopes[::-1]
    for reader in ("enterprise", "registrar"):
        with refused("NOT_FOUND"):
            rpc.call(stub(zone, log, reader).Envelopes, request, timeout_s=SHORT_S)
    with refused("NOT_FOUND"):
        rpc.call(stub(zone, log, "auditor").Envelopes, pb.EnvelopeRequest(digests=[b"\0" * 32]), timeout_s=SHORT_S)
    with refused("MESSAGE_INVALID"):
        rpc.call(stub(zone, log, "auditor").Envelopes, pb.EnvelopeRequest(digests=[b"\0" * 32] * 1001), timeout_s=SHORT_S)


def test_proofs_verify_against_the_witnessed_checkpoint(zone: Zone, log: LogProcess, witness: WitnessDouble) -> None:
    reply = append(zone, log, "bank-a", zone.refusal("bank-a"))
    head = open_checkpoint(checkpoint(zone, log, reply.leaf_index + 1), zone.registry.log_vkey)
    client = LogClient(zone.identities["bank-a"], log.peer)
    proofs = client.prove([0, reply.leaf_index], head.size)
    merkle.check_inclusion(merkle.leaf_hash(reply.leaf), reply.leaf_index, head.size, proofs[reply.leaf_index], head.root)
    client.close()
    assert witness.size >= head.size
    with refused("MERKLE_INVALID"):
        rpc.call(stub(zone, log, "bank-a").Prove, pb.ProveRequest(indices=[0], tree_size=10**6), timeout_s=SHORT_S)
    with refused("MERKLE_INVALID"):
        rpc.call(stub(zone, log, "bank-a").Prove, pb.ProveRequest(indices=[head.size], tree_size=head.size), timeout_s=SHORT_S)


def test_the_static_tree_can_be_verified_from_its_files_alone(zone: Zone, log: LogProcess, witness: WitnessDouble) -> None:
    last = [append(zone, log, "bank-a", zone.refusal("bank-a")) for _ in range(300)][-1]
    checkpoint(zone, log, last.leaf_index + 1)

    def read(path: str) -> bytes:
        return rpc.call(stub_.ReadTile, pb.ReadTileRequest(path=path), timeout_s=SHORT_S).content

    stub_ = stub(zone, log, "auditor")
    vkeys, required = zone.registry.witness_policy.witnesses, zone.registry.witness_policy.required
    head = check_witnessed(read("checkpoint"), zone.registry.log_vkey, vkeys, required)
    files = {address: read(address.path()) for address in tiles.tiles_of(head.size)}
    leaves = [leaf for address, data in files.items() if address.level is None for leaf in tiles.decode_entries(data, address.width)]
    assert merkle.root(leaves) == head.root
    stored = {(address.level, address.index): data for address, data in files.items()}
    assert tiles.frontier(head.size, lambda level, index, _width: stored[level, index]).root() == head.root
    assert witness.root == head.root


@pytest.mark.parametrize("path", ["", "tile/0/x999/999", "tile/0/000.p/0", "tile/7/000.p/1", "../registry", "tile/entries/999", "tile/0/00"])
def test_paths_that_the_tree_does_not_have_are_not_found(zone: Zone, log: LogProcess, path: str) -> None:
    with refused("NOT_FOUND"):
        rpc.call(stub(zone, log, "bank-a").ReadTile, pb.ReadTileRequest(path=path), timeout_s=SHORT_S)


# --- witnesses ---


def test_a_checkpoint_is_waited_for_until_it_is_witnessed(zone: Zone, log: LogProcess, witness: WitnessDouble) -> None:
    size = append(zone, log, "bank-a", zone.refusal("bank-a")).leaf_index + 1
    checkpoint(zone, log, size)
    answers: list[bytes] = []
    waiting = threading.Thread(target=lambda: answers.append(checkpoint(zone, log, size + 1)))
    waiting.start()
    append(zone, log, "bank-a", zone.refusal("bank-a"))
    waiting.join(SHORT_S)
    head = check_witnessed(answers[0], zone.registry.log_vkey, zone.registry.witness_policy.witnesses, 1)
    assert head.size >= size + 1
    assert witness.cosigned


def test_only_a_witness_may_witness(zone: Zone, log: LogProcess) -> None:
    double = WitnessDouble(zone.identities["bank-a"], zone.witness_signer("auditor"), zone.registry.log_vkey).start(log.peer)
    double.join()
    assert isinstance(double.ended, RpcRefusal)
    assert double.ended.reason == "ROLE_MISSING"


def test_the_log_goes_on_while_its_witness_is_away_and_catches_up(zone: Zone, log: LogProcess, witness: WitnessDouble) -> None:
    size = append(zone, log, "bank-a", zone.refusal("bank-a")).leaf_index + 1
    checkpoint(zone, log, size)
    witness.stop()
    away = [append(zone, log, "bank-a", zone.refusal("bank-a")).leaf_index + 1 for _ in range(3)]
    with pytest.raises(PeerUnavailableError, match="DEADLINE_EXCEEDED"):
        rpc.call(stub(zone, log, "bank-a").Checkpoint, pb.CheckpointRequest(min_size=away[-1]), timeout_s=0.3)
    witness.start(log.peer)
    assert open_checkpoint(checkpoint(zone, log, away[-1]), zone.registry.log_vkey).size >= away[-1]


def test_a_follower_learns_of_cosignatures_for_a_size_it_has(zone: Zone, log: LogProcess, witness: WitnessDouble) -> None:
    size = append(zone, log, "bank-a", zone.refusal("bank-a")).leaf_index + 1
    policy = zone.registry.witness_policy
    known: dict[int, bytes] = {}
    frontier = merkle.Frontier()
    for update in rpc.stream(stub(zone, log, "coordinator").Follow, pb.FollowRequest(), timeout_s=SHORT_S):
        frontier = frontier.extended(merkle.leaf_hash(entry.leaf) for entry in update.entries)
        if update.checkpoint:
            head = open_checkpoint(update.checkpoint, zone.registry.log_vkey)
            if head.size == frontier.size:
                known[head.size] = frontier.root()
            if update.checkpoint.count("— ".encode()) > 1 and head.size >= size:
                assert known[head.size] == check_witnessed(update.checkpoint, zone.registry.log_vkey, policy.witnesses, policy.required).root
                break
    assert witness.cosigned


# --- members come and go ---


def test_a_member_that_leaves_is_turned_away_on_its_next_call(tmp_path: Path) -> None:
    zone = make_zone(tmp_path / "z")
    with running_log(zone) as log:
        joined = zone.outsider
        change = MemberChange(zone=ZONE, nonce=secrets.token_hex(16), action="join", member=joined)
        approval = approve_change(change, "custodian-a", zone.identities["custodian-a"].signer)
        append(zone, log, "authority", sign_change(change, [approval], zone.identities["authority"].signer))
        assert append(zone, log, "outsider", zone.refusal("outsider")).leaf_index == 2
        call: rpc.Call[pb.LogUpdate] = rpc.stream(stub(zone, log, "outsider").Follow, pb.FollowRequest(), timeout_s=SHORT_S)
        updates = iter(call)
        next(updates)
        leave = change.model_copy(update={"action": "leave", "nonce": secrets.token_hex(16)})
        append(zone, log, "authority", zone.sign("authority", leave))
        with refused("MEMBER_LEFT"):
            list(updates)
        with refused("MEMBER_LEFT"):
            append(zone, log, "outsider", zone.refusal("outsider"))


def test_a_log_begun_under_another_registry_is_refused(tmp_path: Path) -> None:
    zone = make_zone(tmp_path / "z")
    with running_log(zone) as log:
        append(zone, log, "bank-a", zone.refusal("bank-a"))
        log.terminate()
    other = zone.registry.model_copy(update={"nonce": "11" * 16})
    assert isinstance(other, Registry)
    (zone.public_dir / "registry.dsse.json").write_bytes(zone.sign("authority", other))
    with pytest.raises(AssertionError, match="begins with another registry"), running_log(zone):
        pass
