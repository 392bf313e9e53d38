"""What auditors say: verdicts, draws and their outcome, failures."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from scoring.statements.base import Hex32, Index, Name, Record, Statement, Time


class AuditNote(Statement):
    """An auditor's logged verdict on a range of the log."""

    kind = "audit"
    size: Index
    verdict: Literal["pass", "fail"]
    findings: int


class AuditCommit(Statement):
    """An auditor will draw contributions of an epoch by a number R that it has fixed, and shows later [P6].

    ``columns``: ``count`` batches of every column, drawn by the close. ``rows``: ``count`` rows of every department, of those from leaf
    ``since`` up to the first leaf of somebody else at or after Unix time ``until``. R and the outcome are due ``due_s`` seconds after that leaf.
    ``final``: this auditor draws nothing of the epoch's rows after this, so that the node's secret may be erased [P4.4].
    """

    kind = "audit-commit"
    epoch: Name
    draw: Literal["columns", "rows"]
    count: Annotated[int, Field(ge=1, le=64)]
    commitment: Hex32  # SHA-256(R)
    due_s: Annotated[int, Field(ge=1, le=30 * 86_400)]
    since: Index = 0  # rows
    until: Time = 0  # rows
    final: bool = False  # rows


class AuditReveal(Statement):
    """R of a commitment, once the draw is fixed [P6]."""

    kind = "audit-reveal"
    commit: Hex32  # digest of the commitment's envelope
    r: Hex32


Outcome = Literal["AGREES", "MISSING", "REFUSED", "OPENING_INVALID", "VALUE_IMPOSSIBLE", "RECORD_DIFFERS", "ROW_DIFFERS"]


class DrawnItem(Record):
    """What became of one drawn batch of a column, or row (position -1), or of one input of a failed ticket."""

    leaf_index: Index
    position: Annotated[int, Field(ge=-1, lt=1 << 31)]
    outcome: Outcome


class AuditResult(Statement):
    """What an auditor was shown, and what of it agrees [P6, P2.4]. ``cause``: the commitment, or the failure, by its envelope's digest.

    ``size`` and ``root``: the tree that fixed the draw; 0 and empty for a failure.
    """

    kind = "audit-result"
    cause: Hex32
    size: Index
    root: Hex32 | Literal[""]
    items: tuple[DrawnItem, ...]


class Failure(Statement):
    """An audience opened a value that its model cannot give; it does not say which, nor how [P2.4]. Signed by the ticket's audience.

    ``batches``: of a bulk ticket, those that failed.
    """

    kind = "failure"
    ticket: Hex32
    batches: tuple[Annotated[int, Field(ge=0, lt=1 << 31)], ...] = ()
