"""What statements only name: rosters, ciphertexts with their proofs, and the aggregates of tickets. All recomputed from blobs [L7, P4.6, P5.3]."""

from __future__ import annotations

import functools
import multiprocessing
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crypto.contribution import check_contribution
from crypto.encoding import sha256
from crypto.errors import CiphertextError, CryptoError, MerkleError, ProofError
from crypto.paillier import PublicKey
from crypto.proofs import KnowledgeProof
from nodes.errors import NotFoundError
from nodes.evidence.archive import Archive
from scoring.audit import Finding, Scope
from scoring.errors import AggregateError, RosterError, ScoringError, SubjectUnknownError, TicketInputsError
from scoring.exchange.documents.axes import check_stated
from scoring.exchange.order import check_order
from scoring.exchange.roster import Roster, Stages, check_compiled, check_published, parse_roster, parse_stages
from scoring.exchange.view import Logged, ZoneView
from scoring.release.aggregate import Placement, check_stage, recompute
from scoring.statements import EpochOpen, RosterCompiled, StagesPublished, Ticket

PARALLEL_FROM = 8192  # ciphertexts, below which starting processes takes longer than checking; a proof by itself costs as much as PROOF_COST
PROOF_COST = 24
CACHE_BYTES = 64 << 20
_CODES: tuple[tuple[type[Exception], str], ...] = (
    (MerkleError, "CIPHERTEXT_ROOT_MISMATCH"),
    (CiphertextError, "CIPHERTEXT_INVALID"),
    (ProofError, "PROOF_INVALID"),
)

Count = Callable[[str, int, int], None]
"""Hears of progress: what is being done, how many are done, of how many."""


@dataclass(frozen=True, slots=True)
class _Task:
    """One contribution to be proven, in a form that another process can be given."""

    leaf_index: int
    path: Path
    header: dict[str, Any]
    proof: dict[str, Any]


class Contents:
    """The large documents behind a replayed view, judged. ``orders`` has the frozen roster of each epoch once ``rosters`` was run."""

    def __init__(self, archive: Archive, view: ZoneView, scope: Scope, workers: int, count: Count) -> None:
        self._archive, self._view, self._scope, self._workers, self._count = archive, view, scope, workers, count
        self._cache: OrderedDict[int, bytes] = OrderedDict()
        self._cached = 0
        self.orders: dict[str, Stages] = {}
        self.placements: dict[str, Placement] = {}
        self.contributions = self.openings = 0

    # --- rosters and stages [P3] ---

    def rosters(self) -> Iterator[Finding]:
        """Rosters and stages that are missing, malformed, not those named, or not over one another; epochs of another layout."""
        rosters: dict[str, Roster] = {}
        for logged in list(self._view.statements.values()):
            statement = logged.statement
            try:
                if isinstance(statement, RosterCompiled):
                    rosters[statement.sha256] = roster = parse_roster(self._document(statement.sha256))
                    check_compiled(roster, statement)
                elif isinstance(statement, StagesPublished):
                    self._check_stages(statement, rosters)
                elif isinstance(statement, EpochOpen):
                    self._place(statement)
            except NotFoundError as error:
                yield Finding("BLOB_MISSING", logged.index, str(error))
            except RosterError as error:
                yield Finding("ROSTER_INVALID", logged.index, str(error))

    def _check_stages(self, statement: StagesPublished, rosters: dict[str, Roster]) -> None:
        roster = rosters.get(statement.roster)
        if roster is None:
            raise RosterError("the stages are over a roster that is not at hand or does not hold")
        stages = self._stages(statement.sha256, statement.model)
        check_published(stages, roster, statement)
        check_stated(stages, roster, self._view.model(statement.model))

    def _place(self, opened: EpochOpen) -> None:
        stages = self._stages(opened.roster, opened.model)
        placement = Placement.of(stages, opened.slots)
        if len(placement.batches) != opened.batches:
            raise RosterError(f"the roster fills {len(placement.batches)} batches, the epoch says {opened.batches}")
        check_order(opened, stages)
        self.orders[opened.epoch], self.placements[opened.epoch] = stages, placement

    def _stages(self, digest: str, model: str) -> Stages:
        return parse_stages(self._document(digest), [stage.id for stage in self._view.model(model).stages])

    def _document(self, digest: str) -> bytes:
        data = self._archive.blob(digest)
        if data is None:
            raise NotFoundError(f"there is no blob {digest}")
        if sha256(data).hex() != digest:
            raise RosterError(f"blob {digest} has another digest")
        return data

    # --- contributions [P4] ---

    def proofs_and_tickets(self) -> Iterator[Finding]:
        """Contributions whose ciphertexts or proof do not hold, then tickets whose aggregate is not that of their inputs."""
        if self._view.public_key is None:
            return  # no ceremony yet, hence no contribution and no ticket that holds
        chosen = [item for item in self._view.contributions.values() if self._scope.covers(item.time, item.actor)]
        tasks = [self._task(item) for item in chosen]
        check = functools.partial(_judge, self._key.n, self._key.bits)
        if self._workers < 2 or sum(PROOF_COST + item.statement.header.batches for item in chosen) < PARALLEL_FROM:
            yield from self._counted("contributions proven", len(tasks), map(check, tasks))
            yield from self._tickets()
            return
        with ProcessPoolExecutor(self._workers, mp_context=multiprocessing.get_context("spawn")) as pool:
            running: list[Future[Finding | None]] = [pool.submit(check, task) for task in tasks]
            yield from self._counted("contributions proven", len(tasks), (future.result() for future in running))
            yield from self._tickets()

    def _task(self, logged: Logged) -> _Task:
        statement = logged.statement
        path = self._archive.blob_path(statement.header.merkle_root)
        return _Task(logged.index, path, statement.header.model_dump(mode="json"), statement.proof.model_dump(mode="json"))

    def _counted(self, what: str, total: int, results: Iterator[Finding | None]) -> Iterator[Finding]:
        for done, finding in enumerate(results, 1):
            self.contributions = done
            self._count(what, done, total)
            if finding is not None:
                yield finding

    # --- tickets [P5] ---

    def _tickets(self) -> Iterator[Finding]:
        chosen = [item for item in self._view.tickets.values() if self._scope.covers(item.time, item.actor, item.statement.audience)]
        for done, logged in enumerate(chosen, 1):
            yield from self._ticket(logged)
            self._count("tickets recomputed", done, len(chosen))

    def _ticket(self, logged: Logged) -> Iterator[Finding]:
        ticket: Ticket = logged.statement
        placement = self.placements.get(ticket.epoch)
        if placement is None:
            yield Finding("AGGREGATE_UNCHECKED", logged.index, f"the roster of epoch {ticket.epoch} is not at hand or does not hold")
            return
        try:
            check_stage(ticket, placement)
        except (TicketInputsError, SubjectUnknownError) as error:
            yield Finding("TICKET_STAGE", logged.index, str(error))
            return
        model = self._view.model(ticket.model)
        for place, opening in enumerate(ticket.openings):
            try:
                recompute(self._key, model, ticket, opening, placement, self._ciphertext)
                self.openings += 1
            except (AggregateError, ZeroDivisionError) as error:  # the second: a ciphertext that is no unit has no inverse
                yield Finding("AGGREGATE_MISMATCH", logged.index, f"opening {place}: {error}")
            except NotFoundError as error:
                yield Finding("AGGREGATE_UNCHECKED", logged.index, f"opening {place}: {error}")
                return

    @property
    def _key(self) -> PublicKey:
        assert self._view.public_key is not None  # contributions hold only after the ceremony
        return self._view.public_key

    def _ciphertext(self, leaf_index: int, position: int) -> int:
        data, width = self._contribution(leaf_index), self._key.ciphertext_size
        part = data[position * width : (position + 1) * width]
        if len(part) != width:
            raise NotFoundError(f"the contribution at leaf {leaf_index} has no ciphertext {position}")
        return int.from_bytes(part, "big") % self._key.n2

    def _contribution(self, leaf_index: int) -> bytes:
        if leaf_index in self._cache:
            self._cache.move_to_end(leaf_index)
            return self._cache[leaf_index]
        data = self._archive.blob(self._view.contributions[leaf_index].statement.header.merkle_root)
        if data is None:
            raise NotFoundError(f"the ciphertexts of the contribution at leaf {leaf_index} are missing")
        self._cache[leaf_index] = data
        self._cached += len(data)
        while self._cached > CACHE_BYTES and len(self._cache) > 1:
            self._cached -= len(self._cache.popitem(last=False)[1])
        return data


@functools.lru_cache(maxsize=2)
def _key_of(n: int, bits: int) -> PublicKey:
    return PublicKey.from_modulus(n, min_bits=bits)


def _judge(n: int, bits: int, task: _Task) -> Finding | None:
    """What is wrong with one contribution; runs in any process."""
    if not task.path.is_file():
        return Finding("BLOB_MISSING", task.leaf_index, f"there is no blob {task.path.name}")
    data = task.path.read_bytes()
    try:
        check_contribution(_key_of(n, bits), task.header, KnowledgeProof.from_json(task.proof), data)
    except (CryptoError, ScoringError) as error:
        code = next((code for kind, code in _CODES if isinstance(error, kind)), "CONTRIBUTION_INVALID")
        return Finding(code, task.leaf_index, f"contribution of {task.header['sender']}: {error}")
    return None
