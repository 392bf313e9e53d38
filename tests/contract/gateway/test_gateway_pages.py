"""The gateway's first page, over a zone in memory: open to all, the rest for those with accounts."""

from __future__ import annotations

from pathlib import Path

import pytest

from crypto.keygen import PrivateKey
from nodes.runtime.pages.accounts import AUTHORITY, COUNTY, Person
from scoring.exchange.validity import DAY_S
from tests.support.gateway import Front, front
from tests.support.ledger import START
from tests.support.site import PASSWORD
from tests.support.zone import MemoryZone, released_zone

HTML = {"accept": "text/html"}


@pytest.fixture
def site(small_private_key: PrivateKey, tmp_path: Path) -> Front:
    return front(released_zone(small_private_key), tmp_path)


def test_anybody_may_read_which_epochs_there_are(site: Front) -> None:
    page = site.client.get("/", headers=HTML)
    assert page.status_code == 200
    for epoch in site.client.get("/v1/epochs").json()["epochs"]:
        assert epoch["epoch"] in page.text


def test_people_get_a_page_where_there_is_none_and_programs_a_problem(site: Front) -> None:
    assert "<h1>未能完成</h1>" in site.client.get("/nothing", headers=HTML).text
    assert site.client.get("/nothing").json()["reason"] == "NOT_FOUND"
    assert site.client.get("/v1/nothing", headers=HTML).json()["reason"] == "NOT_FOUND"


def test_the_authority_is_told_on_every_page_that_the_registry_grows_old(small_private_key: PrivateKey, tmp_path: Path) -> None:
    zone = MemoryZone(small_private_key, validity_s=100 * DAY_S)
    zone.found()
    site = front(zone, tmp_path)
    people = [Person("chief", "科长", frozenset({AUTHORITY})), Person("officer", "专员", frozenset({COUNTY}), ("330108",))]
    for person in people:
        site.site.accounts.add(person, PASSWORD)
    for days, said in ((0, ""), (51, "到期"), (101, "已于")):
        zone.now = START + days * DAY_S
        shown = []
        for person in people:
            cookie = f"{site.site.cookie}={site.site.sessions.begin(person)}"
            shown.append(site.client.get("/", headers={**HTML, "cookie": cookie}).text)
        assert ['class="alarm"' in page for page in shown] == [bool(said), False]
        assert said in shown[0]
