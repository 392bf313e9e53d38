"""Policies on the enterprise's pages over the real gateway: how it stands and why, which criterion is missing, its claim confirmed [Q8, O5, O7]."""

from __future__ import annotations

from pathlib import Path

import pytest

from crypto.keygen import PrivateKey
from nodes.policies import shipped_policies
from tests.support.bank import uscc_of
from tests.support.enterprise_pages import Pages, pages_before, posted, settled
from tests.support.policies import FLAGS, PAYEE, SUBJECTS, Town, firm, town

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
    assert posted(browser, "/policies/neeq", "/policies/neeq", act="confirmed", name="", bank="", account="") == 403
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
    settled(lambda: "data-refresh" not in browser.get("/policies/neeq").text)
    page = browser.get("/policies/neeq").text
    assert "未满足：" in page
    assert lacking in page
    pages.desk.enrolled(0)
    assert "未满足：" not in pages.browser("zhao").get("/policies/neeq").text
