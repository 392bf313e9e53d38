"""Known answers of the lending rules: who may take which step, what is refused and why, what the pool pays, what a bank contributes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from scoring.errors import LoanAmountError, LoanStateError, PoolError, TermsError
from scoring.indicators.model import Model
from scoring.lending.course import NEXT, PARTY, steps_of
from scoring.lending.performance import performance
from scoring.lending.pool import Claim, Pool, compensation_fen
from scoring.lending.terms import PURPOSES, amount_of, check_application, check_terms
from scoring.statements import ProductTerms
from scoring.statements.lending import (
    Accepted,
    Assigned,
    Bad,
    Closed,
    Contracted,
    Disbursed,
    Drawn,
    Expired,
    Guaranteed,
    LoanContent,
    Offered,
    Queried,
    Repaid,
    Settled,
    Unassigned,
)
from tests.support.lending import DAY_S, NOW, SUPPLIER, WAN, Told, applied_for, offered, terms_of


def test_every_step_has_a_party_and_a_place() -> None:
    assert set(PARTY) == {step for steps in NEXT.values() for step in steps}
    assert {phase for steps in NEXT.values() for phase in steps.values()} | {"new"} == set(NEXT)


def test_what_each_party_may_do_with_an_offer() -> None:
    assert steps_of("institution", "offered") == ("expired",)
    assert steps_of("guarantor", "offered") == ("guaranteed",)


@pytest.mark.parametrize(("line", "amount"), [(0, 0), (1, 50), (120, 120), (5_000, 500)])
def test_the_products_floor_and_cap_hold_the_line_and_lift_nobody_who_gets_none(line: int, amount: int) -> None:
    assert amount_of(terms_of(), line * WAN) == amount * WAN


def test_a_product_for_some_stages_gives_the_others_nothing() -> None:
    young = terms_of(stages=("S1", "S2"))
    assert [amount_of(young, 120 * WAN, stage) for stage in ("S1", "S3")] == [120 * WAN, 0]
    assert amount_of(terms_of(), 120 * WAN, "S3") == 120 * WAN


def test_a_loan_from_application_to_the_last_repayment() -> None:
    told = Told()
    told.until("contracted", 100 * WAN, 200 * WAN)
    told.say(Disbursed(amount_fen=60 * WAN))
    told.say(Disbursed(amount_fen=40 * WAN))
    told.say(Repaid(principal_fen=30 * WAN, interest_fen=4_350_00, days_late=0))
    assert (told.app.phase, told.app.owed_fen, told.app.repaid_fen, told.app.interest_fen) == ("repaying", 70 * WAN, 30 * WAN, 4_350_00)
    told.say(Repaid(principal_fen=70 * WAN, interest_fen=0))
    assert told.say(Closed()).over


@pytest.mark.parametrize(
    "offer",
    [
        {"amount_fen": 150 * WAN + 1},  # more than was applied for
        {"amount_fen": 100 * WAN, "rate_bp": 436},
        {"amount_fen": 100 * WAN, "term_months": 13},
        {"amount_fen": 100 * WAN, "guarantor": "guarantor", "share_bp": 0},
        {"amount_fen": 100 * WAN, "share_bp": 6_000},
    ],
)
def test_an_offer_beyond_terms_line_or_application_is_refused(offer: dict[str, Any]) -> None:
    told = Told()
    told.until("surveyed", 150 * WAN, 200 * WAN)
    said: dict[str, Any] = {"rate_bp": 400, "term_months": 12, "until": told.now + DAY_S}
    with pytest.raises(LoanAmountError):
        told.say(Offered(**(said | offer)))


def test_who_gets_no_line_is_offered_nothing() -> None:
    told = Told()
    told.until("surveyed", 100 * WAN, 0)
    with pytest.raises(LoanAmountError, match="allow 0"):
        told.say(offered(1, told.now))


def test_a_line_that_floor_and_cap_do_not_give_is_refused() -> None:
    told = Told()
    told.until("consented")
    with pytest.raises(LoanAmountError):
        told.say(Queried(ticket="d" * 64, line_fen=49 * WAN))


def test_an_offer_that_is_over_is_not_accepted_but_expires() -> None:
    told = Told()
    told.until("offered")
    with pytest.raises(LoanStateError):
        told.say(Expired())
    told.now += 11 * DAY_S
    with pytest.raises(LoanStateError, match="over"):
        told.say(Accepted(offer=told.app.offer_paper))
    assert told.say(Expired()).over


def test_only_the_offer_that_stands_is_accepted() -> None:
    told = Told()
    told.until("offered")
    with pytest.raises(LoanStateError, match="not the offer"):
        told.say(Accepted(offer="0" * 64))


def test_no_contract_before_the_guarantor_has_signed_for_exactly_its_share() -> None:
    told = Told()
    told.until("accepted", 100 * WAN, guarantor="guarantor", share_bp=6_000)
    contract = Contracted(number="1", contract="f" * 64)
    with pytest.raises(LoanStateError, match="guarantor has not signed"):
        told.say(contract)
    for wrong in (Guaranteed(share_bp=5_000, amount_fen=50 * WAN), Guaranteed(share_bp=6_000, amount_fen=61 * WAN)):
        with pytest.raises(LoanAmountError):
            told.say(wrong)
    told.say(Guaranteed(share_bp=6_000, amount_fen=60 * WAN))
    with pytest.raises(LoanStateError, match="already"):
        told.say(Guaranteed(share_bp=6_000, amount_fen=60 * WAN))
    assert told.say(contract).phase == "contracted"


def test_a_revolving_line_is_drawn_assigned_settled_and_drawn_again() -> None:
    told = Told(terms_of(revolving=True))
    told.until("contracted", 100 * WAN)
    told.say(Assigned(supplier=SUPPLIER, amount_fen=40 * WAN))
    told.say(Drawn(amount_fen=60 * WAN))
    with pytest.raises(LoanAmountError):
        told.say(Drawn(amount_fen=1))
    told.say(Settled(supplier=SUPPLIER, amount_fen=30 * WAN))
    told.say(Unassigned(supplier=SUPPLIER, amount_fen=10 * WAN))
    assert told.app.line is not None
    assert (told.app.owed_fen, told.app.line.available_fen) == (90 * WAN, 10 * WAN)
    with pytest.raises(LoanAmountError, match="owed"):
        told.say(Closed())
    told.say(Repaid(principal_fen=90 * WAN, interest_fen=0))
    told.say(Drawn(amount_fen=100 * WAN))
    assert told.app.line.limit_fen == 100 * WAN


@pytest.mark.parametrize(("revolving", "content"), [(True, Disbursed(amount_fen=1)), (False, Drawn(amount_fen=1))])
def test_the_enterprise_draws_and_the_institution_pays_out(revolving: bool, content: LoanContent) -> None:
    told = Told(terms_of(revolving=revolving))
    told.until("contracted")
    with pytest.raises(LoanStateError):
        told.say(content)


def test_after_a_loan_was_given_up_repayments_are_recoveries() -> None:
    told = Told()
    told.until("contracted", 100 * WAN)
    told.say(Disbursed(amount_fen=100 * WAN))
    with pytest.raises(LoanAmountError):
        told.say(Bad(principal_fen=99 * WAN))
    told.say(Bad(principal_fen=100 * WAN))
    told.say(Repaid(principal_fen=25 * WAN, interest_fen=0))
    assert (told.app.phase, told.app.given_up_fen, told.app.lost_fen, told.app.owed_fen) == ("bad", 100 * WAN, 75 * WAN, 0)
    with pytest.raises(LoanAmountError):
        told.say(Repaid(principal_fen=76 * WAN, interest_fen=0))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"floor_fen": 501 * WAN}, "floor"),
        ({"version": 2}, "versions"),
        ({"institution_kind": "insurer", "revolving": True}, "revolves"),
        ({"share_bp": 6_000}, "guarantor"),
        ({"institution_kind": "guarantor"}, "guarantor"),
        ({"not_after": NOW - 2 * DAY_S}, "begin"),
        ({"base": "points-loan"}, "together"),
    ],
)
def test_terms_that_contradict_themselves_are_refused(changes: dict[str, Any], says: str, firm_panel: Model) -> None:
    with pytest.raises(TermsError, match=says):
        check_terms(terms_of(**changes), None, None, [firm_panel.products["base-line"]])


def test_a_formula_that_no_admitted_model_has_is_refused() -> None:
    with pytest.raises(TermsError, match="no admitted model"):
        check_terms(terms_of(), None, None, [])


def test_a_product_that_is_not_offered_now_or_not_for_so_much_or_so_long_is_refused() -> None:
    terms = terms_of()
    check_application(terms, applied_for(terms, 500 * WAN), NOW)
    with pytest.raises(LoanAmountError):
        check_application(terms, applied_for(terms, 500 * WAN + 1), NOW)
    with pytest.raises(LoanAmountError):
        check_application(terms, applied_for(terms, WAN, term_months=13), NOW)
    with pytest.raises(TermsError):
        check_application(terms, applied_for(terms, WAN), terms.not_after + 1)


def test_each_kind_of_institution_asks_for_a_purpose_of_its_own() -> None:
    kinds = ProductTerms.model_json_schema()["properties"]["institution_kind"]["enum"]
    assert set(PURPOSES) == set(kinds)
    assert len(set(PURPOSES.values())) == len(kinds)


@pytest.mark.parametrize(
    ("standing", "liability", "first", "pays"),
    [
        ("direct", 100, False, 30),  # the bank alone: 30 % of the bad principal
        ("direct", 100, True, 35),
        ("guarantor", 60, False, 20),
        ("guarantor", 60, True, 25),
        ("direct", 40, False, 30),  # 80 % of its liability would be 32
        ("direct", 40, True, 32),
        ("guarantor", 20, True, 16),
    ],
)
def test_what_the_pool_pays_of_a_hundred(standing: str, liability: int, first: bool, pays: int) -> None:
    claim = Claim("a", "b", standing, 100 * WAN, liability * WAN, first)  # type: ignore[arg-type]  # both standings are meant
    assert compensation_fen(claim) == pays * WAN


def test_a_ledger_that_was_changed_does_not_reconcile() -> None:
    pool = Pool().deposit(100 * WAN, "county", NOW).compensate(Claim("a", "bank-a", "direct", 100 * WAN, 100 * WAN), NOW)
    pool.check()
    entry = pool.entries[1]
    for field, value in (("amount_fen", entry.amount_fen - 1), ("balance_fen", entry.balance_fen + 1), ("party", "bank-b")):
        changed = Pool((pool.entries[0], replace(entry, **{field: value})), pool.claims)  # type: ignore[arg-type]  # each of its own type
        with pytest.raises(PoolError):
            changed.check()


def test_a_bank_contributes_what_is_out_what_was_given_up_and_what_came_late() -> None:
    paid_back, running, late, lost, refused = (Told() for _ in range(5))
    for told in (paid_back, running, late, lost):
        told.until("contracted", 100 * WAN)
        told.say(Disbursed(amount_fen=100 * WAN))
    paid_back.say(Repaid(principal_fen=100 * WAN, interest_fen=0))
    late.say(Repaid(principal_fen=50 * WAN + 1, interest_fen=0, days_late=91))
    lost.say(Bad(principal_fen=100 * WAN))
    refused.until("contracted")
    record = performance(told.app for told in (paid_back, running, late, lost, refused))
    assert record == {"loans_active": "3", "loan_balance": "2499999.99", "loan_repaid": "1500000.01", "loans_overdue_90": "2"}


def test_a_payment_counts_once_by_its_reference() -> None:
    told = Told()
    told.until("contracted", 100 * WAN)
    told.say(Disbursed(amount_fen=100 * WAN))
    told.say(Repaid(principal_fen=WAN, interest_fen=0, reference="2023/1"))
    with pytest.raises(LoanStateError, match="before"):
        told.say(Repaid(principal_fen=WAN, interest_fen=0, reference="2023/1"))
    told.say(Repaid(principal_fen=WAN, interest_fen=0))
    told.say(Repaid(principal_fen=WAN, interest_fen=0))
    assert told.app.repaid_fen == 3 * WAN
