"""What a bank does not take: lies of custodians and of its gateway, and values of departments that are impossible [P2.4]."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nodes.bank.queries import WHAT_FAILED, Query
from nodes.errors import PeerUnavailableError, RpcRefusal
from nodes.runtime.failures import FailureReports
from nodes.runtime.web.gateway_client import Answer, GatewayRefusal
from scoring.statements import Refusal
from tests.support.bank import BankNode, told
from tests.support.zone import PRODUCT


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
