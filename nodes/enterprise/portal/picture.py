"""A portrait as people read it: totals by dimension, points by indicator, what would raise them; from the opened portrait and the model's rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scoring.advice.ranking import Advice, IndicatorAdvice, Step, advise
from scoring.advice.words import step_words
from scoring.indicators.functional import functional
from scoring.indicators.model import Indicator, Model
from scoring.indicators.plain import TOTAL, dimension_totals
from scoring.statements import Title


@dataclass(frozen=True, slots=True)
class Scored:
    """One indicator of a portrait, hundredths: its points, its greatest points, its weight in the stage."""

    indicator: Indicator
    dimension: Title
    points: int
    most: int
    weight: int

    @property
    def contribution(self) -> int:
        """What it adds to the total."""
        return self.weight * self.points

    @property
    def possible(self) -> int:
        """What it could add at most."""
        return max(self.weight * bound for bound in self.indicator.bounds)


@dataclass(frozen=True, slots=True)
class Dimension:
    """One dimension of a portrait, weighted hundredths, and the greatest that it can have."""

    title: Title
    total: int
    most: int

    @property
    def percent(self) -> float:
        """Of the greatest, never below 0."""
        return round(max(100 * self.total / self.most, 0), 1) if self.most > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Advised:
    """One step as it is shown: of which indicator, what it asks for, what it gives."""

    of: IndicatorAdvice
    title: Title
    step: Step
    words: Title
    shared: tuple[Title, ...]


@dataclass(frozen=True)
class Picture:
    """A portrait with its model."""

    portrait: Mapping[str, Any]
    model: Model

    @property
    def stage(self) -> Title:
        """The stage's title."""
        return next(stage.title for stage in self.model.stages if stage.id == self.portrait["stage"])

    @property
    def points(self) -> dict[str, int]:
        """Points of each indicator that earns any, hundredths."""
        opened = {item["name"]: int(item["hundredths"]) for item in self.portrait["values"] if item["kind"] == "indicator"}
        return {name: value for name, value in opened.items() if self.model.indicators[name].role == "points"}

    @property
    def singles(self) -> dict[str, int]:
        """Vetoes and figures, hundredths."""
        opened = {item["name"]: int(item["hundredths"]) for item in self.portrait["values"] if item["kind"] == "indicator"}
        return {name: value for name, value in opened.items() if self.model.indicators[name].role != "points"}

    @property
    def total(self) -> int:
        """The total, hundredths; 0 when gated."""
        return int(self._functional(TOTAL)["hundredths"])

    @property
    def gated(self) -> bool:
        """Whether a gate holds the total at 0."""
        return bool(self._functional(TOTAL)["gated"])

    @property
    def band(self) -> str | None:
        """The band of percentiles among the enterprises of the stage; None where none is published."""
        band: str | None = self._functional(TOTAL)["band"]
        return band

    @property
    def most(self) -> int:
        """The greatest total of the stage, hundredths."""
        return functional(self.model, TOTAL, self.portrait["stage"]).plain_hi

    def dimensions(self) -> Sequence[Dimension]:
        """Every dimension, in the model's order."""
        stage = self.portrait["stage"]
        totals = dimension_totals(self.model, stage, self._scored_points())
        greatest = dict.fromkeys(self.model.pack.dimensions, 0)
        for item in self.indicators():
            assert item.indicator.dimension is not None
            greatest[item.indicator.dimension] += item.possible
        return [Dimension(title, totals[name], greatest[name]) for name, title in self.model.pack.dimensions.items()]

    def indicators(self) -> Sequence[Scored]:
        """Every indicator that was opened, in the model's order."""
        stage, dimensions = self.portrait["stage"], self.model.pack.dimensions
        found = []
        for name, points in self.points.items():
            indicator = self.model.indicators[name]
            assert indicator.dimension is not None
            found.append(Scored(indicator, dimensions[indicator.dimension], points, indicator.bounds[1], indicator.weight(stage)))
        return found

    def advice(self, record: Mapping[str, object]) -> Advice:
        """What would raise the total, with what is known of the record."""
        return advise(self.model, self.portrait["stage"], self._scored_points(), gated=self.gated, record=record)

    def steps(self, advice: Advice, *, next_only: bool) -> list[Advised]:
        """The steps of ``advice`` in words, the next of each indicator or all."""
        found = []
        for item in advice.indicators:
            shared = tuple(self.model.indicators[name].title for name in item.shared)
            for step in item.steps[:1] if next_only else item.steps:
                found.append(Advised(item, self.model.indicators[item.indicator].title, step, step_words(self.model, step), shared))
        return found

    def _scored_points(self) -> dict[str, int]:
        """With 0 for indicators that nobody can open singly: those that are summed over banks."""
        summed = {name: 0 for name, item in self.model.indicators.items() if item.role == "points"}
        return summed | self.points

    def _functional(self, name: str) -> Mapping[str, Any]:
        return next(item for item in self.portrait["values"] if item["name"] == name and item["kind"] == "functional")
