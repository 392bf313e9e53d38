"""Functionals: the admitted integer combinations of a model, their exact intervals, gates, and how an opened value is read.

A functional in a stage is Σ weight·points + Σ gates + constant, all in hundredths. A gate's input is 0, or −(2^s + u) with u uniform
below 2^(s+40), where s = bitlen(max |S|) + 1 and S is the functional without its gates, over all stages [P2.3]. The gate's weight is
1, so it divides every other. Gates are drawn separately for each functional: its term names the functional that it belongs to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from crypto.encoding import canonical_json, digest
from scoring.errors import ModelError, RangeError

if TYPE_CHECKING:
    from scoring.indicators.model import Indicator, Model
    from scoring.indicators.pack import Pack

NO_FUNCTIONAL = "-"
GATE_WEIGHT = 1
MASK_EXTRA_BITS = 40


@dataclass(frozen=True, slots=True)
class Term:
    """weight · input. ``functional`` is the functional's own name for a gate's input, else ``-``."""

    indicator: str
    functional: str
    weight: int


@dataclass(frozen=True, slots=True)
class Functional:
    """A functional in one stage. All values are hundredths.

    [plain_lo, plain_hi] holds every value without gates, [lo, hi] every value with them. ``gate_bits`` is s of P2.3 (0: no gates).
    ``hash`` (hex) is digest("functional", model's sha256, canonical JSON of {constant, name, stage, terms}).
    """

    name: str
    stage: str
    terms: tuple[Term, ...]
    constant: int
    lo: int
    hi: int
    plain_lo: int
    plain_hi: int
    gates: int
    gate_bits: int
    hash: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What an opened value says: hundredths, 0 when gated."""

    value_hundredths: int
    gated: bool


@dataclass(frozen=True, slots=True)
class _Form:
    """A functional in one stage before its gates are sized."""

    name: str
    stage: str
    terms: tuple[Term, ...]
    gates: tuple[str, ...]
    constant: int
    plain_lo: int
    plain_hi: int

    def size(self) -> int:
        return max(abs(self.plain_lo), abs(self.plain_hi))


def functional(model: Model, name: str, stage: str) -> Functional:
    """The functional ``name`` in ``stage``; an indicator's id names its unit functional. Raises ModelError when there is none."""
    try:
        return model.forms[name, stage]
    except KeyError as error:
        raise ModelError(f"{model.id}@{model.version} has no functional {name!r} in stage {stage!r} 没有此得分函数") from error


def derive(pack: Pack, sha256: str, indicators: Mapping[str, Indicator]) -> dict[tuple[str, str], Functional]:
    """Every functional of a pack in every stage, by (name, stage): those declared, then a unit functional for each non-gate."""
    found: dict[tuple[str, str], Functional] = {}
    scored = [indicator for indicator in indicators.values() if indicator.role == "points"]
    for name, spec in pack.functionals.items():
        chosen = [item for item in scored if spec.dimensions is None or item.dimension in spec.dimensions]
        weights = {stage: [(item, item.weight(stage)) for item in chosen] for stage in pack.staging.stages}
        found |= _sized(name, weights, spec.gates, int(spec.constant * 100), sha256)
    for indicator in indicators.values():
        if not indicator.gate:
            found |= _sized(indicator.id, {stage: [(indicator, 1)] for stage in pack.staging.stages}, (), 0, sha256)
    return found


def _sized(
    name: str, weights: Mapping[str, Iterable[tuple[Indicator, int]]], gates: tuple[str, ...], constant: int, sha256: str
) -> dict[tuple[str, str], Functional]:
    forms = [_form(name, stage, tuple(weighted), gates, constant) for stage, weighted in weights.items()]
    gate_bits = max(form.size() for form in forms).bit_length() + 1 if gates else 0
    return {(name, form.stage): _functional(form, gate_bits, sha256) for form in forms}


def _form(name: str, stage: str, weighted: tuple[tuple[Indicator, int], ...], gates: tuple[str, ...], constant: int) -> _Form:
    lo = hi = constant
    for indicator, weight in weighted:
        edges = [weight * bound * indicator.most_contributors for bound in indicator.bounds]
        lo, hi = lo + min(edges), hi + max(edges)
    terms = [Term(indicator.id, NO_FUNCTIONAL, weight) for indicator, weight in weighted if weight]
    return _Form(name, stage, (*terms, *(Term(gate, name, GATE_WEIGHT) for gate in gates)), gates, constant, lo, hi)


def _functional(form: _Form, gate_bits: int, sha256: str) -> Functional:
    terms = [{"functional": term.functional, "indicator": term.indicator, "weight": term.weight} for term in form.terms]
    document = {"constant": form.constant, "name": form.name, "stage": form.stage, "terms": terms}
    return Functional(
        name=form.name,
        stage=form.stage,
        terms=form.terms,
        constant=form.constant,
        lo=form.plain_lo - len(form.gates) * largest_gate(gate_bits),
        hi=form.plain_hi,
        plain_lo=form.plain_lo,
        plain_hi=form.plain_hi,
        gates=len(form.gates),
        gate_bits=gate_bits,
        hash=digest("functional", bytes.fromhex(sha256), canonical_json(document)).hex(),
    )


def contributed(model: Model, form: Functional, contributors: Mapping[str, Sequence[str]]) -> Functional:
    """The functional as an epoch with these contributors (by indicator) can give it: bounds count each of them once [M7].

    Requires the contributors of every indicator of the functional, no more than the model allows.
    """
    lo = hi = form.constant
    for term in form.terms:
        if term.functional == NO_FUNCTIONAL:
            edges = [term.weight * bound * len(contributors[term.indicator]) for bound in model.indicators[term.indicator].bounds]
            lo, hi = lo + min(edges), hi + max(edges)
    return replace(form, plain_lo=lo, plain_hi=hi, lo=lo - form.gates * largest_gate(form.gate_bits), hi=hi)


def largest_gate(gate_bits: int) -> int:
    """Greatest size of a gate's input for s = ``gate_bits``: 2^s + 2^(s+40) − 1."""
    return (1 << gate_bits) + (1 << (gate_bits + MASK_EXTRA_BITS)) - 1


def gate_value(form: Functional, gated: bool, draw: Callable[[int], int]) -> int:
    """A gate's input to ``form``: 0, or −(2^s + u) with u = ``draw(s + 40)`` uniform below 2^(s+40) [P2.3]. Requires form.gates > 0."""
    if not gated:
        return 0
    return -((1 << form.gate_bits) + draw(form.gate_bits + MASK_EXTRA_BITS))


def read(form: Functional, opened: int) -> Reading:
    """Reading of an opened value (balanced, hundredths) [P2.3, P2.4].

    Raises RangeError, which never tells how, when no inputs within the model's bounds give that value.
    """
    gated = form.gates > 0 and opened < -GATE_WEIGHT * (1 << (form.gate_bits - 1))
    lo, hi = (form.lo, form.plain_hi - (1 << form.gate_bits)) if gated else (form.plain_lo, form.plain_hi)
    if not lo <= opened <= hi:
        raise RangeError("the opened value is impossible under the model")
    return Reading(0 if gated else opened, gated)
