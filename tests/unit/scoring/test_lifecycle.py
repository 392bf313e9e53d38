"""Life of a held value and of a filing: what fits, what does not, and what no order of steps can reach [V1–V4]."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from scoring.errors import ValueStateError
from scoring.lifecycle import DAY_S, Filing, HeldValue, confirm, dispute, examine, stand, standing, uphold, version_of

NOW = 1_700_000_000
HELD = HeldValue("revenue", "1200000.00", "a" * 32, "certified", NOW)


def test_a_dispute_has_a_deadline_that_asking_again_does_not_move() -> None:
    disputed = dispute(HELD, HELD.version, "another figure was filed", NOW, 15)
    assert (disputed.state, disputed.due) == ("disputed", NOW + 15 * DAY_S)
    assert dispute(disputed, HELD.version, "again", NOW + DAY_S, 15) == disputed
    assert not disputed.overdue(disputed.due)
    assert disputed.overdue(disputed.due + 1)


def test_a_dispute_that_was_withdrawn_and_made_again_keeps_its_deadline() -> None:
    disputed = dispute(HELD, HELD.version, "wrong", NOW, 15)
    again = dispute(confirm(disputed, HELD.version, NOW + 20 * DAY_S), HELD.version, "wrong after all", NOW + 21 * DAY_S, 15)
    assert (again.state, again.due, again.note) == ("disputed", disputed.due, "wrong after all")
    assert again.overdue(NOW + 21 * DAY_S)


def test_an_answer_to_a_value_that_does_not_stand_any_more_is_refused() -> None:
    with pytest.raises(ValueStateError, match="does not stand"):
        confirm(HELD, "b" * 32, NOW)
    with pytest.raises(ValueStateError, match="does not stand"):
        dispute(HELD, "b" * 32, "reason", NOW, 15)
    with pytest.raises(ValueStateError, match="does not stand"):
        uphold(dispute(HELD, HELD.version, "wrong", NOW, 15), "b" * 32, "it is right", NOW)


def test_a_dispute_and_its_rejection_state_their_reasons() -> None:
    with pytest.raises(ValueStateError, match="reason"):
        dispute(HELD, HELD.version, "  ", NOW, 15)
    disputed = dispute(HELD, HELD.version, "wrong", NOW, 15)
    with pytest.raises(ValueStateError, match="reason"):
        uphold(disputed, HELD.version, "", NOW)
    with pytest.raises(ValueStateError, match="not disputed"):
        uphold(HELD, HELD.version, "it is right", NOW)


def test_what_was_upheld_is_not_disputed_again_by_way_of_a_confirmation_either() -> None:
    upheld = uphold(dispute(HELD, HELD.version, "wrong", NOW, 15), HELD.version, "it is the return's figure", NOW)
    with pytest.raises(ValueStateError, match="upheld"):
        dispute(upheld, HELD.version, "still wrong", NOW, 15)
    assert confirm(upheld, HELD.version, NOW) == upheld


def test_a_correction_settles_a_dispute_and_is_certified_anew() -> None:
    disputed = dispute(HELD, HELD.version, "wrong", NOW, 15)
    assert stand(disputed, "revenue", "1200000.00", HELD.version, NOW + 5) == disputed
    corrected = stand(disputed, "revenue", "1300000.00", "c" * 32, NOW + 5)
    assert (corrected.state, corrected.since, corrected.due, corrected.note) == ("certified", NOW + 5, 0, "")


def test_a_filing_is_examined_once_and_its_rejection_states_a_reason() -> None:
    filing = Filing("patents", "3", "filed", NOW)
    assert examine(filing, True, "", NOW).state == "approved"
    with pytest.raises(ValueStateError, match="reason"):
        examine(filing, False, " ", NOW)
    with pytest.raises(ValueStateError, match="before"):
        examine(examine(filing, False, "no proof", NOW), True, "", NOW)


def test_the_version_tells_enterprise_period_field_and_value_apart() -> None:
    facts = [("u", "2023", "f", "1"), ("v", "2023", "f", "1"), ("u", "2024", "f", "1"), ("u", "2023", "g", "1"), ("u", "2023", "f", "2")]
    assert len({version_of(*one) for one in facts}) == len(facts)


class Life(RuleBasedStateMachine):
    """A value and everybody who may act on it, in any order, with versions that do not stand among them."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.held = HELD
        self.disputed = False  # the model: what is open is what was disputed since the value last stood, was confirmed or was upheld
        self.due = 0  # of the first dispute of what stands now
        self.upheld = False  # what stands now

    @rule(days=st.integers(0, 40))
    def time_passes(self, days: int) -> None:
        self.now += days * DAY_S

    @rule(value=st.sampled_from(["1", "2", "3"]))
    def owner_says(self, value: str) -> None:
        version = version_of("u", "2023", "revenue", value)
        if version != self.held.version:
            self.disputed, self.due, self.upheld = False, 0, False
        self.held = stand(self.held, "revenue", value, version, self.now)

    @rule(current=st.booleans())
    def enterprise_confirms(self, current: bool) -> None:
        try:
            self.held = confirm(self.held, self.held.version if current else "0" * 32, self.now)
        except ValueStateError:
            assert not current
        else:
            self.disputed = False

    @rule(current=st.booleans())
    def enterprise_disputes(self, current: bool) -> None:
        try:
            self.held = dispute(self.held, self.held.version if current else "0" * 32, "wrong", self.now, 15)
        except ValueStateError:
            assert not current or self.upheld
        else:
            self.disputed, self.due = True, self.due or self.now + 15 * DAY_S

    @rule()
    def owner_upholds(self) -> None:
        if self.disputed:
            self.held, self.disputed = uphold(self.held, self.held.version, "it is right", self.now), False
            self.due, self.upheld = 0, True
        else:
            with pytest.raises(ValueStateError):
                uphold(self.held, self.held.version, "it is right", self.now)

    @invariant()
    def a_version_has_one_deadline_and_is_upheld_once(self) -> None:
        assert (self.held.state == "disputed") == self.disputed
        assert (self.held.due, self.held.state == "upheld") == (self.due, self.upheld)
        assert standing([self.held]) == {"certified": "certified", "disputed": "disputed"}.get(self.held.state, "confirmed")


TestLife = Life.TestCase
