"""Whether the parts of a pack fit together: references, owners, types, bounds, coverage of stages, provenance.

Each check yields problems as (path, message); the loader turns them into one ModelError with lines. What a pack may contain at all
is ``scoring.indicators.pack``; disclosure control (the lint of P7) is not here.
"""

from __future__ import annotations

from collections.abc import Iterator

from scoring.indicators.checking.fields import Problem, all_fields
from scoring.indicators.checking.indicators import indicator_problems, rule_problems
from scoring.indicators.checking.offers import exposure_problems, functional_problems, product_problems
from scoring.indicators.checking.summed import summed_problems
from scoring.indicators.document import Path
from scoring.indicators.pack import Pack, PublicFact
from scoring.indicators.provenance import uncovered


def problems(pack: Pack) -> Iterator[Problem]:
    """Everything that does not fit, in the order of the pack."""
    yield from _records(pack)
    yield from _staging(pack)
    for name, indicator in pack.indicators.items():
        yield from indicator_problems(pack, name, indicator)
    yield from summed_problems(pack)
    yield from functional_problems(pack)
    yield from product_problems(pack)
    yield from exposure_problems(pack)
    yield from _qualification(pack)
    yield from _rankings(pack)


def _records(pack: Pack) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for record_name, record in pack.records.items():
        for name, spec in record.fields.items():
            path = ("records", record_name, "fields", name)
            if name in seen:
                yield path, f"record {seen[name]} has this field already: a field has one owner 字段重复"
            seen[name] = record_name
            if (spec.type == "category") != bool(spec.values):
                yield path, "a category lists its values, and no other type does 类别要列出取值，其他类型不列"
            if spec.signed and spec.type not in {"decimal", "integer"}:
                yield path, "only numbers are signed 只有数字可为负"


def _staging(pack: Pack) -> Iterator[Problem]:
    fields = all_fields(pack)
    for position, axis in enumerate(pack.staging.axes):
        if axis not in fields or fields[axis].type not in {"decimal", "integer"}:
            yield ("staging", "axes", position), f"{axis} is not a numeric field of a record 不是记录中的数字字段"
    owners = {axis: record.owner for axis in pack.staging.axes for record in pack.records.values() if axis in record.fields}
    others = {owner for owner in owners.values() if owner != pack.staging.owner}
    if len(others) > 1:
        yield (
            ("staging", "axes"),
            "axes belong to the stage owner and to one other department, which tells them in its roster 阶段字段只能属于发布部门和另一部门",
        )
    if said := uncovered(pack.staging_provenance, ["bands"], pack.staging.stages):
        yield ("staging_provenance",), said


def _qualification(pack: Pack) -> Iterator[Problem]:
    if pack.qualification is None:
        return
    fields = all_fields(pack)
    for name in pack.qualification.positive:
        if name not in fields or fields[name].type not in {"decimal", "integer"}:
            yield ("qualification", "positive"), f"{name} is not a numeric field of a record 不是记录中的数字字段"
    for name, fact in pack.qualification.public.items():
        yield from _fact(pack, name, fact)
    if said := uncovered(pack.qualification.provenance, ["criterion"], pack.staging.stages):
        yield ("qualification", "provenance"), said


def _fact(pack: Pack, name: str, fact: PublicFact) -> Iterator[Problem]:
    here = ("qualification", "public", name)
    if fact.record not in pack.records:
        yield (*here, "record"), f"no such record; there are {', '.join(pack.records)} 没有此记录"
        return
    yield from rule_problems(pack, (*here, "rule"), fact.record, fact.rule)
    if said := uncovered(fact.provenance, ["criterion"], pack.staging.stages):
        yield (*here, "provenance"), said


def _rankings(pack: Pack) -> Iterator[Problem]:
    for name, ranking in pack.rankings.items():
        here: Path = ("rankings", name)
        functional = pack.functionals.get(ranking.functional)
        if functional is None or "authority" not in functional.disclosed_to:
            yield (
                (*here, "functional"),
                f"{ranking.functional} is not a functional disclosed to the authority, which draws up the list 该得分函数未向编榜部门披露",
            )
        if said := uncovered(ranking.provenance, ["name", "criterion"], pack.staging.stages):
            yield (*here, "provenance"), said
