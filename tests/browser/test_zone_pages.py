"""A whole zone's pages in a real browser: sound for everyone, at desktop and phone width, in both languages, with and without scripts."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.looks import Look, every_look
from tests.support.browser import Visit
from tests.support.kept_zone import KeptZone

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("kept-zone"), pytest.mark.timeout(600)]
PUBLIC = ("/", "/sign-in")


@every_look
def test_public_pages_are_sound_in_both_languages(kept: KeptZone, visit: Callable[..., Visit], look: Look) -> None:
    visitor = visit(kept.endpoints["gateway"], width=look.width)
    look.choose(visitor, "/")
    for path in PUBLIC:
        visitor.open(path)
        visitor.sound()
        assert visitor.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0, path


def test_an_official_signs_in_and_out(kept: KeptZone, visit: Callable[..., Visit]) -> None:
    visitor = visit(kept.endpoints["gateway"], scripts=False)
    kept.sign_in(visitor, "chief")
    expect(visitor.page.get_by_text("科技局 主管")).to_be_visible()
    visitor.page.get_by_role("button", name="退出").click()
    assert visitor.page.url.endswith("/sign-in")


def test_the_zone_says_where_its_pages_are_and_passed_its_audit(kept: KeptZone) -> None:
    assert (kept.out / "gateway.url").read_text(encoding="utf-8") == f"{kept.endpoints['gateway']}\n"
    assert json.loads((kept.out / "tampering.json").read_text(encoding="utf-8"))
