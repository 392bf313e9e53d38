"""Whatever enterprises, banks and suppliers do, in any order: no fen is lent twice, owed to nobody, or paid by the pool beyond its rules."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from nodes.packs import read_pack
from scoring.errors import LoanAmountError, LoanStateError, PoolError, TermsError
from scoring.lending.application import Application, most_offered
from scoring.lending.course import NEXT
from scoring.lending.line import CreditLine
from scoring.lending.pool import Claim, Pool, compensation_fen
from scoring.lending.terms import amount_of, check_terms, lifted
from scoring.statements.lending import (
    Bad,
    Closed,
    Declined,
    Disbursed,
    Expired,
    LoanContent,
    Repaid,
    Uplift,
    Withdrawn,
)
from tests.support.lending import DAY_S, WAN, Told, terms_of

SUPPLIERS = ("91330108MA2AAAAA0A", "91330108MA2BBBBB0B")
FORMULAS = [read_pack("hangzhou-binjiang").products["zheke-loan"]]
amounts = st.integers(1, 1_000 * WAN)
ORDER = ("applied", "consented", "queried", "surveyed", "offered", "accepted", "contracted", "disbursed", "repaying", "bad", "closed")


class LifeOfAnApplication(RuleBasedStateMachine):
    """An application under everything that may be said of it; ``paid`` and ``back`` are the money that moved, counted apart."""

    @initialize(asked=amounts, line=st.one_of(st.just(0), amounts), start=st.sampled_from(("new", "surveyed", "contracted", "contracted")))
    def begin(self, asked: int, line: int, start: str) -> None:
        self.told, self.asked = Told(), min(asked, 500 * WAN)
        self.line = amount_of(self.told.app.terms, line)
        self.paid = self.back = 0
        self.furthest = -1
        if start == "surveyed" or self.line:
            self.told.until(start, self.asked if start == "surveyed" else min(self.asked, self.line), self.line)

    @property
    def app(self) -> Application:
        return self.told.app

    @precondition(lambda self: self.app.phase in {"new", "applied", "consented", "queried", "surveyed", "offered", "accepted"})
    @rule(amount=amounts)
    def lead_on(self, amount: int) -> None:
        """The next step towards a contract; only an offer beyond line and application, or under no line, is refused."""
        before = self.app
        if before.phase == "surveyed":
            within = 0 < amount <= min(self.line, self.asked)
            self.expect(self.told.next(amount, self.line), within)
        elif before.phase == "new":
            self.told.say(self.told.next(self.asked, self.line))
        else:
            self.expect(self.told.next(amount, self.line), not (before.phase == "offered" and self.over()))

    @rule(part=st.integers(1, 130))
    def pay_out(self, part: int) -> None:
        offer = self.app.offer.amount_fen if self.app.offer and self.app.line else 0
        amount = max(1, offer * part // 100)
        allowed = self.app.phase in {"contracted", "disbursed", "repaying"} and self.paid + amount <= offer
        if self.expect(Disbursed(amount_fen=amount), allowed):
            self.paid += amount

    @rule(part=st.integers(1, 100), late=st.integers(0, 200))
    def repay(self, part: int, late: int) -> None:
        owed = self.paid - self.back
        amount = -(-owed * part // 100) if owed else 1
        allowed = self.app.phase in {"disbursed", "repaying", "bad"} and owed > 0
        if self.expect(Repaid(principal_fen=amount, interest_fen=0, days_late=late), allowed):
            self.back += amount

    @rule()
    def close(self) -> None:
        allowed = self.app.phase in {"contracted", "disbursed", "repaying"} and self.paid == self.back
        self.expect(Closed(), allowed or self.app.phase == "bad")

    @rule()
    def give_up(self) -> None:
        owed = self.paid - self.back
        self.expect(Bad(principal_fen=max(owed, 1)), self.app.phase in {"disbursed", "repaying"} and owed > 0)

    @rule(content=st.sampled_from((Withdrawn(), Declined(reason="OTHER"))))
    def end(self, content: LoanContent) -> None:
        self.expect(content, content.step in NEXT[self.app.phase])

    @rule(days=st.integers(0, 8))
    def wait(self, days: int) -> None:
        self.told.now += days * DAY_S
        self.expect(Expired(), self.app.phase in {"applied", "consented", "queried", "surveyed", "offered"} and self.over())

    def over(self) -> bool:
        stands = self.app.offer.until if self.app.phase == "offered" and self.app.offer else self.app.applied.until if self.app.applied else 0
        return self.told.now + 1 > stands

    def expect(self, content: LoanContent, allowed: bool) -> bool:
        """The step is taken exactly when it is allowed; refused, it changes nothing."""
        before = self.app
        if allowed:
            self.told.say(content)
            return True
        with pytest.raises((LoanStateError, LoanAmountError, TermsError)):
            self.told.say(content)
        assert self.app is before
        return False

    @invariant()
    def money_agrees(self) -> None:
        if not hasattr(self, "told"):
            return
        app = self.app
        assert app.owed_fen + app.lost_fen == self.paid - self.back >= 0
        assert app.repaid_fen == self.back
        if app.offer and app.line:
            assert self.paid <= app.offer.amount_fen <= most_offered(app) <= self.asked
        if app.phase == "closed" and not app.given_up_fen:
            assert self.paid == self.back

    @invariant()
    def it_never_goes_back(self) -> None:
        if hasattr(self, "told") and self.app.phase in ORDER:
            assert ORDER.index(self.app.phase) >= self.furthest
            self.furthest = ORDER.index(self.app.phase)


class RevolvingLine(RuleBasedStateMachine):
    """A revolving line, with suppliers; what is drawn and assigned is counted apart."""

    @initialize(limit=amounts)
    def begin(self, limit: int) -> None:
        self.line, self.limit = CreditLine(limit, revolving=True), limit
        self.drawn = 0
        self.parts: dict[str, int] = {supplier: 0 for supplier in SUPPLIERS}  # noqa: C420 - fromkeys would know two keys only

    @rule(amount=amounts)
    def draw(self, amount: int) -> None:
        if self.becomes(lambda: self.line.pay_out(amount), self.drawn + sum(self.parts.values()) + amount <= self.limit):
            self.drawn += amount

    @rule(supplier=st.sampled_from(SUPPLIERS), amount=amounts)
    def assign(self, supplier: str, amount: int) -> None:
        if self.becomes(lambda: self.line.assign(supplier, amount), self.drawn + sum(self.parts.values()) + amount <= self.limit):
            self.parts[supplier] += amount

    @rule(supplier=st.sampled_from(SUPPLIERS), amount=amounts)
    def take_back(self, supplier: str, amount: int) -> None:
        if self.becomes(lambda: self.line.unassign(supplier, amount), amount <= self.parts[supplier]):
            self.parts[supplier] -= amount

    @rule(supplier=st.sampled_from(SUPPLIERS), amount=amounts)
    def settle(self, supplier: str, amount: int) -> None:
        if self.becomes(lambda: self.line.settle(supplier, amount), amount <= self.parts[supplier]):
            self.parts[supplier] -= amount
            self.drawn += amount

    @rule(amount=amounts)
    def repay(self, amount: int) -> None:
        if self.becomes(lambda: self.line.repay(amount), amount <= self.drawn):
            self.drawn -= amount

    @rule()
    def everything_comes_back(self) -> None:
        self.line, self.drawn = self.line.repay(self.drawn), 0
        assert self.line.available_fen == self.limit - sum(self.parts.values())

    def becomes(self, change: object, allowed: bool) -> bool:
        if allowed:
            self.line = change()  # type: ignore[operator]  # each is a change of the line
            return True
        with pytest.raises(LoanAmountError):
            change()  # type: ignore[operator]  # each is a change of the line
        return False

    @invariant()
    def drawn_and_assigned_stay_within_the_line(self) -> None:
        if hasattr(self, "line"):
            assert (self.line.owed_fen, dict(self.line.assigned)) == (self.drawn, {name: part for name, part in self.parts.items() if part})
            assert 0 <= self.line.owed_fen + self.line.assigned_fen <= self.limit


class PoolOfMoney(RuleBasedStateMachine):
    """The pool, its deposits, claims and returns; the till is counted apart."""

    def __init__(self) -> None:
        super().__init__()
        self.pool, self.till, self.now = Pool(), 0, 0
        self.paid: dict[tuple[str, str], tuple[Claim, int]] = {}
        self.back: dict[tuple[str, str], tuple[int, int]] = {}

    @rule(amount=amounts)
    def deposit(self, amount: int) -> None:
        self.pool = self.pool.deposit(amount, "county", self.tick())
        self.till += amount

    @rule(loan=st.sampled_from("abc"), bad=amounts, lender=st.integers(1, 99), first=st.booleans(), guaranteed=st.booleans())
    def claim(self, loan: str, bad: int, lender: int, first: bool, guaranteed: bool) -> None:
        bad = next((claim.bad_fen for (name, _), (claim, _) in self.paid.items() if name == loan), bad + 100)
        part = bad * lender // 100
        wanted = Claim(loan, "guarantor", "guarantor", bad, part, first) if guaranteed else Claim(loan, "bank", "direct", bad, bad - part, first)
        owed = compensation_fen(wanted)
        taken = sum(claim.liability_fen for (name, _), (claim, _) in self.paid.items() if name == loan)
        place = (loan, wanted.claimant)
        if place in self.paid or taken + wanted.liability_fen > bad or owed > self.till:
            with pytest.raises(PoolError):
                self.pool.compensate(wanted, self.tick())
            return
        self.pool = self.pool.compensate(wanted, self.tick())
        self.till -= owed
        self.paid[place] = (wanted, owed)
        assert owed <= wanted.liability_fen * 4 // 5

    @rule(loan=st.sampled_from("abc"), who=st.sampled_from(("bank", "guarantor")), amount=amounts)
    def recover(self, loan: str, who: str, amount: int) -> None:
        claim, paid = self.paid.get((loan, who), (None, 0))
        recovered, returned = self.back.get((loan, who), (0, 0))
        if claim is None or recovered + amount > claim.liability_fen:
            with pytest.raises(PoolError):
                self.pool.returned(loan, who, amount, self.tick())
            return
        before = self.pool.balance_fen
        self.pool = self.pool.returned(loan, who, amount, self.tick())
        came = self.pool.balance_fen - before
        self.till += came
        self.back[loan, who] = (recovered + amount, returned + came)
        assert returned + came <= paid
        assert recovered + amount < claim.liability_fen or returned + came == paid

    def tick(self) -> int:
        self.now += 1
        return self.now

    @invariant()
    def the_ledger_reconciles(self) -> None:
        self.pool.check()
        assert self.pool.balance_fen == self.till >= 0
        assert sum(entry.amount_fen for entry in self.pool.entries) == self.till


for machine in (LifeOfAnApplication, RevolvingLine, PoolOfMoney):
    machine.TestCase.settings = settings(max_examples=25, stateful_step_count=40, deadline=None)
TestLifeOfAnApplication = LifeOfAnApplication.TestCase
TestRevolvingLine = RevolvingLine.TestCase
TestPoolOfMoney = PoolOfMoney.TestCase


@given(line=st.integers(0, 3_000 * WAN), ratio=st.integers(13_000, 20_000), more=st.integers(0, 100 * WAN))
def test_what_is_promised_over_the_base_product_holds_for_every_line(line: int, ratio: int, more: int) -> None:
    """The model lifts the line (rounded up), the terms floor and cap: so is whatever comes of them."""
    base = terms_of()
    better = terms_of(floor_fen=lifted(base.floor_fen, ratio), cap_fen=lifted(base.cap_fen, ratio) + more)
    lifted_line = lifted(line, ratio)
    assert amount_of(better, lifted_line) * 10_000 >= amount_of(base, line) * ratio
    assert (amount_of(better, lifted_line) == 0) == (line == 0)


@given(ratio=st.integers(10_000, 20_000), extra=st.integers(0, 24), floor=st.integers(0, 100), cap=st.integers(0, 800), months=st.integers(1, 40))
def test_terms_that_would_break_their_promise_are_refused(ratio: int, extra: int, floor: int, cap: int, months: int) -> None:
    base = terms_of()
    better = terms_of(
        product="zheke-loan", formula="zheke-loan", base="points-loan", uplift=Uplift(amount_ratio=ratio, extra_months=extra),
        floor_fen=floor * WAN, cap_fen=max(cap, floor, 1) * WAN, term_months=months, rate_bp=400,
    )  # fmt: skip
    kept = (
        better.floor_fen * 10_000 >= base.floor_fen * ratio
        and better.cap_fen * 10_000 >= base.cap_fen * ratio
        and months >= base.term_months + extra
        and ratio <= 13_000  # the model's own promise
    )
    if kept:
        check_terms(better, None, base, FORMULAS)
    else:
        with pytest.raises(TermsError):
            check_terms(better, None, base, FORMULAS)
