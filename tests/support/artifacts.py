"""A test zone as it lies on disk: public directory, static log tree, statements, blobs, receipts, epoch records (docs/specs/artifacts.md).

The tree is written with the log's own tile code, which the auditor's shares nothing with.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crypto.checkpoint import Checkpoint, TlogProof, cosign, sign_checkpoint
from crypto.encoding import canonical_json, sha256
from crypto.merkle import MemoryTree, inclusion_proof, leaf_hash
from crypto.tiles import TILE_WIDTH, TileAddress, encode_entries, tile_width
from nodes.log.tree import Edge
from scoring.exchange.view import Logged
from scoring.indicators.functional import functional
from scoring.release.percentiles import band_of, quantile_tables
from scoring.rules.credit import line_fen
from scoring.statements import QuantileTable
from tests.support.epoch import EPOCH
from tests.support.zone import Asked, MemoryZone


def put(path: Path, data: bytes) -> None:
    """Write a file and the directories above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def write_zone(zone: MemoryZone, directory: Path, *, receipts: Sequence[dict[str, Any]] = (), records: Sequence[dict[str, Any]] = ()) -> Path:
    """Everything of a run that an auditor looks at; ``directory``."""
    write_public(zone, directory / "public")
    write_log(zone, directory / "log")
    for number, receipt in enumerate(receipts):
        put(directory / "receipts" / f"receipt-{number}.json", json.dumps(receipt).encode())
    for record in records:
        name = f"{record['openings'][0]['name']}-{record['batch']}.json"
        put(directory / "epochs" / record["epoch"] / name, json.dumps(record).encode())
    return directory


def write_public(zone: MemoryZone, directory: Path) -> None:
    """The pinned roots of trust."""
    registry = zone.view.registry.genesis
    put(directory / "log.vkey", f"{registry.log_vkey}\n".encode())
    put(directory / "witnesses.vkey", "".join(f"{line}\n" for line in registry.witness_policy.witnesses).encode())
    put(directory / "witness-policy.json", canonical_json(registry.witness_policy.model_dump(mode="json")))
    put(directory / "registry.dsse.json", zone.view.genesis)
    assert zone.view.ceremony is not None
    put(directory / "ceremony.dsse.json", zone.view.ceremony.envelope)
    put(directory / "key.json", canonical_json(zone.public_key.to_json()))
    put(directory / "packs" / zone.pack.name, zone.pack.read_bytes())


def note_of(zone: MemoryZone, size: int | None = None) -> bytes:
    """The witnessed checkpoint of the first ``size`` leaves (all)."""
    size = len(zone.entries) if size is None else size
    tree = MemoryTree(leaf for leaf, _ in zone.entries[:size])
    note = sign_checkpoint(Checkpoint(zone.log_signer.name, size, tree.root()), zone.log_signer)
    return note + cosign(note, zone.witness_signer, zone.now)


def write_log(zone: MemoryZone, directory: Path, size: int | None = None) -> None:
    """The static tree of the first ``size`` leaves (all), every statement and blob."""
    size = len(zone.entries) if size is None else size
    leaves = [leaf for leaf, _ in zone.entries[:size]]
    _, rows = Edge().extended([leaf_hash(leaf) for leaf in leaves])
    for row in rows:
        put(directory / TileAddress(row.level, row.index, len(row.hashes) // 32).path(), row.hashes)
    for index in range(-(-size // TILE_WIDTH)):
        bundle = encode_entries(leaves[index * TILE_WIDTH : (index + 1) * TILE_WIDTH])
        put(directory / TileAddress(None, index, tile_width(0, index, size)).path(), bundle)
    for _, envelope in zone.entries[:size]:
        put(directory / "envelopes" / sha256(envelope).hex(), envelope)
    for digest, data in zone.blobs.items():
        put(directory / "blobs" / digest, data)
    put(directory / "checkpoint", note_of(zone, size))


def totals_of(zone: MemoryZone) -> dict[str, int]:
    """Each subject's total in hundredths by plain arithmetic, 0 where its gate is closed."""
    found = {}
    for subject, _, stage in zone.stages.subjects:
        weighted = sum(item.weight(stage) * zone.points[subject][name] for name, item in zone.model.indicators.items() if not item.gate)
        found[subject] = 0 if subject in zone.gated else weighted
    return found


def tables_of(zone: MemoryZone) -> tuple[QuantileTable, ...]:
    """The quantile tables of the totals."""
    totals = totals_of(zone)
    stages: dict[str, list[int]] = {}
    for subject, _, stage in zone.stages.subjects:
        stages.setdefault(stage, []).append(totals[subject])
    return quantile_tables(zone.model, "total", stages)


@dataclass
class Evidence:
    """Inclusion proofs of a zone's leaves under one checkpoint, in the shapes that receipts have them."""

    zone: MemoryZone
    note: bytes = field(init=False)
    tree: MemoryTree = field(init=False)

    def __post_init__(self) -> None:
        self.note = note_of(self.zone)
        self.tree = MemoryTree(leaf for leaf, _ in self.zone.entries)

    def proof(self, index: int) -> list[str]:
        return [item.hex() for item in inclusion_proof(index, self.tree.size, self.tree.hashes)]

    def logged(self, logged: Logged) -> dict[str, Any]:
        place = {"leaf_index": str(logged.index), "inclusion_proof": self.proof(logged.index)}
        return {"envelope": base64_of(logged.envelope), "leaf": base64_of(logged.leaf), **place}

    def ticket(self, logged: Logged) -> dict[str, Any]:
        found = self.logged(logged)
        return {
            "ticket": found["envelope"],
            "ticket_leaf": found["leaf"],
            "ticket_leaf_index": found["leaf_index"],
            "inclusion_proof": found["inclusion_proof"],
        }


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


def common_of(zone: MemoryZone, logged: Logged) -> dict[str, Any]:
    """What receipts and epoch records say alike."""
    ticket, model, key = logged.statement, zone.model, zone.public_key
    return {
        "zone": ticket.zone,
        "epoch": ticket.epoch,
        "model": {"id": model.id, "version": model.version, "sha256": model.sha256},
        "audience": ticket.audience,
        "purpose": ticket.purpose,
        "public_key": {"bits": str(key.bits), "n": str(key.n), "h": str(key.h)},
    }


def receipt_of(zone: MemoryZone, asked: Asked, logged: Logged) -> dict[str, Any]:
    """The receipt that a bank makes of its ticket."""
    evidence, ticket, model = Evidence(zone), logged.statement, zone.model
    rows = list(dict.fromkeys(item.leaf_index for item in ticket.inputs))
    inputs = [
        {"indicator": item.indicator, "functional": item.functional, "row": str(rows.index(item.leaf_index)), "position": str(item.position)}
        for item in ticket.inputs
    ]
    place = zone.stages.positions()[ticket.subject]
    stages_leaf = zone.view.at(zone.view.epoch(EPOCH).opened.stages_leaf)
    stage = zone.stages.proof(place)
    release = zone.view.epoch(EPOCH).release_index
    consent = zone.view.consent_by_digest(ticket.consent)
    opened = [zone.open(value) for value in asked.aggregates]
    reading = model.read(functional(model, "total", ticket.stage), opened[0].m)
    product = model.products["base-line"]
    tables = () if release is None else zone.view.at(release).statement.tables
    band = next((band_of(table, reading.value_hundredths) for table in tables if (table.functional, table.stage) == ("total", ticket.stage)), None)
    line = line_fen(product, ticket.stage, reading.value_hundredths, reading.gated, {})
    proof = TlogProof(logged.index, tuple(bytes.fromhex(item) for item in evidence.proof(logged.index)), evidence.note)
    return {
        "format": "xinqiao/receipt/v1",
        **common_of(zone, logged),
        "subject": ticket.subject,
        "product": "base-line",
        "openings": [
            _opening(zone, logged, line.functionals[0], inputs, value, found.m % zone.public_key.n, found.r)
            for line, value, found in zip(ticket.openings, asked.aggregates, opened, strict=True)
        ],
        "rows": [_row(zone, evidence, index) for index in rows],
        "result": {
            "stage": ticket.stage,
            "total": f"{reading.value_hundredths // 100}.{reading.value_hundredths % 100:02d}",
            "percentile": band,
            "line_fen": str(line.line_fen),
            "gated": reading.gated,
        },
        "stage_proof": {
            "subject": ticket.subject,
            "stage": stage.stage,
            "position": str(place),
            "size": str(stage.size),
            "path": [item.hex() for item in stage.path],
            **evidence.logged(stages_leaf),
        },
        "roster_sha256": zone.view.epoch(EPOCH).opened.roster,
        "consent": base64_of(zone.view.at(consent.index).envelope),
        "enrolment": base64_of(zone.view.enrolments[zone.view.enrolled[ticket.subject]].envelope),
        "request": asked.document.to_json(),
        "quantile_table": None if release is None else evidence.logged(zone.view.at(release)),
        **evidence.ticket(logged),
        "checkpoint": evidence.note.decode(),
        "tlog_proof": proof.to_bytes().decode(),
    }


def records_of(zone: MemoryZone) -> list[dict[str, Any]]:
    """The epoch records that the authority keeps of every bulk ticket."""
    found = []
    for logged in zone.view.tickets.values():
        ticket = logged.statement
        if ticket.purpose != "epoch":
            continue
        _, values = zone.bulk_ticket(ticket.openings[0].functionals[0], zone.batches_of(ticket.stage), ticket.epoch)
        for line, value in zip(ticket.openings, values, strict=True):
            batch, opened = zone.placement.batches[line.batch], zone.open(value)
            inputs = [
                {"indicator": item.indicator, "functional": item.functional, "leaf_index": str(item.leaf_index), "position": str(line.batch)}
                for item in ticket.inputs
            ]
            subjects = [subject for subject, _, _ in zone.stages.subjects[batch.first_position : batch.first_position + batch.count]]
            found.append(
                {
                    "format": "xinqiao/epoch-record/v1",
                    **common_of(zone, logged),
                    "stage": ticket.stage,
                    "slot_bits": str(zone.model.slot_bits),
                    "batch": str(line.batch),
                    "subjects": subjects,
                    "openings": [_opening(zone, logged, line.functionals[0], inputs, value, opened.m % zone.public_key.n, opened.r)],
                    **Evidence(zone).ticket(logged),
                }
            )
    return found


def _opening(zone: MemoryZone, logged: Logged, name: str, inputs: list[dict[str, str]], value: int, m: int, r: int) -> dict[str, Any]:
    form = functional(zone.model, name, logged.statement.stage)
    terms = [{"indicator": term.indicator, "functional": term.functional, "weight": str(term.weight)} for term in form.terms]
    said = {"name": name, "functional": terms, "constant": str(form.constant), "scale": 100, "inputs": inputs}
    return {**said, "aggregate": str(value), "m": str(m), "r": str(r)}


def _row(zone: MemoryZone, evidence: Evidence, index: int) -> dict[str, Any]:
    logged = zone.view.contributions[index]
    header = logged.statement.header
    ciphertexts = [str(zone.ciphertext(index, position)) for position in range(header.batches)]
    return {"member": header.sender, "ciphertexts": ciphertexts, **evidence.logged(logged)}
