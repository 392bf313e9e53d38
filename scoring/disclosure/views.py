"""What an audience is given under one or several models, as rows over unknowns [P7.1].

An unknown is an indicator of one firm, or a gate's mask. The same indicator of two models is one unknown where owner and rule are
equal; otherwise each model has its own. Every functional is a row by itself, before cap and rounding, however many of them are packed
into one opening. A percentile band is a function of a functional that its audience is given, and adds no row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

from scoring.disclosure.inference.span import reduced
from scoring.disclosure.report import ModelRef
from scoring.indicators.functional import NO_FUNCTIONAL, functional
from scoring.indicators.model import Indicator, Model
from scoring.rules.stages import Owner
from scoring.statements import Member

AUTHORITY, BANK = "authority", "bank"


@dataclass(frozen=True, slots=True)
class Audience:
    """Who learns something: kinds of audience (several together are a joint audience), and the owners whose records it holds itself."""

    name: str
    kinds: tuple[str, ...]
    holds: frozenset[Owner] = frozenset()
    binding: bool = True


@dataclass(frozen=True, slots=True)
class Unknown:
    """An indicator as one model has it in one stage; ``model`` is the SHA-256."""

    model: str
    stage: str
    indicator: Indicator


@dataclass(frozen=True)
class View:
    """Rows of one audience in one stage. ``unknowns`` are the indicators behind the columns, ``known`` those that the audience has.

    ``gates`` are the columns of masks. ``rows`` and ``names`` run in parallel.
    """

    names: tuple[str, ...]
    rows: tuple[Mapping[str, int], ...]
    unknowns: Mapping[str, Unknown]
    known: frozenset[str]
    gates: frozenset[str]

    def protected(self) -> list[dict[str, int]]:
        """The rows of a firm that no gate closes, what the audience has taken away: gates are 0 then, and the reading says so."""
        hidden = self.known | self.gates
        return [{column: weight for column, weight in row.items() if column not in hidden} for row in self.rows]

    def masked(self) -> list[dict[str, int]]:
        """The rows of a firm that may be gated, what the audience has taken away."""
        return [{column: weight for column, weight in row.items() if column not in self.known} for row in self.rows]


@dataclass(frozen=True)
class Lineage:
    """A model and the previous ones of the same data period, newest first."""

    models: tuple[Model, ...]
    _columns: dict[tuple[str, str, str], str] = field(default_factory=dict)

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
        names: list[str] = []
        rows: list[Mapping[str, int]] = []
        unknowns: dict[str, Unknown] = {}
        known: set[str] = set()
        gates: set[str] = set()
        for model, stage in zip(self.models, stages, strict=True):
            columns = self._columns_of(model, stage, unknowns)
            shown = _shown_fields(model, audience)
            known |= {columns[item.id] for item in model.indicators.values() if item.id in columns and (_has(audience, item) or _told(item, shown))}
            for name in disclosed(model, audience):
                terms = functional(model, name, stage).terms
                row = {columns[term.indicator]: term.weight for term in terms if term.functional == NO_FUNCTIONAL}
                masks = {f"{self._name(model, name)} / {term.indicator}": term.weight for term in terms if term.functional != NO_FUNCTIONAL}
                gates |= set(masks)
                names.append(self._name(model, name))
                rows.append(row | masks)
        return View(tuple(names), tuple(rows), unknowns, frozenset(known), frozenset(gates))

    def _columns_of(self, model: Model, stage: str, unknowns: dict[str, Unknown]) -> dict[str, str]:
        """Column of each indicator that earns points; adds those that are not among ``unknowns`` yet."""
        found = {}
        for item in model.indicators.values():
            if item.role != "points":
                continue
            column = next((name for name, other in unknowns.items() if _same(other, item, stage)), None)
            if column is None:
                column = item.id if item.id not in unknowns else f"{item.id} ({model.id}@{model.version})"
                unknowns[column] = Unknown(model.sha256, stage, item)
            found[item.id] = column
        return found

    def _name(self, model: Model, name: str) -> str:
        return name if len(self.models) == 1 else f"{model.id}@{model.version}:{name}"


def usual(models: Sequence[Model]) -> tuple[Audience, ...]:
    """Authority and bank, each with the records of a department of its own name, and both together, which is reported only."""
    owners = {item.owner for model in models for item in model.indicators.values()}
    held = {kind: frozenset(owner for owner in owners if owner.department == kind) for kind in (AUTHORITY, BANK)}
    single = tuple(Audience(kind, (kind,), held[kind]) for kind in (AUTHORITY, BANK))
    return (*single, joint(*single))


def registered(members: Sequence[Member], models: Sequence[Model]) -> tuple[Audience, ...]:
    """As ``usual``, and each authority or bank of a zone that is a department too, which knows its own records."""
    *single, _ = usual(models)
    found = list(single)
    for audience in single:
        for member in members:
            if audience.name in member.roles and "department" in member.roles and member.level:
                own = Owner(department=member.department, level=member.level)
                found.append(Audience(f"{audience.name} {member.id}", audience.kinds, audience.holds | {own}))
    return (*found, joint(*single))


def joint(*audiences: Audience) -> Audience:
    """Audiences that put together what they are given: reported, not binding."""
    kinds = tuple(dict.fromkeys(kind for audience in audiences for kind in audience.kinds))
    held = frozenset().union(*(audience.holds for audience in audiences))
    return Audience("+".join(audience.name for audience in audiences), kinds, held, binding=False)


def disclosed(model: Model, audience: Audience) -> list[str]:
    """Declared functionals that the audience may be given, in the model's order."""
    return [name for name, spec in model.functionals.items() if set(audience.kinds) & set(spec.disclosed_to)]


def independent(model: Model, audience: Audience, stage: str) -> int:
    """Number of functionals of the model for the audience in a stage, proportional ones counted once and gates left out."""
    shapes = set()
    for name in disclosed(model, audience):
        terms = functional(model, name, stage).terms
        row = {term.indicator: term.weight for term in terms if term.functional == NO_FUNCTIONAL}
        shapes |= {tuple(sorted(line.items())) for line in reduced([row])}
    return len(shapes)


def _has(audience: Audience, item: Indicator) -> bool:
    return bool(set(audience.kinds) & item.open_to) or item.owner in audience.holds


def _shown_fields(model: Model, audience: Audience) -> frozenset[str]:
    """Fields behind the figures that the audience is given."""
    figures = (item for item in model.indicators.values() if item.role == "figure" and _has(audience, item))
    return frozenset(field.name for item in figures for field in item.fields)


def _told(item: Indicator, shown: frozenset[str]) -> bool:
    """Whether an indicator is computed from nothing but fields behind a figure that the audience is given: it counts as known [D3]."""
    return bool(item.fields) and {field.name for field in item.fields} <= shown


def _same(other: Unknown, item: Indicator, stage: str) -> bool:
    """Whether an unknown of an earlier model in the lineage is this indicator: the same points come out of the same record."""
    alike = other.indicator.id == item.id and other.indicator.owner == item.owner
    return alike and other.indicator.rules[other.stage] == item.rules[stage]
