"""From a publication to what a page shows: charts and tables of what may be shown, None where it is kept back. Nothing is counted here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

from gateway.cockpit.questions import BALANCE, GATED, MOVE, OVERDUE, POINTS, REPAID, STAGE, UNRATED
from gateway.cockpit.scope import Place
from nodes.runtime.pages.charts import Chart, Series
from nodes.runtime.pages.language import N_

Translate = Callable[[str], str]
CHANGES = {"up": N_("上升"), "same": N_("持平"), "down": N_("下降"), "new": N_("新进")}
LENT = (BALANCE, REPAID, OVERDUE)
"""What the banks' sums tell of loans, in the order of the table."""
GATES = {"no": N_("未归零"), "yes": N_("一票归零")}


@dataclass(frozen=True)
class Tables:
    """The tables of one publication. ``stage_titles``: by stage, in the reader's language."""

    document: Mapping[str, Any]
    stage_titles: Mapping[str, str]
    translate: Translate

    def withheld(self, question: str) -> bool:
        """Whether nothing of a question may be shown."""
        return f"{question}/{self.document['epoch']}" in self.document["withheld"]

    def asked(self, question: str) -> bool:
        """Whether the publication asks a question at all."""
        return bool(self._groups(question)) or self.withheld(question)

    def size(self, place: Place) -> int | None:
        """Enterprises of a place; None where they are fewer than may be told."""
        found: int | None = self.document["sizes"].get(place.id)
        return found

    def number(self, question: str, place: Place, group: str) -> int | None:
        """One figure; None where it is kept back."""
        figure = self._shown.get((f"{question}/{self.document['epoch']}", place.id, group))
        return None if figure is None else figure[0]

    def amount(self, question: str, place: Place, group: str) -> int | None:
        """One sum; None where it is kept back."""
        figure = self._shown.get((f"{question}/{self.document['epoch']}", place.id, group))
        return None if figure is None else figure[1]

    def stages(self, place: Place) -> Chart:
        """How many enterprises are in each stage."""
        groups = [stage for stage in self.document["stages"] if stage in self._groups(STAGE)]
        return self._bars(N_("各发展阶段企业数"), STAGE, place, groups, [self.stage_titles.get(stage, stage) for stage in groups])

    def points(self, place: Place) -> Chart:
        """The distribution of totals, in equal classes."""
        edges = list(pairwise(self.document["edges"]))
        groups = self._groups(POINTS)
        every = [f"{number:02}" for number in range(int(groups[0]), int(groups[-1]) + 1)] if groups else []
        labels = [f"{edges[int(group)][0] // 100}–{edges[int(group)][1] // 100}" for group in every]
        return self._bars(N_("总积分分布"), POINTS, place, every, labels)

    def changes(self, question: str, place: Place) -> Chart:
        """Movement since the epoch before: of stages, or of totals by a point or more."""
        title = N_("较上期：发展阶段") if question == MOVE else N_("较上期：总积分")
        groups = [group for group in CHANGES if group in self._groups(question)]
        return self._bars(title, question, place, groups, [self.translate(CHANGES[group]) for group in groups])

    def gates(self, place: Place) -> list[tuple[str, int | None]]:
        """How many totals count as 0 by a gate, and how many do not."""
        return [(self.translate(GATES[group]), self.number(GATED, place, group)) for group in GATES if group in self._groups(GATED)]

    def loans(self, place: Place) -> list[tuple[str, list[tuple[int | None, int | None]]]]:
        """By stage, of each of ``LENT`` how many enterprises and what it comes to: balance and repaid principal in fen, loans overdue."""
        order = {stage: number for number, stage in enumerate(self.stage_titles)}
        groups = sorted({group for question in LENT for group in self._groups(question)}, key=lambda stage: order.get(stage, len(order)))
        titles = {UNRATED: self.translate(N_("未评价")), **self.stage_titles}
        return [
            (titles.get(stage, stage), [(self.number(question, place, stage), self.amount(question, place, stage)) for question in LENT])
            for stage in groups
        ]

    def lent(self, place: Place) -> Chart | None:
        """Balance and repaid principal by stage, in units of 10,000 yuan; None where none of them may be shown."""
        told = self.loans(place)
        if all(amount is None for _, figures in told for _, amount in figures[:2]):
            return None
        rows = [(self.translate(N_("贷款余额（万元）")), 0), (self.translate(N_("已还本金（万元）")), 1)]
        series = tuple(Series(name, tuple(_wan(figures[at][1]) for _, figures in told)) for name, at in rows)
        return Chart("bar", self.translate(N_("各发展阶段贷款与还款")), tuple(title for title, _ in told), series, whole=True, height=300)

    def by_place(self, places: Sequence[Place]) -> list[tuple[Place, int | None, list[int | None]]]:
        """A line for each place: its enterprises, and how many are in each stage, in the order of ``stage_columns``."""
        groups = [stage for stage in self.document["stages"] if stage in self._groups(STAGE)]
        return [(place, self.size(place), [self.number(STAGE, place, stage) for stage in groups]) for place in places]

    def stage_columns(self) -> list[str]:
        """Titles of the stages that occur."""
        return [self.stage_titles.get(stage, stage) for stage in self.document["stages"] if stage in self._groups(STAGE)]

    def _bars(self, title: str, question: str, place: Place, groups: Sequence[str], labels: Sequence[str]) -> Chart:
        known = set(self._groups(question))
        values = tuple(self.number(question, place, group) if group in known else 0 for group in groups)
        return Chart("bar", self.translate(title), tuple(labels), (Series(self.translate(N_("企业数")), values),), whole=True, height=300)

    @cached_property
    def _shown(self) -> dict[tuple[str, str, str], tuple[int, int]]:
        return {(question, place, group): (count, amount) for question, place, group, count, amount in self.document["shown"]}

    def _groups(self, question: str) -> list[str]:
        """The groups that are not empty in the whole zone, in order."""
        name = f"{question}/{self.document['epoch']}"
        found = {cell[2] for part in ("shown", "kept") for cell in self.document[part] if cell[0] == name}
        return sorted(found)


def _wan(fen: int | None) -> float | None:
    """Fen in units of 10,000 yuan."""
    return None if fen is None else fen / 1_000_000
