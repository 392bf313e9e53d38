"""The benchmark of points: what it says, and that it measures every enterprise."""

from __future__ import annotations

import pytest

from simulators.benchmarks import plain


@pytest.mark.slow
def test_points_of_the_pilot_zones_are_timed_with_their_target() -> None:
    figures = plain.run(quick=True)
    assert [figure.name.split(" into ")[0] for figure in figures] == [
        "points: 810 enterprises × 24 indicators of hangzhou-binjiang", "points: 208 enterprises × 84 indicators of suzhou-snd",
    ]  # fmt: skip
    assert all(0 < figure.value < 60 and figure.unit == "s" for figure in figures)
    assert plain.SIZES[0] == ("hangzhou-binjiang", 8_100, "≤3")
