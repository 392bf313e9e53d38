"""Two people of a department let a contribution go in a real browser; the page works without scripts, prints, and runs nobody's text."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Dialog, expect

from crypto.keygen import PrivateKey
from nodes.runtime.web.server import WebServer
from tests.support.browser import Visit
from tests.support.desk import NAMES, Desk, desk_in, opened_zone, password

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser"), pytest.mark.timeout(300)]
LI, WANG, _ = NAMES
PAGES = ("/outgoing", "/coverage", "/values", "/quarantine", "/connectors")


@dataclass(frozen=True)
class Served:
    """A department's page that is served."""

    desk: Desk
    base: str

    def sent(self) -> int:
        self.desk.node.flush()
        return len(self.desk.node.exchange.sent("contribute"))


@pytest.fixture
def served(small_private_key: PrivateKey, tmp_path: Path) -> Iterator[Served]:
    desk = desk_in(opened_zone(small_private_key, tmp_path / "zone"), tmp_path)
    server = WebServer(desk.app, "127.0.0.1:0")
    thread = threading.Thread(target=server.run)
    thread.start()
    yield Served(desk, f"http://127.0.0.1:{server.port}")
    server.stop()
    thread.join(20)
    assert not thread.is_alive()
    desk.node.engine.dispose()


def sign_in(visitor: Visit, name: str) -> None:
    visitor.open("/")
    assert "/sign-in?" in visitor.page.url
    visitor.page.get_by_label("姓名代号").fill(name)
    visitor.page.get_by_label("密码").fill(password(name))
    visitor.page.get_by_role("main").get_by_role("button", name="登录").click()
    assert visitor.page.url.endswith("/outgoing")


def decide(visitor: Visit, name: str, choice: str) -> None:
    for box in visitor.page.get_by_role("checkbox").all():
        box.check()
    visitor.page.get_by_label(choice).check()
    visitor.page.get_by_label("您的密码").fill(password(name))
    visitor.page.get_by_role("button", name="签署").last.click()


def test_two_people_let_contributions_go_and_every_page_is_sound(served: Served, visit: Callable[..., Visit]) -> None:
    first, second = visit(served.base), visit(served.base)
    first.open("/sign-in")
    first.sound()
    sign_in(first, LI)
    first.sound()
    decide(first, LI, "同意外发")
    expect(first.page.locator("li", has_text="提交")).to_have_count(2)
    assert served.sent() == 0
    sign_in(second, WANG)
    second.page.get_by_role("link", name="明细").first.click()
    second.sound()
    second.open("/outgoing")
    decide(second, WANG, "同意外发")
    assert served.sent() == 2
    second.page.reload()
    expect(second.page.get_by_text("已入日志")).to_have_count(2)
    for path in PAGES:
        second.open(path)
        second.sound()
    second.page.get_by_role("button", name="退出").click()
    second.open("/quarantine")
    assert "/sign-in?" in second.page.url


def test_the_page_works_without_scripts(served: Served, visit: Callable[..., Visit]) -> None:
    visitor = visit(served.base, scripts=False)
    sign_in(visitor, LI)
    decide(visitor, LI, "同意外发")
    expect(visitor.page.locator("li", has_text="提交")).to_have_count(2)
    assert (visitor.errors, visitor.foreign) == ([], [])


def test_what_a_hostile_delivery_wrote_is_read_and_does_not_run(served: Served, visit: Callable[..., Visit]) -> None:
    visitor = visit(served.base)
    said: list[str] = []

    def heard(dialog: Dialog) -> None:
        said.append(dialog.message)
        dialog.dismiss()

    visitor.page.on("dialog", heard)
    sign_in(visitor, LI)
    visitor.open("/quarantine")
    expect(visitor.page.get_by_text('<script>alert("杭州")</script>')).to_have_count(3)
    expect(visitor.page.locator("main img, main script")).to_have_count(0)
    assert said == []
    visitor.sound()


def test_the_page_prints_and_fits_a_narrow_window(served: Served, visit: Callable[..., Visit]) -> None:
    visitor = visit(served.base, width=420)
    sign_in(visitor, LI)
    for path in PAGES:
        visitor.open(path)
        wide = visitor.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, path
    visitor.page.emulate_media(media="print")
    assert not visitor.page.get_by_role("navigation").is_visible()
    assert visitor.page.pdf(prefer_css_page_size=True).startswith(b"%PDF")
