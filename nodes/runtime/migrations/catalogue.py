"""Every kind of database that a process keeps: whose tables are in it, and where its history of migrations lies.

A kind is a set of tables with one linear history, ``versions/<kind>/<kind>_NNNN_*.py``. A process may keep a kind under another name: the
gateway's register is a ``records`` database, a member's copy of the log beside its role a ``replica``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path

from sqlalchemy import MetaData

HERE = Path(__file__).parent
TABLES: Mapping[str, tuple[str, ...]] = {
    "log": ("nodes.log.storage:METADATA",),
    "coordinator": (
        "nodes.coordinator.keeping.store:metadata",
        "nodes.coordinator.keeping.blobs:METADATA",
        "nodes.coordinator.keeping.outbox:METADATA",
    ),
    "lease": ("nodes.runtime.lease_table:METADATA",),
    "replica": ("nodes.runtime.replica.store:METADATA",),
    "peering": ("nodes.runtime.replica.store:METADATA", "nodes.peering.items:METADATA"),
    "draws": ("nodes.auditor.draws.book:METADATA",),
    "records": ("nodes.records.tables:METADATA", "nodes.department.values.book:METADATA"),
    "department": (
        "nodes.records.store:SAID_METADATA",
        "nodes.contributing.outbox:METADATA",
        "nodes.contributing.corrections.epochs:METADATA",
        "nodes.contributing.four_eyes.book:METADATA",
        "nodes.contributing.four_eyes.summaries:METADATA",
    ),
    "customs": ("connectors.customs.store:METADATA",),
    "bank": (
        "nodes.records.store:SAID_METADATA",
        "nodes.contributing.outbox:METADATA",
        "nodes.contributing.corrections.epochs:METADATA",
        "nodes.bank.borrowers:METADATA",
        "nodes.bank.consents:METADATA",
        "nodes.bank.receipts:METADATA",
        "nodes.bank.loans.products:METADATA",
        "nodes.bank.loans.files:METADATA",
        "nodes.lending.book:METADATA",
    ),
    "enterprise": (
        "nodes.enterprise.store:METADATA",
        "nodes.enterprise.values:METADATA",
        "nodes.enterprise.entrance.representatives:METADATA",
        "nodes.enterprise.credentials.store:METADATA",
        "nodes.lending.book:METADATA",
        "connectors.customs.store:METADATA",
    ),
    "gateway": (
        "gateway.store:METADATA",
        "gateway.explorer.index:METADATA",
        "gateway.publications.store:METADATA",
        "gateway.policies.store:METADATA",
        "gateway.cockpit.store:METADATA",
        "gateway.pool.store:METADATA",
        "gateway.pool.proposals:METADATA",
        "gateway.recognition.store:METADATA",
    ),
    "pages": (
        "nodes.runtime.pages.accounts:METADATA",
        "nodes.runtime.pages.forms:METADATA",
        "nodes.runtime.pages.sessions:METADATA",
        "nodes.runtime.pages.views:METADATA",
    ),
}
"""Kind → where the tables are stated, as module and name. Named, not imported: a process loads only what it runs."""


def versions_of(kind: str) -> Path:
    """The folder of the kind's migrations."""
    return HERE / "versions" / kind


@cache
def revisions(kind: str) -> tuple[str, ...]:
    """The kind's revisions, oldest first. Raises KeyError for a kind that there is not."""
    if kind not in TABLES:
        raise KeyError(f"there is no kind of database called {kind}")
    return tuple(sorted(path.stem[: len(kind) + 5] for path in versions_of(kind).glob(f"{kind}_[0-9][0-9][0-9][0-9]_*.py")))


def metadata_of(kind: str) -> MetaData:
    """All tables of the kind, as the program states them today."""
    found = MetaData()
    for place in TABLES[kind]:
        module, _, name = place.partition(":")
        for table in getattr(import_module(module), name).tables.values():
            table.to_metadata(found)
    return found
