"""Which figures are shown: small ones are kept back, and as many others as it takes that no kept-back one can be computed [T1–T3].

Decided once for all tables of a publication together, whatever rows, columns, totals or filters a page shows later, and together with
everything that was published before. The result is data: pages choose from it and compute nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from scoring.disclosure.tables.exchanges import Exchange, Exchanges, Recipe
from scoring.disclosure.tables.figures import Cell, Figure, Item, Question, possible, tabulate

SMALLEST = 5
"""Fewer enterprises than this are not shown [T1.1]."""
P_PERCENT = 10
"""A sum is kept back when without its two largest amounts less than this share of the largest is left [T1.2]."""
BREADTHS = (12, 40)


@dataclass(frozen=True)
class Before:
    """What earlier publications showed and kept back, of the questions that they asked: it cannot be taken back or shown any more [T3.1].
    ``protections``: what protected each figure then. ``settled``: values of results of which other tables stand than these publications'; no
    other population may have them elsewhere."""

    questions: Sequence[Question] = ()
    shown: frozenset[Cell] = frozenset()
    kept: frozenset[Cell] = frozenset()
    protections: Mapping[Cell, Recipe] = field(default_factory=dict, repr=False)
    settled: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Publication:
    """Figures that are shown, and the cells that are kept back, each protected by an exchange. ``withheld``: questions of which nothing is
    shown, since a figure of them could not be protected [T2.3]."""

    shown: dict[Cell, Figure]
    kept: frozenset[Cell]
    protections: dict[Cell, Exchange] = field(repr=False)
    withheld: frozenset[str] = frozenset()


def publish(items: Sequence[Item], questions: Sequence[Question], before: Before | None = None, smallest: int = SMALLEST) -> Publication:
    """What may be shown of ``questions`` about ``items``, beside all of ``before``. Groups that are empty everywhere are in no table [T1.3]."""
    earlier = before or Before()
    asked, withheld = list(questions), set[str]()
    while True:
        try:
            return _Suppression(items, asked, earlier, smallest).run(frozenset(withheld))
        except _UnprotectedError as error:
            stuck = {name for question in (*asked, *earlier.questions) if question.id == error.cell.question for name in question.reads}
            dropped = [question for question in asked if stuck & set(question.reads)] or list(asked)
            withheld |= {question.id for question in dropped}
            asked = [question for question in asked if question not in dropped]
            if not dropped:
                return Publication({}, frozenset(), {}, frozenset(withheld))


class _UnprotectedError(Exception):
    """No exchange protects a cell. Never leaves this module."""

    def __init__(self, cell: Cell) -> None:
        super().__init__(str(cell))
        self.cell = cell


class _Suppression:
    """One attempt, over ``asked`` and everything earlier."""

    def __init__(self, items: Sequence[Item], asked: Sequence[Question], before: Before, smallest: int) -> None:
        self._before = before
        questions = (*before.questions, *asked)
        self._asked = {question.id for question in asked}
        self._figures = tabulate(items, asked)
        self._known = {question.id: question.known for question in questions}
        self._exchanges = Exchanges(items, questions, before.settled)
        places = sorted({place for item in items for place in item.places})
        groups = sorted({(cell.question, cell.group) for cell in self._figures})
        self._cells = [Cell(question, place, group) for question, group in groups for place in places]
        public = {(question.id, place) for question in questions for place in question.public_at}
        self._open = frozenset(self._cells)  # a group that is empty everywhere is known to be
        able = {question.id: possible(items, question) for question in questions if question.known}
        told = {cell for cell in (*self._cells, *before.kept) if cell.question in able and cell not in able[cell.question]}  # nobody can be there
        self._fixed = before.shown | told | {cell for cell in (*self._cells, *before.kept) if (cell.question, cell.place) in public}
        summed = {question.id for question in asked if question.sums}
        only = {question.id: question.only for question in asked if question.only is not None}
        self._unfit = {cell for cell in self._cells if self._small(cell, smallest) or (cell.question in summed and self._dominated(cell))}
        self._unfit |= {cell for cell in self._cells if cell.question in only and (cell.place, cell.group) not in only[cell.question]}
        self._kept = (set(before.kept) | self._unfit) - self._fixed
        self._protections: dict[Cell, Exchange] = {}

    def run(self, withheld: frozenset[str]) -> Publication:
        """Raises _UnprotectedError."""
        todo = sorted(self._kept, key=lambda cell: (-self._count(cell), cell))
        while todo:
            cell = todo.pop()
            if cell in self._protections:
                continue
            exchange = self._cheapest(cell)
            fresh = [changed for changed in exchange.changes if changed not in self._kept]
            self._kept.update(fresh)
            for changed, (count, _) in exchange.changes.items():
                if count and self._hides(exchange, changed):
                    self._protections.setdefault(changed, exchange)
            todo.extend(sorted(changed for changed in fresh if changed not in self._protections))
        new = frozenset(cell for cell in self._kept if cell.question in self._asked)
        hidden = new | self._unfit  # a figure that the exchange publishes itself is not repeated where it is small
        shown = {cell: self._figures.get(cell, Figure()) for cell in self._cells if cell not in hidden}
        return Publication(shown, frozenset(hidden), self._protections, withheld)

    def _cheapest(self, cell: Cell) -> Exchange:
        """The exchange that changes ``cell`` and keeps back the fewest figures that are not kept back yet."""
        best: tuple[tuple[int, int], Exchange] | None = None
        for candidates in self._candidates(cell):
            for exchange in candidates:
                if cell not in exchange.changes or not exchange.changes[cell][0] or not self._hides(exchange, cell):
                    continue
                cost = self._cost(exchange.changes)
                if cost is not None and (best is None or cost < best[0]):
                    best = cost, exchange
                    if cost == (0, 0):
                        return exchange
            if best is not None:
                return best[1]
        raise _UnprotectedError(cell)

    def _hides(self, exchange: Exchange, cell: Cell) -> bool:
        """Whether readers of a figure cannot rule an exchange out by what they know of each enterprise."""
        return not exchange.recipe.names & self._known[cell.question]

    def _candidates(self, cell: Cell) -> Iterator[Iterable[Exchange]]:
        """What protected the cell before; then ever more of what else there is."""
        known = self._before.protections.get(cell)
        few, many = (self._exchanges.changing(cell, breadth) for breadth in BREADTHS)
        yield chain(() if known is None else self._exchanges.again(known), few)
        yield many

    def _cost(self, changed: Collection[Cell]) -> tuple[int, int] | None:
        """(enterprises, figures) that an exchange would keep back besides; None where it changes what must stand. Figures of many weigh more:
        those of whole places are what people look at first."""
        fresh = [cell for cell in changed if cell not in self._kept]
        if any(cell in self._fixed or cell not in self._open for cell in fresh):
            return None
        return sum(self._count(cell) for cell in fresh), len(fresh)

    def _count(self, cell: Cell) -> int:
        figure = self._figures.get(cell)
        return 0 if figure is None else figure.count

    def _small(self, cell: Cell, smallest: int) -> bool:
        return self._count(cell) < smallest

    def _dominated(self, cell: Cell) -> bool:
        figure = self._figures.get(cell, Figure())
        first, second = figure.largest
        return (figure.amount - first - second) * 100 < first * P_PERCENT
