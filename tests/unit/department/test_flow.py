"""Six departments carry an epoch from records to columns and rows; the zone's own view judges all of it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from crypto.packing import unpack
from crypto.subjects import subject_id
from protos.v1.exchange_pb2 import EpochClosed, WorkItem
from scoring.exchange.contributions import owed_entries
from scoring.exchange.view import Logged
from simulators.population import firm_panel
from simulators.population.tables import Population
from tests.oracles import firm_panel as oracle
from tests.support.departments import EPOCH, PERIOD, ROSTER_KEY, DepartmentZone, columns_asked
from tests.support.draws import close_epoch

INDICATORS = ("rd", "patents", "citations", "staff", "growth", "value")
Columns = dict[tuple[str, str], dict[str, int]]


def oracle_records(firms: Population) -> dict[str, dict[str, str]]:
    """Subject id -> the firm's figures, read from the source by the oracle, not by the simulators."""
    with Path(firm_panel.SOURCE).open(encoding="utf-8", newline="") as stream:
        by_company = oracle.records(list(csv.DictReader(stream)), 1995)
    return {subject_id(ROSTER_KEY, firm.uscc): by_company[firm.company] for firm in firms.firms}


def ordered_subjects(zone: DepartmentZone) -> list[tuple[str, str]]:
    """(subject, stage) in roster order, straight from the published document."""
    document = json.loads(zone.blobs[zone.ledger.view.epoch(EPOCH).opened.roster])
    return [(subject, stage) for subject, _, stage in document["subjects"]]


def ciphertexts(zone: DepartmentZone, logged: Logged) -> list[int]:
    data, width = zone.blobs[logged.statement.header.merkle_root], zone.ledger.public_key.ciphertext_size
    return [int.from_bytes(data[start : start + width], "big") for start in range(0, len(data), width)]


def decrypted_columns(zone: DepartmentZone) -> Columns:
    """(indicator, functional) -> subject -> value, opened by the custodians of the zone in memory."""
    opened = zone.ledger.view.epoch(EPOCH).opened
    order = ordered_subjects(zone)
    found = {}
    for (_, _, indicator, functional), logged in zone.ledger.view.columns.items():
        values: list[int] = []
        for ciphertext in ciphertexts(zone, logged[-1]):
            rest = [stage for _, stage in order[len(values) :]]
            count = next((place for place, stage in enumerate(rest[: opened.slots]) if stage != rest[0]), min(opened.slots, len(rest)))
            values += unpack(zone.ledger.open(ciphertext).m, opened.slot_bits, count)
        found[indicator, functional] = {subject: value for (subject, _), value in zip(order, values, strict=True)}
    return found


def decrypted_rows(zone: DepartmentZone) -> dict[str, dict[tuple[str, str], int]]:
    """Subject -> entry -> value over all rows in the log, newest revision."""
    found: dict[str, dict[tuple[str, str], int]] = {}
    for (_, _, subject, _), logged in zone.ledger.view.rows.items():
        entries = [(entry.indicator, entry.functional) for entry in logged[-1].statement.header.entries]
        opened = [zone.ledger.open(value).m for value in ciphertexts(zone, logged[-1])]
        found.setdefault(subject, {}).update(zip(entries, opened, strict=True))
    return found


def test_columns_hold_exactly_the_points_of_independent_arithmetic(zone: DepartmentZone, firms: Population) -> None:
    zone.contribute(zone.prepare())
    expected = oracle_records(firms)
    columns = decrypted_columns(zone)
    assert set(columns) == {*((name, "-") for name in INDICATORS), ("gate", "total")}
    for place, name in enumerate(INDICATORS):
        assert columns[name, "-"] == {subject: oracle.points(record)[place] for subject, record in expected.items()}
    assert set(columns["gate", "total"].values()) == {0}


def test_the_roster_is_the_register_and_stages_are_those_of_the_tax_records(zone: DepartmentZone, firms: Population) -> None:
    zone.prepare()
    ordered = ordered_subjects(zone)
    assert dict(ordered) == {subject: oracle.stage(record) for subject, record in oracle_records(firms).items()}
    assert ordered == sorted(ordered, key=lambda row: (row[1], row[0]))


def test_each_department_sends_what_the_model_assigns_to_it_and_nothing_else(zone: DepartmentZone) -> None:
    zone.contribute(zone.prepare())
    model = zone.ledger.model
    for name, node in zone.nodes.items():
        owed = owed_entries(model, zone.ledger.keys.member(name), model.disclosures("authority"))
        sent = {(indicator, functional) for _, sender, indicator, functional in zone.ledger.view.columns if sender == name}
        assert sent == {(entry.indicator, entry.functional) for entry in owed}
        assert len(node.exchange.sent("contribute")) == len(owed)
        assert not node.exchange.sent("log")


def test_nothing_that_leaves_a_department_shows_a_record(zone: DepartmentZone, firms: Population) -> None:
    zone.contribute(zone.prepare())
    key_id = zone.enrol(firms.firms[0].uscc)
    opened = zone.ledger.view.at(zone.ledger.view.epoch(EPOCH).open_index)
    zone.nodes["ip"].do(zone.ask_row(opened, zone.consent(key_id), key_id))
    everything = b"".join(part for node in zone.nodes.values() for call in node.exchange.calls for part in call[1:])
    values = {value for firm in firms.firms for value in firm.values.values() if len(value) >= 8}
    assert len(values) > 100
    for text in {firm.uscc for firm in firms.firms} | {firm.company for firm in firms.firms} | values:
        assert text.encode() not in everything
    for name, node in zone.nodes.items():  # the same search finds what is there, in its owner's state and nowhere else
        stored = b"".join(path.read_bytes() for path in (node.root / "state").iterdir() if path.is_file())
        assert firms.firms[0].uscc.encode() in stored
        assert (firms.firms[0].company.encode() in stored) == (name == "market")
        assert (firms.firms[0].values["sales_musd"].encode() in stored) == (name == "tax")


def test_rows_say_what_the_columns_say(zone: DepartmentZone, firms: Population) -> None:
    opened = zone.prepare()
    zone.contribute(opened)
    uscc = firms.firms[3].uscc
    key_id = zone.enrol(uscc)
    consent = zone.consent(key_id)
    for node in zone.nodes.values():
        node.do(zone.ask_row(opened, consent, key_id))
    subject = subject_id(ROSTER_KEY, uscc)
    columns = decrypted_columns(zone)
    assert decrypted_rows(zone) == {subject: {entry: values[subject] for entry, values in columns.items()}}


def test_rows_keep_to_the_epochs_columns_when_records_change_later(zone: DepartmentZone, firms: Population) -> None:
    opened = zone.prepare()
    zone.contribute(opened)
    before = decrypted_columns(zone)
    uscc = firms.firms[3].uscc
    closed = close_epoch(zone)
    zone.nodes["ip"].do(WorkItem(closed=EpochClosed(epoch_close_envelope=closed.envelope, leaf_index=closed.index)))
    zone.nodes["ip"].give(("uscc", "period", "patents", "citations"), [(uscc, PERIOD, "99", "499")], "correction.csv")
    key_id = zone.enrol(uscc)
    zone.nodes["ip"].do(zone.ask_row(opened, zone.consent(key_id), key_id))
    subject = subject_id(ROSTER_KEY, uscc)
    assert zone.nodes["ip"].office.store.find(uscc, PERIOD) == {"patents": "99", "citations": "499"}
    assert decrypted_rows(zone)[subject] == {entry: before[entry][subject] for entry in (("patents", "-"), ("citations", "-"))}


def test_a_corrected_record_makes_a_new_revision_when_the_column_is_asked_for_again(zone: DepartmentZone, firms: Population) -> None:
    opened = zone.prepare()
    zone.contribute(opened)
    uscc = firms.firms[3].uscc
    node = zone.nodes["ip"]
    node.give(("uscc", "period", "patents"), [(uscc, PERIOD, "7")], "correction.csv")
    node.do(columns_asked(opened.envelope))
    revisions = {key[2]: [item.statement.header.revision for item in logged] for key, logged in zone.ledger.view.columns.items() if key[1] == "ip"}
    assert revisions == {"patents": [0, 1], "citations": [0]}
    assert decrypted_columns(zone)["patents", "-"][subject_id(ROSTER_KEY, uscc)] == 175


def test_a_renewed_consent_reuses_the_row_and_another_bank_gets_its_own(zone: DepartmentZone, firms: Population) -> None:
    opened = zone.prepare()
    zone.contribute(opened)
    key_id = zone.enrol(firms.firms[0].uscc)
    node = zone.nodes["tax"]
    node.do(zone.ask_row(opened, zone.consent(key_id), key_id))
    node.do(zone.ask_row(opened, zone.consent(key_id), key_id))
    first, again = node.exchange.sent("contribute")[-2:]
    assert first == again
    node.do(zone.ask_row(opened, zone.consent(key_id, audience="bank-b"), key_id))
    assert node.exchange.sent("contribute")[-1] != first
    assert len(zone.ledger.view.rows) == 2


def test_a_portrait_row_is_made_for_the_enterprises_own_key(zone: DepartmentZone, firms: Population) -> None:
    opened = zone.prepare()
    zone.contribute(opened)
    key_id = zone.enrol(firms.firms[0].uscc)
    consent = zone.consent(key_id, audience=key_id, purpose="portrait", products=(), functionals=("patents", "citations", "rd"))
    zone.nodes["ip"].do(zone.ask_row(opened, consent, key_id))
    subject = subject_id(ROSTER_KEY, firms.firms[0].uscc)
    assert set(decrypted_rows(zone)[subject]) == {("patents", "-"), ("citations", "-")}


def test_missing_data_is_an_encrypted_zero_and_the_default_stage(zone: DepartmentZone, firms: Population) -> None:
    gone = firms.firms[5].uscc
    for name, node in zone.nodes.items():
        if name != "market":
            with (node.root / "records" / "records.csv").open(encoding="utf-8") as stream:
                rows = [tuple(row) for row in csv.reader(stream)]
            node.give(rows[0], [row for row in rows[1:] if row[0] != gone])
    zone.contribute(zone.prepare())
    subject = subject_id(ROSTER_KEY, gone)
    assert dict(ordered_subjects(zone))[subject] == "S1"
    values = {entry: column[subject] for entry, column in decrypted_columns(zone).items()}
    assert {entry: value for entry, value in values.items() if value} == {("value", "-"): values["value", "-"]}


@pytest.mark.parametrize("text", ["-3", "many", "1e99"])
def test_an_unusable_value_counts_as_zero_and_stops_nobody(zone: DepartmentZone, firms: Population, text: str) -> None:
    uscc = firms.firms[2].uscc
    zone.nodes["ip"].give(("uscc", "period", "patents"), [(uscc, PERIOD, text)], "z.csv")
    zone.contribute(zone.prepare())
    column = decrypted_columns(zone)["patents", "-"]
    assert column[subject_id(ROSTER_KEY, uscc)] == (2500 if text == "1e99" else 0)
    assert sum(value > 0 for value in column.values()) >= 20
