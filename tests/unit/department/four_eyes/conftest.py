"""A department under four eyes: its persons, and the intellectual property office with two columns to give."""

from __future__ import annotations

from pathlib import Path

import pytest

from nodes.contributing.four_eyes.people import People
from scoring.exchange.view import Logged
from tests.support.departments import DepartmentZone, Node, columns_asked
from tests.support.desk import people_in
from tests.support.four_eyes import TWO


@pytest.fixture
def people(tmp_path: Path) -> People:
    return people_in(tmp_path / "people")


@pytest.fixture
def opened(zone: DepartmentZone) -> Logged:
    return zone.prepare()


@pytest.fixture
def node(zone: DepartmentZone, opened: Logged, people: People) -> Node:
    """The intellectual property office, two columns to give, under four eyes."""
    zone.nodes["ip"] = zone.nodes["ip"].restart(policy=TWO, people=people)
    zone.nodes["ip"].do(columns_asked(opened.envelope))
    return zone.nodes["ip"]
