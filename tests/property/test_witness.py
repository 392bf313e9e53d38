"""Whatever a log offers, forks included, in whatever order, across restarts: what a witness cosigned is one history."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from crypto.checkpoint import Checkpoint, check_witnessed, sign_checkpoint
from crypto.merkle import MemoryTree, check_consistency, consistency_proof
from crypto.notes import COSIGNATURE_V1, ED25519, NoteSigner
from nodes.auditor.witness import Witness
from nodes.auditor.witness_state import WitnessState

LOG = NoteSigner("xinqiao/test-zone", ED25519, bytes(32))
COSIGNER = NoteSigner("xinqiao/test-zone/auditor", COSIGNATURE_V1, b"w" * 32)
LARGEST = 40


class History:
    """A log that may share its first ``common`` leaves with the other one."""

    def __init__(self, name: str, common: int) -> None:
        self._leaves = [f"{'true' if index < common else name} {index}".encode() for index in range(LARGEST)]

    def tree(self, size: int) -> MemoryTree:
        return MemoryTree(self._leaves[:size])

    def note(self, size: int) -> bytes:
        return sign_checkpoint(Checkpoint(LOG.name, size, self.tree(size).root()), LOG)

    def proof(self, old: int, new: int) -> Sequence[bytes]:
        return consistency_proof(old, new, self.tree(new).hashes) if 0 < old <= new else []


class LyingLog(RuleBasedStateMachine):
    """Offers checkpoints of two histories that part somewhere; every cosigned head must continue the one before."""

    @initialize(common=st.integers(0, LARGEST))
    def begin(self, common: int) -> None:
        self.path = Path(tempfile.mkdtemp())
        self.histories = [History("true", common), History("forged", common)]
        self.cosigned: list[tuple[int, int]] = []  # (size, history)
        self.start()

    @rule()
    def start(self) -> None:
        """The witness's process begins, or begins again."""
        self.witness = Witness(LOG.key.to_vkey(), COSIGNER, WitnessState(self.path / "witness", self.path / "witness.pin"), lambda: 1)

    @rule(which=st.integers(0, 1), old=st.integers(0, LARGEST), new=st.integers(0, LARGEST), honest=st.booleans())
    def offer(self, which: int, old: int, new: int, honest: bool) -> None:
        """The log asks for a cosignature, with the witness's true old size when ``honest``."""
        history = self.histories[which]
        old = self.witness.size if honest else old
        answer = self.witness.add(old, history.proof(old, new), history.note(new))
        if answer.status == 200:
            found = check_witnessed(history.note(new) + answer.cosignature, LOG.key.to_vkey(), [COSIGNER.key.to_vkey()], 1)
            assert found.size == new == self.witness.size
            self.cosigned.append((new, which))
        else:
            assert not answer.cosignature

    @rule(by=st.integers(0, 5))
    def offer_truly(self, by: int) -> None:
        """An honest log is always served, until a lying one was believed."""
        size = min(self.witness.size + by, LARGEST)
        history = self.histories[0]
        answer = self.witness.add(self.witness.size, history.proof(self.witness.size, size), history.note(size))
        believed = {history.tree(old).root() == self.histories[which].tree(old).root() for old, which in self.cosigned}
        assert answer.status == 200 or False in believed
        if answer.status == 200:
            self.cosigned.append((size, 0))

    @invariant()
    def cosigned_heads_are_one_history(self) -> None:
        for (old, first), (new, second) in zip(self.cosigned, self.cosigned[1:], strict=False):
            assert old <= new
            root, proof = self.histories[first].tree(old).root(), self.histories[second].proof(old, new)
            check_consistency(old, new, proof if old < new else [], root, self.histories[second].tree(new).root())

    def teardown(self) -> None:
        if hasattr(self, "path"):
            shutil.rmtree(self.path)


TestLyingLog = LyingLog.TestCase
TestLyingLog.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
