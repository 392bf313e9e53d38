"""A policy's text becomes proposed tags, each at its words; measured on sentences in our own words, some of them never used for the rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from scoring.policies.errors import PolicyFormatError
from scoring.policies.reading.quantities import number, quantities
from scoring.policies.reading.tagging import Tag, propose
from scoring.policies.reading.text import MAX_CHARACTERS, Span, clauses, sentences

PLACES = {"": "410171", "郑州市": "4101"}
SENTENCES = yaml.safe_load((Path(__file__).parents[2] / "vectors" / "policies" / "sentences.yaml").read_text(encoding="utf-8"))["sentences"]


def compared(sentence: dict[str, Any]) -> tuple[list[dict[str, Any]], list[Tag]]:
    """(expected tags that were not found, found tags that were not expected)."""
    missed, wrong = list(sentence["tags"]), []
    for tag in propose(sentence["text"], PLACES):
        said = (tag.meaning.kind, tag.meaning.relation, sorted(tag.meaning.values))
        words = sentence["text"][tag.span.start : tag.span.end]
        fits = [item for item in missed if (item["kind"], item["relation"], sorted(item["values"])) == said and item["at"] in words]
        if fits:
            missed.remove(fits[0])
        else:
            wrong.append(tag)
    return missed, wrong


@pytest.mark.parametrize("sentence", [item for item in SENTENCES if not item.get("held_out")], ids=lambda item: item["text"][:20])
def test_a_sentence_is_read_as_an_official_would(sentence: dict[str, Any]) -> None:
    assert compared(sentence) == ([], [])


def test_sentences_that_the_rules_were_not_made_on_are_read_nearly_as_well() -> None:
    held = [item for item in SENTENCES if item.get("held_out")]
    results = [compared(item) for item in held]
    expected = sum(len(item["tags"]) for item in held)
    assert expected >= 20
    assert sum(len(missed) for missed, _ in results) <= expected // 20
    assert sum(len(wrong) for _, wrong in results) <= expected // 20


@pytest.mark.parametrize(
    ("text", "relation"),
    [
        ("2000万元以上", "at_least"), ("2000万元（含）以上", "at_least"), ("2000万元及以下", "at_most"), ("超过2000万元", "more_than"),
        ("不超过2000万元", "at_most"), ("不满2000万元", "less_than"), ("达到2000万元", "at_least"), ("2000万元以内", "at_most"),
    ],
)  # fmt: skip
def test_words_of_comparison_include_the_number_as_the_civil_code_says(text: str, relation: str) -> None:
    (tag,) = propose(f"营业收入{text}", {})
    assert (tag.meaning.kind, tag.meaning.relation, tag.meaning.values) == ("revenue", relation, ("2000000000",))


def test_amounts_are_exact_fen() -> None:
    found = [str(item.value) for item in quantities("0.07元、3.5万元、１２元、1，234元、三点五亿元", Span(0, 40))]
    assert found == ["7", "3500000", "1200", "123400", "35000000000"]


@given(st.integers(min_value=0, max_value=9999))
def test_numerals_mean_their_number(value: int) -> None:
    assert number(numeral(value)) == value


def numeral(value: int) -> str:
    """The ordinary numeral of 0 to 9,999, by its schoolbook rule."""
    digits = "零一二三四五六七八九"
    if value < 10:
        return digits[value]
    said, zero = "", False
    for place, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = value // place % 10
        if digit:
            said += ("零" if zero and said else "") + digits[digit] + name
            zero = False
        else:
            zero = True
    return said


@given(st.text(alphabet="企业成立满三年，。研发费用不低于5%奖励20万元\n高新技术非未上市除外、（）2023年1月1日 ", max_size=120))
def test_every_tag_points_into_its_own_sentence(text: str) -> None:
    found = sentences(text)
    for tag in propose(text, PLACES):
        assert tag.span.within(found[tag.sentence])
        assert tag.span.start < tag.span.end
        assert any(tag.span.overlaps(part) for part in clauses(text, found[tag.sentence]))


def test_a_text_beyond_bounds_is_refused() -> None:
    with pytest.raises(PolicyFormatError, match="at most"):
        propose("企" * (MAX_CHARACTERS + 1), {})
