"""Stages of enterprises: bands over one or several axes, each axis a record field of its owner [P3.2, M1]."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from itertools import product
from typing import Annotated, Literal

from gmpy2 import mpq
from pydantic import Field as Declared
from pydantic import model_validator

from scoring.rules.values import Field, FieldName, Number, Part, Reader
from scoring.statements import Name, StageId, Title

MISSING_CELL = "-"
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
            raise ValueError("a band goes from a value (inclusive) to a greater one (exclusive) 阶段起止须由小到大")
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
            raise ValueError(f"the default stage is one of {', '.join(self.stages)} 默认阶段不在其中")
        for name, stage in self.stages.items():
            if set(stage.on) - set(self.axes):
                raise ValueError(f"stage {name} has a band on {min(set(stage.on) - set(self.axes))}, which is not an axis 不是划分依据")
        for cell in product(*(self._samples(axis) for axis in self.axes)):
            found = self._matching(dict(zip(self.axes, cell, strict=True)))
            if len(found) != 1:
                values = ", ".join(f"{axis} = {value}" for axis, value in zip(self.axes, cell, strict=True)) or "every subject"
                raise ValueError(
                    f"bands neither overlap nor leave gaps, but {values} falls into {len(found)} stages ({', '.join(found)}) 不可重叠空缺"
                )
        return self

    def cell(self, axis: str, value: mpq | None) -> str:
        """Place of a value on an axis, as rosters write it: how many bounds of the axis it reaches, or ``-`` without a value."""
        return MISSING_CELL if value is None else str(bisect_right(self._samples(axis)[1:], value))

    def cells_on(self, axis: str) -> int:
        """Number of places on an axis: one more than it has bounds."""
        return len(self._samples(axis))

    def agrees(self, stage: str, cells: Mapping[str, str]) -> bool:
        """Whether ``stage`` can be that of a subject in these cells: its bands hold them, or it is the default, for want of other data.

        Requires a stage of the model, and for each axis a cell below ``cells_on``.
        """
        if stage == self.default:
            return True
        bands = self.stages[stage].on
        known = {axis: self._samples(axis)[int(cell)] for axis, cell in cells.items() if cell != MISSING_CELL}
        return len(known) == len(cells) and all(bands[axis].holds(value) for axis, value in known.items() if axis in bands)

    def stage_of(self, fields: Mapping[str, Field], record: Mapping[str, object], stated: Mapping[str, str] | None = None) -> str:
        """Stage of a record; the default stage when a value is missing on any axis. Raises RuleError for a malformed value.

        ``stated`` gives the cell on axes that another department tells in the roster; the record is not asked for them.
        """
        reader, cells = Reader(fields, record), {} if stated is None else stated
        own = {axis: value for axis in self.axes if axis not in cells and (value := reader.number(axis)) is not None}
        told = {axis: self._samples(axis)[int(cell)] for axis, cell in cells.items() if cell != MISSING_CELL}
        return self.default if len(own | told) < len(self.axes) else self._matching(own | told)[0]

    def _samples(self, axis: str) -> list[mpq]:
        """One value below every bound of an axis, and each bound: all cells of the grid are met, since bands are closed on the left."""
        bands = [stage.on[axis] for stage in self.stages.values() if axis in stage.on]
        bounds = sorted({bound for band in bands for bound in (band.from_, band.below) if bound is not None})
        return [bounds[0] - 1, *bounds] if bounds else [mpq(0)]

    def _matching(self, values: Mapping[str, mpq]) -> list[str]:
        return [name for name, stage in self.stages.items() if all(band.holds(values[axis]) for axis, band in stage.on.items())]
