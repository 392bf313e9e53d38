"""Nothing of a department under four eyes leaves before two different persons let exactly it go: not by rows, crashes, or changed settings."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, update

from crypto.encoding import canonical_json
from crypto.statements import VerifyKey, parse_envelope, sign_envelope
from crypto.subjects import subject_id
from nodes.contributing.four_eyes.book import FourEyes, Held, Policy
from nodes.contributing.four_eyes.decisions import Act, Decision, check_released, next_act
from nodes.contributing.four_eyes.people import People, add_person, remove_person
from nodes.contributing.four_eyes.summaries import Summary, remarks
from nodes.contributing.four_eyes.words import read_word, sign_word
from nodes.contributing.outbox import MESSAGES
from nodes.department.desk.outgoing import SHOWN, Outgoing
from nodes.department.desk.settings import DeskTable
from nodes.errors import DecisionError, NotFoundError, SecondPersonMissingError, SecretFileError, SettingsError, SignInError
from nodes.runtime.database import writing
from nodes.runtime.peers.identity import SigningKeyPair
from protos.v1.exchange_pb2 import EpochClosed, WorkItem
from scoring.exchange.view import Logged
from scoring.statements import Column, Leaf, Row, Title
from simulators.population.tables import Population
from tests.support.databases import ON_BOTH
from tests.support.departments import EPOCH, PERIOD, ROSTER_KEY, DepartmentZone, Node, columns_asked
from tests.support.desk import NAMES, key_of, password, people_in
from tests.support.draws import close_epoch
from tests.unit.department.test_flow import decrypted_rows

TWO = Policy(columns=True)
LI, WANG, ZHAO = NAMES


def pair(name: str) -> SigningKeyPair:
    private = Ed25519PrivateKey.generate()
    return SigningKeyPair(name, "ed25519", private.public_key().public_bytes_raw(), private)


PAIRS = {name: pair(name) for name in NAMES}
KEYS = {name: VerifyKey(name, "ed25519", key.public) for name, key in PAIRS.items()}
CONTRIBUTION = "ab" * 32


def said(person: str, act: Act, contribution: str = CONTRIBUTION, **changes: object) -> bytes:
    fields = {"zone": "zone", "member": "tax", "contribution": contribution, "person": person, "act": act, "time": 1, **changes}
    return sign_word(Decision.model_validate(fields), PAIRS[person])


# --- the rule, by itself [A3] ---


def test_a_proposal_and_an_approval_by_two_persons_release() -> None:
    check_released(CONTRIBUTION, [said(LI, "propose"), said(WANG, "approve")], KEYS)


@pytest.mark.parametrize(
    "decisions",
    [
        [],
        [said(LI, "propose")],
        [said(WANG, "approve")],
        [said(LI, "propose"), said(LI, "approve")],
        [said(LI, "propose"), said(WANG, "propose")],
        [said(LI, "propose"), said(WANG, "approve", "cd" * 32)],
        [said(LI, "propose", "cd" * 32), said(WANG, "approve", "cd" * 32)],
        [said(LI, "propose"), said(WANG, "approve"), said(ZHAO, "reject")],
        [said(LI, "propose"), b"{}"],
    ],
    ids=["none", "one", "approval alone", "same person", "two proposals", "other bytes", "all of other bytes", "rejected", "rubbish"],
)
def test_anything_less_does_not(decisions: list[bytes]) -> None:
    with pytest.raises(SecondPersonMissingError):
        check_released(CONTRIBUTION, decisions, KEYS)


def test_the_word_of_a_person_who_is_not_in_force_does_not_count() -> None:
    decisions = [said(LI, "propose"), said(WANG, "approve")]
    for gone in (LI, WANG):
        with pytest.raises(SecondPersonMissingError):
            check_released(CONTRIBUTION, decisions, {name: key for name, key in KEYS.items() if name != gone})
    with pytest.raises(SecondPersonMissingError):
        check_released(CONTRIBUTION, decisions, {**KEYS, WANG: VerifyKey(WANG, "ed25519", pair(WANG).public)})


def test_a_decision_signed_by_another_or_changed_afterwards_is_refused() -> None:
    decision = Decision.model_validate_json(parse_envelope(said(LI, "propose")).payload)
    with pytest.raises(DecisionError):
        sign_word(decision, PAIRS[WANG])
    forged = sign_envelope(Decision.payload_type, canonical_json(decision.model_dump(mode="json")), PAIRS[WANG])
    unsigned = said(LI, "propose").replace(parse_envelope(said(LI, "propose")).payload_type.encode(), b"application/other")
    for raw in (forged, unsigned, said(LI, "propose")[:-5]):
        with pytest.raises(DecisionError):
            read_word(Decision, raw, KEYS)


def test_who_proposed_cannot_approve_and_nobody_after_a_rejection() -> None:
    def decided(*envelopes: bytes) -> list[Decision]:
        return [read_word(Decision, raw, KEYS) for raw in envelopes]

    assert next_act(LI, []) == "propose"
    assert next_act(WANG, decided(said(LI, "propose"))) == "approve"
    with pytest.raises(DecisionError, match="another person"):
        next_act(LI, decided(said(LI, "propose")))
    with pytest.raises(DecisionError, match="rejected"):
        next_act(WANG, decided(said(LI, "propose"), said(ZHAO, "reject")))


WORDS = st.tuples(st.sampled_from(NAMES), st.sampled_from(["propose", "approve", "reject"]), st.sampled_from([CONTRIBUTION, "cd" * 32]))


@given(st.lists(WORDS, max_size=6), st.sets(st.sampled_from(NAMES)))
def test_nothing_is_released_but_by_two_persons_in_force_and_against_nobody(words: list[tuple[str, Act, str]], in_force: set[str]) -> None:
    about = [(person, act) for person, act, contribution in words if contribution == CONTRIBUTION and person in in_force]
    wanted = {(a, b) for a, first in about for b, second in about if (first, second) == ("propose", "approve") and a != b}
    released = bool(wanted) and all(act != "reject" for _, act in about)
    envelopes = [said(person, act, contribution) for person, act, contribution in words]
    people = {name: KEYS[name] for name in in_force}
    if released:
        check_released(CONTRIBUTION, envelopes, people)
    else:
        with pytest.raises(SecondPersonMissingError):
            check_released(CONTRIBUTION, envelopes, people)


# --- people [A2] ---


@pytest.fixture
def people(tmp_path: Path) -> People:
    return people_in(tmp_path / "people")


def test_a_persons_key_opens_with_the_persons_password_only(people: People, tmp_path: Path) -> None:
    key = people.unlock(LI, password(LI))
    assert people.in_force()[LI].public == key.public == people.find(LI).public
    assert (people.find(LI).title, people.find(WANG).title) == ("李伟", WANG)
    for name, wrong in ((LI, password(WANG)), ("nobody", password(LI)), ("../people/li-wei", password(LI))):
        with pytest.raises(SignInError):
            people.unlock(name, wrong)
    stored = (tmp_path / "people" / "li-wei.person.json").read_bytes()
    assert isinstance(key.private, Ed25519PrivateKey)
    assert key.private.private_bytes_raw().hex().encode() not in stored
    assert password(LI).encode() not in stored


def test_a_file_without_a_name_in_the_settings_or_the_reverse_is_nobody(people: People, tmp_path: Path) -> None:
    with pytest.raises(SignInError):
        People(tmp_path / "people", (WANG,)).unlock(LI, password(LI))
    remove_person(tmp_path / "people", LI)
    with pytest.raises(SignInError):
        people.unlock(LI, password(LI))
    assert set(people.in_force()) == {WANG, ZHAO}
    with pytest.raises(NotFoundError):
        remove_person(tmp_path / "people", LI)


def test_a_persons_file_that_others_may_read_or_that_was_changed_is_not_used(people: People, tmp_path: Path) -> None:
    path = tmp_path / "people" / "li-wei.person.json"
    path.chmod(0o640)
    with pytest.raises(SecretFileError, match="mode"):
        people.find(LI)
    path.chmod(0o600)
    (tmp_path / "people" / "wang-fang.person.json").write_bytes(path.read_bytes())
    with pytest.raises(SecretFileError):
        people.find(WANG)
    path.write_text(path.read_text().replace(people.find(ZHAO).public.hex(), "").replace('"public":"', '"public":"00', 1))
    with pytest.raises(SecretFileError):
        people.unlock(LI, password(LI))


@pytest.mark.parametrize("given", ["short", "x" * 257])
def test_a_password_has_twelve_characters_at_least(tmp_path: Path, given: str) -> None:
    with pytest.raises(SettingsError, match="12 to 256"):
        add_person(tmp_path / "new", LI, "", given)
    assert not list((tmp_path / "new").iterdir())


def test_a_person_is_not_made_twice(people: People, tmp_path: Path) -> None:
    before = people.find(LI).public
    with pytest.raises(SettingsError, match="already"):
        add_person(tmp_path / "people", LI, "", password(LI))
    assert people.find(LI).public == before


def test_two_persons_are_named_where_two_are_needed() -> None:
    table = {"listen": "127.0.0.1:0", "people_dir": "people", "approval": "two-persons"}
    for people in ([], ["li-wei"], ["li-wei", "li-wei"]):
        with pytest.raises(ValueError, match="people"):
            DeskTable.model_validate({**table, "people": people})
    with pytest.raises(ValueError, match="approve_rows"):
        DeskTable.model_validate({**table, "approval": "none", "approve_rows": True})
    assert DeskTable.model_validate({**table, "people": ["li-wei", "wang-fang"]}).approval == "two-persons"


def test_a_persons_file_that_cannot_be_used_makes_nobody_and_stops_nothing(people: People, tmp_path: Path) -> None:
    (tmp_path / "people" / "li-wei.person.json").chmod(0o644)
    (tmp_path / "people" / "wang-fang.person.json").write_bytes(b"[]")
    assert set(people.in_force()) == {ZHAO}


# --- a department under four eyes [A3, A4] ---


@pytest.fixture
def opened(zone: DepartmentZone) -> Logged:
    return zone.prepare()


@pytest.fixture
def node(zone: DepartmentZone, opened: Logged, people: People) -> Node:
    """The intellectual property office, two columns to give, under four eyes."""
    zone.nodes["ip"] = zone.nodes["ip"].restart(policy=TWO, people=people)
    zone.nodes["ip"].do(columns_asked(opened.envelope))
    return zone.nodes["ip"]


def held(node: Node) -> list[Held]:
    return [item for item in node.four_eyes.held() if item.state == "held"]


def decide(node: Node, person: str, contribution: str, *, approve: bool = True, reason: str = "") -> None:
    node.four_eyes.decide(key_of(person), [contribution], approve=approve, reason=reason)
    node.flush()


def sent(node: Node) -> int:
    return len(node.exchange.sent("contribute"))


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


# --- rows are no way around [A4] ---


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


# --- what persons are shown ---


def test_the_summary_counts_subjects_and_says_nothing_of_one(node: Node, firms: Population) -> None:
    (_, items), *_ = Outgoing(node.engine, node.summaries, node.four_eyes).epochs()
    summary = next(item.summary for item in items if item.about[0] == "patents")
    assert summary is not None
    assert summary.subjects == len(firms.firms) == sum(summary.bands)
    assert summary.subjects == sum(stage.subjects for stage in summary.stages.values())
    kept = node.office.outbox.latest(f"column/{EPOCH}/patents/-")
    assert kept is not None
    points = node.office.store.points(kept.message.source)
    assert summary.sum == sum(points)
    assert summary.bands[1] == points.count(0)
    assert sum(summary.fields["patents"].present.values()) == summary.subjects - summary.incomplete


def summary_of(**changes: object) -> Summary:
    said: dict[str, object] = {
        "epoch": "e2", "period": "1995", "indicator": "rd", "title": Title(zh="研发", en="R&D"), "bounds": (0, 1000), "sum": 50_000,
        "bands": (0, 20, 20, 20, 20, 20, 0), "stages": {"S1": {"title": {"zh": "一", "en": "one"}, "subjects": 100, "incomplete": 2}}, "fields": {},
    }  # fmt: skip
    return Summary.model_validate({**said, **changes})


def stage(subjects: int, incomplete: int) -> dict[str, object]:
    return {"S1": {"title": {"zh": "一", "en": "one"}, "subjects": subjects, "incomplete": incomplete}}


def test_an_ordinary_column_gets_no_remark() -> None:
    assert list(remarks(summary_of(), summary_of(epoch="e1", sum=52_000))) == []
    assert list(remarks(summary_of(), None)) == []


@pytest.mark.parametrize(
    ("now", "before", "told"),
    [
        ({"stages": stage(100, 100), "sum": 0, "bands": (0, 100, 0, 0, 0, 0, 0)}, None, "every enterprise lacks data"),
        ({"sum": 0, "bands": (0, 100, 0, 0, 0, 0, 0)}, None, "every enterprise has 0 points"),
        ({"sum": 100_000, "bands": (0, 0, 0, 0, 0, 0, 100)}, None, "one band"),
        ({}, {"stages": stage(50, 1)}, "subjects were 50, now 100"),
        ({"stages": stage(100, 30)}, {}, "rose from 2% to 30%"),
        ({"sum": 5_000}, {}, "the mean was 5.00, now 0.50"),
    ],
)
def test_what_a_second_person_should_notice_is_told(now: dict[str, object], before: dict[str, object] | None, told: str) -> None:
    found = list(remarks(summary_of(**now), None if before is None else summary_of(**{"epoch": "e1", **before})))
    assert any(told in item.en for item in found), found
