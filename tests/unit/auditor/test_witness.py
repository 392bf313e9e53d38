"""The witness answers as C2SP tlog-witness says, remembers before it signs, and never witnesses again once it forgot."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from crypto.checkpoint import Checkpoint, check_witnessed, sign_checkpoint
from crypto.merkle import EMPTY_ROOT, MemoryTree, consistency_proof
from crypto.notes import COSIGNATURE_V1, ED25519, NoteSigner
from nodes.auditor.witness import Answer, Witness
from nodes.auditor.witness_state import EVIDENCE_KEPT, WitnessHead, WitnessState
from nodes.errors import RollbackError

LOG = NoteSigner("xinqiao/test-zone", ED25519, bytes(32))
COSIGNER = NoteSigner("xinqiao/test-zone/auditor", COSIGNATURE_V1, b"w" * 32)
NOW = 1_700_000_000


def tree(size: int, history: str = "true") -> MemoryTree:
    return MemoryTree(f"{history} {index}".encode() for index in range(size))


def note(size: int, history: str = "true", signer: NoteSigner = LOG) -> bytes:
    return sign_checkpoint(Checkpoint(signer.name, size, tree(size, history).root()), signer)


def proof(old: int, new: int, history: str = "true") -> list[bytes]:
    return consistency_proof(old, new, tree(new, history).hashes) if old else []


def state_in(path: Path) -> WitnessState:
    (path / "keys").mkdir(exist_ok=True)
    return WitnessState(path / "witness", path / "keys" / "witness.pin")


def witness_in(path: Path) -> Witness:
    return Witness(LOG.key.to_vkey(), COSIGNER, state_in(path), lambda: NOW)


def evidence(path: Path) -> set[bytes]:
    return {file.read_bytes() for file in (path / "witness" / "evidence").iterdir()}


def test_new_head_is_cosigned_with_its_time(tmp_path: Path) -> None:
    witness = witness_in(tmp_path)
    assert witness.size == 0
    for old, new in ((0, 3), (3, 3), (3, 8), (8, 1000)):
        answer = witness.add(old, proof(old, new), note(new))
        assert (answer.status, answer.size, witness.size) == (200, new, new)
        found = check_witnessed(note(new) + answer.cosignature, LOG.key.to_vkey(), [COSIGNER.key.to_vkey()], 1)
        assert (found.size, found.root, found.time) == (new, tree(new).root(), NOW)


@pytest.mark.parametrize("old", [0, 2, 4])
def test_another_old_size_is_answered_409_with_the_witnesss_size(tmp_path: Path, old: int) -> None:
    witness = witness_in(tmp_path)
    witness.add(0, [], note(3))
    assert witness.add(old, proof(old, 8), note(8)) == Answer(409, 3)
    assert witness.size == 3
    assert not (tmp_path / "witness" / "evidence").exists()


def test_same_size_with_another_root_is_409_and_both_notes_are_kept(tmp_path: Path) -> None:
    witness = witness_in(tmp_path)
    witness.add(0, [], note(5))
    assert witness.add(5, [], note(5, "forged")) == Answer(409, 5)
    assert evidence(tmp_path) == {note(5), note(5, "forged")}


def test_empty_tree_has_one_root(tmp_path: Path) -> None:
    witness = witness_in(tmp_path)
    forged = sign_checkpoint(Checkpoint(LOG.name, 0, bytes(32)), LOG)
    assert witness.add(0, [], forged) == Answer(409, 0)
    assert witness.add(0, [], sign_checkpoint(Checkpoint(LOG.name, 0, EMPTY_ROOT), LOG)).status == 200


@pytest.mark.parametrize("made", [[], [bytes(32)], proof(5, 9)[:-1], proof(5, 9, "forged")])
def test_failing_consistency_proof_is_422_and_both_notes_are_kept(tmp_path: Path, made: Sequence[bytes]) -> None:
    witness = witness_in(tmp_path)
    witness.add(0, [], note(5))
    assert witness.add(5, made, note(9, "forged")).status == 422
    assert witness.size == 5
    assert evidence(tmp_path) == {note(5), note(9, "forged")}
    assert witness.add(5, proof(5, 9), note(9)).status == 200  # the true history goes on


def test_proof_from_the_empty_tree_is_empty(tmp_path: Path) -> None:
    assert witness_in(tmp_path).add(0, [bytes(32)], note(2)).status == 422


def test_what_the_log_did_not_sign_is_403(tmp_path: Path) -> None:
    witness = witness_in(tmp_path)
    impostor = NoteSigner(LOG.name, ED25519, b"i" * 32)
    assert witness.add(0, [], note(2, signer=impostor)).status == 403
    text, line = note(2, "forged").split(b"\n\n")[0], note(2).split(b"\n\n")[1]
    assert witness.add(0, [], text + b"\n\n" + line).status == 403
    assert witness.size == 0


def test_another_log_is_404(tmp_path: Path) -> None:
    assert witness_in(tmp_path).add(0, [], note(2, signer=NoteSigner("xinqiao/elsewhere", ED25519, bytes(32)))).status == 404


def test_what_is_no_checkpoint_is_400(tmp_path: Path) -> None:
    witness = witness_in(tmp_path)
    witness.add(0, [], note(5))
    assert witness.add(5, [], b"not a note").status == 400
    assert witness.add(5, [], note(4)).status == 400


def test_restarted_witness_goes_on_where_it_was(tmp_path: Path) -> None:
    witness_in(tmp_path).add(0, [], note(5))
    again = witness_in(tmp_path)
    assert again.size == 5
    assert again.add(5, [], note(5)).status == 200
    assert again.add(5, [], note(5, "forged")).status == 409
    assert again.add(5, proof(5, 6), note(6)).status == 200


class FullDisk(WitnessState):
    """A state that cannot be written any more."""

    def store(self, head: WitnessHead) -> None:
        if head.size:
            raise OSError(28, "No space left on device")
        super().store(head)


def test_nothing_is_cosigned_that_is_not_on_disk(tmp_path: Path) -> None:
    witness = Witness(LOG.key.to_vkey(), COSIGNER, FullDisk(tmp_path / "witness", tmp_path / "witness.pin"), lambda: NOW)
    with pytest.raises(OSError, match="No space"):
        witness.add(0, [], note(5))
    assert witness.size == 0


def test_head_is_on_disk_in_both_places_when_the_cosignature_is_made(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []

    def clock() -> int:  # asked for the cosignature's time, that is just before it is made
        head = json.loads((tmp_path / "witness" / "head.json").read_text())
        pin = json.loads((tmp_path / "keys" / "witness.pin").read_text())
        seen.append((head["size"], pin["size"]))
        return NOW

    witness = Witness(LOG.key.to_vkey(), COSIGNER, state_in(tmp_path), clock)
    witness.add(0, [], note(5))
    witness.add(5, proof(5, 7), note(7))
    assert seen == [(5, 5), (7, 7)]


def test_witness_that_lost_its_state_is_retired(tmp_path: Path) -> None:
    witness_in(tmp_path).add(0, [], note(5))
    shutil.rmtree(tmp_path / "witness")
    for _ in range(2):
        with pytest.raises(RollbackError, match="retire"):
            witness_in(tmp_path)


def test_witness_whose_state_was_restored_is_retired(tmp_path: Path) -> None:
    witness = witness_in(tmp_path)
    witness.add(0, [], note(5))
    shutil.copytree(tmp_path / "witness", tmp_path / "backup")
    witness.add(5, proof(5, 9), note(9))
    shutil.rmtree(tmp_path / "witness")
    (tmp_path / "backup").rename(tmp_path / "witness")
    with pytest.raises(RollbackError, match="old copy"):
        witness_in(tmp_path)


@pytest.mark.parametrize("broken", ["head.json", "pin"])
@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'{"note":"","root":"zz","size":3}'])
def test_unreadable_state_retires_the_witness(tmp_path: Path, broken: str, content: bytes) -> None:
    witness_in(tmp_path).add(0, [], note(5))
    path = tmp_path / "keys" / "witness.pin" if broken == "pin" else tmp_path / "witness" / broken
    path.write_bytes(content)
    with pytest.raises(RollbackError, match="retire"):
        witness_in(tmp_path)


def test_lost_pin_retires_a_witness_that_has_cosigned(tmp_path: Path) -> None:
    state_in(tmp_path)
    (tmp_path / "keys" / "witness.pin").unlink()
    witness_in(tmp_path).add(0, [], note(5))  # before the first cosignature nothing is lost
    (tmp_path / "keys" / "witness.pin").unlink()
    with pytest.raises(RollbackError, match="retire"):
        witness_in(tmp_path)


def test_state_ahead_of_its_pin_is_taken(tmp_path: Path) -> None:
    """The process may end between the two writes."""
    witness_in(tmp_path).add(0, [], note(5))
    pin = (tmp_path / "keys" / "witness.pin").read_bytes()
    witness_in(tmp_path).add(5, proof(5, 9), note(9))
    (tmp_path / "keys" / "witness.pin").write_bytes(pin)
    assert witness_in(tmp_path).size == 9


def test_a_liar_cannot_fill_the_disk_with_evidence(tmp_path: Path) -> None:
    state = state_in(tmp_path)
    kept = [state.keep_evidence(b"note %d" % number) for number in range(EVIDENCE_KEPT + 5)]
    assert kept == [True] * EVIDENCE_KEPT + [False] * 5
    assert len(evidence(tmp_path)) == EVIDENCE_KEPT
