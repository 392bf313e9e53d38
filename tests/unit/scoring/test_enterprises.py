"""Public facts of enterprises: trades by their sections, divisions by their prefixes, what is no fact."""

from __future__ import annotations

import pytest

from scoring.enterprises.divisions import full_code, level_of, prefix_of
from scoring.enterprises.facts import Enterprise, FactError, enterprise_of, read_facts
from scoring.enterprises.trades import SECTIONS, trade_code

FACTS = {"company": "杭州澜玥软件有限公司", "division": "330108", "trade": "6511", "founded": "2011-03-04", "board": "star", "capital": "1500000.5"}


def test_sections_cover_every_division_of_the_standard_once() -> None:
    covered = [division for section in SECTIONS for division in range(section.first, section.last + 1)]
    assert covered == list(range(1, 98))
    assert [section.letter for section in SECTIONS] == list("ABCDEFGHIJKLMNOPQRST")


@pytest.mark.parametrize(("trade", "section"), [("6513", "I"), ("3972", "C"), ("7491", "M"), ("0111", "A"), ("97", "T")])
def test_section_of_a_trade(trade: str, section: str) -> None:
    assert trade_code(section + trade) == trade_code(trade) == section + trade


@pytest.mark.parametrize("text", ["", "6", "98", "0011", "C6513", "U6513", "65130", "六五"])
def test_what_is_no_trade_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="GB/T 4754"):
        trade_code(text)


def test_divisions_and_their_prefixes() -> None:
    for code, prefix, level in (("330000", "33", "province"), ("330100", "3301", "city"), ("330108", "330108", "county")):
        assert (prefix_of(code), full_code(prefix), level_of(prefix)) == (prefix, code, level)


def test_facts_are_read_once_and_make_an_enterprise() -> None:
    kept = read_facts(FACTS | {"rd_expense": "1"})
    assert "rd_expense" not in kept, "what is no public fact is not kept"
    found = enterprise_of("ab" * 16, "91330108MA27XXXXX0", kept)
    assert found == Enterprise("ab" * 16, "91330108MA27XXXXX0", FACTS["company"], "330108", "I6511", "2011-03-04", "star", "", 150_000_050)
    assert found is not None
    assert found.section == "I"


def test_an_enterprise_without_name_or_county_is_none_yet() -> None:
    for name in ("company", "division"):
        assert enterprise_of("ab" * 16, "91330108MA27XXXXX0", {key: text for key, text in FACTS.items() if key != name}) is None
        assert enterprise_of("ab" * 16, "91330108MA27XXXXX0", FACTS | {name: ""}) is None


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("division", "330100"),
        ("division", "33010"),
        ("trade", "99"),
        ("founded", "2011-02-30"),
        ("board", "nyse"),
        ("capital", "-1"),
        ("capital", "1.005"),
    ],
)
def test_what_is_no_fact_is_refused_by_its_field(field: str, text: str) -> None:
    with pytest.raises(FactError) as caught:
        read_facts(FACTS | {field: text})
    assert caught.value.field == field
    assert text not in str(caught.value)
