"""What an auditor finds: judgement over a replayed view and over what was opened. Pure; reading files and trees is ``nodes.auditor`` [L7].

The view has judged each statement by itself, when it came. Here is what only the whole shows: statements that had no effect, columns said
to be absent that were there, batches that a release left out, bands that are not those of the opened totals.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crypto.packing import unpack
from crypto.paillier import Opening, PublicKey, balanced, check_opening
from scoring.errors import AggregateError, TicketInputsError
from scoring.exchange.contributors import formed, missing_columns
from scoring.indicators.functional import contributed, functional
from scoring.indicators.model import Model
from scoring.release.aggregate import Placement, aggregate_hash
from scoring.release.percentiles import quantile_tables
from scoring.statements import EpochOpen, EpochRelease, Ticket

if TYPE_CHECKING:
    from scoring.exchange.epoch import EpochState
    from scoring.exchange.view import ZoneView

VOID = "STATEMENT_VOID_"
Reason = Callable[[Exception], str]
"""The catalogue's word for an error, UPPER_SNAKE."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not hold. ``code`` is UPPER_SNAKE and says which kind; ``leaf_index`` is None where no leaf is at fault."""

    code: str
    leaf_index: int | None
    detail: str


@dataclass(frozen=True, slots=True)
class Scope:
    """Which leaves an audit reports on: logged in [since, until] (Unix seconds) and answered for by, or made for, ``member``."""

    since: int = 0
    until: int = 1 << 62
    member: str = ""

    def covers(self, time: int, *parties: str) -> bool:
        """Whether a leaf of this time is in scope; ``parties``: its actor, the audience of a ticket, who is blamed."""
        return self.since <= time <= self.until and (not self.member or self.member in parties)


@dataclass(frozen=True, slots=True)
class OpenedTotal:
    """One subject's opened value of a functional, in hundredths; gated ones are 0."""

    subject: str
    stage: str
    hundredths: int


def void_findings(view: ZoneView, reason: Reason) -> Iterator[Finding]:
    """Every statement of the log that had no effect, with its reason."""
    for index, error in view.void.items():
        yield Finding(VOID + reason(error), index, str(error))


def closing_findings(view: ZoneView) -> Iterator[Finding]:
    """Epochs whose closing misstates which columns were absent: one that was there would be dropped, one that was not be hidden."""
    for state in view.epochs.values():
        if state.close_index is None:
            continue
        said, absent = set(view.at(state.close_index).statement.absent), set(missing_columns(view, state))
        for indicator, gate_of, member in sorted(said ^ absent):
            wrong = "is said to be absent" if (indicator, gate_of, member) in said else "is missing and not said to be absent"
            yield Finding("EPOCH_ABSENT", state.close_index, f"column {indicator}/{gate_of} of {member} {wrong}")


def custody_findings(view: ZoneView) -> Iterator[Finding]:
    """Custodians that the log convicts: their signed partial contradicts their proof, or no proof came in time [P1.4].

    Only a blame that holds is in the view; one that does not is void, and a finding of its own.
    """
    for (ticket, opening, custodian), logged in view.blamed.items():
        if logged.statement.fault == "failed":
            code, why = "PARTIAL_FAILED", "its own proof contradicts the partial that it signed"
        else:
            code, why = "PARTIAL_WITHHELD", "it signed a partial and gave no proof of it in time"
        yield Finding(code, logged.index, f"custodian {custodian}, opening {opening} of ticket {ticket[:16]}…: {why}")


def release_findings(view: ZoneView, judged: Container[str]) -> Iterator[Finding]:
    """Released epochs of which a batch of a disclosed functional that could be formed has no ticket, or none that the release names.

    ``judged``: epochs whose number of batches was found to be that of their roster.
    """
    for state in view.epochs.values():
        if state.release is None or state.opened.epoch not in judged:
            continue
        named = set(state.release.tickets)
        for name in formed(view, state):
            for batch in range(state.opened.batches):
                logged = view.bulk.get((state.opened.epoch, name, batch))
                if logged is None or logged.digest not in named:
                    yield Finding(
                        "RELEASE_INCOMPLETE", state.release_index, f"epoch {state.opened.epoch}: batch {batch} of {name} has no ticket in it"
                    )


def judge_batch(
    key: PublicKey,
    model: Model,
    opened: EpochOpen,
    ticket: Ticket,
    place: int,
    placement: Placement,
    order: tuple[str, ...],
    value: int,
    opening: Opening,
) -> list[OpenedTotal]:
    """What opening number ``place`` of a bulk ticket gave: one total for each subject of its batch.

    ``value`` is the aggregate that is said to have been opened, ``order`` the roster's subjects. Raises AggregateError when the ticket
    names another one, OpeningError when (m, r) does not open it, PackingError and RangeError when the values are impossible [P1.4, P2.4].
    """
    line = ticket.openings[place]
    if aggregate_hash(key, value) != line.aggregate:
        raise AggregateError("the aggregate opened is not the one that the ticket names")
    check_opening(key, value, Opening(balanced(opening.m, key.n), opening.r))
    batch = placement.batches[line.batch]
    form = contributed(model, functional(model, line.functionals[0], ticket.stage), opened.contributors)
    values = unpack(balanced(opening.m, key.n), model.slot_bits, batch.count)
    subjects = order[batch.first_position : batch.first_position + batch.count]
    return [OpenedTotal(subject, batch.stage, model.read(form, value).value_hundredths) for subject, value in zip(subjects, values, strict=True)]


def opening_place(ticket: Ticket, name: str, batch: int) -> int:
    """Index in the ticket of the opening of functional ``name`` and ``batch``. Raises TicketInputsError when there is none."""
    for place, line in enumerate(ticket.openings):
        if line.functionals == (name,) and line.batch == batch:
            return place
    raise TicketInputsError(f"the ticket opens no batch {batch} of {name}")


def table_findings(model: Model, state: EpochState, totals: Mapping[str, Mapping[str, OpenedTotal]], subjects: int) -> Iterator[Finding]:
    """Quantile tables of a release that are not those of the opened totals [P7.3].

    ``totals``: by functional, then subject. A functional of which not all ``subjects`` are opened is not judged.
    """
    release: EpochRelease | None = state.release
    if release is None:
        return
    for name, found in totals.items():
        said = tuple(table for table in release.tables if table.functional == name)
        if len(found) != subjects or not said:
            continue
        by_stage: dict[str, list[int]] = {}
        for total in found.values():
            by_stage.setdefault(total.stage, []).append(total.hundredths)
        if said != quantile_tables(model, name, by_stage):
            yield Finding("QUANTILE_TABLE", state.release_index, f"epoch {release.epoch}: the bands of {name} are not those of the opened totals")
