"""A branch of a bank for tests: its clerk signed in at its pages, one enterprise's service, and the gateway's real application between them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from fastapi.testclient import TestClient

from crypto.encoding import sha256
from nodes.lending.book import LoanBook, Parties
from nodes.lending.desk import LoanDesk
from nodes.lending.service import ServiceAdmission
from nodes.runtime.pages.accounts import AUTHORITY, CLERK, Person
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from protos.v1.exchange_pb2 import ConsentNotice, Sealed
from scoring.statements import Binding, parse_leaf
from scoring.statements.lending import Accepted, Applied, Consented
from tests.support.bank import BankNode, bank, bound_consent, uscc_of
from tests.support.databases import database_in
from tests.support.exchange import identity_of
from tests.support.gateway import front
from tests.support.lending import WAN
from tests.support.loan_parties import DAY_S, stated
from tests.support.members import ZONE
from tests.support.site import browser_at, form_of, sign_in
from tests.support.zone import MemoryZone

TOKEN = "b" * 43
CLERK_LI = Person("li", "李经理", frozenset({CLERK}))
OTHER = Person("chief", "主管", frozenset({AUTHORITY}))
APPLICATION = "a" * 32


@dataclass
class Branch:
    """A bank with its clerk signed in, and one enterprise's service."""

    node: BankNode
    clerk: TestClient
    desk: LoanDesk
    book: LoanBook
    subject: str
    carried: int = 0

    @property
    def zone(self) -> MemoryZone:
        return self.node.site.zone

    def deliver(self) -> None:
        exchange = self.node.site.exchange
        while self.carried < len(exchange.relayed):
            to, matter, sealed = exchange.relayed[self.carried]
            desk = self.desk if to == "enterprise" else self.node.counter.desk
            desk.receive(Sealed(sender=exchange.senders[self.carried], subject_matter=matter, sealed=sealed))
            self.carried += 1

    def own(self, content: Any) -> None:
        self.desk.say(APPLICATION, content, self.zone.keys.signers[self.zone.own_key[self.subject]])
        self.deliver()

    def applied(self, amount_fen: int = 100 * WAN) -> None:
        """The enterprise has applied and consented."""
        terms = self.zone.view.catalog["bank-a", "points-loan"].envelope
        binding = Binding(zone=ZONE, nonce=fresh_nonce(), subject=self.subject, uscc=uscc_of(0), service="enterprise")
        signed = sign_statement(binding, self.zone.keys.signers["market"])
        parties = Parties(APPLICATION, "bank-a", "enterprise", self.subject, uscc_of(0), terms, signed)
        content = Applied(
            product="points-loan", terms=sha256(terms).hex(), subject=self.subject, amount_fen=amount_fen, term_months=12, purpose="采购原材料",
            until=self.zone.now + 30 * DAY_S,
        )  # fmt: skip
        self.desk.apply(parties, content, self.zone.keys.signers[self.zone.own_key[self.subject]])
        consent = bound_consent(self.zone, self.subject, uscc_of(0))
        enrolment = self.zone.view.enrolment_behind(self.zone.view.consents[consent.statement.id]).envelope
        notice = ConsentNotice(consent_envelope=consent.envelope, leaf_index=consent.index, enrolment_envelope=enrolment)
        self.node.consents.take(notice, 1)
        self.own(Consented(consent=consent.statement.id))

    def act(self, act: str, **fields: str) -> httpx.Response:
        page = self.clerk.get(f"/applications/{APPLICATION}").text
        answer: httpx.Response = self.clerk.post(f"/applications/{APPLICATION}", data={"form": form_of(page), "act": act, **fields})
        self.deliver()
        return answer

    def contracted(self) -> None:
        """Led to a contract by what the clerk does on the pages."""
        self.applied()
        self.act("query")
        self.act("survey", day="2023-11-01", people="李、王", findings="厂房属实", recommended="yes")
        self.act("offer", amount="1000000", rate="4.00", months="12", days="30", guarantor="", share="")
        self.own(Accepted(offer=self.book.get(APPLICATION).app.offer_paper))
        self.act("contract", number="2023-001", text="甲方……乙方……")

    @property
    def phase(self) -> str:
        own, banks = self.book.get(APPLICATION).app, self.node.counter.book.get(APPLICATION).app
        assert own == banks
        return own.phase


def branch_of(zone: MemoryZone, tmp_path: Path) -> Branch:
    """The branch over a fork of ``zone``."""
    node = bank(front(zone.fork(), tmp_path / "gateway"), tmp_path / "bank-a")
    node.products.publish(stated())
    own = node.site.zone
    subject = own.subjects[0]
    own.enrol(subject)
    book = LoanBook(database_in(tmp_path / "service", "enterprise"))
    desk = LoanDesk(
        identity_of(own.keys, "enterprise"), own.view.registry, book, node.site.exchange.client_of("enterprise"),
        lambda index: parse_leaf(own.entries[index][0]), lambda: own.now, ServiceAdmission(),
    )  # fmt: skip
    clerk = browser_at(node.app(TOKEN, CLERK_LI, OTHER))
    sign_in(clerk, "li")
    return Branch(node, clerk, desk, book, subject)
