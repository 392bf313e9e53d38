"""Huai'an's published loan, from records to the line on receipts that two verifiers recompute: what the bank sees, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from crypto.keygen import PrivateKey
from nodes.bank.queries import Query
from nodes.evidence.receipt import verify_receipt
from nodes.packs import shipped_pack
from scoring.errors import ReceiptError
from scoring.indicators.plain import score_plain
from scoring.rules.points import points
from tests.support.bank import BankNode, bank, bound_consent, roots_of, uscc_of
from tests.support.gateway import front
from tests.support.zone import MemoryZone

PRODUCT = "points-loan"
GOOD = {
    "revenue": "80000000", "revenue_previous": "60000000", "credit_grade": "B", "dishonest": "0", "environment_grade": "green",
    "overdue_loans": "0", "major_violations": "0", "registered_years": "6", "sme_technology": "1",
}  # fmt: skip
RECORDS: dict[str, dict[str, str]] = {
    "of seventy million": GOOD,
    "of nine": GOOD | {"revenue": "17000000", "revenue_previous": "1000000", "registered_years": "1"},
    "in its second year": GOOD | {"revenue": "12345600", "revenue_previous": ""},
    "too young": GOOD | {"registered_years": "0.9"},
    "without a register entry": GOOD | {"registered_years": ""},
    "polluting": GOOD | {"environment_grade": "red"},
}
EXPECTED_YUAN = {
    "of seventy million": 10_000_000, "of nine": 9_000_000, "in its second year": 10_000_000, "too young": 0, "without a register entry": 0,
    "polluting": 0,
}  # fmt: skip


@pytest.fixture(scope="module")
def node(small_private_key: PrivateKey, tmp_path_factory: pytest.TempPathFactory) -> BankNode:
    """One enterprise of the stage 成长期 for each record; all have consented to bank-a."""
    pack = tmp_path_factory.mktemp("pack") / "huaian@1.yaml"
    pack.write_bytes(shipped_pack("huaian"))
    zone = MemoryZone(small_private_key, pack=pack, firms=("growth",) * len(RECORDS))
    zone.gated.clear()
    for subject, record in zip(zone.subjects, RECORDS.values(), strict=True):
        assert score_plain(zone.model, record).stage == "growth"
        zone.points[subject] = {name: points(zone.model, name, record, "growth") for name in zone.model.indicators}
    zone.found()
    zone.open_epoch()
    made = bank(front(zone, tmp_path_factory.mktemp("gateway")), tmp_path_factory.mktemp("bank"))
    for place, subject in enumerate(zone.subjects):
        made.told(bound_consent(zone, subject, uscc_of(place), products=(PRODUCT,)), place + 1)
    return made


def ask(node: BankNode, name: str) -> dict[str, Any]:
    subject = node.site.zone.subjects[list(RECORDS).index(name)]
    answer: dict[str, Any] = dict(node.queries.answer(Query(PRODUCT, "loan", subject=subject)))
    return answer


def receipt_of(node: BankNode, answer: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((node.receipt_dir / f"{answer['receipt_id']}.json").read_bytes())
    return found


@pytest.mark.parametrize("name", RECORDS)
def test_the_line_of_each_by_hand(node: BankNode, name: str) -> None:
    answer = ask(node, name)
    assert answer["line_fen"] == EXPECTED_YUAN[name] * 100
    found = verify_receipt((node.receipt_dir / f"{answer['receipt_id']}.json").read_bytes(), roots_of(node.site.zone))
    assert found.line_fen == answer["line_fen"]


def test_the_bank_is_given_the_figure_up_to_the_cap_one_bit_for_each_condition_and_nothing_else(node: BankNode) -> None:
    zone, receipt = node.site.zone, receipt_of(node, ask(node, "of seventy million"))
    half = int(receipt["public_key"]["n"]) // 2
    opened = {opening["name"]: int(opening["m"]) for opening in receipt["openings"]}
    assert max(opened.values()) <= half
    assert list(opened) == list(zone.model.products[PRODUCT].openings)
    assert {name: value for name, value in opened.items() if name != "total"} == {
        **dict.fromkeys(zone.model.products[PRODUCT].vetoes, 0), "established": 100, "qualified": 100, "mean-revenue": 100_000,
    }  # fmt: skip


@pytest.mark.parametrize(("name", "line"), [("too young", "100000000"), ("of nine", "1000000000"), ("polluting", "1000000000")])
def test_a_line_that_the_figures_do_not_give_does_not_verify(node: BankNode, name: str, line: str) -> None:
    receipt = receipt_of(node, ask(node, name))
    receipt["result"]["line_fen"] = line
    with pytest.raises(ReceiptError) as caught:
        verify_receipt(json.dumps(receipt).encode(), roots_of(node.site.zone))
    assert caught.value.reason == "LINE_MISMATCH"


def test_a_receipt_that_leaves_out_a_condition_does_not_verify(node: BankNode) -> None:
    receipt = receipt_of(node, ask(node, "too young"))
    receipt["openings"] = [opening for opening in receipt["openings"] if opening["name"] != "established"]
    with pytest.raises(ReceiptError):
        verify_receipt(json.dumps(receipt).encode(), roots_of(node.site.zone))
