"""How pages are looked at: in windows of two widths, in both languages. By day one language a width, at night all four."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.support.browser import Visit

DESKTOP, PHONE = 1280, 390  # CSS pixels


@dataclass(frozen=True)
class Look:
    """One way to look at pages."""

    width: int
    english: bool

    def choose(self, visitor: Visit, path: str) -> None:
        """Switch to the language on the page at ``path``."""
        visitor.open(path)
        if self.english:
            visitor.page.get_by_role("link", name="English", exact=True).click()

    def __str__(self) -> str:
        return f"{self.width}-{'en' if self.english else 'zh'}"


every_look = pytest.mark.parametrize(
    "look",
    [
        Look(PHONE, True), Look(DESKTOP, False), pytest.param(Look(PHONE, False), marks=pytest.mark.nightly),
        pytest.param(Look(DESKTOP, True), marks=pytest.mark.nightly),
    ],
    ids=str,
)  # fmt: skip
