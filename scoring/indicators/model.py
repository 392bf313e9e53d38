"""An indicator model: a pack that was read, checked and prepared for use. Pure; packs come in as bytes.

Everybody who computes with a model (owners, coordinator, custodians, audiences, auditors) uses the same bytes, known by their SHA-256.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from pydantic import ValidationError

from crypto.encoding import sha256
from crypto.packing import interval_bits, slots
from scoring.errors import ModelError
from scoring.indicators import functional as functionals
from scoring.indicators.checking.problems import problems
from scoring.indicators.document import Document, parse_document
from scoring.indicators.functional import Functional, Reading
from scoring.indicators.pack import Contributors, FunctionalSpec, IndicatorSpec, Pack
from scoring.rules.credit import Product
from scoring.rules.points import Rule
from scoring.rules.stages import Owner
from scoring.rules.values import Field
from scoring.statements import Title


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of the model, in its order."""

    id: str
    title: Title


@dataclass(frozen=True)
class Indicator:
    """An indicator, gate, veto or figure with what follows from its pack: owner, fields, rule and weight of each stage."""

    id: str
    spec: IndicatorSpec
    owner: Owner | Contributors
    fields: tuple[Field, ...]
    rules: Mapping[str, Rule]

    @property
    def title(self) -> Title:
        return self.spec.title

    @property
    def role(self) -> str:
        return self.spec.role

    @property
    def gate(self) -> bool:
        return self.spec.role == "gate"

    @property
    def veto(self) -> bool:
        return self.spec.role == "veto"

    @property
    def summed(self) -> bool:
        """Whether each bank owns its own value and only their sum is used [M7]."""
        return isinstance(self.owner, Contributors)

    @property
    def most_contributors(self) -> int:
        """How many members' values stand in one functional at most: 1 unless it is summed."""
        return self.owner.at_most if isinstance(self.owner, Contributors) else 1

    @property
    def dimension(self) -> str | None:
        return self.spec.dimension

    @property
    def open_to(self) -> frozenset[str]:
        """Audience kinds that may receive the single value; the enterprise always may."""
        return frozenset(self.spec.open_to)

    @property
    def bounds(self) -> tuple[int, int]:
        """Least and greatest points, in hundredths. Raises ModelError for a gate: its input depends on the functional."""
        if self.spec.bounds is None:
            raise ModelError(f"{self.id} is a gate: ask Model.input_bounds with the functional")
        low, high = self.spec.bounds
        return int(low * 100), int(high * 100)

    def weight(self, stage: str) -> int:
        """Weight in the functionals that contain it: 1 for a gate, 0 for a veto or a figure. Requires a stage of the model."""
        if self.spec.weights is None:
            return functionals.GATE_WEIGHT if self.gate else 0
        return self.spec.weights if isinstance(self.spec.weights, int) else self.spec.weights[stage]


@dataclass(frozen=True)
class Model:
    """A checked pack. ``sha256`` (hex) is of its exact YAML bytes; ``forms`` holds every functional by (name, stage)."""

    pack: Pack
    sha256: str
    fields: Mapping[str, Field]
    indicators: Mapping[str, Indicator]
    products: Mapping[str, Product]
    forms: Mapping[tuple[str, str], Functional]

    @property
    def id(self) -> str:
        return self.pack.id

    @property
    def version(self) -> str:
        return self.pack.version

    @property
    def title(self) -> Title:
        return self.pack.title

    @property
    def zone(self) -> str:
        return self.pack.zone

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        return tuple(Stage(name, spec.title) for name, spec in self.pack.staging.stages.items())

    @property
    def default_stage(self) -> str:
        return self.pack.staging.default

    @property
    def stage_owner(self) -> Owner:
        """The department that publishes the stages [P3.2]."""
        return self.pack.staging.owner

    @property
    def contributors(self) -> Contributors | None:
        """How many banks own each summed record; None where the model has none."""
        return next((item.owner for item in self.indicators.values() if isinstance(item.owner, Contributors)), None)

    @property
    def functionals(self) -> Mapping[str, FunctionalSpec]:
        """The declared functionals; unit functionals are named by their indicators."""
        return self.pack.functionals

    def stage_of(self, record: Mapping[str, object], stated: Mapping[str, str] | None = None) -> str:
        """Stage of a record, with the cells on axes that the roster states, where it does; the default stage when data is missing.

        Raises RuleError for a malformed value.
        """
        return self.pack.staging.stage_of(self.fields, record, stated)

    def owned(self, owner: Owner) -> tuple[Indicator, ...]:
        """Indicators, gates, vetoes and figures of a department, in order."""
        return tuple(indicator for indicator in self.indicators.values() if indicator.owner == owner)

    def fields_of(self, owner: Owner) -> tuple[Field, ...]:
        """Every field of the records that a department owns, in order."""
        return tuple(field for field in self.fields.values() if self.pack.records[field.record].owner == owner)

    def disclosures(self, audience_kind: str) -> tuple[str, ...]:
        """Functionals that an audience of this kind (authority, bank, enterprise) may be given.

        These are the declared ones, then unit functionals of the indicators open to it; an enterprise has them all but those that are
        summed over banks, of which there is no row.
        """
        declared = [name for name, spec in self.pack.functionals.items() if audience_kind in spec.disclosed_to]
        everything = audience_kind == "enterprise"
        own = [item for item in self.indicators.values() if not (item.gate or item.summed)]
        units = [item.id for item in own if everything or audience_kind in item.open_to]
        return (*declared, *units)

    @property
    def answers_releases(self) -> bool:
        """Whether banks or enterprises may be given anything under the model; else it is for the authority alone."""
        return bool(self.disclosures("bank") or self.disclosures("enterprise"))

    @cached_property
    def slot_bits(self) -> int:
        """B of P2.2: bits of a slot that holds every functional of the model in every stage, gates included, and every input."""
        return max(interval_bits(form.lo, form.hi) for form in self.forms.values())

    def slots_per_ciphertext(self, bits: int) -> int:
        """K of P2.2: slots of one ciphertext under a modulus of ``bits`` bits."""
        return slots(bits, self.slot_bits)

    def input_bounds(self, indicator: str, functional: str) -> tuple[int, int]:
        """Least and greatest input, hundredths, of an entry; ``functional`` is ``-`` unless the indicator is a gate."""
        item = self.indicators[indicator]
        return (-functionals.largest_gate(self._gated_form(indicator, functional).gate_bits), 0) if item.gate else item.bounds

    def gate_value(self, indicator: str, functional: str, gated: bool, draw: Callable[[int], int]) -> int:
        """Input of a gate to a functional [P2.3]; ``draw(bits)`` gives a uniform integer below 2^bits. Raises ModelError when not a gate of it."""
        return functionals.gate_value(self._gated_form(indicator, functional), gated, draw)

    def read(self, functional: Functional, opened: int) -> Reading:
        """Reading of an opened, balanced value [P2.3, P2.4]. Raises RangeError when it is impossible, never telling how."""
        return functionals.read(functional, opened)

    def _gated_form(self, gate: str, functional: str) -> Functional:
        spec = self.pack.functionals.get(functional)
        if spec is None or gate not in spec.gates:
            raise ModelError(f"{gate!r} is not a gate of functional {functional!r}")
        return self.forms[functional, self.default_stage]


def load_pack(data: bytes) -> Model:
    """The model in a pack's bytes. Raises ModelError naming line, path and what would be right, for up to ten problems at once.

    A pack that extends another one has to be resolved first: ``scoring.indicators.extending.extension``.
    """
    return _model(checked(parse_document(data)), sha256(data).hex())


def checked(document: Document) -> Pack:
    """The pack in a document. Raises ModelError as ``load_pack``."""
    if isinstance(document.value, dict) and "extends" in document.value:
        raise ModelError(document.located(("extends",), "this pack extends another: resolve it first (`xinqiao model resolve`) 请先合成"))
    try:
        pack = Pack.model_validate(document.value)
    except ValidationError as error:
        raise ModelError(document.report_invalid(error)) from error
    if found := list(problems(pack)):
        raise ModelError(document.report(found))
    return pack


def _model(pack: Pack, sha: str) -> Model:
    fields = {name: Field(name, record, spec) for record, held in pack.records.items() for name, spec in held.fields.items()}
    indicators = {name: _indicator(pack, name, fields) for name in pack.indicators}
    products: dict[str, Product] = {}
    for name, spec in sorted(pack.products.items(), key=lambda item: item[1].relative is not None):
        products[name] = Product(name, spec, None if spec.relative is None else products[spec.relative.to])
    ordered = {name: products[name] for name in pack.products}
    return Model(pack, sha, fields, indicators, ordered, functionals.derive(pack, sha, indicators))


def _indicator(pack: Pack, name: str, fields: Mapping[str, Field]) -> Indicator:
    spec = pack.indicators[name]
    rules = {stage: spec.rule_by_stage.get(stage, spec.rule) for stage in pack.staging.stages}
    read = dict.fromkeys(field for rule in rules.values() for field, _ in rule.uses())
    return Indicator(name, spec, pack.records[spec.record].owner, tuple(fields[field] for field in read), rules)
