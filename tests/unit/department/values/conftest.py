"""The tax office, which takes filings of one field, and the service of an enterprise that both know."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from crypto.sealing import public_key
from nodes.department.values.desk import ValueTerms
from nodes.enterprise.enrolment import Enrolments
from nodes.enterprise.keyring import Keyring
from nodes.enterprise.store import Enterprise, Store
from nodes.enterprise.values import ValuesDesk
from nodes.runtime.peers.identity import Identity, TlsFiles
from scoring.exchange.registry import MemberRegistry
from simulators.population.tables import Population
from tests.support.databases import database_in
from tests.support.departments import PERIOD, DepartmentZone
from tests.support.members import ZONE
from tests.support.values import TAX, Place, Relay


@pytest.fixture
def place(zone: DepartmentZone, firms: Population, tmp_path: Path) -> Iterator[Place]:
    uscc = firms.firms[4].uscc
    tax = zone.nodes[TAX]
    tax.terms = ValueTerms(("sales_musd_previous",), 15)
    zone.nodes[TAX] = tax = tax.restart()
    tax.runner.run()
    zone.enrol(uscc)
    binding, keys = zone.answer(), zone.ledger.keys
    private = keys.hpke["enterprise"]
    identity = Identity(ZONE, "enterprise", keys.signers["enterprise"], private, public_key(private), TlsFiles(b"", b"", b""))
    registry = MemberRegistry(zone.ledger.view.registry.genesis)
    engine = database_in(tmp_path / "service", "enterprise")
    store, exchange = Store(engine), Relay(zone)
    store.put_enterprise(Enterprise(uscc, binding.key_id, b"", "enrolled", "", binding.subject, binding.binding, binding.leaf_index))
    enrolments = Enrolments(identity, registry, Keyring(tmp_path / "keys"), store, exchange)  # type: ignore[arg-type]  # what it calls of the client is here
    desk = ValuesDesk(identity, registry, enrolments, store, engine, exchange, lambda: {"e": PERIOD})  # type: ignore[arg-type]  # the same
    exchange.desk = desk
    yield Place(zone, tax, desk, exchange, uscc)
    engine.dispose()
