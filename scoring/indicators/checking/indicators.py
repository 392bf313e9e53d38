"""Whether an indicator fits its pack: its record, its rules and the fields that they read, bounds, weights, provenance."""

from __future__ import annotations

from collections.abc import Iterator

from gmpy2 import mpq

from scoring.indicators.checking.fields import Problem, stages_given
from scoring.indicators.document import Path
from scoring.indicators.pack import IndicatorSpec, Pack
from scoring.indicators.provenance import Aspect, uncovered
from scoring.rules.points import BestOf, Rule, Sum, Table
from scoring.rules.values import FieldSpec

POINT_LIMIT, FIGURE_LIMIT = 1 << 15, 1 << 40  # hundredths [P2.1]
_TYPES = {"number": {"decimal", "integer", "flag"}, "flag": {"flag"}, "category": {"category"}, "months": {"months"}}


def indicator_problems(pack: Pack, name: str, indicator: IndicatorSpec) -> Iterator[Problem]:
    """What does not fit in one indicator, gate, veto or figure."""
    here: Path = ("indicators", name)
    if indicator.record not in pack.records:
        yield (*here, "record"), f"no such record; there are {', '.join(pack.records)} 没有此记录"
        return
    if indicator.dimension is not None and indicator.dimension not in pack.dimensions:
        yield (*here, "dimension"), f"no such dimension; there are {', '.join(pack.dimensions)} 没有此维度"
    if isinstance(indicator.weights, dict):
        yield from stages_given(pack, (*here, "weights"), indicator.weights, complete=True)
    yield from stages_given(pack, (*here, "rule_by_stage"), indicator.rule_by_stage, complete=False)
    rules = {("rule",): indicator.rule} | {("rule_by_stage", stage): rule for stage, rule in indicator.rule_by_stage.items()}
    for place, rule in rules.items():
        yield from rule_problems(pack, (*here, *place), indicator.record, rule)
        yield from _points((*here, *place), indicator, rule)
    aspects: tuple[Aspect, ...] = ("name", "rule", "weights") if indicator.role == "points" else ("name", "rule")
    if said := uncovered(indicator.provenance, aspects, pack.staging.stages):
        yield (*here, "provenance"), said


def rule_problems(pack: Pack, path: Path, record: str, rule: Rule) -> Iterator[Problem]:
    """Fields of a rule that its record lacks or that are of another type, and tables that do not cover their field. Requires the record."""
    fields = pack.records[record].fields
    for name, use in rule.uses():
        if name not in fields:
            yield (
                path,
                f"{name} is not a field of record {record}: an indicator is computed from one owner's record 记录中无此字段",
            )
        elif fields[name].type not in _TYPES[use]:
            yield path, f"{name} is read as {use}, but its type is {fields[name].type} 字段类型不合"
    for table in _tables(rule):
        if table.of in fields:
            yield from _table(path, table, fields[table.of])


def _points(path: Path, indicator: IndicatorSpec, rule: Rule) -> Iterator[Problem]:
    lo, hi = rule.span()
    if indicator.role != "points" and lo < 0:
        yield path, "a gate or a veto is triggered by positive points, and a figure counts from 0; negative ones mean nothing 此类指标不可为负分"
    yield from _bounds(path, indicator, lo, hi)


def _bounds(path: Path, indicator: IndicatorSpec, lo: mpq, hi: mpq) -> Iterator[Problem]:
    if indicator.bounds is None:
        return
    low, high = indicator.bounds
    if not low <= lo <= hi <= high:
        yield (
            path,
            f"gives points from {float(lo):g} to {float(hi):g}, outside the bounds {low} to {high} (missing data gives 0) 得分超出界限",
        )
    limit = FIGURE_LIMIT if indicator.role == "figure" else POINT_LIMIT
    if max(abs(low), abs(high)) * 100 >= limit:
        yield path, f"{'a figure is' if indicator.role == 'figure' else 'points are'} below {limit / 100:g} in size 数值过大"


def _tables(rule: Rule) -> Iterator[Table]:
    if isinstance(rule, Table):
        yield rule
    elif isinstance(rule, (BestOf, Sum)):
        for part in rule.rules:
            yield from _tables(part)


def _table(path: Path, table: Table, field: FieldSpec) -> Iterator[Problem]:
    if unknown := set(table.points) - set(field.values):
        yield path, f"{min(unknown)} is not a value of {table.of}; it has {', '.join(field.values)} 没有此取值"
    if table.otherwise is None and (lacking := set(field.values) - set(table.points)):
        yield path, f"no points for {', '.join(sorted(lacking))}: add them, or `otherwise` 缺少这些取值的得分"
