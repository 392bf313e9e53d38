"""Whether the parts of a pack fit together: references, owners, types, bounds, coverage of stages, provenance.

Each check yields problems as (path, message); the loader turns them into one ModelError with lines. What a pack may contain at all
is ``scoring.indicators.pack``; disclosure control (the lint of P7) is not here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gmpy2 import mpq

from scoring.indicators.document import Path
from scoring.indicators.pack import IndicatorSpec, Pack
from scoring.indicators.provenance import Aspect, uncovered
from scoring.rules.points import BestOf, Rule, Sum, Table
from scoring.rules.values import FieldSpec

Problem = tuple[Path, str]
POINT_LIMIT = 1 << 15
_TYPES = {"number": {"decimal", "integer", "flag"}, "flag": {"flag"}, "category": {"category"}, "months": {"months"}}


def problems(pack: Pack) -> Iterator[Problem]:
    """Everything that does not fit, in the order of the pack."""
    yield from _records(pack)
    yield from _staging(pack)
    for name, indicator in pack.indicators.items():
        yield from _indicator(pack, name, indicator)
    yield from _functionals(pack)
    yield from _products(pack)
    yield from _exposures(pack)
    yield from _qualification(pack)
    yield from _rankings(pack)


def all_fields(pack: Pack) -> dict[str, FieldSpec]:
    """Every field of the pack by name; the first, where a name is (wrongly) given twice."""
    found: dict[str, FieldSpec] = {}
    for record in pack.records.values():
        for name, spec in record.fields.items():
            found.setdefault(name, spec)
    return found


def _records(pack: Pack) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for record_name, record in pack.records.items():
        for name, spec in record.fields.items():
            path = ("records", record_name, "fields", name)
            if name in seen:
                yield path, f"record {seen[name]} has this field already: a field has one owner"
            seen[name] = record_name
            if (spec.type == "category") != bool(spec.values):
                yield path, "a category lists its values, and no other type does"
            if spec.signed and spec.type not in {"decimal", "integer"}:
                yield path, "only numbers are signed"


def _staging(pack: Pack) -> Iterator[Problem]:
    fields = all_fields(pack)
    for position, axis in enumerate(pack.staging.axes):
        if axis not in fields or fields[axis].type not in {"decimal", "integer"}:
            yield ("staging", "axes", position), f"{axis} is not a numeric field of a record"
    if said := uncovered(pack.staging_provenance, ["bands"], pack.staging.stages):
        yield ("staging_provenance",), said


def _indicator(pack: Pack, name: str, indicator: IndicatorSpec) -> Iterator[Problem]:
    here: Path = ("indicators", name)
    if indicator.record not in pack.records:
        yield (*here, "record"), f"no such record; there are {', '.join(pack.records)}"
        return
    if indicator.dimension is not None and indicator.dimension not in pack.dimensions:
        yield (*here, "dimension"), f"no such dimension; there are {', '.join(pack.dimensions)}"
    if isinstance(indicator.weights, dict):
        yield from _stages(pack, (*here, "weights"), indicator.weights, complete=True)
    yield from _stages(pack, (*here, "rule_by_stage"), indicator.rule_by_stage, complete=False)
    yield from _rule(pack, (*here, "rule"), indicator, indicator.rule)
    for stage, rule in indicator.rule_by_stage.items():
        yield from _rule(pack, (*here, "rule_by_stage", stage), indicator, rule)
    aspects: tuple[Aspect, ...] = ("name", "rule", "weights") if indicator.role == "points" else ("name", "rule")
    if said := uncovered(indicator.provenance, aspects, pack.staging.stages):
        yield (*here, "provenance"), said


def _stages(pack: Pack, path: Path, found: Iterable[str], *, complete: bool) -> Iterator[Problem]:
    given = set(found)
    for stage in given - set(pack.staging.stages):
        yield (*path, stage), f"no such stage; there are {', '.join(pack.staging.stages)}"
    if complete and (lacking := [stage for stage in pack.staging.stages if stage not in given]):
        yield path, f"a value for every stage is needed; {', '.join(lacking)} is missing"


def _rule(pack: Pack, path: Path, indicator: IndicatorSpec, rule: Rule) -> Iterator[Problem]:
    fields = pack.records[indicator.record].fields
    for name, use in rule.uses():
        if name not in fields:
            yield path, f"{name} is not a field of record {indicator.record}: an indicator is computed from one owner's record"
        elif fields[name].type not in _TYPES[use]:
            yield path, f"{name} is read as {use}, but its type is {fields[name].type}"
    for table in _tables(rule):
        if table.of in fields:
            yield from _table(path, table, fields[table.of])
    lo, hi = rule.span()
    if indicator.role != "points" and lo < 0:
        yield path, "a gate or a veto is triggered by positive points; negative ones mean nothing"
    yield from _bounds(path, indicator, lo, hi)


def _bounds(path: Path, indicator: IndicatorSpec, lo: mpq, hi: mpq) -> Iterator[Problem]:
    if indicator.bounds is None:
        return
    low, high = indicator.bounds
    if not low <= lo <= hi <= high:
        yield path, f"gives points from {float(lo):g} to {float(hi):g}, outside the bounds {low} to {high} (missing data gives 0)"
    if max(abs(low), abs(high)) * 100 >= POINT_LIMIT:
        yield path, f"points are below {POINT_LIMIT / 100} in size"


def _tables(rule: Rule) -> Iterator[Table]:
    if isinstance(rule, Table):
        yield rule
    elif isinstance(rule, (BestOf, Sum)):
        for part in rule.rules:
            yield from _tables(part)


def _table(path: Path, table: Table, field: FieldSpec) -> Iterator[Problem]:
    if unknown := set(table.points) - set(field.values):
        yield path, f"{min(unknown)} is not a value of {table.of}; it has {', '.join(field.values)}"
    if table.otherwise is None and (lacking := set(field.values) - set(table.points)):
        yield path, f"no points for {', '.join(sorted(lacking))}: add them, or `otherwise`"


def _functionals(pack: Pack) -> Iterator[Problem]:
    if "total" not in pack.functionals:
        yield ("functionals",), "a model has a functional named total"
    for name, spec in pack.functionals.items():
        here: Path = ("functionals", name)
        if name in pack.indicators:
            yield here, "an indicator has this name: it is the name of that indicator's unit functional"
        for dimension in spec.dimensions if spec.dimensions is not None else ():
            if dimension not in pack.dimensions:
                yield (*here, "dimensions"), f"no dimension {dimension}; there are {', '.join(pack.dimensions)}"
        for gate in spec.gates:
            if gate not in pack.indicators or pack.indicators[gate].role != "gate":
                yield (*here, "gates"), f"{gate} is not an indicator of role gate"
        if len(set(spec.gates)) != len(spec.gates):
            yield (*here, "gates"), "a gate is named twice"


def _products(pack: Pack) -> Iterator[Problem]:
    for name, product in pack.products.items():
        here: Path = ("products", name)
        functional = pack.functionals.get(product.functional)
        if functional is None or "bank" not in functional.disclosed_to:
            yield (*here, "functional"), f"{product.functional} is not a functional disclosed to banks"
        for veto in product.vetoes:
            if veto not in pack.indicators or pack.indicators[veto].role != "veto" or "bank" not in pack.indicators[veto].open_to:
                yield (*here, "vetoes"), f"{veto} is not an indicator of role veto that is open to banks"
        if product.line is not None:
            yield from _stages(pack, (*here, "line", "slope"), product.line.slope, complete=True)
        yield from _relative(pack, name)
        aspects: list[Aspect] = ["line", "terms"]
        if product.line is not None:
            aspects.append("floor")
        if product.promise is not None:
            aspects.append("promise")
        if said := uncovered(pack.product_provenance.get(name, ()), aspects, pack.staging.stages):
            yield ("product_provenance", name), said
    for name in set(pack.product_provenance) - set(pack.products):
        yield ("product_provenance", name), "no such product"


def _relative(pack: Pack, name: str) -> Iterator[Problem]:
    product = pack.products[name]
    relative = product.relative
    if relative is None:
        return
    here: Path = ("products", name, "relative")
    base = pack.products.get(relative.to)
    if base is None or base.relative is not None or base.functional != product.functional:
        yield (*here, "to"), "the base product has a line of its own, on the same functional"
        return
    yield from _stages(pack, (*here, "times"), relative.times, complete=True)
    if product.promise is None:
        return
    for stage, times in relative.times.items():
        if times < product.promise.amount_ratio:
            yield (*here, "times", stage), f"{float(times):g} times the base line is below the promised {float(product.promise.amount_ratio):g}"
    if product.term_months < base.term_months + product.promise.extra_months:
        yield ("products", name, "term_months"), f"{product.promise.extra_months} months more than the base product's {base.term_months} are promised"


def _exposures(pack: Pack) -> Iterator[Problem]:
    seen: set[tuple[str, str, str]] = set()
    for position, exposure in enumerate(pack.exposures):
        here: Path = ("exposures", position)
        indicator = pack.indicators.get(exposure.indicator)
        if indicator is None or indicator.role != "points":
            yield (*here, "indicator"), f"{exposure.indicator} is not an indicator that earns points"
            continue
        record = pack.records.get(indicator.record)
        if record is not None and exposure.accepted_by != record.owner:
            yield (*here, "accepted_by"), f"only the owner of {exposure.indicator} accepts: {record.owner.department}, {record.owner.level}"
        yield from _stages(pack, (*here, "stages"), exposure.stages, complete=False)
        for audience in exposure.audiences:
            if audience in indicator.open_to:
                yield (*here, "audiences"), f"{exposure.indicator} is open to {audience}: nothing about it is protected there"
            for stage in exposure.stages:
                if (exposure.indicator, audience, stage) in seen:
                    yield here, f"{exposure.indicator} has an exposure to {audience} in stage {stage} already"
                seen.add((exposure.indicator, audience, stage))


def _qualification(pack: Pack) -> Iterator[Problem]:
    if pack.qualification is None:
        return
    fields = all_fields(pack)
    for name in pack.qualification.positive:
        if name not in fields or fields[name].type not in {"decimal", "integer"}:
            yield ("qualification", "positive"), f"{name} is not a numeric field of a record"
    if said := uncovered(pack.qualification.provenance, ["criterion"], pack.staging.stages):
        yield ("qualification", "provenance"), said


def _rankings(pack: Pack) -> Iterator[Problem]:
    for name, ranking in pack.rankings.items():
        here: Path = ("rankings", name)
        functional = pack.functionals.get(ranking.functional)
        if functional is None or "authority" not in functional.disclosed_to:
            yield (*here, "functional"), f"{ranking.functional} is not a functional disclosed to the authority, which draws up the list"
        if said := uncovered(ranking.provenance, ["name", "criterion"], pack.staging.stages):
            yield (*here, "provenance"), said
