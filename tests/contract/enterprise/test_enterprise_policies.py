"""Policies on the enterprise's pages over the real gateway: how it stands and why, which criterion is missing, its claim confirmed [Q8, O5, O7]."""

from __future__ import annotations

from pathlib import Path

import pytest

from crypto.keygen import PrivateKey
from nodes.policies import shipped_policies
from scoring.publications.publication import Offer
from scoring.statements import Title
from tests.support.bank import uscc_of
from tests.support.enterprise_pages import Pages, pages_before, posted
from tests.support.policies import FLAGS, PAYEE, SUBJECTS, Town, firm, town
from tests.support.site import form_of
from tests.support.waiting import until

pytestmark = pytest.mark.slow
NEEQ = {policy.id: policy for policy in shipped_policies()}["neeq"]
MET = [4, 3, 4, 4, 4, 4, 0, 0, 0, 0, 0, 0]
OFFICIAL = "wang"


@pytest.fixture(scope="module")
def place(small_private_key: PrivateKey, tmp_path_factory: pytest.TempPathFactory) -> Town:
    """The policy is in force; the first enterprise matches, the second misses one criterion."""
    built = town(small_private_key, tmp_path_factory.mktemp("town"), [firm(at, board="新三板") for at in range(6)], MET)
    desk = built.front.policies.desk
    desk.add(NEEQ.model_copy(update={"text": NEEQ.text.replace("本区", "滨江区")}).model_dump(mode="json"))
    desk.confirm_rest("neeq", OFFICIAL)
    desk.publish("neeq")
    return built


@pytest.fixture
def pages(place: Town, tmp_path: Path) -> Pages:
    return pages_before(place.front, tmp_path)


def test_an_enterprise_that_matches_confirms_its_claim_with_its_account(place: Town, pages: Pages) -> None:
    pages.desk.enrolled(0)
    place.front.policies.desk.compare("neeq", OFFICIAL)
    place.settle()
    browser = pages.browser("zhao")
    listed, page = browser.get("/policies").text, browser.get("/policies/neeq").text
    assert NEEQ.title.zh in listed
    assert "满足 4 / 4 项" in listed
    assert "滨江区" in page
    assert "确认领取" in page
    assert posted(browser, "/policies/neeq", "/policies/neeq", act="confirmed", name="", bank="", account="") == 400
    assert posted(browser, "/policies/neeq", "/policies/neeq", act="confirmed", **{**PAYEE, "name": "=1+1"}) == 400, "no formula in the bank's file"
    assert posted(browser, "/policies/neeq", "/policies/neeq", act="confirmed", **PAYEE) == 303
    page = browser.get("/policies/neeq").text
    assert "企业已确认" in page
    assert "确认领取" not in page
    claims = place.front.policies.store.claims(subject=SUBJECTS[0])
    assert [(item.claim.state, item.claim.payee.account if item.claim.payee else "") for item in claims] == [("confirmed", PAYEE["account"])]
    assert browser.get("/policies/unheard").status_code == 404


def test_which_criterion_is_missing_reaches_the_enterprise_alone(place: Town, pages: Pages) -> None:
    pages.desk.enrolled(1)
    browser = pages.browser("qian")
    page = browser.get("/policies/neeq").text
    assert "满足 3 / 4 项" in page
    assert "差一步" in page
    lacking = list(place.zone.model.indicators.values())[-1].title.zh
    assert lacking not in page
    kept = pages.desk.consents.give_portrait(uscc_of(1), FLAGS)
    place.zone.contribute_rows(place.zone.view.at(kept.leaf_index), epoch=FLAGS)
    assert posted(browser, "/policies/neeq", "/policies/neeq/missing") == 303
    until(lambda: "data-refresh" not in browser.get("/policies/neeq").text)
    page = browser.get("/policies/neeq").text
    assert "未满足：" in page
    assert lacking in page
    pages.desk.enrolled(0)
    assert "未满足：" not in pages.browser("zhao").get("/policies/neeq").text


def test_a_candidate_answers_and_chooses_and_objects_on_pages(place: Town, pages: Pages) -> None:
    desk, zone = place.front.publications, place.zone
    for at in (0, 1):
        pages.desk.enrolled(at)
    flats = (Offer("east", Title(zh="东苑", en="East"), 1), Offer("west", Title(zh="西苑", en="West"), 1))
    made = desk.announce_housing("chief", FLAGS, Title(zh="人才公寓", en="flats"), flats, 100, FLAGS, zone.now + 100)
    assert SUBJECTS[0] in made.candidates
    assert SUBJECTS[1] not in made.candidates
    first, other, path = pages.browser("zhao"), pages.browser("qian"), f"/publications/{made.id}"
    assert "待答复" in first.get("/publications").text
    assert other.get(path).status_code == 404, "who is a candidate is told nobody else"
    assert posted(other, "/publications", path, agrees="yes") == 404
    page = first.get(path).text
    assert page.count('<select name="choice">') == 2
    twice = {"form": form_of(page), "agrees": "yes", "choice": ["west", "west"]}
    assert first.post(path, data=twice).status_code == 400, "each estate once"
    assert first.post(path, data={**twice, "choice": ["west", "east"]}).status_code == 303
    assert "1. 西苑 2. 东苑" in first.get(path).text
    assert desk.store.get(made.id).words[SUBJECTS[0]].choices == ("west", "east")
    zone.now += 100
    desk.advance(made.id, "noticed", "chief", zone.now + 100)
    assert "本企业列名。 房源：西苑" in first.get(path).text
    page = other.get(path).text
    assert "公司0" in page
    assert posted(other, path, path + "/objections", about=SUBJECTS[0], text="不符合条件") == 303
    assert posted(other, path, path + "/objections", about=SUBJECTS[0], text="不符合条件") == 409, "once to an entry"
    (objection,) = desk.store.get(made.id).objections
    assert (objection.by, objection.subject, objection.text) == (SUBJECTS[1], SUBJECTS[0], "不符合条件")
    assert pages.browser("zhao").get(path).text.count("<h1>") == 1
