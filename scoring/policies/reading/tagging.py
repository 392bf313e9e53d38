"""Proposes tags for a policy's text (分词解析): what an official has to confirm, change or drop. Rules and a lexicon; each tag points at its words.

No word segmenter is used: measured on tests/vectors/policies (docs/specs/policies.md says how), cutting the text into words beforehand
found no tag more and lost some, since official prose is full of names that a general dictionary cuts apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from scoring.policies.meaning import Kind, Meaning, Relation
from scoring.policies.reading import lexicon
from scoring.policies.reading.quantities import Day, Quantity, days, quantities
from scoring.policies.reading.text import Span, clauses, sentences

_LISTED: dict[Kind, tuple[Mapping[str, tuple[str, ...]], re.Pattern[str]]] = {
    "title": (lexicon.TITLES, lexicon.words(lexicon.TITLES)),
    "board": (lexicon.BOARDS, lexicon.words(lexicon.BOARDS)),
    "trade": (lexicon.TRADES, lexicon.words(lexicon.TRADES)),
}
_BETWEEN = re.compile(r"(?:企业)?(?:、|和|或者|或|及|以及|与|，或者|／|/)(?:在)?(?:者)?")
_EXCLUDED_AFTER = re.compile(r"(?:企业)?(?:除外|不属于本|不适用|不予支持|不享受|不纳入)")
_RECORDS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("honest", lexicon.HONEST), ("tax_clear", lexicon.TAX_CLEAR), ("insurance_clear", lexicon.INSURANCE_CLEAR),
)  # fmt: skip
_FOUNDED = re.compile(r"成立|注册|登记|设立")
_MEASURES: tuple[tuple[Kind, frozenset[str], re.Pattern[str]], ...] = (
    ("award", frozenset({"fen"}), re.compile(r"奖励|奖补|补贴|补助|资助|扶持资金|扶持|贴息|支持资金")),
    ("rd_ratio", frozenset({"percent"}), re.compile(r"(?:研发|研究开发)(?:费用|投入|经费)[^，,。；]{0,12}(?:占|比)|占(?:营业|销售|主营业务)收入")),
    ("rd_expense", frozenset({"fen"}), re.compile(r"(?:研发|研究开发)(?:费用|投入|经费)")),
    ("rd_staff_ratio", frozenset({"percent"}), re.compile(r"(?:研发|科技|科研)人员[^，,。；]{0,12}(?:占|比)")),
    ("growth", frozenset({"percent"}), re.compile(r"增长率?|增速|增幅")),
    ("revenue", frozenset({"fen"}), re.compile(r"(?:营业|销售|主营业务)收入|销售额|营收")),
    ("rights", frozenset({"pieces"}), re.compile(r"专利|软件著作权|知识产权|集成电路布图设计")),
    ("founded_years", frozenset({"years"}), _FOUNDED),
)  # fmt: skip
_BACKED_BY = 2  # clauses that a measure may stand before its quantity
_AFTER_DAY: dict[str, Relation] = {"以后": "at_least", "之后": "at_least", "后": "at_least", "起": "at_least", "以来": "at_least",
                                   "以前": "less_than", "之前": "less_than", "前": "less_than"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tag:
    """A proposed meaning; ``sentence`` is its number in the text, ``span`` the words that say it."""

    sentence: int
    span: Span
    meaning: Meaning


def propose(text: str, places: Mapping[str, str]) -> list[Tag]:
    """Tags for ``text`` in the order of the text. ``places``: names of divisions with their codes; the name "" is the zone's own.

    Raises PolicyFormatError when the text is too long.
    """
    found = []
    for place, sentence in enumerate(sentences(text)):
        tags = [Tag(place, span, meaning) for span, meaning in _sentence_tags(text, sentence, places)]
        found += sorted(tags, key=lambda tag: (tag.span.start, tag.span.end))
    return found


def _sentence_tags(text: str, sentence: Span, places: Mapping[str, str]) -> Iterator[tuple[Span, Meaning]]:
    for kind, (terms, pattern) in _LISTED.items():
        yield from _listed(text, sentence, kind, terms, pattern)
    yield from _registered(text, sentence, places)
    for kind, pattern in _RECORDS:
        yield from ((_span(match), Meaning(kind=kind, relation="equal")) for match in pattern.finditer(text, sentence.start, sentence.end))
    parts = clauses(text, sentence)
    for quantity in quantities(text, sentence):
        yield from _measured(text, parts, quantity)
    yield from _dated(text, sentence)


# --- words ---


def _listed(text: str, sentence: Span, kind: Kind, terms: Mapping[str, tuple[str, ...]], pattern: re.Pattern[str]) -> Iterator[tuple[Span, Meaning]]:
    """One tag for each enumeration of alternatives: "A、B或者C"."""
    for group in _enumerations(
        text, [match for match in pattern.finditer(text, sentence.start, sentence.end) if _meant(text, sentence, kind, match)]
    ):
        span = _span(group[0]).joined(_span(group[-1]))
        excluded = _EXCLUDED_AFTER.match(text, span.end, sentence.end) or lexicon.NEGATION.search(text[sentence.start : span.start])
        values = lexicon.codes(terms, (match.group() for match in group))
        if kind == "board" and len(values) > 1 and {match.group() for match in group} & {"上市"} and _names_board(group):
            values = lexicon.codes(terms, (match.group() for match in group if match.group() != "上市"))
        yield span, Meaning(kind=kind, relation="none_of" if excluded else "one_of", values=values)


def _names_board(group: list[re.Match[str]]) -> bool:
    return any(match.group() in {"主板", "创业板", "科创板", "北交所", "北京证券交易所"} for match in group)


def _meant(text: str, sentence: Span, kind: Kind, match: re.Match[str]) -> bool:
    if kind == "trade":
        return True
    before = text[sentence.start : match.start()]
    return not lexicon.NOT_YET.search(before) and not lexicon.NOT_ITSELF.match(text, match.end(), sentence.end)


def _enumerations(text: str, matches: list[re.Match[str]]) -> Iterator[list[re.Match[str]]]:
    group: list[re.Match[str]] = []
    for match in matches:
        between = text[group[-1].end() : match.start()] if group else None
        if between is not None and between and not _BETWEEN.fullmatch(between):
            yield group
            group = []
        group.append(match)
    if group:
        yield group


def _registered(text: str, sentence: Span, places: Mapping[str, str]) -> Iterator[tuple[Span, Meaning]]:
    """Places where the enterprise has to be registered; a place that is only mentioned is none."""
    named = {**{word: places[""] for word in lexicon.OWN_ZONE if "" in places}, **{name: code for name, code in places.items() if name}}
    if not named:
        return
    for match in lexicon.words(named).finditer(text, sentence.start, sentence.end):
        before = text[sentence.start : match.start()]
        if lexicon.REGISTERED.search(before) and (
            _FOUNDED.search(before) or "位于" in before or lexicon.REGISTERED_AFTER.match(text, match.end(), sentence.end)
        ):
            yield _span(match), Meaning(kind="division", relation="one_of", values=(named[match.group()],))


# --- quantities ---


def _measured(text: str, parts: list[Span], quantity: Quantity) -> Iterator[tuple[Span, Meaning]]:
    """The quantity with what it measures: the nearest measure before it, else the first one after it in its clause."""
    home = next((place for place, part in enumerate(parts) if quantity.span.within(part)), None)
    if home is None:
        return
    start = parts[max(0, home - _BACKED_BY)].start
    candidates = []
    for order, (kind, units, pattern) in enumerate(_MEASURES):
        if quantity.unit not in units:
            continue
        before = list(pattern.finditer(text, start, quantity.span.start))
        after = pattern.search(text, quantity.span.end, parts[home].end)
        if before:
            candidates.append((quantity.span.start - before[-1].end(), order, kind, _span(before[-1])))
        if after and kind in {"award", "founded_years", "rights"}:
            candidates.append((after.start() - quantity.span.end, order, kind, _span(after)))
    if candidates:
        _, _, kind, measure = min(candidates)
        yield measure.joined(quantity.span), Meaning(kind=kind, relation=quantity.relation, values=(_value(quantity.value),))


def _value(value: Fraction) -> str:
    """A canonical decimal: the text's own digits, which are finitely many."""
    return format((Decimal(value.numerator) / Decimal(value.denominator)).normalize(), "f")


# --- dates ---


def _dated(text: str, sentence: Span) -> Iterator[tuple[Span, Meaning]]:
    found = list(days(text, sentence))
    founded = [day for day in found if _FOUNDED.match(text, _after(text, day)[1], sentence.end)]
    for day in founded:
        relation, end = _after(text, day)
        yield Span(day.span.start, end), Meaning(kind="founded_date", relation=relation, values=(day.iso,))
    others = [day for day in found if day not in founded]
    for place in range(0, len(others), 2):
        pair = others[place : place + 2]
        values = tuple(dict.fromkeys(day.iso for day in pair))
        yield pair[0].span.joined(pair[-1].span), Meaning(kind="period", relation="equal", values=values)


def _after(text: str, day: Day) -> tuple[Relation, int]:
    for word in sorted(_AFTER_DAY, key=len, reverse=True):
        if text.startswith(word, day.span.end):
            return _AFTER_DAY[word], day.span.end + len(word)
    return "equal", day.span.end


def _span(match: re.Match[str]) -> Span:
    return Span(match.start(), match.end())
