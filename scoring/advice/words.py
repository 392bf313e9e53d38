"""What a step asks for, in the words of the pack's field titles, with its units, in Chinese and English [Q1]."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from gmpy2 import mpq

from scoring.advice.needs import Be, Bound, More, Need, Reach
from scoring.advice.ranking import Step
from scoring.indicators.model import Model
from scoring.rules.values import Expression
from scoring.statements import Title

_SIGNS = {">=": ("不低于", "at least"), ">": ("高于", "more than"), "<=": ("不高于", "at most"), "<": ("低于", "less than")}
_UNITS = {
    "yuan": "元", "10k yuan": "万元", "million yuan": "百万元", "million USD": "百万美元", "persons": "人", "thousand persons": "千人",
    "patents": "件", "applications": "件", "registrations": "件", "projects": "项", "awards": "项", "platforms": "个", "standards": "项",
    "centres": "个", "years": "年", "products": "个", "penalties": "次", "loans": "笔", "sets": "套", "rights": "件", "declarations": "票",
    "days": "天", "countries": "个国家", "certificates": "个", "violations": "次", "points": "分", "citations": "次", "brands": "个",
}  # fmt: skip


def step_words(model: Model, step: Step) -> Title:
    """All that a step asks for, in one sentence part without a stop."""
    parts = [need_words(model, need) for need in step.needs]
    return Title(zh="，且".join(part.zh for part in parts), en=", and ".join(part.en for part in parts))


def need_words(model: Model, need: Need) -> Title:
    """One need; the present value in brackets where it is known."""
    match need:
        case Reach():
            return _reach(model, need)
        case Be():
            return _be(model, need)
        case More():
            title, unit = model.fields[need.field].spec.title, model.fields[need.field].spec.unit
            return Title(zh=f"{title.zh}再增加 {need.items} {_UNITS.get(unit, '件')}", en=f"{need.items} more: {title.en}")


def amount(value: mpq, unit: str) -> Title:
    """A value with its unit as people write it.

    >>> [amount(mpq(number), unit).zh for number, unit in ((8_000_000, "yuan"), (250_000_000, "yuan"), (12, "persons"), ("0.3", "ratio"))]
    ['800 万元', '2.5 亿元', '12 人', '30%']
    >>> amount(mpq(8_000_000), "yuan").en
    '8,000,000 yuan'
    """
    if unit == "ratio":
        percent = f"{_digits(value * 100)}%"
        return Title(zh=percent, en=percent)
    zh_value, zh_unit = value, _UNITS.get(unit, unit)
    if unit == "yuan":
        size, zh_unit = next((pair for pair in ((10**8, "亿元"), (10**4, "万元")) if abs(value) >= pair[0]), (1, "元"))
        zh_value = value / size
    return Title(zh=f"{_digits(zh_value)} {zh_unit}".strip(), en=f"{_digits(value)} {unit}".strip())


def _reach(model: Model, need: Reach) -> Title:
    what, unit = _what(model, need)
    bounds = [_bound(bound, unit) for bound in need.bounds]
    zh, en = f"{what.zh}{'且'.join(bound.zh for bound in bounds)}", f"{what.en} {' and '.join(bound.en for bound in bounds)}"
    if need.now is None:
        return Title(zh=zh, en=en)
    now = amount(need.now, unit)
    return Title(zh=f"{zh}（目前 {now.zh}）", en=f"{en} (now {now.en})")


def _bound(bound: Bound, unit: str) -> Title:
    sign, edge = bound
    zh, en = _SIGNS[sign]
    words = amount(edge, unit)
    return Title(zh=f"{zh} {words.zh}", en=f"{en} {words.en}")


def _what(model: Model, need: Reach) -> tuple[Title, str]:
    """What is compared, and its unit."""
    titles = [model.fields[name].spec.title for name in need.of.fields]
    units = [model.fields[name].spec.unit for name in need.of.fields]
    first = titles[0]
    if need.base:
        base = model.fields[need.base].spec.title
        return Title(zh=f"{first.zh}较{base.zh}的增幅（后者须为正）", en=f"growth of {first.en} over {base.en} (which is above zero)"), "ratio"
    return _expression(need.of, titles), _expression_unit(need.of, units)


def _expression(of: Expression, titles: list[Title]) -> Title:
    first = titles[0]
    match of.kind:
        case "field":
            return first
        case "ratio":
            return Title(zh=f"{first.zh} ÷ {titles[1].zh} ", en=f"{first.en} ÷ {titles[1].en}")
        case "longest_run":
            return Title(zh=f"{first.zh}的最长连续月数", en=f"longest run of {first.en}")
        case "mean":
            zh, en = "、".join(title.zh for title in titles), ", ".join(title.en for title in titles)
            return Title(zh=f"{zh}的平均值", en=f"mean of {en}")


def _expression_unit(of: Expression, units: list[str]) -> str:
    if of.kind == "ratio":
        return "ratio" if units[0] == units[1] else f"{units[0]}/{units[1]}"
    return "months" if of.kind == "longest_run" else units[0]


def _be(model: Model, need: Be) -> Title:
    title, kind = model.fields[need.field].spec.title, model.fields[need.field].spec.type
    if kind == "flag":
        return Title(zh=f"{title.zh}：{'是' if need.values == ('1',) else '否'}", en=f"{title.en}: {'yes' if need.values == ('1',) else 'no'}")
    return Title(zh=f"{title.zh}为 {' 或 '.join(need.values)}", en=f"{title.en} is {' or '.join(need.values)}")


def _digits(value: mpq) -> str:
    """A number to four decimals at most, with thousands, without zeros that it does not need."""
    exact = Decimal(int(value.numerator)) / Decimal(int(value.denominator))
    text = f"{exact.quantize(Decimal('0.0001'), ROUND_HALF_UP):,f}"
    return text.rstrip("0").rstrip(".")
