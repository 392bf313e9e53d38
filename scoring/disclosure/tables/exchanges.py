"""Exchanges: other populations that the shown figures fit as well [T2].

Two enterprises have their results exchanged, or one has another's in place of its own. When nothing but kept-back figures would be other than
it is, nobody who reads the shown ones can tell the two populations apart, and each figure that would change is protected: it may be this or that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

from scoring.disclosure.tables.figures import Cell, Item, Question, Values


@dataclass(frozen=True, slots=True)
class Recipe:
    """An exchange as it can be kept: of each pair the first enterprise (by id) would have the second's values in ``names``."""

    names: frozenset[str]
    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Exchange:
    """What would be different: the values of one or two enterprises, and by how much each figure would change (number, sum)."""

    recipe: Recipe
    moved: tuple[tuple[Item, Values], ...]
    changes: Mapping[Cell, tuple[int, int]]


class Exchanges:
    """The exchanges that are possible among ``items``, by what they would change in the figures of ``questions``; values named in ``settled``
    stay where they are."""

    def __init__(self, items: Sequence[Item], questions: Sequence[Question], settled: frozenset[str] = frozenset()) -> None:
        self._settled = settled
        self._items = sorted(items, key=lambda item: item.id)
        self._by_id = {item.id: item for item in self._items}
        self._questions = tuple(questions)
        self._by_value: dict[str, tuple[Question, ...]] = {}
        for question in self._questions:
            for name in question.reads:
                self._by_value[name] = (*self._by_value.get(name, ()), question)
        self._members: dict[Cell, list[Item]] = {}
        self._of_group: dict[tuple[str, str], list[Item]] = {}
        self._of_none: dict[str, list[Item]] = {}
        for item in self._items:
            for question in self._questions:
                answer = question.answer(item.values)
                if answer is None:
                    self._of_none.setdefault(question.id, []).append(item)
                else:
                    self._of_group.setdefault((question.id, answer.group), []).append(item)
                    for place in item.places:
                        self._members.setdefault(Cell(question.id, place, answer.group), []).append(item)
        self._linked = {question.id: self._links(question) for question in self._questions}

    def changing(self, cell: Cell, breadth: int) -> Iterable[Exchange]:
        """Exchanges that change the number of ``cell``, those first that touch few places; about ``breadth`` squared of them."""
        question = next(item for item in self._questions if item.id == cell.question)
        inside = self._members.get(cell, [])
        if inside:
            givers = spread(inside, breadth)
            takers = [item for key, members in self._of_group.items() if key[0] == cell.question and key[1] != cell.group for item in members]
            takers += self._of_none.get(cell.question, [])
        else:  # nobody is there: somebody who is in the group elsewhere comes
            givers = spread(self._of_group.get((cell.question, cell.group), []), breadth)
            takers = [item for item in self._items if cell.place in item.places]
        for giver in givers:
            outside = [item for item in takers if (cell.place in item.places) != (cell.place in giver.places)]
            near = sorted(spread(outside, 4 * breadth), key=partial(_apart, giver))
            for taker in islice(near, 2 * breadth):
                for names in self._linked[question.id]:
                    yield self._exchange(names, (giver, taker), (taker, giver))
            for taker in spread(takers, 2 * breadth):
                for names in self._linked[question.id]:
                    yield self._exchange(names, (giver, taker)) if inside else self._exchange(names, (taker, giver))
                    yield self._exchange(names, (giver, taker), (taker, giver))

    def again(self, recipe: Recipe) -> Iterable[Exchange]:
        """The exchange of a recipe, and the same of all values that hang together with those that it names by now; none where an enterprise
        of it is not here."""
        if all(name in self._by_id for pair in recipe.pairs for name in pair):
            moves = tuple((self._by_id[one], self._by_id[other]) for one, other in recipe.pairs)
            linked = frozenset(name for question in self._questions if recipe.names & set(question.reads) for name in self._linked[question.id][0])
            for names in dict.fromkeys((recipe.names - self._settled, linked - self._settled)):
                yield self._exchange(names, *moves)

    def _exchange(self, names: frozenset[str], *moves: tuple[Item, Item]) -> Exchange:
        """Each first one with the values of the second in ``names``."""
        moved = tuple((item, {**item.values, **{name: other.values[name] for name in names}}) for item, other in moves)
        changes: dict[Cell, list[int]] = {}
        asked = {question.id: question for name in names for question in self._by_value.get(name, ())}
        for item, values in moved:
            for question in asked.values():
                before, after = question.answer(item.values), question.answer(values)
                if before == after:
                    continue
                for sign, answer in ((-1, before), (1, after)):
                    if answer is not None:
                        for place in item.places:
                            change = changes.setdefault(Cell(question.id, place, answer.group), [0, 0])
                            change[0] += sign
                            change[1] += sign * answer.amount
        recipe = Recipe(names, tuple((item.id, other.id) for item, other in moves))
        return Exchange(recipe, moved, {cell: (count, amount) for cell, (count, amount) in changes.items() if count or amount})

    def _links(self, question: Question) -> tuple[frozenset[str], ...]:
        """Sets of values that may be exchanged to change a question: all that hang together with what it reads, that alone, each by itself.
        What its readers know is in none."""
        linked = set(question.reads)
        while more := {name for item in self._questions if linked & set(item.reads) for name in item.reads} - linked:
            linked |= more
        sets = (frozenset(linked), frozenset(question.reads), *(frozenset({name}) for name in question.reads))
        return tuple(names for names in dict.fromkeys(each - question.known - self._settled for each in sets) if names)


def spread(items: Sequence[Item], count: int) -> Sequence[Item]:
    """At most ``count`` of ``items``, at equal distances: the same for the same items."""
    return items if len(items) <= count else [items[place * len(items) // count] for place in range(count)]


def _apart(one: Item, other: Item) -> int:
    """In how many places one of two is and the other is not."""
    return len(set(one.places) ^ set(other.places))
