"""A real browser before a page that a process serves: Debian's Chromium, driven by playwright, with every complaint and request kept.

What is installed is used: nothing is downloaded. Where there is no Chromium the tests are skipped; CI installs it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Request, sync_playwright

from tests.support.browser import Visit
from tests.support.kept_zone import KeptZone, kept_zone
from tests.support.lasting import is_last_to_use

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, for all tests of a worker."""
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not installed")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture(scope="session")
def kept_for_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeptZone]:
    """The zone behind ``kept``."""
    with kept_zone(tmp_path_factory.mktemp("kept") / "out", "--enterprises", "60", "--consents", "2") as zone:
        yield zone


@pytest.fixture(scope="module")
def kept(request: pytest.FixtureRequest, kept_for_all: KeptZone) -> Iterator[KeptZone]:
    """A whole zone whose pages are served for all modules that ask for it. When the last of them has ended it must end in order."""
    yield kept_for_all
    if is_last_to_use("kept", request):
        text, errors = kept_for_all.end()
        assert kept_for_all.process.returncode == 0, errors[-2000:]
        assert json.loads(text)["audit"]["verdict"] == "pass"
        assert kept_for_all.endpoints["gateway"] in errors


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Makes a visitor at a base such as http://127.0.0.1:8460; ``scripts=False``: with JavaScript switched off."""
    contexts = []

    def begin(base: str, *, scripts: bool = True, width: int = 1280) -> Visit:
        context = browser.new_context(
            locale="zh-CN", java_script_enabled=scripts, viewport={"width": width, "height": 900}, ignore_https_errors=base.startswith("https:")
        )  # the zone's own CA is nothing that the browser knows
        contexts.append(context)
        made = Visit(context.new_page(), base)

        def spoken(message: ConsoleMessage) -> None:
            if message.type in {"error", "warning"}:
                made.errors.append(message.text)

        def asked(request: Request) -> None:
            parts = urlsplit(request.url)
            if f"{parts.scheme}://{parts.netloc}" != base:
                made.foreign.append(request.url)

        made.page.on("console", spoken)
        made.page.on("pageerror", lambda error: made.errors.append(str(error)))
        made.page.on("request", asked)
        return made

    yield begin
    for context in contexts:
        context.close()
