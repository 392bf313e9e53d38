"""The bank node against the gateway's real application: asks, opens, verifies, keeps a receipt; and what it does not take."""

from __future__ import annotations

import itertools
import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from crypto.encoding import canonical_json
from crypto.keygen import PrivateKey
from crypto.sealing import seal
from nodes.bank.queries import WHAT_FAILED, Query
from nodes.errors import NotReadyError, PeerUnavailableError, RpcRefusal
from nodes.evidence.receipt import verify_receipt
from nodes.runtime.failures import FailureReports
from nodes.runtime.replica.relay import binding_info
from nodes.runtime.web.gateway_client import Answer, GatewayRefusal
from scoring.errors import ConsentMissingError
from scoring.indicators.functional import functional
from scoring.statements import Band, QuantileTable, Refusal
from tests.support.bank import BankNode, bank, bound_consent, roots_of, uscc_of
from tests.support.databases import ON_BOTH
from tests.support.epoch import GATED_FIRM
from tests.support.gateway import front
from tests.support.zone import PRODUCT, MemoryZone, closed_zone, released_zone

WEIGHTS_S1 = {"rd": 3, "patents": 2, "citations": 1, "staff": 1, "growth": 3, "value": 1}
TOKEN = "b" * 43


@pytest.fixture(scope="module")
def zone(small_private_key: PrivateKey) -> MemoryZone:
    return released_zone(small_private_key)


@pytest.fixture
def node(zone: MemoryZone, tmp_path: Path) -> BankNode:
    return bank(front(zone.fork(), tmp_path / "gateway"), tmp_path / "bank-a")


def told(node: BankNode, place: int = 0) -> str:
    """A subject whose consent the bank knows."""
    subject = node.site.zone.subjects[place]
    node.told(bound_consent(node.site.zone, subject, uscc_of(place)), place + 1)
    return subject


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


def test_too_few_honest_custodians_give_no_receipt_but_a_logged_failure(node: BankNode) -> None:
    subject = told(node)
    node.site.exchange.garbled = {"tax", "credit"}
    with pytest.raises(RpcRefusal) as refusal:
        node.queries.answer(Query(PRODUCT, "loan", subject=subject))
    said = node.site.zone.view.refusals[-1].statement
    assert isinstance(said, Refusal)
    assert (refusal.value.reason, said.reason, said.member) == ("OPENING_FAILED", "OPENING_FAILED", "bank-a")
    assert node.receipts.listed() == []


def test_one_lying_custodian_changes_nothing(node: BankNode) -> None:
    subject = told(node)
    node.site.exchange.garbled = {"credit"}
    assert node.queries.answer(Query(PRODUCT, "loan", subject=subject))["subject"] == subject


# --- notices ---


def test_a_binding_that_is_not_the_registrars_is_left_out(node: BankNode) -> None:
    zone = node.site.zone
    node.told(bound_consent(zone, zone.subjects[0], uscc_of(0), signer="tax"), 5)
    assert (node.consents.all(), node.consents.cursor()) == ([], 5)


def test_a_consent_for_another_bank_is_left_out(node: BankNode) -> None:
    zone = node.site.zone
    node.told(bound_consent(zone, zone.subjects[0], uscc_of(0), audience="bank-b"), 5)
    assert (node.consents.all(), node.consents.cursor()) == ([], 5)


@pytest.mark.parametrize("sealed", ["", "zz", "信", "ab", "00" * 200])
def test_a_consent_with_rubbish_for_a_binding_does_not_stop_the_bank(node: BankNode, sealed: str) -> None:
    zone = node.site.zone
    key = zone.enrol(zone.subjects[0])
    node.told(zone.say(zone.consent_statement(zone.subjects[0], sealed_binding=sealed), key), 5)
    assert (node.consents.all(), node.consents.cursor()) == ([], 5)


@pytest.mark.parametrize("binding", ["zz", "abc", ""])
def test_a_sealed_binding_that_holds_rubbish_does_not_stop_the_bank(node: BankNode, binding: str) -> None:
    zone = node.site.zone
    key, statement = zone.enrol(zone.subjects[0]), zone.consent_statement(zone.subjects[0])
    plain = canonical_json({"uscc": uscc_of(0), "binding": binding})
    enc, ciphertext = seal(zone.keys.sealing("bank-a"), binding_info("bank-a", statement.id), b"", plain)
    node.told(zone.say(statement.model_copy(update={"sealed_binding": (enc + ciphertext).hex()}), key), 5)
    assert (node.consents.all(), node.consents.cursor()) == ([], 5)


def test_a_late_first_notice_does_not_revive_a_revoked_consent(node: BankNode) -> None:
    consent = bound_consent(node.site.zone, node.site.zone.subjects[0], uscc_of(0))
    node.told(consent, 1, revoked=True)
    node.told(consent, 2)
    assert [held.revoked for held in node.consents.all()] == [True]


# --- the loopback interface ---


@pytest.fixture
def desk(node: BankNode) -> TestClient:
    app = node.app(TOKEN)
    return TestClient(app, headers={"Authorization": f"Bearer {TOKEN}"})


def test_a_clerk_asks_by_http_and_gets_the_receipt(node: BankNode, desk: TestClient) -> None:
    subject = told(node)
    response = desk.post("/queries", json={"subject": subject, "product": PRODUCT})
    assert response.status_code == 200
    receipt_id = response.json()["receipt_id"]
    assert desk.get(f"/receipts/{receipt_id}").json()["format"] == "xinqiao/receipt/v1"
    assert [item["id"] for item in desk.get("/receipts").json()["receipts"]] == [receipt_id]
    assert [item["uscc"] for item in desk.get("/consents").json()["consents"]] == [uscc_of(0)]


def test_the_zones_refusal_reaches_the_clerk_with_its_leaf(node: BankNode, desk: TestClient) -> None:
    problem = desk.post("/queries", json={"subject": node.site.zone.subjects[2], "product": PRODUCT})
    assert (problem.status_code, problem.json()["reason"]) == (403, "CONSENT_MISSING")
    assert isinstance(problem.json()["leaf_index"], int)


@pytest.mark.parametrize("path", ["/queries", "/consents", "/receipts", f"/receipts/{'0' * 32}", "/healthz"])
def test_without_the_token_nobody_gets_in(node: BankNode, path: str) -> None:
    app = node.app(TOKEN)
    response = TestClient(app).request("POST" if path == "/queries" else "GET", path, json={} if path == "/queries" else None)
    assert (response.status_code, response.json()["reason"]) == (401, "TOKEN_INVALID")


@pytest.mark.parametrize(
    "body", [{}, {"product": PRODUCT}, {"subject": "xyz", "product": PRODUCT}, {"subject": "0" * 32, "uscc": uscc_of(1), "product": PRODUCT}]
)
def test_a_query_that_names_nobody_or_two_is_refused(desk: TestClient, body: dict[str, str]) -> None:
    response = desk.post("/queries", json=body)
    assert (response.status_code, response.json()["reason"]) == (422, "BODY_INVALID")


def test_an_unknown_receipt_is_not_found(desk: TestClient) -> None:
    assert desk.get(f"/receipts/{'0' * 32}").json()["reason"] == "NOT_FOUND"


# --- a gateway that lies ---


LIES: dict[str, Callable[[dict[str, Any]], object]] = {
    "no evidence": lambda answer: answer.pop("evidence"),
    "sealed answers that are no hex": lambda answer: answer["sealed"][0].update(enc="zz"),
    "a ticket that is no base64": lambda answer: answer["evidence"].update(ticket="A"),
    "a ticket that is no ticket": lambda answer: answer["evidence"].update(ticket=answer["evidence"]["enrolment"]),
    "a row left out": lambda answer: answer["evidence"]["rows"].pop(),
    "a ciphertext that is no unit": lambda answer: answer["evidence"]["rows"][0]["ciphertexts"].__setitem__(0, "0"),
    "another ciphertext": lambda answer: answer["evidence"]["rows"][0]["ciphertexts"].__setitem__(0, "4"),
    "an input left out": lambda answer: answer["evidence"]["inputs"].pop(),
    "another stage": lambda answer: answer["evidence"]["stage_proof"].update(stage="S4"),
    "another checkpoint": lambda answer: answer["evidence"].update(checkpoint="x"),
    "a quantile table that is none": lambda answer: answer["evidence"]["quantile_table"].update(envelope=answer["evidence"]["ticket"]),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_a_gateway_that_lies_gives_no_receipt_but_a_logged_failure(
    node: BankNode, lie: Callable[[dict[str, Any]], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = node.queries._gateway.ask

    def lying(*asked: Any) -> Answer:
        answer = ask(*asked)
        assert answer.body is not None
        lie(answer.body)
        return answer

    subject = told(node)
    monkeypatch.setattr(node.queries._gateway, "ask", lying)
    with pytest.raises(RpcRefusal) as refusal:
        node.queries.answer(Query(PRODUCT, "loan", subject=subject))
    assert (refusal.value.reason, node.receipts.listed()) == ("OPENING_FAILED", [])
    assert node.site.zone.view.refusals[-1].statement.reason == "OPENING_FAILED"


def test_a_gateway_that_keeps_back_the_custodians_answers_is_passed_by(node: BankNode, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bank asks the coordinator for them itself, as when one of the custodians lied."""
    ask = node.queries._gateway.ask

    def keeping_back(*asked: Any) -> Answer:
        answer = ask(*asked)
        assert answer.body is not None
        answer.body["sealed"] = []
        return answer

    subject = told(node)
    monkeypatch.setattr(node.queries._gateway, "ask", keeping_back)
    assert node.queries.answer(Query(PRODUCT, "loan", subject=subject))["total"]
    assert len(node.receipts.listed()) == 1


# --- impossible values [P2.4] ---


def impossible(node: BankNode) -> str:
    """A subject with a department that contributes points far beyond its bounds to this bank's rows."""
    zone = node.site.zone
    subject = zone.subjects[0]
    honest, zone.points[subject] = zone.points[subject], zone.points[subject] | {"rd": 5_000_000}
    told(node)
    zone.points[subject] = honest
    return subject


def test_an_impossible_value_is_reported_and_freezes_the_enterprise(node: BankNode) -> None:
    subject = impossible(node)
    with pytest.raises(RpcRefusal) as refusal:
        node.queries.answer(Query(PRODUCT, "loan", subject=subject))
    assert (refusal.value.reason, refusal.value.detail) == ("OPENING_FAILED", WHAT_FAILED)
    view = node.site.zone.view
    (failure,) = view.failures.values()
    assert (failure.reported.actor, failure.ticket.statement.subject, failure.done) == ("bank-a", subject, False)
    assert not node.receipts.listed()
    tickets = len(view.tickets)
    with pytest.raises(GatewayRefusal) as frozen:
        node.queries.answer(Query(PRODUCT, "loan", subject=subject))
    assert frozen.value.reason == "SUBJECT_FROZEN"
    assert len(view.tickets) == tickets


def test_a_report_outlives_a_log_that_cannot_be_reached(node: BankNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subject, append = impossible(node), node.queries._reports._send

    def unreachable(_envelope: bytes) -> None:
        raise PeerUnavailableError("the log is away")

    monkeypatch.setattr(node.queries._reports, "_send", unreachable)
    with pytest.raises(RpcRefusal):
        node.queries.answer(Query(PRODUCT, "loan", subject=subject))
    assert not node.site.zone.view.failures
    again = FailureReports(tmp_path / "bank-a" / "failures", append)  # the process, started again
    again.resume()
    assert len(node.site.zone.view.failures) == 1
    again.resume()
    assert len(node.site.zone.view.failures) == 1
