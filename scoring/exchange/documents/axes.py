"""Stages on a grid of two owners: the roster tells the cells of one of them, the stages have to agree with it [P3.2]."""

from __future__ import annotations

from scoring.errors import WrongOwnerError
from scoring.exchange.documents.form import refuse
from scoring.exchange.registry import MemberRegistry
from scoring.exchange.roster import Roster, Stages
from scoring.indicators.model import Model
from scoring.rules.stages import MISSING_CELL


def check_stated(stages: Stages, roster: Roster, model: Model) -> None:
    """The roster states the axes of ``model`` that are not the stage owner's, and each stage is one that its subject's cells allow.

    Raises RosterError otherwise. A subject without a cell is in the default stage; any may be, for want of the stage owner's data.
    """
    if (roster.axes, roster.model) != (model.stated_axes, model.sha256 if model.stated_axes else ""):
        refuse(f"the roster states {list(roster.axes)} for another model than {model.id}@{model.version}, which needs {list(model.stated_axes)}")
    if not roster.axes:
        return
    staging = model.pack.staging
    check_cells(roster, model)
    of = {subject: dict(zip(roster.axes, cells, strict=True)) for (subject, _), cells in zip(roster.subjects, roster.cells, strict=True)}
    for subject, _, stage in stages.subjects:
        if not staging.agrees(stage, of[subject]):
            refuse(f"subject {subject} is in stage {stage}, which its cells {of[subject]} in the roster do not allow")


def check_cells(roster: Roster, model: Model) -> None:
    """Raises RosterError for a cell beyond the bounds of its axis. Requires a roster of the model's stated axes."""
    limits = [model.pack.staging.cells_on(axis) for axis in roster.axes]
    for cells in roster.cells:
        if any(cell != MISSING_CELL and int(cell) >= limit for cell, limit in zip(cells, limits, strict=True)):
            refuse(f"a cell of {list(cells)} is beyond its axis, which has {limits}")


def check_axis_owner(registry: MemberRegistry, model: Model) -> None:
    """Stated axes are the registrar's own: who compiles the roster tells them. Raises WrongOwnerError when the zone has it otherwise."""
    owner = model.axis_owner
    registrar = registry.sole("registrar")
    if owner is not None and (owner.department, owner.level) != (registrar.department, registrar.level):
        raise WrongOwnerError(
            f"{', '.join(model.stated_axes)} of {model.id}@{model.version} belongs to {owner.department}/{owner.level}, "
            f"and the roster is compiled by {registrar.id}: an axis is the stage owner's or the registrar's"
        )
