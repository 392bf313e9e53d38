"""The log's process killed at every step of sequencing, on storage that fails, on a disk that gets full: nothing published is lost [L9]."""

from __future__ import annotations

import errno
import threading
from pathlib import Path

import pytest

from crypto import merkle
from crypto.checkpoint import open_checkpoint
from nodes.errors import PeerUnavailableError, RpcRefusal
from nodes.runtime.peers import rpc
from protos.v1 import log_pb2 as pb
from protos.v1 import log_pb2_grpc
from tests.scenario.log_load import CALL_S, Load, check_nothing_was_lost, send, served_leaves
from tests.scenario.log_witness import WitnessDouble
from tests.scenario.log_zone import LogProcess, Zone, connect, make_zone, running_log, start_log
from tests.support.faults.disk import needs_root, small_disk
from tests.support.faults.orders import Moment, Orders, durable_writes

KILLED, FATAL = -9, 70
COMMIT, PIN_FILE, PIN_NAME = (
    "nodes/log/storage:LogStore.commit commit",
    "nodes/log/publication:FilePin.write file",
    "nodes/log/publication:FilePin.write directory",
)
WITNESSED_FILE, WITNESSED_NAME = "nodes/log/__main__:_rounds.<locals>.<lambda> file", "nodes/log/__main__:_rounds.<locals>.<lambda> directory"
SEQUENCING: list[tuple[str, Moment]] = [
    (step, moment) for step in (COMMIT, PIN_FILE, PIN_NAME, WITNESSED_FILE, WITNESSED_NAME) for moment in ("before", "after")
]
QUICK = [(COMMIT, "after"), (PIN_NAME, "before")]
AT_NIGHT = [pytest.mark.slow, pytest.mark.nightly]


@pytest.fixture
def zone(tmp_path: Path) -> Zone:
    return make_zone(tmp_path / "z")


@pytest.fixture
def orders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Orders:
    return Orders(tmp_path / "faults").install(monkeypatch)


@pytest.fixture
def witness(zone: Zone) -> WitnessDouble:
    return WitnessDouble(zone.identities["auditor"], zone.witness_signer("auditor"), zone.registry.log_vkey)


def test_the_steps_of_sequencing_are_all_that_the_log_makes_durable() -> None:
    """What is left is the first row of an empty database."""
    assert durable_writes("nodes/log") - {step for step, _ in SEQUENCING} == {"nodes/log/storage:LogStore.__init__ commit"}


def check_goes_on(zone: Zone, load: Load, witness: WitnessDouble) -> None:
    """A restarted log serves all that was ever published or acknowledged, to its witness too, and takes more."""
    with running_log(zone) as log:
        witness.start(log.peer)
        size = check_nothing_was_lost(zone, log.peer, load)
        with connect(zone.identities["bank-a"], log.peer) as channel:
            place = send(log_pb2_grpc.LogStub(channel), zone.refusal("bank-a")).leaf_index
            note = rpc.call(log_pb2_grpc.LogStub(channel).Checkpoint, pb.CheckpointRequest(min_size=place + 1), timeout_s=CALL_S).checkpoint
        assert open_checkpoint(note, zone.registry.log_vkey).size > place >= size
        witness.stop()


@pytest.mark.parametrize(
    ("step", "moment"),
    [pytest.param(*point, marks=[] if point in QUICK else AT_NIGHT, id=f"{point[1]} {point[0].split(':')[1]}") for point in SEQUENCING],
)
def test_killed_at_any_step_every_root_ever_published_is_a_prefix_of_what_is_served(
    zone: Zone, orders: Orders, witness: WitnessDouble, step: str, moment: Moment
) -> None:
    orders.kill_only(step, moment)
    log = start_log(zone)
    witness.start(log.peer)
    load = Load(zone, log.peer, clients=4)

    def die() -> None:
        with orders.killing("log"):
            assert log.process.wait(30) == KILLED

    load.run_until(5, die)
    witness.join()
    assert (step, moment) in orders.killed()
    check_goes_on(zone, load, witness)


@pytest.mark.parametrize(
    ("step", "moment"),
    [(PIN_FILE, "before"), *(pytest.param(*point, marks=pytest.mark.slow) for point in ((PIN_NAME, "after"), (COMMIT, "before"), (COMMIT, "after")))],
)
def test_a_failing_sync_stops_the_log_and_publishes_nothing_uncertain(
    zone: Zone, orders: Orders, witness: WitnessDouble, step: str, moment: Moment
) -> None:
    """EIO, once before and once after the data reached the disk: the log cannot tell which, and must not go on."""
    log = start_log(zone)
    witness.start(log.peer)
    load = Load(zone, log.peer, clients=4)

    def fail() -> None:
        with orders.failing("log", step, errno.EIO, moment):
            assert log.process.wait(30) == FATAL

    load.run_until(5, fail)
    witness.join()
    check_goes_on(zone, load, witness)


def fill(zone: Zone, log: LogProcess) -> int:
    """Append until the log gives up; how many it acknowledged."""
    count = 0
    with connect(zone.identities["bank-a"], log.peer) as channel:
        stub = log_pb2_grpc.LogStub(channel)
        try:
            while True:
                send(stub, zone.refusal("bank-a"))
                count += 1
        except (RpcRefusal, PeerUnavailableError):
            return count


@needs_root
@pytest.mark.slow
def test_a_full_disk_stops_the_log_and_it_goes_on_when_there_is_space(zone: Zone, tmp_path: Path) -> None:
    """Real ENOSPC, from database and pin alike, whichever comes first at each distance to the end."""
    (tmp_path / "z" / "state" / "log").mkdir(mode=0o700)
    with small_disk(tmp_path / "z" / "state" / "log", 4096) as disk:
        acknowledged, size = 0, 1
        for leave_kib in (200, 64, 12):
            with running_log(zone) as log:
                disk.fill(leave_kib << 10)
                acknowledged += fill(zone, log)
                assert log.process.wait(30) == FATAL
            disk.free()
            with running_log(zone) as log:
                leaves, head = served_leaves(zone, log.peer)
                assert merkle.root(leaves) == head.root
                assert acknowledged < len(leaves) <= size + acknowledged + 1  # the one at hand when space ended may be in or not
                size = len(leaves) - acknowledged
                assert log.terminate() == 0
        assert acknowledged > 10


def test_a_witness_that_hangs_holds_up_neither_the_log_nor_the_others(tmp_path: Path) -> None:
    zone = make_zone(tmp_path / "z", ("auditor", "data-bureau", "peer-zone"), required=2)
    names = ("auditor", "data-bureau", "peer-zone")
    *prompt, hanging = [WitnessDouble(zone.identities[name], zone.witness_signer(name), zone.registry.log_vkey) for name in names]
    asked, wake = threading.Event(), threading.Event()

    def hang(request: pb.AddCheckpoint) -> pb.WitnessAnswer:
        asked.set()
        assert wake.wait(60)
        return hanging.honest(request)

    hanging.answer = hang
    with running_log(zone) as log, connect(zone.identities["bank-a"], log.peer) as channel:
        stub = log_pb2_grpc.LogStub(channel)
        hanging.start(log.peer)
        assert asked.wait(CALL_S)
        for double in prompt:
            double.start(log.peer)
        for _ in range(3):
            place = send(stub, zone.refusal("bank-a")).leaf_index
            rpc.call(stub.Checkpoint, pb.CheckpointRequest(min_size=place + 1), timeout_s=CALL_S)
        prompt[0].stop()
        wake.set()
        place = send(stub, zone.refusal("bank-a")).leaf_index
        rpc.call(stub.Checkpoint, pb.CheckpointRequest(min_size=place + 1), timeout_s=CALL_S)
        assert hanging.cosigned[-1] == place + 1
        assert len(hanging.cosigned) <= 3  # it was asked for the newest head, not for each that it missed
        hanging.stop()
        prompt[1].stop()
