"""A visitor with a real browser, and what is demanded of every page that it opens."""

from __future__ import annotations

from dataclasses import dataclass, field

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page


@dataclass
class Visit:
    """One visitor with a browser profile of its own. ``errors``: what the browser's console or a script complained of; ``foreign``:
    requests to another origin than ``base``."""

    page: Page
    base: str
    errors: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        """Open a page of the base."""
        self.page.goto(self.base + path)

    def sound(self) -> None:
        """The page that is open has no accessibility violation; no page so far complained or asked another host for anything."""
        found = Axe().run(self.page)
        assert found.violations_count == 0, found.generate_report()
        assert self.errors == []
        assert self.foreign == []
