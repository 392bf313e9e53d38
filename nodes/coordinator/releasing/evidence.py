"""Gathers what makes a release checkable by anyone: rows, proofs and statements around a ticket, under one witnessed checkpoint."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from crypto.checkpoint import TlogProof
from nodes.coordinator.releasing.tickets import Asked, Issued
from nodes.errors import NotReadyError
from nodes.runtime.peers.log_client import LogClient
from nodes.runtime.replica.follower import LogFollower
from nodes.runtime.replica.material import Ciphertexts, Placements
from nodes.runtime.replica.zone import Zone
from scoring.errors import CheckpointStaleError
from scoring.exchange.view import Logged
from scoring.release.members import members_shown
from scoring.release.receipt import Evidence, InputRef, LoggedEvidence, ReceiptRow, StageEvidence

WITNESS_TIMEOUT_S = 15.0


class EvidenceDesk:
    """Builds the ``Evidence`` of one ticket. Waits for a checkpoint that enough witnesses signed."""

    def __init__(self, zone: Zone, log: LogClient, follower: LogFollower, ciphertexts: Ciphertexts, placements: Placements) -> None:
        self._zone, self._log, self._follower = zone, log, follower
        self._ciphertexts, self._placements = ciphertexts, placements

    def check_witnesses(self, now: int) -> None:
        """Raises CheckpointStaleError while witnesses are missing for longer than the zone allows: then no ticket is made [L5]."""
        self._follower.check_witnesses(now)

    def gather(self, asked: Asked, issued: Issued) -> Evidence:
        """Evidence of a single release. Raises CheckpointStaleError when no witnessed checkpoint covers the ticket in time."""
        ticket = issued.ticket
        try:
            witnessed = self._follower.wait_for_witnessed(ticket.index + 1, WITNESS_TIMEOUT_S)
        except NotReadyError as error:
            raise CheckpointStaleError(f"too few witnesses signed a checkpoint over leaf {ticket.index} within {WITNESS_TIMEOUT_S:g} s") from error
        with self._zone.reading() as view:
            row_leaves = list(dict.fromkeys(item.leaf_index for item in asked.inputs))
            rows = [view.contributions[index] for index in row_leaves]
            stage_leaf = view.at(asked.epoch.opened.stages_leaf)
            consent = view.consents[asked.target.consent_id]
            enrolment = view.enrolment_behind(consent)
            release = None if asked.epoch.release_index is None else view.at(asked.epoch.release_index)
            consent_envelope = view.at(consent.index).envelope
            members = members_shown(view, witnessed.checkpoint.size)
        wanted = [*row_leaves, stage_leaf.index, ticket.index, *([release.index] if release else []), *(logged.index for logged in members)]
        proofs = self._log.prove(wanted, witnessed.checkpoint.size)
        tlog = TlogProof(ticket.index, proofs[ticket.index], witnessed.note.encode(), None)
        return Evidence(
            rows=tuple(self._row(row, proofs[row.index]) for row in rows),
            inputs=tuple(
                InputRef(
                    indicator=item.indicator, functional=item.functional, row=str(row_leaves.index(item.leaf_index)), position=str(item.position)
                )
                for item in asked.inputs
            ),
            aggregates=tuple(str(value) for value in issued.aggregates),
            stage_proof=self._stage(asked, stage_leaf, proofs[stage_leaf.index]),
            roster_sha256=asked.epoch.opened.roster,
            consent=_base64(consent_envelope),
            enrolment=_base64(enrolment.envelope),
            quantile_table=None if release is None else LoggedEvidence(**_logged(release, proofs[release.index])),
            ticket=_base64(ticket.envelope),
            ticket_leaf=_base64(ticket.leaf),
            ticket_leaf_index=str(ticket.index),
            inclusion_proof=_hexes(proofs[ticket.index]),
            checkpoint=witnessed.note,
            tlog_proof=tlog.to_bytes().decode(),
            members=tuple(LoggedEvidence(**_logged(logged, proofs[logged.index])) for logged in members),
        )

    def _row(self, row: Logged, proof: Sequence[bytes]) -> ReceiptRow:
        header = row.statement.header
        ciphertexts = tuple(str(self._ciphertexts(row.index, position)) for position in range(header.batches))
        return ReceiptRow(member=header.sender, ciphertexts=ciphertexts, **_logged(row, proof))

    def _stage(self, asked: Asked, logged: Logged, proof: Sequence[bytes]) -> StageEvidence:
        found = self._placements.stage_proof(asked.epoch.opened.epoch, asked.target.subject)
        return StageEvidence(
            subject=found.subject,
            stage=found.stage,
            position=str(found.position),
            size=str(found.size),
            path=_hexes(found.path),
            **_logged(logged, proof),
        )


def _logged(logged: Logged, proof: Sequence[bytes]) -> dict[str, Any]:
    return {
        "envelope": _base64(logged.envelope),
        "leaf": _base64(logged.leaf),
        "leaf_index": str(logged.index),
        "inclusion_proof": _hexes(proof),
    }


def _hexes(hashes: Sequence[bytes]) -> tuple[str, ...]:
    return tuple(item.hex() for item in hashes)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
