"""An auditor's draws, conducted by themselves: whatever the log and the book say is due is done, as often as it takes [P6, P2.4].

Each step is decided from the log and the book alone and is idempotent, so that a killed process goes on where it was. R is in the book
before its commitment is in the log; requests and answers are there before they count.
"""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass
from typing import Literal

from crypto.encoding import sha256
from nodes.auditor.draws.book import Book, Commitment
from nodes.auditor.draws.cases import Case, LeafAt, draw_case, failure_case
from nodes.auditor.draws.settling import Settler
from nodes.errors import NotReadyError, PeerUnavailableError, RpcRefusal
from nodes.runtime import logging
from nodes.runtime.clock import Clock
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.log_client import LogClient
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from nodes.runtime.replica.zone import Zone
from protos.v1.exchange_pb2 import WorkItem
from scoring.draws.rules import DrawState, draws_of
from scoring.draws.selection import commitment_of
from scoring.exchange.epoch import EpochState, Phase
from scoring.exchange.view import ZoneView
from scoring.statements import AuditCommit, AuditReveal, Statement

LOOK_S, APPLY_TIMEOUT_S = 5.0, 30.0
R_BYTES = 32
NO_NONCE = "0" * 32
DRAW_COMMITTED, DRAW_REVEALED, DRAW_DELAYED, NUMBER_LOST = "draw.committed", "draw.revealed", "draw.delayed", "number.lost"
_log = logging.logger("auditor.draws")


@dataclass(frozen=True, slots=True)
class Policy:
    """How many batches of each column, and rows of each department, are drawn (0: none); how often rows are; when answers are due."""

    columns: int
    rows: int
    rows_every_s: int
    due_s: int


class Conductor:
    """Conducts the draws of the auditor ``identity``, and has failed tickets opened. ``leaf_at`` reads the replica."""

    def __init__(
        self, identity: Identity, zone: Zone, log: LogClient, book: Book, settler: Settler, leaf_at: LeafAt, policy: Policy, now: Clock
    ) -> None:
        self._identity, self._zone, self._log, self._book, self._settler = identity, zone, log, book, settler
        self._leaf_at, self._policy, self._now = leaf_at, policy, now
        self._changed = threading.Event()
        self._cases: dict[str, Case] = {}  # open ones, by cause

    def wake(self, _logged: object = None) -> None:
        """Look again now: something was logged or answered, or the process stops."""
        self._changed.set()

    def take(self, item: WorkItem) -> None:
        """Take a work item: a department's answer is kept, other work is passed over."""
        if item.WhichOneof("work") == "sealed" and self._settler.take(item.sealed):
            self.wake()

    def run(self, stopping: threading.Event) -> None:
        """Do what is due until ``stopping`` is set and ``wake`` called. Raises what ``step`` raises besides a peer's absence or refusal."""
        while not stopping.is_set():
            self._changed.clear()
            try:
                self.step()
            except (PeerUnavailableError, RpcRefusal, NotReadyError) as error:
                _log.info(DRAW_DELAYED, error=type(error).__name__, reason=getattr(error, "reason", ""))
            self._changed.wait(LOOK_S)

    def step(self) -> None:
        """Commit, reveal, ask and settle whatever is due now.

        Raises RpcRefusal, PeerUnavailableError, NotReadyError: what was not done is done next time. Raises StorageError, LogForkError's kin
        when the book or the log cannot be believed.
        """
        for statement, place in self._to_commit():
            self._commit(statement, place)
        for state in self._own_draws():
            with self._zone.reading() as view:
                fixed = state.reveal is None and state.size(view) is not None
            if fixed:
                self._reveal(state)
        for case in self._open_cases():
            self._settler.ask(case)
            outcome = self._settler.outcome(case)
            if outcome is not None:
                self._append(outcome)

    # --- commitments and numbers ---

    def _own_draws(self) -> list[DrawState]:
        with self._zone.reading() as view:
            return [state for state in view.draws.values() if state.committed.actor == self._identity.member]

    def _to_commit(self) -> list[tuple[AuditCommit, str]]:
        """Draws that should be committed to now, without their number, each with its place in the book."""
        found = []
        with self._zone.reading() as view:
            for state in view.epochs.values():
                epoch = state.opened.epoch
                own = draws_of(view, epoch, self._identity.member)
                if self._policy.columns and state.phase is Phase.OPEN and not own:
                    found.append((self._statement(epoch, "columns", self._policy.columns), f"{epoch}/columns"))
                if self._policy.rows and state.phase is not Phase.OPEN:
                    found += self._rows(view, state, [item for item in own if item.commit.draw == "rows"])
        return found

    def _rows(self, view: ZoneView, state: EpochState, own: list[DrawState]) -> list[tuple[AuditCommit, str]]:
        """The next draw of an epoch's rows, when the last one is over. The last of all is the first one begun when none are made any more."""
        final = any(other.phase is Phase.RELEASED and other.open_index > state.open_index for other in view.epochs.values())
        if own and (own[-1].window_size is None or own[-1].commit.final):
            return []
        since = state.open_index if not own else own[-1].window_size
        assert since is not None  # the last one is over
        epoch, until = state.opened.epoch, self._now() + self._policy.rows_every_s
        statement = self._statement(epoch, "rows", self._policy.rows).model_copy(update={"since": since, "until": until, "final": final})
        return [(statement, f"{epoch}/rows/{since}")]

    def _statement(self, epoch: str, draw: Literal["columns", "rows"], count: int) -> AuditCommit:
        zone, due_s = self._identity.zone, self._policy.due_s
        return AuditCommit(zone=zone, nonce=fresh_nonce(), epoch=epoch, draw=draw, count=count, commitment="0" * 64, due_s=due_s)

    def _commit(self, statement: AuditCommit, place: str) -> None:
        known = self._book.commitment(place)
        if known is None:
            r = secrets.token_bytes(R_BYTES)
            envelope = sign_statement(statement.model_copy(update={"commitment": commitment_of(r)}), self._identity.signer)
            known = Commitment(sha256(envelope).hex(), place, r, envelope)
            self._book.commit(known)
        leaf_index = self._append_envelope(known.envelope)
        _log.info(DRAW_COMMITTED, epoch=statement.epoch, draw=statement.draw, count=statement.count, leaf_index=leaf_index)

    def _reveal(self, state: DrawState) -> None:
        known = self._book.by_digest(state.committed.digest)
        if known is None:
            _log.error(NUMBER_LOST, epoch=state.commit.epoch, leaf_index=state.committed.index)  # withheld, for whoever audits us
            return
        reveal = AuditReveal(zone=self._identity.zone, nonce=fresh_nonce(), commit=known.digest, r=known.r.hex())
        leaf_index = self._append(reveal)
        _log.info(DRAW_REVEALED, epoch=state.commit.epoch, draw=state.commit.draw, leaf_index=leaf_index)

    # --- cases ---

    def _open_cases(self) -> list[Case]:
        draws = {state.committed.digest: state for state in self._own_draws() if state.reveal is not None and state.result is None}
        with self._zone.reading() as view:
            failures = {digest: state for digest, state in view.failures.items() if not state.done}
        self._cases = {cause: case for cause, case in self._cases.items() if cause in draws or cause in failures}
        for cause, state in draws.items():
            if cause not in self._cases:
                self._cases[cause] = draw_case(self._zone, state, self._log, self._leaf_at)
        for cause, failure in failures.items():
            if cause not in self._cases:
                self._cases[cause] = failure_case(self._zone, failure, self._log, self._leaf_at, self._policy.due_s)
        return list(self._cases.values())

    # --- the log ---

    def _append(self, statement: Statement) -> int:
        """Log what is said, once whatever its nonce: after a crash the view may not show yet that it was."""
        said = sha256(statement.model_copy(update={"nonce": NO_NONCE}).payload()).hex()
        return self._append_envelope(self._book.said(said, sign_statement(statement, self._identity.signer)))

    def _append_envelope(self, envelope: bytes) -> int:
        """Log a statement, and wait until our own view has it: the next step is decided from there."""
        placed = self._log.append(envelope)
        self._zone.wait(lambda view: True if view.size > placed.index else None, APPLY_TIMEOUT_S, f"leaf {placed.index}")
        return placed.index
