"""A gateway before a zone in memory with 512-bit keys; the ticket office, the evidence and every rule are the real ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from crypto.keygen import PrivateKey
from tests.support.gateway import Front, front
from tests.support.zone import MemoryZone, released_zone


@pytest.fixture(scope="session")
def zone(small_private_key: PrivateKey) -> MemoryZone:
    """A released zone that tests fork."""
    return released_zone(small_private_key)


@pytest.fixture
def site(zone: MemoryZone, tmp_path: Path) -> Front:
    return front(zone.fork(), tmp_path / "state")
