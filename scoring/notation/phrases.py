"""A point rule as the phrase that an official reads and writes in a cell, and back: the same rule, in words and numbers.

A phrase has a head and lines (or parts after semicolons): ``分档 tiers: rd_staff / survey_staff`` and below it ``>= 0.3: 20``. Either
language alone will do, as will ≥, full-width signs, 30%, 100万 and 1,000,000. A rule of several rules has each of them in [brackets]. A
rule that phrases cannot say is written as the pack writes it, in {braces}.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from scoring.errors import ModelError
from scoring.indicators.document import parse_document
from scoring.notation.numbers import number_text
from scoring.notation.pack_text import flow
from scoring.notation.phrase_lines import Lines, halfwidth, split

KINDS = {
    "tiers": "分档", "linear": "按比例", "table": "对照表", "count": "按件", "growth": "增速", "percentile": "分位", "flag": "是否",
    "best_of": "取高", "sum": "合计", "never": "不触发",
}  # fmt: skip
BOUNDS = {">=": "at_least", ">": "more_than", "<=": "at_most", "<": "less_than"}
SETTINGS = {"reference": "满分值", "points": "满分", "otherwise": "其他", "cap": "最高", "when_base_not_positive": "基数不为正"}
_NEEDED = {
    "tiers": ("otherwise",), "linear": ("reference", "points"), "count": ("cap",), "growth": ("otherwise", "when_base_not_positive"),
    "percentile": ("points",), "flag": ("points",),
}  # fmt: skip
_ALLOWED = _NEEDED | {"table": ("otherwise",), "sum": ("cap",)}
_HEAD = re.compile(r"(?P<kind>[^:]+?)\s*(?::\s*(?P<of>.*))?")
_BARE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+/-]*|[\u4e00-\u9fff][\w（）]*")
_WITH_VALUE = {"tiers", "linear", "table", "growth", "percentile", "flag"}
MAX_DEPTH = 8

Rule = Mapping[str, Any]


def rule_phrase(rule: Rule) -> str:
    """The phrase of a rule as a pack's document has it.

    >>> from decimal import Decimal
    >>> print(rule_phrase({"kind": "tiers", "of": "x", "tiers": ({"at_least": Decimal("0.30"), "points": 20},), "otherwise": 0}))
    分档 tiers: x
    >= 0.3: 20
    其他 otherwise: 0
    """
    try:
        text = _phrase(rule)
        said = read_rule(text)
    except (ModelError, LookupError, StopIteration, TypeError, ValueError, AttributeError):
        return flow(rule)  # not a rule that phrases can say
    return text if said == rule else flow(rule)


def read_rule(text: str) -> dict[str, Any]:
    """The rule of a phrase, as a pack's document has it. Raises ModelError saying which part is not understood and what would be right.

    >>> read_rule("linear: rd_expense / revenue; 满分值：30%; points: 2")
    {'kind': 'linear', 'of': 'rd_expense / revenue', 'reference': Decimal('0.30'), 'points': 2}
    """
    if text.lstrip().startswith("{"):
        value = parse_document(text.encode()).value
        if not isinstance(value, dict):
            raise ModelError("in braces stands a rule as a pack writes it: {kind: linear, …} 花括号内写规则原文")
        return value
    return _read(halfwidth(text), 0)


# --- writing ---


def _phrase(rule: Rule) -> str:
    kind = rule["kind"]
    lines = [f"{KINDS[kind]} {kind}" + (f": {_of(rule)}" if kind in _WITH_VALUE else "")]
    lines += [_tier(tier) for tier in rule.get("tiers", rule.get("table", ()))]
    lines += [f"若 if {item['flag']}: {number_text(item['points'])}" for item in rule.get("overrides", ())]
    named = rule["points"] if kind == "table" else rule.get("each", {})
    lines += [f"{_name(name)}: {number_text(points)}" for name, points in named.items()]
    lines += [f"[{_phrase(part)}]" for part in rule.get("rules", ())]
    lines += [f"{SETTINGS[name]} {name}: {number_text(rule[name])}" for name in _ALLOWED.get(kind, ()) if name in rule]
    return "\n".join(lines)


def _of(rule: Rule) -> str:
    return f"{rule['of']} / {rule['base']}" if rule["kind"] == "growth" else str(rule["of"])


def _tier(tier: Rule) -> str:
    if "percentile" in tier:
        return f">= {number_text(tier['at_least'])}: {number_text(tier['percentile'])}"
    sign = next(sign for sign, name in BOUNDS.items() if name in tier)
    return f"{sign} {number_text(tier[BOUNDS[sign]])}: {number_text(tier['points'])}"


def _name(text: str) -> str:
    reserved = text in SETTINGS or text in SETTINGS.values()
    return text if _BARE.fullmatch(text) and not reserved else json.dumps(text, ensure_ascii=False)


# --- reading ---


def _read(text: str, depth: int) -> dict[str, Any]:
    parts = split(text)
    if depth > MAX_DEPTH:
        raise ModelError(f"brackets are at most {MAX_DEPTH} deep 方括号层数过多")
    if not parts:
        raise ModelError("a rule is expected, such as: linear: rd_expense; reference: 1000000; points: 2 应为计分规则")
    kind, of = _head(parts[0])
    if (kind in _WITH_VALUE) != bool(of):
        right = "has nothing behind its name 后不写字段" if of else "is followed by a colon and the field that it looks at 后须写冒号和字段"
        raise ModelError(f"{kind} {right}")
    nested = [part[1:-1] for part in parts[1:] if part.startswith("[") and part.endswith("]")]
    lines = Lines.of([part for part in parts[1:] if not (part.startswith("[") and part.endswith("]"))], BOUNDS, SETTINGS)
    found = {"kind": kind} | _value(kind, of) | _body(kind, lines)
    if kind in {"best_of", "sum"}:
        found["rules"] = tuple(_read(part, depth + 1) for part in nested)
    elif nested:
        raise ModelError(f"{kind} has no rules in brackets: best_of and sum have 此规则内不可再套规则")
    for name in _NEEDED.get(kind, ()):
        if name not in lines.settings:
            raise ModelError(f"{kind} lacks a line {SETTINGS[name]} {name}: … 缺少这一行")
    return found | lines.settings


def _head(text: str) -> tuple[str, str]:
    match = _HEAD.fullmatch(text)
    word = "" if match is None else " ".join(match["kind"].split())
    kind = next((kind for kind, words in KINDS.items() if word in {kind, words, f"{words} {kind}", f"{words}{kind}"}), None)
    if match is None or kind is None:
        known = ", ".join(f"{words} {kind}" for kind, words in KINDS.items())
        raise ModelError(f"{text!r} is not the beginning of a rule; rules are {known} 规则只有这几种")
    return kind, (match["of"] or "").strip()


def _value(kind: str, of: str) -> dict[str, Any]:
    if kind != "growth":
        return {"of": of} if of else {}
    now, slash, base = (part.strip() for part in of.partition("/"))
    if not (now and slash and base):
        raise ModelError("growth is followed by the figure and its base, such as growth: revenue / revenue_previous 增速要写本期与基期")
    return {"of": now, "base": base}


def _body(kind: str, lines: Lines) -> dict[str, Any]:
    """What the lines say, settings left aside. Raises ModelError for a line that a rule of this kind does not have."""
    takes = {"tiers": "bounds", "growth": "bounds", "percentile": "bounds", "table": "names", "count": "names"}.get(kind)
    strange = [name for name in lines.settings if name not in _ALLOWED.get(kind, ())]
    strange += [f"{sign} {bound}" for sign, bound, _ in lines.bounds if takes != "bounds"]
    strange += [name for name, _ in lines.names if takes != "names"]
    strange += [name for name, _ in lines.flags if kind != "table"]
    if strange:
        raise ModelError(f"{strange[0]!r} is no line of a rule {kind} 此规则没有这一行")
    if kind == "percentile":
        if wrong := [sign for sign, _, _ in lines.bounds if sign != ">="]:
            raise ModelError(f"{wrong[0]}: the lines of percentile begin with >= 分位各行以 >= 开头")
        return {"table": tuple({"at_least": bound, "percentile": value} for _, bound, value in lines.bounds)}
    if takes == "bounds":
        return {"tiers": tuple({BOUNDS[sign]: bound, "points": value} for sign, bound, value in lines.bounds)}
    if kind == "count":
        return {"each": dict(lines.names)}
    if kind == "table":
        overrides = {"overrides": tuple({"flag": name, "points": value} for name, value in lines.flags)} if lines.flags else {}
        return {"points": dict(lines.names)} | overrides
    return {}
