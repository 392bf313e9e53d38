"""One custodian of a founded zone, whose log it has whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from crypto.keygen import PrivateKey
from tests.support.heads import Place, refuse
from tests.support.ledger import Ledger


@pytest.fixture(scope="session")
def founded(small_private_key: PrivateKey) -> Ledger:
    ledger = Ledger(small_private_key)
    ledger.found()
    refuse(ledger, 3)
    return ledger


@pytest.fixture
def place(founded: Ledger, tmp_path: Path) -> Place:
    return Place(founded.fork(), tmp_path)
