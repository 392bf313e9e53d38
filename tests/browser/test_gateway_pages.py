"""Every page of the gateway that links lead to, opened in a real browser by who may: sound, within its width, asking nobody else."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from tests.browser.looks import DESKTOP, PHONE
from tests.support.browser import Visit
from tests.support.kept_zone import KeptZone

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("kept-zone"), pytest.mark.timeout(600)]
LEFT_OUT = re.compile(r"^/(static/|language|sign-|v1/|log/|healthz|metrics)|[?&]format=|/evidence|/download|\.[a-z][a-z-]+($|\?)")
NAMES = re.compile(r"[0-9a-f]{16,}|(?<=/)[0-9]+(?=/|$)|(?<=/)[A-Za-z0-9_-]*[0-9][A-Za-z0-9_-]*(?=/|$)")


def shape(path: str) -> str:
    """The route behind a path, as far as it can be told: ids and queries' values are all alike."""
    parts = urlsplit(path)
    words = "&".join(sorted(word.partition("=")[0] for word in parts.query.split("&") if word))
    return f"{NAMES.sub('*', parts.path)}?{words}"


def crawl(visitor: Visit) -> list[str]:
    """Open one page of every shape that links lead to, each of which must be sound; the paths, in their order."""
    waiting, seen, opened = deque(["/"]), {shape("/")}, []
    while waiting:
        path = waiting.popleft()
        visitor.open(path)
        visitor.sound()
        wide = visitor.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{path} is {wide} px too wide"
        opened.append(path)
        links = visitor.page.eval_on_selector_all("a[href]", "all => all.map(each => each.href)")
        for link in links:
            target = link.removeprefix(visitor.base).partition("#")[0]
            if link.startswith(visitor.base) and not LEFT_OUT.search(target) and shape(target) not in seen:
                seen.add(shape(target))
                waiting.append(target)
    return opened


@pytest.mark.parametrize(
    ("name", "width", "english", "least"),
    [
        pytest.param("chief", DESKTOP, False, 12, marks=pytest.mark.nightly),
        pytest.param("chief", PHONE, True, 12, marks=pytest.mark.nightly),
        ("county-xiaoshan", PHONE, True, 5),
        pytest.param("auditor", DESKTOP, True, 4, marks=pytest.mark.nightly),
    ],
)
def test_every_page_that_an_official_can_reach_is_sound(
    kept: KeptZone, visit: Callable[..., Visit], name: str, width: int, english: bool, least: int
) -> None:
    visitor = visit(kept.endpoints["gateway"], width=width)
    kept.sign_in(visitor, name)
    if english:
        visitor.page.get_by_role("link", name="English").click()
    opened = crawl(visitor)
    assert len(opened) >= least, opened


def test_strangers_are_shown_public_pages_and_the_sign_in_page_alone(kept: KeptZone, visit: Callable[..., Visit]) -> None:
    chief, stranger = visit(kept.endpoints["gateway"]), visit(kept.endpoints["gateway"])
    kept.sign_in(chief, "chief")
    chief.open("/")
    paths = {urlsplit(link).path for link in chief.page.eval_on_selector_all("nav a[href]", "all => all.map(each => each.href)")}
    stranger.open("/")
    public = {urlsplit(link).path for link in stranger.page.eval_on_selector_all("nav a[href]", "all => all.map(each => each.href)")}
    assert public < paths
    for path in sorted(paths - public):
        stranger.open(path)
        assert urlsplit(stranger.page.url).path == "/sign-in", path
