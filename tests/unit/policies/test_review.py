"""Officials decide tags; nothing counts undecided, and every decision stays."""

from __future__ import annotations

import pytest

from scoring.policies.errors import PolicyFormatError, PolicyStateError, PolicyUnknownError
from scoring.policies.meaning import Meaning, meaning_of
from scoring.policies.reading.tagging import Tag, propose
from scoring.policies.reading.text import Span
from scoring.policies.review import Decision, Review

TEXT = "在本区注册满一年的高新技术企业，奖励20万元。"
MEANING = Meaning(kind="founded_years", relation="at_least", values=("2",))


def proposed() -> Review:
    return Review(tuple(propose(TEXT, {"": "410171"})))


def decided(review: Review, **verdicts: str) -> Review:
    for place in review.undecided:
        review = review.decide(Decision(place, "confirmed", "wang", 100 + place))
    return review


def test_nothing_counts_before_an_official_decided() -> None:
    review = proposed()
    assert review.undecided == (0, 1, 2, 3)
    assert review.meanings() == []
    with pytest.raises(PolicyStateError, match="4 of 4"):
        review.publish()


def test_the_last_decision_counts_and_all_are_kept() -> None:
    review = decided(proposed()).decide(Decision(1, "changed", "li", 200, MEANING)).decide(Decision(0, "dropped", "li", 201))
    assert review.meanings()[0].meaning == MEANING
    assert [(item.tag, item.verdict, item.by, item.at) for item in review.decisions][-3:] == [
        (3, "confirmed", "wang", 103), (1, "changed", "li", 200), (0, "dropped", "li", 201),
    ]  # fmt: skip


def test_a_policy_in_force_is_not_changed() -> None:
    review = decided(proposed()).publish()
    with pytest.raises(PolicyStateError, match="in force"):
        review.decide(Decision(0, "dropped", "li", 1))
    with pytest.raises(PolicyStateError, match="in force"):
        review.publish()


def test_an_official_adds_a_tag_of_the_text() -> None:
    review = proposed().add(TEXT, Tag(0, Span(0, 3), MEANING), "li", 5)
    assert review.standing[4].by == "li"
    for wrong in (Span(0, 99), Span(3, 3)):
        with pytest.raises(PolicyFormatError, match="one sentence"):
            proposed().add(TEXT, Tag(0, wrong, MEANING), "li", 5)


def test_decisions_that_make_no_sense_are_refused() -> None:
    with pytest.raises(PolicyUnknownError):
        proposed().decide(Decision(9, "confirmed", "li", 1))
    with pytest.raises(PolicyFormatError):
        proposed().decide(Decision(0, "changed", "li", 1))
    with pytest.raises(PolicyFormatError):
        proposed().decide(Decision(0, "confirmed", "li", 1, MEANING))


@pytest.mark.parametrize(
    ("kind", "relation", "values"),
    [
        ("founded_years", "one_of", ("1",)), ("trade", "at_least", ("C",)), ("trade", "one_of", ("X9",)), ("division", "one_of", ("1",)),
        ("honest", "equal", ("1",)), ("award", "equal", ("1.5",)), ("award", "equal", ()), ("title", "one_of", ("htc", "htc")),
        ("period", "equal", ("2023-02-30",)), ("nonsense", "equal", ("1",)), ("rd_ratio", "at_least", ("3%",)), ("board", "one_of", ("nyse",)),
    ],
)  # fmt: skip
def test_a_meaning_that_no_kind_has_is_refused(kind: str, relation: str, values: tuple[str, ...]) -> None:
    with pytest.raises(PolicyFormatError, match=kind):
        meaning_of(kind, relation, values)
