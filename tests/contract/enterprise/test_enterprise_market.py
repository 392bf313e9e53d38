"""The supermarket on the enterprise's pages, with a real institution behind it: a line at once, an application to its last repayment [Q8]."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient

from crypto.keygen import PrivateKey
from nodes.bank.consents import Consents
from nodes.bank.loans.admission import InstitutionAdmission
from nodes.bank.loans.products import Products, StatedTerms
from nodes.lending.book import LoanBook
from nodes.lending.desk import LoanDesk
from nodes.runtime.pages.language import yuan
from nodes.runtime.replica.relay import LOAN
from protos.v1.exchange_pb2 import ConsentNotice, Sealed
from scoring.lending.terms import amount_of
from scoring.rules.credit import line_fen
from scoring.statements import parse_leaf
from scoring.statements.lending import Contracted, Declined, Disbursed, LoanContent, Offered, Queried, Repaid, Surveyed
from tests.support.bank import uscc_of
from tests.support.databases import ON_BOTH, database_in
from tests.support.enterprise_pages import Pages, pages_in, posted
from tests.support.enterprise_service import SERVICE
from tests.support.exchange import identity_of
from tests.support.lending import WAN
from tests.support.loan_parties import DAY_S, stated
from tests.support.site import form_of
from tests.support.zone import MemoryZone, released_zone

pytestmark = pytest.mark.xdist_group("enterprise-market")  # in their order, on one place

PRODUCT = "/market/bank-a/points-loan"


@pytest.fixture(scope="module")
def zone(small_private_key: PrivateKey) -> MemoryZone:
    return released_zone(small_private_key)


@pytest.fixture
def pages(zone: MemoryZone, tmp_path: Path) -> Pages:
    return pages_in(zone.fork(), tmp_path)


@dataclass
class Bank:
    """bank-a with its real desk; ``carry`` brings both sides what was relayed."""

    pages: Pages
    desk: LoanDesk
    consents: Consents
    carried: int = 0
    seq: int = 0

    def carry(self) -> None:
        exchange, zone = self.pages.desk.site.exchange, self.pages.desk.site.zone
        for state in list(zone.view.consents.values()):
            if state.consent.audience == "bank-a" and self.consents.consent(state.consent.id) is None:
                self.seq += 1
                notice = ConsentNotice(
                    consent_envelope=zone.view.at(state.index).envelope, leaf_index=state.index,
                    enrolment_envelope=zone.view.enrolment_behind(state).envelope,
                )  # fmt: skip
                self.consents.take(notice, self.seq)
                self.desk.again()
        while self.carried < len(exchange.relayed):
            to, matter, sealed = exchange.relayed[self.carried]
            message = Sealed(sender=SERVICE if to == "bank-a" else "bank-a", subject_matter=matter, sealed=sealed)
            self.carried += 1
            if matter == LOAN:
                self.desk.receive(message) if to == "bank-a" else self.pages.desks.market.receive(message)

    def say(self, application: str, content: LoanContent) -> None:
        self.desk.say(application, content)
        self.carry()


def bank_of(pages: Pages, directory: Path, terms: StatedTerms | None = None) -> Bank:
    """bank-a, which has published ``terms``."""
    zone, engine = pages.desk.site.zone, database_in(directory, "bank", name="bank-a")
    identity, client = identity_of(zone.keys, "bank-a"), pages.desk.site.exchange.client_of("bank-a")
    consents = Consents(engine, identity, zone.view.registry)
    products = Products(engine, identity, client, "bank", lambda: zone.now)
    products.publish(terms or stated())
    admission = InstitutionAdmission("bank-a", zone.view.registry, consents, products, lambda _uscc: False)
    desk = LoanDesk(
        identity, zone.view.registry, LoanBook(engine), client, lambda index: parse_leaf(zone.entries[index][0]), lambda: zone.now, admission
    )
    return Bank(pages, desk, consents)


def applied(browser: TestClient, amount: str = "100万") -> str:
    """Apply by the page's form; the application."""
    form = {"form": form_of(browser.get(PRODUCT).text), "amount": amount, "months": "12", "purpose": "采购原材料"}
    answer = browser.post(PRODUCT, data=form)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"]).removeprefix("/loans/")


def act(browser: TestClient, application: str, step: str, **fields: str) -> int:
    return posted(browser, f"/loans/{application}", f"/loans/{application}", act=step, **fields)


def offered(bank: Bank, browser: TestClient) -> str:
    """An application that bank-a has made an offer for."""
    application = applied(browser)
    assert act(browser, application, "consent") == 303
    bank.carry()
    said = Offered(amount_fen=100 * WAN, rate_bp=400, term_months=12, until=bank.pages.desk.site.zone.now + 10 * DAY_S)
    for content in (Queried(ticket="d" * 64, line_fen=200 * WAN), Surveyed(record="e" * 64), said):
        bank.say(application, content)
    return application


def test_the_line_at_once_is_what_the_models_rule_gives_for_the_total(pages: Pages, tmp_path: Path) -> None:
    pages.portrayed(0)
    bank_of(pages, tmp_path / "bank")
    zone = pages.desk.site.zone
    points = zone.points[zone.subjects[0]]
    weights = {"rd": 3, "patents": 2, "citations": 1, "staff": 1, "growth": 3, "value": 1}
    total = sum(weights[name] * value for name, value in points.items())
    line = line_fen(zone.model.products["base-line"], "S1", total, False).line_fen
    expected = min(max(line, 50 * WAN), 500 * WAN)
    assert expected >= 50 * WAN
    browser = pages.browser("zhao")
    assert f'id="line">{yuan(expected)}<' in browser.get(PRODUCT).text
    row = browser.get("/market?format=csv").text.splitlines()[1].split(",")
    assert (row[0], float(row[3])) == ("积分贷", expected / 100)
    assert amount_of(pages.desks.market.catalog.products(zone.now)[0].terms, 0) == 0


@pytest.mark.slow
def test_without_a_portrait_no_line_is_told(pages: Pages, tmp_path: Path) -> None:
    pages.desk.enrolled(0)
    bank_of(pages, tmp_path / "bank")
    page = pages.browser("zhao").get("/market").text
    assert "还没有画像" in page
    assert "积分贷" in page


@ON_BOTH
@pytest.mark.slow
def test_an_application_runs_from_the_page_to_the_last_repayment(pages: Pages, tmp_path: Path) -> None:
    pages.portrayed(0)
    bank, browser = bank_of(pages, tmp_path / "bank"), pages.browser("zhao")
    application = offered(bank, browser)
    page = browser.get(f"/loans/{application}").text
    assert "机构已报价，待接受" in page
    assert act(browser, application, "accept", offer="0" * 64) == 409
    paper = re.findall(r'name="offer" value="([0-9a-f]{64})"', page)[0]
    assert act(browser, application, "accept", offer=paper) == 303
    bank.carry()
    for content in (
        Contracted(number="2023-001", contract="f" * 64),
        Disbursed(amount_fen=100 * WAN),
        Repaid(principal_fen=60 * WAN, interest_fen=1),
    ):
        bank.say(application, content)
    page = browser.get(f"/loans/{application}").text
    assert yuan(40 * WAN) in page
    assert page.count('scope="row"') == 9  # every step
    assert "还款中" in browser.get("/loans").text
    signed = pages.desks.market.steps(uscc_of(0), application)
    assert [step.statement.step for step in signed][:3] == ["applied", "consented", "queried"]


@pytest.mark.slow
def test_a_decline_is_told_with_its_reason_and_an_application_can_be_withdrawn(pages: Pages, tmp_path: Path) -> None:
    pages.portrayed(0)
    bank, browser = bank_of(pages, tmp_path / "bank"), pages.browser("zhao")
    first, second = applied(browser), applied(browser)
    for application in (first, second):
        assert act(browser, application, "consent") == 303
    bank.carry()
    bank.say(first, Declined(reason="DUE_DILIGENCE", note="材料不全"))
    page = browser.get(f"/loans/{first}").text
    assert "实地尽调未通过" in page
    assert "材料不全" in page
    assert act(browser, second, "withdraw", note="不再需要") == 303
    assert act(browser, second, "consent") == 409
    assert "已撤回" in browser.get(f"/loans/{second}").text


@pytest.mark.slow
def test_a_revolving_line_is_drawn_and_assigned_and_never_beyond(pages: Pages, tmp_path: Path) -> None:
    pages.portrayed(0)
    bank, browser = bank_of(pages, tmp_path / "bank", stated(revolving=True)), pages.browser("zhao")
    application = offered(bank, browser)
    paper = pages.desks.market.get(uscc_of(0), application).app.offer_paper
    act(browser, application, "accept", offer=paper)
    bank.carry()
    bank.say(application, Contracted(number="2023-002", contract="f" * 64))
    assert act(browser, application, "draw", amount="600000") == 303
    assert act(browser, application, "assign", supplier=uscc_of(7), amount="40万") == 303
    assert act(browser, application, "draw", amount="0.01") in {400, 409, 422}
    assert act(browser, application, "unassign", supplier=uscc_of(7), amount="10万") == 303
    line = pages.desks.market.get(uscc_of(0), application).app.line
    assert line is not None
    assert (line.owed_fen, line.assigned_fen, line.available_fen) == (60 * WAN, 30 * WAN, 10 * WAN)
    for wrong in ("", "-1", "0", "1.005", "NaN", "1e30", "很多"):
        assert act(browser, application, "draw", amount=wrong) == 400


def test_another_enterprise_neither_sees_an_application_nor_takes_its_steps(pages: Pages, tmp_path: Path) -> None:
    pages.portrayed(0)
    pages.desk.enrolled(1)
    bank, browser, other = bank_of(pages, tmp_path / "bank"), pages.browser("zhao"), pages.browser("qian")
    application = offered(bank, browser)
    assert application not in other.get("/loans").text
    assert other.get(f"/loans/{application}").status_code == 404
    word = form_of(other.get("/loans").text)
    paper = pages.desks.market.get(uscc_of(0), application).app.offer_paper
    for fields in ({"act": "accept", "offer": paper}, {"act": "withdraw", "note": ""}, {"act": "consent"}):
        assert other.post(f"/loans/{application}", data={"form": word, **fields}).status_code == 404
    assert pages.desks.market.get(uscc_of(0), application).app.phase == "offered"


@pytest.mark.slow
def test_terms_that_their_institution_did_not_sign_are_not_on_the_shelf(pages: Pages, tmp_path: Path) -> None:
    pages.portrayed(0)
    bank_of(pages, tmp_path / "bank")
    inner = pages.desk.network.answers

    def forged(request: httpx.Request) -> httpx.Response:
        answer = inner(request)
        if request.url.path != "/v1/catalog":
            return answer
        document = httpx.Response(200, content=answer.read()).json()
        raw = base64.b64decode(document["catalog"][0]["envelope"])
        payload = base64.b64decode(raw.split(b'"payload":"')[1].split(b'"')[0])
        other = base64.b64encode(payload.replace(b'"cap_fen":500000000', b'"cap_fen":900000000'))
        assert other != base64.b64encode(payload)
        document["catalog"][0]["envelope"] = base64.b64encode(raw.replace(base64.b64encode(payload), other)).decode()
        return httpx.Response(200, json=document, request=request)

    browser = pages.browser("zhao")
    assert "积分贷" in browser.get("/market").text
    pages.desk.network.answers = forged
    assert "积分贷" not in browser.get("/market").text
    assert browser.get(PRODUCT).status_code == 404
