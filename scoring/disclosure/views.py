"""What an audience is given under one or several models, as rows over unknowns, and what it sees beside [P7.1].

An unknown is a function of one owner's record, or a gate's mask; what is the same function in two models, or twice in one, is one unknown.
Every functional is a row by itself, before cap and rounding, however many of them are packed into one opening. A percentile band is a
function of a functional that its audience is given, and adds no row; a list of the best tells everyone something of its functional, which
is a row of every audience.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import lcm

from scoring.disclosure.audiences import Audience
from scoring.disclosure.functions.cells import Bands
from scoring.disclosure.inference.span import reduced
from scoring.disclosure.inference.variable import Variable
from scoring.disclosure.knowledge import Knowledge, Unknown, know
from scoring.disclosure.report import ModelRef
from scoring.indicators.functional import NO_FUNCTIONAL, functional
from scoring.indicators.model import Indicator, Model
from scoring.rules.stages import Interval

OF_BANK = " of bank "  # one bank's value of what is summed over banks; no name contains it
Row = Mapping[str, int]


@dataclass(frozen=True)
class View:
    """Rows of one audience in one stage. ``known``: columns that the audience has. ``gates``: columns of masks. ``rows`` and ``names`` run in
    parallel."""

    names: tuple[str, ...]
    rows: tuple[Row, ...]
    known: frozenset[str]
    gates: frozenset[str]
    knowledge: Knowledge

    @property
    def unknowns(self) -> Mapping[str, Unknown]:
        """The indicators behind the columns."""
        return self.knowledge.unknowns

    @property
    def variables(self) -> Sequence[Variable]:
        """Variables of several functions, or that the stage narrows."""
        return self.knowledge.variables

    def hidden(self) -> list[str]:
        """Columns of what is protected from the audience."""
        return [column for column in self.unknowns if column not in self.known]

    def protected(self) -> list[dict[str, int]]:
        """The rows of a firm that no gate closes, what the audience has taken away: gates are 0 then, and the reading says so."""
        return _without(self.rows, self.known | self.knowledge.covered | self.gates)

    def masked(self) -> list[dict[str, int]]:
        """The rows of a firm that may be gated, what the audience has taken away."""
        return _without(self.rows, self.known | self.knowledge.covered)

    def independent(self, rows: Sequence[Row]) -> list[dict[str, int]]:
        """The rows over unknowns of which none is a sum of others and of what is told; all multiplied by the same number."""
        made_of = self.knowledge.relations
        scale = lcm(*(int(times.denominator) for parts in made_of.values() for times in parts.values()))
        found: list[dict[str, int]] = []
        for row in rows:
            over: dict[str, int] = {}
            for column, weight in row.items():
                parts = made_of.get(column)
                for name, times in [(column, 1)] if parts is None else parts.items():
                    over[name] = over.get(name, 0) + int(weight * times * scale)
            found.append({name: weight for name, weight in over.items() if weight})
        return found

    def aliases(self, column: str) -> list[tuple[str, str]]:
        """(model, id) of every indicator that is this unknown."""
        return [(model, name) for (model, name, _), other in self.knowledge.same.items() if other == column]


@dataclass(frozen=True)
class Lineage:
    """A model and the previous ones of the same data period, newest first."""

    models: tuple[Model, ...]

    def refs(self) -> tuple[ModelRef, ...]:
        return tuple(ModelRef(model.id, model.version, model.sha256) for model in self.models)

    def stages(self, stage: str) -> list[tuple[str, ...]]:
        """The stages in which a firm can be under each model when it is in ``stage`` under the newest: the same where both stage alike."""
        newest = self.models[0]
        choices = [[stage]]
        for model in self.models[1:]:
            alike = model.pack.staging == newest.pack.staging
            choices.append([stage] if alike else [item.id for item in model.stages])
        return list(product(*choices))

    def view(self, audience: Audience, stages: Sequence[str]) -> View:
        """What ``audience`` is given about a firm in these stages, one for each model."""
        placed = list(zip(self.models, stages, strict=True))
        knowledge = self._knowledge(audience, placed)
        columns = knowledge.same
        known = {column for (model, name, contributor), column in columns.items() if self._knows(audience, model, name, contributor)}
        names: list[str] = []
        rows: list[Row] = []
        gates: set[str] = set()
        for model, stage in placed:
            for name in given(model, audience):
                row: dict[str, int] = {}
                for term in functional(model, name, stage).terms:
                    if term.functional != NO_FUNCTIONAL:
                        mask = f"{self._name(model, name)} / {term.indicator}"
                        gates.add(mask)
                        row[mask] = term.weight
                        continue
                    for number in self._contributors(model.indicators[term.indicator]):
                        column = columns[model.sha256, term.indicator, number]
                        row[column] = row.get(column, 0) + term.weight
                names.append(self._name(model, name))
                rows.append(row)
        return View(tuple(names), tuple(rows), frozenset(known), frozenset(gates), knowledge)

    def _knowledge(self, audience: Audience, placed: Sequence[tuple[Model, str]]) -> Knowledge:
        everything = [Unknown(model.sha256, stage, item, number) for model, stage in placed for item, number in self._items(model)]
        told = [(item, how) for item in everything if (how := self._reads(audience, item))]
        points = [item for item in everything if item.indicator.role == "points"]
        names: dict[str, str] = {}

        def name(item: Unknown) -> str:
            column = f"{item.indicator.id}{OF_BANK}{item.contributor}" if item.contributor else item.indicator.id
            if names.setdefault(column, item.model) != item.model:
                model = next(model for model, _ in placed if model.sha256 == item.model)
                column = f"{column} ({model.id}@{model.version})"
            return column

        def known(item: Unknown) -> bool:
            return self._knows(audience, item.model, item.indicator.id, item.contributor)

        return know(points, told, known, _bands(placed), name)

    def _reads(self, audience: Audience, item: Unknown) -> str:
        """How the audience reads a gate, a veto or a figure; empty where it does not."""
        model = self._model(item.model)
        if item.indicator.gate:
            closed = {gate for name in given(model, audience) for gate in model.functionals[name].gates}
            return "sign" if item.indicator.id in closed else ""
        if item.indicator.role == "points" or not audience.has(item.indicator):
            return ""
        return "whole" if item.indicator.role == "figure" else "value"

    def _knows(self, audience: Audience, sha256: str, name: str, contributor: int) -> bool:
        item = self._model(sha256).indicators[name]
        if contributor:
            return audience.contributes and contributor == 1
        return audience.has(item) or self._told(audience, item)

    def _told(self, audience: Audience, item: Indicator) -> bool:
        """Whether an indicator is computed from nothing but fields behind figures that the audience is given: it counts as known [D3]."""
        figures = (other for model in self.models for other in model.indicators.values() if other.role == "figure" and audience.has(other))
        shown = {field.name for other in figures if other.owner == item.owner for field in other.fields}
        return bool(item.fields) and {field.name for field in item.fields} <= shown

    def _items(self, model: Model) -> Iterator[tuple[Indicator, int]]:
        return ((item, number) for item in model.indicators.values() for number in self._contributors(item))

    def _contributors(self, item: Indicator) -> Sequence[int]:
        """One for each bank that an indicator is summed over, as few as the models allow; 0 where it has one owner."""
        fewest = max((owner.at_least for owner in (model.contributors for model in self.models) if owner is not None), default=0)
        return range(1, fewest + 1) if item.summed else (0,)

    def _model(self, sha256: str) -> Model:
        return next(model for model in self.models if model.sha256 == sha256)

    def _name(self, model: Model, name: str) -> str:
        return name if len(self.models) == 1 else f"{model.id}@{model.version}:{name}"


def indicator_of(column: str) -> str:
    """The indicator that a report's column is about.

    >>> indicator_of("overdue of bank 2"), indicator_of("growth")
    ('overdue', 'growth')
    """
    return column.partition(OF_BANK)[0]


def disclosed(model: Model, audience: Audience) -> list[str]:
    """Declared functionals that the audience may be given, in the model's order."""
    return [name for name, spec in model.functionals.items() if set(audience.kinds) & set(spec.disclosed_to)]


def given(model: Model, audience: Audience) -> list[str]:
    """Those, and functionals by which firms are listed, of which a list tells something."""
    listed = {spec.functional for spec in model.pack.rankings.values()}
    return [name for name in model.functionals if name in listed or name in disclosed(model, audience)]


def independent(model: Model, audience: Audience, stage: str) -> int:
    """Number of functionals of the model for the audience in a stage, proportional ones counted once and gates left out."""
    shapes = set()
    for name in disclosed(model, audience):
        terms = functional(model, name, stage).terms
        row = {term.indicator: term.weight for term in terms if term.functional == NO_FUNCTIONAL}
        shapes |= {tuple(sorted(line.items())) for line in reduced([row])}
    return len(shapes)


def _without(rows: Sequence[Row], away: frozenset[str] | set[str]) -> list[dict[str, int]]:
    return [{column: weight for column, weight in row.items() if column not in away} for row in rows]


def _bands(placed: Sequence[tuple[Model, str]]) -> Bands:
    """Of each staging field, the bands of the stages and whether each is the default one. A model that stages by several fields puts whoever
    lacks one of them into the default stage, whatever the others say: that stage has no band then."""
    found: dict[str, list[tuple[Interval | None, bool]]] = {}
    for model, stage in placed:
        staging = model.pack.staging
        default = stage == staging.default
        for axis in staging.axes:
            band = None if default and len(staging.axes) > 1 else staging.stages[stage].on.get(axis)
            found.setdefault(axis, []).append((band, default))
    return found
