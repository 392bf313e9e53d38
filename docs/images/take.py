"""Takes the pictures of docs/tour.md from a zone that `xinqiao demo --keep-running --out DIR` keeps: python docs/images/take.py DIR.

Needs the test extra and Debian's Chromium.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

HERE = Path(__file__).parent
SIZE = ViewportSize(width=1280, height=800)
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]


def main(out: Path) -> None:
    endpoints = json.loads((out / "endpoints.json").read_text(encoding="utf-8"))
    accounts = {account["name"]: account for account in json.loads((out / "accounts.json").read_text(encoding="utf-8"))}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        officials(browser, endpoints["gateway"], accounts["chief"], out)
        clerk(browser, endpoints["bank"]["bank-a"], accounts["clerk-bank-a"], out)
        enterprise(browser, endpoints["enterprise_pages"], next(each for each in accounts.values() if each["about"]))
        browser.close()


def officials(browser: Browser, base: str, account: dict[str, str], out: Path) -> None:
    page = entered(browser, base, account)
    for name, path in (("cockpit", "/cockpit/board"), ("enterprises", "/cockpit/enterprises"), ("leaves", "/explorer")):
        picture(page, base + path, name)
    page.goto(base + "/explorer/receipt")
    page.locator("input[type=file]").set_input_files(str(next((out / "receipts").glob("*.json"))))
    page.get_by_role("button", name="核验").click()
    page.wait_for_load_state()
    page.screenshot(path=str(HERE / "receipt.png"))
    picture(page, base + "/explorer/leaves/40", "leaf")


def clerk(browser: Browser, base: str, account: dict[str, str], out: Path) -> None:
    page = entered(browser, base, account)
    receipts = [json.loads(path.read_bytes()) for path in (out / "receipts").glob("*.json")]
    subject = next(receipt["subject"] for receipt in receipts if receipt["audience"] == "bank-a")
    line = next(line for line in (out / "totals.csv").read_text(encoding="utf-8").splitlines() if line.startswith(subject))
    page.goto(base + "/scores")
    page.locator("textarea[name=codes]").fill(line.split(",")[1])
    page.get_by_role("main").get_by_role("button", name="查询").click()
    page.wait_for_load_state()
    page.screenshot(path=str(HERE / "scores.png"))


def enterprise(browser: Browser, base: str, account: dict[str, str]) -> None:
    page = browser.new_context(locale="zh-CN", viewport=SIZE).new_page()
    page.goto(base + "/sign-in")
    page.get_by_role("link", name="使用浙里办").click()
    page.get_by_label("账号").fill(account["name"])
    page.get_by_label("密码").fill(account["password"])
    page.get_by_role("button", name="登录 Sign in").click()
    page.wait_for_url(f"{base}/**")
    page.goto(base + "/")
    make = page.get_by_role("button", name="生成画像", exact=True)
    if make.count():
        make.click()
    page.locator("#total").wait_for(timeout=60_000)
    page.screenshot(path=str(HERE / "portrait.png"))
    picture(page, base + "/advice", "advice")


def entered(browser: Browser, base: str, account: dict[str, str]) -> Page:
    page = browser.new_context(locale="zh-CN", viewport=SIZE, ignore_https_errors=True).new_page()
    page.goto(base + "/sign-in")
    page.get_by_label("姓名代号").fill(account["name"])
    page.get_by_label("密码").fill(account["password"])
    page.get_by_role("main").get_by_role("button", name="登录").click()
    return page


def picture(page: Page, address: str, name: str) -> None:
    page.goto(address)
    page.screenshot(path=str(HERE / f"{name}.png"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
