"""The loopback interface of an enterprise service: what staff do there, and that nobody else gets in."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from nodes.enterprise.api import create_app
from nodes.runtime.pages.views import MANY
from tests.support.bank import uscc_of
from tests.support.enterprise_service import TOKEN, Service
from tests.support.zone import PRODUCT


def test_staff_give_and_revoke_consents_by_http(desk: Service, staff: TestClient) -> None:
    uscc = desk.enrolled()
    assert [item["uscc"] for item in staff.get("/enrolments").json()["enrolments"]] == [uscc]
    given = staff.post("/consents", json={"uscc": uscc, "audience": "bank-a", "products": [PRODUCT]})
    assert given.status_code == 201
    consent_id = given.json()["id"]
    assert staff.delete(f"/consents/{consent_id}").json()["revoked_leaf_index"] > given.json()["leaf_index"]
    assert [item["id"] for item in staff.get("/consents", params={"uscc": uscc}).json()["consents"]] == [consent_id]
    assert desk.views == [("enrolments", MANY), ("consents", uscc)]


def test_the_enterprise_is_told_what_follows_before_it_consents(desk: Service, staff: TestClient) -> None:
    """That an appeal shows its correction, that extremes tell everything, and what the model exposes [P7.1, P7.2]."""
    answer = staff.get("/consents/text", params={"audience": "bank-a", "product": PRODUCT})
    assert answer.status_code == 200
    text = answer.json()
    assert "申诉或更正而重新评定" in text["zh"]
    assert "after an appeal or a correction" in text["en"]
    assert "A total of 0, or the greatest there is" in text["en"]
    for exposure in desk.site.zone.model.pack.exposures:
        assert desk.site.zone.model.indicators[exposure.indicator].title.zh in text["zh"]
        assert exposure.reason.en in text["en"]
    assert desk.site.zone.model.products[PRODUCT].spec.title.zh in text["zh"]
    assert staff.get("/consents/text", params={"audience": "bank-a", "product": "nothing"}).json()["reason"] == "NOT_DISCLOSED"
    assert staff.get("/consents/text", params={"audience": "tax", "product": PRODUCT}).json()["reason"] == "CONSENT_SCOPE"
    assert staff.get("/consents/text", params={"audience": "bank-a"}).status_code == 422


def test_waiting_for_the_registrar_is_told_as_not_ready(staff: TestClient) -> None:
    response = staff.post("/enrolments", json={"uscc": uscc_of(4), "wait_s": 0})
    assert (response.status_code, response.json()["reason"]) == (503, "NOT_READY")


@pytest.mark.parametrize(("method", "path"), [("POST", "/enrolments"), ("GET", "/consents"), ("POST", "/portraits"), ("GET", "/healthz")])
def test_without_the_token_nobody_gets_in(desk: Service, method: str, path: str) -> None:
    app = create_app(desk.enrolments, desk.consents, desk.portraits, desk.values, desk.straight, desk.customs, desk.store, TOKEN, desk.seen)
    response = TestClient(app).request(method, path, json={} if method == "POST" else None)
    assert (response.status_code, response.json()["reason"]) == (401, "TOKEN_INVALID")
