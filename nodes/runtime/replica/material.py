"""The large documents behind statements: rosters in their order, and ciphertexts by leaf. Loaded on demand, checked, kept.

Where the bytes come from is the caller's: the coordinator reads its own blobs, a custodian fetches them and proves them first.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from crypto.contribution import check_contribution
from crypto.encoding import sha256
from crypto.merkle import MemoryTree
from crypto.proofs import KnowledgeProof
from nodes.runtime.replica.zone import Zone
from nodes.runtime.spool import Spool
from scoring.errors import RosterError, SubjectUnknownError, TicketInputsError
from scoring.exchange.order import check_order
from scoring.exchange.roster import StageProof, Stages, parse_stages
from scoring.exchange.view import Logged
from scoring.release.aggregate import Placement


class Placements:
    """The frozen order of each epoch's roster. ``load(sha256 hex)`` gives the stages document's bytes."""

    def __init__(self, zone: Zone, load: Callable[[str], bytes]) -> None:
        self._zone, self._load = zone, load
        self._known: dict[str, tuple[Stages, Placement, dict[str, int]]] = {}
        self._trees: dict[str, MemoryTree] = {}  # made for the first proof: most processes give none
        self._lock = threading.Lock()

    def placement(self, epoch_id: str) -> Placement:
        """Stage and batch look-ups of an epoch. Raises EpochUnknownError, RosterError."""
        return self._get(epoch_id)[1]

    def stages(self, epoch_id: str) -> Stages:
        """The ordered roster of an epoch. Raises EpochUnknownError, RosterError."""
        return self._get(epoch_id)[0]

    def stage_proof(self, epoch_id: str, subject: str) -> StageProof:
        """Proof of a subject's stage and place in the epoch's order. Raises SubjectUnknownError."""
        stages, _, positions = self._get(epoch_id)
        if subject not in positions:
            raise SubjectUnknownError("the subject is not in the epoch's roster")
        with self._lock:
            if epoch_id not in self._trees:
                self._trees[epoch_id] = stages.tree()
            return stages.proof(positions[subject], self._trees[epoch_id])

    def _get(self, epoch_id: str) -> tuple[Stages, Placement, dict[str, int]]:
        with self._lock:
            if epoch_id not in self._known:
                self._known[epoch_id] = self._read(epoch_id)
            return self._known[epoch_id]

    def _read(self, epoch_id: str) -> tuple[Stages, Placement, dict[str, int]]:
        with self._zone.reading() as view:
            opened = view.epoch(epoch_id).opened
            statement = view.at(opened.stages_leaf).statement
            order = [stage.id for stage in view.model(opened.model).stages]
        content = self._load(opened.roster)
        if sha256(content).hex() != opened.roster:
            raise RosterError("the ordered roster is not the one that the epoch froze")
        stages = parse_stages(content, order)
        if stages.merkle_root().hex() != statement.merkle_root:
            raise RosterError("the ordered roster does not have the stage column's Merkle root")
        check_order(opened, stages)
        placement = Placement.of(stages, opened.slots)
        if len(placement.batches) != opened.batches:
            raise RosterError(f"the roster fills {len(placement.batches)} batches, the epoch says {opened.batches}")
        return stages, placement, stages.positions()


class Ciphertexts:
    """(leaf index, position) → ciphertext, of contributions that are loaded once and then lie on disk: an epoch may exceed memory.

    ``load(logged)`` gives a contribution's fixed-width bytes and has checked whatever this process must check about them.
    ``directory`` is the process's own.
    """

    def __init__(self, zone: Zone, load: Callable[[Logged], bytes], directory: Path | None = None) -> None:
        self._zone, self._load, self._spool = zone, load, Spool(directory)

    def __call__(self, leaf_index: int, position: int) -> int:
        """Ciphertext ``position`` of the contribution at ``leaf_index``. Raises TicketInputsError when there is none."""
        with self._zone.reading() as view:
            assert view.public_key is not None  # contributions hold only after the ceremony
            width = view.public_key.ciphertext_size
        part = self._part(leaf_index, position * width, width) if position >= 0 else b""
        if len(part) != width:
            raise TicketInputsError(f"the contribution at leaf {leaf_index} has no ciphertext {position}")
        return int.from_bytes(part, "big")

    def prepare(self, leaf_index: int) -> None:
        """Load the contribution at ``leaf_index`` now, if it is not here. Raises what ``load`` raises, and TicketInputsError."""
        self._part(leaf_index, 0, 0)

    def _part(self, leaf_index: int, start: int, size: int) -> bytes:
        part = self._spool.read(leaf_index, start, size)
        if part is not None:
            return part
        with self._zone.reading() as view:
            logged = view.contributions.get(leaf_index)
        if logged is None:
            raise TicketInputsError(f"leaf {leaf_index} is not a contribution")
        data = self._load(logged)
        self._spool.put(leaf_index, data)
        return data[start : start + size]


def proven(zone: Zone, logged: Logged, data: bytes) -> bytes:
    """``data``, once it is exactly the ciphertexts of the contribution and its proof of knowledge holds [P4.6].

    Raises as ``crypto.contribution.check_contribution``.
    """
    with zone.reading() as view:
        key = view.public_key
    assert key is not None  # contributions hold only after the ceremony
    statement = logged.statement
    check_contribution(key, statement.header.model_dump(mode="json"), KnowledgeProof.from_json(statement.proof.model_dump(mode="json")), data)
    return data
