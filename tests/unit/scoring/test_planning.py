"""Absent custodians: who may go at once, what must be done before, whose failure would be the one too many."""

from __future__ import annotations

from itertools import combinations, product

from scoring.custody.planning import KEY_LIFE_S, REFRESH_S, Custody, heads_needed, may_go, needed, plan

DAY, WEEK = 86_400, 7 * 86_400
FIVE = ("tax", "credit", "notary", "archive", "university")


def custody(**changes: object) -> Custody:
    said = {"generation": 1, "custodians": FIVE, "threshold": 3, "generation_since": 0, "key_since": 0}
    return Custody(**(said | changes))  # type: ignore[arg-type]  # a test names what it changes


def test_for_a_day_t_shares_are_enough_and_for_longer_the_others_must_hear_of_each_other() -> None:
    two = frozenset({"notary", "archive"})
    assert plan(custody(), two, 0, DAY).holds
    longer = plan(custody(), two, 0, DAY + 1)
    assert (longer.holds, longer.needed, longer.may_be_away, longer.first) == (False, 4, 1, ("find-custodian", "reshare"))
    assert plan(custody(), frozenset({"notary"}), 0, WEEK).holds


def test_those_without_a_share_may_take_one_before_it_begins() -> None:
    found = plan(custody(spare=("court",)), frozenset({"notary", "archive"}), 0, WEEK)
    assert found.first == ("reshare",)
    away_too = plan(custody(spare=("court",)), frozenset({"notary", "archive", "court"}), 0, WEEK)
    assert away_too.first == ("find-custodian", "reshare")


def test_one_operator_of_two_custodians_is_one_failure() -> None:
    operators = {"tax": "bureau", "credit": "bureau"}
    found = plan(custody(operators=operators), frozenset({"notary"}), 0, DAY)
    assert found.holds
    assert found.also_fatal == ("bureau",)  # with notary away two are left without it
    assert found.advice == ("separate-operators",)
    alone = plan(custody(operators={**operators, "archive": "bureau"}), frozenset(), 0, DAY)
    assert alone.too_mighty == ("bureau",)


def test_what_needs_everybody_or_has_its_time_comes_first() -> None:
    away = frozenset({"notary"})
    assert plan(custody(round_open=True), away, 0, WEEK).first == ("finish-round",)
    assert plan(custody(registry_until=WEEK - 1), away, 0, WEEK).first == ("renew-registry",)
    assert plan(custody(registry_until=WEEK), away, 0, WEEK).holds
    assert plan(custody(), away, REFRESH_S - DAY, REFRESH_S + 1).advice == ("refresh",)
    assert plan(custody(), frozenset(), REFRESH_S, REFRESH_S + DAY).advice == ()
    assert plan(custody(), away, KEY_LIFE_S, KEY_LIFE_S + 1).first == ("new-key",)


def test_who_holds_no_share_changes_nothing() -> None:
    assert plan(custody(), frozenset({"bank-a"}), 0, WEEK).away == ()


def test_who_may_go_is_every_largest_set_whose_absence_holds() -> None:
    """Compared with the plan of every set of operators, on operators of one, two and three shares."""
    for operators in ({}, {"tax": "bureau", "credit": "bureau"}, {"tax": "bureau", "credit": "bureau", "archive": "bureau"}):
        known = custody(operators=operators)
        runs = {operator: {name for name in FIVE if known.operator(name) == operator} for operator in map(known.operator, FIVE)}
        for span in (DAY, WEEK):
            sets = [set(names) for count in range(1, 6) for names in combinations(runs, count)]
            good = [names for names in sets if plan(known, frozenset().union(*(runs[name] for name in names)), 0, span).holds]
            largest = {frozenset(names) for names in good if not any(names < other for other in good)}
            assert {frozenset(names) for names in may_go(known, span)} == largest
            assert len(may_go(known, span)) == len(largest)
    assert may_go(custody(threshold=5), WEEK) == ()


def test_exactly_the_absences_that_leave_enough_hold() -> None:
    """Compared with what each custodian itself demands: t partials in all, and of the others enough heads. Every zone of up to six."""
    for count in range(1, 7):
        names = tuple(f"c{place}" for place in range(count))
        for threshold, span, gone in product(range(count // 2 + 1, count + 1), (DAY, WEEK), range(count + 1)):
            left = count - gone
            opens = left >= threshold and (span <= DAY or left - 1 >= heads_needed(count, threshold))
            for away in combinations(names, gone):
                found = plan(custody(custodians=names, threshold=threshold), frozenset(away), 0, span)
                assert (found.holds, found.needed) == (opens, needed(count, threshold, span))
                assert (gone <= found.may_be_away) == opens
