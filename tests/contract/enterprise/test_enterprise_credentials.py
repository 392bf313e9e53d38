"""An enterprise shows a score of its zone to another one: by its service's interface, its page, and files carried by hand. Both gateways are real."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from crypto.keygen import PrivateKey
from crypto.statements import parse_envelope
from nodes.bank.queries import Query
from nodes.enterprise.credentials.api import routes
from nodes.enterprise.credentials.desk import OtherZone
from nodes.enterprise.store import Enterprise
from nodes.errors import NotFoundError, PeerUnavailableError
from nodes.runtime.web import problems
from nodes.runtime.web.gateway_client import GatewayClient, GatewayRefusal
from scoring.errors import ReceiptError, SubjectUnknownError, WrongSignerError
from scoring.statements import Recognition, Title
from tests.support.artifacts import write_public
from tests.support.bank import bank, uscc_of
from tests.support.credentials import HERE, ORIGIN, join_peer
from tests.support.databases import ON_BOTH
from tests.support.enterprise_pages import Pages, pages_before
from tests.support.enterprise_service import Network
from tests.support.gateway import Front, front
from tests.support.site import form_of
from tests.support.zone import BASE, PRODUCT, MemoryZone, released_zone


@dataclass
class Between:
    """An enterprise's service with its pages, the receipt that its bank gave it, and the other zone's gateway."""

    pages: Pages
    uscc: str
    receipt: bytes
    other: Front
    way: Network


@pytest.fixture(scope="module")
def zones(small_private_key: PrivateKey) -> tuple[MemoryZone, MemoryZone]:
    return released_zone(small_private_key, name=ORIGIN), released_zone(small_private_key)


@pytest.fixture
def between(zones: tuple[MemoryZone, MemoryZone], tmp_path: Path) -> Between:
    home, away = zones[0].fork(), zones[1].fork()
    join_peer(away, home)
    other = front(away, tmp_path / "other")
    way = Network(other.client._transport)
    gate = front(home, tmp_path / "gateway")
    zone = OtherZone(Title(zh="苏州高新区", en="Suzhou SND"), GatewayClient(BASE, now=lambda: away.now, transport=way))
    pages = pages_before(gate, tmp_path, zones={HERE: zone})
    uscc = pages.desk.enrolled()
    node = bank(gate, tmp_path / "bank-a")
    kept = pages.desk.consents.give(uscc, "bank-a", "loan", [PRODUCT])
    consent = home.view.at(kept.leaf_index)
    home.contribute_rows(consent)
    node.told(consent, 1)
    answer = node.queries.answer(Query(PRODUCT, "loan", uscc=uscc))
    write_public(home, tmp_path / "other" / "peers" / ORIGIN / "public")
    away.now = home.now
    return Between(pages, uscc, node.receipts.document(answer["receipt_id"]), other, way)


@ON_BOTH
def test_an_enterprise_shows_its_score_and_sees_that_it_did(between: Between) -> None:
    desk = between.pages.desks.credentials
    shown = desk.show(between.uscc, between.receipt, HERE)
    kept = between.other.recognition.store.listed()
    assert [(item.shows.uscc, item.shows.origin, item.shows.total) for item in kept] == [(between.uscc, ORIGIN, shown.total)]
    assert shown.leaf_index is not None
    assert isinstance(between.other.zone.view.at(shown.leaf_index).statement, Recognition)
    assert desk.store.of(between.uscc) == [shown]
    assert desk.store.of(uscc_of(1)) == []


def test_a_receipt_is_checked_before_anything_is_signed(between: Between) -> None:
    desk = between.pages.desks.credentials
    said = json.loads(between.receipt)
    said["result"]["total"] = "99.00"
    with pytest.raises(ReceiptError):
        desk.make(between.uscc, json.dumps(said).encode(), HERE)
    with pytest.raises(SubjectUnknownError):
        desk.make(uscc_of(5), between.receipt, HERE)
    with pytest.raises(NotFoundError, match=HERE):
        desk.show(between.uscc, between.receipt, "third-zone")


def test_another_enterprises_receipt_is_not_carried(between: Between) -> None:
    other = between.pages.desk.enrolled(1)
    with pytest.raises(WrongSignerError, match="another enterprise"):
        between.pages.desks.credentials.make(other, between.receipt, HERE)


def test_a_receipt_on_an_earlier_key_is_told_to_need_a_new_score(between: Between) -> None:
    known = between.pages.desk.store.enterprise(between.uscc)
    assert known is not None
    keys = between.pages.desks.keyring.create()
    between.pages.desk.store.put_enterprise(
        Enterprise(known.uscc, keys.signer.key_id, known.request, known.state, known.reason, known.subject, known.binding, known.leaf_index)
    )
    with pytest.raises(WrongSignerError, match="new score"):
        between.pages.desks.credentials.make(between.uscc, between.receipt, HERE)


def test_the_other_zones_refusal_comes_back_with_its_reason_and_it_has_seen_the_score_all_the_same(between: Between, tmp_path: Path) -> None:
    desk = between.pages.desks.credentials
    (tmp_path / "other" / "peers" / ORIGIN).rename(tmp_path / "gone")
    with pytest.raises(GatewayRefusal) as refusal:
        desk.show(between.uscc, between.receipt, HERE)
    assert refusal.value.reason == "PEER_UNKNOWN"
    between.way.cut_before = True
    with pytest.raises(PeerUnavailableError):
        desk.show(between.uscc, between.receipt, HERE)
    assert [(item.zone, item.leaf_index) for item in desk.store.of(between.uscc)] == [(HERE, None)] * 2


@pytest.mark.parametrize("said", [1 << 70, "7"])
def test_a_zone_that_answers_nonsense_is_kept_as_one_that_has_seen_the_score(between: Between, said: object) -> None:
    desk = between.pages.desks.credentials
    answers = httpx.MockTransport(lambda _request: httpx.Response(201, json={"leaf_index": said}))
    desk.zones = {HERE: OtherZone(Title(zh="他区", en="elsewhere"), GatewayClient(BASE, now=lambda: 0, transport=answers))}
    assert desk.show(between.uscc, between.receipt, HERE).leaf_index is None
    assert [item.zone for item in desk.store.of(between.uscc)] == [HERE]


def test_the_staffs_interface_makes_files_to_carry_or_sends(between: Between) -> None:
    app = FastAPI()
    problems.install(app)
    app.include_router(routes(between.pages.desks.credentials))
    client = TestClient(app)
    body: dict[str, Any] = {"receipt": base64.b64encode(between.receipt).decode(), "zone": HERE}
    made = client.post(f"/credentials/{between.uscc}", json=body)
    assert made.status_code == 201
    answer = between.other.client.post("/v1/credentials", json=made.json())
    assert answer.json()["shown"] == parse_envelope(base64.b64decode(made.json()["shown"])).said.hex()
    sent = client.post(f"/credentials/{between.uscc}", json=body | {"send": True})
    assert (sent.status_code, sent.json()["zone"]) == (201, HERE)
    assert client.get(f"/credentials/{between.uscc}").json() == {"shown": [sent.json()], "zones": [HERE]}
    wrong = client.post(f"/credentials/{between.uscc}", json=body | {"receipt": "eyJ9"})
    assert wrong.json()["reason"] == "RECEIPT_INVALID"


@pytest.mark.parametrize(("language", "text"), [("zh", "苏州高新区"), ("en", "Suzhou SND")])
def test_the_page_shows_a_score_with_one_upload(between: Between, language: str, text: str) -> None:
    browser = between.pages.browser("zhao")
    browser.get(f"/language?to={language}")
    page = browser.get("/credentials")
    assert text in page.text
    fields = {"form": form_of(page.text), "zone": HERE}
    answer = browser.post("/credentials", data=fields, files={"file": ("receipt.json", between.receipt, "application/json")})
    assert answer.status_code == 303
    assert json.loads(between.receipt)["result"]["total"] in browser.get("/credentials").text
    assert len(between.other.recognition.store.listed()) == 1
