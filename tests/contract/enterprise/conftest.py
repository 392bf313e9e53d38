"""An enterprise service at the gateway of a released zone in memory, and its staff at the loopback interface."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from crypto.keygen import PrivateKey
from nodes.enterprise.api import create_app
from tests.support.enterprise_service import TOKEN, Service, service
from tests.support.gateway import front
from tests.support.zone import MemoryZone, released_zone


@pytest.fixture(scope="session")
def zone(small_private_key: PrivateKey) -> MemoryZone:
    return released_zone(small_private_key)


@pytest.fixture
def desk(zone: MemoryZone, tmp_path: Path) -> Service:
    return service(front(zone.fork(), tmp_path / "gateway"), tmp_path / "enterprise")


@pytest.fixture
def staff(desk: Service) -> TestClient:
    app = create_app(desk.enrolments, desk.consents, desk.portraits, desk.values, desk.straight, desk.customs, desk.store, TOKEN, desk.seen)
    return TestClient(app, headers={"Authorization": f"Bearer {TOKEN}"})
