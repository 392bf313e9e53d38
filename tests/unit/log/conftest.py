"""The zone that the tests of the log share, its admission and a place for sequencers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nodes.log.admission import Admission
from tests.unit.log.sequencing import Harness
from tests.unit.log.small_zone import SmallZone


@pytest.fixture(scope="session")
def small_zone() -> SmallZone:
    """A zone in memory: keys and a signed registry."""
    return SmallZone()


@pytest.fixture
def admission(small_zone: SmallZone) -> Admission:
    return Admission(small_zone.genesis)


@pytest.fixture
def harness(tmp_path: Path, small_zone: SmallZone) -> Iterator[Harness]:
    directory = tmp_path / "state"
    made = Harness(directory, small_zone)
    yield made
    for engine in made.engines:
        engine.dispose()
