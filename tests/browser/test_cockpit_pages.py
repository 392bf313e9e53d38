"""Cockpit and log explorer of a whole zone in a real browser: sound pages, and the numbers that the zone's run left in its files."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal

import pytest
from playwright.sync_api import expect

from simulators.demo.people import Bank
from tests.browser.looks import Look, every_look
from tests.support.browser import Visit
from tests.support.kept_zone import KeptZone

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("kept-zone"), pytest.mark.timeout(600)]
COCKPIT = ("/cockpit/board", "/cockpit/enterprises", "/cockpit/supervision", "/cockpit/register")
EXPLORER = ("/explorer", "/explorer/leaves/5", "/explorer/consistency?earlier=7", "/explorer/witnesses", "/explorer/receipt")


def totals(kept: KeptZone) -> list[dict[str, str]]:
    with (kept.out / "totals.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def epoch(kept: KeptZone) -> str:
    (found,) = [path.name for path in (kept.out / "epochs").iterdir()]
    return found


def assert_sound_and_fitting(visitor: Visit, path: str) -> None:
    visitor.sound()
    assert visitor.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0, path


@every_look
def test_every_page_is_sound_in_both_languages(kept: KeptZone, visit: Callable[..., Visit], look: Look) -> None:
    visitor = visit(kept.endpoints["gateway"], width=look.width)
    kept.sign_in(visitor, "chief")
    one = totals(kept)[0]["subject_id"]
    look.choose(visitor, "/")
    for path in (*COCKPIT, *EXPLORER, f"/cockpit/epochs/{epoch(kept)}", f"/cockpit/enterprises/{one}"):
        visitor.open(path)
        assert_sound_and_fitting(visitor, path)


def test_the_totals_shown_are_those_of_the_run(kept: KeptZone, visit: Callable[..., Visit]) -> None:
    visitor = visit(kept.endpoints["gateway"], scripts=False)
    kept.sign_in(visitor, "chief")
    best = max(totals(kept), key=lambda row: float(row["total"]))
    visitor.open("/cockpit/enterprises")
    first = visitor.page.locator("tbody tr").first
    expect(first.locator("th")).to_have_text(best["company"])
    assert best["total"] in first.inner_text()
    first.get_by_role("link").click()
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text(best["company"])
    expect(visitor.page.locator("dd", has_text=best["uscc"])).to_be_visible()
    assert best["total"] in visitor.page.locator("main").inner_text()


def test_a_county_sees_its_own_enterprises_only(kept: KeptZone, visit: Callable[..., Visit]) -> None:
    visitor = visit(kept.endpoints["gateway"])
    kept.sign_in(visitor, "county-xiaoshan")
    mine = [row for row in totals(kept) if row["uscc"][2:8] == "330109"]
    others = [row for row in totals(kept) if row["uscc"][2:8] == "330108"]
    assert others
    visitor.open("/cockpit/enterprises")
    expect(visitor.page.locator("caption")).to_contain_text(f"{len(mine)} 条")
    visitor.page.get_by_label("搜索").fill(others[0]["uscc"])
    visitor.page.get_by_role("button", name="搜索").click()
    expect(visitor.page.get_by_text("没有符合条件的企业。")).to_be_visible()
    visitor.errors.clear()
    answer = visitor.page.goto(f"{visitor.base}/cockpit/enterprises/{others[0]['subject_id']}")
    assert answer is not None
    assert answer.status == 404


def test_the_board_prints_and_shows_no_small_figure(kept: KeptZone, visit: Callable[..., Visit]) -> None:
    visitor = visit(kept.endpoints["gateway"])
    kept.sign_in(visitor, "chief")
    visitor.open("/cockpit/board")
    expect(visitor.page.locator("figure.chart").first).to_be_visible()
    for text in visitor.page.locator("#below + div td.number").all_inner_texts():
        assert text == "–" or int(text.replace(",", "")) >= 5
    visitor.page.emulate_media(media="print")
    assert not visitor.page.get_by_role("navigation").first.is_visible()
    assert visitor.page.locator("figure.chart table").first.is_visible()  # on paper nobody opens a chart's table
    assert visitor.page.pdf(prefer_css_page_size=True).startswith(b"%PDF")


def test_loans_and_repayment_by_stage_are_those_of_the_banks_books(kept: KeptZone, visit: Callable[..., Visit]) -> None:
    """Of the stage in which most borrow: counted from the books of the borrowers who consented, bank by bank, in units of 10,000 yuan."""
    stages = {row["uscc"]: row["stage"] for row in totals(kept)}
    found: Counter[tuple[str, str]] = Counter()
    borrowers: dict[str, set[str]] = {}
    for bank in ("bank-a", "bank-b"):
        desk = Bank(kept.endpoints["bank"][bank], kept.out / "public" / "ca.pem", kept.out / "state" / bank / "api.token")
        known = {item["uscc"] for item in desk.call("GET", "/consents")["consents"]}
        desk.close()
        with (kept.out / "records" / bank / "loans.csv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if row["uscc"] in known:
                    borrowers.setdefault(stages[row["uscc"]], set()).add(row["uscc"])
                    for name in ("loan_balance", "loan_repaid"):
                        found[stages[row["uscc"]], name] += int((Decimal(row[name]) / 10_000).quantize(Decimal(1), ROUND_HALF_UP))
    stage = max(borrowers, key=lambda each: len(borrowers[each]))
    assert len(borrowers[stage]) >= 5
    visitor = visit(kept.endpoints["gateway"], scripts=False)
    kept.sign_in(visitor, "chief")
    visitor.open("/cockpit/board")
    lines = [row.locator("td").all_inner_texts() for row in visitor.page.locator("#loans ~ div table").first.locator("tbody tr").all()]
    (shown,) = [cells for cells in lines if cells[0] != "–"]
    assert shown[0] == str(len(borrowers[stage]))
    assert [shown[1], shown[3]] == [f"{10_000 * found[stage, name]:,}.00" for name in ("loan_balance", "loan_repaid")]


def test_the_pools_ledger_and_a_policys_numbers_are_what_was_done(kept: KeptZone, visit: Callable[..., Visit]) -> None:
    visitor = visit(kept.endpoints["gateway"])
    kept.sign_in(visitor, "chief")
    visitor.open("/pool")
    expect(visitor.page.get_by_text("10,000,000.00").first).to_be_visible()
    visitor.page.get_by_label("金额（元）").fill("1234.56")
    visitor.page.get_by_label("出资方").fill("=市财政局")
    visitor.page.get_by_role("button", name="提出注入").dblclick()
    expect(visitor.page.get_by_text("须由另一人复核")).to_have_count(1)  # a double click is one proposal
    second = visit(kept.endpoints["gateway"])
    kept.sign_in(second, "deputy")
    second.open("/pool")
    second.page.get_by_role("button", name="复核通过").click()
    expect(second.page.get_by_text("10,001,234.56").first).to_be_visible()
    visitor.open("/pool")
    expect(visitor.page.get_by_text("10,001,234.56").first).to_be_visible()
    visitor.open("/policies")
    row = visitor.page.locator("tbody tr").first
    matched = visitor.page.request.get(f"{visitor.base}/policies/high-growth/matches?format=csv").text().splitlines()[1:]
    assert int(row.locator("td.number").nth(1).inner_text()) == len(matched) > 0
    visitor.open("/libraries")
    inside = visitor.page.request.get(f"{visitor.base}/libraries/national-htc?format=csv").text().splitlines()[1:]
    assert int(visitor.page.locator("tbody tr td.number").first.inner_text()) == len(inside)


def test_a_receipt_is_dropped_and_judged(kept: KeptZone, visit: Callable[..., Visit]) -> None:
    visitor = visit(kept.endpoints["gateway"], scripts=False)
    file = sorted((kept.out / "receipts").glob("*.json"))[0]
    said = json.loads(file.read_text(encoding="utf-8"))
    visitor.open("/explorer/receipt")
    visitor.page.get_by_label("凭证文件").set_input_files(file)
    visitor.page.get_by_role("button", name="核验").click()
    expect(visitor.page.get_by_role("heading", name="凭证成立")).to_be_visible()
    assert said["result"]["total"] in visitor.page.locator("main").inner_text()
    said["result"]["total"] = "99.99"
    changed = json.dumps(said).encode()
    visitor.page.get_by_label("凭证文件").set_input_files({"name": "changed.json", "mimeType": "application/json", "buffer": changed})
    visitor.page.get_by_role("button", name="核验").click()
    expect(visitor.page.get_by_text("RESULT_MISMATCH")).to_be_visible()
    assert (visitor.errors, visitor.foreign) == ([], [])
    visitor.open("/explorer/receipt")
    visitor.page.get_by_label("凭证文件").set_input_files(file)
    visitor.page.get_by_role("button", name="核验").click()
    visitor.page.get_by_role("link", name="在日志中查看放行单").click()
    expect(visitor.page.get_by_text("放行单 ticket", exact=True)).to_be_visible()
