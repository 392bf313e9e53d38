"""A coordinator and a log over a zone in memory, for the processes that call them: the real ticket office, evidence desk and journal
work on the memory zone's view; custodians answer at once, each with its own share, sealed as a real one seals.

Stands in for ``ExchangeClient`` and ``LogClient``: the same methods, the same refusals. What travels over the wire is tested elsewhere.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

from crypto.checkpoint import Checkpoint, check_witnessed, cosign, sign_checkpoint
from crypto.errors import CryptoError, MerkleError
from crypto.merkle import MemoryTree, leaf_hash
from crypto.paillier import encode_ciphertext
from crypto.sealing import public_key, seal
from crypto.statements import parse_envelope
from crypto.threshold import partial as partial_opening
from crypto.tiles import TILE_WIDTH, encode_entries, parse_path
from nodes.coordinator.epochs import Epochs
from nodes.coordinator.journal import Journal
from nodes.coordinator.keeping.store import Store
from nodes.coordinator.releasing.evidence import EvidenceDesk
from nodes.coordinator.releasing.openings import Openings
from nodes.coordinator.releasing.tickets import Issued, TicketOffice
from nodes.coordinator.service import check_submitted
from nodes.coordinator.work import WorkQueue
from nodes.errors import NodeError, PeerUnavailableError, RpcRefusal
from nodes.evidence.tree import Hashes
from nodes.runtime.peers.exchange_client import ExchangeClient
from nodes.runtime.peers.identity import Identity, TlsFiles, log_name
from nodes.runtime.peers.log_client import Appended, LogClient
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from nodes.runtime.replica.follower import LogFollower, Witnessed
from nodes.runtime.replica.material import Ciphertexts, Placements
from nodes.runtime.replica.zone import Zone
from nodes.runtime.web.request_document import RequestDocument
from protos.errors import detail_of, refusal_of
from protos.v1 import exchange_pb2 as wire
from scoring.errors import RowsAwaitedError, ScoringError
from scoring.exchange.view import Logged, ZoneView
from scoring.release.opening import SealedPartial
from scoring.release.partials import sealing_aad, sealing_info
from scoring.statements import Partial, Statement, parse_statement
from tests.support.custody import Custody
from tests.support.databases import fresh_database
from tests.support.ledger import THRESHOLD, Ledger, actor
from tests.support.members import CUSTODIANS, Keys
from tests.support.zone import MemoryZone

T = TypeVar("T")


def identity_of(keys: Keys, member: str) -> Identity:
    """A member's identity without TLS."""
    private = keys.hpke[member]
    return Identity(keys.zone, member, keys.signers[member], private, public_key(private), TlsFiles(b"", b"", b""))


class HeldZone(Zone):
    """A ``Zone`` around the view of a memory zone, which others extend, all under ``lock``."""

    def __init__(self, view: ZoneView, lock: threading.RLock | None = None) -> None:
        self._lock = threading.Condition(lock or threading.RLock())
        self._observers = []
        self._public_dir = Path("/nonexistent")
        self._view = view


class MemoryLog:
    """The memory zone's log as a ``LogClient`` and ``LogFollower`` show it. The auditor cosigns at once."""

    def __init__(self, zone: Ledger) -> None:
        self._zone = zone
        self.lock = threading.RLock()

    def append(self, envelope: bytes) -> Appended:
        with self.lock:
            return self._append(envelope)

    def _append(self, envelope: bytes) -> Appended:
        known = [index for index, (_, said) in enumerate(self._zone.entries) if said == envelope]
        if not known:
            parsed = parse_envelope(envelope)
            statement: Statement = parse_statement(parsed.payload_type, parsed.payload)
            owners = {pair.key_id: name for name, pair in self._zone.keys.signers.items()}
            member = actor(owners[parsed.key_ids[0]])
            self._zone.append(envelope, member, statement.kind)
            known = [len(self._zone.entries) - 1]
        return Appended(self._zone.entries[known[0]][0], known[0])

    def prove(self, indices: Sequence[int], size: int) -> dict[int, tuple[bytes, ...]]:
        tree = MemoryTree([leaf for leaf, _ in self._zone.entries[:size]])
        return {index: tuple(tree.inclusion_proof(index)) for index in indices}

    def read_tile(self, path: str) -> bytes:
        if path == "checkpoint":
            return self.note()
        try:
            address = parse_path(path)
        except MerkleError as error:
            raise RpcRefusal("NOT_FOUND", str(error), "NOT_FOUND") from error
        if address.level is None:
            start = address.index * TILE_WIDTH
            return encode_entries([leaf for leaf, _ in self._zone.entries[start : start + address.width]])
        tile = Hashes([leaf_hash(leaf) for leaf, _ in self._zone.entries]).tile(address.level, address.index, address.width)
        if not tile:
            raise RpcRefusal("NOT_FOUND", f"no {path}", "NOT_FOUND")
        return tile

    def note(self) -> bytes:
        """The newest checkpoint, cosigned."""
        with self.lock:
            zone, leaves = self._zone, [leaf for leaf, _ in self._zone.entries]
        checkpoint = Checkpoint(log_name(zone.name), len(leaves), MemoryTree(leaves).root())
        note = sign_checkpoint(checkpoint, zone.log_signer)
        return note + cosign(note, zone.witness_signer, zone.now)

    def wait_for_witnessed(self, size: int, _timeout_s: float) -> Witnessed:
        assert size <= len(self._zone.entries)
        policy, note = self._zone.view.registry.genesis.witness_policy, self.note()
        witnessed = check_witnessed(note, self._zone.view.registry.genesis.log_vkey, policy.witnesses, policy.required)
        return Witnessed(witnessed, note.decode())

    def client(self) -> LogClient:
        """This, as what the processes expect."""
        return cast(LogClient, self)


class MemoryExchange:
    """The coordinator of a memory zone. ``asleep``: custodians that do not answer; ``garbled``: those whose partials are wrong."""

    def __init__(self, zone: MemoryZone, log: MemoryLog) -> None:
        self._zone = zone
        self.asleep: set[str] = set()
        self.garbled: set[str] = set()
        self.first = len(CUSTODIANS)  # how many answers an audience is given before it asks for more
        self.custody: Custody | None = None  # once the shares have been renewed
        self.relayed: list[tuple[str, str, bytes]] = []
        self.senders: list[str] = []  # of what was relayed, where a client says who it is
        self.submitted: list[bytes] = []
        self.offered: list[tuple[str, str, bytes]] = []
        self.away = False  # it cannot be reached to submit anything
        self.on_prepare: Callable[[], None] = lambda: None
        held = self._held = HeldZone(zone.view, log.lock)
        self._issued: dict[str, Issued] = {}
        store, work = Store(fresh_database("coordinator")), None
        journal = Journal(held, log.client(), store, lambda: zone.now)
        placements = Placements(held, zone.blobs.__getitem__)
        ciphertexts = cast(Ciphertexts, zone.ciphertext)
        self._journal = journal
        self._office = TicketOffice(identity_of(zone.keys, "coordinator"), held, journal, store, ciphertexts, placements, lambda: zone.now, 600)
        self._desk = EvidenceDesk(held, log.client(), cast(LogFollower, log), ciphertexts, placements)
        self._epochs = Epochs(held, cast(WorkQueue, work), self._office, cast(Openings, None), placements)

    def client(self) -> ExchangeClient:
        """This, as what the processes expect."""
        return cast(ExchangeClient, self)

    def client_of(self, member: str) -> ExchangeClient:
        """As ``client``, for one member: ``senders`` tells whose the relayed messages are."""
        return cast(ExchangeClient, _ClientOf(self, member))

    def submit(self, envelope: bytes) -> wire.Receipt:
        if self.away:
            raise PeerUnavailableError("the coordinator is away")
        self.submitted.append(envelope)

        def log() -> Logged:
            check_submitted(parse_envelope(envelope))
            return self._journal.submit(envelope)

        logged = self._answer(log)
        return wire.Receipt(leaf=logged.leaf, leaf_index=logged.index, digest=bytes.fromhex(logged.digest))

    def offer(self, kind: str, name: str, content: bytes) -> int:
        """The coordinator's outbox, as far as a test looks at it."""
        if self.away:
            raise PeerUnavailableError("the coordinator is away")
        if (kind, name, content) not in self.offered:
            self.offered.append((kind, name, content))
        return self.offered.index((kind, name, content)) + 1

    def release(self, request: bytes, subject: str) -> wire.ReleaseReply:
        document = RequestDocument.parse(request)

        def release() -> wire.ReleaseReply:
            try:
                asked = self._office.ask(document, subject)
            except RowsAwaitedError:
                return wire.ReleaseReply(awaiting_rows=True)
            issued = self._office.issue(asked)
            evidence = self._desk.gather(asked, issued)
            return wire.ReleaseReply(
                ticket_envelope=issued.ticket.envelope,
                ticket_leaf=issued.ticket.leaf,
                ticket_leaf_index=issued.ticket.index,
                checkpoint=evidence.checkpoint.encode(),
                partials=self._partials(issued),
                evidence=evidence.to_bytes(),
            )

        return self._answer(release)

    def prepare(self, epoch: str, period: str, model: str) -> wire.PrepareReply:
        self.on_prepare()
        view = self._zone.view
        stages = next((logged for logged in reversed(view.stages.values()) if logged.statement.epoch == epoch), None)
        if stages is None:
            raise RpcRefusal("NOT_READY", f"the roster of epoch {epoch} is not in the log", "UNAVAILABLE")
        return wire.PrepareReply(roster_envelope=view.rosters[epoch].envelope, stages_envelope=stages.envelope, stages_leaf_index=stages.index)

    def epoch_status(self, epoch: str) -> wire.EpochStatusReply:
        columns = [
            wire.ExpectedColumn(indicator=indicator, functional=functional, member=member, received=revision is not None)
            for indicator, functional, member, revision in self._answer(lambda: self._epochs.expected(epoch))
        ]
        return wire.EpochStatusReply(state=str(self._zone.view.epoch(epoch).phase), columns=columns)

    def open_bulk(self, epoch: str) -> Iterator[wire.BulkPart]:
        zone = self._zone
        for name in zone.model.disclosures("authority"):
            for stage, _ in zone.stages.counts():
                batches = tuple(zone.batches_of(stage))
                issued = self._answer(partial(self._office.issue_bulk, epoch, name, batches))
                yield wire.BulkPart(
                    ticket_envelope=issued.ticket.envelope,
                    ticket_leaf_index=issued.ticket.index,
                    partials=self._partials(issued),
                    aggregates=[encode_ciphertext(zone.public_key, value) for value in issued.aggregates],
                )

    def fetch_blob(self, digest: str) -> bytes:
        return self._zone.blobs[digest]

    def relay(self, to: str, matter: str, sealed: bytes) -> None:
        self.relayed.append((to, matter, sealed))

    def _partials(self, issued: Issued) -> list[wire.CustodianPartial]:
        awake = [name for name in CUSTODIANS if name not in self.asleep]
        if len(awake) < THRESHOLD:
            raise RpcRefusal("CUSTODIANS_MISSING", "too few custodians answered", "UNAVAILABLE")
        return self._answers(issued, awake[: self.first])

    def _answers(self, issued: Issued, custodians: Sequence[str]) -> list[wire.CustodianPartial]:
        self._issued[issued.ticket.digest] = issued
        return [self._partial(name, issued, opening) for name in custodians for opening in range(len(issued.aggregates))]

    def more_partials(self, ticket: str) -> list[SealedPartial]:
        found = self._answers(self._issued[ticket], [name for name in CUSTODIANS if name not in self.asleep])
        return [SealedPartial(item.custodian, item.opening, item.enc, item.ciphertext, item.generation) for item in found]

    def proofs(self, demand: str) -> list[bytes]:
        with self._held.reading() as view:
            return [logged.envelope for (digest, _), logged in view.partial_proofs.items() if digest == demand]

    def _partial(self, custodian: str, issued: Issued, opening: int) -> wire.CustodianPartial:
        zone, ticket = self._zone, issued.ticket
        sharing, share = zone.view.generation().sharing, zone.shares[CUSTODIANS.index(custodian)]
        if self.custody is not None:
            share = self.custody.shares[custodian]
        x = partial_opening(sharing, share, issued.aggregates[opening])
        statement = Partial(
            zone=zone.name, nonce=fresh_nonce(), ticket=ticket.digest, opening=opening, aggregate=ticket.statement.openings[opening].aggregate,
            custodian=custodian, index=share.index, generation=share.generation, x=f"{x ^ 1 if custodian in self.garbled else x:x}",
        )  # fmt: skip
        envelope = sign_statement(statement, zone.keys.signers[custodian])
        audience, _ = zone.view.sealing_key(ticket.statement.audience)
        enc, ciphertext = seal(audience, sealing_info(ticket.digest, custodian, share.generation), sealing_aad(opening), envelope)
        return wire.CustodianPartial(custodian=custodian, opening=opening, enc=enc, ciphertext=ciphertext, generation=share.generation)

    @staticmethod
    def _answer(work: Callable[[], T]) -> T:
        """What ``work`` gives; its domain errors come as they would over the wire."""
        try:
            return work()
        except RpcRefusal:
            raise
        except (ScoringError, CryptoError, NodeError) as error:
            row = refusal_of(error)
            raise RpcRefusal(row.reason, detail_of(error, row), row.code.name) from error


class _ClientOf:
    """A memory exchange as one member dials it."""

    def __init__(self, exchange: MemoryExchange, member: str) -> None:
        self._exchange, self._member = exchange, member

    def __getattr__(self, name: str) -> Any:
        return getattr(self._exchange, name)

    def relay(self, to: str, matter: str, sealed: bytes) -> None:
        self._exchange.relay(to, matter, sealed)
        self._exchange.senders.append(self._member)
