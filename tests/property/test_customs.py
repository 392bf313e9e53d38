"""Whatever the order, duplication and delay of messages, the same declarations come out; what is built is read back the same."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.customs.channels import Channels
from connectors.customs.declarations import BARE, SECTIONS, VERSIONS, Declaration, GoodsLine, build_declaration
from connectors.customs.forms import Form, fields
from connectors.customs.join import fact_of, join
from connectors.customs.markup import Part, Values
from connectors.customs.messages import read_message
from connectors.customs.store import CustomsStore, Taken
from crypto.encoding import sha256
from tests.support.customs import NOTICED, declaration, failure, receipt, response, store, story

CHARACTERS = st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn", "Co"], exclude_characters="\ufffe\uffff")
NAMES = st.sampled_from(["Novelty", "_x", "a.b-c", "N" * 64, "decHead", "PayWay2"])


def text(most: int) -> st.SearchStrategy[str]:
    inner = st.one_of(CHARACTERS, st.sampled_from("<>&\"'\t\n\r ]"))
    return st.text(inner, max_size=most).map(str.strip)


def values_of(form: Form) -> st.SearchStrategy[str]:
    """Values that fit ``form``."""
    if form.kind == "choice":
        return st.sampled_from(form.choices)
    if form.kind == "number":
        whole = digits(form.most - form.fraction)
        if form.exact:
            return whole.map(lambda value: value.zfill(form.most))
        return st.one_of(whole, st.tuples(whole, digits(form.fraction)).map(".".join)) if form.fraction else whole
    if form.exact:
        return digits(form.most).map(lambda value: value.rjust(form.most, "A"))
    return text(form.most or 40)


def digits(most: int) -> st.SearchStrategy[str]:
    return st.integers(0, 10**most - 1).map(str)


@st.composite
def parts(draw: st.DrawFn, name: str, version: str, needed: tuple[str, ...] = ()) -> Values:
    """Some fields of a part, those that are ``needed``, and one that no table names."""
    rules = {field: rule for field, rule in fields()[name].items() if not rule.versions or version in rule.versions}
    chosen = set(draw(st.lists(st.sampled_from(sorted(rules)), max_size=6))) | set(needed)
    made = {field: draw(values_of(rules[field].form)) for field in sorted(chosen)}
    return made | draw(st.dictionaries(NAMES.filter(lambda new: new not in fields()[name]), text(10), max_size=1))


@st.composite
def declarations(draw: st.DrawFn) -> Declaration:
    version = draw(st.sampled_from(VERSIONS))
    line = parts("DecList", version).map(lambda values: {**values, "TradeCurr": "USD", "DeclTotal": "1.5"})
    limit = Part("DecGoodsLimits", parts=(Part("DecGoodsLimit", {"GoodsNo": "1"}),))
    goods = st.tuples(line, st.sampled_from([(), (limit,)])).map(lambda made: GoodsLine(*made))
    lists: dict[str, Any] = {name: parts(item, version) for name, item in SECTIONS.values()} | {
        name: parts(item, version) for item, name in BARE.items()
    }
    sign = draw(parts("DecSign", version))
    return Declaration(
        head=draw(parts("DecHead", version, ("IEFlag",))),
        goods=tuple(draw(st.lists(goods, max_size=3))),
        version=version,
        sign={**sign, "ClientSeqNo": draw(digits(64))},
        free_text=draw(parts("DecFreeTxt", version)),
        others=draw(st.sampled_from([(), (Part("DecRoyaltyFee", {"A": "1"}), Part("Note", text="free"))])),
        **{name: tuple(draw(st.lists(made, max_size=1))) for name, made in lists.items()},
    )


@settings(max_examples=10, deadline=None)
@given(sent=declarations())
def test_what_is_built_is_read_back_the_same(sent: Declaration) -> None:
    check_round_trip(sent)


@pytest.mark.slow
@pytest.mark.nightly
@settings(max_examples=80, deadline=None)
@given(sent=declarations())
def test_what_is_built_is_read_back_the_same_at_length(sent: Declaration) -> None:
    check_round_trip(sent)


def check_round_trip(sent: Declaration) -> None:
    read = read_message(build_declaration(sent, sent.version)).message
    assert isinstance(read, Declaration)
    assert read == sent


def messages() -> list[bytes]:
    """Four declarations with their answers; one refused and sent again; answers without a declaration; ties; unknown codes; a failure."""
    made = [message for place in range(3) for message in story(place, random.Random(place))]
    again = build_declaration(declaration("C9", total="3.00", lines=1)).replace(b"<SignDate></SignDate>", b"<SignDate>2023030200000000</SignDate>")
    made += [build_declaration(declaration("C9", lines=1)), again, response("C9", "", "2001"), response("C9", "I9")]
    made += [receipt(code, "I9", NOTICED + timedelta(hours=code in "PR")) for code in "LPRß"]
    return [*made, receipt("R", "I-unknown"), response("C-unknown", "I-late"), receipt("P", "I-late"), failure()]


MESSAGES = messages()


def kept(store_: CustomsStore, datas: list[bytes]) -> None:
    reads = [(data, read_message(data)) for data in datas]
    store_.take([Taken(sha256(read.inner).hex(), fact_of(read.message), data, "somewhere") for data, read in reads])


def state(store_: CustomsStore) -> dict[str, Any]:
    """All that the store says."""
    listed = store_.declarations(limit=1000)
    figures = {case["uscc"]: sorted(map(repr, store_.figures_of(case["uscc"]))) for case in listed}
    return {"declared": listed, "waiting": store_.waiting(), "exceptions": store_.exceptions(), "failures": store_.failures(), "figures": figures}


def in_order() -> dict[str, Any]:
    whole = store()
    kept(whole, MESSAGES)
    return state(whole)


WHOLE = in_order()


ORDERS = st.permutations(range(len(MESSAGES)))
AGAIN = st.lists(st.sampled_from(range(len(MESSAGES))), max_size=12)


@settings(max_examples=4, deadline=None)
@given(order=ORDERS, again=AGAIN, size=st.integers(2, 9))
def test_any_order_with_repetitions_and_delays_gives_the_same_state(order: list[int], again: list[int], size: int) -> None:
    check_state(order, again, size)


@pytest.mark.slow
@pytest.mark.nightly
@settings(max_examples=40, deadline=None)
@given(order=ORDERS, again=AGAIN, size=st.integers(1, 9))
def test_any_order_gives_the_same_state_at_length(order: list[int], again: list[int], size: int) -> None:
    check_state(order, again, size)


def check_state(order: list[int], again: list[int], size: int) -> None:
    sequence = [*order, *again]
    one = store()
    for start in range(0, len(sequence), size):
        kept(one, [MESSAGES[place] for place in sequence[start : start + size]])
    assert state(one) == WHOLE


@settings(max_examples=20, deadline=None)
@given(order=ORDERS, again=AGAIN)
def test_the_join_is_a_function_of_the_set_of_messages(order: list[int], again: list[int]) -> None:
    facts = [fact_of(read_message(data).message) for data in MESSAGES]
    assert join([facts[place] for place in (*order, *again)], Channels("a")) == join(facts, Channels("a"))


def test_the_store_says_what_the_pure_join_says() -> None:
    cases = join([fact_of(read_message(data).message) for data in MESSAGES], Channels("a"))
    assert {case.id: case.to_json() for case in cases} == {case["id"]: case for case in (*WHOLE["declared"], *WHOLE["waiting"])}
    assert {case["id"] for case in WHOLE["exceptions"]} == {case.id for case in cases if case.troubles}


def test_an_amendment_that_differs_in_nothing_is_no_trouble() -> None:
    sent = declaration("C1", lines=1)
    later = replace(sent, sign={**sent.sign, "SignDate": "2023030300000000"})
    (case,) = join([fact_of(one) for one in (sent, later)], Channels("a"))
    assert case.troubles == ()
