"""Who contributes each indicator to an epoch, and what can be formed of what came [M7, P3.3].

Of an indicator that is summed over banks the list is no one's choice: it is every bank that accepted the model, and within one data
period always the same. Two sums over the same records and different banks would differ by one bank's value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scoring.errors import EpochDefinitionError
from scoring.exchange.contributions import required_entries
from scoring.exchange.epoch import EpochState
from scoring.indicators.functional import functional
from scoring.indicators.model import Model
from scoring.indicators.pack import Contributors

if TYPE_CHECKING:
    from scoring.exchange.view import ZoneView

Missing = tuple[str, str, str]
"""(indicator, functional or –, member) of a column that did not come."""


def contributors_of(view: ZoneView, model: Model, period: str) -> dict[str, tuple[str, ...]]:
    """Indicator → the members that contribute it to an epoch of ``model`` over data period ``period`` that is opened now.

    Raises WrongOwnerError where the zone has not exactly one department to own an indicator, EpochDefinitionError where banks are too
    few, too many, or not those of an earlier epoch of the period.
    """
    found: dict[str, tuple[str, ...]] = {}
    for name, item in model.indicators.items():
        owner = item.owner
        if isinstance(owner, Contributors):
            found[name] = _banks(view, model, period, owner)
        else:
            found[name] = (view.registry.owner(owner.department, owner.level).id,)
    return found


def missing_columns(view: ZoneView, state: EpochState) -> tuple[Missing, ...]:
    """The columns that the epoch's disclosures need and that are not in the log: what its closing names as absent."""
    opened, model = state.opened, view.model(state.opened.model)
    return tuple(
        (entry.indicator, entry.functional, member)
        for entry in required_entries(model, model.disclosures("authority"))
        for member in opened.contributors[entry.indicator]
        if not view.columns.get((opened.epoch, member, entry.indicator, entry.functional))
    )


def formed(view: ZoneView, state: EpochState) -> tuple[str, ...]:
    """The functionals disclosed to the authority that a closed epoch can give: those of which every contributor's input came.

    One input less would not make another total but an opening that, beside a later one with it, shows it.
    """
    model = view.model(state.opened.model)
    lacking = {(indicator, gate_of) for indicator, gate_of, _ in missing_columns(view, state)}
    return tuple(name for name in model.disclosures("authority") if lacking.isdisjoint(_needs(model, name)))


def _needs(model: Model, name: str) -> set[tuple[str, str]]:
    return {(term.indicator, term.functional) for stage in model.stages for term in functional(model, name, stage.id).terms}


def _banks(view: ZoneView, model: Model, period: str, owner: Contributors) -> tuple[str, ...]:
    """The banks of the data period: those of its first epoch that summed anything, else all that accepted the model and are members."""
    accepted = view.accepted.get(model.sha256, frozenset())
    present = tuple(member.id for member in view.registry.with_role(owner.sum) if member.id in accepted)
    frozen = _frozen(view, period)
    if frozen is not None and not set(frozen) <= set(present):
        gone = ", ".join(sorted(set(frozen) - set(present)))
        raise EpochDefinitionError(f"{gone} contributed to an earlier epoch of data period {period}: a sum without them would show theirs [M7]")
    chosen = present if frozen is None else frozen
    if not owner.at_least <= len(chosen) <= owner.at_most:
        raise EpochDefinitionError(f"{len(chosen)} banks have accepted {model.id}@{model.version}: it takes {owner.at_least} to {owner.at_most} [M7]")
    return chosen


def _frozen(view: ZoneView, period: str) -> tuple[str, ...] | None:
    for state in view.epochs.values():  # in the order in which they were opened
        model = view.model(state.opened.model)
        if state.opened.period == period and model.contributors is not None:
            return next(state.opened.contributors[name] for name, item in model.indicators.items() if item.summed)
    return None
