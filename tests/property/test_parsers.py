"""Whatever bytes come in, nothing but a refusal comes out: each reader of ``tests.fuzz.parsers`` on what hypothesis makes of true documents.

``make fuzz`` runs the same table under atheris, guided by coverage and for as long as one likes.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crypto.keygen import PrivateKey
from tests.fuzz.judge import Parser, judge
from tests.fuzz.mutation import DEEP, mutations
from tests.fuzz.parsers import NAMES, all_parsers

EXAMPLES = 40
NOT_TAKEN = {"consistency-proof": "MERKLE_INVALID", "signed-statement": "STATEMENT_REPLAYED"}
"""Seeds that are refused, with the reason: an inclusion proof is none of consistency, what is logged is said already."""


@pytest.fixture(scope="module")
def table(small_private_key: PrivateKey, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Parser]:
    return all_parsers(small_private_key, tmp_path_factory.mktemp("parsers"))


def test_every_reader_is_tried(table: dict[str, Parser]) -> None:
    assert tuple(table) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_true_document_is_taken(table: dict[str, Parser], name: str) -> None:
    """So that the examples below begin from something that gets past the first check."""
    assert judge(table[name], table[name].seeds[0]) == NOT_TAKEN.get(name, "")


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], print_blob=True)
@given(data=st.data())
def test_nothing_but_a_refusal_comes_out(table: dict[str, Parser], name: str, data: st.DataObject) -> None:
    parser = table[name]
    judge(parser, data.draw(mutations(parser.seeds)))


@pytest.mark.parametrize("name", NAMES)
def test_nesting_without_end_is_refused(table: dict[str, Parser], name: str) -> None:
    for data in DEEP:
        judge(table[name], data)
