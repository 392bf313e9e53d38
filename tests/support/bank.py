"""A bank node over a zone in memory: its real query, opening and receipt code, with the gateway's real application as its network."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from crypto.subjects import make_uscc
from nodes.bank.api import create_app
from nodes.bank.clerk.pages import make_site
from nodes.bank.consents import Consents
from nodes.bank.loans.admission import InstitutionAdmission
from nodes.bank.loans.counter import Counter
from nodes.bank.loans.files import LoanFiles
from nodes.bank.loans.products import Products
from nodes.bank.queries import Queries
from nodes.bank.receipts import ReceiptStore
from nodes.evidence.roots import Roots
from nodes.lending.book import LoanBook
from nodes.lending.desk import LoanDesk
from nodes.runtime.failures import FailureReports
from nodes.runtime.pages.accounts import Person
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from nodes.runtime.replica.disputes import Disputes
from nodes.runtime.replica.relay import SealedBinding, seal_binding
from nodes.runtime.replica.releases import Published, ReleaseOpener
from nodes.runtime.web.gateway_client import GatewayClient
from protos.v1.exchange_pb2 import ConsentNotice
from scoring.exchange.registry import MemberRegistry
from scoring.exchange.view import Logged
from scoring.statements import Binding, Consent, Title, parse_leaf
from scoring.statements.lending import InstitutionKind
from tests.support.databases import database_in
from tests.support.exchange import identity_of
from tests.support.gateway import Front
from tests.support.ledger import SMALL_BITS
from tests.support.site import PASSWORD
from tests.support.zone import BASE, MemoryZone


@dataclass
class BankNode:
    """One bank's node and the zone around it."""

    site: Front
    member: str
    consents: Consents
    receipts: ReceiptStore
    queries: Queries
    receipt_dir: Path
    disputes: Disputes
    opener: ReleaseOpener
    counter: Counter
    products: Products
    state_dir: Path

    def app(self, token: str, *people: Person) -> FastAPI:
        """Its HTTP interface, with accounts for ``people`` on its pages."""
        site = make_site(self.member, Title(zh="甲银行", en="Bank A"), database_in(self.state_dir, "pages"))
        for person in people:
            site.accounts.add(person, PASSWORD)
        return create_app(self.queries, self.consents, self.receipts, self.counter, self.products, site, token)

    def told(self, consent: Logged, seq: int, *, revoked: bool = False) -> None:
        """The coordinator's notice of a consent arrives as work item ``seq``."""
        self.consents.take(ConsentNotice(consent_envelope=consent.envelope, leaf_index=consent.index, revoked=revoked), seq)


def roots_of(zone: MemoryZone) -> Roots:
    """The zone's public directory, as a verifier pins it."""
    genesis, dealt = zone.entries[0][1], zone.view.ceremony
    ceremony = None if dealt is None else dealt.statement
    return Roots(genesis, MemberRegistry(zone.view.registry.genesis), zone.public_key, {zone.model.sha256: zone.model}, ceremony)


def opener_of(zone: MemoryZone, published: Published | None = None, disputes: Disputes | None = None) -> ReleaseOpener:
    """What an audience opens releases with."""
    roots = roots_of(zone)
    assert zone.view.ceremony is not None
    return ReleaseOpener(roots.registry, roots.packs, zone.view.ceremony.statement, SMALL_BITS, published, disputes)


def bank(site: Front, state_dir: Path, member: str = "bank-a", kind: InstitutionKind = "bank") -> BankNode:
    """The node of ``member``."""
    zone, identity = site.zone, identity_of(site.zone.keys, member)
    engine = database_in(state_dir, "bank", name=member)
    roots = roots_of(zone)
    consents = Consents(engine, identity, zone.view.registry)
    receipts = ReceiptStore(engine, state_dir / "receipts", roots)
    gateway = GatewayClient(BASE, now=lambda: zone.now, transport=site.client._transport)
    disputes = Disputes(identity, site.exchange.client(), state_dir / "disputes", lambda: zone.now)
    opener = opener_of(zone, lambda: gateway.get("/v1/keys"), disputes)
    log = site.log.client()
    reports = FailureReports(state_dir / "failures", log.append)
    queries = Queries(identity, gateway, opener, consents, receipts, log, reports, threading.Event())
    client, registry = site.exchange.client_of(member), zone.view.registry
    products, files, book = Products(engine, identity, client, kind, lambda: zone.now), LoanFiles(engine), LoanBook(engine)
    admission = InstitutionAdmission(member, registry, consents, products, files.dishonest)
    desk = LoanDesk(identity, registry, book, client, lambda index: parse_leaf(zone.entries[index][0]), lambda: zone.now, admission)
    counter = Counter(identity, gateway, desk, book, queries, receipts, files, lambda: zone.now)
    return BankNode(site, member, consents, receipts, queries, state_dir / "receipts", disputes, opener, counter, products, state_dir)


def uscc_of(number: int) -> str:
    """A valid code of an invented enterprise in Binjiang."""
    return make_uscc("9", "1", "330108", f"{number:08d}")


def bound_consent(
    zone: MemoryZone, subject: str, uscc: str, audience: str = "bank-a", signer: str = "market", *, rows: bool = True, **changes: Any
) -> Logged:
    """A logged consent that carries the registrar's binding of ``uscc``, sealed to the audience; with the departments' rows."""
    key = zone.own_key.get(subject) or zone.enrol(subject)
    binding = Binding(zone=zone.name, nonce=fresh_nonce(), subject=subject, uscc=uscc, service="enterprise")
    statement: Consent = zone.consent_statement(subject, audience, **changes)
    sealed = SealedBinding(uscc=uscc, binding=sign_statement(binding, zone.keys.signers[signer]).hex())
    public = zone.keys.sealing(audience)
    consent = zone.say(statement.model_copy(update={"sealed_binding": seal_binding(sealed, public, audience, statement.id)}), key)
    if rows:
        zone.contribute_rows(consent)
    return consent


def told(node: BankNode, place: int = 0) -> str:
    """A subject whose consent the bank knows."""
    subject = node.site.zone.subjects[place]
    node.told(bound_consent(node.site.zone, subject, uscc_of(place)), place + 1)
    return subject
