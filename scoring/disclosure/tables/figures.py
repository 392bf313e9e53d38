"""Questions asked of every enterprise, and the figures that come of the answers: how many of a place are in a group, and their amounts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

Values = Mapping[str, Hashable]


class Answer(NamedTuple):
    """What one enterprise adds to a question's figures: 1 to the number of ``group``, ``amount`` to its sum."""

    group: str
    amount: int = 0


class Cell(NamedTuple):
    """One figure's place in all tables: of which question, over the enterprises of which place, in which group."""

    question: str
    place: str
    group: str


@dataclass(frozen=True, slots=True)
class Item:
    """One enterprise. ``places``: every place whose figures it is counted in, by public facts; ``values``: what results say of it."""

    id: str
    places: tuple[str, ...]
    values: Values


@dataclass(frozen=True, slots=True)
class Question:
    """``answer`` reads the values named in ``reads`` and no others; None where an enterprise is in no group.

    ``public_at``: places whose figures of this question are published by the exchange itself: they cannot be kept back [T1.4].
    ``sums``: amounts are shown beside numbers. ``known``: values among ``reads`` that readers know of each enterprise anyway. ``only``: of which
    places and groups figures may be shown at all; None: of every one.
    """

    id: str
    reads: tuple[str, ...]
    answer: Callable[[Values], Answer | None] = field(repr=False)
    public_at: frozenset[str] = frozenset()
    sums: bool = False
    known: frozenset[str] = frozenset()
    only: frozenset[tuple[str, str]] | None = None


@dataclass(slots=True)
class Figure:
    """Number and sum of a cell, with its two largest amounts."""

    count: int = 0
    amount: int = 0
    largest: tuple[int, int] = (0, 0)

    def add(self, amount: int) -> None:
        """Count one more enterprise."""
        self.count += 1
        self.amount += amount
        first, second = self.largest
        self.largest = (amount, first) if amount > first else (first, max(second, amount))


def tabulate(items: Iterable[Item], questions: Iterable[Question]) -> dict[Cell, Figure]:
    """Every figure that is not zero."""
    asked = tuple(questions)
    found: dict[Cell, Figure] = {}
    for item in items:
        for question in asked:
            answer = question.answer(item.values)
            if answer is None:
                continue
            for place in item.places:
                found.setdefault(Cell(question.id, place, answer.group), Figure()).add(answer.amount)
    return found


def possible(items: Collection[Item], question: Question) -> set[Cell]:
    """The cells of a question that may be other than empty to readers who know its ``known`` values of each enterprise: somebody is there who
    could be in the group, since somebody whom they cannot tell apart is in it somewhere."""
    alike: dict[tuple[Hashable, ...], tuple[set[str], set[str]]] = {}
    for item in items:
        groups, places = alike.setdefault(tuple(item.values[name] for name in sorted(question.known)), (set(), set()))
        places.update(item.places)
        answer = question.answer(item.values)
        if answer is not None:
            groups.add(answer.group)
    return {Cell(question.id, place, group) for groups, places in alike.values() for group in groups for place in places}


def sizes(items: Iterable[Item]) -> Counter[str]:
    """How many enterprises each place has."""
    return Counter(place for item in items for place in item.places)
