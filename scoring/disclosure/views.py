"""What an audience is given under one or several models, as rows over unknowns [P7.1].

An unknown is an indicator of one firm, or a gate's mask. The same indicator of two models is one unknown where owner and rule are
equal; otherwise each model has its own. Every functional is a row by itself, before cap and rounding, however many of them are packed
into one opening. A percentile band is a function of a functional that its audience is given, and adds no row.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Literal, Protocol

from scoring.disclosure.inference.span import reduced
from scoring.disclosure.report import ModelRef
from scoring.indicators.functional import NO_FUNCTIONAL, functional
from scoring.indicators.model import Indicator, Model
from scoring.indicators.pack import Contributors
from scoring.rules.stages import Level, Owner

AUTHORITY, BANK = "authority", "bank"
OF_BANK = " of bank "  # one bank's value of what is summed over banks; no name contains it


@dataclass(frozen=True, slots=True)
class Audience:
    """Who learns something: kinds of audience (several together are a joint audience), and the owners whose records it holds itself.

    ``contributes``: it is, or is together with, one of the banks over which a model sums, and knows that bank's own values [M7].
    """

    name: str
    kinds: tuple[str, ...]
    holds: frozenset[Owner] = frozenset()
    binding: bool = True
    contributes: bool = False


@dataclass(frozen=True, slots=True)
class Unknown:
    """An indicator as one model has it in one stage; ``model`` is the SHA-256. ``contributor``: whose value of it, counted from 1, where it
    is summed over banks; 0 where it has one owner."""

    model: str
    stage: str
    indicator: Indicator
    contributor: int = 0

    @property
    def owner(self) -> tuple[Owner | Contributors, int]:
        """Whose it is: a department's, or one bank's."""
        return self.indicator.owner, self.contributor


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
            known |= {column for found in columns.values() for column in found if _knows(audience, unknowns[column], shown)}
            for name in disclosed(model, audience):
                terms = functional(model, name, stage).terms
                plain = [term for term in terms if term.functional == NO_FUNCTIONAL]
                row = {column: term.weight for term in plain for column in columns[term.indicator]}
                masks = {f"{self._name(model, name)} / {term.indicator}": term.weight for term in terms if term.functional != NO_FUNCTIONAL}
                gates |= set(masks)
                names.append(self._name(model, name))
                rows.append(row | masks)
        return View(tuple(names), tuple(rows), unknowns, frozenset(known), frozenset(gates))

    def _columns_of(self, model: Model, stage: str, unknowns: dict[str, Unknown]) -> dict[str, list[str]]:
        """Columns of each indicator that earns points: one, or one for each bank that it is summed over, as few as the models allow. Adds
        those that are not among ``unknowns`` yet."""
        fewest = max((owner.at_least for owner in (model.contributors for model in self.models) if owner is not None), default=0)
        found: dict[str, list[str]] = {}
        for item in model.indicators.values():
            if item.role != "points":
                continue
            owners = range(1, fewest + 1) if item.summed else (0,)
            found[item.id] = [self._column(model, stage, unknowns, Unknown(model.sha256, stage, item, owner)) for owner in owners]
        return found

    @staticmethod
    def _column(model: Model, stage: str, unknowns: dict[str, Unknown], sought: Unknown) -> str:
        column = next((name for name, other in unknowns.items() if _same(other, sought)), None)
        if column is None:
            item = sought.indicator
            column = f"{item.id}{OF_BANK}{sought.contributor}" if sought.contributor else item.id
            if column in unknowns:
                column = f"{column} ({model.id}@{model.version})"
            unknowns[column] = sought
        return column

    def _name(self, model: Model, name: str) -> str:
        return name if len(self.models) == 1 else f"{model.id}@{model.version}:{name}"


def indicator_of(column: str) -> str:
    """The indicator that a report's column is about.

    >>> indicator_of("overdue of bank 2"), indicator_of("growth")
    ('overdue', 'growth')
    """
    return column.partition(OF_BANK)[0]


def usual(models: Sequence[Model]) -> tuple[Audience, ...]:
    """Authority and bank, each with the records of a department of its own name, and both together, which is reported only."""
    owners = {item.owner for model in models for item in model.indicators.values() if isinstance(item.owner, Owner)}
    held = {kind: frozenset(owner for owner in owners if owner.department == kind) for kind in (AUTHORITY, BANK)}
    single = tuple(Audience(kind, (kind,), held[kind], contributes=kind == BANK) for kind in (AUTHORITY, BANK))
    return (*single, joint(*single))


class Party(Protocol):
    """A member as the lint sees it; also one that is only planned."""

    @property
    def id(self) -> str: ...
    @property
    def roles(self) -> Collection[str]: ...
    @property
    def level(self) -> Level | Literal[""]: ...
    @property
    def department(self) -> str: ...


def registered(members: Sequence[Party], models: Sequence[Model]) -> tuple[Audience, ...]:
    """As ``usual``, and each authority or bank of a zone that is a department too, or an authority that is a bank: it knows its own records."""
    *single, _ = usual(models)
    found = list(single)
    for audience in single:
        for member in members:
            if audience.name not in member.roles:
                continue
            own: set[Owner] = set()
            if "department" in member.roles and member.level:
                own = {Owner(department=member.department, level=member.level)}
            if own or (BANK in member.roles and not audience.contributes):
                contributes = audience.contributes or BANK in member.roles
                found.append(Audience(f"{audience.name} {member.id}", audience.kinds, audience.holds | own, contributes=contributes))
    return (*found, joint(*single))


def joint(*audiences: Audience) -> Audience:
    """Audiences that put together what they are given: reported, not binding."""
    kinds = tuple(dict.fromkeys(kind for audience in audiences for kind in audience.kinds))
    held = frozenset().union(*(audience.holds for audience in audiences))
    contributes = any(audience.contributes for audience in audiences)
    return Audience("+".join(audience.name for audience in audiences), kinds, held, binding=False, contributes=contributes)


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


def _knows(audience: Audience, unknown: Unknown, shown: frozenset[str]) -> bool:
    if unknown.contributor:
        return audience.contributes and unknown.contributor == 1
    return _has(audience, unknown.indicator) or _told(unknown.indicator, shown)


def _has(audience: Audience, item: Indicator) -> bool:
    return bool(set(audience.kinds) & item.open_to) or item.owner in audience.holds


def _shown_fields(model: Model, audience: Audience) -> frozenset[str]:
    """Fields behind the figures that the audience is given."""
    figures = (item for item in model.indicators.values() if item.role == "figure" and _has(audience, item))
    return frozenset(field.name for item in figures for field in item.fields)


def _told(item: Indicator, shown: frozenset[str]) -> bool:
    """Whether an indicator is computed from nothing but fields behind a figure that the audience is given: it counts as known [D3]."""
    return bool(item.fields) and {field.name for field in item.fields} <= shown


def _same(other: Unknown, sought: Unknown) -> bool:
    """Whether an unknown of an earlier model in the lineage is this one: the same points come out of the same owner's same record."""
    one, two = other.indicator, sought.indicator
    same_owner = one.owner == two.owner or (one.summed and two.summed)
    alike = one.id == two.id and same_owner and other.contributor == sought.contributor
    return alike and one.rules[other.stage] == two.rules[sought.stage]
