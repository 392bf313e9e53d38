"""A clerk's pages about one application in a real browser, at a bank node alone: sound at each of its stages, in both languages and widths."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import expect

from crypto.keygen import PrivateKey
from nodes.runtime.pages.accounts import CLERK, Person
from tests.support.branch import APPLICATION, TOKEN, Branch, branch_of
from tests.support.browser import Visit
from tests.support.site import PASSWORD
from tests.support.waiting import until
from tests.support.zone import released_zone

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
PHONE, DESKTOP = 390, 1280


@pytest.fixture(scope="module")
def served(small_private_key: PrivateKey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Branch, str]]:
    """A branch with a loan that runs, and where its pages are served."""
    branch = branch_of(released_zone(small_private_key), tmp_path_factory.mktemp("branch"))
    branch.contracted()
    branch.act("disburse", amount="1000000")
    server = uvicorn.Server(uvicorn.Config(branch.node.app(TOKEN, Person("wang", "王经理", frozenset({CLERK}))), port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started, "the pages are served")
    port = server.servers[0].sockets[0].getsockname()[1]
    yield branch, f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(30.0)


def entered(visitor: Visit) -> Visit:
    visitor.open("/sign-in")
    visitor.page.get_by_label("姓名代号").fill("wang")
    visitor.page.get_by_label("密码").fill(PASSWORD)
    visitor.page.get_by_role("main").get_by_role("button", name="登录").click()
    expect(visitor.page.get_by_role("button", name="退出")).to_be_visible()
    return visitor


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_the_pages_of_a_running_loan_are_sound(served: tuple[Branch, str], visit: Callable[..., Visit], width: int) -> None:
    branch, base = served
    visitor = entered(visit(base, width=width))
    receipt = branch.node.receipts.listed()[0]["id"]
    for language in ("English", "中文"):
        for path in ("/", "/book", f"/applications/{APPLICATION}", f"/scores/{receipt}"):
            visitor.open(path)
            visitor.sound()
            assert visitor.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0, path
        visitor.page.get_by_role("link", name=language).click()


def test_a_days_repayments_are_uploaded_without_scripts(served: tuple[Branch, str], visit: Callable[..., Visit], tmp_path: Path) -> None:
    branch, base = served
    visitor = entered(visit(base, scripts=False))
    file = tmp_path / "day.csv"
    file.write_text("合同编号,流水号,归还本金（元）,支付利息（元）,逾期天数\n2023-001,R-1,250000,12.30,0\n", encoding="utf-8")
    visitor.open("/repayments")
    visitor.page.locator("input[type=file]").set_input_files(file)
    visitor.page.get_by_role("button", name="上传并入账").click()
    expect(visitor.page.get_by_text("已入账", exact=True)).to_be_visible()
    visitor.open("/book")
    expect(visitor.page.get_by_text("750,000.00").first).to_be_visible()
    assert branch.node.counter.book.get(APPLICATION).app.interest_fen == 12_30
