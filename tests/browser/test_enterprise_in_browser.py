"""An enterprise's person before the real zone: in by the identity provider, the numbers that the zone computed, out again; and in by a passkey."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.support.browser import Visit
from tests.support.kept_zone import KeptZone

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("kept-zone"), pytest.mark.timeout(600)]
PHONE, DESKTOP = 390, 1280
PAGES = (
    "/",
    "/indicators",
    "/advice",
    "/consents",
    "/consents/new",
    "/received",
    "/values",
    "/values/tax-hangzhou/1995",
    "/customs",
    "/policies",
    "/publications",
    "/looked",
    "/passkeys",
)


def person(kept: KeptZone, place: int = 0) -> dict[str, str]:
    """One of the people whose enterprise consented in the demonstration."""
    accounts = json.loads((kept.out / "accounts.json").read_text(encoding="utf-8"))
    found: dict[str, str] = [each for each in accounts if each["about"] and each["name"] != "bookkeeper"][place]
    return found


def enter(kept: KeptZone, visitor: Visit, who: dict[str, str]) -> None:
    """Sign in at the identity provider, in Chinese."""
    visitor.open("/sign-in")
    visitor.page.get_by_role("link", name="使用浙里办").click()
    visitor.page.get_by_label("账号").fill(who["name"])
    visitor.page.get_by_label("密码").fill(who["password"])
    visitor.page.get_by_role("button", name="登录 Sign in").click()
    visitor.page.wait_for_url(f"{kept.endpoints['enterprise_pages']}/**")
    expect(visitor.page.get_by_role("button", name="退出")).to_be_visible()
    assert all(address.startswith(kept.endpoints["identity_provider"]) for address in visitor.foreign)
    visitor.foreign.clear()


def portrayed(visitor: Visit) -> None:
    """Have a portrait made, if there is none."""
    visitor.open("/")
    make = visitor.page.get_by_role("button", name="生成画像", exact=True)
    if make.count():
        make.click()
    expect(visitor.page.locator("#total")).to_be_visible(timeout=60_000)


def totals(kept: KeptZone) -> dict[str, str]:
    """Total of each enterprise, as the authority learned it."""
    with (kept.out / "totals.csv").open(encoding="utf-8") as file:
        return {row["uscc"]: row["total"] for row in csv.DictReader(file)}


@pytest.mark.parametrize("place", [0, 1])
def test_the_portrait_shows_the_total_that_the_zone_computed(kept: KeptZone, visit: Callable[..., Visit], place: int) -> None:
    visitor, who = visit(kept.endpoints["enterprise_pages"]), person(kept, place)
    enter(kept, visitor, who)
    portrayed(visitor)
    expect(visitor.page.locator("#total")).to_have_text(f"{float(totals(kept)[who['about']]):,.2f}")
    receipts = [json.loads(path.read_text(encoding="utf-8")) for path in (kept.out / "receipts").glob("*.json")]
    mine = [item for item in receipts if f"{float(item['result']['total']):.2f}" == f"{float(totals(kept)[who['about']]):.2f}"]
    visitor.open("/received")
    leaves = {item["ticket_leaf_index"] for item in mine}
    assert leaves, "the demonstration's bank asked for this enterprise"
    shown = {cell.inner_text() for cell in visitor.page.locator("td.number").all()}
    assert {str(leaf) for leaf in leaves} & shown


@pytest.mark.nightly
@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_every_page_is_sound_in_both_languages(kept: KeptZone, visit: Callable[..., Visit], width: int) -> None:
    visitor = visit(kept.endpoints["enterprise_pages"], width=width)
    visitor.open("/sign-in")
    visitor.sound()
    enter(kept, visitor, person(kept))
    portrayed(visitor)
    for language in ("English", "中文"):
        for path in PAGES:
            visitor.open(path)
            visitor.sound()
            assert visitor.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0, path
        visitor.page.get_by_role("link", name=language, exact=True).click()


def test_a_person_consents_and_takes_back_without_scripts(kept: KeptZone, visit: Callable[..., Visit]) -> None:
    visitor = visit(kept.endpoints["enterprise_pages"], scripts=False)
    enter(kept, visitor, person(kept))
    visitor.open("/consents/new")
    visitor.page.get_by_role("button", name="查看授权内容").click()
    expect(visitor.page.get_by_text("可随时撤回")).to_be_visible()
    visitor.page.get_by_role("button", name="同意并签名").click()
    rows = visitor.page.get_by_role("row").filter(has_text="有效")
    before = rows.count()
    visitor.page.get_by_role("button", name="撤回对").first.click()
    expect(rows).to_have_count(before - 1)


def test_a_candidate_agrees_to_be_named_and_the_authority_sees_it(kept: KeptZone, visit: Callable[..., Visit]) -> None:
    visitor, chief = visit(kept.endpoints["enterprise_pages"]), visit(kept.endpoints["gateway"])
    kept.sign_in(chief, "chief")
    enter(kept, visitor, person(kept, 1))
    for browser in (visitor, chief):
        browser.open("/publications")
        browser.page.get_by_role("link", name="科技企业500强").click()
    expect(chief.page.get_by_text("已答复 0 家")).to_be_visible()
    visitor.page.get_by_label("同意", exact=True).check()
    visitor.sound()
    visitor.page.get_by_role("button", name="签名并答复").click()
    expect(visitor.page.locator("#word")).to_contain_text("已同意")
    chief.page.reload()
    expect(chief.page.get_by_text("已答复 1 家，其中同意 1 家")).to_be_visible()


def test_values_are_asked_for_and_confirmed(kept: KeptZone, visit: Callable[..., Visit]) -> None:
    visitor = visit(kept.endpoints["enterprise_pages"])
    enter(kept, visitor, person(kept))
    visitor.open("/values/tax-hangzhou/1995")
    visitor.page.get_by_role("button", name="向部门查询最新数据").click()
    expect(visitor.page.get_by_text("部门所持数据")).to_be_visible(timeout=60_000)
    visitor.page.get_by_role("combobox").first.select_option("confirm")
    visitor.page.get_by_role("button", name="签名并提交").click()
    expect(visitor.page.get_by_text("已确认").first).to_be_visible(timeout=60_000)


def test_who_represents_nobody_stays_outside(kept: KeptZone, visit: Callable[..., Visit]) -> None:
    visitor = visit(kept.endpoints["enterprise_pages"])
    visitor.open("/sign-in")
    visitor.page.get_by_role("link", name="使用浙里办").click()
    visitor.page.get_by_label("账号").fill("bookkeeper")
    visitor.page.get_by_label("密码").fill(kept.password("bookkeeper"))
    visitor.page.get_by_role("button", name="登录 Sign in").click()
    expect(visitor.page.get_by_text("NOT_REPRESENTATIVE")).to_be_visible()


def test_a_passkey_is_a_second_way_in_for_who_came_by_the_first(kept: KeptZone, visit: Callable[..., Visit]) -> None:
    visitor, who = visit(kept.endpoints["enterprise_pages"]), person(kept)
    devices = visitor.page.context.new_cdp_session(visitor.page)
    devices.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True, "isUserVerified": True}
    devices.send("WebAuthn.addVirtualAuthenticator", {"options": {**options, "automaticPresenceSimulation": True}})
    enter(kept, visitor, who)
    visitor.open("/passkeys")
    visitor.page.get_by_role("button", name="登记通行密钥").click()
    expect(visitor.page.get_by_role("row").filter(has_text="我的设备")).to_have_count(1)
    visitor.page.get_by_role("button", name="退出").click()
    visitor.page.get_by_role("button", name="使用通行密钥登录").click()
    expect(visitor.page.get_by_text(who["title"].partition("（")[0]).first).to_be_visible()
    visitor.open("/passkeys")
    visitor.page.get_by_role("button", name="删除通行密钥").click()
    expect(visitor.page.get_by_text("尚无通行密钥")).to_be_visible()
    visitor.page.get_by_role("button", name="退出").click()
    visitor.page.get_by_role("button", name="使用通行密钥登录").click()
    expect(visitor.page.get_by_role("alert")).to_contain_text("没有这个通行密钥")
