"""A zone that shares and one that is shared with."""

from __future__ import annotations

from pathlib import Path

import pytest

from crypto.keygen import PrivateKey
from tests.support.credentials import ORIGIN, join_peer
from tests.support.gateway import Front, front
from tests.support.zone import MemoryZone, released_zone


@pytest.fixture(scope="session")
def zones(small_private_key: PrivateKey) -> tuple[MemoryZone, MemoryZone]:
    """The zone that shares, and the one that is shared with."""
    return released_zone(small_private_key, name=ORIGIN), released_zone(small_private_key)


@pytest.fixture
def origin(zones: tuple[MemoryZone, MemoryZone], tmp_path: Path) -> Front:
    zone = zones[0].fork()
    join_peer(zone, zones[1], grants=("models", "catalog", "policies", "statistics"))
    return front(zone, tmp_path / "origin")
