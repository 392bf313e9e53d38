"""Questions asked of every enterprise, and the figures that come of the answers: how many of a place are in a group, and their amounts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
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
    ``sums``: amounts are shown beside numbers.
    """

    id: str
    reads: tuple[str, ...]
    answer: Callable[[Values], Answer | None] = field(repr=False)
    public_at: frozenset[str] = frozenset()
    sums: bool = False


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


def sizes(items: Iterable[Item]) -> Counter[str]:
    """How many enterprises each place has."""
    return Counter(place for item in items for place in item.places)
