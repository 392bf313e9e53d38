"""What a pack may contain: the schema of an indicator model's YAML. Shape only; ``scoring.indicators.checking`` judges how the parts fit."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from gmpy2 import mpq
from pydantic import Discriminator, StringConstraints, Tag, model_validator
from pydantic import Field as Declared

from scoring.indicators.provenance import Notes
from scoring.rules.credit import ProductSpec
from scoring.rules.points import Rule
from scoring.rules.stages import Owner, Staging
from scoring.rules.values import FieldName, FieldSpec, Number, Part, Points
from scoring.statements import Hex32, Name, StageId, Title

FORMAT = "xinqiao/model/v1"
WEIGHT_LIMIT = 1 << 16
CONTRIBUTORS_LIMIT = 64
Audience = Literal["authority", "bank", "enterprise"]
Role = Literal["points", "gate", "veto", "figure"]
Weight = Annotated[int, Declared(gt=-WEIGHT_LIMIT, lt=WEIGHT_LIMIT)]
Date = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$")]
Version = Annotated[str, StringConstraints(pattern=r"^[0-9a-z][0-9a-z.-]{0,30}$")]


class Contributors(Part):
    """Every bank of the zone: each owns its own record of a firm, and nothing but the sum over all of them is ever opened [M7].

    So many, at least and at most, contribute to an epoch: the fewest are what the lint reckons with, the most what a slot has room for.
    """

    sum: Literal["bank"]
    at_least: Annotated[int, Declared(ge=2, le=CONTRIBUTORS_LIMIT)] = 2
    at_most: Annotated[int, Declared(ge=2, le=CONTRIBUTORS_LIMIT)] = 16

    @model_validator(mode="after")
    def _ordered(self) -> Contributors:
        if self.at_least > self.at_most:
            raise ValueError("at_least is no more than at_most 下限不得高于上限")
        return self

    @property
    def name(self) -> str:
        """How reports and tables name the owners."""
        return f"each {self.sum}"


def _owner_kind(value: Any) -> str:
    return "sum" if isinstance(value, Contributors) or (isinstance(value, dict) and "sum" in value) else "one"


RecordOwner = Annotated[Annotated[Owner, Tag("one")] | Annotated[Contributors, Tag("sum")], Discriminator(_owner_kind)]


class RecordSpec(Part):
    """A record of one department, or of each bank: what it is, who owns it, and its fields. Field names are unique in the pack."""

    title: Title
    owner: RecordOwner
    fields: dict[FieldName, FieldSpec]


class IndicatorSpec(Part):
    """An indicator, a gate, a veto or a figure, computed from one record.

    ``bounds`` are points [lowest, highest], declared so that intervals do not depend on reading the rules; gates have none, and
    gates, vetoes and figures have no weights. ``open_to`` names the audiences that may receive the single value. A figure is an amount in
    ``unit`` that enters no functional: it is opened by itself, for a product's line or as a condition.
    """

    title: Title
    role: Role = "points"
    dimension: Name | None = None
    record: Name
    unit: str = ""
    definition: Title
    rule: Rule
    rule_by_stage: dict[StageId, Rule] = Declared(default_factory=dict)
    weights: Weight | dict[StageId, Weight] | None = None
    bounds: tuple[Points, Points] | None = None
    open_to: tuple[Audience, ...] = ()
    provenance: Notes

    @model_validator(mode="after")
    def _role(self) -> IndicatorSpec:
        scored = self.role == "points"
        if scored != (self.weights is not None) or scored != (self.dimension is not None):
            raise ValueError("an indicator has weights and a dimension; a gate, a veto or a figure has neither 计分指标要有权重和维度，其他角色没有")
        if (self.role == "gate") == (self.bounds is not None):
            raise ValueError("an indicator, a veto or a figure has bounds; a gate has none 计分、否决、数值要有最低最高分，归零条件没有")
        if self.role == "gate" and self.open_to:
            raise ValueError("a gate is open to nobody: what is open is a veto 归零条件不向任何人开放")
        if self.role == "figure" and not (self.open_to and self.unit):
            raise ValueError("a figure states its unit, and to whom it is open 数值要写单位和开放对象")
        return self


class FunctionalSpec(Part):
    """A linear function: the weighted indicators of some dimensions (all when absent), a constant, and the gates that zero it."""

    title: Title
    dimensions: tuple[Name, ...] | None = None
    gates: tuple[Name, ...] = ()
    constant: Points = mpq(0)
    disclosed_to: tuple[Audience, ...]


class Exposure(Part):
    """What an indicator's owner accepts that an audience learns in these stages, beyond the zone's disclosure policy [P7.1].

    It is a limit and not a blank cheque: the lint refuses what is worse than ``pinned_at_most`` or ``ratio_at_least``.
    """

    indicator: Name
    audiences: Annotated[tuple[Literal["authority", "bank"], ...], Declared(min_length=1)]
    stages: Annotated[tuple[StageId, ...], Declared(min_length=1)]
    pinned_at_most: Annotated[Number, Declared(ge=0, le=1)] | None = None
    ratio_at_least: Annotated[Number, Declared(ge=0, le=1)] | None = None
    reason: Title
    accepted_by: RecordOwner

    @model_validator(mode="after")
    def _limited(self) -> Exposure:
        if self.pinned_at_most is None and self.ratio_at_least is None:
            raise ValueError("an exposure says what it accepts: pinned_at_most, ratio_at_least, or both 例外要写明限度")
        return self


class PublicFact(Part):
    """A condition on what a public register says (age, listing): met when the rule gives positive points. Judged in clear, never encrypted."""

    title: Title
    record: Name
    definition: Title
    rule: Rule
    provenance: Notes


class Qualification(Part):
    """What the rule asks beside the points: a least total, fields that must be positive, public facts. It never changes a point."""

    title: Title
    minimum_total: Points
    positive: tuple[FieldName, ...] = ()
    public: dict[Name, PublicFact] = Declared(default_factory=dict)
    provenance: Notes


class RankingSpec(Part):
    """A list of the best of each stage: those between two shares from the top, in percent; ``from_top`` belongs to it, ``below_top`` does not.

    Who that is, ``scoring.release.percentiles.listed`` says from an epoch's totals.
    """

    title: Title
    functional: Name
    from_top: Annotated[Number, Declared(ge=0, le=100)]
    below_top: Annotated[Number, Declared(ge=0, le=100)]
    provenance: Notes

    @model_validator(mode="after")
    def _not_empty(self) -> RankingSpec:
        if self.from_top >= self.below_top:
            raise ValueError("a list goes from a share of the best (inclusive) to a greater one (exclusive), in percent 榜单起止百分比须由小到大")
        return self


class SourcePack(Part):
    """One of the packs that a resolved pack was made of, and what it did to those before it: dotted names of parts."""

    id: Name
    version: Version
    sha256: Hex32
    adds: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    removes: tuple[str, ...] = ()


class Pack(Part):
    """A whole indicator model. ``zone`` is the zone it is made for, or ``any``. ``resolved_from``: the packs that it was made of by
    ``extends``, the first base first (docs/specs/models.md); empty for a pack that stands by itself."""

    format: Literal["xinqiao/model/v1"]
    id: Name
    version: Version
    title: Title
    zone: Name
    valid_from: Date
    valid_until: Date | None = None
    records: Annotated[dict[Name, RecordSpec], Declared(min_length=1)]
    dimensions: Annotated[dict[Name, Title], Declared(min_length=1)]
    staging: Staging
    staging_provenance: Notes
    indicators: Annotated[dict[Name, IndicatorSpec], Declared(min_length=1)]
    functionals: Annotated[dict[Name, FunctionalSpec], Declared(min_length=1)]
    products: dict[Name, ProductSpec] = Declared(default_factory=dict)
    product_provenance: dict[Name, Notes] = Declared(default_factory=dict)
    exposures: tuple[Exposure, ...] = ()
    qualification: Qualification | None = None
    rankings: dict[Name, RankingSpec] = Declared(default_factory=dict)
    resolved_from: tuple[SourcePack, ...] = ()
