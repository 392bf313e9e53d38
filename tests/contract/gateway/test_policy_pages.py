"""The policies' pages over the real gateway: decisions on tags, lists within a reader's scope, the public notice, payments."""

from __future__ import annotations

import re

import pytest
from fastapi.testclient import TestClient
from httpx import Response
from pydantic import ValidationError

from crypto.keygen import PrivateKey
from gateway.policies import bank_files
from gateway.policies.bank_files import ANSWER
from gateway.policies.desk import DAY_S
from nodes.policies import shipped_policies
from nodes.runtime.pages.accounts import AUDITOR, AUTHORITY, COUNTY, EVERYWHERE, Person
from nodes.runtime.pages.listing import xlsx_bytes
from scoring.policies.claims import Claim, Payee
from scoring.statements import PaperPayee
from tests.support.policies import CODES, PAYEE, SUBJECTS, Town, firm, town
from tests.support.site import PASSWORD, form_of, sign_in
from tests.support.zone import BASE

pytestmark = pytest.mark.xdist_group("policy-pages")  # in their order, on one place

NEEQ = {policy.id: policy for policy in shipped_policies()}["neeq"]
ROWS = [
    firm(0, board="新三板"), firm(1, board="新三板", division="330106"), firm(2, board="新三板"), firm(3, board="主板"),
    firm(4, board="新三板", trade="I6513"),
]  # fmt: skip
MET = [4, 4, 3, 4, 4, 2, 0, 0, 0, 0, 0, 0]
PEOPLE = (
    Person("chief", "主管", frozenset({AUTHORITY}), (EVERYWHERE,), (EVERYWHERE,)),
    Person("deputy", "副主管", frozenset({AUTHORITY}), (EVERYWHERE,), (EVERYWHERE,)),
    Person("binjiang", "滨江专员", frozenset({COUNTY}), ("330108",), (EVERYWHERE,)),
    Person("software", "软件专员", frozenset({COUNTY}), (EVERYWHERE,), ("I",)),
    Person("auditor", "审计员", frozenset({AUDITOR})),
)


@pytest.fixture(scope="module")
def place(small_private_key: PrivateKey, tmp_path_factory: pytest.TempPathFactory) -> Town:
    made = town(small_private_key, tmp_path_factory.mktemp("pages"), ROWS, MET, also=("gazelle",))
    for person in PEOPLE:
        made.front.site.accounts.add(person, PASSWORD)
    text = NEEQ.text.replace("企业注册地在本区，", "企业注册地在杭州市，")
    made.front.policies.desk.add(NEEQ.model_copy(update={"text": text}).model_dump(mode="json"))
    return made


def browser(place: Town, name: str = "") -> TestClient:
    client = TestClient(place.front.client.app, BASE, headers={"accept": "text/html"}, follow_redirects=False, raise_server_exceptions=False)
    if name:
        assert sign_in(client, name).status_code == 303
    return client


def send(client: TestClient, page: str, path: str, **fields: str) -> Response:
    answer: Response = client.post(path, data={"form": form_of(client.get(page).text), **fields})
    return answer


def upload(client: TestClient, path: str, content: bytes) -> Response:
    data = {"form": form_of(client.get("/payments").text)}
    answer: Response = client.post(path, data=data, files={"answer": ("answer.xlsx", content)})
    return answer


def test_only_the_authority_decides_tags_and_every_decision_names_who_and_when(place: Town) -> None:
    chief, officer, stranger = browser(place, "chief"), browser(place, "binjiang"), browser(place)
    assert stranger.get("/policies/neeq").headers["location"].startswith("/sign-in"), "an undecided text is no policy yet"
    assert send(officer, "/policies/neeq", "/policies/neeq/tags/0", verdict="confirmed").status_code == 403
    page = chief.get("/policies/neeq").text
    assert "<mark>新三板</mark>" in page
    assert "注册地属于杭州市" in page, "a place is called by its name"
    assert send(chief, "/policies/neeq", "/policies/neeq/publish").status_code == 409, "tags are undecided"
    assert send(chief, "/policies/neeq", "/policies/neeq/tags/0", verdict="confirmed").status_code == 303
    changed = send(chief, "/policies/neeq", "/policies/neeq/tags/2", verdict="changed", kind="division", relation="one_of", values="3301", group="")
    assert changed.status_code == 303
    wrong = send(chief, "/policies/neeq", "/policies/neeq/tags/2", verdict="changed", kind="division", relation="at_least", values="3301", group="")
    assert wrong.status_code == 400
    assert send(chief, "/policies/neeq", "/policies/neeq/confirm-rest").status_code == 303
    assert send(chief, "/policies/neeq", "/policies/neeq/publish").status_code == 303
    page = chief.get("/policies/neeq").text
    assert len(re.findall(r"<td>chief \d{4}-\d\d-\d\d \d\d:\d\d</td>", page)) == len(place.front.policies.store.policy("neeq")[1].tags)
    assert send(chief, "/payments", "/policies/neeq/tags/0", verdict="dropped").status_code == 409, "it is in force"
    assert stranger.get("/policies/neeq").status_code == 200
    assert "chief" not in stranger.get("/policies/neeq").text


@pytest.mark.parametrize(
    ("name", "inside", "outside"), [("chief", {0, 1, 4}, {2, 3}), ("binjiang", {0, 4}, {1, 2, 3}), ("software", {4}, {0, 1, 2, 3})]
)
def test_lists_hold_the_enterprises_of_a_readers_divisions_and_trades(place: Town, name: str, inside: set[int], outside: set[int]) -> None:
    client = browser(place, name)
    page = client.get("/policies/neeq/matches").text
    assert {at for at in range(5) if f"公司{at}" in page} == inside
    exported = client.get("/policies/neeq/matches?format=csv").text
    assert {at for at in range(5) if CODES[at] in exported} == inside
    for at in outside & ({1} if name == "binjiang" else {0, 1} if name == "software" else set()):
        assert client.get(f"/policies/neeq/enterprises/{SUBJECTS[at]}").status_code == 404
    views = {view.person for view in place.front.site.views.of("*")}
    assert name in views


def test_one_step_away_is_told_without_which(place: Town) -> None:
    client = browser(place, "chief")
    page = client.get("/policies/neeq/matches?show=away").text
    assert {at for at in range(5) if f"公司{at}" in page} == {2, 3}
    reasons = client.get(f"/policies/neeq/enterprises/{SUBJECTS[2]}").text
    assert "3/4" in reasons
    for title in ("无欠税", "无社保欠费", "有研发活动"):
        assert f'<th scope="row">{title}</th>' not in reasons, "which flag is missing is the enterprise's to know"
    assert [view.subject for view in place.front.site.views.of(SUBJECTS[2])] == [SUBJECTS[2]]


def test_lists_and_money_are_closed_to_everybody_else(place: Town) -> None:
    stranger, auditor, officer = browser(place), browser(place, "auditor"), browser(place, "binjiang")
    for path in ("/policies/neeq/matches", "/libraries", "/payments", "/policies/neeq/claims"):
        assert stranger.get(path).headers["location"].startswith("/sign-in")
        assert auditor.get(path).status_code == 403
    assert officer.get("/payments").status_code == 403
    assert send(officer, "/policies", "/policies/neeq/compare-all").status_code == 403
    chief = browser(place, "chief")
    assert chief.post("/policies/neeq/compare-all", data={"form": "0" * 43}).status_code == 403, "a form from elsewhere"


def test_notice_dispute_and_payment_on_the_pages(place: Town) -> None:
    chief, anybody, desk = browser(place, "chief"), browser(place), place.front.policies.desk
    assert send(chief, "/policies/neeq", "/policies/neeq/compare-all").status_code == 303
    place.settle()
    assert "公司0" not in anybody.get("/notice").text
    for at in (0, 4):
        assert place.take(SUBJECTS[at], "neeq", "confirmed").status_code == 201
    send(chief, "/policies/neeq", "/policies/neeq/notice-all")
    place.settle()
    notice = anybody.get("/notice").text
    assert {at for at in range(5) if f"公司{at}" in notice} == {0, 4}
    assert SUBJECTS[0] not in notice
    assert CODES[0] not in notice
    claims = {kept.claim.subject: kept.claim.id for kept in place.front.policies.store.claims(policy="neeq")}
    claim = f"/claims/{claims[SUBJECTS[4]]}"
    page = chief.get(claim).text
    assert PAYEE["account"] not in page
    assert f"…{PAYEE['account'][-4:]}" in page
    assert send(chief, claim, claim, step="disputed", note="电话举报").status_code == 303
    assert send(chief, claim, claim, step="paid", note="").status_code == 400
    assert send(chief, claim, claim, step="upheld", note="属实").status_code == 303
    place.zone.now += NEEQ.notice_days * DAY_S
    chief = browser(place, "chief")
    assert send(chief, "/policies/neeq", "/policies/neeq/propose-all").status_code == 303
    (file,) = place.front.policies.store.files()
    assert 'value="release"' not in chief.get("/payments").text, "who proposed does not release"
    assert send(chief, "/payments", f"/payments/{file.id}", act="release").status_code == 403
    assert chief.get(f"/payments/{file.id}.csv").status_code == 409
    deputy = browser(place, "deputy")
    shown = deputy.get("/payments").text
    assert PAYEE["name"] in shown
    assert f"公司0 {CODES[0]}" in shown, "the name and code that the register has stand beside the account's"
    assert "1 笔收款账户户名与公示登记不一致" in shown
    refused = send(deputy, "/payments", f"/payments/{file.id}", act="release")
    assert (refused.status_code, "look at them first" in refused.text) == (409, True)
    assert send(deputy, "/payments", f"/payments/{file.id}", act="release", differing="seen").status_code == 303
    assert send(deputy, "/payments", f"/payments/{file.id}", act="withdraw").status_code == 409
    place.settle()
    csv = chief.get(f"/payments/{file.id}.csv").text
    assert claims[SUBJECTS[0]] in csv
    assert claims[SUBJECTS[4]] not in csv, "the dispute was upheld"
    for yuan, status in ((1, 400), (500_000, 303)):
        workbook = xlsx_bytes(ANSWER, [(file.id, claims[SUBJECTS[0]], yuan, "成功", "R1")])
        assert upload(chief, f"/payments/{file.id}/answer", workbook).status_code == status
    assert desk.balance("neeq").paid_fen == NEEQ.award_fen
    assert "500,000.00" in chief.get("/payments").text
    assert "公司0" not in anybody.get("/notice").text


def test_an_officer_is_told_counts_of_his_own_enterprises_alone(place: Town) -> None:
    def counts(name: str) -> list[str]:
        row = browser(place, name).get("/policies").text.partition('href="/policies/neeq"')[2].partition("</tr>")[0]
        return re.findall(r'<td class="number">(?:<a [^>]*>)?([^<]*)', row)[1:]

    told = {name: counts(name) for name in ("chief", "binjiang", "software", "auditor")}
    assert told["chief"] == ["3", "2", "3", told["chief"][3], "2", "500,000.00"]
    assert told["binjiang"] == ["2", "2", "2", "–", "2", "500,000.00"], "the other county's are not in any count"
    assert told["software"] == ["1", "0", "1", "–", "1", "0.00"]
    assert set(told["auditor"]) == {"–"}
    assert "预算余额" not in browser(place, "binjiang").get("/policies/neeq").text, "what is promised to others"
    assert "预算余额" in browser(place, "auditor").get("/policies/neeq").text


def test_a_payee_that_a_spreadsheet_would_compute_is_refused(place: Town) -> None:
    with pytest.raises(ValidationError):
        PaperPayee(name='=HYPERLINK("http://evil")', bank=PAYEE["bank"], account=PAYEE["account"])
    claim = Claim("c" * 32, "neeq", SUBJECTS[0], 100, payee=Payee(PAYEE["name"], PAYEE["bank"], PAYEE["account"]))
    (line, _total) = bank_files.orders("f", [claim], "+1").decode().splitlines()[1:]
    assert line.endswith(",'+1")
    assert place.front.policies.store.files()


def test_libraries_are_the_flag_models_that_no_policy_names(place: Town) -> None:
    chief = browser(place, "chief")
    page = chief.get("/libraries").text
    assert "瞪羚企业培育库" in page
    assert "新三板" not in page, "the other flag model is the policy's"
    assert "还没有开启过部门数据条件" in chief.get("/libraries/gazelle?show=away").text
    assert "数据不足" in chief.get(f"/libraries/gazelle/enterprises/{SUBJECTS[0]}").text, "nothing was opened of it"
    assert chief.get("/libraries/none").status_code == 404


@pytest.mark.parametrize(
    "path",
    ["/policies", "/policies/neeq", "/notice", "/libraries", "/payments", "/policies/neeq/claims", "/policies/neeq/matches", "/libraries/gazelle"],
)
def test_every_page_is_there_in_english(place: Town, path: str) -> None:
    chief = browser(place, "chief")
    chief.cookies.set("xinqiao-language", "en", domain="gateway.test")
    page = chief.get(path)
    assert page.status_code == 200
    assert '<html lang="en">' in page.text
