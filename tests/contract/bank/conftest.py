"""A bank's node before a zone in memory with 512-bit keys, and the gateway's real application between them."""

from __future__ import annotations

from pathlib import Path

import pytest

from crypto.keygen import PrivateKey
from tests.support.bank import BankNode, bank
from tests.support.gateway import front
from tests.support.zone import MemoryZone, released_zone


@pytest.fixture(scope="session")
def zone(small_private_key: PrivateKey) -> MemoryZone:
    """A released zone that tests fork."""
    return released_zone(small_private_key)


@pytest.fixture
def node(zone: MemoryZone, tmp_path: Path) -> BankNode:
    return bank(front(zone.fork(), tmp_path / "gateway"), tmp_path / "bank-a")
