"""Tables over many enterprises against an attacker: solved as integer programs by HiGHS, enumerated, and with every protection recomputed.

The attacker knows all that is shown, how many enterprises each place has and who they are (the register is public), which groups are empty, and
what the exchange publishes itself. He never learns a figure that is kept back [T1–T3].
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import highspy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.disclosure.tables.figures import Answer, Cell, Item, Question, Values, possible, tabulate
from scoring.disclosure.tables.suppression import Before, Publication, publish

unhurried = settings(deadline=None, max_examples=12)
ROOT = "|"
STAGES, BINS = "abc", "12"
STAGE = Question("stage", ("stage",), lambda values: Answer(str(values["stage"])), frozenset({ROOT}))
BIN = Question("bin", ("bin",), lambda values: Answer(str(values["bin"])))
LOAN = Question("loan", ("loan",), lambda values: Answer("lent", int(str(values["loan"]))) if values["loan"] else None, sums=True)
LATER = Question("later", ("later",), lambda values: Answer(str(values["later"])))
MOVE = Question("move", ("bin", "later"), lambda values: Answer("same" if values["bin"] == values["later"] else "moved"))
LENT = Question("lent", ("rated", "lent"), lambda values: Answer(str(values["rated"])) if values["lent"] == "x" else None, known=frozenset({"rated"}))
FIRST, SECOND = (STAGE, BIN, LOAN), (LATER, MOVE)


def firm(number: int, county: str, trade: str, **values: object) -> Item:
    places = tuple(f"{division}|{section}" for division in ("", county) for section in ("", trade))
    return Item(f"{number:03}", places, {name: str(value) if name != "loan" else value for name, value in values.items()})


@st.composite
def populations(draw: st.DrawFn, most: int = 60) -> list[Item]:
    """Enterprises of two counties and two trades, unevenly spread, with results of two epochs."""
    count = draw(st.integers(8, most))
    choose = {name: draw(st.lists(st.sampled_from(letters), min_size=1, max_size=6)) for name, letters in
              (("county", "AB"), ("trade", "CI"), ("stage", STAGES), ("bin", BINS), ("later", BINS))}  # fmt: skip
    seeds = draw(st.lists(st.integers(0, 10**6), min_size=count, max_size=count))
    amounts = [0, 0, 100, 120, 3000]
    firms = []
    for number, seed in enumerate(seeds):
        picked = {name: letters[seed // 7**place % len(letters)] for place, (name, letters) in enumerate(choose.items())}
        county, trade = picked.pop("county"), picked.pop("trade")
        firms.append(firm(number, county, trade, **picked, loan=amounts[seed % len(amounts)]))
    return firms


def naive(items: Iterable[tuple[Item, Values]], questions: Sequence[Question]) -> tuple[Counter[Cell], Counter[Cell]]:
    """Numbers and sums, counted one by one."""
    counts: Counter[Cell] = Counter()
    sums: Counter[Cell] = Counter()
    for item, values in items:
        for question in questions:
            answer = question.answer(values)
            for place in item.places if answer is not None else ():
                assert answer is not None
                counts[Cell(question.id, place, answer.group)] += 1
                sums[Cell(question.id, place, answer.group)] += answer.amount
    return counts, sums


def before(questions: Sequence[Question], done: Publication) -> Before:
    asked = [question for question in questions if question.id not in done.withheld]
    return Before(asked, frozenset(done.shown), done.kept, {cell: exchange.recipe for cell, exchange in done.protections.items()})


def secret(done: Publication, questions: Sequence[Question]) -> list[Cell]:
    """What is kept back, but for what the exchange publishes itself."""
    public = {(question.id, place) for question in questions for place in question.public_at}
    return sorted(cell for cell in done.kept if (cell.question, cell.place) not in public)


def check_protected(items: Sequence[Item], questions: Sequence[Question], *done: Publication) -> None:
    """Each kept-back figure has another population that the shown figures fit as well, counted from the beginning."""
    counts, sums = naive([(item, item.values) for item in items], questions)
    shown = {cell for publication in done for cell in publication.shown}
    fixed = {Cell(question.id, place, group) for question in questions for place in question.public_at for group in "abc"}
    empty = {Cell(question.id, place, group) for question in questions for place in {p for item in items for p in item.places}
             for group in (*"abc12", "same", "moved", "lent") if not counts[Cell(question.id, ROOT, group)]}  # fmt: skip
    for publication in done:
        for cell in secret(publication, questions):
            exchange = done[-1].protections[cell]
            other = {item.id: values for item, values in exchange.moved}
            world = [(item, other.get(item.id, item.values)) for item in items]
            numbers, amounts = naive(world, questions)
            assert numbers[cell] != counts[cell]
            assert all(numbers[known] == counts[known] for known in shown | fixed | empty)
            assert all(amounts[known] == sums[known] for known in shown | empty)


@unhurried
@given(populations())
def test_every_kept_back_figure_may_be_another_one(items: list[Item]) -> None:
    done = publish(items, FIRST)
    asked = [question for question in FIRST if question.id not in done.withheld]
    check_protected(items, asked, done)
    assert all(figure.count >= 5 for figure in done.shown.values())
    figures = tabulate(items, asked)
    assert all(figures[cell] == figure for cell, figure in done.shown.items())
    assert {cell for cell in figures if cell.question not in done.withheld} <= set(done.shown) | done.kept


@unhurried
@given(populations())
def test_a_second_epoch_gives_nothing_of_the_first_away(items: list[Item]) -> None:
    first = publish(items, FIRST)
    second = publish(items, SECOND, before(FIRST, first))
    asked = [question for question in (*FIRST, *SECOND) if question.id not in first.withheld | second.withheld]
    check_protected(items, asked, first, second)
    assert {cell.question for cell in second.shown} <= {question.id for question in SECOND} - second.withheld


@settings(deadline=None, max_examples=6)
@given(populations(most=40))
def test_an_attacker_who_solves_all_tables_together_pins_no_kept_back_figure(items: list[Item]) -> None:
    """Integer programs over every population that fits: least and greatest value of each kept-back figure."""
    questions = (STAGE, BIN)
    done = publish(items, questions)
    for cell in secret(done, questions):
        low, high = bounds(items, questions, done, cell)
        assert low < high, cell


def lending(items: Sequence[Item]) -> tuple[Sequence[Item], Publication, Publication, Question]:
    """Stages published, then who borrows by stage, as the cockpit does: of a place and stage only where the number of its enterprises is shown."""
    rated = [Item(item.id, item.places, {**item.values, "rated": item.values["stage"], "lent": "x" if item.values["loan"] else ""}) for item in items]
    first = publish(rated, (STAGE,))
    asked = replace(LENT, only=frozenset((cell.place, cell.group) for cell in first.shown))
    return rated, first, publish(rated, (asked,), before((STAGE,), first)), asked


def both(first: Publication, second: Publication) -> Publication:
    """What stands published after both."""
    return Publication({**first.shown, **second.shown}, first.kept | second.kept, second.protections, first.withheld | second.withheld)


@settings(deadline=None, max_examples=6)
@given(populations(most=40))
def test_an_official_who_knows_every_stage_pins_no_number_of_borrowers(items: list[Item]) -> None:
    """Lists by name tell officials the stage of each enterprise: borrowers by stage are protected against them too."""
    rated, _first, second, lent = lending(items)
    known = [Item(item.id, item.places, {**item.values, "stage": ""}) for item in rated]  # what is public of stages adds nothing to that
    for cell in secret(second, (lent,)):
        if cell in possible(rated, lent):
            low, high = bounds(known, (lent,), second, cell, domains={"lent": ("", "x")}, told=("rated",))
            assert low < high, cell


@settings(deadline=None, max_examples=6)
@given(populations(most=40))
def test_borrowers_by_stage_give_no_number_of_a_stage_away(items: list[Item]) -> None:
    """Somebody with tables alone, who knows that borrowers of a stage are enterprises of that stage."""
    rated, first, second, lent = lending(items)
    joint = replace(lent, answer=lambda values: Answer(str(values["stage"])) if values["lent"] == "x" else None)
    for cell in secret(first, (STAGE,)):
        low, high = bounds(rated, (STAGE, joint), both(first, second), cell, domains={"stage": STAGES, "lent": ("", "x")})
        assert low < high, cell


def test_the_attacker_is_one_who_succeeds_where_only_small_figures_are_kept_back() -> None:
    """The same attacker, before tables that keep back nothing but what is small: he computes it from a total and the rest of its line."""
    items = [firm(number, "AB"[number % 2], "CI"[number // 2 % 2], stage="ab"[number % 7 == 0], bin=BINS[number // 4 % 2]) for number in range(40)]
    asked = (STAGE, BIN)
    figures = tabulate(items, asked)
    small = {cell for cell, figure in figures.items() if figure.count < 5}
    assert small
    careless = Publication({cell: figure for cell, figure in figures.items() if cell not in small}, frozenset(small), {})
    pinned = [cell for cell in sorted(small) for low, high in [bounds(items, asked, careless, cell)] if low == high]
    assert pinned
    careful = publish(items, asked)
    assert set(pinned) <= careful.kept
    assert all(low < high for cell in pinned for low, high in [bounds(items, asked, careful, cell)])


def bounds(
    items: Sequence[Item], questions: Sequence[Question], done: Publication, target: Cell,
    domains: Mapping[str, str | tuple[str, ...]] = {"stage": STAGES, "bin": BINS}, told: tuple[str, ...] = (),
) -> tuple[int, int]:  # fmt: skip
    """Least and greatest number of ``target`` over all populations that fit what the attacker knows; ``told``: values that he knows of each."""
    asked = [question for question in questions if question.id not in done.withheld]
    homes = Counter((item.places, tuple((name, item.values[name]) for name in told)) for item in items)
    drawn = [(home, dict(zip(domains, values, strict=True))) for home in homes for values in product(*domains.values())]
    kinds: list[tuple[tuple[str, ...], Values]] = [(places, {**dict(values), **free}) for (places, values), free in drawn]
    solver: Any = highspy.Highs()  # type: ignore[no-untyped-call]  # it has no types of its own
    solver.silent()
    variables: Any = solver.addIntegrals(list(range(len(kinds))), lb=0, ub=len(items))
    for home, number in homes.items():
        solver.addConstr(sum(variables[at] for at, (drawn_home, _) in enumerate(drawn) if drawn_home == home) == number)
    counts, _ = naive([(item, item.values) for item in items], asked)
    public = {(question.id, place) for question in asked for place in question.public_at}
    groups = [(question, group) for question in asked for group in (BINS if question.id == "bin" else STAGES)]
    places = sorted({place for item in items for place in item.places})
    for question, group in groups:
        for place in places:
            cell = Cell(question.id, place, group)
            if cell in done.shown or (question.id, place) in public or not counts[Cell(question.id, ROOT, group)]:
                solver.addConstr(sum(_terms(variables, kinds, question, cell)) + 0 * variables[0] == counts[cell])
    (question,) = [item for item in asked if item.id == target.question]
    goal = sum(_terms(variables, kinds, question, target)) + 0 * variables[0]
    found = []
    for sense in (solver.minimize, solver.maximize):
        sense(goal)
        assert solver.getModelStatus() == highspy.HighsModelStatus.kOptimal
        found.append(round(solver.getObjectiveValue()))
    return found[0], found[1]


def _terms(variables: Any, kinds: Sequence[tuple[tuple[str, ...], Values]], question: Question, cell: Cell) -> list[Any]:
    return [
        variables[at]
        for at, (places, values) in enumerate(kinds)
        if cell.place in places and (answer := question.answer(values)) is not None and answer.group == cell.group
    ]


def test_a_sum_that_one_enterprise_makes_up_is_kept_back() -> None:
    items = [firm(number, "A", "C", stage="a", bin="1", loan=10) for number in range(20)]
    even = publish(items, (LOAN,))
    assert even.shown[Cell("loan", ROOT, "lent")].amount == 200
    items[3] = firm(3, "A", "C", stage="a", bin="1", loan=100_000)
    assert Cell("loan", ROOT, "lent") not in publish(items, (LOAN,)).shown


def test_where_nothing_can_be_protected_nothing_is_shown() -> None:
    """Everybody is in one group: who is there is known by that alone, in every place."""
    items = [firm(number, "AB"[number % 9 == 0], "C", bin="1") for number in range(20)]
    done = publish(items, (BIN,))
    assert (done.shown, done.withheld) == ({}, frozenset({"bin"}))


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(populations(most=120))
def test_tables_of_many_are_protected_over_two_epochs(items: list[Item]) -> None:
    first = publish(items, FIRST)
    second = publish(items, SECOND, before(FIRST, first))
    asked = [question for question in (*FIRST, *SECOND) if question.id not in first.withheld | second.withheld]
    check_protected(items, asked, first, second)
