"""A publication names only who agreed, waits for its times, and strikes what an upheld objection hits [N1–N4]."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from scoring.publications.candidates import Scored, best, eligible
from scoring.publications.errors import PublicationFormatError, PublicationStateError, PublicationUnknownError
from scoring.publications.publication import Objection, Offer, Publication, Step, Word
from scoring.statements import PublicationStepName, Title

TITLE = Title(zh="榜单", en="list")
SUBJECTS = tuple("abcdef")
OFFERS = (Offer("x", TITLE, 1), Offer("y", TITLE, 2))


def announced(kind: str = "ranking", until: int = 100) -> Publication:
    made = Publication("1" * 32, kind, TITLE, "e1", "top", SUBJECTS, OFFERS if kind == "housing" else ())  # type: ignore[arg-type]  # one of the two
    return made.take(Step("announced", "chief", 0, until))


def test_only_who_agreed_is_named_in_the_order_of_the_list() -> None:
    made = announced()
    for subject, agrees in (("d", True), ("a", True), ("b", False), ("a", False), ("f", True)):
        made = made.say(subject, Word(agrees, (), 5))
    noticed = made.take(Step("noticed", "chief", 100, 200))
    assert [entry.subject for entry in noticed.entries] == ["d", "f"]


def test_flats_go_by_claim_and_wish() -> None:
    made = announced("housing")
    for subject, choices in {"a": ("x", "y"), "b": ("x", "y"), "c": ("x",), "d": ("y", "x"), "f": ("y",)}.items():
        made = made.say(subject, Word(True, choices, 5))
    noticed = made.take(Step("noticed", "chief", 100, 200))
    assert {entry.subject: entry.estate for entry in noticed.entries} == {"a": "x", "b": "y", "d": "y"}


def test_an_upheld_objection_strikes_an_entry_and_an_open_one_stops_the_result() -> None:
    made = announced().say("a", Word(True, (), 5)).say("b", Word(True, (), 5)).take(Step("noticed", "chief", 100, 200))
    objected = made.object(Objection("a", "不属实", "somebody", 150))
    with pytest.raises(PublicationStateError, match="not settled"):
        objected.take(Step("published", "chief", 200))
    published = objected.settle(0, "upheld", "查实").take(Step("published", "chief", 200))
    assert [entry.subject for entry in published.standing] == ["b"]


@pytest.mark.parametrize(
    ("error", "word", "subject"),
    [
        (PublicationUnknownError, Word(True, (), 5), "stranger"),
        (PublicationStateError, Word(True, (), 100), "a"),
        (PublicationFormatError, Word(True, ("nowhere",), 5), "a"),
        (PublicationFormatError, Word(True, ("x", "x"), 5), "a"),
        (PublicationFormatError, Word(False, ("x",), 5), "a"),
    ],
)
def test_words_that_do_not_count_are_refused(error: type[Exception], word: Word, subject: str) -> None:
    with pytest.raises(error):
        announced("housing").say(subject, word)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(SUBJECTS), st.integers(0, 5), st.booleans()), unique_by=lambda item: item[0]), st.text(max_size=4))
def test_the_best_come_first_and_equal_ones_by_lot(rows: list[tuple[str, int, bool]], lot: str) -> None:
    scored = [Scored(*row) for row in rows]
    found = best(scored, lot, 3)
    totals = {item.subject: item.hundredths for item in scored if not item.gated}
    assert len(found) == min(3, len(totals))
    assert sorted((totals[name] for name in found), reverse=True) == [totals[name] for name in found] == sorted(totals.values(), reverse=True)[:3]
    assert best(list(reversed(scored)), lot, 3) == found, "the order in which they come decides nothing"
    assert set(eligible(scored, lot, 100, {"a"})) <= {"a"}
    with pytest.raises(PublicationFormatError):
        best(scored, lot, 0)


class PublicationMachine(RuleBasedStateMachine):
    """Whatever is tried in whatever order: nobody is named who did not agree, nothing is published early."""

    @initialize(kind=st.sampled_from(["ranking", "housing"]))
    def begin(self, kind: str) -> None:
        self.now, self.made, self.agreed = 0, announced(kind), set[str]()

    @rule(step=st.sampled_from([10, 60, 150]))
    def wait(self, step: int) -> None:
        self.now += step

    @rule(subject=st.sampled_from([*SUBJECTS, "stranger"]), agrees=st.booleans(), choices=st.sampled_from([(), ("x",), ("y", "x")]))
    def say(self, subject: str, agrees: bool, choices: tuple[str, ...]) -> None:
        try:
            self.made = self.made.say(subject, Word(agrees, choices, self.now))
        except (PublicationStateError, PublicationUnknownError, PublicationFormatError):
            return
        (self.agreed.add if agrees else self.agreed.discard)(subject)

    @rule(name=st.sampled_from(["announced", "noticed", "published", "withdrawn"]), span=st.sampled_from([0, 50]))
    def take(self, name: PublicationStepName, span: int) -> None:
        before, until = self.made.state, self.made.until
        try:
            self.made = self.made.take(Step(name, "chief", self.now, self.now + span if span else 0))
        except PublicationStateError:
            return
        assert (before, name) in {
            ("announced", "noticed"), ("noticed", "published"), ("announced", "withdrawn"), ("noticed", "withdrawn"),
        }  # fmt: skip
        assert name == "withdrawn" or self.now >= until

    @precondition(lambda self: self.made.entries)
    @rule(settle=st.sampled_from(["", "upheld", "dismissed"]))
    def object(self, settle: str) -> None:
        try:
            self.made = self.made.object(Objection(self.made.entries[0].subject, "why", "somebody", self.now))
            if settle:
                self.made = self.made.settle(len(self.made.objections) - 1, settle, "because")  # type: ignore[arg-type]  # one of the two
        except PublicationStateError:
            return

    @invariant()
    def only_who_agreed_is_named(self) -> None:
        assert {entry.subject for entry in self.made.entries} <= self.agreed
        given: dict[str, int] = {}
        for entry in self.made.entries:
            given[entry.estate] = given.get(entry.estate, 0) + 1
        assert all(given.get(offer.id, 0) <= offer.places for offer in self.made.offers)


PublicationMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=15, deadline=None)
TestPublicationMachine = PublicationMachine.TestCase
