"""A bank asks, opens, verifies and keeps a receipt, where an enterprise consented."""

from __future__ import annotations

import itertools
import json
import stat
from pathlib import Path

import pytest

from crypto.keygen import PrivateKey
from nodes.bank.queries import Query
from nodes.errors import NotReadyError
from nodes.evidence.receipt import verify_receipt
from nodes.runtime.web.gateway_client import GatewayRefusal
from scoring.errors import ConsentMissingError
from scoring.indicators.functional import functional
from scoring.statements import Band, QuantileTable
from tests.support.bank import BankNode, bank, bound_consent, roots_of, told, uscc_of
from tests.support.databases import ON_BOTH
from tests.support.epoch import GATED_FIRM
from tests.support.gateway import front
from tests.support.zone import PRODUCT, closed_zone

WEIGHTS_S1 = {"rd": 3, "patents": 2, "citations": 1, "staff": 1, "growth": 3, "value": 1}


@ON_BOTH
def test_a_query_gives_the_exact_weighted_total_and_a_receipt_that_a_stranger_verifies(node: BankNode) -> None:
    subject = told(node)
    answer = node.queries.answer(Query(PRODUCT, "loan", subject=subject))
    total = sum(WEIGHTS_S1[name] * points for name, points in node.site.zone.points[subject].items())
    assert answer["total"] == f"{total // 100}.{total % 100:02}"
    file = node.receipt_dir / f"{answer['receipt_id']}.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    found = verify_receipt(file.read_bytes(), roots_of(node.site.zone))
    assert (found.subject, found.total, found.line_fen, found.stage, found.percentile) == (subject, answer["total"], answer["line_fen"], "S1", None)
    assert node.receipts.get(answer["receipt_id"]) == json.loads(file.read_bytes())


def test_the_receipt_has_no_value_of_a_single_indicator(node: BankNode) -> None:
    answer = node.queries.answer(Query(PRODUCT, "loan", subject=told(node)))
    receipt = node.receipts.get(answer["receipt_id"])
    assert [opening["name"] for opening in receipt["openings"]] == ["total"]
    assert set(receipt["result"]) == {"stage", "total", "percentile", "line_fen", "gated"}


def test_every_number_of_a_receipt_is_a_decimal_string(node: BankNode) -> None:
    receipt = node.receipts.get(node.queries.answer(Query(PRODUCT, "loan", subject=told(node)))["receipt_id"])
    opening = receipt["openings"][0]
    texts = [receipt["public_key"]["n"], opening["aggregate"], opening["m"], opening["r"], opening["inputs"][0]["position"]]
    texts += [receipt["ticket_leaf_index"], receipt["rows"][0]["leaf_index"], receipt["rows"][0]["ciphertexts"][0], receipt["result"]["line_fen"]]
    assert all(isinstance(text, str) and text.isdigit() for text in texts)
    assert opening["scale"] == 100
    assert 0 <= int(opening["m"]) < int(receipt["public_key"]["n"])


def test_a_gated_enterprise_has_no_line_and_reads_zero(node: BankNode) -> None:
    answer = node.queries.answer(Query(PRODUCT, "loan", subject=told(node, GATED_FIRM)))
    assert (answer["total"], answer["gated"], answer["line_fen"]) == ("0.00", True, 0)


def test_the_percentile_is_the_band_of_the_published_table(small_private_key: PrivateKey, tmp_path: Path) -> None:
    zone = closed_zone(small_private_key)
    zone.open_totals()
    form = functional(zone.model, "total", "S1")
    edges = [form.plain_lo, 2000, 4000, 8000, form.plain_hi]
    bands = tuple(
        Band(low=low, high=high, percentile_from=25 * place, percentile_to=25 * place + 25)
        for place, (low, high) in enumerate(itertools.pairwise(edges))
    )
    table = QuantileTable(functional="total", functional_hash=form.hash, stage="S1", cohort=20, bands=bands)
    zone.say(zone.release_statement([table]), "authority")
    node = bank(front(zone, tmp_path / "gateway"), tmp_path / "bank-a")
    answer = node.queries.answer(Query(PRODUCT, "loan", subject=told(node)))
    place = sum(float(answer["total"]) * 100 > edge for edge in edges[1:4])
    assert answer["percentile"] == f"{25 * place}-{25 * place + 25}"
    assert node.receipts.get(answer["receipt_id"])["quantile_table"] is not None


def test_an_enterprise_is_found_by_its_code_once_it_consented(node: BankNode) -> None:
    subject = told(node)
    assert node.queries.answer(Query(PRODUCT, "loan", uscc=uscc_of(0)))["subject"] == subject
    with pytest.raises(ConsentMissingError):
        node.queries.answer(Query(PRODUCT, "loan", uscc=uscc_of(7)))


def test_a_subject_without_consent_is_refused_by_the_zone_and_the_leaf_is_told(node: BankNode) -> None:
    with pytest.raises(GatewayRefusal) as refusal:
        node.queries.answer(Query(PRODUCT, "loan", subject=node.site.zone.subjects[3]))
    assert (refusal.value.reason, refusal.value.http_status) == ("CONSENT_MISSING", 403)
    assert refusal.value.leaf_index == len(node.site.zone.entries) - 1


def test_a_revoked_consent_is_refused_whether_or_not_the_notice_came(node: BankNode) -> None:
    subject = node.site.zone.subjects[0]
    consent = bound_consent(node.site.zone, subject, uscc_of(0))
    node.told(consent, 1)
    node.site.zone.say(node.site.zone.revocation(consent), node.site.zone.own_key[subject])
    for notice in (False, True):
        if notice:
            node.told(consent, 2, revoked=True)
        with pytest.raises(GatewayRefusal) as refusal:
            node.queries.answer(Query(PRODUCT, "loan", subject=subject))
        assert refusal.value.reason == "CONSENT_REVOKED"


@ON_BOTH
def test_a_renewed_consent_is_used_instead_of_the_revoked_one(node: BankNode) -> None:
    """The renewed consent's rows are those that are there already."""
    subject, zone = node.site.zone.subjects[0], node.site.zone
    old = bound_consent(zone, subject, uscc_of(0))
    zone.say(zone.revocation(old), zone.own_key[subject])
    node.told(old, 1)
    node.told(old, 2, revoked=True)
    renewed = bound_consent(zone, subject, uscc_of(0), rows=False)
    node.told(renewed, 3)
    assert node.queries.answer(Query(PRODUCT, "loan", subject=subject))["subject"] == subject
    assert [(held.id, held.revoked) for held in node.consents.all()] == [(renewed.statement.id, False), (old.statement.id, True)]


def test_rows_that_never_come_end_the_wait(node: BankNode) -> None:
    subject = node.site.zone.subjects[0]
    node.told(bound_consent(node.site.zone, subject, uscc_of(0), rows=False), 1)
    with pytest.raises(NotReadyError):
        node.queries.answer(Query(PRODUCT, "loan", subject=subject, wait_s=0.0))
