"""The text of a pack that the program writes, and rules as phrases: what is read from them is what was written."""

from __future__ import annotations

import contextlib
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nodes.packs import pack_bytes, pack_path, shipped_packs
from scoring.errors import ModelError
from scoring.indicators.document import parse_document
from scoring.indicators.model import load_pack
from scoring.notation.numbers import number_text, read_number
from scoring.notation.pack_text import WIDTH, pack_text
from scoring.notation.phrases import read_rule, rule_phrase
from scoring.notation.workbook.guide import GUIDE_ROWS

UNHURRIED = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
QUICK = ("firm-panel", "hangzhou-binjiang", "sme-tech")
PACKS = [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in shipped_packs()]
decimals = st.decimals(-(10**9), 10**9, places=4)
numbers = st.integers(-(10**17), 10**17) | decimals
leaves = st.none() | st.booleans() | numbers | st.text()
values = st.recursive(leaves, lambda inner: st.dictionaries(st.text(max_size=20), inner) | st.lists(inner).map(tuple), max_leaves=20)


@UNHURRIED
@given(st.dictionaries(st.text(min_size=1, max_size=20), values, min_size=1))
def test_whatever_is_written_is_read_again(document: dict[str, Any]) -> None:
    assert parse_document(pack_text(document).encode()).value == document


@pytest.mark.parametrize("name", PACKS)
def test_a_shipped_pack_written_again_is_the_same_model_on_lines_as_wide(name: str) -> None:
    value: Any = parse_document(pack_bytes(name)).value
    text = pack_text(value)
    assert parse_document(text.encode()).value == value
    assert list(load_pack(text.encode()).indicators) == list(value["indicators"])
    theirs = map(len, pack_path(name).read_text(encoding="utf-8").splitlines())
    assert max(map(len, text.splitlines())) <= max(WIDTH, *theirs) or "extends" in pack_path(name).read_text(encoding="utf-8")


@pytest.mark.parametrize("value", [1.5, Decimal("NaN"), Decimal("1E+18"), 10**18, Decimal("1E-19"), {1}])
def test_what_a_pack_cannot_state_is_refused(value: object) -> None:
    with pytest.raises(ModelError, match=r"a pack holds text|at most 18 digits"):
        pack_text({"x": value})


@UNHURRIED
@given(numbers)
def test_a_number_is_read_as_it_was_written(number: int | Decimal) -> None:
    assert read_number(number_text(number)) == number


@pytest.mark.parametrize("text", ["", "x", "1e5", "1,00", "0x1", "--1", "1.2.3", "1 2", "30%%", "9" * 19, "一百"])
def test_what_is_no_number_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ModelError, match=r"numbers are written as 20, 0\.5, 30%, 1,000,000 or 100万"):
        read_number(text)


names = st.from_regex(r"[a-z][a-z0-9_]{0,9}", fullmatch=True)
points = st.integers(-300, 300) | st.decimals(-300, 300, places=2)


def tiers(sign: str) -> st.SearchStrategy[Any]:
    return st.lists(st.fixed_dictionaries({sign: numbers, "points": points}), min_size=1, max_size=4).map(tuple)


simple = st.one_of(
    st.sampled_from(["at_least", "more_than", "at_most", "less_than"]).flatmap(
        lambda sign: st.fixed_dictionaries({"kind": st.just("tiers"), "of": names, "tiers": tiers(sign), "otherwise": points})
    ),
    st.fixed_dictionaries({"kind": st.just("linear"), "of": names.map("{0} / x".format), "reference": numbers, "points": points}),
    st.fixed_dictionaries(
        {"kind": st.just("table"), "of": names, "points": st.dictionaries(st.text(min_size=1), points, min_size=1)},
        optional={
            "otherwise": points,
            "overrides": st.lists(st.fixed_dictionaries({"flag": names, "points": points}), min_size=1).map(tuple),
        },
    ),
    st.fixed_dictionaries({"kind": st.just("count"), "each": st.dictionaries(names, points, min_size=1), "cap": points}),
    st.fixed_dictionaries(
        {"kind": st.just("growth"), "of": names, "base": names, "tiers": tiers("at_least"), "otherwise": points, "when_base_not_positive": points}
    ),
    st.fixed_dictionaries(
        {
            "kind": st.just("percentile"),
            "of": names,
            "points": points,
            "table": st.lists(st.fixed_dictionaries({"at_least": numbers, "percentile": points}), min_size=1).map(tuple),
        }
    ),
    st.fixed_dictionaries({"kind": st.just("flag"), "of": names, "points": points}),
    st.just({"kind": "never"}),
)
rules = st.recursive(
    simple,
    lambda inner: st.fixed_dictionaries({"kind": st.sampled_from(["best_of", "sum"]), "rules": st.lists(inner, min_size=2, max_size=3).map(tuple)}),
    max_leaves=5,
)


@UNHURRIED
@given(rules)
def test_a_phrase_says_the_rule_again(rule: dict[str, Any]) -> None:
    assert read_rule(rule_phrase(rule)) == rule


@UNHURRIED
@given(simple)
def test_rules_of_the_set_have_phrases_in_words(rule: dict[str, Any]) -> None:
    assert not rule_phrase(rule).startswith("{")


@UNHURRIED
@given(st.text(alphabet=st.sampled_from('分档 tiers:x>=0.3;20\n其他otherwise[]"{}%，：')))
def test_whatever_is_in_a_cell_is_a_rule_or_said_to_be_none(text: str) -> None:
    with contextlib.suppress(ModelError):
        assert isinstance(read_rule(text), dict)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("分挡 tiers: x", "is not the beginning of a rule; rules are 分档 tiers, 按比例 linear"),
        ("", "a rule is expected, such as: linear: rd_expense"),
        ("linear: x\n满分: 2", "linear lacks a line 满分值 reference: …"),
        ("linear\nreference: 1\npoints: 2", "linear is followed by a colon and the field"),
        ("never: x", "never has nothing behind its name"),
        ("growth: revenue\n>= 0: 1\notherwise: 0", "growth: revenue / revenue_previous"),
        ("tiers: x\n>= 0.3 20\notherwise: 0", "'>= 0.3 20' is not understood: a line is a bound"),
        ("tiers: x\n>= 30%: twenty\notherwise: 0", "'twenty' is not a number; numbers are written as"),
        ("tiers: x\n>= 1: 1\ncap: 3\notherwise: 0", "'cap' is no line of a rule tiers"),
        ("tiers: x\n>= 1: 1\notherwise: 0\n其他: 1", "'其他' stands twice"),
        ("table: grade\nA: 1\nA: 2", "'A' stands twice"),
        ("table: grade\n>= 3: 1", "'>= 3' is no line of a rule table"),
        ("percentile: x\n< 3: 1\npoints: 2", "<: the lines of percentile begin with >="),
        ("best_of\n[never]\n[never", "a bracket [ without its ]"),
        ("best_of\n[never]]", "a bracket ] without its ["),
        ("tiers: x\n[never]\notherwise: 0", "tiers has no rules in brackets: best_of and sum have"),
        ('table: grade\n"A: 1', 'a quotation mark " without its other'),
        ("best_of\n" + "[sum\n" * 20 + "[never]" + "]" * 20, "brackets are at most 8 deep"),
        ("{kind: linear", "not YAML"),
    ],
)
def test_a_mistake_in_a_rule_is_told_with_what_would_be_right(text: str, said: str) -> None:
    with pytest.raises(ModelError) as caught:
        read_rule(text)
    assert said in str(caught.value)


def test_phrases_are_read_in_either_language_and_with_the_signs_of_both() -> None:
    expected = {"kind": "table", "of": "grade", "overrides": ({"flag": "listed", "points": -10},), "points": {"A": 10}, "otherwise": 0}
    spellings = (
        "对照表：grade；若 listed：-10；A：10；其他：0",
        "table: grade\nif listed: -10\nA: 10\notherwise: 0",
        "对照表 table: grade\n若 if listed: －10; A: １０",
    )
    assert [read_rule(text) for text in spellings[:2]] == [expected, expected]
    assert read_rule(spellings[2]) == {name: part for name, part in expected.items() if name != "otherwise"}
    assert read_rule("分档：x；≥30％：20；其他：0")["tiers"] == ({"at_least": Decimal("0.3"), "points": 20},)


def test_the_examples_of_the_guide_are_rules() -> None:
    examples = [str(row[0]).partition("例如：\n")[2] or str(row[0]) for row in GUIDE_ROWS if "\n" in str(row[0])]
    assert len(examples) == 6
    assert [read_rule(text)["kind"] for text in examples] == ["tiers", "linear", "table", "count", "growth", "best_of"]
