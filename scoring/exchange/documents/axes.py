"""Stages on a grid of two owners: the roster tells the cells of one of them, the stages have to agree with it [P3.2]."""

from __future__ import annotations

from collections.abc import Mapping

from gmpy2 import mpq

from scoring.errors import RuleError, WrongOwnerError
from scoring.exchange.documents.form import refuse
from scoring.exchange.registry import MemberRegistry
from scoring.exchange.roster import Roster, Stages, StatedAxes
from scoring.indicators.model import Model
from scoring.indicators.pack import Contributors
from scoring.rules.stages import MISSING_CELL, Owner
from scoring.rules.values import Reader


def stated_axes(model: Model) -> tuple[str, ...]:
    """Axes of the model's stages that another department than the stage owner has: the registrar tells them in the roster."""
    return tuple(axis for axis in model.pack.staging.axes if _owner_of(model, axis) != model.stage_owner)


def axis_owner(model: Model) -> Owner | None:
    """The department that has the stated axes; None where there are none."""
    return next((owner for axis in stated_axes(model) if isinstance(owner := _owner_of(model, axis), Owner)), None)


def stating(model: Model, records: Mapping[str, Mapping[str, object]]) -> StatedAxes | None:
    """What the registrar tells of ``records`` (subject id -> fields); None for a model without stated axes.

    A value that is missing or malformed has no cell.
    """
    axes = stated_axes(model)
    if not axes:
        return None
    staging = model.pack.staging
    cells = {subject: tuple(staging.cell(axis, _value(model, axis, fields)) for axis in axes) for subject, fields in records.items()}
    return StatedAxes(model.sha256, axes, cells)


def check_stated(stages: Stages, roster: Roster, model: Model) -> None:
    """The roster states the axes of ``model`` that are not the stage owner's, and each stage is one that its subject's cells allow.

    Raises RosterError otherwise. A subject without a cell is in the default stage; any may be, for want of the stage owner's data.
    """
    check_axes_of(roster, model)
    if not roster.axes:
        return
    staging = model.pack.staging
    of = {subject: dict(zip(roster.axes, cells, strict=True)) for (subject, _), cells in zip(roster.subjects, roster.cells, strict=True)}
    for subject, _, stage in stages.subjects:
        if not staging.agrees(stage, of[subject]):
            refuse(f"subject {subject} is in stage {stage}, which its cells {of[subject]} in the roster do not allow")


def check_axes_of(roster: Roster, model: Model) -> None:
    """Raises RosterError unless the roster states exactly the axes of ``model`` that it has to, and no cell beyond its axis."""
    axes = stated_axes(model)
    if (roster.axes, roster.model) != (axes, model.sha256 if axes else ""):
        refuse(f"the roster states {list(roster.axes)} for another model than {model.id}@{model.version}, which needs {list(axes)}")
    limits = [model.pack.staging.cells_on(axis) for axis in roster.axes]
    for cells in roster.cells:
        if any(cell != MISSING_CELL and int(cell) >= limit for cell, limit in zip(cells, limits, strict=True)):
            refuse(f"a cell of {list(cells)} is beyond its axis, which has {limits}")


def check_axis_owner(registry: MemberRegistry, model: Model) -> None:
    """Stated axes are the registrar's own: who compiles the roster tells them. Raises WrongOwnerError when the zone has it otherwise."""
    owner = axis_owner(model)
    registrar = registry.sole("registrar")
    if owner is not None and (owner.department, owner.level) != (registrar.department, registrar.level):
        raise WrongOwnerError(
            f"{', '.join(stated_axes(model))} of {model.id}@{model.version} belongs to {owner.department}/{owner.level}, "
            f"and the roster is compiled by {registrar.id}: an axis is the stage owner's or the registrar's"
        )


def _owner_of(model: Model, field: str) -> Owner | Contributors:
    return model.pack.records[model.fields[field].record].owner


def _value(model: Model, axis: str, record: Mapping[str, object]) -> mpq | None:
    try:
        return Reader(model.fields, record).number(axis)
    except RuleError:
        return None
