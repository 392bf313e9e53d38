"""Records that each bank owns and of which only the sum is used: what a pack may do with them [M7].

A single bank's value must reach nobody, and a row for one bank would tell it that its borrower asks another: such indicators exist as
columns alone, in functionals that are for the authority alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from scoring.indicators.checking.fields import Problem
from scoring.indicators.document import Path
from scoring.indicators.pack import Contributors, IndicatorSpec, Pack


def summed_problems(pack: Pack) -> Iterator[Problem]:
    """Everything about summed records that does not fit."""
    owners = {name: record.owner for name, record in pack.records.items() if isinstance(record.owner, Contributors)}
    if not owners:
        return
    first = next(iter(owners.values()))
    for name, owner in owners.items():
        if owner != first:
            yield (
                ("records", name, "owner"),
                "the same banks own all summed records of a pack: say the same at_least and at_most 各汇总记录的银行数限度须一致",
            )
    fields = {field for name in owners for field in pack.records[name].fields}
    for position, axis in enumerate(pack.staging.axes):
        if axis in fields:
            yield (
                ("staging", "axes", position),
                f"{axis} is of a record of several owners: nobody could say a firm's stage 属多家银行的记录，不能用来划分阶段",
            )
    if pack.qualification is not None and (asked := fields & set(pack.qualification.positive)):
        yield (
            ("qualification", "positive"),
            f"{min(asked)} is of a record of several owners: nobody knows whether it is positive 属多家银行的记录，无人知道其正负",
        )
    for name, fact in {} if pack.qualification is None else pack.qualification.public.items():
        if fact.record in owners:
            yield ("qualification", "public", name, "record"), "what several banks keep to themselves is no public fact 各银行自有的数据不是公开事实"
    summed = {name: indicator for name, indicator in pack.indicators.items() if indicator.record in owners}
    for name, indicator in summed.items():
        yield from _indicator(("indicators", name), indicator)
    yield from _functionals(pack, summed)


def _indicator(here: Path, indicator: IndicatorSpec) -> Iterator[Problem]:
    if indicator.role != "points":
        yield (*here, "role"), "a gate, a veto or a figure has one owner: the record of several banks gives points only 多家银行的记录只能计分"
    if indicator.rule_by_stage:
        yield (
            (*here, "rule_by_stage"),
            "banks are not told the stages of firms: one rule for all stages (weights may differ) 银行不知企业阶段，各阶段规则须相同，权重可不同",
        )
    if indicator.open_to:
        yield (*here, "open_to"), "an indicator of several banks is open to nobody: only its sum is opened 多家银行的指标不单独开放，只开合计"


def _functionals(pack: Pack, summed: dict[str, IndicatorSpec]) -> Iterator[Problem]:
    for name, spec in pack.functionals.items():
        inside = [item for item, indicator in summed.items() if spec.dimensions is None or indicator.dimension in spec.dimensions]
        if inside and tuple(spec.disclosed_to) != ("authority",):
            yield (
                ("functionals", name, "disclosed_to"),
                f"{inside[0]} is summed over banks: what contains it is disclosed to the authority alone, [authority] 含银行汇总，只可向主管部门披露",
            )
