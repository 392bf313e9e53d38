"""What a tag says, as data: a kind, a relation and values [O2]. Money is in fen, shares in percent, places and trades are codes, dates ISO 8601."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Literal, Self

from pydantic import model_validator

from scoring.enterprises.trades import SECTIONS
from scoring.policies.errors import PolicyFormatError
from scoring.statements import Record, Title

Kind = Literal[
    "founded_years", "founded_date", "division", "trade", "board", "title", "revenue", "growth", "rd_ratio", "rd_expense", "rd_staff_ratio",
    "rights", "honest", "tax_clear", "insurance_clear", "award", "period",
]  # fmt: skip
Relation = Literal["at_least", "more_than", "at_most", "less_than", "equal", "one_of", "none_of"]

PUBLIC: frozenset[str] = frozenset({"founded_years", "founded_date", "division", "trade", "board", "title"})
"""Conditions on public registers: judged in clear."""

PROTECTED: frozenset[str] = frozenset(
    {"revenue", "growth", "rd_ratio", "rd_expense", "rd_staff_ratio", "rights", "honest", "tax_clear", "insurance_clear"}
)
"""Conditions on what departments hold: judged by the encrypted flags of the policy's model, of which only the number met is opened."""

KINDS: dict[str, Title] = {
    "founded_years": Title(zh="成立年限", en="years since founding"),
    "founded_date": Title(zh="成立日期", en="date of founding"),
    "division": Title(zh="注册地", en="place of registration"),
    "trade": Title(zh="行业", en="trade"),
    "board": Title(zh="上市（挂牌）板块", en="board of listing"),
    "title": Title(zh="企业资质", en="title of the enterprise"),
    "revenue": Title(zh="营业收入", en="revenue"),
    "growth": Title(zh="营业收入增长", en="growth of revenue"),
    "rd_ratio": Title(zh="研发费用占比", en="R&D over revenue"),
    "rd_expense": Title(zh="研发费用", en="R&D expense"),
    "rd_staff_ratio": Title(zh="科技人员占比", en="R&D staff over staff"),
    "rights": Title(zh="知识产权", en="intellectual property"),
    "honest": Title(zh="未列入失信名单", en="not on the dishonest list"),
    "tax_clear": Title(zh="无欠税", en="no taxes in arrears"),
    "insurance_clear": Title(zh="无社保欠费", en="no social insurance in arrears"),
    "award": Title(zh="奖补金额", en="amount of the award"),
    "period": Title(zh="时间", en="dates"),
}
RELATIONS: dict[str, Title] = {
    "at_least": Title(zh="不低于", en="at least"),
    "more_than": Title(zh="高于", en="more than"),
    "at_most": Title(zh="不高于", en="at most"),
    "less_than": Title(zh="低于", en="less than"),
    "equal": Title(zh="为", en="is"),
    "one_of": Title(zh="属于", en="one of"),
    "none_of": Title(zh="不属于", en="none of"),
}
BOARDS: dict[str, Title] = {
    "main": Title(zh="主板", en="main board"),
    "growth": Title(zh="创业板、科创板、北交所", en="growth boards"),
    "neeq": Title(zh="新三板", en="NEEQ"),
    "regional": Title(zh="区域性股权市场", en="regional equity market"),
    "none": Title(zh="未上市", en="unlisted"),
}
TITLES: dict[str, Title] = {
    "htc": Title(zh="高新技术企业", en="high-tech enterprise"),
    "sme-technology": Title(zh="科技型中小企业", en="technology SME"),
    "innovative-sme": Title(zh="创新型中小企业", en="innovative SME"),
    "specialised-sme": Title(zh="专精特新中小企业", en="specialised SME"),
    "little-giant": Title(zh="专精特新“小巨人”企业", en="little giant"),
    "fledgling": Title(zh="雏鹰企业", en="fledgling"),
    "gazelle": Title(zh="瞪羚企业", en="gazelle"),
    "unicorn": Title(zh="独角兽企业", en="unicorn"),
}
NO_PLACES: Mapping[str, Title] = {}
_UNITS = {"founded_years": (" 年", " years"), "rights": (" 件", " rights"), **dict.fromkeys(("growth", "rd_ratio", "rd_staff_ratio"), ("%", "%"))}
_SECTIONS = {section.letter: Title(zh=section.zh, en=section.en) for section in SECTIONS}
_MEMBERSHIP = ("one_of", "none_of")
_WHOLE, _DECIMAL = re.compile(r"0|[1-9][0-9]{0,17}"), re.compile(r"-?(0|[1-9][0-9]{0,8})(\.[0-9]{1,6})?")
_FORMS: dict[str, re.Pattern[str]] = {
    "division": re.compile(r"[1-9][0-9](?:[0-9]{2}){0,2}"),
    "trade": re.compile(r"[A-T](?:[0-9]{2,4})?"),
    "board": re.compile("|".join(BOARDS)),
    "title": re.compile("|".join(TITLES)),
    **dict.fromkeys(("founded_years", "revenue", "rd_expense", "rights", "award"), _WHOLE),
    **dict.fromkeys(("growth", "rd_ratio", "rd_staff_ratio"), _DECIMAL),
}


class Meaning(Record):
    """One condition, award or date. Of a membership the values are alternatives; every other kind has one value, ``period`` one or two, a clear
    record (``honest`` and the like) none."""

    kind: Kind
    relation: Relation
    values: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        memberships = self.kind in {"division", "trade", "board", "title"}
        if memberships != (self.relation in _MEMBERSHIP):
            raise ValueError(f"{self.kind} does not go with {self.relation}")
        if self.kind in {"honest", "tax_clear", "insurance_clear"}:
            if self.values or self.relation != "equal":
                raise ValueError(f"{self.kind} has no value")
            return self
        most = 64 if memberships else 2 if self.kind == "period" else 1
        if not 1 <= len(self.values) <= most or len(set(self.values)) != len(self.values):
            raise ValueError(f"{self.kind} has 1 to {most} values, each once")
        for value in self.values:
            _check_value(self.kind, value)
        return self

    @property
    def public(self) -> bool:
        """Whether it is a condition that public registers tell."""
        return self.kind in PUBLIC

    @property
    def protected(self) -> bool:
        """Whether it is a condition on what departments hold."""
        return self.kind in PROTECTED


def meaning_of(kind: str, relation: str, values: tuple[str, ...]) -> Meaning:
    """The meaning of what an official wrote. Raises PolicyFormatError, saying what would be right."""
    try:
        return Meaning.model_validate({"kind": kind, "relation": relation, "values": values})
    except ValueError as error:
        raise PolicyFormatError(f"{kind} {relation} {', '.join(values)}: {_first_line(error)}") from error


def described(meaning: Meaning, places: Mapping[str, Title] = NO_PLACES) -> Title:
    """A meaning in words, Chinese and English. ``places``: names of divisions by code; other codes of places and trades are shown as they are."""
    kind, relation = KINDS[meaning.kind], RELATIONS[meaning.relation]
    names = [places[value] if meaning.kind == "division" and value in places else _named(meaning.kind, value) for value in meaning.values]
    if not names:
        return kind
    zh, en = "、".join(name.zh for name in names), ", ".join(name.en for name in names)
    return Title(zh=f"{kind.zh}{relation.zh}{zh}", en=f"{kind.en} {relation.en} {en}")


def _named(kind: str, value: str) -> Title:
    if kind in {"award", "revenue", "rd_expense"}:
        yuan = f"{int(value) // 100:,}" + (f".{int(value) % 100:02}" if int(value) % 100 else "")
        return Title(zh=f"{yuan} 元", en=f"{yuan} yuan")
    if kind == "trade" and value in _SECTIONS:
        return _SECTIONS[value]
    unit_zh, unit_en = _UNITS.get(kind, ("", ""))
    return {"board": BOARDS, "title": TITLES}.get(kind, {}).get(value) or Title(zh=f"{value}{unit_zh}", en=f"{value}{unit_en}")


def _check_value(kind: str, value: str) -> None:
    form = _FORMS.get(kind)
    if form is None:
        date.fromisoformat(value)
    elif not form.fullmatch(value):
        raise ValueError(f"{value!r} is no value of {kind}")


def _first_line(error: ValueError) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-2] if len(lines) > 2 else lines[-1]
