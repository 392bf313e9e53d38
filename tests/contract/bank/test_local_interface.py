"""The bank's interface on its own machine: queries and receipts for programs with the token."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from tests.support.bank import BankNode, told, uscc_of
from tests.support.zone import PRODUCT

TOKEN = "b" * 43


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
