"""Stages of enterprises: bands over one or several axes, each axis a record field of its owner [P3.2, M1]."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Annotated, Literal

from gmpy2 import mpq
from pydantic import Field as Declared
from pydantic import model_validator

from scoring.rules.values import Field, FieldName, Number, Part, Reader
from scoring.statements import Name, StageId, Title

Level = Literal["province", "city", "county"]


class Owner(Part):
    """The department that owns records or publishes stages: its role and its level decide which member that is."""

    department: Name
    level: Level

    @property
    def name(self) -> str:
        """How reports and tables name the owner."""
        return f"{self.department}/{self.level}"


class Interval(Part):
    """Values from ``from`` (closed) to ``below`` (open); an absent bound leaves that side open-ended."""

    from_: Annotated[Number | None, Declared(alias="from")] = None
    below: Number | None = None

    @model_validator(mode="after")
    def _not_empty(self) -> Interval:
        if self.from_ is not None and self.below is not None and self.from_ >= self.below:
            raise ValueError("a band goes from a value (inclusive) to a greater one (exclusive)")
        return self

    def holds(self, value: mpq) -> bool:
        return (self.from_ is None or value >= self.from_) and (self.below is None or value < self.below)


class StageSpec(Part):
    """One stage: an interval on each axis of the model, none where the model has no axis."""

    title: Title
    on: dict[FieldName, Interval] = Declared(default_factory=dict)


class Staging(Part):
    """How subjects are staged. ``owner`` publishes the stages; ``default`` is for a subject without staging data [P3.1]."""

    owner: Owner
    default: StageId
    axes: tuple[FieldName, ...]
    stages: Annotated[dict[StageId, StageSpec], Declared(min_length=1)]

    @model_validator(mode="after")
    def _partition(self) -> Staging:
        if self.default not in self.stages:
            raise ValueError(f"the default stage is one of {', '.join(self.stages)}")
        for name, stage in self.stages.items():
            if set(stage.on) - set(self.axes):
                raise ValueError(f"stage {name} has a band on {min(set(stage.on) - set(self.axes))}, which is not an axis")
        for cell in product(*(self._samples(axis) for axis in self.axes)):
            found = self._matching(dict(zip(self.axes, cell, strict=True)))
            if len(found) != 1:
                values = ", ".join(f"{axis} = {value}" for axis, value in zip(self.axes, cell, strict=True)) or "every subject"
                raise ValueError(f"bands neither overlap nor leave gaps, but {values} falls into {len(found)} stages ({', '.join(found)})")
        return self

    def _samples(self, axis: str) -> list[mpq]:
        """One value below every bound of an axis, and each bound: all cells of the grid are met, since bands are closed on the left."""
        bands = [stage.on[axis] for stage in self.stages.values() if axis in stage.on]
        bounds = sorted({bound for band in bands for bound in (band.from_, band.below) if bound is not None})
        return [bounds[0] - 1, *bounds] if bounds else [mpq(0)]

    def _matching(self, values: Mapping[str, mpq]) -> list[str]:
        return [name for name, stage in self.stages.items() if all(band.holds(values[axis]) for axis, band in stage.on.items())]

    def stage_of(self, fields: Mapping[str, Field], record: Mapping[str, object]) -> str:
        """Stage of a record; the default stage when a value is missing on any axis. Raises RuleError for a malformed value."""
        reader = Reader(fields, record)
        values = {axis: value for axis in self.axes if (value := reader.number(axis)) is not None}
        return self.default if reader.missing else self._matching(values)[0]
