"""What a peer zone's node does when the other log is not to be trusted [F7]."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from crypto.checkpoint import Checkpoint, sign_checkpoint
from crypto.merkle import MemoryTree, consistency_proof
from crypto.notes import COSIGNATURE_V1, ED25519, NoteSigner
from nodes.auditor.witness import Witness
from nodes.auditor.witness_state import WitnessState
from nodes.errors import LogForkError, StorageError
from nodes.peering.trust import Trust
from nodes.peering.watch import Watch
from nodes.runtime.process import Process
from scoring.errors import LogInconsistentError

LOG = NoteSigner("xinqiao/test-zone", ED25519, bytes(32))
COSIGNER = NoteSigner("xinqiao/test-zone/other-node", COSIGNATURE_V1, b"w" * 32)
NOW = 1_700_000_000


class Workers:
    """A process that runs its one worker when it is told to."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self.work: Callable[[], None] = lambda: None

    def on_stop(self, _action: Callable[[], None]) -> None:
        return None

    def worker(self, _name: str, work: Callable[[], None]) -> None:
        self.work = work

    def process(self) -> Process:
        return cast(Process, self)


def trust_in(path: Path) -> Trust:
    return Trust(path / "trust", lambda: NOW)


def tree(size: int, history: str) -> MemoryTree:
    return MemoryTree(f"{history} {index}".encode() for index in range(size))


def note(size: int, history: str) -> bytes:
    return sign_checkpoint(Checkpoint(LOG.name, size, tree(size, history).root()), LOG)


@pytest.mark.parametrize("size", [5, 8])
def test_a_log_that_asks_for_two_histories_is_not_trusted_after_a_restart_either(tmp_path: Path, size: int) -> None:
    ended: list[str] = []
    trust = trust_in(tmp_path)
    trust.on_loss(lambda: ended.append("mirror"))
    watch = Watch(trust, tmp_path, threading.Event())
    (tmp_path / "keys").mkdir()
    state = WitnessState(tmp_path / "witness", tmp_path / "keys" / "witness.pin")
    witness = Witness(LOG.key.to_vkey(), COSIGNER, state, lambda: NOW, watch.witness_saw_fork)
    assert witness.add(0, [], note(5, "true")).status == 200
    assert watch.evidence() == []
    assert trust.lost is None
    proof = consistency_proof(5, size, tree(size, "other").hashes)
    assert witness.add(5, proof, note(size, "other")).status == (409 if size == 5 else 422)
    assert ended == ["mirror"]
    for again in (trust, trust_in(tmp_path)):
        assert again.lost is not None
        assert (again.lost["found_by"], again.lost["time"]) == ("witness", NOW)
    kept = {file.read_bytes() for file in Path(trust_in(tmp_path).lost["evidence"]).iterdir()}  # type: ignore[index]  # it is lost
    assert kept == {note(5, "true"), note(size, "other")}
    assert set(Watch(trust_in(tmp_path), tmp_path, threading.Event()).evidence()) == kept  # what its custodians are shown


@pytest.mark.parametrize("error", [LogForkError("two roots"), LogInconsistentError("another registry")])
def test_a_fork_that_the_mirror_meets_ends_mirroring_and_not_the_process(tmp_path: Path, error: Exception) -> None:
    trust, workers = trust_in(tmp_path), Workers()

    def run() -> None:
        workers.stopping.set()
        raise error

    Watch(trust, tmp_path, workers.stopping).work(workers.process(), "follower", run, lambda: None)
    workers.work()
    assert trust.lost is not None
    assert trust.lost["detail"] == str(error)


def test_what_is_not_trusted_is_not_begun_again(tmp_path: Path) -> None:
    trust_in(tmp_path).lose("heads", "another history", tmp_path)
    ran: list[bool] = []
    workers = Workers()
    workers.stopping.set()
    Watch(trust_in(tmp_path), tmp_path, workers.stopping).work(workers.process(), "witness", lambda: ran.append(True), lambda: None)
    workers.work()
    assert not ran


def test_other_errors_end_the_process(tmp_path: Path) -> None:
    workers = Workers()

    def run() -> None:
        raise StorageError("the disk")

    Watch(trust_in(tmp_path), tmp_path, workers.stopping).work(workers.process(), "follower", run, lambda: None)
    with pytest.raises(StorageError):
        workers.work()


def test_the_first_reason_stays(tmp_path: Path) -> None:
    trust = trust_in(tmp_path)
    trust.lose("follower", "first", tmp_path)
    trust.lose("heads", "second", tmp_path)
    assert trust.lost is not None
    assert trust.lost["detail"] == "first"


def test_a_word_that_cannot_be_read_is_no_trust(tmp_path: Path) -> None:
    trust_in(tmp_path).lose("heads", "x", tmp_path)
    (tmp_path / "trust" / "split.json").write_text("{")
    with pytest.raises(StorageError):
        trust_in(tmp_path)
