"""An enterprise service's pages over a zone in memory, before the stand-in of the identity provider: browsers of people who are signed in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fastapi.testclient import TestClient

from nodes.enterprise.credentials.desk import CredentialDesk, OtherZone
from nodes.enterprise.credentials.store import CredentialStore
from nodes.enterprise.desks import Desks
from nodes.enterprise.keyring import Keyring
from nodes.enterprise.market.catalog import Catalog
from nodes.enterprise.market.desk import MarketDesk
from nodes.enterprise.policies.desk import OwnPolicyDesk
from nodes.enterprise.portal.serving import pages_of
from nodes.enterprise.publications.desk import OwnPublicationDesk
from nodes.enterprise.settings import PagesTable
from nodes.lending.book import LoanBook
from nodes.lending.desk import LoanDesk
from nodes.lending.service import ServiceAdmission
from nodes.runtime.web.gateway_client import GatewayClient
from scoring.statements import parse_leaf
from simulators.identity.accounts import STAFF, Account, Represented
from tests.support.bank import roots_of, uscc_of
from tests.support.databases import database_in
from tests.support.enterprise_service import SERVICE, Service, service
from tests.support.exchange import identity_of
from tests.support.gateway import Front, front
from tests.support.identity import ORIGIN, Standin, standin, table_in
from tests.support.site import form_of
from tests.support.zone import BASE, MemoryZone

LOOK_S = 0.02
PEOPLE = (
    Account("zhao", "open sesame", "赵一", (Represented(uscc_of(0), "甲科技"),)),
    Account("qian", "shut sesame", "钱二", (Represented(uscc_of(1), "乙科技"),)),
    Account("sun", "next sesame", "孙三", (Represented(uscc_of(0), "甲科技"),)),
    Account("clerk", "some sesame", "李四", (Represented(uscc_of(0), "甲科技", STAFF),)),
)


@dataclass
class Pages:
    """The pages, the desks behind them, and the identity provider before them."""

    desk: Service
    desks: Desks
    idp: Standin
    client: TestClient
    browsers: list[TestClient] = field(default_factory=list)

    def browser(self, account: str = "") -> TestClient:
        """A browser of its own, where somebody signed in; a stranger's without an account."""
        made = TestClient(self.client.app, ORIGIN, headers={"accept": "text/html"}, follow_redirects=False, raise_server_exceptions=False)
        if account:
            away = made.get("/sign-in/provider?next=/looked")
            back = self.idp.sent_back(away.headers["location"], account)
            answer = made.get(back)
            assert answer.status_code == 200, answer.text
            assert 'href="/looked"' in answer.text
        return made

    def portrayed(self, place: int = 0) -> str:
        """The code of an enterprise that is enrolled, with a portrait."""
        uscc, zone = self.desk.enrolled(place), self.desk.site.zone
        kept = self.desk.consents.give_portrait(uscc)
        zone.contribute_rows(zone.view.at(kept.leaf_index))
        self.desk.portraits.make(uscc, 0.0)
        return uscc


def pages_in(zone: MemoryZone, directory: Path, origin: str = ORIGIN, per_minute: int = 1200) -> Pages:
    """Pages over ``zone``, under ``origin``; ``per_minute``: calls of an address."""
    return pages_before(front(zone, directory / "gateway"), directory, origin, per_minute=per_minute)


def pages_before(gate: Front, directory: Path, origin: str = ORIGIN, zones: Mapping[str, OtherZone] | None = None, per_minute: int = 1200) -> Pages:
    """Pages of a service that asks the gateway ``gate`` and shows scores to other ``zones``; ``per_minute``: calls of an address."""
    desk, zone = service(gate, directory / "enterprise"), gate.zone
    roots, identity, keyring = roots_of(zone), identity_of(zone.keys, SERVICE), Keyring(desk.state_dir / "keys")
    gateway = GatewayClient(BASE, now=lambda: zone.now, transport=desk.network)
    engine = database_in(directory / "people", "enterprise")
    book, exchange = LoanBook(engine), desk.site.exchange.client_of(SERVICE)
    loans = LoanDesk(identity, roots.registry, book, exchange, lambda index: parse_leaf(zone.entries[index][0]), lambda: zone.now, ServiceAdmission())
    desks = Desks(
        registry=roots.registry, packs=roots.packs, store=desk.store, keyring=keyring, gateway=gateway, enrolments=desk.enrolments,
        consents=desk.consents, portraits=desk.portraits, values=desk.values, straight=desk.straight, customs=desk.customs,
        market=MarketDesk(identity, keyring, desk.enrolments, desk.consents, Catalog(roots.registry, gateway), book, loans, lambda: zone.now),
        policies=OwnPolicyDesk(identity, keyring, desk.enrolments, desk.portraits, gateway, lambda: zone.now),
        credentials=CredentialDesk(roots, keyring, desk.enrolments, CredentialStore(engine), zones or {}, lambda: zone.now),
        publications=OwnPublicationDesk(keyring, desk.enrolments, gateway),
    )  # fmt: skip
    idp = standin(directory, lambda: zone.now, PEOPLE, origin)
    table = PagesTable(listen="127.0.0.1:0", origin=origin, requests_per_minute_per_address=per_minute, sign_in=table_in(directory))
    app = pages_of(SERVICE, table, desks, engine, database_in(directory / "pages", "pages"), idp.client, lambda: zone.now)
    return Pages(desk, desks, idp, TestClient(app, origin, follow_redirects=False))


def posted(browser: TestClient, page: str, path: str, **fields: str) -> int:
    """Send a form as the page's own."""
    return int(browser.post(path, data={"form": form_of(browser.get(page).text), **fields}).status_code)
