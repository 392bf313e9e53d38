"""Hangzhou's grade D and zero filing, from records to the line on a verified receipt: no loan, no floor, and what a bank sees of why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from crypto.keygen import PrivateKey
from nodes.bank.queries import Query
from nodes.evidence.receipt import verify_receipt
from scoring.errors import ReceiptError
from scoring.indicators.plain import score_plain
from tests.support.bank import BankNode, bank, bound_consent, roots_of, uscc_of
from tests.support.gateway import front
from tests.support.zone import MemoryZone

PACK = Path(__file__).parents[3] / "scoring" / "packs" / "hangzhou-binjiang" / "hangzhou-binjiang@1.yaml"
FLOOR_FEN = 500_000 * 100
RECORDS: dict[str, dict[str, str]] = {
    "grade C": {"credit_grade": "C", "court_enforced": "0", "zero_filing_months": ""},
    "grade D": {"credit_grade": "D", "court_enforced": "0", "zero_filing_months": ""},
    "zero filing": {"credit_grade": "A", "court_enforced": "0", "zero_filing_months": "2023-03;2023-04;2023-05"},
    "two months": {"credit_grade": "A", "court_enforced": "0", "zero_filing_months": "2023-03;2023-04;2023-06"},
    "court's list": {"credit_grade": "A", "court_enforced": "1", "zero_filing_months": ""},
}
EXPECTED = {  # total in hundredths, gated, line: 150 million of revenue earn 1.6 points, the grade the rest; 40,000 yuan a point
    "grade C": ("1.60", False, 560_000 * 100),
    "grade D": ("-8.40", False, 0),
    "zero filing": ("0.00", True, 0),
    "two months": ("11.60", False, 960_000 * 100),
    "court's list": ("-8.40", False, FLOOR_FEN),
}


@pytest.fixture(scope="module")
def node(small_private_key: PrivateKey, tmp_path_factory: pytest.TempPathFactory) -> BankNode:
    """One enterprise of the stage 壮大期 for each record; all have consented to bank-a."""
    zone = MemoryZone(small_private_key, pack=PACK, firms=("thriving",) * len(RECORDS))
    zone.gated.clear()
    for subject, record in zip(zone.subjects, RECORDS.values(), strict=True):
        score = score_plain(zone.model, {"revenue": "150000000", **record})
        assert score.stage == "thriving"
        zone.points[subject] = {**score.points, "credit-veto": 100 * ("credit-veto" in score.vetoes)}
        if score.gated:
            zone.gated.add(subject)
    zone.found()
    zone.open_epoch()
    made = bank(front(zone, tmp_path_factory.mktemp("gateway")), tmp_path_factory.mktemp("bank"))
    for place, subject in enumerate(zone.subjects):
        made.told(bound_consent(zone, subject, uscc_of(place), products=("base-line", "zheke-loan")), place + 1)
    return made


def ask(node: BankNode, name: str, product: str = "base-line") -> dict[str, Any]:
    """The bank's answer about one of RECORDS."""
    subject = node.site.zone.subjects[list(RECORDS).index(name)]
    answer: dict[str, Any] = dict(node.queries.answer(Query(product, "loan", subject=subject)))
    return answer


@pytest.mark.parametrize("name", RECORDS)
def test_the_line_of_each_by_hand(node: BankNode, name: str) -> None:
    answer = ask(node, name)
    assert (answer["total"], answer["gated"], answer["line_fen"]) == EXPECTED[name]
    found = verify_receipt((node.receipt_dir / f"{answer['receipt_id']}.json").read_bytes(), roots_of(node.site.zone))
    assert (found.total, found.line_fen) == (answer["total"], answer["line_fen"])


@pytest.mark.parametrize("name", ["grade D", "zero filing"])
def test_the_larger_loan_has_no_floor_for_them_either(node: BankNode, name: str) -> None:
    assert ask(node, name, "zheke-loan")["line_fen"] == 0
    assert ask(node, "court's list", "zheke-loan")["line_fen"] == FLOOR_FEN * 13 // 10


def test_two_products_ask_for_the_same_two_functionals(node: BankNode) -> None:
    """Total and veto are all that a bank is given: a second product adds nothing to the ledger [P7.2]."""
    for product in ("base-line", "zheke-loan"):
        ask(node, "grade C", product)
    zone = node.site.zone
    assert [entry.name for entry in zone.view.ledger.held("bank-a", zone.subjects[0], "1995")] == ["total", "credit-veto"]


def test_a_vetoed_receipt_whose_line_is_changed_to_the_floor_does_not_verify(node: BankNode) -> None:
    answer = ask(node, "grade D")
    receipt = json.loads((node.receipt_dir / f"{answer['receipt_id']}.json").read_bytes())
    receipt["result"]["line_fen"] = str(FLOOR_FEN)
    with pytest.raises(ReceiptError) as caught:
        verify_receipt(json.dumps(receipt).encode(), roots_of(node.site.zone))
    assert caught.value.reason == "LINE_MISMATCH"
