"""The parties of an application over a zone in memory: a service, two institutions of which one is a guarantor, with their real desks."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crypto.encoding import sha256
from nodes.bank.consents import Consents
from nodes.bank.loans.admission import InstitutionAdmission
from nodes.bank.loans.products import Products, StatedTerms
from nodes.lending.book import Kept, LoanBook, Parties
from nodes.lending.desk import LoanDesk
from nodes.lending.service import ServiceAdmission
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from protos.v1.exchange_pb2 import ConsentNotice, Sealed
from scoring.exchange.view import Logged
from scoring.statements import Binding, Leaf, ProductTerms, Title, parse_leaf
from scoring.statements.lending import Applied, Consented, InstitutionKind, LoanContent
from tests.support.bank import bound_consent, uscc_of
from tests.support.databases import database_in
from tests.support.exchange import MemoryExchange, MemoryLog, identity_of
from tests.support.lending import WAN
from tests.support.members import ZONE
from tests.support.zone import MemoryZone

DAY_S = 86_400


def stated(**changes: Any) -> StatedTerms:
    """A term loan of up to 5 million yuan, as a bank's file states it."""
    said: dict[str, Any] = {
        "product": "points-loan", "title": Title(zh="积分贷", en="points loan"), "formula": "base-line", "floor_fen": 50 * WAN,
        "cap_fen": 500 * WAN, "rate_bp": 435, "term_months": 12, "hotline": "0571-12345", "refuses_dishonest": True,
        "provenance": "illustrative", "source": "made up for a test",
    }  # fmt: skip
    return StatedTerms(**(said | changes))


@dataclass
class Institution:
    """One institution's desk with what it rests on."""

    desk: LoanDesk
    book: LoanBook
    consents: Consents
    products: Products
    dishonest: set[str] = field(default_factory=set)


@dataclass
class LoanParties:
    """A zone with enterprise number 0 enrolled, its service, bank-a, and bank-b as a guarantor. ``deliver`` carries what was relayed."""

    zone: MemoryZone
    exchange: MemoryExchange
    desk: LoanDesk
    book: LoanBook
    bank: Institution
    guarantor: Institution
    terms: bytes
    subject: str
    carried: int = 0
    seq: int = 0
    application: str = ""

    # --- the enterprise ---

    def apply(self, amount_fen: int = 100 * WAN, **changes: Any) -> Kept:
        """The enterprise applies, at the newest terms of bank-a."""
        self.application = secrets.token_hex(16)
        said: dict[str, Any] = {
            "product": self.bank.products.newest()[0].product, "terms": sha256(self.terms).hex(), "subject": self.subject, "amount_fen": amount_fen,
            "term_months": 12, "purpose": "采购原材料", "until": self.zone.now + 30 * DAY_S,
        }  # fmt: skip
        return self.desk.apply(self.parties(), Applied(**(said | changes)), self.own_key)

    def consent(self, **changes: Any) -> Logged:
        """The enterprise consents to bank-a; the notice is not delivered yet."""
        return bound_consent(self.zone, self.subject, uscc_of(0), **changes)

    def consented(self) -> Kept:
        """The enterprise consents, bank-a is told, and the step is said."""
        consent = self.consent()
        self.notice(consent)
        return self.own(Consented(consent=consent.statement.id))

    def own(self, content: LoanContent) -> Kept:
        """A step of the enterprise."""
        return self.desk.say(self.application, content, self.own_key)

    def notice(self, consent: Logged, enrolment: bytes | None = None) -> None:
        """The coordinator's notice of a consent reaches bank-a."""
        self.seq += 1
        view = self.zone.view
        found = view.enrolment_behind(view.consents[consent.statement.id]).envelope if enrolment is None else enrolment
        self.bank.consents.take(ConsentNotice(consent_envelope=consent.envelope, leaf_index=consent.index, enrolment_envelope=found), self.seq)
        self.bank.desk.again()

    def deliver(self) -> int:
        """Carry everything that was relayed since, and what follows from it; how many messages there were."""
        before = self.carried
        while self.carried < len(self.exchange.relayed):
            to, matter, sealed = self.exchange.relayed[self.carried]
            self.carried += 1
            self.desk_of(to).receive(Sealed(sender=self.senders[self.carried - 1], subject_matter=matter, sealed=sealed))
        return self.carried - before

    @property
    def senders(self) -> list[str]:
        return self.exchange.senders

    def desk_of(self, member: str) -> LoanDesk:
        return {"enterprise": self.desk, "bank-a": self.bank.desk, "bank-b": self.guarantor.desk}[member]

    def parties(self) -> Parties:
        binding = Binding(zone=ZONE, nonce=fresh_nonce(), subject=self.subject, uscc=uscc_of(0), service="enterprise")
        signed = sign_statement(binding, self.zone.keys.signers["market"])
        return Parties(self.application, "bank-a", "enterprise", self.subject, uscc_of(0), self.terms, signed)

    @property
    def own_key(self) -> Any:
        return self.zone.keys.signers[self.zone.own_key[self.subject]]


def loan_parties(zone: MemoryZone, state_dir: Path, terms: StatedTerms | None = None) -> LoanParties:
    """The parties; bank-a has published ``terms``, bank-b a guarantor's product."""
    log = MemoryLog(zone)
    exchange = MemoryExchange(zone, log)

    def leaf_of(index: int) -> Leaf:
        return parse_leaf(zone.entries[index][0])

    def institution(member: str, kind: InstitutionKind) -> Institution:
        engine = database_in(state_dir, "bank", name=member)
        identity, client, registry = identity_of(zone.keys, member), exchange.client_of(member), zone.view.registry
        consents, products = Consents(engine, identity, registry), Products(engine, identity, client, kind, lambda: zone.now)
        dishonest: set[str] = set()
        admission = InstitutionAdmission(member, registry, consents, products, dishonest.__contains__)
        book = LoanBook(engine)
        return Institution(LoanDesk(identity, registry, book, client, leaf_of, lambda: zone.now, admission), book, consents, products, dishonest)

    bank, guarantor = institution("bank-a", "bank"), institution("bank-b", "guarantor")
    published = bank.products.publish(terms or stated())
    guarantor.products.publish(stated(product="points-guarantee", share_bp=6_000, rate_bp=100))
    book = LoanBook(database_in(state_dir, "enterprise"))
    desk = LoanDesk(
        identity_of(zone.keys, "enterprise"),
        zone.view.registry,
        book,
        exchange.client_of("enterprise"),
        leaf_of,
        lambda: zone.now,
        ServiceAdmission(),
    )
    subject = zone.subjects[0]
    zone.enrol(subject)
    return LoanParties(zone, exchange, desk, book, bank, guarantor, terms_envelope(zone, published), subject)


def terms_envelope(zone: MemoryZone, terms: ProductTerms) -> bytes:
    """The logged envelope of the newest version of a product."""
    return zone.view.catalog[terms.institution, terms.product].envelope
