"""What must hold in a zone after any fault, checked in one go from outside: databases on disk, the log, its auditor's verdict.

1. No value was released without a logged ticket: receipts, opened totals, portraits, sealed partials, custodians' answers all have theirs.
2. No contribution was acknowledged and lost: what a department's outbox calls sent is in the log at that leaf, its ciphertexts are kept.
3. None was counted twice: one statement a column, row and revision, one input an entry in every ticket, one total a firm.
4. What was released is right, by plain arithmetic on records that tell on every slip.
5. Every process runs.
6. The auditor finds nothing, in log, receipts and epoch records.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from crypto.encoding import sha256
from nodes.auditor.audit import Options, audit
from nodes.commands.auditing.audit import mirror_run
from nodes.evidence.archive import Archive
from nodes.evidence.roots import AuditRoots
from nodes.evidence.tree import entries_of
from nodes.runtime.database import connect, reading
from nodes.runtime.logging import TICKET_ANSWERED
from scoring.exchange.epoch import Phase
from scoring.exchange.view import ZoneView
from scoring.statements import Column, Row, parse_leaf
from simulators.demo.written.artifacts import write_json
from tests.support.faults.population import explain, totals_of
from tests.support.faults.zone import FaultyZone


def check_invariants(zone: FaultyZone, copy: Path) -> ZoneView:
    """Raises AssertionError naming the first invariant that does not hold. ``copy`` keeps the auditor's copy. Returns the log, replayed."""
    zone.processes.check()
    view = _audited(zone, copy)
    _check_released_with_tickets(zone, view)
    _check_nothing_lost(zone, view)
    _check_nothing_twice(view)
    _check_totals(zone, view)
    return view


def _audited(zone: FaultyZone, copy: Path) -> ZoneView:
    """The log, replayed, once an auditor has found nothing in it, nor in what was released under it."""
    for kind in ("receipts", "epochs"):
        shutil.rmtree(copy / kind, ignore_errors=True)
    mirror_run(zone.gateway.base, zone.out / "config" / "auditor.toml", copy)
    archive, pinned = Archive.find(copy), AuditRoots.load(zone.out / "public")
    for name, bank in zone.banks.items():
        for receipt in bank.call("GET", "/receipts")["receipts"]:
            assert (zone.out / "state" / name / "receipts" / f"{receipt['id']}.json").is_file(), "a receipt is in the database and in a file"
            write_json(copy / "receipts" / f"{receipt['id']}.json", bank.receipt(receipt["id"]))
    view = ZoneView(pinned.roots.genesis, pinned.roots.packs)
    size = int((archive.checkpoint() or b"").splitlines()[1])
    for index, leaf in enumerate(entries_of(archive, size)):
        view.apply(index, leaf, archive.envelope(parse_leaf(leaf).digest) or b"")
    for epoch, state in view.epochs.items():
        if state.phase is Phase.RELEASED:
            for number, record in enumerate(zone.authority.records(epoch)):
                write_json(copy / "epochs" / f"{epoch}-{number}.json", record)
    verdict = audit(archive, pinned, Options(workers=1), lambda _what, _done, _total: None)
    assert verdict.complete, "the auditor did not see everything"
    assert not verdict.findings, "; ".join(f"{found.code} at leaf {found.leaf_index}: {found.detail}" for found in verdict.findings)
    return view


def _check_released_with_tickets(zone: FaultyZone, view: ZoneView) -> None:
    tickets = set(view.tickets)
    for ticket in _column(zone, "coordinator", "coordinator", "SELECT DISTINCT ticket FROM partials"):
        assert ticket in tickets, "partials of a ticket that is not logged"
    for ticket in _column(zone, "gateway", "gateway", "SELECT ticket FROM opened_tickets"):
        assert ticket in tickets, "totals of a ticket that is not logged"
    for ticket in _column(zone, "enterprise-binjiang", "enterprise", "SELECT ticket FROM portraits"):
        assert ticket in tickets, "a portrait of a ticket that is not logged"
    for bank in zone.banks:
        for receipt in _column(zone, bank, "bank", "SELECT id FROM receipts"):
            assert any(ticket.startswith(receipt) for ticket in tickets), "a receipt of a ticket that is not logged"
    leaves = {logged.index for logged in view.tickets.values()}
    for answer in _answers(zone):
        assert answer["leaf_index"] in leaves, "a custodian answered a ticket that is not logged"


def _check_nothing_lost(zone: FaultyZone, view: ZoneView) -> None:
    receipts = {row[0]: row[1] for row in _rows(zone, "coordinator", "coordinator", "SELECT digest, leaf_index FROM contributions")}
    for name in zone.population.owners:
        query = "SELECT place, call, envelope, leaf_index FROM outbox WHERE state = 'sent' AND call IN ('contribute', 'publish', 'log', 'submit')"
        for place, call, envelope, leaf_index in _rows(zone, f"{name}/department", "department", query):
            logged = view.at(leaf_index)
            assert logged.envelope == envelope, f"{name} was told that {place} is leaf {leaf_index}; that is something else"
            if call == "contribute":
                assert receipts[sha256(envelope).hex()] == leaf_index, f"the coordinator has another leaf for {place} of {name}"
                root = logged.statement.header.merkle_root
                assert _is_kept(zone, root), f"the ciphertexts of {place} of {name} are gone"


def _is_kept(zone: FaultyZone, root: str) -> bool:
    if "coordinator" in zone.urls:
        return bool(_rows(zone, "coordinator", "coordinator", f"SELECT part FROM blob_parts WHERE digest = '{root}'"))
    return (zone.out / "state" / "coordinator" / "blobs" / root[:2] / root).is_file()


def _check_nothing_twice(view: ZoneView) -> None:
    assert not view.void, "an honest zone says nothing that breaks a rule"
    said = Counter(
        (header.epoch, header.kind, header.sender, header.entries, header.subject, header.audience, header.revision)
        for logged in view.statements.values()
        if isinstance(logged.statement, Column | Row)
        for header in (logged.statement.header,)
    )
    assert set(said.values()) <= {1}, "a contribution is in the log twice"
    assert {key[-1] for key in said} <= {0}, "records did not change, so nobody said anything anew"
    for ticket in view.tickets.values():
        entries = [(item.indicator, item.functional) for item in ticket.statement.inputs]
        assert len(entries) == len(set(entries)), "a ticket counts an entry twice"


def _check_totals(zone: FaultyZone, view: ZoneView) -> None:
    right = totals_of(zone.population)
    for epoch, state in view.epochs.items():
        if state.phase is Phase.RELEASED:
            totals = zone.authority.totals(epoch)
            assert sorted(zone.subjects[item["subject"]] for item in totals) == sorted(right), "one total for each firm"
            for item in totals:
                uscc = zone.subjects[item["subject"]]
                assert item["hundredths"] == right[uscc], explain(zone.population, uscc, item["hundredths"])
    for bank in zone.banks:
        for document in _column(zone, bank, "bank", "SELECT document FROM receipts"):
            receipt = json.loads(document)
            check_answer(zone, receipt["subject"], receipt["result"]["total"])
    for document in _column(zone, "enterprise-binjiang", "enterprise", "SELECT document FROM portraits"):
        portrait = json.loads(document)
        total = next(item for item in portrait["values"] if item["kind"] == "functional")
        assert total["hundredths"] == right[portrait["uscc"]], explain(zone.population, portrait["uscc"], total["hundredths"])


def check_answer(zone: FaultyZone, subject: str, total: str) -> None:
    """A total as a bank has it (points with two decimals) is the right one."""
    hundredths, uscc = round(float(total) * 100), zone.subjects[subject]
    assert hundredths == totals_of(zone.population)[uscc], explain(zone.population, uscc, hundredths)


def _answers(zone: FaultyZone) -> Iterator[dict[str, Any]]:
    """Every answer to a ticket that a custodian noted in its log."""
    for name in zone.processes.names():
        for line in zone.processes.log_file(name).read_text(encoding="utf-8").splitlines():
            if line.startswith("{") and TICKET_ANSWERED in line:
                entry = json.loads(line)
                if entry["event"] == TICKET_ANSWERED:
                    yield entry


def _rows(zone: FaultyZone, directory: str, database: str, query: str) -> list[Any]:
    if directory in zone.urls:
        engine = connect(Path(), zone.urls[directory], database)
        with reading(engine) as reader:
            return list(reader.exec_driver_sql(query))
    path = zone.out / "state" / directory / f"{database}.db"
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def _column(zone: FaultyZone, directory: str, database: str, query: str) -> list[Any]:
    return [row[0] for row in _rows(zone, directory, database, query)]
