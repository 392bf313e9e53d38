"""Rows are no way around four eyes: they wait for what two persons let go, also when the epoch has closed [A4]."""

from __future__ import annotations

import pytest

from crypto.subjects import subject_id
from nodes.contributing.four_eyes.book import Policy
from nodes.contributing.four_eyes.people import People
from nodes.department.desk.outgoing import Outgoing
from nodes.errors import DecisionError, SecondPersonMissingError
from protos.v1.exchange_pb2 import EpochClosed, WorkItem
from scoring.exchange.view import Logged
from simulators.population.tables import Population
from tests.support.departments import EPOCH, ROSTER_KEY, DepartmentZone, Node, columns_asked
from tests.support.draws import close_epoch
from tests.support.four_eyes import LI, WANG, decide, held, sent
from tests.unit.department.test_flow import decrypted_rows


def row_of(zone: DepartmentZone, node: Node, opened: Logged, uscc: str) -> None:
    key_id = zone.enrol(uscc)
    node.do(zone.ask_row(opened, zone.consent(key_id), key_id))


def test_a_row_waits_for_its_columns_and_then_goes_by_itself(zone: DepartmentZone, node: Node, opened: Logged, firms: Population) -> None:
    row_of(zone, node, opened, firms.firms[3].uscc)
    assert sent(node) == 0
    assert zone.ledger.view.refusals[-1].statement.reason == "SECOND_PERSON_MISSING"
    for item in held(node):
        decide(node, LI, item.contribution)
    for item in held(node):
        assert not any("row/" in other.place for other in held(node))
        decide(node, WANG, item.contribution)
    assert node.four_eyes.released.is_set()
    node.department.resume()
    node.flush()
    assert [key[1] for key in zone.ledger.view.rows] == ["ip"]
    assert held(node) == []


def test_where_the_policy_says_so_rows_wait_for_people_too(zone: DepartmentZone, opened: Logged, people: People, firms: Population) -> None:
    node = zone.nodes["ip"].restart(policy=Policy(columns=True, rows=True), people=people)
    node.do(columns_asked(opened.envelope))
    for item in held(node):
        decide(node, LI, item.contribution)
        decide(node, WANG, item.contribution)
    row_of(zone, node, opened, firms.firms[3].uscc)
    (row,) = held(node)
    assert row.place.startswith("row/")
    decide(node, WANG, row.contribution)
    assert not zone.ledger.view.rows
    decide(node, LI, row.contribution)
    assert len(zone.ledger.view.rows) == 1


def test_a_correction_waits_for_people_as_the_column_did_and_rows_follow_what_they_let_go(
    zone: DepartmentZone, node: Node, opened: Logged, firms: Population
) -> None:
    for item in held(node):
        decide(node, LI, item.contribution)
        decide(node, WANG, item.contribution)
    uscc = firms.firms[3].uscc
    row_of(zone, node, opened, uscc)
    before = sent(node)
    node.give(("uscc", "period", "patents"), [(uscc, "1995", "7")], "correction.csv")
    node.department.scan()
    node.flush()
    assert sent(node) == before
    (item,) = held(node)
    assert (item.place, item.revision) == (f"column/{EPOCH}/patents/-", 1)
    decide(node, LI, item.contribution)
    decide(node, WANG, item.contribution)
    node.department.resume()
    node.flush()
    assert [[logged.statement.header.revision for logged in rows] for rows in zone.ledger.view.rows.values()] == [[0, 1]]
    assert decrypted_rows(zone)[subject_id(ROSTER_KEY, uscc)]["patents", "-"] == 175


def test_a_row_that_no_column_stands_behind_is_held(node: Node) -> None:
    class Entry:
        indicator = "patents"

    four_eyes = node.four_eyes
    with pytest.raises(SecondPersonMissingError, match="patents"):
        four_eyes.row_held(EPOCH, [Entry()], {"patents"})  # type: ignore[list-item]
    assert four_eyes.row_held(EPOCH, [Entry()], set())  # type: ignore[list-item]
    for item in held(node):
        decide(node, LI, item.contribution)
        decide(node, WANG, item.contribution)
    assert not four_eyes.row_held(EPOCH, [Entry()], {"patents"})  # type: ignore[list-item]


def closed(zone: DepartmentZone, node: Node) -> None:
    """The authority closes the epoch, and the department is told."""
    logged = close_epoch(zone)
    node.do(WorkItem(closed=EpochClosed(epoch_close_envelope=logged.envelope, leaf_index=logged.index)))


def test_a_column_that_was_held_until_its_epoch_closed_cannot_be_let_go_any_more(zone: DepartmentZone, node: Node) -> None:
    proposed, other = (item.contribution for item in held(node))
    decide(node, LI, proposed)
    outgoing = Outgoing(node.engine, node.summaries, node.four_eyes)
    assert (outgoing.closed(), outgoing.find(proposed).state) == (frozenset(), "held")
    closed(zone, node)
    assert outgoing.closed() == {EPOCH}
    assert [outgoing.find(name).state for name in (proposed, other)] == ["missed", "missed"]
    for contribution in (proposed, other):
        with pytest.raises(DecisionError, match="closed"):
            decide(node, WANG, contribution)
    assert sent(node) == 0


def test_a_row_that_waited_for_a_column_which_cannot_come_any_more_waits_for_two_persons(
    zone: DepartmentZone, node: Node, opened: Logged, firms: Population
) -> None:
    row_of(zone, node, opened, firms.firms[3].uscc)
    assert not any(item.place.startswith("row/") for item in held(node))
    closed(zone, node)
    (row,) = (item for item in held(node) if item.place.startswith("row/"))
    assert not zone.ledger.view.rows
    decide(node, LI, row.contribution)
    decide(node, WANG, row.contribution)
    assert [key[1] for key in zone.ledger.view.rows] == ["ip"]
    assert node.office.outbox.aside() == []
