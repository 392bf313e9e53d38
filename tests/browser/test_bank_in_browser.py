"""A clerk's pages at a real bank node in a real browser: sound in both languages and widths, and what they show is what the zone opened."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from simulators.sandbox.cases import CASES
from tests.browser.looks import Look, every_look
from tests.support.browser import Visit
from tests.support.kept_zone import KeptZone

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("kept-zone"), pytest.mark.timeout(600)]
PAGES = ("/", "/book", "/scores", "/repayments", "/products", "/dishonest")


@every_look
def test_the_clerks_pages_are_sound_in_both_languages(kept: KeptZone, visit: Callable[..., Visit], look: Look) -> None:
    visitor = visit(kept.endpoints["bank"]["bank-a"], width=look.width)
    kept.sign_in(visitor, "clerk-bank-a")
    look.choose(visitor, "/")
    for path in PAGES:
        visitor.open(path)
        visitor.sound()
        assert visitor.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0, path


def test_a_clerk_asks_for_a_score_and_sees_what_the_zone_opened(kept: KeptZone, visit: Callable[..., Visit]) -> None:
    receipts = [json.loads(path.read_bytes()) for path in (kept.out / "receipts").glob("*.json")]
    subject = next(receipt["subject"] for receipt in receipts if receipt["audience"] == "bank-a")
    with (kept.out / "totals.csv").open(encoding="utf-8", newline="") as stream:
        row = next(row for row in csv.DictReader(stream) if row["subject_id"] == subject)
    visitor = visit(kept.endpoints["bank"]["bank-a"])
    kept.sign_in(visitor, "clerk-bank-a")
    visitor.open("/scores")
    visitor.page.locator("select[name=product]").select_option("points-loan")
    visitor.page.locator("textarea[name=codes]").fill(row["uscc"])
    visitor.page.get_by_role("main").get_by_role("button", name="查询").click()
    expect(visitor.page.get_by_text(row["total"], exact=True)).to_be_visible()
    expect(visitor.page.get_by_text(subject)).to_be_visible()
    visitor.sound()


def test_an_application_runs_through_the_real_zone_from_the_supermarket_to_the_last_repayment(kept: KeptZone, visit: Callable[..., Visit]) -> None:
    """The enterprise on its service's pages, the clerk on the bank's, with nothing between them but the zone."""
    people = json.loads((kept.out / "accounts.json").read_text(encoding="utf-8"))
    who = next(each for each in people if each["about"] and each["name"] != "bookkeeper")
    enterprise, clerk = visit(kept.endpoints["enterprise_pages"]), visit(kept.endpoints["bank"]["bank-a"])
    enter(enterprise, who)
    kept.sign_in(clerk, "clerk-bank-a")
    enterprise.open("/market/bank-a/points-loan")
    press(enterprise, "签名并申请", amount="600000", months="12", purpose="采购原材料")
    press(enterprise, "同意并签名")
    application = enterprise.page.url.rpartition("/")[2]
    until(clerk, f"/applications/{application}", "已授权")
    clerk.sound()
    press(clerk, "按授权查询评分")
    press(clerk, "登记实地尽调", day="2026-01-05", people="李、王", findings="厂房属实")
    press(clerk, "报价", amount="500000", rate="4.00")
    until(enterprise, f"/loans/{application}", "机构已报价，待接受")
    expect(enterprise.page.get_by_text("500,000.00").first).to_be_visible()
    enterprise.sound()
    press(enterprise, "接受报价")
    until(clerk, f"/applications/{application}", "已接受")
    press(clerk, "签订合同", number=f"C-{application[:8]}", text="甲方……乙方……")
    press(clerk, "登记放款")
    clerk.open("/repayments")
    table = f"合同编号,流水号,归还本金（元）,支付利息（元）,逾期天数\nC-{application[:8]},R-1,500000,1234.56,0\n"
    clerk.page.locator("input[type=file]").set_input_files({"name": "day.csv", "mimeType": "text/csv", "buffer": table.encode()})
    press(clerk, "上传并入账")
    expect(clerk.page.get_by_text("已入账", exact=True)).to_be_visible()
    clerk.open(f"/applications/{application}")
    press(clerk, "结清")
    until(enterprise, f"/loans/{application}", "已结清")
    expect(enterprise.page.get_by_text("1,234.56").first).to_be_visible()
    for visitor in (enterprise, clerk):
        visitor.sound()


def enter(visitor: Visit, who: dict[str, str]) -> None:
    """In by the identity provider."""
    visitor.open("/sign-in")
    visitor.page.get_by_role("link", name="使用浙里办").click()
    visitor.page.get_by_label("账号").fill(who["name"])
    visitor.page.get_by_label("密码").fill(who["password"])
    visitor.page.get_by_role("button", name="登录 Sign in").click()
    expect(visitor.page.get_by_role("button", name="退出")).to_be_visible()
    visitor.foreign.clear()


def press(visitor: Visit, button: str, **fields: str) -> None:
    """Fill the form of a button and send it; the page that comes is none that says what could not be done."""
    form = visitor.page.locator("form.sheet").filter(has=visitor.page.get_by_role("button", name=button, exact=True))
    for name, value in fields.items():
        form.locator(f"[name={name}]").fill(value)
    form.get_by_role("button", name=button, exact=True).click()
    expect(visitor.page.get_by_role("heading", name="未能完成")).to_have_count(0)


def until(visitor: Visit, path: str, phase: str) -> None:
    """Open a page again until what the other side did has come."""
    for _ in range(60):
        visitor.open(path)
        shown = visitor.page.locator("main strong")
        if shown.count() and shown.first.inner_text() == phase:
            return
        visitor.page.wait_for_timeout(500)
        visitor.errors.clear()  # of an application that had not come yet
    raise AssertionError(f"{path} does not say {phase}")


def test_every_refusal_of_the_sandbox_is_made_for_real(kept: KeptZone) -> None:
    command = [sys.executable, "-m", "xinqiao", "sandbox", "try", "--zone", str(kept.out), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    tried = json.loads(done.stdout)["tried"]
    assert [item for item in tried if not item["as_told"]] == []
    assert done.returncode == 0
    assert {case.name for case in CASES} - {item["case"] for item in tried} <= {"revoked"}  # whether bank-a has a withdrawn consent here depends
