"""A real auditor's conductor in front of real departments: the ledger in memory is their log, sealed messages pass straight through.

What travels over the wire, and the processes, are tested in ``tests.scenario.test_draws_live``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from nodes.auditor.draws.book import Book
from nodes.auditor.draws.conduct import Conductor, Policy
from nodes.auditor.draws.judging import Judge
from nodes.auditor.draws.settling import Settler
from nodes.runtime.peers.signing import fresh_nonce
from nodes.runtime.replica.material import Ciphertexts, Placements, proven
from protos.v1.exchange_pb2 import Sealed, WorkItem
from scoring.exchange.roster import parse_stages
from scoring.exchange.tickets import COLUMN_POSITION, derive_inputs, opening_for
from scoring.exchange.view import Logged
from scoring.release.aggregate import aggregate, aggregate_hash
from scoring.statements import AuditResult, DrawnItem, EpochClose, EpochRelease, Failure, Ticket
from tests.support.databases import database_in
from tests.support.departments import EPOCH, DepartmentZone
from tests.support.exchange import HeldZone, MemoryLog, identity_of
from tests.support.members import ZONE

DUE_S, WINDOW_S = 600, 100


class ProvingLog(MemoryLog):
    """The ledger's log as who gathers evidence asks it."""

    def checkpoint(self, min_size: int, _timeout_s: float) -> str:
        assert min_size <= len(self._zone.entries)
        return self.note().decode()


@dataclass
class Audited:
    """An auditor over a zone of departments. ``deaf``: members that its requests do not reach. ``relayed``: (member, matter, sealed)."""

    zone: DepartmentZone
    root: Path
    columns: int = 2
    rows: int = 0
    auditor: str = "auditor"
    deaf: set[str] = field(default_factory=set)
    relayed: list[tuple[str, str, bytes]] = field(default_factory=list)
    book: Book = field(init=False)
    conductor: Conductor = field(init=False)

    def __post_init__(self) -> None:
        ledger, identity = self.zone.ledger, identity_of(self.zone.ledger.keys, self.auditor)
        held, log = HeldZone(ledger.view), ProvingLog(ledger)
        self.book = Book(database_in(self.root / self.auditor, "draws"))
        ciphertexts = Ciphertexts(held, lambda logged: proven(held, logged, self.zone.blobs[logged.statement.header.merkle_root]))
        judge = Judge(held, ciphertexts, Placements(held, lambda digest: self.zone.blobs[digest]).placement)
        settler = Settler(identity, held, self._relay, self.book, judge, self.root / self.auditor / "draws", lambda: ledger.now)
        policy = Policy(self.columns, self.rows, WINDOW_S, DUE_S)
        self.conductor = Conductor(identity, held, log.client(), self.book, settler, lambda index: ledger.entries[index], policy, lambda: ledger.now)

    def restart(self) -> Audited:
        """The auditor's process again, over the same book."""
        return Audited(self.zone, self.root, self.columns, self.rows, self.auditor, self.deaf)

    def _relay(self, member: str, matter: str, sealed: bytes) -> None:
        self.relayed.append((member, matter, sealed))
        if member not in self.deaf:
            self.zone.nodes[member].do(WorkItem(sealed=Sealed(sender=self.auditor, subject_matter=matter, sealed=sealed)))

    def collect(self) -> None:
        """Bring the auditor what departments relayed to it; it takes each as often as it comes."""
        for name, node in self.zone.nodes.items():
            for _, sealed in node.exchange.sent(f"relay/{self.auditor}/audit-opening"):
                self.conductor.take(WorkItem(seq=1, sealed=Sealed(sender=name, subject_matter="audit-opening", sealed=sealed)))

    def settle(self) -> None:
        """Do what is due, bring the answers, do what is due then."""
        self.conductor.step()
        self.collect()
        self.conductor.step()

    def items(self) -> dict[tuple[str, str], list[DrawnItem]]:
        """(sender, indicator of its first entry) → items of the newest outcome."""
        found: dict[tuple[str, str], list[DrawnItem]] = {}
        for item in self.result().items:
            header = self.zone.ledger.view.contributions[item.leaf_index].statement.header
            found.setdefault((header.sender, header.entries[0].indicator), []).append(item)
        return found

    def result(self) -> AuditResult:
        """The newest outcome in the log."""
        results: list[AuditResult] = [
            logged.statement for logged in self.zone.ledger.view.statements.values() if isinstance(logged.statement, AuditResult)
        ]
        return results[-1]

    def outcomes(self) -> dict[str, set[str]]:
        """Sender → outcomes of its items in the newest result."""
        found: dict[str, set[str]] = {}
        for (sender, _), items in self.items().items():
            found.setdefault(sender, set()).update(item.outcome for item in items)
        return found


def close_epoch(zone: DepartmentZone) -> Logged:
    """The authority closes the epoch."""
    return zone.ledger.say(EpochClose(zone=ZONE, nonce="00" * 16, epoch=EPOCH), "authority")


def release_epoch(zone: DepartmentZone, epoch: str = EPOCH) -> Logged:
    """The authority releases it, without tables."""
    return zone.ledger.say(EpochRelease(zone=ZONE, nonce="00" * 16, epoch=epoch, tables=(), tickets=()), "authority")


def contribute_rows(zone: DepartmentZone, opened: Logged, usccs: Iterable[str], audience: str = "bank-a") -> None:
    """Enrolment, consent and every department's row for each enterprise."""
    for uscc in usccs:
        key_id = zone.enrol(uscc)
        consent = zone.consent(key_id, audience=audience)
        for node in zone.nodes.values():
            node.do(zone.ask_row(opened, consent, key_id))


def failed_ticket(zone: DepartmentZone, subject: str, audience: str = "bank-a") -> tuple[Logged, Logged]:
    """A logged ticket, and its audience's report that its value was impossible."""
    logged = loan_ticket(zone, subject, audience)
    return logged, zone.ledger.say(Failure(zone=ZONE, nonce=fresh_nonce(), ticket=logged.digest), audience)


def loan_ticket(zone: DepartmentZone, subject: str, audience: str = "bank-a") -> Logged:
    """A logged ticket for the audience's total of a subject whose rows are there."""
    ledger = zone.ledger
    view, model = ledger.view, ledger.model
    state = view.epoch(EPOCH)
    stages = parse_stages(zone.blobs[state.opened.roster], [stage.id for stage in model.stages])
    stage = next(stage for name, _, stage in stages.subjects if name == subject)
    inputs = derive_inputs(view, state, ["total"], stage, subject=subject, audience=audience)

    def ciphertext(leaf_index: int, position: int) -> int:
        width = ledger.public_key.ciphertext_size
        data = zone.blobs[view.contributions[leaf_index].statement.header.merkle_root]
        return int.from_bytes(data[position * width : (position + 1) * width], "big")

    value = aggregate(ledger.public_key, model, ("total",), stage, None, inputs, ciphertext)
    consent = next(item for item in view.consents.values() if (item.consent.subject, item.consent.audience) == (subject, audience))
    ticket = Ticket(
        zone=ZONE,
        nonce=fresh_nonce(),
        epoch=EPOCH,
        model=model.sha256,
        audience=audience,
        audience_leaf=view.sealing_key(audience)[1],
        purpose="loan",
        subject=subject,
        stage=stage,
        consent=consent.digest,
        request=fresh_nonce() * 2,
        request_nonce=fresh_nonce(),
        openings=(opening_for(model, ("total",), stage, COLUMN_POSITION, aggregate_hash(ledger.public_key, value)),),
        inputs=inputs,
        not_after=ledger.now + 600,
    )
    return ledger.say(ticket, "coordinator")
