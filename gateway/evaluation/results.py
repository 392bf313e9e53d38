"""What one bulk ticket opens: partials combined, slots unpacked and read, for the authority alone [P5.5, P2.2–P2.4]."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from crypto.errors import PackingError
from crypto.packing import unpack
from crypto.paillier import Opening, PublicKey
from gateway.store import Total
from nodes.runtime.replica.disputes import Disputes, OpenerOf
from scoring.errors import AggregateError, RangeError
from scoring.exchange.roster import Batch, Stages
from scoring.indicators.functional import Functional, contributed, functional
from scoring.indicators.model import Model
from scoring.release.aggregate import Placement, aggregate_hash
from scoring.release.opening import SealedPartial
from scoring.statements import EpochOpen, Ticket


@dataclass(frozen=True, slots=True)
class Answered:
    """A logged bulk ticket (``digest`` of its envelope) with the aggregates it names and the custodians' sealed answers."""

    ticket: Ticket
    digest: str
    aggregates: tuple[int, ...]
    sealed: tuple[SealedPartial, ...]


@dataclass(frozen=True, slots=True)
class OpenedBatch:
    """One batch's aggregate with its opening; ``totals`` are its subjects' values in slot order."""

    batch: int
    aggregate: int
    opening: Opening
    totals: tuple[Total, ...]


class BatchesImpossibleError(RangeError):
    """Values of ``batches`` are impossible under the model, in whatever way."""

    def __init__(self, batches: Sequence[int]) -> None:
        super().__init__("opened values are impossible under the model")
        self.batches = tuple(batches)


@dataclass(frozen=True)
class Reader:
    """Opens the tickets of one epoch. ``executor`` runs the combinations, which release the interpreter's lock."""

    model: Model
    opened: EpochOpen
    stages: Stages
    placement: Placement
    key: PublicKey
    opener_of: OpenerOf
    disputes: Disputes
    executor: Executor

    def open(self, answered: Answered) -> list[OpenedBatch]:
        """Every opening of the ticket, checked and read.

        Raises AggregateError when an aggregate is not the one that the ticket names, PartialError and OpeningError when the
        custodians' answers do not open it, BatchesImpossibleError when values are impossible [P2.4].
        """
        ticket = answered.ticket
        if len(answered.aggregates) != len(ticket.openings):
            raise AggregateError("the ticket's openings have not all an aggregate")
        for opening, aggregate in zip(ticket.openings, answered.aggregates, strict=True):
            if aggregate_hash(self.key, aggregate) != opening.aggregate:
                raise AggregateError("an aggregate is not the one that the ticket names")
        combined = self.disputes.open(self.opener_of, ticket, answered.digest, answered.aggregates, answered.sealed, self.executor)
        found, impossible = [], []
        for opening, aggregate, result in zip(ticket.openings, answered.aggregates, combined, strict=True):
            form = contributed(self.model, functional(self.model, opening.functionals[0], ticket.stage), self.opened.contributors)
            try:
                found.append(OpenedBatch(opening.batch, aggregate, result, self._totals(form, opening.batch, result)))
            except (RangeError, PackingError):
                impossible.append(opening.batch)
        if impossible:
            raise BatchesImpossibleError(sorted(impossible))
        return found

    def _totals(self, form: Functional, batch_index: int, result: Opening) -> tuple[Total, ...]:
        batch = self.placement.batches[batch_index]
        values = unpack(result.m, self.opened.slot_bits, batch.count)
        return tuple(self._total(form, batch, slot, value) for slot, value in enumerate(values))

    def _total(self, form: Functional, batch: Batch, slot: int, value: int) -> Total:
        reading = self.model.read(form, value)
        position = batch.first_position + slot
        subject, _, stage = self.stages.subjects[position]
        return Total(subject, position, stage, reading.value_hundredths, reading.gated)


def by_stage(totals: Sequence[Total]) -> dict[str, list[int]]:
    """Values by stage: the cohorts of percentiles. Gated enterprises count as 0 [P7.3]."""
    found: dict[str, list[int]] = {}
    for total in totals:
        found.setdefault(total.stage, []).append(total.hundredths)
    return found
