"""What may be said about draws and failures, when, and what it changes [P6, P2.4]. Part of ``scoring.exchange.view``, which calls it.

A draw of columns is fixed by the epoch's close, one of rows by the first leaf of somebody else at or after its time. What is drawn follows from R,
from the root of the tree that ends there, and from the contributions in it. Failed tickets are ``scoring.draws.failures``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from scoring.draws import failures
from scoring.draws.selection import Lot, commitment_of
from scoring.errors import DrawError, WrongSignerError
from scoring.statements import AuditCommit, AuditResult, AuditReveal, Failure, Statement

if TYPE_CHECKING:
    from scoring.exchange.view import Logged, Signer, ZoneView

UNOPENED = frozenset({"MISSING", "REFUSED", "OPENING_INVALID"})
LONGEST_WINDOW_S = 366 * 86_400
WHOLE_ROW = -1
Item = tuple[int, int]
"""Leaf of a contribution, and position of a ciphertext in it; WHOLE_ROW for a row with everything in it."""


@dataclass(frozen=True, slots=True)
class DrawState:
    """A commitment as the log tells it. ``window_size``: of rows, leaves up to the one that fixed the draw, once it is there."""

    committed: Logged
    window_size: int | None = None
    reveal: AuditReveal | None = None
    result: Logged | None = None

    @property
    def commit(self) -> AuditCommit:
        """What was committed to."""
        statement: AuditCommit = self.committed.statement
        return statement

    def size(self, view: ZoneView) -> int | None:
        """Leaves of the tree that fixes the draw; None while it is open."""
        if self.commit.draw == "rows":
            return self.window_size
        close = view.epoch(self.commit.epoch).close_index
        return None if close is None else close + 1


def check_commit(view: ZoneView, statement: AuditCommit, auditor: str, time: int) -> None:
    """One draw of columns by each auditor while the epoch is open; of rows one after the other, without gap or overlap.

    Raises EpochUnknownError, EpochStateError, DrawError.
    """
    epoch = view.epoch(statement.epoch)
    own = [state for state in draws_of(view, statement.epoch, auditor) if state.commit.draw == statement.draw]
    if any(state.commit.commitment == statement.commitment for state in view.draws.values()):
        raise DrawError("a draw with this commitment is in the log already")
    if statement.draw == "columns":
        if epoch.close_index is not None:
            raise DrawError("columns are committed to before the epoch closes: afterwards R could be chosen")
        if own or (statement.since, statement.until, statement.final) != (0, 0, False):
            raise DrawError("an auditor draws an epoch's columns once, by the close")
        return
    if not time < statement.until <= time + LONGEST_WINDOW_S:
        raise DrawError("a draw of rows is fixed at a later time, within a year")
    if own and (own[-1].window_size is None or own[-1].commit.final):
        raise DrawError("the auditor's last draw of these rows is not over, or was said to be the final one")
    start = own[-1].window_size if own else epoch.open_index
    if statement.since != start:
        raise DrawError(f"the next draw of these rows begins at leaf {start}")


def check_reveal(view: ZoneView, statement: AuditReveal, auditor: str) -> None:
    """R is shown by who committed to it, once, after the draw is fixed. Raises DrawError, WrongSignerError."""
    state = _draw(view, statement.commit, auditor)
    if state.size(view) is None:
        raise DrawError("the draw is not fixed yet: who knew R now could still steer it")
    if state.reveal is not None:
        raise DrawError("R was shown before")
    if commitment_of(bytes.fromhex(statement.r)) != state.commit.commitment:
        raise DrawError("R is not the number that was committed to")


def check_result(view: ZoneView, statement: AuditResult, auditor: str) -> None:
    """The outcome names exactly what was drawn under its root, or every input of the failed ticket, which any auditor may settle.

    Raises DrawError, WrongSignerError.
    Whether the root is the tree's is known to those who hold the tree: an audit compares it.
    """
    items = tuple((item.leaf_index, item.position) for item in statement.items)
    failure = view.failures.get(statement.cause)
    if failure is not None:
        if (statement.size, statement.root, items) != (0, "", failure.inputs()):
            raise DrawError("the outcome of a failure names every input of its ticket, in order")
        return
    state = _draw(view, statement.cause, auditor)
    if state.reveal is None or state.result is not None:
        raise DrawError("a draw has one outcome, after R was shown")
    if statement.size != state.size(view) or not statement.root or items != drawn(view, state, bytes.fromhex(statement.root)):
        raise DrawError("the outcome does not name exactly what was drawn")


def drawn(view: ZoneView, state: DrawState, root: bytes) -> tuple[Item, ...]:
    """What a revealed draw takes, in order of leaf and position. ``root``: of the tree that fixed it. Requires ``state.reveal``."""
    assert state.reveal is not None
    lot, commit, size = Lot(bytes.fromhex(state.reveal.r), root), state.commit, state.size(view)
    assert size is not None  # what is revealed is fixed
    if commit.draw == "columns":
        columns = [found[-1] for (epoch, *_), found in view.columns.items() if epoch == commit.epoch]
        return tuple(
            sorted((logged.index, place) for logged in columns for place in lot.batches(logged.digest, logged.statement.header.batches, commit.count))
        )
    leaf_of: dict[str, dict[str, int]] = {}  # sender -> digest of a row -> leaf
    for (epoch, sender, *_), found in view.rows.items():
        if epoch == commit.epoch:
            leaf_of.setdefault(sender, {}).update({logged.digest: logged.index for logged in found if commit.since <= logged.index < size})
    chosen = [(rows, lot.chosen([(digest, 0) for digest in rows], commit.count)) for rows in leaf_of.values()]
    return tuple(sorted((rows[digest], WHOLE_ROW) for rows, picked in chosen for digest, _ in picked))


def draws_of(view: ZoneView, epoch: str, auditor: str) -> list[DrawState]:
    """An auditor's draws over an epoch, in order of their commitments."""
    return [state for state in view.draws.values() if state.commit.epoch == epoch and state.committed.actor == auditor]


def close_windows(view: ZoneView, time: int, actor: str) -> None:
    """A leaf of ``time`` and ``actor`` was counted: it fixes the draws of rows that were waiting for it, but not the actor's own, who knows R."""
    for digest in sorted(view.windows):
        if view.draws[digest].commit.until <= time and view.draws[digest].committed.actor != actor:
            view.draws[digest] = replace(view.draws[digest], window_size=view.size)
            view.windows.discard(digest)


def commit_draw(view: ZoneView, logged: Logged) -> None:
    """Effect of a commitment."""
    view.draws[logged.digest] = DrawState(logged)
    if logged.statement.draw == "rows":
        view.windows.add(logged.digest)


def commit_reveal(view: ZoneView, logged: Logged) -> None:
    """Effect of a shown R."""
    digest = logged.statement.commit
    view.draws[digest] = replace(view.draws[digest], reveal=logged.statement)


def commit_result(view: ZoneView, logged: Logged) -> None:
    """Effect of an outcome: a failure whose inputs were all opened freezes nobody any more."""
    result: AuditResult = logged.statement
    if result.cause in view.draws:
        view.draws[result.cause] = replace(view.draws[result.cause], result=logged)
    elif all(item.outcome not in UNOPENED for item in result.items):
        view.failures[result.cause] = replace(view.failures[result.cause], done=True)


def _draw(view: ZoneView, digest: str, auditor: str) -> DrawState:
    state = view.draws.get(digest)
    if state is None:
        raise DrawError("no such commitment is in the log")
    if state.committed.actor != auditor:
        raise WrongSignerError(f"the draw is {state.committed.actor}'s, not {auditor}'s")
    return state


def _judge_commit(view: ZoneView, statement: AuditCommit, signer: Signer, time: int) -> None:
    signer.require_role(view.registry, "auditor")
    check_commit(view, statement, signer.member, time)


def _judge_reveal(view: ZoneView, statement: AuditReveal, signer: Signer, _time: int) -> None:
    signer.require_role(view.registry, "auditor")
    check_reveal(view, statement, signer.member)


def _judge_result(view: ZoneView, statement: AuditResult, signer: Signer, _time: int) -> None:
    signer.require_role(view.registry, "auditor")
    check_result(view, statement, signer.member)


def _judge_failure(view: ZoneView, statement: Failure, signer: Signer, time: int) -> None:
    failures.check_failure(view, statement, signer.key.key_id if signer.subject else signer.member, time)


RULES: dict[type[Statement], Callable[[ZoneView, Any, Signer, int], None]] = {
    AuditCommit: _judge_commit,
    AuditReveal: _judge_reveal,
    AuditResult: _judge_result,
    Failure: _judge_failure,
}
