"""The zone that the tests of the log share."""

from __future__ import annotations

import pytest

from tests.unit.log.small_zone import SmallZone


@pytest.fixture(scope="session")
def small_zone() -> SmallZone:
    """A zone in memory: keys and a signed registry."""
    return SmallZone()
