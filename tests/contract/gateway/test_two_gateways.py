"""What the other gateway takes over from a database that both share: nonces of signed requests, people's sessions, forms that lie before them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from crypto.encoding import digest
from crypto.keygen import PrivateKey
from nodes.runtime.pages.accounts import AUTHORITY, Person
from tests.support.gateway import Front, front
from tests.support.site import PASSWORD, form_of
from tests.support.zone import MemoryZone, released_zone

HTML = {"accept": "text/html"}
OFFICER = Person("li-wei", "李伟", frozenset({"county"}))
CHIEF = Person("chief", "科技局 主管", frozenset({AUTHORITY}), ("",), ("",))
Two = tuple[Front, Front]


@pytest.fixture(scope="module")
def zone(small_private_key: PrivateKey) -> MemoryZone:
    return released_zone(small_private_key)


@pytest.fixture
def two(zone: MemoryZone, tmp_path: Path) -> Two:
    """Two gateways with the same keys over the same databases."""
    secret = digest("sign-in-forms", bytes(32))
    one, other = (front(zone, tmp_path, secret=secret) for _ in range(2))
    one.site.accounts.add(OFFICER, PASSWORD)
    return one, other


def test_a_request_that_one_gateway_took_is_refused_by_the_other(zone: MemoryZone, two: Two) -> None:
    request = zone.request(zone.consent(zone.subjects[0]))
    one, other = two
    assert one.send(request).status_code == 200
    again = other.send(request)
    assert (again.status_code, again.json()["reason"]) == (409, "REQUEST_REPLAYED")


def test_a_person_signs_in_at_one_gateway_by_the_form_of_the_other_and_is_known_to_both(two: Two) -> None:
    one, other = two
    page = one.client.get("/sign-in", headers=HTML)
    entered = sent(other.client, "/sign-in", cookies_of(page), name=OFFICER.name, password=PASSWORD, next="/", form=form_of(page.text))
    assert entered.status_code == 303
    session = cookies_of(entered)
    for each in two:
        assert OFFICER.title in each.client.get("/", headers={**HTML, "cookie": session}).text
    form = form_of(one.client.get("/", headers={**HTML, "cookie": session}).text)
    assert sent(other.client, "/sign-out", session, form="0" * len(form)).status_code == 403
    assert sent(other.client, "/sign-out", session, form=form).status_code == 303
    assert OFFICER.title not in one.client.get("/", headers={**HTML, "cookie": session}).text


def test_a_form_that_one_gateway_acted_on_does_not_act_again_at_the_other(two: Two) -> None:
    """A click at the gateway that was just taken over, sent again by the browser to the one that took over: one deposit is proposed."""
    one, other = two
    one.site.accounts.add(CHIEF, PASSWORD)
    session = f"{one.site.cookie}={one.site.sessions.begin(CHIEF)}"
    page = one.client.get("/pool", headers={**HTML, "cookie": session}).text
    mark = re.findall(r'name="mark" value="([^"]+)"', page)[-1]
    fields = {"form": form_of(page), "mark": mark, "act": "deposit", "amount": "100", "party": "市财政局"}
    assert sent(one.client, "/pool", session, **{**fields, "amount": "x"}).status_code == 400  # what is refused may be sent again
    assert [sent(each.client, "/pool", session, **fields).status_code for each in (one, other, one)] == [303, 409, 409]
    assert other.client.get("/pool", headers={**HTML, "cookie": session}).text.count("市财政局") == 1


def sent(client: TestClient, path: str, cookies: str, **fields: str):  # type: ignore[no-untyped-def]  # the test client's own response
    return client.post(path, data=fields, headers={**HTML, "cookie": cookies}, follow_redirects=False)


def cookies_of(response) -> str:  # type: ignore[no-untyped-def]  # as above
    return "; ".join(f"{name}={value}" for name, value in response.cookies.items())
