"""Policies in every combination: matching against an oracle, claims and their money in any order of steps."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from scoring.policies.accounts import Account, Outcome
from scoring.policies.claims import ENDED, Claim, Payee, Step
from scoring.policies.errors import BudgetError, ClaimStateError, PolicyFormatError, PolicyUnknownError, ReconciliationError
from scoring.policies.facts import Facts, PublicFacts
from scoring.policies.matching import Criteria, Flags, match
from scoring.policies.meaning import TITLES, Meaning
from scoring.policies.review import Condition
from scoring.policies.steps import CLAIM_STEPS
from tests.oracles import policy_matching as oracle

DAYS = st.dates(date(2015, 2, 26), date(2024, 3, 2))
TRADES = ("C", "C36", "C3610", "I", "I65", "M73", "A")
DIVISIONS = ("41", "4101", "410171", "330108")
BOARDS = ("main", "growth", "neeq", "none")


def members(kind: str, codes: tuple[str, ...]) -> st.SearchStrategy[Meaning]:
    values = st.lists(st.sampled_from(codes), min_size=1, max_size=3, unique=True).map(tuple)
    return st.builds(Meaning, kind=st.just(kind), relation=st.sampled_from(("one_of", "none_of")), values=values)


COMPARED = st.sampled_from(("at_least", "more_than", "at_most", "less_than", "equal"))
MEANINGS = st.one_of(
    st.builds(Meaning, kind=st.just("founded_years"), relation=COMPARED, values=st.integers(0, 8).map(lambda years: (str(years),))),
    st.builds(Meaning, kind=st.just("founded_date"), relation=COMPARED, values=DAYS.map(lambda day: (day.isoformat(),))),
    members("trade", ("C", "C36", "I65", "M")), members("division", ("41", "4101", "410171")), members("board", BOARDS),
    members("title", tuple(TITLES)),
)  # fmt: skip
ENTERPRISES = st.builds(
    PublicFacts, subject=st.just(""), founded=st.none() | DAYS, division=st.none() | st.sampled_from(DIVISIONS),
    trade=st.none() | st.sampled_from(TRADES), board=st.none() | st.sampled_from(BOARDS),
    titles=st.dictionaries(st.sampled_from(tuple(TITLES)), st.booleans(), max_size=3),
)  # fmt: skip
CONDITIONS = st.lists(st.builds(Condition, tag=st.just(0), meaning=MEANINGS, group=st.sampled_from(("", "", "a", "b"))), max_size=5)


@settings(max_examples=40)
@given(CONDITIONS, st.lists(st.tuples(ENTERPRISES, st.integers(-1, 4)), min_size=1, max_size=8), DAYS, st.booleans())
def test_matching_agrees_with_judging_one_by_one(
    conditions: list[Condition], enterprises: list[tuple[PublicFacts, int]], today: date, flagged: bool
) -> None:
    facts = Facts.of([enterprise for enterprise, _ in enterprises])
    counts = np.array([count for _, count in enterprises], np.int32)
    found = match(Criteria(tuple(conditions), flags=Flags("m", 4, counts) if flagged else None), facts, today)
    said = {1: True, 0: None, -1: False}
    for place, (enterprise, count) in enumerate(enterprises):
        expected = oracle.judge(conditions, enterprise, today, None if count < 0 else count, 4 if flagged else 0)
        assert said[int(found.verdict[place])] == expected.verdict
        assert bool(found.away[place]) == expected.away
        assert [said[int(value)] for value in found.reasons[:, place]] == expected.reasons


REFUSED = (BudgetError, ClaimStateError, PolicyFormatError, PolicyUnknownError, ReconciliationError)
BUDGET, IDS = 1_000_007, [f"{place:032x}" for place in range(6)]


class Money(RuleBasedStateMachine):
    """Everybody tries everything at any time, the bank answers late, twice, wrongly. Beside it runs the plainest bookkeeping there is: lists."""

    def __init__(self) -> None:
        super().__init__()
        self.account = Account("p", BUDGET, {}, {})
        self.now = 1000
        self.sent: dict[str, list[tuple[str, int]]] = {}
        self.transferred: list[tuple[str, int]] = []

    def attempt(self, change: Any) -> bool:
        before = self.account
        try:
            self.account = change()
        except REFUSED:
            assert self.account is before
            return False
        return True

    @rule(place=st.integers(0, 5), subject=st.integers(0, 2), amount=st.integers(-1, 400_000), filed=st.booleans())
    def begin(self, place: int, subject: int, amount: int, filed: bool) -> None:
        claim = Claim(IDS[place], "p", str(subject), amount)
        step = Step("filed" if filed else "matched", "x", self.now)
        if IDS[place] not in self.account.claims:
            self.attempt(lambda: self.account.admit(claim.take(step, payee=Payee("n", "b", "a") if filed else None)))

    @rule(place=st.integers(0, 5), name=st.sampled_from(sorted(CLAIM_STEPS)), notice=st.integers(0, 50))
    def step(self, place: int, name: str, notice: int) -> None:
        more: dict[str, Any] = {}
        if name in {"confirmed", "filed"}:
            more["payee"] = Payee("n", "b", "a")
        if name == "noticed":
            more["notice_ends"] = self.now + notice
        self.attempt(lambda: self.account.move(IDS[place], Step(name, "x", self.now), **more))

    @rule(seconds=st.integers(1, 60))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @rule(places=st.lists(st.integers(0, 5), max_size=4))
    def order(self, places: list[int]) -> None:
        file = f"f{len(self.sent)}"
        if self.attempt(lambda: self.account.order(file, [IDS[place] for place in places], "x", self.now)):
            self.sent[file] = [(IDS[place], self.account.claims[IDS[place]].amount_fen) for place in places]

    @rule(data=st.data(), wrong=st.sampled_from((0, 0, 0, 1, -1)), drop=st.booleans(), twice=st.booleans())
    def answer(self, data: st.DataObject, wrong: int, drop: bool, twice: bool) -> None:
        if not self.sent:
            return
        file = data.draw(st.sampled_from(sorted(self.sent)))
        results = [data.draw(st.sampled_from(("paid", "returned"))) for _ in self.sent[file]]
        lines = [Outcome(claim, amount + wrong, result, "r") for (claim, amount), result in zip(self.sent[file], results, strict=True)]  # type: ignore[arg-type]  # the two results
        lines = lines[1:] if drop else lines * 2 if twice else lines
        new, digest = file not in self.account.answers, repr(lines)
        if self.attempt(lambda: self.account.answer(file, digest, lines, "bank", self.now)) and new:
            assert (wrong, drop, twice) == (0, False, False)
            self.transferred += [(line.claim, line.amount_fen) for line in lines if line.result == "paid"]

    @invariant()
    def to_the_fen(self) -> None:
        balance = self.account.balance
        assert balance.paid_fen == sum(amount for _, amount in self.transferred)
        assert len({claim for claim, _ in self.transferred}) == len(self.transferred), "a claim was paid twice"
        assert balance.committed_fen + balance.free_fen == BUDGET
        assert balance.free_fen >= 0

    @invariant()
    def one_payment_for_each_enterprise_that_agreed(self) -> None:
        paid = [claim for claim in self.account.claims.values() if claim.state == "paid"]
        assert len({claim.subject for claim in paid}) == len(paid)
        for claim in paid:
            names = [step.name for step in claim.history]
            assert {"confirmed", "filed"} & set(names)
            assert claim.payee is not None
            ordered = [step for step in claim.history if step.name == "ordered"]
            assert all(step.at >= claim.notice_ends > 0 for step in ordered)


def test_money_reconciles_to_the_fen_and_is_never_paid_twice_in_any_order_of_steps() -> None:
    run_state_machine_as_test(Money, settings=settings(max_examples=60, stateful_step_count=40))


@pytest.mark.parametrize("name", sorted(ENDED))
def test_nothing_follows_an_end(name: str) -> None:
    assert all(name not in step.after for step in CLAIM_STEPS.values())
