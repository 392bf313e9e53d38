"""What enterprises dispute and file is settled by the department's people: two who sign the same outcome where its policy asks for two."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner

from crypto.statements import VerifyKey, parse_envelope
from nodes.contributing.four_eyes.book import Policy
from nodes.contributing.four_eyes.people import People, remove_person
from nodes.contributing.four_eyes.words import read_word, sign_word
from nodes.department.values.matters import Matter
from nodes.department.values.settlements import (
    Outcome,
    Settlement,
    check_settled,
    valid_settlements,
)
from nodes.errors import DecisionError, SecondPersonMissingError
from nodes.runtime.peers.identity import SigningKeyPair
from scoring.errors import ValueStateError
from scoring.lifecycle import Filing, dispute
from simulators.population.tables import Population
from tests.support.departments import PERIOD, DepartmentZone, Node
from tests.support.desk import NAMES, key_of, password, people_in
from xinqiao import app

LI, WANG, ZHAO = NAMES
FIELD, FILED = "sales_musd", "sales_musd_previous"
MATTER = Matter("dispute", "91330108MA2AAAAA0A", "1995", FIELD, "4711.5", "ab" * 16, 100, 200, "wrong", 0)
PAIRS = {name: SigningKeyPair(name, "ed25519", key.public_key().public_bytes_raw(), key) for name in NAMES for key in [Ed25519PrivateKey.generate()]}
KEYS = {name: VerifyKey(name, "ed25519", pair.public) for name, pair in PAIRS.items()}


def word(person: str, **changes: object) -> Settlement:
    fields = {
        "zone": "zone", "member": "tax", "kind": "dispute", "uscc": MATTER.uscc, "period": MATTER.period, "field": MATTER.field, "filing": 0,
        "version": MATTER.version, "since": MATTER.since, "outcome": "uphold", "reason": "audited", "person": person, "time": 1, **changes,
    }  # fmt: skip
    return Settlement.model_validate(fields)


def signed(person: str, **changes: object) -> bytes:
    return sign_word(word(person, **changes), PAIRS[person])


# --- the rule, by itself [A6] ---


def test_two_persons_who_sign_the_same_outcome_settle() -> None:
    check_settled(word(LI), [signed(LI), signed(WANG, time=9)], KEYS, 2)
    check_settled(word(LI), [signed(LI)], KEYS, 1)


@pytest.mark.parametrize(
    "said",
    [
        [],
        [signed(LI)],
        [signed(LI), signed(LI, time=2)],
        [signed(LI), signed(WANG, reason="another reason")],
        [signed(LI), signed(WANG, outcome="approve")],
        [signed(LI), signed(WANG, version="cd" * 16)],
        [signed(LI), signed(WANG, since=101)],
        [signed(LI), signed(WANG, uscc="91330108MA2AAAAA1A")],
        [signed(LI), signed(WANG, member="ip")],
        [signed(LI), b"{}"],
    ],
    ids=[
        "none",
        "one",
        "the same twice",
        "other reason",
        "other outcome",
        "other value",
        "an earlier dispute",
        "other enterprise",
        "elsewhere",
        "rubbish",
    ],
)
def test_anything_less_settles_nothing(said: list[bytes]) -> None:
    with pytest.raises(SecondPersonMissingError):
        check_settled(word(LI), said, KEYS, 2)


def test_the_word_of_a_person_who_is_not_in_force_does_not_count() -> None:
    for gone in (LI, WANG):
        with pytest.raises(SecondPersonMissingError):
            check_settled(word(LI), [signed(LI), signed(WANG)], {name: key for name, key in KEYS.items() if name != gone}, 2)


def test_a_settlement_signed_by_another_or_changed_afterwards_is_refused() -> None:
    with pytest.raises(DecisionError):
        sign_word(word(LI), PAIRS[WANG])
    forged = replace(PAIRS[WANG], key_id=LI)
    for raw in (sign_word(word(LI), forged), signed(LI)[:-5], signed(LI).replace(b"settlement.v1", b"decision.v1"), b"[]"):
        with pytest.raises(DecisionError):
            read_word(Settlement, raw, KEYS)


def test_a_word_counts_for_the_matter_that_it_names_alone() -> None:
    other = [signed(LI, **{name: value}) for name, value in {"field": "rd_musd", "period": "1996", "filing": 7, "kind": "filing", "since": 1}.items()]
    assert valid_settlements(MATTER.id, [*other, signed(LI)], KEYS) == [word(LI)]


# --- a department's matters ---


@pytest.fixture
def people(tmp_path: Path) -> People:
    return people_in(tmp_path / "people")


@pytest.fixture
def tax(zone: DepartmentZone, people: People, firms: Population) -> Node:
    """The tax office under four eyes, with one dispute and one filing to settle."""
    node = zone.nodes["tax"].restart(policy=Policy(columns=True), people=people)
    zone.nodes["tax"] = node
    node.runner.run()
    uscc = firms.firms[4].uscc
    disputes(node, uscc)
    node.values.book.file(uscc, PERIOD, Filing(FILED, "12.5", "filed", zone.ledger.now, "our books"))
    return node


def disputes(node: Node, uscc: str, note: str = "our return says otherwise") -> None:
    book, now, record = node.values.book, node.ledger.now, node.office.store.find(uscc, PERIOD) or {}
    shown = {held.field: held for held in book.shown(uscc, PERIOD, record, now)}
    disputed = partial(dispute, version=shown[FIELD].version, note=note, now=now, days=15)
    assert not book.change(uscc, PERIOD, record, now, {FIELD: disputed})


def matters(node: Node) -> tuple[Matter, Matter]:
    disputed, filed = node.settling.open()
    return disputed, filed


def ended(node: Node) -> list[tuple[Matter, Outcome]]:
    """The dispute and the filing, each with how the department would have it end."""
    disputed, filed = matters(node)
    return [(disputed, "uphold"), (filed, "approve")]


def settle(node: Node, matter: Matter, person: str, outcome: Outcome, reason: str = "the audited figure") -> bool:
    return node.settling.settle(node.settling.find(matter.id), outcome, reason, key_of(person))


def record_of(node: Node, matter: Matter) -> dict[str, str]:
    return node.office.store.find(matter.uscc, PERIOD) or {}


def test_a_dispute_is_upheld_by_two_persons_with_the_same_reason(tax: Node) -> None:
    disputed, filed = matters(tax)
    assert not settle(tax, disputed, LI, "uphold")
    assert not settle(tax, disputed, WANG, "uphold", "in other words")
    assert [item.words[0].person for item in tax.settling.open() if item.words] == [LI]
    assert settle(tax, disputed, WANG, "uphold")
    assert tax.settling.open() == [filed]
    held = {item.field: item for item in tax.values.book.shown(disputed.uscc, PERIOD, record_of(tax, disputed), tax.ledger.now)}
    assert (held[FIELD].state, held[FIELD].note) == ("upheld", "the audited figure")


def test_a_filing_becomes_a_record_when_two_persons_approved_it(tax: Node) -> None:
    _, filed = matters(tax)
    assert not settle(tax, filed, LI, "approve", "")
    assert record_of(tax, filed).get(FILED) != "12.5"
    assert not settle(tax, filed, WANG, "reject", "no proof")
    assert settle(tax, filed, ZHAO, "approve", "")
    assert record_of(tax, filed)[FILED] == "12.5"
    assert tax.values.book.filed(filed.filing).filing.state == "approved"


def test_the_same_person_twice_settles_nothing(tax: Node) -> None:
    for matter, outcome in ended(tax):
        settle(tax, matter, LI, outcome)
        with pytest.raises(DecisionError, match="another person"):
            settle(tax, matter, LI, outcome)
    assert len(tax.settling.open()) == 2


def test_nobody_settles_without_a_person_or_a_reason_or_as_something_else(tax: Node) -> None:
    disputed, filed = matters(tax)
    with pytest.raises(DecisionError, match="people"):
        tax.settling.settle(disputed, "uphold", "the audited figure", None)
    wrong: list[tuple[Matter, Outcome]] = [(disputed, "approve"), (disputed, "reject"), (filed, "uphold")]
    for matter, outcome in wrong:
        with pytest.raises(ValueStateError, match="does not end"):
            settle(tax, matter, LI, outcome)
    silent: list[tuple[Matter, Outcome]] = [(disputed, "uphold"), (filed, "reject")]
    for matter, outcome in silent:
        with pytest.raises(ValueStateError, match="reason"):
            settle(tax, matter, LI, outcome, "  ")
    for reason in ("x" * 501, "a\x00b"):
        with pytest.raises(DecisionError, match="500 characters"):
            settle(tax, disputed, LI, "uphold", reason)
    assert all(not item.words for item in tax.settling.open())


def test_a_removed_persons_word_does_not_count(tax: Node, tmp_path: Path) -> None:
    disputed, _ = matters(tax)
    settle(tax, disputed, LI, "uphold")
    remove_person(tmp_path / "people", LI)
    assert not settle(tax, disputed, WANG, "uphold")
    assert settle(tax, disputed, ZHAO, "uphold")
    with pytest.raises(DecisionError, match="not one of"):
        settle(tax, matters_left(tax), LI, "approve")


def matters_left(node: Node) -> Matter:
    (left,) = node.settling.open()
    return left


def test_a_word_on_a_dispute_does_not_carry_over_to_a_later_one_or_to_another_value(tax: Node, firms: Population) -> None:
    disputed, _ = matters(tax)
    settle(tax, disputed, LI, "uphold")
    tax.give(("uscc", "period", FIELD), [(disputed.uscc, PERIOD, "4711.5")], "correction.csv")
    tax.runner.run()
    with pytest.raises(ValueStateError, match="not open"):
        settle(tax, disputed, WANG, "uphold")
    tax.ledger.now += 60
    disputes(tax, disputed.uscc, "still wrong")
    again = tax.settling.open()[0]
    assert (again.value, again.words) == ("4711.5", ())
    assert not settle(tax, again, WANG, "uphold")


def test_disputes_come_by_deadline_those_overdue_first(tax: Node, firms: Population) -> None:
    tax.ledger.now += 20 * 86_400
    disputes(tax, firms.firms[5].uscc)
    first, second, filed = tax.settling.open()
    assert (first.uscc, second.uscc) == (firms.firms[4].uscc, firms.firms[5].uscc)
    assert [item.overdue(tax.ledger.now) for item in (first, second, filed)] == [True, False, False]


def test_what_was_signed_before_a_crash_is_settled_at_the_next_start(tax: Node) -> None:
    _, filed = matters(tax)

    class Cut(Exception):
        pass

    class CutOff:
        def take(self, _connector: str, _delivery: object, _note: object) -> object:
            raise Cut

    settle(tax, filed, LI, "approve")
    with pytest.raises(Cut):
        replace(tax.settling, taker=CutOff()).settle(tax.settling.find(filed.id), "approve", "the audited figure", key_of(WANG))
    assert record_of(tax, filed).get(FILED) != "12.5"
    again = tax.restart()
    assert record_of(again, filed)[FILED] == "12.5"
    assert [item.kind for item in again.settling.open()] == ["dispute"]


def test_where_one_person_is_enough_the_first_word_settles(tax: Node) -> None:
    one = tax.restart(policy=Policy())
    assert [settle(one, matter, LI, outcome) for matter, outcome in ended(one)] == [True, True]
    assert one.settling.open() == []


def test_the_history_of_a_value_says_where_each_version_came_from(tax: Node) -> None:
    disputed, filed = matters(tax)
    before = record_of(tax, disputed)[FIELD]
    tax.give(("uscc", "period", FIELD), [(disputed.uscc, PERIOD, "4711.5")], "correction.csv")
    tax.runner.run()
    first, second = tax.settling.history(disputed)
    assert (first.value, second.value, second.origin.delivery) == (before, "4711.5", "correction.csv")
    settle(tax, filed, LI, "approve")
    settle(tax, filed, WANG, "approve")
    assert tax.settling.history(filed)[-1].origin.connector == "self-filed"


# --- commands [A6] ---


def test_commands_settle_in_the_name_of_a_person_and_not_around_them(tax: Node, tmp_path: Path) -> None:
    state, secret = tmp_path / "process", tmp_path / "password"
    state.mkdir(mode=0o700)
    (state / "department").symlink_to(tax.root / "state")
    config, (disputed, filed) = tmp_path / "tax.toml", matters(tax)
    config.write_text(
        f'member = "tax"\nzone = "{tax.office.identity.zone}"\nstate_dir = "{state}"\nkeys_dir = "{tmp_path}"\npublic_dir = "{tmp_path}"\n'
        f'[department]\nroster_key_file = "{tmp_path}/key"\n[department.desk]\nlisten = "127.0.0.1:0"\npeople_dir = "{tmp_path}/people"\n'
        f'people = ["{LI}", "{WANG}"]\napproval = "two-persons"\n',
        encoding="utf-8",
    )

    def run(*arguments: str, person: str = "") -> tuple[int, dict[str, object]]:
        named: list[str] = []
        if person:
            secret.write_text(password(person), encoding="utf-8")
            secret.chmod(0o600)
            named = ["--person", person, "--password-file", str(secret)]
        done = CliRunner().invoke(app, ["values", arguments[0], str(config), *arguments[1:], *named, "--json"])
        return done.exit_code, json.loads(done.stdout)

    upheld = ("uphold", disputed.uscc, PERIOD, FIELD, "--note", "the audited figure")
    assert run(*upheld)[0] == 2
    code, told = run(*upheld, person=LI)
    assert (code, told["state"]) == (0, "proposed")
    assert run(*upheld, person=LI)[0] != 0
    listed = run("list")[1]["disputes"]
    assert isinstance(listed, list)
    assert listed[0]["signed"] == [{"person": LI, "outcome": "uphold", "reason": "the audited figure"}]
    assert run(*upheld, person=WANG)[1]["state"] == "upheld"
    assert [run("approve", str(filed.filing), person=name)[1]["state"] for name in (LI, WANG)] == ["proposed", "approved"]
    assert parse_envelope(tax.values.book.words(filed.id)[1]).key_ids == (WANG,)
    assert run("reject", str(filed.filing), "--note", "no", person=LI)[0] == 2
