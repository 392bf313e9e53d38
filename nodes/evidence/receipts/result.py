"""What was opened, recomputed from the inputs, and what it comes to: total, band and line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from crypto.multiexp import linear_combination
from crypto.paillier import Opening, balanced, check_opening
from nodes.evidence.receipts.case import Case
from nodes.evidence.receipts.reasons import reason, require
from scoring.exchange.tickets import COLUMN_POSITION
from scoring.indicators.functional import functional
from scoring.release.aggregate import aggregate_hash
from scoring.release.percentiles import band_of
from scoring.release.receipt import ReceiptOpening
from scoring.rules.credit import line_fen
from scoring.statements import ContributionHeader, EpochRelease


@dataclass(frozen=True, slots=True)
class Verified:
    """What a verified receipt shows."""

    zone: str
    epoch: str
    audience: str
    subject: str
    product: str
    stage: str
    total: str
    percentile: str | None
    line_fen: int
    gated: bool
    ticket_leaf_index: int
    time: int  # of the ticket's leaf, Unix seconds


def opened_value(case: Case, place: int, rows: Sequence[ContributionHeader]) -> int:
    """The opened balanced value of opening number ``place``, in hundredths. Raises ReceiptError."""
    ticket, model, key = case.ticket, case.model, case.key
    said, line = case.receipt.openings[place], ticket.openings[place]
    require((said.name,) == line.functionals and line.batch == COLUMN_POSITION, "TICKET_MISMATCH", f"opening {place} is not the ticket's")
    with reason("FUNCTIONAL_MISMATCH", said.name):
        form = functional(model, said.name, ticket.stage)
    require((form.hash,) == line.functional_hashes, "FUNCTIONAL_MISMATCH", f"{said.name} is not the model's functional")
    terms = tuple((term.indicator, term.functional, term.weight) for term in form.terms)
    shown = tuple((term.indicator, term.functional, int(term.weight)) for term in said.functional)
    require((terms, form.constant) == (shown, int(said.constant)), "FUNCTIONAL_MISMATCH", f"{said.name} is not weighted as in the model")
    bases = [_input(case, said, term[0], term[1], rows) for term in terms]
    with reason("AGGREGATE_MISMATCH", f"opening {said.name}"):
        value = linear_combination(key, tuple(term[2] for term in terms), tuple(bases), form.constant)
    agree = value == int(said.aggregate) and aggregate_hash(key, value) == line.aggregate
    require(agree, "AGGREGATE_MISMATCH", f"the aggregate of {said.name} is not the one that its inputs give")
    with reason("OPENING_INVALID", f"opening {said.name}"):
        check_opening(key, value, Opening.from_residue(key.n, int(said.m), int(said.r)))
    return balanced(int(said.m), key.n)


def check_result(case: Case, values: Sequence[int]) -> Verified:
    """What the opened ``values`` come to is what the receipt says. Raises ReceiptError."""
    receipt, said, ticket, leaf, model = case.receipt, case.receipt.result, case.ticket, case.leaf, case.model
    with reason("VALUE_IMPOSSIBLE", "opened value"):
        readings = [
            model.read(functional(model, opening.functionals[0], ticket.stage), value) for opening, value in zip(ticket.openings, values, strict=True)
        ]
    total = readings[0].value_hundredths
    require((int(said.total.replace(".", "")), said.gated) == (total, readings[0].gated), "RESULT_MISMATCH", "it is not what was opened")
    product = model.products[receipt.product]
    singles = {opening.functionals[0]: reading.value_hundredths for opening, reading in zip(ticket.openings[1:], readings[1:], strict=True)}
    line = line_fen(product, ticket.stage, total, readings[0].gated, singles)
    require(said.line_fen is not None and int(said.line_fen) == line.line_fen, "LINE_MISMATCH", "it is not what the formula gives")
    percentile = _percentile(case, total)
    require(said.percentile == percentile, "PERCENTILE_MISMATCH", f"the percentile is {percentile}, the receipt says {said.percentile}")
    return Verified(
        receipt.zone, receipt.epoch, receipt.audience, receipt.subject, receipt.product, ticket.stage, said.total, percentile, line.line_fen,
        readings[0].gated, int(receipt.ticket_leaf_index), leaf.time,
    )  # fmt: skip


def _input(case: Case, said: ReceiptOpening, indicator: str, gate_of: str, rows: Sequence[ContributionHeader]) -> int:
    """The one ciphertext that stands for a term: in the row, at the position and at the leaf that the ticket names."""
    found = [item for item in said.inputs if (item.indicator, item.functional) == (indicator, gate_of)]
    require(len(found) == 1, "INPUT_MISMATCH", f"{indicator} has {len(found)} inputs")
    row, position = int(found[0].row), int(found[0].position)
    require(0 <= row < len(rows) and 0 <= position < len(rows[row].entries), "INPUT_MISMATCH", f"{indicator} points to no ciphertext")
    entry = rows[row].entries[position]
    require(
        (entry.indicator, entry.functional) == (indicator, gate_of),
        "INPUT_MISMATCH",
        f"{indicator} points to another entry",
    )
    named = [item for item in case.ticket.inputs if (item.indicator, item.functional) == (indicator, gate_of)]
    place = [(item.leaf_index, item.position) for item in named]
    require(place == [(int(case.receipt.rows[row].leaf_index), position)], "INPUT_MISMATCH", f"the ticket names another input for {indicator}")
    return int(case.receipt.rows[row].ciphertexts[position])


def _percentile(case: Case, total: int) -> str | None:
    said, ticket = case.receipt.quantile_table, case.ticket
    if said is None:
        return None
    index = int(said.leaf_index)
    release, _, digest = case.proven.signed(said.envelope, EpochRelease, "authority", index)
    case.proven.check_leaf(said.leaf, index, said.inclusion_proof, digest, EpochRelease.kind)
    require(release.epoch == ticket.epoch, "PERCENTILE_MISMATCH", "the quantile table is of another epoch")
    opening = ticket.openings[0]
    for table in release.tables:
        if (table.functional, table.functional_hash, table.stage) == (opening.functionals[0], opening.functional_hashes[0], ticket.stage):
            return band_of(table, total)
    return None
