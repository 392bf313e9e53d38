"""docs/tour.md is true: every page of its tables opens for whom it says, under the heading that it says."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.support.browser import Visit
from tests.support.kept_zone import KeptZone

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("kept-zone"), pytest.mark.timeout(600)]
DOCS = Path(__file__).parents[2] / "docs"
TOUR = (DOCS / "tour.md").read_text(encoding="utf-8")
STOPS = re.findall(r"^\| `([a-z-]+)` \| `(/[^`]*)` \| ([^|]+) \|", TOUR, re.MULTILINE)


def test_the_tour_has_stops_and_its_pictures_are_there() -> None:
    assert len(STOPS) > 10
    for name in re.findall(r"\]\((images/[^)]+)\)", TOUR):
        assert (DOCS / name).exists(), name


@pytest.mark.parametrize("who", sorted({name for name, _, _ in STOPS}))
def test_every_stop_is_as_the_tour_says(kept: KeptZone, visit: Callable[..., Visit], who: str) -> None:
    base = kept.endpoints["bank"]["bank-a"] if who.startswith("clerk") else kept.endpoints["gateway"]
    visitor = visit(base)
    kept.sign_in(visitor, who)
    for _, path, heading in (stop for stop in STOPS if stop[0] == who):
        visitor.open(path)
        expect(visitor.page.get_by_role("heading", level=1)).to_have_text(heading)
