"""The department's page: the real application over a real department's database, where people decide or only look."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from crypto.keygen import PrivateKey
from tests.support.departments import DepartmentZone
from tests.support.desk import Desk, OneIntake, Time, Visitor, desk_in, opened_zone, page_of


@pytest.fixture(scope="session")
def opened(small_private_key: PrivateKey, tmp_path_factory: pytest.TempPathFactory) -> DepartmentZone:
    """An open epoch over thirty firms, to which the intellectual property office has not contributed."""
    return opened_zone(small_private_key, tmp_path_factory.mktemp("zone"))


@pytest.fixture
def desk(opened: DepartmentZone, tmp_path: Path) -> Iterator[Desk]:
    """One to decide at."""
    made = desk_in(opened, tmp_path)
    yield made
    made.node.engine.dispose()


@pytest.fixture(scope="session")
def still(opened: DepartmentZone, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One where nobody decides: many tests look at it."""
    made = desk_in(opened, tmp_path_factory.mktemp("still"))
    yield made
    assert all(not item.decisions for item in made.node.four_eyes.held())
    made.node.engine.dispose()


@pytest.fixture(scope="session")
def reader(still: Desk) -> Visitor:
    """A person who is signed in there."""
    return still.signed_in()


@pytest.fixture
def door(still: Desk, tmp_path: Path) -> Desk:
    """The same with a page of its own: no session, no attempt yet."""
    time = Time()
    return replace(still, time=time, app=page_of(still.node, still.people, OneIntake(), tmp_path, time))
