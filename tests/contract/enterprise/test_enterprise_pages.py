"""The enterprise's own pages on the real service before the real gateway: a person sees its enterprise, all of it, and no other [Q1–Q7]."""

from __future__ import annotations

import base64
import re
import threading
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from fastapi.routing import APIRoute

from connectors.customs.declarations import build_declaration
from crypto.keygen import PrivateKey
from nodes.bank.queries import Query
from nodes.runtime.replica import relay
from nodes.runtime.replica.relay import VALUE_ANSWERS, VALUES, VALUES_REQUEST
from nodes.runtime.replica.value_messages import ShownValue, ValueAnswers, Values, ValuesRequest
from protos.v1.exchange_pb2 import Sealed, WorkItem
from scoring.exchange.view import verify_key
from tests.support.bank import bank, uscc_of
from tests.support.customs import Client, declaration, receipt, response, zipped
from tests.support.enterprise_pages import Pages, pages_in, posted
from tests.support.enterprise_service import SERVICE
from tests.support.site import form_of
from tests.support.waiting import until
from tests.support.zone import PRODUCT, MemoryZone, released_zone

pytestmark = pytest.mark.xdist_group("enterprise-pages")  # in their order, on one place

VERSION = "0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def zone(small_private_key: PrivateKey) -> MemoryZone:
    return released_zone(small_private_key)


@pytest.fixture
def pages(zone: MemoryZone, tmp_path: Path) -> Pages:
    return pages_in(zone.fork(), tmp_path)


# --- the way in ---


def test_strangers_see_the_ways_in_and_nothing_else(pages: Pages) -> None:
    stranger = pages.browser()
    app = pages.client.app
    assert not isinstance(app, str)
    open_to_all = {
        "/sign-in",
        "/sign-in/provider",
        "/sign-in/return",
        "/sign-in/passkey",
        "/healthz",
        "/language",
        "/favicon.ico",
        "/static/{part}/{name}",
    }
    routes = [route for route in getattr(app, "routes") if isinstance(route, APIRoute)]  # noqa: B009 - the client calls it an ASGI application
    assert len(routes) > len(open_to_all)
    for route in routes:
        for method in (route.methods or set()) - {"HEAD"}:
            if route.path in open_to_all:
                continue
            answer = stranger.request(method, route.path.replace("{department}", "tax").replace("{period}", "1995"), data={})
            if method == "GET" or answer.status_code == 303:
                assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/sign-in"), route.path
            else:
                assert answer.status_code in {401, 403}, route.path


def test_a_stranger_who_floods_the_pages_is_slowed_down(zone: MemoryZone, tmp_path: Path) -> None:
    stranger = pages_in(zone.fork(), tmp_path, per_minute=60).browser()
    assert [stranger.get("/favicon.ico").status_code for _ in range(30)].count(429) >= 5


def test_a_person_that_represents_no_enterprise_is_not_let_in(pages: Pages) -> None:
    browser = pages.browser()
    back = pages.idp.sent_back(browser.get("/sign-in/provider").headers["location"], "clerk")
    refused = browser.get(back)
    assert (refused.status_code, "NOT_REPRESENTATIVE" in refused.text) == (403, True)
    assert browser.get("/").headers["location"].startswith("/sign-in")


def test_another_browser_cannot_end_a_sign_in_nor_this_one_twice(pages: Pages) -> None:
    browser, other = pages.browser(), pages.browser()
    back = pages.idp.sent_back(browser.get("/sign-in/provider").headers["location"], "zhao")
    assert other.get(back).status_code == 401
    assert browser.get(back).status_code == 200
    assert browser.get(back).status_code == 401


@pytest.mark.slow
def test_nobody_is_led_elsewhere_after_signing_in(pages: Pages) -> None:
    browser = pages.browser()
    back = pages.idp.sent_back(browser.get("/sign-in/provider?next=https://evil.example/").headers["location"], "zhao")
    assert "evil.example" not in browser.get(back).text


@pytest.mark.slow
def test_a_new_representative_ends_the_sessions_of_the_one_before(pages: Pages) -> None:
    pages.portrayed()
    before = pages.browser("zhao")
    assert before.get("/").status_code == 200
    after = pages.browser("sun")
    assert before.get("/").headers["location"].startswith("/sign-in")
    assert after.get("/").status_code == 200


def test_an_enterprise_that_is_not_served_yet_is_led_to_the_beginning_and_can_begin(pages: Pages) -> None:
    browser = pages.browser("qian")
    assert browser.get("/").headers["location"] == "/start"
    assert uscc_of(1) in browser.get("/start").text
    assert posted(browser, "/start", "/start") == 303
    until(lambda: bool(pages.desk.site.exchange.relayed))
    pages.desk.enrolments.handle(pages.desk.registrar(pages.desk.store.cursor() + 1))
    until(lambda: browser.get("/start").status_code == 303)
    assert "还没有画像" in browser.get("/").text


# --- the portrait ---


def test_the_portrait_shows_the_points_that_were_opened_and_what_would_raise_them(pages: Pages) -> None:
    uscc = pages.portrayed()
    zone, browser = pages.desk.site.zone, pages.browser("zhao")
    page = browser.get("/").text
    kept = pages.desk.store.portraits(uscc)[0]
    total = next(item["hundredths"] for item in kept["values"] if item["name"] == "total")
    assert f'id="total">{total / 100:,.2f}<' in page
    table = browser.get("/indicators?format=csv").text
    points = zone.points[zone.subjects[0]]
    titles = {name: zone.model.indicators[name].title.zh for name in points}
    found = {line.split(",")[0]: line.split(",")[3] for line in table.lstrip("\ufeff").splitlines()[1:]}
    assert {titles[name]: float(found[titles[name]]) for name in points} == {titles[name]: value / 100 for name, value in points.items()}
    assert "总分 +" in page
    steps = browser.get("/advice?format=csv").text.splitlines()
    assert len(steps) > len([value for value in points.values() if value < 1000])
    for drawn in re.findall(r'src="(data:image/svg[^"]+)"', page):
        assert len(drawn) > 1000


@pytest.mark.slow
def test_history_and_english(pages: Pages) -> None:
    uscc = pages.portrayed()
    pages.desk.site.zone.now += 86_400
    pages.desk.portraits.make(uscc, 0.0)
    browser = pages.browser("zhao")
    page = browser.get("/").text
    assert page.count("<figure") == 2
    browser.get("/language?to=en&back=/")
    english = browser.get("/").text
    assert "Portraits over time" in english
    assert "What would raise the total" in english


@pytest.mark.slow
def test_a_portrait_is_made_when_asked_for_and_a_failure_is_told(pages: Pages) -> None:
    uscc, zone = pages.desk.enrolled(0), pages.desk.site.zone
    browser = pages.browser("zhao")
    zone.points[zone.subjects[0]] = zone.points[zone.subjects[0]] | {"rd": 5_000_000}
    zone.contribute_rows(zone.view.at(pages.desk.consents.give_portrait(uscc).leaf_index))
    assert posted(browser, "/", "/portrait") == 303
    until(lambda: "data-refresh" not in browser.get("/").text)
    assert "上次操作未完成" in browser.get("/").text


# --- consents ---


@pytest.mark.slow
def test_a_consent_is_read_given_used_told_of_and_taken_back(pages: Pages, tmp_path: Path) -> None:
    uscc, zone = pages.portrayed(), pages.desk.site.zone
    browser = pages.browser("zhao")
    text = browser.get(f"/consents/new?bank=bank-a&product={PRODUCT}").text
    assert "申诉或更正而重新评定" in text
    assert posted(browser, f"/consents/new?bank=bank-a&product={PRODUCT}", "/consents", bank="bank-a", product=PRODUCT) == 303
    (kept,) = [item for item in pages.desk.store.consents(uscc) if item.purpose == "loan"]
    logged = zone.view.at(kept.leaf_index)
    zone.contribute_rows(logged)
    node = bank(pages.desk.site, tmp_path / "bank-a")
    node.told(logged, 1)
    assert "没有任何机构" in browser.get("/received").text
    node.queries.answer(Query(PRODUCT, "loan", zone.subjects[0]))
    received = browser.get("/received").text
    ticket = next(item for item in zone.view.tickets.values() if item.statement.audience == "bank-a")
    assert f">{ticket.index}<" in received
    assert zone.model.functionals["total"].title.zh in received
    assert posted(browser, "/consents", "/consents/revoke", consent=kept.id) == 303
    assert zone.view.consents[kept.id].revoked_index is not None
    assert "已撤回" in browser.get("/consents").text


def test_nobody_takes_back_or_sees_what_is_another_enterprises(pages: Pages) -> None:
    pages.portrayed(0)
    other = pages.desk.enrolled(1)
    kept = pages.desk.consents.give(other, "bank-a", "loan", [PRODUCT])
    browser = pages.browser("zhao")
    assert posted(browser, "/consents", "/consents/revoke", consent=kept.id) == 404
    assert not pages.desk.store.consent(kept.id).revocation
    for path in ("/", "/indicators", "/advice", "/consents", "/received", "/values", "/values/tax/1995", "/customs", "/looked"):
        answer = browser.get(path, params={"uscc": other})
        assert other not in answer.text.replace(f"uscc%3D{other}", ""), path  # the address itself, in the language switch
        assert kept.id not in answer.text, path
    assert uscc_of(0) not in pages.browser("qian").get("/looked").text


@pytest.mark.slow
def test_a_form_of_another_session_or_site_does_nothing(pages: Pages) -> None:
    pages.portrayed(0)
    pages.desk.enrolled(1)
    kept = pages.desk.consents.give(uscc_of(0), "bank-a", "loan", [PRODUCT])
    mine, other = pages.browser("zhao"), pages.browser("qian")
    word = form_of(other.get("/consents").text)
    assert mine.post("/consents/revoke", data={"form": word, "consent": kept.id}).status_code == 403
    own = form_of(mine.get("/consents").text)
    foreign = mine.post("/consents/revoke", data={"form": own, "consent": kept.id}, headers={"origin": "https://evil.example"})
    assert foreign.status_code == 403
    assert not pages.desk.store.consent(kept.id).revocation


def test_a_ticket_about_another_enterprise_or_not_the_coordinators_is_refused(pages: Pages) -> None:
    pages.portrayed(0)
    zone, inner = pages.desk.site.zone, pages.desk.network.answers
    uscc = pages.desk.enrolled(1)
    browser = pages.browser("qian")
    assert browser.get("/received").status_code == 200

    def another(request: httpx.Request) -> httpx.Response:
        if request.url.path != "/v1/disclosures":
            return inner(request)
        ticket = next(iter(zone.view.tickets.values()))
        told = {"envelope": base64.b64encode(ticket.envelope).decode(), "leaf": base64.b64encode(ticket.leaf).decode(), "leaf_index": ticket.index}
        return httpx.Response(200, json={"tickets": [told]}, request=request)

    pages.desk.network.answers = another
    assert browser.get("/received").status_code == 400
    assert uscc


# --- values ---


def answered(pages: Pages, seq: int, matter: str, **values: object) -> ValuesRequest | ValueAnswers:
    """Let the department answer what it was asked last; the message that it was sent."""
    keys, (to, sent, sealed) = pages.desk.site.zone.keys, pages.desk.site.exchange.relayed[-1]
    assert sent == matter
    cls: Any = ValuesRequest if matter == VALUES_REQUEST else ValueAnswers
    signers = [verify_key(key) for key in keys.member(SERVICE).keys]
    asked = relay.open_message(cls, sealed, keys.hpke[to], signers, sender=SERVICE, to=to, matter=matter)  # type: ignore[arg-type] # by matter
    shown = Values(uscc=uscc_of(0), period=asked.period, serial=asked.serial, **values)  # type: ignore[arg-type] # as the test says
    answer = relay.seal_message(shown, keys.sealing(SERVICE), keys.signers[to], sender=to, to=SERVICE, matter=VALUES)
    pages.desk.values.handle(WorkItem(seq=seq, sealed=Sealed(sender=to, subject_matter=VALUES, sealed=answer)))
    return cast(ValuesRequest | ValueAnswers, asked)


@pytest.mark.slow
def test_values_are_asked_for_confirmed_disputed_and_filed(pages: Pages) -> None:
    pages.portrayed(0)
    browser, period = pages.browser("zhao"), "1995"
    page = f"/values/tax/{period}"
    held = (
        ShownValue(field="sales_musd", value="57.1", version=VERSION, state="certified", since=1, due=0, note=""),
        ShownValue(field="sales_previous_musd", value="40", version=VERSION, state="disputed", since=1, due=2, note="错了"),
    )
    before = len(pages.desk.site.exchange.relayed)
    assert posted(browser, page, f"{page}/ask") == 303
    until(lambda: len(pages.desk.site.exchange.relayed) > before)
    answered(pages, pages.desk.store.cursor() + 1, VALUES_REQUEST, values=held, self_filed=("rd_stock_musd",))
    until(lambda: "data-refresh" not in browser.get(page).text)
    shown = browser.get(page).text
    assert "57.1" in shown
    assert "已逾期" in shown
    fields = {"answer.sales_musd": "dispute", "version.sales_musd": VERSION, "note.sales_musd": "少了一笔\n", "file.rd_stock_musd": "12"}
    before = len(pages.desk.site.exchange.relayed)
    assert posted(browser, page, page, **fields) == 303
    until(lambda: len(pages.desk.site.exchange.relayed) > before)
    sent = answered(pages, pages.desk.store.cursor() + 1, VALUE_ANSWERS, values=held, refused={"rd_stock_musd": "no"})
    assert isinstance(sent, ValueAnswers)
    assert [(item.field, item.version, item.confirmed, item.note) for item in sent.answers] == [("sales_musd", VERSION, False, "少了一笔")]
    assert [(item.field, item.value) for item in sent.filings] == [("rd_stock_musd", "12")]
    until(lambda: "未被受理" in browser.get(page).text)
    assert browser.get("/values/nobody/1995").status_code == 404
    assert posted(browser, page, "/values/tax/2050/ask") == 404


# --- customs, views ---


@pytest.mark.slow
def test_customs_messages_are_shown_to_the_enterprise_whose_client_it_is(pages: Pages) -> None:
    pages.portrayed(0)
    pages.desk.enrolled(1)
    client = Client(pages.desk.state_dir / "ImpPath")
    client.put("SentBox/a.zip", zipped({"a.xml": build_declaration(declaration(lines=2, uscc=uscc_of(0)))}))
    client.put("InBox/Successed_a.xml", response())
    client.put("InBox/Receipt_b.xml", receipt("H", note="请联系海关"))
    pages.desk.customs.turn(threading.Event())
    page = pages.browser("zhao").get("/customs").text
    assert "没有接入" not in page
    shown = pages.desk.customs.exceptions(uscc_of(0))["declarations"][0]["troubles"][0]
    assert shown["zh"] in page
    assert "没有接入" in pages.browser("qian").get("/customs").text


def test_every_view_is_written_down_before_it_is_shown(pages: Pages) -> None:
    pages.portrayed(0)
    browser = pages.browser("zhao")
    seen = {
        "/": "portrait", "/indicators": "indicators", "/advice": "advice", "/consents": "consents", "/received": "received", "/values": "values",
        "/values/tax/1995": "values of a department", "/customs": "customs", "/looked": "views",
    }  # fmt: skip
    for path, name in seen.items():
        assert browser.get(path).status_code == 200, path
        rows = browser.get("/looked?format=csv").text.splitlines()
        assert any(row.endswith(f",{name}") for row in rows), name
    page = browser.get("/looked").text
    assert ("本人" in page, "核对一个部门的数据" in page) == (True, True)
    browser.cookies.set("xinqiao-language", "en")
    page = browser.get("/looked").text
    assert ("yourself" in page, "Values of a department" in page, "核对" in page) == (True, True, False)
