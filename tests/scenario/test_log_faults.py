"""The log's process under kill -9, restored backups and rivals: everything that was ever published is a prefix of what is served [L9]."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from crypto.checkpoint import open_checkpoint
from nodes.errors import RpcRefusal
from nodes.runtime.peers import rpc
from protos.v1 import log_pb2 as pb
from protos.v1 import log_pb2_grpc
from tests.scenario.log_load import CALL_S, Load, check_nothing_was_lost, send, served_leaves
from tests.scenario.log_witness import WitnessDouble
from tests.scenario.log_zone import connect, make_zone, running_log, start_log


@pytest.mark.parametrize("rounds", [2, pytest.param(12, marks=[pytest.mark.slow, pytest.mark.nightly, pytest.mark.timeout(900)])])
def test_a_log_killed_under_load_comes_back_with_everything_it_published(tmp_path: Path, rounds: int) -> None:
    zone = make_zone(tmp_path / "z")
    size = 0
    for turn in range(rounds):
        log = start_log(zone)
        load = Load(zone, log.peer, clients=8)
        load.run_until(20 + 7 * turn, log.kill)
        with running_log(zone) as restarted:
            grown = check_nothing_was_lost(zone, restarted.peer, load)
            assert grown > size
            size = grown
            assert restarted.terminate() == 0


def test_sixty_four_clients_are_all_acknowledged_in_their_own_places(tmp_path: Path) -> None:
    zone = make_zone(tmp_path / "z")
    with running_log(zone) as log:
        load = Load(zone, log.peer, clients=64)
        load.run_until(320, log.terminate)
        assert log.process.returncode == 0
    with running_log(zone) as log:
        assert check_nothing_was_lost(zone, log.peer, load) > 320


def test_a_statement_whose_answer_was_lost_is_found_again_by_sending_it_again(tmp_path: Path) -> None:
    zone = make_zone(tmp_path / "z")
    envelope = zone.refusal("bank-a")
    request = pb.AppendRequest(envelope=envelope, idempotency_key="once")
    with running_log(zone) as log, connect(zone.identities["bank-a"], log.peer) as channel:
        first = rpc.call(log_pb2_grpc.LogStub(channel).Append, request, timeout_s=CALL_S)
        log.kill()
    with running_log(zone) as log, connect(zone.identities["bank-a"], log.peer) as channel:
        assert rpc.call(log_pb2_grpc.LogStub(channel).Append, request, timeout_s=CALL_S) == first


def test_a_second_log_on_the_same_state_does_not_start_and_the_first_goes_on(tmp_path: Path) -> None:
    zone = make_zone(tmp_path / "z")
    with running_log(zone) as log:
        with pytest.raises(AssertionError, match="another process holds"):
            start_log(zone)
        leaves, _ = served_leaves(zone, log.peer)
        assert len(leaves) == 1


def test_of_two_logs_on_one_database_the_one_that_comes_second_stops(tmp_path: Path) -> None:
    zone = make_zone(tmp_path / "z")
    with running_log(zone) as log:
        log.terminate()
    first, second = tmp_path / "z" / "state" / "log", tmp_path / "z" / "state" / "second"
    second.mkdir(mode=0o700)
    shutil.copy2(first / "head.pin", second)
    (second / "log.db").symlink_to(first / "log.db")
    with running_log(zone) as log, running_log(zone, "second") as rival:
        with connect(zone.identities["bank-a"], log.peer) as channel:
            accepted = send(log_pb2_grpc.LogStub(channel), zone.refusal("bank-a"))
        with connect(zone.identities["bank-a"], rival.peer) as channel, pytest.raises(RpcRefusal, match="STORAGE_FAILED"):
            send(log_pb2_grpc.LogStub(channel), zone.refusal("bank-a"))
        assert rival.process.wait(30) == 70
        leaves, _ = served_leaves(zone, log.peer)
        assert leaves[accepted.leaf_index] == accepted.leaf
        assert len(leaves) == 2


@pytest.mark.slow
def test_a_restored_old_database_is_refused(tmp_path: Path) -> None:
    zone = make_zone(tmp_path / "z")
    state, backup = tmp_path / "z" / "state" / "log", tmp_path / "backup"
    with running_log(zone) as log:
        log.terminate()
    shutil.copytree(state, backup)
    with running_log(zone) as log, connect(zone.identities["bank-a"], log.peer) as channel:
        send(log_pb2_grpc.LogStub(channel), zone.refusal("bank-a"))
        log.terminate()
    for path in state.glob("log.db*"):
        path.unlink()
    for path in backup.glob("log.db*"):
        shutil.copy2(path, state)
    with pytest.raises(AssertionError, match="it is an old copy"):
        start_log(zone)


def test_a_log_that_lost_database_and_pin_is_refused_by_its_witness(tmp_path: Path) -> None:
    zone = make_zone(tmp_path / "z")
    witness = WitnessDouble(zone.identities["auditor"], zone.witness_signer("auditor"), zone.registry.log_vkey)
    with running_log(zone) as log, connect(zone.identities["bank-a"], log.peer) as channel:
        witness.start(log.peer)
        stub = log_pb2_grpc.LogStub(channel)
        for _ in range(3):
            send(stub, zone.refusal("bank-a"))
        rpc.call(stub.Checkpoint, pb.CheckpointRequest(min_size=4), timeout_s=CALL_S)
        witness.stop()
        log.kill()
    shutil.rmtree(tmp_path / "z" / "state" / "log")
    with running_log(zone) as log:
        witness.start(log.peer)
        witness.join()
        assert isinstance(witness.ended, RpcRefusal)
        assert witness.ended.reason == "WITNESS_DISAGREES"
        assert "witness.disagreed" in log.errors.read_text()


@pytest.mark.parametrize("lie", ["422", *(pytest.param(lie, marks=pytest.mark.slow) for lie in ("garbage", "cosignature of another tree"))])
def test_a_lying_witness_is_cut_off_and_honest_ones_complete_the_round(tmp_path: Path, lie: str) -> None:
    zone = make_zone(tmp_path / "z", ("auditor", "data-bureau", "peer-zone"), required=2)
    liar = WitnessDouble(zone.identities["peer-zone"], zone.witness_signer("peer-zone"), zone.registry.log_vkey)
    earlier = zone.witness_signer("peer-zone").signature_line(b"another text\n", 1)
    answers = {
        "422": pb.WitnessAnswer(request_id=1, status=422),
        "garbage": pb.WitnessAnswer(request_id=1, status=200, cosignature=b"\xff"),
        "cosignature of another tree": pb.WitnessAnswer(request_id=1, status=200, cosignature=earlier),
    }
    liar.answer = lambda _request: answers[lie]
    names = ("auditor", "data-bureau")
    honest = [WitnessDouble(zone.identities[name], zone.witness_signer(name), zone.registry.log_vkey) for name in names]
    with running_log(zone) as log, connect(zone.identities["bank-a"], log.peer) as channel:
        liar.start(log.peer)
        liar.join()
        assert isinstance(liar.ended, RpcRefusal)
        assert liar.ended.reason == "WITNESS_DISAGREES"
        for double in honest:
            double.start(log.peer)
        reply = rpc.call(log_pb2_grpc.LogStub(channel).Checkpoint, pb.CheckpointRequest(min_size=1), timeout_s=CALL_S)
        assert open_checkpoint(reply.checkpoint, zone.registry.log_vkey).size >= 1
        for double in honest:
            double.stop()


@pytest.mark.slow
def test_both_of_two_required_witnesses_sign_one_tree_while_the_log_grows(tmp_path: Path) -> None:
    zone = make_zone(tmp_path / "z", ("auditor", "peer-zone"), required=2)
    doubles = [WitnessDouble(zone.identities[name], zone.witness_signer(name), zone.registry.log_vkey) for name in ("auditor", "peer-zone")]
    with running_log(zone) as log, connect(zone.identities["bank-a"], log.peer) as channel:
        for double in doubles:
            double.start(log.peer)
        stub = log_pb2_grpc.LogStub(channel)
        size = max(send(stub, zone.refusal("bank-a")).leaf_index for _ in range(20)) + 1
        note = rpc.call(stub.Checkpoint, pb.CheckpointRequest(min_size=size), timeout_s=CALL_S).checkpoint
        assert note.count("\n— ".encode()) == 3
        for double in doubles:
            double.stop()
