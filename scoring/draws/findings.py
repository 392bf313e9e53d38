"""What an audit of the log finds about draws and failures, and what it tells about them [L7, P6, P2.4]."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from scoring.draws.failures import FailureState
from scoring.draws.rules import DrawState
from scoring.draws.selection import detection_probability
from scoring.statements import AuditResult

if TYPE_CHECKING:
    from scoring.exchange.view import Logged, ZoneView

Found = tuple[str, int, str]
"""Code, leaf at fault, sentence."""
Root = Callable[[int], bytes]
TimeOf = Callable[[int], int]


@dataclass(frozen=True, slots=True)
class DrawSummary:
    """A draw as the log tells it. ``state``: open, fixed, revealed or settled. ``of``: items of the largest stratum, of which ``count``
    are drawn; ``one_false``, ``tenth_false``: chance that a draw meets one false item of so many, or one in ten."""

    epoch: str
    draw: str
    auditor: str
    commit_leaf: int
    count: int
    state: str
    items: int
    agree: int
    of: int
    one_false: Fraction
    tenth_false: Fraction


def findings(view: ZoneView, root: Root, time_of: TimeOf, now: int) -> Iterator[Found]:
    """What does not hold. ``root``: of the tree of so many leaves; ``time_of``: of a leaf; ``now``: Unix time of the newest checkpoint.

    DRAW_WITHHELD, DRAW_UNFINISHED: R or the outcome is overdue. DRAW_ROOT: the outcome rests on another tree. DRAW_<OUTCOME>: an item that was
    not opened, or does not agree. FAILURE_UNRESOLVED: inputs of a failed ticket are not all opened. FAILURE_UNFOUNDED: they all agree.
    """
    for state in view.draws.values():
        yield from _draw(view, state, root, time_of, now)
    for failure in view.failures.values():
        yield from _failure(view, failure)


def summaries(view: ZoneView) -> Iterator[DrawSummary]:
    """Every draw of the log, in order of its commitment."""
    for state in view.draws.values():
        commit, size = state.commit, state.size(view)
        of = view.epoch(commit.epoch).opened.batches if commit.draw == "columns" else _rows_of_one(view, state)
        items = state.result.statement.items if state.result is not None else ()
        phase = "settled" if state.result is not None else "revealed" if state.reveal is not None else "open" if size is None else "fixed"
        yield DrawSummary(
            epoch=commit.epoch,
            draw=commit.draw,
            auditor=state.committed.actor,
            commit_leaf=state.committed.index,
            count=commit.count,
            state=phase,
            items=len(items),
            agree=sum(item.outcome == "AGREES" for item in items),
            of=of,
            one_false=detection_probability(of, min(of, 1), commit.count),
            tenth_false=detection_probability(of, -(-of // 10), commit.count),
        )


def _draw(view: ZoneView, state: DrawState, root: Root, time_of: TimeOf, now: int) -> Iterator[Found]:
    size, commit, leaf = state.size(view), state.commit, state.committed.index
    if size is None:
        return
    what = f"draw of {commit.draw} of epoch {commit.epoch}"
    due = time_of(size - 1) + commit.due_s
    if state.reveal is None and due < now:
        yield "DRAW_WITHHELD", leaf, f"the number of the {what} was due {now - due} s ago and is not shown"
    elif state.reveal is not None and state.result is None and due < now:
        yield "DRAW_UNFINISHED", leaf, f"the outcome of the {what} was due {now - due} s ago"
    if state.result is not None:
        result: AuditResult = state.result.statement
        if root(size).hex() != result.root:
            yield "DRAW_ROOT", state.result.index, f"the {what} rests on another root than that of the first {size} leaves"
        yield from _items(view, result)


def _failure(view: ZoneView, state: FailureState) -> Iterator[Found]:
    leaf, results = state.reported.index, results_of(view, state.reported.digest)
    if not state.done:
        yield "FAILURE_UNRESOLVED", leaf, f"the ticket at leaf {state.ticket.index} failed; its inputs are not all opened yet"
    if results:
        newest: AuditResult = results[-1].statement
        yield from _items(view, newest)
        if all(item.outcome == "AGREES" for item in newest.items):
            yield "FAILURE_UNFOUNDED", leaf, f"every input of the ticket at leaf {state.ticket.index} agrees: it cannot give an impossible value"


def results_of(view: ZoneView, cause: str) -> list[Logged]:
    """Outcomes logged for a draw or failure, oldest first."""
    return [logged for logged in view.statements.values() if isinstance(logged.statement, AuditResult) and logged.statement.cause == cause]


def _items(view: ZoneView, result: AuditResult) -> Iterator[Found]:
    for item in result.items:
        if item.outcome != "AGREES":
            header = view.contributions[item.leaf_index].statement.header
            part = "row" if item.position < 0 else f"{header.kind}'s ciphertext {item.position}"
            yield f"DRAW_{item.outcome}", item.leaf_index, f"{header.sender}: {part} ({_SENTENCES[item.outcome]})"


_SENTENCES = {
    "MISSING": "not opened in time",
    "REFUSED": "not opened",
    "OPENING_INVALID": "what was shown does not open it",
    "VALUE_IMPOSSIBLE": "it carries a value that the model cannot give",
    "RECORD_DIFFERS": "the record shown gives other points",
    "ROW_DIFFERS": "the column says something else about the same enterprise",
}


def _rows_of_one(view: ZoneView, state: DrawState) -> int:
    """Rows of the department with most of them, in the window as far as it is known: there a false one is met least."""
    since, size = state.commit.since, state.size(view) or view.size
    counts: dict[str, int] = {}
    for (epoch, sender, *_), found in view.rows.items():
        if epoch == state.commit.epoch:
            counts[sender] = counts.get(sender, 0) + sum(since <= logged.index < size for logged in found)
    return max(counts.values(), default=0)
