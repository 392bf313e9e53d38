"""A run that an auditor is shown: a released zone of some hundred leaves with receipts and epoch records, on disk. 512-bit keys."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from crypto.keygen import PrivateKey
from nodes.auditor.audit import Options, Verdict, audit
from nodes.evidence.archive import Archive
from nodes.evidence.roots import AuditRoots
from nodes.runtime.peers.signing import fresh_nonce
from scoring.audit import Scope
from scoring.statements import Refusal
from tests.support.artifacts import receipt_of, records_of, tables_of, write_zone
from tests.support.findings import Judge
from tests.support.ledger import SMALL_BITS
from tests.support.members import ZONE
from tests.support.zone import Asked, MemoryZone, closed_zone

REFUSALS = 300  # so that there are full tiles, and a second level


@pytest.fixture(scope="session")
def asked_zone(small_private_key: PrivateKey) -> tuple[MemoryZone, list[Asked]]:
    """A released zone with two bank tickets, a portrait, and refusals; the banks' requests."""
    zone = closed_zone(small_private_key)
    zone.open_totals()
    zone.say(zone.release_statement(tables_of(zone)), "authority")
    asked = []
    for subject in (zone.subjects[0], zone.subjects[5]):
        asked.append(zone.asked(zone.consent(subject)))
        zone.say(asked[-1].ticket, "coordinator")
    zone.say(zone.asked(zone.consent(zone.subjects[3], "own")).ticket, "coordinator")
    for _ in range(REFUSALS):
        zone.say(Refusal(zone=ZONE, nonce=fresh_nonce(), member="bank-b", reason="CONSENT_MISSING"), "bank-b")
    return zone, asked


@pytest.fixture(scope="session")
def finished(asked_zone: tuple[MemoryZone, list[Asked]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run's directory. Read-only for tests."""
    zone, asked = asked_zone
    tickets = [next(item for item in zone.view.tickets.values() if item.statement == one.ticket) for one in asked]
    receipts = [receipt_of(zone, one, logged) for one, logged in zip(asked, tickets, strict=True)]
    return write_zone(zone, tmp_path_factory.mktemp("finished"), receipts=receipts, records=records_of(zone))


@pytest.fixture
def zone(asked_zone: tuple[MemoryZone, list[Asked]]) -> MemoryZone:
    """The zone behind ``finished``, to be changed."""
    return asked_zone[0].fork()


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy of the run's directory, to be changed."""
    return shutil.copytree(finished, tmp_path / "run")


@pytest.fixture
def judge(finished: Path) -> Judge:
    """Audit a directory against the keys pinned from ``finished`` (or ``keys``)."""

    def judged(path: Path, keys: Path | None = None, scope: Scope | None = None, *, tree_only: bool = False) -> Verdict:
        options = Options(scope or Scope(), tree_only=tree_only, workers=1, min_bits=SMALL_BITS)
        return audit(Archive.find(path), AuditRoots.load(keys or finished / "public", SMALL_BITS), options, lambda _what, _done, _total: None)

    return judged
