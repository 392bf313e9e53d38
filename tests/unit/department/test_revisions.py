"""A correction in an open epoch is said again, once, by column and rows alike; after the close, and where a ticket froze a row, nothing is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from crypto.subjects import subject_id
from nodes.contributing.corrections.reviser import ROW_FROZEN
from protos.v1.exchange_pb2 import EpochClosed, WorkItem
from scoring.exchange.view import Logged
from simulators.population.tables import Population
from tests.support.departments import EPOCH, PERIOD, ROSTER_KEY, DepartmentZone, Node, columns_asked
from tests.support.draws import close_epoch, contribute_rows, loan_ticket
from tests.unit.department.test_flow import decrypted_columns, decrypted_rows

COLUMN = ("uscc", "period", "patents")


@pytest.fixture
def opened(zone: DepartmentZone) -> Logged:
    """An open epoch with every department's columns."""
    found = zone.prepare()
    zone.contribute(found)
    return found


def correct(node: Node, uscc: str, patents: str, name: str = "correction.csv") -> None:
    """Deliver one corrected figure, let the node look, and send what follows."""
    node.give(COLUMN, [(uscc, PERIOD, patents)], name)
    node.department.scan()
    node.flush()


def close(zone: DepartmentZone, names: Sequence[str] = ("ip",)) -> None:
    """The authority closes the epoch and departments are told."""
    logged = close_epoch(zone)
    for name in names:
        zone.nodes[name].do(WorkItem(closed=EpochClosed(epoch_close_envelope=logged.envelope, leaf_index=logged.index)))


def revisions(zone: DepartmentZone, name: str = "ip") -> dict[str, list[int]]:
    """Indicator -> revisions of its column in the log."""
    return {key[2]: [item.statement.header.revision for item in logged] for key, logged in zone.ledger.view.columns.items() if key[1] == name}


def row_revisions(zone: DepartmentZone, name: str = "ip") -> list[list[int]]:
    return [[item.statement.header.revision for item in logged] for key, logged in zone.ledger.view.rows.items() if key[1] == name]


def test_a_correction_is_a_new_revision_of_the_columns_that_it_changes_and_of_no_other(
    zone: DepartmentZone, firms: Population, opened: Logged
) -> None:
    uscc = firms.firms[3].uscc
    before = decrypted_columns(zone)
    correct(zone.nodes["ip"], uscc, "7")
    assert revisions(zone) == {"patents": [0, 1], "citations": [0]}
    after, subject = decrypted_columns(zone), subject_id(ROSTER_KEY, uscc)
    assert after["patents", "-"] == {**before["patents", "-"], subject: 175}
    assert {key: column for key, column in after.items() if key[0] != "patents"} == {key: c for key, c in before.items() if key[0] != "patents"}


def test_one_delivery_with_many_corrections_makes_one_revision(zone: DepartmentZone, firms: Population, opened: Logged) -> None:
    node = zone.nodes["ip"]
    node.give(COLUMN, [(firm.uscc, PERIOD, str(n)) for n, firm in enumerate(firms.firms)], "all.csv")
    node.department.scan()
    node.flush()
    assert revisions(zone) == {"patents": [0, 1], "citations": [0]}
    expected = {subject_id(ROSTER_KEY, firm.uscc): 25 * n for n, firm in enumerate(firms.firms)}
    assert decrypted_columns(zone)["patents", "-"] == expected


def test_the_same_delivery_again_says_nothing_new(zone: DepartmentZone, firms: Population, opened: Logged, tmp_path: Path) -> None:
    node = zone.nodes["ip"]
    correct(node, firms.firms[3].uscc, "7")
    leaves, calls = zone.ledger.view.size, len(node.exchange.calls)
    for name in ("correction.csv", "a-copy.csv"):
        correct(node, firms.firms[3].uscc, "7", name)
    node = zone.nodes["ip"] = node.restart()
    node.department.resume()
    node.flush()
    assert (zone.ledger.view.size, len(node.exchange.calls)) == (leaves, calls)


def test_a_change_that_gives_the_same_points_says_nothing(zone: DepartmentZone, firms: Population, opened: Logged) -> None:
    node = zone.nodes["ip"]
    correct(node, firms.firms[3].uscc, "400")
    correct(node, firms.firms[3].uscc, "500")  # both beyond where points are capped
    node.give(("uscc", "period", "note"), [(firms.firms[3].uscc, PERIOD, "seen")], "note.csv")
    node.department.scan()
    node.flush()
    assert revisions(zone) == {"patents": [0, 1], "citations": [0]}


def test_records_of_another_period_revise_nothing(zone: DepartmentZone, firms: Population, opened: Logged) -> None:
    node = zone.nodes["ip"]
    node.give(COLUMN, [(firms.firms[3].uscc, "1996", "7")], "next.csv")
    calls = len(node.exchange.calls)
    node.department.scan()
    node.flush()
    assert len(node.exchange.calls) == calls


def test_rows_that_were_made_follow_their_columns(zone: DepartmentZone, firms: Population, opened: Logged) -> None:
    contribute_rows(zone, opened, [firm.uscc for firm in firms.firms[:2]])
    correct(zone.nodes["ip"], firms.firms[0].uscc, "7")
    assert sorted(row_revisions(zone)) == [[0], [0, 1]]
    columns = decrypted_columns(zone)
    for subject, entries in decrypted_rows(zone).items():
        assert entries == {entry: columns[entry][subject] for entry in entries}
    assert decrypted_rows(zone)[subject_id(ROSTER_KEY, firms.firms[0].uscc)]["patents", "-"] == 175


def test_a_row_asked_for_while_a_corrected_column_waits_says_what_that_column_will(zone: DepartmentZone, firms: Population, opened: Logged) -> None:
    node, uscc = zone.nodes["ip"], firms.firms[0].uscc
    key_id = zone.enrol(uscc)
    consent = zone.consent(key_id)
    node.give(COLUMN, [(uscc, PERIOD, "7")], "correction.csv")
    node.do(zone.ask_row(opened, consent, key_id), send=False)
    node.flush()
    subject = subject_id(ROSTER_KEY, uscc)
    assert decrypted_rows(zone)[subject]["patents", "-"] == decrypted_columns(zone)["patents", "-"][subject] == 175


def test_after_the_close_nothing_is_said_and_rows_say_what_the_column_said(zone: DepartmentZone, firms: Population, opened: Logged) -> None:
    node, uscc = zone.nodes["ip"], firms.firms[0].uscc
    before = decrypted_columns(zone)
    close(zone)
    calls = len(node.exchange.calls)
    correct(node, uscc, "7")
    assert len(node.exchange.calls) == calls
    contribute_rows(zone, opened, [uscc])
    subject = subject_id(ROSTER_KEY, uscc)
    assert node.office.store.find(uscc, PERIOD) == {"patents": "7", "citations": firms.firms[0].values["citations"]}
    assert decrypted_rows(zone)[subject]["patents", "-"] == before["patents", "-"][subject]
    assert revisions(zone) == {"patents": [0], "citations": [0]}


def test_a_revision_that_came_too_late_is_settled_and_rows_go_back_to_the_column_that_counted(
    zone: DepartmentZone, firms: Population, opened: Logged
) -> None:
    node, uscc = zone.nodes["ip"], firms.firms[0].uscc
    contribute_rows(zone, opened, [uscc])
    before = decrypted_columns(zone)
    close_epoch(zone)  # of which this node has not heard
    correct(node, uscc, "7")
    assert revisions(zone) == {"patents": [0], "citations": [0]}
    kept = node.office.outbox.latest(f"column/{EPOCH}/patents/-")
    assert kept is not None
    assert (kept.state, kept.reason, kept.message.revision) == ("refused", "EPOCH_STATE", 1)
    node.department.scan()
    node.flush()
    subject = subject_id(ROSTER_KEY, uscc)
    assert decrypted_rows(zone)[subject]["patents", "-"] == before["patents", "-"][subject]
    calls = len(node.exchange.calls)
    correct(node, uscc, "8")
    assert len(node.exchange.calls) == calls


def test_a_row_that_a_ticket_froze_is_left_and_its_refusal_understood(zone: DepartmentZone, firms: Population, opened: Logged) -> None:
    node, uscc = zone.nodes["ip"], firms.firms[0].uscc
    contribute_rows(zone, opened, [uscc])
    subject = subject_id(ROSTER_KEY, uscc)
    before = decrypted_rows(zone)[subject]
    loan_ticket(zone, subject)
    correct(node, uscc, "7")
    kept = node.office.outbox.latest(f"row/{EPOCH}/{subject}/bank-a")
    assert kept is not None
    assert (kept.state, kept.reason) == ("refused", ROW_FROZEN)
    assert decrypted_rows(zone)[subject] == before
    assert revisions(zone)["patents"] == [0, 1]
    correct(node, uscc, "8")
    assert revisions(zone)["patents"] == [0, 1, 2]
    again = node.office.outbox.latest(f"row/{EPOCH}/{subject}/bank-a")
    assert again is not None
    assert again.message.revision == kept.message.revision  # it is not tried again


def test_a_crash_before_the_revision_is_offered_loses_none_and_after_it_doubles_none(
    zone: DepartmentZone, firms: Population, opened: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """The process dies here."""

    def die(*_: object, **_named: object) -> None:
        raise Killed

    node, uscc = zone.nodes["ip"], firms.firms[3].uscc
    for number, (owner, name) in enumerate(((node.office.outbox, "offer"), (node.office.epochs, "look"))):
        node.give(COLUMN, [(uscc, PERIOD, str(7 + number))], "correction.csv")
        with monkeypatch.context() as patch:
            patch.setattr(owner.__class__, name, die)
            with pytest.raises(Killed):
                node.department.scan()
        node = zone.nodes["ip"] = node.restart()
        node.department.resume()
        node.flush()
        assert revisions(zone)["patents"] == list(range(number + 2))
        assert decrypted_columns(zone)["patents", "-"][subject_id(ROSTER_KEY, uscc)] == 25 * (7 + number)


def test_what_another_process_took_is_revised_when_the_node_looks(zone: DepartmentZone, firms: Population, opened: Logged) -> None:
    node, uscc = zone.nodes["ip"], firms.firms[3].uscc
    beside = zone.nodes["ip"].restart()  # another program over the same database, as ``xinqiao connector run``
    beside.give(COLUMN, [(uscc, PERIOD, "7")], "correction.csv")
    assert beside.runner.run() == 1
    node.department.scan()
    node.flush()
    assert revisions(zone) == {"patents": [0, 1], "citations": [0]}


def test_a_department_that_was_never_asked_for_columns_offers_none(zone: DepartmentZone, firms: Population) -> None:
    zone.prepare()
    node = zone.nodes["ip"]
    correct(node, firms.firms[3].uscc, "7")
    assert not node.exchange.sent("contribute")


def test_the_first_columns_after_a_correction_are_no_revision(zone: DepartmentZone, firms: Population) -> None:
    opened = zone.prepare()
    node = zone.nodes["ip"]
    node.give(COLUMN, [(firms.firms[3].uscc, PERIOD, "7")], "correction.csv")
    node.do(columns_asked(opened.envelope))
    assert revisions(zone) == {"patents": [0], "citations": [0]}
