"""From a closed epoch to a released one: every ticket's answers opened and kept, then the quantile tables signed and logged [P5.5, P7.3]."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from crypto.encoding import canonical_json, sha256
from crypto.statements import VerifyKey
from gateway.evaluation.results import Answered, BatchesImpossibleError, OpenedBatch, Reader, by_stage
from gateway.store import Store
from nodes.runtime import logging
from nodes.runtime.peers.exchange_client import ExchangeClient
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from nodes.runtime.replica.disputes import Disputes
from nodes.runtime.replica.zone import Zone
from protos.v1.exchange_pb2 import BulkPart
from scoring.errors import EpochStateError
from scoring.exchange.contributors import formed
from scoring.exchange.epoch import Phase
from scoring.exchange.roster import Stages
from scoring.exchange.view import verify_key
from scoring.indicators.model import Model
from scoring.release.aggregate import Placement
from scoring.release.opening import Opener, SealedPartial
from scoring.release.percentiles import quantile_tables
from scoring.statements import EpochRelease, Failure, QuantileTable

APPLY_TIMEOUT_S = 30.0
EPOCH_RELEASED = "epoch.released"

_log = logging.logger("publication")


@dataclass
class Progress:
    """How far the opening of a closed epoch is: batches opened, of how many, and the reason where it failed."""

    opened: int = 0
    expected: int = 0
    failed: str = ""


class Publication:
    """Opens and publishes closed epochs. Interrupted anywhere, it goes on from what the store and the log hold."""

    def __init__(self, identity: Identity, zone: Zone, exchange: ExchangeClient, store: Store, disputes: Disputes, workers: int) -> None:
        self._identity, self._zone, self._exchange, self._store, self._disputes, self._workers = identity, zone, exchange, store, disputes, workers

    def open_totals(self, epoch: str, stages: Stages, progress: Progress) -> None:
        """Open every ticket of the closed epoch and keep what it gave.

        Raises the errors of ``Reader.open``, RpcRefusal, PeerUnavailableError, NotReadyError.
        """
        done = self._store.opened_tickets(epoch)
        with ThreadPoolExecutor(self._workers, thread_name_prefix="combine") as executor:
            reader = self._reader(epoch, stages, executor)
            progress.expected = len(reader.placement.batches) * len(self._formed(epoch))
            opened = 0
            for part in self._exchange.open_bulk(epoch):
                answered = self._answered(part)
                if answered.digest not in done:
                    found = self._opened(reader, answered)
                    name = answered.ticket.openings[0].functionals[0]
                    totals = [total for batch in found for total in batch.totals]
                    self._store.keep_opened(epoch, answered.digest, name, _openings_json(found), totals)
                opened += len(answered.ticket.openings)
                progress.opened = max(progress.opened, opened)  # begun again, it does not go back

    def _opened(self, reader: Reader, answered: Answered) -> list[OpenedBatch]:
        """What a ticket gives. Impossible values are reported, once, before the error goes up: their batches are frozen [P2.4]."""
        try:
            return reader.open(answered)
        except BatchesImpossibleError as error:
            with self._zone.reading() as view:
                reported = any(state.ticket.digest == answered.digest for state in view.failures.values())
            if not reported:
                failure = Failure(zone=self._identity.zone, nonce=fresh_nonce(), ticket=answered.digest, batches=error.batches)
                self._exchange.submit(sign_statement(failure, self._identity.signer))
            raise

    def publish(self, epoch: str, stages: Stages) -> None:
        """Sign and submit the release, once every subject has every disclosed value that could be formed. Raises EpochStateError when one
        is missing."""
        with self._zone.reading() as view:
            model = view.model(view.epoch(epoch).opened.model)
            tickets = {logged.index: digest for digest, logged in view.tickets.items() if logged.statement.epoch == epoch}
        opened = self._store.opened_tickets(epoch)
        release = EpochRelease(
            zone=self._identity.zone,
            nonce=fresh_nonce(),
            epoch=epoch,
            tables=self._tables(epoch, model, len(stages.subjects)),
            tickets=tuple(tickets[index] for index in sorted(tickets) if tickets[index] in opened),
        )
        self._exchange.submit(sign_statement(release, self._identity.signer))
        self._zone.wait(lambda view: view.epoch(epoch).phase is Phase.RELEASED or None, APPLY_TIMEOUT_S, f"the release of epoch {epoch}")
        _log.info(EPOCH_RELEASED, epoch=epoch, tickets=len(release.tickets))

    def _tables(self, epoch: str, model: Model, subjects: int) -> tuple[QuantileTable, ...]:
        """Tables of the declared functionals that banks or enterprises may be given, in every stage."""
        tables: list[QuantileTable] = []
        for name in self._formed(epoch):
            totals = self._store.totals(epoch, name)
            if len(totals) != subjects:
                raise EpochStateError(f"{len(totals)} of {subjects} values of {name} are opened")
            spec = model.functionals.get(name)
            if spec is not None and not {"bank", "enterprise"}.isdisjoint(spec.disclosed_to):
                tables += quantile_tables(model, name, by_stage(totals))
        return tuple(tables)

    def _formed(self, epoch: str) -> tuple[str, ...]:
        with self._zone.reading() as view:
            return formed(view, view.epoch(epoch))

    def _reader(self, epoch: str, stages: Stages, executor: ThreadPoolExecutor) -> Reader:
        with self._zone.reading() as view:
            opened = view.epoch(epoch).opened
            model = view.model(opened.model)
            assert view.public_key is not None  # an epoch has a key
            key = view.public_key
        return Reader(model, opened, stages, Placement.of(stages, opened.slots), key, self._opener_of, self._disputes, executor)

    def _opener_of(self, generation: int) -> Opener:
        with self._zone.reading() as view:
            return Opener(view.generation(generation), self._identity.hpke_private, self._keys_of)

    def _keys_of(self, member: str) -> list[VerifyKey]:
        with self._zone.reading() as view:
            return [verify_key(key) for key in view.registry.member(member).keys]

    def _answered(self, part: BulkPart) -> Answered:
        """The part's ticket as our own view of the log has it. Raises NotReadyError when it is not there."""
        digest = sha256(part.ticket_envelope).hex()
        logged = self._zone.wait(lambda view: view.tickets.get(digest), APPLY_TIMEOUT_S, f"the ticket at leaf {part.ticket_leaf_index}")
        sealed = tuple(SealedPartial(item.custodian, item.opening, item.enc, item.ciphertext, item.generation) for item in part.partials)
        return Answered(logged.statement, digest, tuple(int.from_bytes(item, "big") for item in part.aggregates), sealed)


def _openings_json(found: list[OpenedBatch]) -> bytes:
    return canonical_json(
        [{"batch": item.batch, "aggregate": str(item.aggregate), "m": str(item.opening.m), "r": str(item.opening.r)} for item in found]
    )


def openings_of(record: bytes) -> list[dict[str, Any]]:
    """What a ticket's record in the store holds: batch, aggregate, m (balanced) and r of each opening, in decimals."""
    found: list[dict[str, Any]] = json.loads(record)
    return found
