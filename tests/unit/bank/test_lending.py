"""A bank contributes its loan book: its own borrowers at their places, zeros everywhere else, only to an epoch that it can check [M7]."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from crypto.encoding import canonical_json, sha256
from crypto.keygen import PrivateKey
from crypto.packing import unpack
from crypto.statements import parse_envelope
from nodes.bank.borrowers import Borrowers
from nodes.bank.consents import Consents
from nodes.bank.lending import LoanContributor
from nodes.bank.settings import BankTable
from nodes.contributing.corrections.epochs import ContributedEpochs
from nodes.contributing.epoch_secrets import EpochSecrets
from nodes.contributing.office import Office
from nodes.contributing.outbox import Outbox
from nodes.contributing.sender import Sender
from nodes.contributing.trust import ZoneTrust
from nodes.records.deliveries import Intake
from nodes.records.runner import Runner, turns_of
from nodes.records.sources import open_sources
from nodes.records.store import RecordStore
from protos.v1.exchange_pb2 import ConsentNotice, EpochClosed, WorkItem
from scoring.exchange.view import Logged
from scoring.statements import Column, Refusal, parse_statement
from tests.support.bank import bound_consent, uscc_of
from tests.support.databases import ON_BOTH, database_in
from tests.support.departments import Exchange, columns_asked
from tests.support.epoch import EPOCH, PERIOD
from tests.support.exchange import identity_of
from tests.support.ledger import SMALL_BITS
from tests.support.members import ZONE
from tests.support.zone import MemoryZone

pytestmark = ON_BOTH

PACK = Path(__file__).parents[3] / "scoring" / "packs" / "loan-performance" / "loan-performance@1.yaml"
HEADER = "uscc,period,loans_active,loan_balance,loans_overdue_90"


@pytest.fixture(scope="module")
def opened(small_private_key: PrivateKey) -> MemoryZone:
    zone = MemoryZone(small_private_key, pack=PACK, firms=("all",) * 12)
    zone.found()
    zone.open_epoch()
    return zone


@dataclass
class Lender:
    """A bank's contributor over ``root``, in front of the memory zone as its coordinator and log."""

    zone: MemoryZone
    root: Path
    member: str = "bank-a"
    seq: int = 0
    exchange: Exchange = field(init=False)

    def __post_init__(self) -> None:
        zone, identity = self.zone, identity_of(self.zone.keys, self.member)
        records, public = self.root / "records", self.root / "public"
        records.mkdir(parents=True, exist_ok=True)
        (public / "packs").mkdir(parents=True, exist_ok=True)
        (public / "registry.dsse.json").write_bytes(zone.entries[0][1])
        (public / "key.json").write_bytes(canonical_json(zone.public_key.to_json()))
        self.exchange = Exchange(zone, self.member, zone.blobs)
        self.engine = database_in(self.root / "state", "bank")
        trust = ZoneTrust(public, ZONE, self.member, SMALL_BITS)
        trust._models = {zone.model.sha256: zone.model}
        self.consents = Consents(self.engine, identity, trust.registry)
        self.borrowers = Borrowers(self.engine, self.consents)
        self.outbox = Outbox(self.engine)
        secrets = EpochSecrets(self.root / "state" / "epochs", 3)
        book = database_in(self.root / "state", "records")
        table = BankTable(listen="127.0.0.1:0", gateway="https://gateway.test", records_dir=records)
        connectors = [source.connector for source in open_sources(table, self.root / "state")]
        runner = Runner(Intake(book, lambda: zone.now), connectors, turns_of(self.root / "state", threading.Event()))
        store, epochs = RecordStore(book, self.engine), ContributedEpochs(self.engine)
        office = Office(identity, trust, store, self.outbox, secrets, self.borrowers, runner, epochs, 4)
        self.contributor = LoanContributor(office, self.exchange.fetch)
        self.sender = Sender(self.outbox, self.exchange, self.exchange, self.contributor.settled, threading.Event())

    def told(self, consent: Logged, *, revoked: bool = False) -> None:
        self.seq += 1
        self.consents.take(ConsentNotice(consent_envelope=consent.envelope, leaf_index=consent.index, revoked=revoked), self.seq)

    def lends(self, *lines: str) -> None:
        (self.root / "records" / "loans.csv").write_text("\n".join([HEADER, *lines]) + "\n", encoding="utf-8")

    def asked(self, envelope: bytes | None = None) -> None:
        """The coordinator asks for columns; what was made is sent."""
        self.seq += 1
        item = columns_asked(self.zone.view.at(self.zone.view.epoch(EPOCH).open_index).envelope if envelope is None else envelope)
        item.seq = self.seq
        self.contributor.handle(item)
        self.flush()

    def looks(self) -> list[int]:
        """What the bank does every few seconds; the revisions of the columns that it has sent so far, each once."""
        self.contributor.scan()
        self.flush()
        parsed = [parse_envelope(envelope) for envelope, _ in self.exchange.sent("contribute")]
        statements = [parse_statement(item.payload_type, item.payload) for item in parsed]
        return sorted({item.header.revision for item in statements if isinstance(item, Column)})

    def flush(self) -> None:
        while (kept := self.outbox.next()) is not None and self.sender.send(kept):
            pass

    def said(self) -> dict[str, list[int]]:
        """Indicator → the values of its newest column, opened with the zone's key, in the roster's order."""
        found: dict[str, list[int]] = {}
        width = self.zone.public_key.ciphertext_size
        for envelope, content in self.exchange.sent("contribute"):
            parsed = parse_envelope(envelope)
            statement = parse_statement(parsed.payload_type, parsed.payload)
            assert isinstance(statement, Column)
            values: list[int] = []
            for batch in self.zone.placement.batches:
                value = int.from_bytes(content[batch.index * width : (batch.index + 1) * width], "big")
                values += unpack(self.zone.open(value).m, statement.header.slot_bits, batch.count)
            found[statement.header.entries[0].indicator] = values
        return found

    def refusals(self) -> list[str]:
        parsed = [parse_envelope(envelope) for envelope, _ in self.exchange.sent("log")]
        statements = [parse_statement(item.payload_type, item.payload) for item in parsed]
        return [item.reason for item in statements if isinstance(item, Refusal)]


@pytest.fixture
def bank(opened: MemoryZone, tmp_path: Path) -> Lender:
    return Lender(opened.fork(), tmp_path)


def consented(bank: Lender, place: int, audience: str = "bank-a") -> str:
    """The firm at ``place`` consents to ``audience``; its code, once bank-a had the notice if it is the audience."""
    uscc = uscc_of(place)
    consent = bound_consent(bank.zone, bank.zone.subjects[place], uscc, audience, rows=False, functionals=("total",))
    if audience == bank.member:
        bank.told(consent)
    return uscc


def test_borrowers_stand_at_their_places_and_everybody_else_is_zero(bank: Lender) -> None:
    """Also those that the bank lends to without a binding: it does not know where they stand."""
    first, second, stranger = consented(bank, 3), consented(bank, 8), uscc_of(5)
    bank.lends(f"{first},{PERIOD},2,1500000,1", f"{second},{PERIOD},41,15000,0", f"{stranger},{PERIOD},9,9000000,9")
    bank.asked()
    place = {subject: at for at, (subject, _, _) in enumerate(bank.zone.stages.subjects)}
    one, two = place[bank.zone.subjects[3]], place[bank.zone.subjects[8]]
    found = bank.said()
    assert {at: value for at, value in enumerate(found["loans-active"]) if value} == {one: 200, two: 4000}
    assert {at: value for at, value in enumerate(found["loan-balance"]) if value} == {one: 150, two: 2}
    assert {at: value for at, value in enumerate(found["loans-overdue"]) if value} == {one: 100}
    assert {len(values) for values in found.values()} == {12}
    assert bank.refusals() == []


def test_a_consent_to_another_bank_gives_no_place(bank: Lender) -> None:
    """A bank cannot use what was sealed to another one, wherever it got it."""
    uscc = consented(bank, 3, "bank-b")
    state = next(iter(bank.zone.view.consents.values()))
    bank.told(bank.zone.view.at(state.index))
    bank.lends(f"{uscc},{PERIOD},2,1500000,1")
    bank.asked()
    assert {value for values in bank.said().values() for value in values} == {0}


def test_a_loan_is_counted_after_its_consent_was_revoked(bank: Lender) -> None:
    uscc = consented(bank, 3)
    consent = bank.zone.view.at(next(iter(bank.zone.view.consents.values())).index)
    bank.told(consent, revoked=True)
    bank.lends(f"{uscc},{PERIOD},1,0,0")
    bank.asked()
    assert sum(bank.said()["loans-active"]) == 100


def test_without_a_loan_book_nothing_is_contributed_until_it_comes(bank: Lender) -> None:
    """Zeros for want of a file would count as a bank without loans."""
    uscc = consented(bank, 3)
    bank.lends(f"{uscc},1994,2,1,0")
    bank.asked()
    assert (bank.said(), bank.refusals()) == ({}, ["RECORDS_MISSING"])
    bank.lends(f"{uscc},1994,2,1,0", f"{uscc},{PERIOD},1,0,0")
    bank.contributor.scan()
    bank.flush()
    assert sum(bank.said()["loans-active"]) == 100


def changed_opening(bank: Lender, **changes: Any) -> bytes:
    statement = bank.zone.view.epoch(EPOCH).opened
    return bank.zone.envelope(statement.model_copy(update={"nonce": "ab" * 16, **changes}), "authority")


def test_an_epoch_that_would_show_our_values_gets_no_column(bank: Lender) -> None:
    """We alone, or with fewer than the model asks for, or not at all."""
    consented(bank, 3)
    opened = bank.zone.view.epoch(EPOCH).opened
    bank.lends(f"{uscc_of(3)},{PERIOD},1,0,0")
    for named in (("bank-a",), ("bank-a", "bank-a"), ("bank-b", "market"), ()):
        bank.asked(changed_opening(bank, contributors={**opened.contributors, "loan-balance": named}))
    assert (bank.said(), set(bank.refusals())) == ({}, {"NOT_OWNER"})


def test_another_order_than_the_epochs_gets_no_column(bank: Lender) -> None:
    """One that was changed on the way, and one of a coordinator and an authority together: the second's column names it and is void."""
    consented(bank, 3)
    bank.lends(f"{uscc_of(3)},{PERIOD},1,0,0")
    order = bank.zone.view.epoch(EPOCH).opened.order
    document = json.loads(bank.zone.blobs[order])
    document["subjects"] = [*document["subjects"][1:], document["subjects"][0]]
    forged = canonical_json(document)
    honest, bank.zone.blobs[order] = bank.zone.blobs[order], forged
    bank.asked()
    assert (bank.said(), bank.refusals()) == ({}, ["ROSTER_MISMATCH"])
    bank.zone.blobs |= {order: honest, sha256(forged).hex(): forged}
    bank.asked(changed_opening(bank, order=sha256(forged).hex()))
    assert len(bank.exchange.sent("contribute")) == 4
    assert not bank.zone.view.columns


def test_a_borrower_whose_binding_comes_later_is_counted_in_the_open_epoch(bank: Lender) -> None:
    early, late = consented(bank, 3), uscc_of(8)
    bank.lends(f"{early},{PERIOD},1,0,0", f"{late},{PERIOD},2,0,0")
    bank.asked()
    assert (sum(bank.said()["loans-active"]), bank.looks()) == (100, [0])
    consented(bank, 8)
    assert (bank.looks(), sum(bank.said()["loans-active"])) == ([0, 1], 300)
    assert bank.looks() == [0, 1]


def test_whether_a_firm_that_consents_has_a_loan_is_not_told_by_the_columns_that_follow(bank: Lender) -> None:
    """A revision after the consents of borrowers alone would show the coordinator and the log who borrows."""
    bank.lends(f"{consented(bank, 3)},{PERIOD},1,0,0")
    bank.asked()
    before = bank.said()
    consented(bank, 5)  # a stranger
    assert bank.looks() == [0, 1]
    assert bank.said() == before
    assert len(bank.exchange.sent("contribute")) == 2 * len(before)


def test_a_revocation_and_a_notice_that_comes_twice_make_no_revision(bank: Lender) -> None:
    bank.lends(f"{consented(bank, 3)},{PERIOD},1,0,0")
    bank.asked()
    consent = bank.zone.view.at(next(iter(bank.zone.view.consents.values())).index)
    bank.told(consent)
    bank.told(consent, revoked=True)
    assert bank.looks() == [0]


def test_a_binding_that_came_before_a_crash_is_counted_after_it(bank: Lender) -> None:
    bank.lends(f"{uscc_of(3)},{PERIOD},1,0,0")
    bank.asked()
    consented(bank, 3)
    bank.engine.dispose()
    again = Lender(bank.zone, bank.root)
    again.seq = bank.seq
    assert (again.looks(), sum(again.said()["loans-active"])) == ([1], 100)


def test_nothing_is_said_again_once_the_epoch_is_closed(bank: Lender) -> None:
    bank.lends(f"{consented(bank, 3)},{PERIOD},1,0,0")
    bank.asked()
    closed = bank.zone.close_epoch()
    bank.seq += 1
    bank.contributor.handle(WorkItem(seq=bank.seq, closed=EpochClosed(epoch_close_envelope=closed.envelope, leaf_index=closed.index)))
    consented(bank, 8)
    assert bank.looks() == [0]


def test_an_audit_is_shown_those_borrowers_that_the_column_placed(bank: Lender) -> None:
    """A firm that consented after the column was made stands in it as zero: its record is not what the column says."""
    early = consented(bank, 3)
    records = {early: "early", uscc_of(8): "late"}
    bank.borrowers.by_subject(records)
    bank.borrowers.keep("made")
    consented(bank, 8)
    assert bank.borrowers.by_subject(records, "made") == {bank.zone.subjects[3]: "early"}
    assert bank.borrowers.by_subject(records) == {bank.zone.subjects[3]: "early", bank.zone.subjects[8]: "late"}
    bank.borrowers.keep("made")
    assert bank.borrowers.by_subject(records, "made") == {bank.zone.subjects[3]: "early"}
