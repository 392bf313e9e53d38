"""Numbers of Chinese official prose: digits or numerals, with unit and comparison; exact, never binary floats.

"以上", "以下", "以内", "满" and "达到" include the number, "超过", "不满" and "低于" do not: Civil Code, article 1259.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from scoring.policies.meaning import Relation
from scoring.policies.reading.text import Span

Unit = Literal["fen", "percent", "years", "months", "pieces", "persons"]

_DIGITS = {
    char: value for value, chars in enumerate(("零〇", "一壹", "二两贰", "三叁", "四肆", "五伍", "六陆", "七柒", "八捌", "九玖")) for char in chars
}
_PLACES = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000}
_ARABIC = r"[0-9０-９]+(?:[,，][0-9]{3})*(?:[.．][0-9]+)?"
_NUMERAL = rf"[{''.join(_DIGITS)}{''.join(_PLACES)}]+(?:点[{''.join(_DIGITS)}]+)?"
_NUMBER = rf"{_ARABIC}|{_NUMERAL}"
_UNITS: dict[str, tuple[Unit, int]] = {
    "亿元": ("fen", 10_000_000_000), "千万元": ("fen", 1_000_000_000), "百万元": ("fen", 100_000_000), "万元": ("fen", 1_000_000),
    "千元": ("fen", 100_000), "元": ("fen", 100), "个百分点": ("percent", 1), "％": ("percent", 1), "%": ("percent", 1),
    "周年": ("years", 1), "个年度": ("years", 1), "年": ("years", 1), "个月": ("months", 1),
    "件": ("pieces", 1), "项": ("pieces", 1), "名": ("persons", 1), "人": ("persons", 1),
}  # fmt: skip
_BEFORE: dict[str, Relation] = {
    "不低于": "at_least", "不少于": "at_least", "不小于": "at_least", "达到": "at_least", "达": "at_least", "满": "at_least", "至少": "at_least",
    "不满": "less_than", "不足": "less_than", "未满": "less_than", "低于": "less_than", "小于": "less_than", "少于": "less_than",
    "不超过": "at_most", "不高于": "at_most", "不多于": "at_most", "不大于": "at_most",
    "未超过": "at_most", "最高": "at_most", "最多": "at_most", "至多": "at_most",
    "超过": "more_than", "大于": "more_than", "高于": "more_than", "多于": "more_than",
}  # fmt: skip
_AFTER: dict[str, Relation] = {"以上": "at_least", "以下": "at_most", "以内": "at_most", "之内": "at_most", "内": "at_most"}


def _words(words: object) -> str:
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))  # type: ignore[call-overload]  # any iterable of texts


_QUANTITY = re.compile(
    rf"(?P<before>{_words(_BEFORE)})?\s*(?:"
    rf"百分之(?P<share>{_NUMBER})|(?P<number>{_NUMBER})\s*(?P<unit>{_words(_UNITS)}))"
    rf"(?:（含）|\(含\)|（含本数）|及|含)?(?P<after>{_words(_AFTER)})?"
)
_DATE = re.compile(r"((?:19|20)[0-9]{2})年([0-9]{1,2})月([0-9]{1,2})日")


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with its unit and comparison, and where it stands."""

    span: Span
    value: Fraction
    unit: Unit
    relation: Relation
    capped: bool  # "最高", "不超过": an upper limit of an amount


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the calendar, as ISO 8601, and where it stands."""

    span: Span
    iso: str


def quantities(text: str, within: Span) -> Iterator[Quantity]:
    """The quantities in a part of the text, in order. Years and days of dates are none."""
    dates = [day.span for day in days(text, within)]
    for match in _QUANTITY.finditer(text, within.start, within.end):
        span = Span(match.start(), match.end())
        unit, factor = _UNITS["%" if match["share"] else match["unit"]]
        digits = match["share"] or match["number"]
        if any(span.overlaps(day) for day in dates) or (unit == "years" and re.fullmatch(r"(19|20)[0-9]{2}", digits)):
            continue
        relation = _BEFORE.get(match["before"] or "") or _AFTER.get(match["after"] or "") or "equal"
        yield Quantity(span, number(digits) * factor, unit, relation, relation == "at_most")


def days(text: str, within: Span) -> Iterator[Day]:
    """The dates in a part of the text, in order; what is no day of the calendar is left out."""
    for match in _DATE.finditer(text, within.start, within.end):
        year, month, day = map(int, match.groups())
        if 1 <= month <= 12 and 1 <= day <= _days_in(year, month):
            yield Day(Span(match.start(), match.end()), f"{year:04}-{month:02}-{day:02}")


def number(digits: str) -> Fraction:
    """The value of Arabic digits or a Chinese numeral below 10,000.

    >>> [str(number(text)) for text in ("1,200", "3.5", "十五", "一百二十", "三点五", "两千", "三五")]
    ['1200', '7/2', '15', '120', '7/2', '2000', '35']
    """
    digits = digits.replace(",", "").replace("，", "").replace("．", ".")
    if digits[0].isdigit() and digits[0] not in _DIGITS:
        return Fraction(digits.translate(str.maketrans("０１２３４５６７８９", "0123456789")))
    whole, _, part = digits.partition("点")
    value = Fraction(_whole(whole))
    return value + (Fraction(int("".join(str(_DIGITS[char]) for char in part)), 10 ** len(part)) if part else 0)


def _whole(numeral: str) -> int:
    if not set(numeral) & set(_PLACES):
        return int("".join(str(_DIGITS[char]) for char in numeral))
    total, digit = 0, None
    for char in numeral:
        if char in _PLACES:
            total += (1 if digit is None else digit) * _PLACES[char]
            digit = None
        else:
            digit = _DIGITS[char]
    return total + (digit or 0)


def _days_in(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in {4, 6, 9, 11} else 31
