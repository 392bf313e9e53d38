"""Six departments with the records of thirty real firms, around a zone in memory with 512-bit keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from crypto.keygen import PrivateKey
from simulators.population import firm_panel
from simulators.population.tables import Population
from tests.support.departments import MEMBER_OF, DepartmentZone
from tests.support.ledger import Ledger


@pytest.fixture(scope="session")
def firms() -> Population:
    """Every twenty-fourth firm of 1995."""
    whole = firm_panel.load()
    return Population(whole.pack, whole.period, whole.owners, whole.firms[::24])


@pytest.fixture(scope="session")
def founded(small_private_key: PrivateKey) -> Ledger:
    """Registry, ceremony, model; no epoch. Tests take a fork."""
    ledger = Ledger(small_private_key)
    ledger.found()
    return ledger


@pytest.fixture
def zone(founded: Ledger, firms: Population, tmp_path: Path) -> DepartmentZone:
    """Departments around a fork of ``founded``."""
    ledger = founded.fork()
    tables = {MEMBER_OF[table.member]: (table.columns, list(table.rows)) for table in firms.tables()}
    return DepartmentZone.build(ledger, tmp_path, tables)
