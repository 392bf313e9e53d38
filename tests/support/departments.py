"""Real departments, each with its own folder and database, in front of a zone in memory: what they send is judged and logged there.

``Exchange`` stands in for the coordinator and the log at the departments' port: it judges with the zone's own view and keeps what a
real coordinator would keep. ``hold`` makes it unreachable, ``refuse`` makes it refuse; ``calls`` lists what reached it, byte by byte.
"""

from __future__ import annotations

import csv
import json
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from connectors.plain import PlainFolder
from connectors.records import Connector
from crypto.contribution import check_contribution
from crypto.encoding import canonical_json, sha256
from crypto.proofs import KnowledgeProof
from crypto.sealing import public_key
from crypto.statements import parse_envelope
from nodes.contributing.corrections.epochs import ContributedEpochs
from nodes.contributing.epoch_secrets import EpochSecrets
from nodes.contributing.four_eyes.book import FourEyes, Policy
from nodes.contributing.four_eyes.people import People
from nodes.contributing.four_eyes.summaries import Summaries
from nodes.contributing.office import Office, RosterKey
from nodes.contributing.outbox import Outbox
from nodes.contributing.sender import Sender
from nodes.contributing.trust import ZoneTrust
from nodes.department.role import open_records
from nodes.department.values.book import ValueBook
from nodes.department.values.desk import ValuesDesk, ValueTerms
from nodes.department.values.settling import Settling
from nodes.department.worker import Department
from nodes.errors import NotFoundError, PeerUnavailableError, RpcRefusal
from nodes.records.deliveries import Intake
from nodes.records.runner import Runner, turns_of
from nodes.records.store import RecordStore
from nodes.runtime.peers.identity import Identity, TlsFiles
from nodes.runtime.peers.log_client import Appended
from nodes.runtime.replica import relay
from nodes.runtime.replica.relay import BindingAnswer, EnrolmentRequest
from protos.errors import refusal_of
from protos.v1.exchange_pb2 import ContributeColumns, ContributeRow, PrepareEpoch, Sealed, WorkItem
from scoring.errors import ScoringError
from scoring.exchange.contributors import contributors_of
from scoring.exchange.documents.axes import check_stated
from scoring.exchange.roster import check_compiled, check_published, parse_roster, parse_stages
from scoring.exchange.view import Logged, verify_key
from scoring.statements import Column, Consent, EpochOpen, RosterCompiled, Row, StagesPublished, parse_statement
from tests.support.databases import database_in
from tests.support.ledger import PACK, SMALL_BITS, Ledger
from tests.support.members import DEPARTMENTS, ZONE

ROSTER_KEY = bytes(range(32))
EPOCH, PERIOD = "epoch-1995", "1995"
MEMBER_OF = {  # of the simulators' tables
    "tax-hangzhou": "tax", "market-zhejiang": "market", "science-binjiang": "science",
    "insurance-hangzhou": "insurance", "ip-zhejiang": "ip", "credit-binjiang": "credit",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Acknowledged:
    leaf: bytes
    leaf_index: int


@dataclass
class Exchange:
    """Coordinator and log in one, for one member ``caller``."""

    ledger: Ledger
    caller: str
    blobs: dict[str, bytes]
    calls: list[tuple[str, bytes, bytes]] = field(default_factory=list)
    hold: bool = False
    refuse: str = ""

    def contribute(self, envelope: bytes, ciphertexts: bytes) -> Acknowledged:
        self._enter("contribute", envelope, ciphertexts)
        statement = _statement(envelope)
        assert isinstance(statement, Column | Row)
        proof = KnowledgeProof.from_json(statement.proof.model_dump(mode="json"))
        check_contribution(self.ledger.public_key, statement.header.model_dump(mode="json"), proof, ciphertexts)
        self.blobs[statement.header.merkle_root] = ciphertexts
        return self._log(envelope)

    def publish(self, envelope: bytes, content: bytes) -> Acknowledged:
        self._enter("publish", envelope, content)
        statement = _statement(envelope)
        if isinstance(statement, RosterCompiled):
            check_compiled(parse_roster(content), statement)
        else:
            assert isinstance(statement, StagesPublished)
            compiled = self.ledger.view.rosters[statement.epoch].statement
            order = [stage.id for stage in self.ledger.model.stages]
            stages, roster = parse_stages(content, order), parse_roster(self.blobs[compiled.sha256])
            check_published(stages, roster, statement)
            check_stated(stages, roster, self.ledger.model)
        self.blobs[sha256(content).hex()] = content
        return self._log(envelope)

    def submit(self, envelope: bytes) -> Acknowledged:
        self._enter("submit", envelope, b"")
        return self._log(envelope)

    def relay(self, to: str, matter: str, sealed: bytes) -> None:
        self._enter(f"relay/{to}/{matter}", b"", sealed)

    def append(self, envelope: bytes) -> Appended:
        self._enter("log", envelope, b"")
        acknowledged = self._log(envelope)
        return Appended(acknowledged.leaf, acknowledged.leaf_index)

    def fetch(self, digest: str) -> bytes:
        if self.hold:
            raise PeerUnavailableError("held")
        if digest not in self.blobs:
            raise RpcRefusal("NOT_FOUND", str(NotFoundError()), "NOT_FOUND")
        return self.blobs[digest]

    def sent(self, call: str) -> list[tuple[bytes, bytes]]:
        """(envelope, content) of each call of a kind, in order."""
        return [(envelope, content) for name, envelope, content in self.calls if name == call]

    def _enter(self, call: str, envelope: bytes, content: bytes) -> None:
        if self.hold:
            raise PeerUnavailableError("held")
        self.calls.append((call, envelope, content))
        if self.refuse:
            raise RpcRefusal(self.refuse, "told to", "INVALID_ARGUMENT")

    def _log(self, envelope: bytes) -> Acknowledged:
        view = self.ledger.view
        known = view.by_envelope(envelope)
        if known is None:
            try:
                judged = view.judge(envelope, self.ledger.now)
            except ScoringError as error:
                raise RpcRefusal(refusal_of(error).reason, str(error), refusal_of(error).code.name) from error
            known = self.ledger.append(envelope, judged.actor, judged.statement.kind)
            assert known is not None
        return Acknowledged(known.leaf, known.index)


@dataclass
class Node:
    """One department over its folder ``root``; ``restart`` gives another one over the same folder."""

    ledger: Ledger
    name: str
    root: Path
    exchange: Exchange
    connectors: list[Connector] = field(default_factory=list)  # beside its folder of plain files
    terms: ValueTerms = field(default=ValueTerms())
    engine: Engine = field(init=False)
    records: Engine = field(init=False)
    runner: Runner = field(init=False)
    office: Office = field(init=False)
    values: ValuesDesk = field(init=False)
    settling: Settling = field(init=False)
    department: Department = field(init=False)
    sender: Sender = field(init=False)
    four_eyes: FourEyes = field(init=False)
    summaries: Summaries = field(init=False)
    seq: int = 0
    policy: Policy = field(default_factory=Policy)
    people: People | None = None

    def __post_init__(self) -> None:
        ledger, name = self.ledger, self.name
        self.root.mkdir(parents=True, exist_ok=True)
        (self.root / "records").mkdir(exist_ok=True)
        self.engine = database_in(self.root / "state", "department")
        self.records = open_records(self.root / "state", "")
        connectors = [PlainFolder(self.root / "records"), *self.connectors]
        self.runner = Runner(Intake(self.records, lambda: ledger.now), connectors, turns_of(self.root / "state"))
        private = ledger.keys.hpke[name]
        identity = Identity(ZONE, name, ledger.keys.signers[name], private, public_key(private), TlsFiles(b"", b"", b""))
        store, outbox, self.summaries = RecordStore(self.records, self.engine), Outbox(self.engine), Summaries(self.engine)
        self.four_eyes = FourEyes(self.engine, outbox, self.people, self.policy, identity, lambda: ledger.now)
        self.four_eyes.settle()
        self.office = Office(
            identity=identity,
            trust=ZoneTrust(_public(ledger, self.root), ZONE, name, SMALL_BITS),
            store=store,
            outbox=outbox,
            four_eyes=self.four_eyes,
            summaries=self.summaries,
            secrets=EpochSecrets(self.root / "state" / "epochs", 3),
            subjects=RosterKey(ROSTER_KEY),
            sources=self.runner,
            epochs=ContributedEpochs(self.engine),
            window=4,
        )
        self.office.trust._models = {ledger.model.sha256: ledger.model}  # read once for all: YAML is slow
        self.values = ValuesDesk(identity, self.office.trust, store, ValueBook(self.records), outbox, self.terms, lambda: ledger.now)
        intake = Intake(self.records, lambda: ledger.now)
        self.settling = Settling(ZONE, name, self.values.book, store, intake, self.people, self.policy.persons, lambda: ledger.now)
        self.settling.finish()
        self.department = Department(self.office, ROSTER_KEY, self.values, self.exchange.fetch, lambda: ledger.now)
        self.sender = Sender(self.office.outbox, self.exchange, self.exchange, self.department.settled, threading.Event(), self.four_eyes.admits)

    def restart(self, **changes: Any) -> Node:
        """Another process over the same folder; ``changes``: of its policy and people."""
        self.engine.dispose()
        self.records.dispose()
        kept = {"seq": self.seq, "policy": self.policy, "people": self.people, "connectors": self.connectors, "terms": self.terms}
        return Node(self.ledger, self.name, self.root, self.exchange, **{**kept, **changes})

    def give(self, columns: tuple[str, ...], rows: list[tuple[str, ...]], name: str = "records.csv") -> None:
        """Drop a file of records."""
        with (self.root / "records" / name).open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream, lineterminator="\n").writerows([columns, *rows])

    def do(self, item: WorkItem, *, send: bool = True) -> None:
        """Handle one item, then send what waits."""
        self.seq += 1
        item.seq = self.seq
        self.department.handle(item)
        if send:
            self.flush()

    def flush(self) -> None:
        """Send until nothing waits, or the exchange cannot be reached."""
        while (kept := self.office.outbox.next()) is not None and self.sender.send(kept):
            pass


@dataclass
class DepartmentZone:
    """Departments, by member id, around one ledger, with the records of ``tables`` (member -> columns, rows)."""

    ledger: Ledger
    nodes: dict[str, Node]
    blobs: dict[str, bytes]

    @classmethod
    def build(cls, ledger: Ledger, root: Path, tables: Mapping[str, tuple[tuple[str, ...], list[tuple[str, ...]]]]) -> DepartmentZone:
        blobs: dict[str, bytes] = {}
        nodes = {name: Node(ledger, name, root / name, Exchange(ledger, name, blobs)) for name in DEPARTMENTS}
        for name, table in tables.items():
            nodes[name].give(*table)
        return cls(ledger, nodes, blobs)

    def prepare(self) -> Logged:
        """Roster and stages, by those who owe them, then the epoch's opening by the authority."""
        item = PrepareEpoch(epoch=EPOCH, period=PERIOD, model=bytes.fromhex(self.ledger.model.sha256))
        self.nodes["market"].do(WorkItem(prepare=item))
        item.roster_envelope = self.ledger.view.rosters[EPOCH].envelope
        self.nodes["tax"].do(WorkItem(prepare=item))
        return self.ledger.say(self.opening(), "authority")

    def opening(self, **changes: object) -> EpochOpen:
        """The opening of the epoch over the stages last published."""
        view, model = self.ledger.view, self.ledger.model
        leaf, stages = max(view.stages.items())
        content = parse_stages(self.blobs[stages.statement.sha256], [stage.id for stage in model.stages])
        slots = model.slots_per_ciphertext(self.ledger.public_key.bits)
        said: dict[str, object] = {
            "zone": ZONE, "nonce": "00" * 16, "epoch": EPOCH, "period": PERIOD, "model": model.sha256,
            "key": self.ledger.public_key.key_hash.hex(), "roster": stages.statement.sha256, "stages_leaf": leaf,
            "slot_bits": model.slot_bits, "slots": slots, "batches": sum(-(-count // slots) for _, count in content.counts()),
            "contributors": contributors_of(view, model, PERIOD),
        }  # fmt: skip
        return EpochOpen.model_validate({**said, **changes})

    def contribute(self, opened: Logged) -> None:
        """Every department's columns."""
        for node in self.nodes.values():
            node.do(columns_asked(opened.envelope))

    def ask_enrolment(self, uscc: str, sender: str = "enterprise", **changes: object) -> tuple[str, WorkItem]:
        """Fresh keys of an enterprise, and its service's request that they be enrolled: (key id, sealed work item)."""
        keys, key_id = self.ledger.keys, f"e-{secrets.token_hex(8)}"
        keys.make(key_id, enterprise=True)
        said = {"uscc": uscc, "key": keys.signing(key_id), "hpke": keys.sealing(key_id).hex(), "service": sender, **changes}
        request = EnrolmentRequest.model_validate(said)
        sealed = relay.seal_message(request, keys.sealing("market"), keys.signers[sender], sender=sender, to="market", matter=relay.ENROLMENT_REQUEST)
        return key_id, WorkItem(sealed=Sealed(sender=sender, subject_matter=relay.ENROLMENT_REQUEST, sealed=sealed))

    def enrol(self, uscc: str) -> str:
        """Have the registrar enrol an enterprise; its key id."""
        key_id, item = self.ask_enrolment(uscc)
        self.nodes["market"].do(item)
        return key_id

    def answer(self, number: int = -1) -> BindingAnswer:
        """The registrar's answer number ``number`` as the service opens it."""
        keys = self.ledger.keys
        _, sealed = self.nodes["market"].exchange.sent("relay/enterprise/binding")[number]
        registered = [verify_key(keys.signing("market"))]
        return relay.open_message(BindingAnswer, sealed, keys.hpke["enterprise"], registered, sender="market", to="enterprise", matter=relay.BINDING)

    def consent(self, key_id: str, signer: str = "", **changes: object) -> Logged:
        """A logged consent of the enterprise with ``key_id``: to bank-a for the total, unless ``changes`` say otherwise."""
        return self.ledger.say(self.consent_statement(key_id, **changes), signer or key_id)

    def consent_statement(self, key_id: str, **changes: object) -> Consent:
        now = self.ledger.now
        said: dict[str, object] = {
            "zone": ZONE, "nonce": secrets.token_hex(16), "id": secrets.token_hex(16),
            "subject": self.ledger.view.enrolments[key_id].statement.subject, "audience": "bank-a", "purpose": "loan",
            "products": ("base-line",), "functionals": ("total",), "not_before": now - 60, "not_after": now + 86_400,
            "service": "enterprise", "signed_by": "enterprise",
        }  # fmt: skip
        return Consent.model_validate({**said, **changes})

    def ask_row(self, opened: Logged, consent: Logged, key_id: str) -> WorkItem:
        """The request for a row under a consent."""
        return row_asked(opened.envelope, consent.envelope, self.ledger.view.enrolments[key_id].envelope)


def columns_asked(envelope: bytes) -> WorkItem:
    return WorkItem(columns=ContributeColumns(epoch_open_envelope=envelope))


def row_asked(opened: bytes, consent: bytes, enrolment: bytes) -> WorkItem:
    return WorkItem(row=ContributeRow(epoch_open_envelope=opened, consent_envelope=consent, enrolment_envelope=enrolment))


def _statement(envelope: bytes) -> object:
    parsed = parse_envelope(envelope)
    return parse_statement(parsed.payload_type, parsed.payload)


def _public(ledger: Ledger, root: Path) -> Path:
    public = root / "public"
    (public / "packs").mkdir(parents=True, exist_ok=True)
    (public / "registry.dsse.json").write_bytes(ledger.entries[0][1])
    (public / "key.json").write_bytes(canonical_json(ledger.public_key.to_json()))
    (public / "packs" / PACK.name).write_bytes(PACK.read_bytes())
    assert json.loads((public / "key.json").read_bytes())["bits"] == SMALL_BITS
    return public
