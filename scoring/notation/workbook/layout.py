"""Which sheets a model's workbook has, and which part of the pack stands in which column. Data only; ``sheets`` reads and writes by it.

A column's path is relative to its row's part of the pack. ``*`` stands for a name that has a column of its own (a stage, an axis).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "number", "list", "flag", "rule"]


@dataclass(frozen=True, slots=True)
class Column:
    """One part of each row: its path, its Chinese name, and what a cell holds. An empty cell is an absent part."""

    path: str
    title: str
    kind: Kind = "text"


@dataclass(frozen=True, slots=True)
class Table:
    """A sheet with a row for each part at ``at``: ``*`` is a name, which stands in a key column, ``#`` a place in a sequence, which does not.

    ``notes`` as ``at``: every sequence of provenance notes, wherever it is, with its path as the key.
    """

    sheet: str
    at: tuple[str, ...]
    keys: tuple[Column, ...]
    columns: tuple[Column, ...]


def _titles(path: str = "title", name: str = "名称") -> tuple[Column, ...]:
    return Column(f"{path}.zh", f"{name}（中文）"), Column(f"{path}.en", f"{name}（英文）")


def _owner(path: str, name: str) -> tuple[Column, ...]:
    return Column(f"{path}.department", f"{name}部门"), Column(f"{path}.level", f"{name}层级")


MAIN = "基本信息 model"
GUIDE = "说明 guide"
IDENTITY = (
    Column("format", "格式"),
    Column("id", "标识"),
    Column("version", "版本"),
    *_titles(),
    Column("zone", "高新区"),
    Column("valid_from", "生效日期"),
    Column("valid_until", "失效日期"),
    *_owner("staging.owner", "阶段发布"),
    Column("staging.default", "默认阶段"),
    Column("staging.axes", "阶段划分依据", "list"),
)
_ID = Column("id", "标识")
TABLES = (
    Table("记录 records", ("records", "*"), (_ID,), (*_titles(), *_owner("owner", "所有"))),
    Table(
        "字段 fields",
        ("records", "*", "fields", "*"),
        (Column("record", "记录"), Column("field", "字段")),
        (*_titles(), Column("type", "类型"), Column("unit", "单位"), Column("values", "取值", "list"), Column("signed", "可为负", "flag")),
    ),
    Table("维度 dimensions", ("dimensions", "*"), (_ID,), (Column("zh", "名称（中文）"), Column("en", "名称（英文）"))),
    Table(
        "阶段 stages",
        ("staging", "stages", "*"),
        (_ID,),
        (*_titles(), Column("on.*.from", "起（含）", "number"), Column("on.*.below", "止（不含）", "number")),
    ),
    Table(
        "指标 indicators",
        ("indicators", "*"),
        (_ID,),
        (
            *_titles(),
            Column("role", "角色"),
            Column("dimension", "维度"),
            Column("record", "记录"),
            Column("unit", "单位"),
            *_titles("definition", "定义"),
            Column("rule", "计分规则", "rule"),
            Column("weights", "各阶段权重", "number"),
            Column("weights.*", "权重", "number"),
            Column("bounds[0]", "最低分", "number"),
            Column("bounds[1]", "最高分", "number"),
            Column("open_to", "开放对象", "list"),
        ),
    ),
    Table(
        "分阶段规则 stage rules",
        ("indicators", "*", "rule_by_stage", "*"),
        (Column("indicator", "指标"), Column("stage", "阶段")),
        (Column("", "计分规则", "rule"),),
    ),
    Table(
        "披露 disclosures",
        ("functionals", "*"),
        (_ID,),
        (
            *_titles(),
            Column("dimensions", "维度", "list"),
            Column("gates", "归零条件", "list"),
            Column("constant", "常数", "number"),
            Column("disclosed_to", "披露对象", "list"),
        ),
    ),
    Table(
        "产品 products",
        ("products", "*"),
        (_ID,),
        (
            *_titles(),
            Column("functional", "得分函数"),
            Column("line.base", "基础额度（元）", "number"),
            Column("line.slope.*", "每分（元）", "number"),
            Column("line.figures.*", "每单位（元）", "number"),
            Column("line.floor", "最低额度（元）", "number"),
            Column("line.cap", "最高额度（元）", "number"),
            Column("line.round_to", "取整（元）", "number"),
            Column("relative.to", "相对于产品"),
            Column("relative.times.*", "倍数", "number"),
            Column("relative.round_to", "相对取整（元）", "number"),
            Column("promise.amount_ratio", "承诺额度倍数", "number"),
            Column("promise.extra_months", "承诺延长月数", "number"),
            Column("minimum_total", "最低积分", "number"),
            Column("term_months", "期限（月）", "number"),
            *_titles("rate_rule", "利率规则"),
            Column("vetoes", "否决项", "list"),
            Column("eligibility", "准入条件", "list"),
        ),
    ),
    Table(
        "披露例外 exposures",
        ("exposures", "#"),
        (),
        (
            Column("indicator", "指标"),
            Column("audiences", "对象", "list"),
            Column("stages", "阶段", "list"),
            Column("pinned_at_most", "可锁定比例上限", "number"),
            Column("ratio_at_least", "剩余误差比下限", "number"),
            *_titles("reason", "理由"),
            *_owner("accepted_by", "接受"),
        ),
    ),
    Table(
        "榜单 rankings",
        ("rankings", "*"),
        (_ID,),
        (
            *_titles(),
            Column("functional", "得分函数"),
            Column("from_top", "自前百分之（含）", "number"),
            Column("below_top", "至前百分之（不含）", "number"),
        ),
    ),
    Table(
        "来源 provenance",
        ("notes", "#"),
        (Column("of_part", "何处"),),
        (Column("of", "内容", "list"), Column("status", "状态"), Column("source", "来源"), Column("note", "备注"), Column("stages", "阶段", "list")),
    ),
)
