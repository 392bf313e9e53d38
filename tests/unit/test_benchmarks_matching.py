"""The benchmark of matching: what it says, and that it matches somebody and not everybody."""

from __future__ import annotations

import re

from simulators.benchmarks import matching


def test_matching_of_a_zone_is_timed_with_its_target() -> None:
    (figure,) = matching.run(quick=True)
    assert figure.name.startswith("policies: 810 enterprises × 50 policies")
    matches = re.search(r"\((.+) matches\)", figure.name)
    assert matches is not None
    assert 0 < int(matches[1].replace(",", "")) < 810 * 50
    assert 0 < figure.value < 60
    assert (matching.ENTERPRISES, matching.POLICIES) == (8_100, 50)
