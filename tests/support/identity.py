"""The identity provider's stand-in within a test, the service's client before it, and a person's browser between both."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from fastapi.testclient import TestClient
from joserfc.jwk import ECKey

from nodes.enterprise.entrance.oidc import OidcProvider
from nodes.enterprise.entrance.pages import RETURN
from nodes.enterprise.settings import SignInTable
from simulators.identity.accounts import STAFF, Account, Represented
from simulators.identity.app import create_app
from simulators.identity.provider import Client, IdentityProvider

ISSUER, ORIGIN, CLIENT, SECRET = "https://idp.example", "https://enterprise.example", "xinqiao-enterprise", "s" * 40
REDIRECT = f"{ORIGIN}{RETURN}"
USCC_A, USCC_B = "91330108MA2AAAAA0A", "91330108MA2BBBBB0B"
ACCOUNTS = (
    Account("zhao", "open sesame", "赵一", (Represented(USCC_A, "甲科技"),)),
    Account("qian", "shut sesame", "钱二", (Represented(USCC_B, "乙科技"),)),
    Account("sun", "next sesame", "孙三", (Represented(USCC_A, "甲科技"),)),  # the next representative of the first enterprise
    Account("clerk", "some sesame", "李四", (Represented(USCC_A, "甲科技", STAFF),)),
    Account("both", "both sesame", "周五", (Represented(USCC_A, "甲科技"), Represented(USCC_B, "乙科技"))),
)
KEY = ECKey.generate_key("P-256", auto_kid=True)


@dataclass
class Standin:
    """The provider, its HTTP face as a browser and a client meet it, and the client."""

    provider: IdentityProvider
    browser: TestClient
    client: OidcProvider
    accounts: tuple[Account, ...]

    def answer(self, address: str, account: str, choose: str = "") -> dict[str, str]:
        """What comes back through the browser of somebody who signs in at ``address``."""
        return dict(parse_qsl(urlsplit(self.sent_back(address, account, choose)).query))

    def sent_back(self, address: str, account: str, choose: str = "") -> str:
        """The address to which the provider sends the browser."""
        page = self.browser.get(address)
        assert page.status_code == 200, page.text
        word = re.findall(r'name="word" value="([^"]+)"', page.text)[0]
        password = next(item.password for item in self.accounts if item.account == account)
        answer = self.browser.post("/authorize", data={"word": word, "account": account, "password": password})
        if choose:
            answer = self.browser.post("/authorize", data={"word": word, "uscc": choose})
        assert answer.status_code == 303, answer.text
        return str(answer.headers["location"])


def table_in(directory: Path) -> SignInTable:
    """The settings of the client."""
    return SignInTable(issuer=ISSUER, client_id=CLIENT, client_secret_file=directory / "client.secret")


def standin(directory: Path, now: Callable[[], int], accounts: tuple[Account, ...] = ACCOUNTS, origin: str = ORIGIN) -> Standin:
    """A provider for ``accounts`` and the client under ``origin`` that knows it as ``ISSUER``."""
    redirect = origin + RETURN
    provider = IdentityProvider(ISSUER, Client(CLIENT, SECRET, (redirect,)), accounts, KEY, now)
    browser = TestClient(create_app(provider, (origin,)), ISSUER, follow_redirects=False)
    return Standin(provider, browser, OidcProvider(table_in(directory), SECRET, redirect, now, browser._transport), accounts)
