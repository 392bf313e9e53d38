"""The epoch of the tests' zone: a dozen firms with drawn points, their roster and stages, the departments' columns, bulk tickets."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from crypto.contribution import encrypt_contribution, gate_mask
from crypto.encoding import canonical_json, sha256
from crypto.packing import pack
from crypto.paillier import Encryptor
from nodes.runtime.peers.signing import fresh_nonce
from scoring.exchange.contributions import NO_FUNCTIONAL, owed_entries, roster_named
from scoring.exchange.contributors import contributors_of
from scoring.exchange.order import order_of
from scoring.exchange.roster import Batch, Roster, Stages, build_roster, build_stages
from scoring.exchange.tickets import derive_inputs, opening_for
from scoring.exchange.view import Logged
from scoring.release.aggregate import Placement, aggregate, aggregate_hash
from scoring.statements import (
    Column,
    ContributionHeader,
    Entry,
    EpochClose,
    EpochOpen,
    EpochRelease,
    KnowledgeProof,
    QuantileTable,
    RosterCompiled,
    StagesPublished,
    Statement,
    Ticket,
    TicketOpening,
)
from tests.support.ledger import Ledger
from tests.support.members import ORGANISATIONS

EPOCH, PERIOD = "epoch-1995", "1995"
STAGES = ("S1", "S1", "S1", "S1", "S1", "S2", "S2", "S2", "S2", "S3", "S3", "S4")  # of the twelve firms
GATED_FIRM = 1  # its gate is closed: its total reads 0
DIVISIONS = ("330108", "330109")


@dataclass
class EpochLedger(Ledger):
    """A ledger with firms, one for each of ``firms``, its stage. ``blobs``: documents by SHA-256, ciphertexts by Merkle root. ``points``:
    hundredths by subject and indicator, of one of several owners by "indicator of member" where that is there."""

    firms: tuple[str, ...] = STAGES
    blobs: dict[str, bytes] = field(default_factory=dict)
    encryptor: Encryptor = field(init=False)
    subjects: list[str] = field(init=False)
    points: dict[str, dict[str, int]] = field(init=False)
    gated: set[str] = field(init=False)
    staged: dict[str, str] = field(init=False)  # stage of each subject in the next roster
    roster: Roster = field(init=False)
    stages: Stages = field(init=False)
    placement: Placement = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.encryptor = Encryptor(self.public_key, window=4)
        draw = random.Random("firms")
        self.subjects = [draw.randbytes(16).hex() for _ in self.firms]
        scored = {name: item for name, item in self.model.indicators.items() if not item.gate}
        self.points = {subject: {name: draw.randrange(item.bounds[1] + 1) for name, item in scored.items()} for subject in self.subjects}
        self.gated = {self.subjects[GATED_FIRM]}
        self.staged = dict(zip(self.subjects, self.firms, strict=True))

    def fork(self) -> Self:
        other = super().fork()
        other.blobs, other.gated, other.staged = dict(self.blobs), set(self.gated), dict(self.staged)
        other.points = {subject: dict(points) for subject, points in self.points.items()}
        return other

    # --- roster, stages, opening ---

    def compile(self, epoch: str = EPOCH) -> None:
        """Make roster, stages and batches; says nothing."""
        self.roster = build_roster(self.name, epoch, PERIOD, [(subject, DIVISIONS[i % 2]) for i, subject in enumerate(self.subjects)])
        order = [stage.id for stage in self.model.stages]
        self.stages = build_stages(self.roster, self.model.sha256, self.staged, order, self.model.default_stage)
        self.placement = Placement.of(self.stages, self.slots)

    @property
    def slots(self) -> int:
        return self.model.slots_per_ciphertext(self.public_key.bits)

    def roster_statement(self) -> RosterCompiled:
        epoch, digest = self.roster.epoch, self._keep(self.roster.to_bytes())
        return RosterCompiled(zone=self.name, nonce=fresh_nonce(), epoch=epoch, period=PERIOD, count=len(self.subjects), sha256=digest)

    def stages_statement(self) -> StagesPublished:
        return StagesPublished(
            zone=self.name,
            nonce=fresh_nonce(),
            epoch=self.stages.epoch,
            period=PERIOD,
            model=self.model.sha256,
            roster=sha256(self.roster.to_bytes()).hex(),
            count=len(self.subjects),
            sha256=self._keep(self.stages.to_bytes()),
            merkle_root=self.stages.merkle_root().hex(),
        )

    def opening_statement(self, stages_leaf: int) -> EpochOpen:
        order = order_of(self.stages, self.slots).to_bytes()
        return EpochOpen(
            zone=self.name,
            nonce=fresh_nonce(),
            epoch=self.stages.epoch,
            period=PERIOD,
            model=self.model.sha256,
            key=self.public_key.key_hash.hex(),
            roster=sha256(self.stages.to_bytes()).hex(),
            stages_leaf=stages_leaf,
            slot_bits=self.model.slot_bits,
            slots=self.slots,
            batches=len(self.placement.batches),
            contributors=contributors_of(self.view, self.model, PERIOD),
            order="" if self.model.contributors is None else self._keep(order),
        )

    def open_epoch(self, epoch: str = EPOCH) -> Logged:
        """Roster, stages and the epoch's opening."""
        self.compile(epoch)
        self.say(self.roster_statement(), "market")
        stages = self.say(self.stages_statement(), "tax")
        return self.say(self.opening_statement(stages.index), "authority")

    # --- columns ---

    def column(self, sender: str, entry: Entry, revision: int = 0, epoch: str = EPOCH) -> Column:
        """One column; its ciphertexts are kept as a blob."""
        opened = self.view.epoch(epoch).opened
        layout = {"slot_bits": opened.slot_bits, "slots": opened.slots, "batches": opened.batches, "subject": "", "audience": "", "consent": ""}
        header = self._header("column", sender, (entry,), revision, epoch) | layout
        values = [self._value(header, position, subject, entry) for position, (subject, _, _) in enumerate(self.stages.subjects)]
        slices = [values[batch.first_position : batch.first_position + batch.count] for batch in self.placement.batches]
        return Column(zone=self.name, nonce=fresh_nonce(), **self._encrypted(sender, header, [pack(part, opened.slot_bits) for part in slices]))

    def owed_columns(self) -> list[tuple[str, Entry]]:
        """(sender, entry) of every column that departments and banks owe an epoch."""
        disclosed = self.model.disclosures("authority")
        return [(name, entry) for name in ORGANISATIONS for entry in owed_entries(self.model, self.keys.member(name), disclosed)]

    def contribute_columns(self, revision: int = 0, epoch: str = EPOCH) -> list[Logged]:
        """Every column that is owed."""
        return [self.say(self.column(name, entry, revision, epoch), name) for name, entry in self.owed_columns()]

    def ciphertext(self, leaf_index: int, position: int) -> int:
        """Ciphertext ``position`` of the contribution at a leaf."""
        data = self.blobs[self.view.contributions[leaf_index].statement.header.merkle_root]
        width = self.public_key.ciphertext_size
        return int.from_bytes(data[position * width : (position + 1) * width], "big")

    # --- close, totals, release ---

    def close_epoch(self, epoch: str = EPOCH) -> Logged:
        return self.say(EpochClose(zone=self.name, nonce=fresh_nonce(), epoch=epoch), "authority")

    def bulk_ticket(self, functional: str, batches: Sequence[Batch], epoch: str = EPOCH) -> tuple[Ticket, tuple[int, ...]]:
        """The ticket that opens a functional of ``batches``, all of one stage, to the authority, and the aggregates that it names."""
        state, stage = self.view.epoch(epoch), batches[0].stage
        inputs = derive_inputs(self.view, state, [functional], stage)
        values = tuple(aggregate(self.public_key, self.model, (functional,), stage, batch, inputs, self.ciphertext) for batch in batches)
        openings = tuple(self._opening((functional,), stage, batch.index, value) for batch, value in zip(batches, values, strict=True))
        said = {"epoch": epoch, "audience": "authority", "purpose": "epoch", "stage": stage, "request": state.close_digest, "request_nonce": ""}
        return self._ticket(**said, openings=openings, inputs=inputs), values

    def batches_of(self, stage: str) -> list[Batch]:
        return [batch for batch in self.placement.batches if batch.stage == stage]

    def open_totals(self, epoch: str = EPOCH) -> list[tuple[Logged, tuple[int, ...]]]:
        """One ticket for each disclosed functional and stage; each with its aggregates."""
        found = []
        for name in self.model.disclosures("authority"):
            for stage, _ in self.stages.counts():
                ticket, values = self.bulk_ticket(name, self.batches_of(stage), epoch)
                found.append((self.say(ticket, "coordinator"), values))
        return found

    def release_statement(self, tables: Sequence[QuantileTable] = (), epoch: str = EPOCH) -> EpochRelease:
        bulk = [digest for digest, item in self.view.tickets.items() if (item.statement.purpose, item.statement.epoch) == ("epoch", epoch)]
        return EpochRelease(zone=self.name, nonce=fresh_nonce(), epoch=epoch, tables=tuple(tables), tickets=tuple(bulk))

    # --- inside ---

    def _keep(self, data: bytes) -> str:
        digest = sha256(data).hex()
        self.blobs[digest] = data
        return digest

    def _header(self, kind: str, sender: str, entries: tuple[Entry, ...], revision: int, epoch: str) -> dict[str, Any]:
        opened = self.view.epoch(epoch).opened
        return {
            "sender": sender, "zone": self.name, "key": opened.key, "kind": kind, "epoch": epoch, "period": opened.period, "model": opened.model,
            "roster": roster_named(self.model, opened, entries), "entries": [entry.model_dump(mode="json") for entry in entries],
            "revision": revision, "proof": "djn",
        }  # fmt: skip

    def _value(self, header: dict[str, Any], index: int, subject: str, entry: Entry) -> int:
        if entry.functional == NO_FUNCTIONAL:
            return self.points[subject].get(f"{entry.indicator} of {header['sender']}", self.points[subject][entry.indicator])
        secret, context = _secret(header["sender"]), entry.functional.encode()
        return self.model.gate_value(
            entry.indicator, entry.functional, subject in self.gated, lambda bits: gate_mask(secret, header, index, context, bits)
        )

    def _encrypted(self, sender: str, header: dict[str, Any], plaintexts: list[int]) -> dict[str, Any]:
        made = encrypt_contribution(self.encryptor, _secret(sender), header, plaintexts)
        self.blobs[made.merkle_root.hex()] = made.ciphertext_bytes
        proof = KnowledgeProof(type="djn", t=f"{made.proof.t:x}", z1=f"{made.proof.z1:x}", z2=f"{made.proof.z2:x}")
        return {"header": ContributionHeader.model_validate_json(canonical_json(made.header)), "proof": proof}

    def _opening(self, names: tuple[str, ...], stage: str, batch: int, value: int) -> TicketOpening:
        return opening_for(self.model, names, stage, batch, aggregate_hash(self.public_key, value))

    def _ticket(self, **said: Any) -> Ticket:
        leaf = self.view.sealing_key(said["audience"])[1]
        return Ticket(zone=self.name, nonce=fresh_nonce(), model=self.model.sha256, audience_leaf=leaf, not_after=self.now + 600, **said)


def changed(statement: Statement, **header: Any) -> Any:
    """A column or row whose header says something else; its proof does not fit any more, which the log's rules do not look at."""
    contribution: Any = statement
    return contribution.model_copy(update={"header": contribution.header.model_copy(update=header)})


def _secret(sender: str) -> bytes:
    return sha256(f"secret of {sender}".encode())
