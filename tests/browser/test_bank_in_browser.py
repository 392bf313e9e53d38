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
from tests.support.browser import Visit
from tests.support.kept_zone import KeptZone

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("kept-zone"), pytest.mark.timeout(600)]
PHONE, DESKTOP = 390, 1280
PAGES = ("/", "/book", "/scores", "/repayments", "/products", "/dishonest")


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_the_clerks_pages_are_sound_in_both_languages(kept: KeptZone, visit: Callable[..., Visit], width: int) -> None:
    visitor = visit(kept.endpoints["bank"]["bank-a"], width=width)
    kept.sign_in(visitor, "clerk-bank-a")
    for language in ("English", "中文"):
        for path in PAGES:
            visitor.open(path)
            visitor.sound()
            assert visitor.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0, path
        visitor.page.get_by_role("link", name=language).click()


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


def test_every_refusal_of_the_sandbox_is_made_for_real(kept: KeptZone) -> None:
    command = [sys.executable, "-m", "xinqiao", "sandbox", "try", "--zone", str(kept.out), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    tried = json.loads(done.stdout)["tried"]
    assert [item for item in tried if not item["as_told"]] == []
    assert done.returncode == 0
    assert {case.name for case in CASES} - {item["case"] for item in tried} <= {"revoked"}  # whether bank-a has a withdrawn consent here depends
