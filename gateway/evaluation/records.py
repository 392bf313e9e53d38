"""Epoch records: what a bulk opening leaves behind, so that an auditor can recompute each batch (docs/specs/receipt.md).

The ciphertexts themselves are not here: ``inputs`` name contributions by leaf, whose ciphertexts an entitled auditor has as blobs.
Subjects and values are the authority's; records are handed out to its staff only.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from gateway.evaluation.publication import openings_of
from gateway.store import Store
from nodes.runtime.replica.zone import Zone
from scoring.exchange.roster import Stages
from scoring.exchange.view import Logged
from scoring.indicators.functional import functional
from scoring.release.aggregate import Placement

FORMAT = "xinqiao/epoch-record/v1"


def epoch_records(zone: Zone, store: Store, epoch: str, stages: Stages) -> Iterator[dict[str, Any]]:
    """One record a batch and functional, in the tickets' order. Numbers are decimal strings, as in receipts."""
    with zone.reading() as view:
        opened = view.epoch(epoch).opened
        placement = Placement.of(stages, opened.slots)
    for digest, record in store.records(epoch):
        with zone.reading() as view:
            ticket = view.tickets[digest]
        for opening in openings_of(record):
            batch = placement.batches[opening["batch"]]
            subjects = [subject for subject, _, _ in stages.subjects[batch.first_position : batch.first_position + batch.count]]
            yield {**_common(zone, ticket), "batch": str(batch.index), "subjects": subjects, "openings": [_opening(zone, ticket, opening)]}


def _common(zone: Zone, ticket: Logged) -> dict[str, Any]:
    statement = ticket.statement
    with zone.reading() as view:
        model, key = view.model(statement.model), view.public_key
        slot_bits = view.epoch(statement.epoch).opened.slot_bits
    assert key is not None  # a ticket has a key
    return {
        "format": FORMAT,
        "zone": statement.zone,
        "epoch": statement.epoch,
        "model": {"id": model.id, "version": model.version, "sha256": model.sha256},
        "audience": statement.audience,
        "purpose": statement.purpose,
        "public_key": {"bits": str(key.bits), "n": str(key.n), "h": str(key.h)},
        "stage": statement.stage,
        "slot_bits": str(slot_bits),
        "ticket": base64.b64encode(ticket.envelope).decode(),
        "ticket_leaf": base64.b64encode(ticket.leaf).decode(),
        "ticket_leaf_index": str(ticket.index),
    }


def _opening(zone: Zone, ticket: Logged, opening: dict[str, Any]) -> dict[str, Any]:
    statement = ticket.statement
    line = next(item for item in statement.openings if item.batch == opening["batch"])
    with zone.reading() as view:
        form, key = functional(view.model(statement.model), line.functionals[0], statement.stage), view.public_key
    assert key is not None  # a ticket has a key
    return {
        "name": form.name,
        "functional": [{"indicator": term.indicator, "weight": str(term.weight), "functional": term.functional} for term in form.terms],
        "constant": str(form.constant),
        "scale": 100,
        "inputs": [
            {"indicator": item.indicator, "functional": item.functional, "leaf_index": str(item.leaf_index), "position": str(opening["batch"])}
            for item in statement.inputs
        ],
        "aggregate": opening["aggregate"],
        "m": str(int(opening["m"]) % key.n),
        "r": opening["r"],
    }
