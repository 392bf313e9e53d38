"""No column of a department under four eyes leaves before two persons let exactly it go: not by crashes, nor by changed settings [A3, A4]."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import insert, update

from crypto.statements import parse_envelope, sign_envelope
from nodes.contributing.four_eyes.book import FourEyes, Policy
from nodes.contributing.four_eyes.people import People, remove_person
from nodes.contributing.outbox import MESSAGES
from nodes.department.desk.outgoing import SHOWN, Outgoing
from nodes.errors import DecisionError
from nodes.runtime.database import writing
from scoring.exchange.view import Logged
from scoring.statements import Column, Leaf, Row
from simulators.population.tables import Population
from tests.support.databases import ON_BOTH
from tests.support.departments import PERIOD, DepartmentZone, Node, columns_asked
from tests.support.desk import key_of
from tests.support.four_eyes import LI, TWO, WANG, ZHAO, decide, held, sent


def test_columns_wait_unsigned_until_two_persons_let_each_go(zone: DepartmentZone, node: Node) -> None:
    first, second = held(node)
    assert sent(node) == 0
    assert b"signatures" not in first.statement  # it has none to be stolen
    decide(node, LI, first.contribution)
    assert sent(node) == 0
    decide(node, WANG, first.contribution)
    assert [logged[-1].envelope for key, logged in zone.ledger.view.columns.items() if key[1] == "ip"] == [node.exchange.sent("contribute")[0][0]]
    assert parse_envelope(node.exchange.sent("contribute")[0][0]).said.hex() == first.contribution
    assert [item.contribution for item in held(node)] == [second.contribution]


def test_the_same_person_twice_is_refused(node: Node) -> None:
    contribution = held(node)[0].contribution
    decide(node, LI, contribution)
    with pytest.raises(DecisionError, match="another person"):
        decide(node, LI, contribution)
    assert sent(node) == 0


def test_several_are_decided_together_or_none(node: Node) -> None:
    first, second = (item.contribution for item in held(node))
    key = key_of(LI)
    with pytest.raises(DecisionError, match="not held"):
        node.four_eyes.decide(key, [first, second, "00" * 32], approve=True)
    assert all(not item.decisions for item in held(node))
    node.four_eyes.decide(key, [first, second], approve=True)
    assert [len(item.decisions) for item in held(node)] == [1, 1]


def test_a_proposal_of_what_the_records_do_not_say_any_more_is_stale(zone: DepartmentZone, node: Node, opened: Logged, firms: Population) -> None:
    stale = next(item for item in held(node) if "/patents/" in item.place)
    decide(node, LI, stale.contribution)
    node.give(("uscc", "period", "patents"), [(firms.firms[3].uscc, PERIOD, "7")], "correction.csv")
    node.do(columns_asked(opened.envelope))
    fresh = next(item for item in held(node) if "/patents/" in item.place)
    assert (stale.revision, fresh.revision, fresh.decisions) == (0, 1, ())
    with pytest.raises(DecisionError, match="not held"):
        decide(node, WANG, stale.contribution)
    assert sent(node) == 0
    decide(node, WANG, fresh.contribution)
    decide(node, LI, fresh.contribution)
    assert [item.statement.header.revision for key, logged in zone.ledger.view.columns.items() if key[2] == "patents" for item in logged] == [1]


def test_what_was_rejected_stays_back_until_its_records_change(node: Node, opened: Logged, firms: Population) -> None:
    contribution = next(item.contribution for item in held(node) if "/patents/" in item.place)
    decide(node, LI, contribution)
    decide(node, WANG, contribution, approve=False, reason="比去年少一半")
    again = node.restart()
    again.do(columns_asked(opened.envelope))
    assert "patents" not in "".join(item.place for item in held(again))
    assert sent(again) == 0
    with pytest.raises(DecisionError):
        decide(again, ZHAO, contribution)
    again.give(("uscc", "period", "patents"), [(firms.firms[3].uscc, PERIOD, "7")], "correction.csv")
    again.do(columns_asked(opened.envelope))
    assert any("/patents/" in item.place for item in held(again))


def test_a_removed_persons_proposal_does_not_count(node: Node, tmp_path: Path) -> None:
    contribution = held(node)[0].contribution
    decide(node, LI, contribution)
    remove_person(tmp_path / "people", LI)
    decide(node, WANG, contribution)
    assert sent(node) == 0
    decide(node, ZHAO, contribution)
    assert sent(node) == 1


def test_decisions_survive_a_restart(node: Node) -> None:
    contribution = held(node)[0].contribution
    decide(node, LI, contribution)
    again = node.restart()
    again.flush()
    assert [item.person for item in held(again)[0].decisions] == [LI]
    decide(again, WANG, contribution)
    assert sent(again) == 1
    assert sent(again.restart()) == 1


def test_a_crash_between_approval_and_sending_sends_the_same_bytes_later(node: Node, opened: Logged) -> None:
    contribution = held(node)[0].contribution
    decide(node, LI, contribution)
    node.exchange.hold = True
    decide(node, WANG, contribution)
    waiting = node.office.outbox.next()
    again = node.restart()
    again.exchange.hold = False
    again.flush()
    assert waiting is not None
    assert again.exchange.sent("contribute")[0][0] == waiting.message.envelope


def test_a_number_of_a_leaf_without_the_leaf_lets_nothing_go(node: Node) -> None:
    contribution, place = held(node)[0].contribution, held(node)[0].place
    signed = sign_envelope(Column.payload_type(), held(node)[0].statement, node.office.identity.signer)
    for leaf in (None, b"", Leaf(kind="column", actor="ip", time=1, digest="00" * 32).to_bytes()):
        with writing(node.engine) as connection:
            changed = {"state": "waiting", "envelope": signed, "leaf_index": 0, "leaf": leaf}
            connection.execute(update(MESSAGES).where(MESSAGES.c.place == place).values(**changed))
        node.office.outbox.waiting.set()
        node.flush()
        assert sent(node) == 0
        assert contribution in [item.contribution for item in held(node)]


def test_what_waits_for_people_is_shown_however_much_came_after_it(node: Node) -> None:
    waiting = {item.contribution for item in held(node)}
    row = sign_envelope(Row.payload_type(), b"{}", node.office.identity.signer)
    rest = {"revision": 0, "call": "contribute", "envelope": row, "content": b"", "receiver": "", "subject_matter": "", "state": "sent", "reason": ""}
    with writing(node.engine) as connection:
        later = [
            {"place": f"row/older/{number:032x}/bank-a", "source": str(number), "leaf_index": number, "leaf": b"", **rest}
            for number in range(SHOWN + 1)
        ]
        connection.execute(insert(MESSAGES), later)
    shown = Outgoing(node.engine, node.summaries, node.four_eyes)
    assert waiting <= {item.contribution for _, items in shown.epochs() for item in items}
    assert {shown.find(name).state for name in waiting} == {"held"}


def test_a_crash_in_the_middle_of_an_approval_leaves_it_as_it_was(node: Node) -> None:
    contribution = held(node)[0].contribution
    decide(node, LI, contribution)

    class Broken:
        key_id, algorithm = "ip", "ed25519"

        def sign(self, data: bytes) -> bytes:
            raise OSError("the token is gone")

    broken = node.office.identity.but(signer=Broken())  # type: ignore[arg-type]  # a key that cannot sign
    four_eyes = FourEyes(node.engine, node.office.outbox, node.people, TWO, broken, lambda: 1)
    with pytest.raises(OSError, match="gone"):
        four_eyes.decide(key_of(WANG), [contribution], approve=True)
    again = node.restart()
    assert [item.person for item in held(again)[0].decisions] == [LI]
    again.flush()
    assert sent(again) == 0
    decide(again, WANG, contribution)
    assert sent(again) == 1


def test_what_waited_signed_when_the_policy_came_is_held_back(zone: DepartmentZone, opened: Logged, people: People) -> None:
    node = zone.nodes["ip"]
    node.do(columns_asked(opened.envelope), send=False)
    again = node.restart(policy=TWO, people=people)
    again.flush()
    assert sent(again) == 0
    for item in held(again):
        assert b"signatures" not in item.statement
        decide(again, LI, item.contribution)
        decide(again, WANG, item.contribution)
    assert sent(again) == 2


def test_what_is_in_the_log_already_is_sent_again_without_asking(zone: DepartmentZone, opened: Logged, people: People) -> None:
    zone.nodes["ip"].do(columns_asked(opened.envelope))
    again = zone.nodes["ip"].restart(policy=TWO, people=people)
    again.do(columns_asked(opened.envelope))
    assert sent(again) == 4
    assert held(again) == []


def test_what_is_held_goes_when_the_policy_does_but_not_what_was_rejected(node: Node) -> None:
    first, second = held(node)
    decide(node, WANG, second.contribution, approve=False, reason="no")
    again = node.restart(policy=Policy())
    again.flush()
    assert [parse_envelope(envelope).said.hex() for envelope, _ in again.exchange.sent("contribute")] == [first.contribution]


@ON_BOTH
def test_a_signed_message_put_into_the_database_by_hand_is_not_sent(node: Node) -> None:
    first = held(node)[0]
    with node.engine.begin() as connection:
        forged = sign_envelope("application/vnd.xinqiao.column.v1+json", first.statement, node.office.identity.signer)
        connection.execute(update(MESSAGES).where(MESSAGES.c.id == first.id).values(state="waiting", envelope=forged))
    node.office.outbox.waiting.set()
    node.flush()
    assert sent(node) == 0
    assert first.id in [item.id for item in held(node)]
