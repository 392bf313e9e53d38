"""The aggregate of an opening, recomputed by everyone who may open or judge it [P5.3 (5)].

Takes ciphertexts and the ordered roster as arguments. That the inputs are the right ones is ``scoring.exchange.tickets``; that each
contribution is proven is ``crypto.contribution``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from crypto.encoding import sha256, to_fixed
from crypto.multiexp import linear_combination
from crypto.packing import pack
from crypto.paillier import PublicKey
from scoring.errors import AggregateError, SubjectUnknownError, TicketInputsError
from scoring.exchange.roster import Batch, Stages, batches
from scoring.exchange.tickets import combination
from scoring.indicators.model import Model
from scoring.statements import Input, Ticket, TicketOpening

Ciphertext = Callable[[int, int], int]  # (leaf index, position in the contribution) -> ciphertext in [1, n²)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the ordered roster puts things: each subject's stage, and the batches of a column."""

    stage_of: dict[str, str]
    batches: tuple[Batch, ...]

    @classmethod
    def of(cls, stages: Stages, slots: int) -> Placement:
        return cls({subject: stage for subject, _, stage in stages.subjects}, tuple(batches(stages.counts(), slots)))

    def position_of(self, subject: str) -> int:
        """Place of a subject in the order. Raises SubjectUnknownError when it is not in the roster."""
        self.stage(subject)
        return next(place for place, name in enumerate(self.stage_of) if name == subject)

    def batch_at(self, position: int) -> Batch:
        """The batch that carries a position. Requires one of the roster."""
        return next(batch for batch in self.batches if batch.first_position <= position < batch.first_position + batch.count)

    def stage(self, subject: str) -> str:
        """Stage of a subject. Raises SubjectUnknownError when it is not in the roster."""
        if subject not in self.stage_of:
            raise SubjectUnknownError("the subject is not in the epoch's roster")
        return self.stage_of[subject]


def check_stage(ticket: Ticket, placement: Placement) -> None:
    """The ticket's stage is that of its subject, or of each of its batches [P3.3]. Raises TicketInputsError, SubjectUnknownError."""
    if ticket.subject:
        found = {placement.stage(ticket.subject)}
    else:
        found = {placement.batches[opening.batch].stage for opening in ticket.openings}
    if found != {ticket.stage}:
        raise TicketInputsError(f"the ticket says stage {ticket.stage}, the frozen roster says {', '.join(sorted(found))}")


def aggregate(
    key: PublicKey, model: Model, names: Sequence[str], stage: str, batch: Batch | None, inputs: Sequence[Input], ciphertext: Ciphertext
) -> int:
    """(1 + constant·n)·Π ciphertext^weight mod n² of the functionals ``names`` [P5.6 when several].

    ``batch`` is None for rows. For a column the constant stands in each of the batch's slots.
    """
    form = combination(model, names, stage, model.slot_bits if len(names) > 1 else 0)
    by_entry: dict[tuple[str, str], list[Input]] = {}
    for item in inputs:
        by_entry.setdefault((item.indicator, item.functional), []).append(item)
    bases, weights = [], []
    for entry, weight in form.weights.items():
        for item in by_entry[entry]:  # one of each contributor, under the same weight
            bases.append(ciphertext(item.leaf_index, item.position if batch is None else batch.index))
            weights.append(weight)
    constant = form.constant if batch is None else pack([form.constant] * batch.count, model.slot_bits)
    return linear_combination(key, tuple(weights), tuple(bases), constant)


def aggregate_hash(key: PublicKey, value: int) -> str:
    """SHA-256, hex, of an aggregate's fixed-width bytes: how a ticket names it."""
    return sha256(to_fixed(value, key.ciphertext_size)).hex()


def recompute(key: PublicKey, model: Model, ticket: Ticket, opening: TicketOpening, placement: Placement, ciphertext: Ciphertext) -> int:
    """The opening's aggregate, recomputed from its inputs. Raises AggregateError when the ticket names another."""
    batch = None if ticket.subject else placement.batches[opening.batch]
    value = aggregate(key, model, opening.functionals, ticket.stage, batch, ticket.inputs, ciphertext)
    if aggregate_hash(key, value) != opening.aggregate:
        raise AggregateError("the ticket's aggregate is not the one that its inputs give")
    return value
