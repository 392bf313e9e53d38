"""An indicator model in words: the document behind `model show`."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from gmpy2 import mpq

from scoring.indicators.functional import functional
from scoring.indicators.model import Indicator, Model
from scoring.indicators.pack import Contributors, Exposure, Pack, PublicFact, RankingSpec, SourcePack
from scoring.indicators.provenance import Notes
from scoring.rules.credit import Product
from scoring.rules.points import BestOf, Count, Flag, Linear, Never, Rule, Sum, Table
from scoring.rules.stages import Owner
from scoring.rules.thresholds import Growth, Percentile, Tier, Tiers
from scoring.rules.values import Expression
from scoring.statements import Title


def number(value: mpq | Decimal | int) -> str:
    """A number of a pack as text: exact, a decimal where it has one.

    >>> number(mpq(1, 4)), number(Decimal("10.00")), number(mpq(1, 3)), number(1000000)
    ('0.25', '10', '1/3', '1000000')
    """
    exact = mpq(value)
    for digits in range(19):
        if (exact * 10**digits).denominator == 1:
            return format(Decimal(int(exact * 10**digits)).scaleb(-digits), "f")
    return f"{exact.numerator}/{exact.denominator}"


def points(hundredths: int) -> str:
    """Hundredths as a decimal with two digits, as every table of this program writes points.

    >>> points(1205), points(-5), points(0)
    ('12.05', '-0.05', '0.00')
    """
    return f"{Decimal(hundredths).scaleb(-2):.2f}"


def expression(value: Expression) -> str:
    """An expression as a pack writes it."""
    if value.kind in {"longest_run", "mean"}:
        return f"{value.kind}({', '.join(value.fields)})"
    return " / ".join(value.fields)


def rule_text(rule: Rule) -> str:
    """A rule in one line.

    >>> rule_text(Linear(kind="linear", of="rd_stock", reference=1000, points=30))
    '30 · rd_stock / 1000, from 0 to 30'
    """
    match rule:
        case Tiers():
            text = f"{expression(rule.of)}: {_tiers(rule.tiers, rule.otherwise)}"
        case Linear():
            text = f"{number(rule.points)} · {expression(rule.of)} / {number(rule.reference)}, from 0 to {number(rule.points)}"
        case Table():
            text = _table(rule)
        case Count():
            each = " + ".join(f"{number(points)} · {name}" for name, points in rule.each.items())
            text = f"{each}, at most {number(rule.cap)}"
        case Growth():
            tiers = _tiers(rule.tiers, rule.otherwise)
            text = f"growth of {rule.of} over {rule.base}: {tiers}; base <= 0: {number(rule.when_base_not_positive)}"
        case Percentile():
            lines = ", ".join(f">= {number(line.at_least)}: {number(line.percentile)} %" for line in rule.table)
            text = f"{number(rule.points)} · percentile of {expression(rule.of)} ({lines})"
        case Flag():
            text = f"{number(rule.points)} if {rule.of}"
        case BestOf():
            text = " or, if better, ".join(f"({rule_text(part)})" for part in rule.rules)
        case Sum():
            cap = "" if rule.cap is None else f", at most {number(rule.cap)}"
            text = " + ".join(f"({rule_text(part)})" for part in rule.rules) + cap
        case Never():
            text = "never"
    return text


def _table(rule: Table) -> str:
    lines = [f"{override.flag}: {number(override.points)}" for override in rule.overrides]
    lines += [f"{rule.of} {name}: {number(points)}" for name, points in rule.points.items()]
    return "; ".join([*lines, *([] if rule.otherwise is None else [f"else {number(rule.otherwise)}"])])


def _tiers(tiers: Iterable[Tier], otherwise: mpq) -> str:
    return "; ".join([*(f"{_bound(tier)}: {number(tier.points)}" for tier in tiers), f"else {number(otherwise)}"])


def _bound(tier: Tier) -> str:
    signs = ((">=", tier.at_least), (">", tier.more_than), ("<=", tier.at_most), ("<", tier.less_than))
    return next(f"{sign} {number(bound)}" for sign, bound in signs if bound is not None)


def describe(model: Model) -> dict[str, Any]:
    """Everything that a reader of a model asks for, as one JSON document (numbers of the pack as decimal strings)."""
    pack = model.pack
    return {
        "id": model.id,
        "version": model.version,
        "sha256": model.sha256,
        "title": _title(model.title),
        "zone": model.zone,
        "valid_from": pack.valid_from,
        "valid_until": pack.valid_until,
        "slot_bits": model.slot_bits,
        "dimensions": {name: _title(title) for name, title in pack.dimensions.items()},
        "stage_owner": owner_text(model.stage_owner.department, model.stage_owner.level),
        "default_stage": model.default_stage,
        "stages": [{"id": name, "title": _title(stage.title), "on": _bands(stage.on)} for name, stage in pack.staging.stages.items()],
        "stages_provenance": _notes(pack.staging_provenance),
        "indicators": [_indicator(model, indicator) for indicator in model.indicators.values()],
        "functionals": [_functional(model, name) for name in pack.functionals],
        "audiences": {audience: _learns(model, audience) for audience in ("authority", "bank", "enterprise")},
        "products": [_product(model, product) for product in model.products.values()],
        "exposures": [_exposure(exposure) for exposure in pack.exposures],
        "rankings": [_ranking(name, ranking) for name, ranking in pack.rankings.items()],
        "qualification": None if pack.qualification is None else _title(pack.qualification.title),
        "public_facts": {} if pack.qualification is None else {name: _fact(fact) for name, fact in pack.qualification.public.items()},
        "resolved_from": [_source(source) for source in pack.resolved_from],
    }


def _indicator(model: Model, indicator: Indicator) -> dict[str, Any]:
    return {
        "id": indicator.id,
        "title": _title(indicator.title),
        "role": indicator.role,
        "dimension": indicator.dimension,
        "owner": indicator.owner.name,
        "contributors": _contributors(indicator.owner),
        "unit": indicator.spec.unit,
        "definition": _title(indicator.spec.definition),
        "fields": [field.name for field in indicator.fields],
        "rule": rule_text(indicator.spec.rule),
        "rule_by_stage": {stage: rule_text(rule) for stage, rule in indicator.spec.rule_by_stage.items()},
        "weights": {stage.id: indicator.weight(stage.id) for stage in model.stages},
        "bounds": None if indicator.gate else [points(bound) for bound in indicator.bounds],
        "open_to": sorted(indicator.open_to),
        "provenance": _notes(indicator.spec.provenance),
        "packs": _packs_of(model.pack, f"indicators.{indicator.id}"),
    }


def _functional(model: Model, name: str) -> dict[str, Any]:
    spec = model.functionals[name]
    forms = {stage.id: functional(model, name, stage.id) for stage in model.stages}
    return {
        "name": name,
        "title": _title(spec.title),
        "gates": list(spec.gates),
        "disclosed_to": list(spec.disclosed_to),
        "intervals": {stage: [points(form.plain_lo), points(form.plain_hi)] for stage, form in forms.items()},
        "hashes": {stage: form.hash for stage, form in forms.items()},
    }


def _learns(model: Model, audience: str) -> dict[str, list[str]]:
    """What an audience may be given: functionals, indicators by themselves; ``exposed``: those that totals show beyond the zone's policy."""
    given = model.disclosures(audience)
    more = dict.fromkeys(exposure.indicator for exposure in model.pack.exposures if audience in exposure.audiences)
    functionals, single = ([name for name in given if (name in model.functionals) is wanted] for wanted in (True, False))
    return {"functionals": functionals, "single": single, "exposed": list(more)}


def _product(model: Model, product: Product) -> dict[str, Any]:
    line, relative = product.spec.line, product.spec.relative
    if line is not None:
        amounts = {"base": line.base, "floor": line.floor, "cap": line.cap, "round_to": line.round_to}
        slopes = {"yuan_per_point": line.slope, "yuan_per_unit": line.figures}
        how: dict[str, Any] = {"yuan": amounts} | {name: {key: number(slope) for key, slope in by.items()} for name, by in slopes.items()}
    else:
        assert relative is not None
        how = {"relative_to": relative.to, "times": {stage: number(times) for stage, times in relative.times.items()}}
    return {
        "id": product.id,
        "title": _title(product.spec.title),
        "functional": product.functional,
        **how,
        "term_months": product.term_months,
        "minimum_total": None if product.spec.minimum_total is None else number(product.spec.minimum_total),
        "vetoes": list(product.vetoes),
        "eligibility": list(product.eligibility),
        "rate_rule": _title(product.spec.rate_rule),
        "provenance": _notes(model.pack.product_provenance[product.id]),
        "packs": _packs_of(model.pack, f"products.{product.id}"),
    }


def _fact(fact: PublicFact) -> dict[str, Any]:
    return {"title": _title(fact.title), "definition": _title(fact.definition), "rule": rule_text(fact.rule), "provenance": _notes(fact.provenance)}


def _source(source: SourcePack) -> dict[str, Any]:
    lists = {name: list(part) for name, part in (("adds", source.adds), ("changes", source.changes), ("removes", source.removes))}
    return {"id": source.id, "version": source.version, "sha256": source.sha256, **lists}


def _packs_of(pack: Pack, part: str) -> list[str]:
    """The packs that a part of a resolved pack comes from: who brought it, then who changed it; empty for a pack that stands by itself."""
    if not pack.resolved_from:
        return []
    first, *rest = pack.resolved_from
    brought = next((source for source in reversed(rest) if part in source.adds), first)
    after = pack.resolved_from[pack.resolved_from.index(brought) + 1 :]
    return [f"{source.id}@{source.version}" for source in (brought, *(source for source in after if part in source.changes))]


def _exposure(exposure: Exposure) -> dict[str, Any]:
    limits = {"pinned_at_most": exposure.pinned_at_most, "ratio_at_least": exposure.ratio_at_least}
    who = {"indicator": exposure.indicator, "audiences": list(exposure.audiences), "stages": list(exposure.stages)}
    accepted = {"reason": _title(exposure.reason), "accepted_by": exposure.accepted_by.name}
    return who | {name: None if limit is None else number(limit) for name, limit in limits.items()} | accepted


def _ranking(name: str, ranking: RankingSpec) -> dict[str, Any]:
    shares = {"from_top": number(ranking.from_top), "below_top": number(ranking.below_top)}
    return {"id": name, "title": _title(ranking.title), "functional": ranking.functional, **shares, "provenance": _notes(ranking.provenance)}


def _title(title: Title) -> dict[str, str]:
    return {"zh": title.zh, "en": title.en}


def _contributors(owner: Owner | Contributors) -> dict[str, int] | None:
    """How many members own the value between them; None where it is one department's."""
    return {"at_least": owner.at_least, "at_most": owner.at_most} if isinstance(owner, Contributors) else None


def owner_text(department: str, level: str) -> str:
    """An owner as every table writes it."""
    return f"{department}/{level}"


def _bands(on: Any) -> dict[str, dict[str, str]]:
    sides = {axis: (("from", band.from_), ("below", band.below)) for axis, band in on.items()}
    return {axis: {side: number(bound) for side, bound in bounds if bound is not None} for axis, bounds in sides.items()}


def _notes(notes: Notes) -> list[dict[str, Any]]:
    kept = ({"of": note.of, "status": note.status, "source": note.source, "note": note.note, "stages": note.stages} for note in notes)
    return [{name: list(value) if isinstance(value, tuple) else value for name, value in note.items() if value} for note in kept]
