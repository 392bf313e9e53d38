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


@pytest.fixture
def zone(small_private_key: PrivateKey, firms: Population, tmp_path: Path) -> DepartmentZone:
    """Founded: registry, ceremony, model. No epoch."""
    ledger = Ledger(small_private_key)
    ledger.found()
    tables = {MEMBER_OF[table.member]: (table.columns, list(table.rows)) for table in firms.tables()}
    return DepartmentZone.build(ledger, tmp_path, tables)
