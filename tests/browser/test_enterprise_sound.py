"""Every page of an enterprise, with something on it, in a real browser: no complaint, no barrier, no wider than a phone, in both languages."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.cookies import SimpleCookie
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from crypto.keygen import PrivateKey
from nodes.runtime.web.server import WebServer
from scoring.statements.lending import Contracted
from simulators.zone.configs import free_ports
from tests.browser.looks import Look, every_look
from tests.contract.enterprise.test_enterprise_market import act, bank_of, offered
from tests.support.bank import uscc_of
from tests.support.browser import Visit
from tests.support.enterprise_pages import Pages, pages_in
from tests.support.loan_parties import stated
from tests.support.zone import PRODUCT, released_zone

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser"), pytest.mark.timeout(300)]


@dataclass(frozen=True)
class Served:
    """Pages that are served under ``base``. ``cookie``: of somebody who is signed in; ``application``: one with a contract."""

    base: str
    cookie: tuple[str, str]
    application: str

    def pages(self) -> tuple[str, ...]:
        lists = (
            "/",
            "/indicators",
            "/advice",
            "/consents",
            f"/consents/new?bank=bank-a&product={PRODUCT}",
            "/received",
            "/values",
            "/values/tax/1995",
        )
        return (
            *lists,
            "/customs",
            "/market",
            "/market/bank-a/points-loan",
            "/loans",
            f"/loans/{self.application}",
            "/policies",
            "/looked",
            "/passkeys",
        )


def signed_in(pages: Pages, base: str) -> tuple[str, str]:
    """The session's cookie of the first enterprise's person: what a browser would keep, which no plain client does over http."""
    client = TestClient(pages.client.app, base, headers={"accept": "text/html"}, follow_redirects=False)
    away = client.get("/sign-in/provider")
    attempt = SimpleCookie(away.headers["set-cookie"])
    back = pages.idp.sent_back(away.headers["location"], "zhao")
    welcome = client.get(back, headers={"cookie": "; ".join(f"{item.key}={item.value}" for item in attempt.values())})
    assert welcome.status_code == 200, welcome.text
    (session,) = SimpleCookie(welcome.headers["set-cookie"]).values()
    return session.key, session.value


@pytest.fixture
def served(small_private_key: PrivateKey, tmp_path: Path) -> Iterator[Served]:
    port = free_ports(1)[0]
    base = f"http://localhost:{port}"
    pages = pages_in(released_zone(small_private_key), tmp_path, base)
    pages.portrayed(0)
    pages.desk.site.zone.now += 86_400
    pages.desk.portraits.make(uscc_of(0), 0.0)
    cookie = signed_in(pages, base)
    person = TestClient(
        pages.client.app, base, headers={"accept": "text/html", "cookie": "=".join(cookie)}, follow_redirects=False
    )  # fmt: skip
    bank = bank_of(pages, tmp_path / "bank", stated(revolving=True))
    application = offered(bank, person)
    act(person, application, "accept", offer=pages.desks.market.get(uscc_of(0), application).app.offer_paper)
    bank.carry()
    bank.say(application, Contracted(number="2023-001", contract="f" * 64))
    act(person, application, "assign", supplier=uscc_of(7), amount="40万")
    server = WebServer(pages.client.app, f"127.0.0.1:{port}")
    thread = threading.Thread(target=server.run)
    thread.start()
    yield Served(base, cookie, application)
    server.stop()
    thread.join(20)
    assert not thread.is_alive()


@every_look
def test_every_page_is_sound(served: Served, visit: Callable[..., Visit], look: Look) -> None:
    visitor = visit(served.base, width=look.width)
    visitor.open("/sign-in")
    visitor.sound()
    name, value = served.cookie
    visitor.page.context.add_cookies([{"name": name, "value": value, "url": served.base, "secure": True, "httpOnly": True, "sameSite": "Strict"}])
    look.choose(visitor, "/sign-in")
    for path in served.pages():
        visitor.open(path)
        assert "/sign-in" not in visitor.page.url, path
        visitor.sound()
        assert visitor.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0, path
