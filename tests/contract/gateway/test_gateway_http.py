"""The gateway's HTTP interface: what is answered, what is refused and with which reason, what of it is in the log.

The zone behind it is one in memory with 512-bit keys; the ticket office, the evidence and every rule are the real ones.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from httpx import Response

from crypto.encoding import canonical_json, sha256
from crypto.keygen import PrivateKey
from crypto.statements import check_signature, parse_envelope
from nodes.runtime.peers.signing import fresh_nonce
from nodes.runtime.web.request_document import PORTRAITS, SCORES, SCORES_BATCH, RequestDocument
from nodes.runtime.web.signed_requests import sign_request
from scoring.exchange.view import Logged, verify_key
from scoring.statements import Consent, Refusal, Ticket, parse_statement
from tests.support.gateway import Front, front
from tests.support.leaky import SECOND_PRODUCT, leaky_zone
from tests.support.lending import terms_of
from tests.support.zone import BASE, PRODUCT, MemoryZone, released_zone


@pytest.fixture(scope="module")
def zone(small_private_key: PrivateKey) -> MemoryZone:
    """A released zone that tests fork."""
    return released_zone(small_private_key)


@pytest.fixture
def site(zone: MemoryZone, tmp_path: Path) -> Front:
    return front(zone.fork(), tmp_path / "state")


def refused(response: Response, status: int, reason: str) -> dict[str, object]:
    """The problem document of a refusal, which must be exactly this one."""
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, object] = response.json()
    assert (response.status_code, problem["status"], problem["reason"]) == (status, status, reason), problem
    return problem


def logged_refusal(site: Front, problem: dict[str, object]) -> Refusal:
    """The statement at the leaf that a problem document names."""
    index = problem["leaf_index"]
    assert isinstance(index, int)
    envelope = parse_envelope(site.zone.entries[index][1])
    statement = parse_statement(envelope.payload_type, envelope.payload)
    assert isinstance(statement, Refusal)
    assert site.zone.view.at(index).statement == statement
    return statement


def request(site: Front, consent: Logged, signer: str = "bank-a", **body: str) -> RequestDocument:
    """A signed score request under a consent, with parts of the body said otherwise."""
    said: Consent = consent.statement
    asked = {"subject": said.subject, "product": PRODUCT, "purpose": "loan", "consent_id": said.id} | body
    return sign_request(site.zone.keys.signers[signer], SCORES, BASE, canonical_json(asked), now=site.zone.now, nonce=secrets.token_urlsafe(16))


# --- scores ---


def test_a_signed_request_under_a_consent_gets_a_ticket_and_sealed_answers(site: Front) -> None:
    consent = site.zone.consent(site.zone.subjects[0])
    document = site.zone.request(consent)
    response = site.send(document)
    assert response.status_code == 200
    answer = response.json()
    envelope = parse_envelope(base64.b64decode(answer["ticket"]))
    ticket = parse_statement(envelope.payload_type, envelope.payload)
    assert isinstance(ticket, Ticket)
    assert (ticket.request, ticket.subject, ticket.audience) == (document.digest, site.zone.subjects[0], "bank-a")
    assert site.zone.entries[answer["ticket_leaf_index"]][1] == envelope.raw
    assert {item["custodian"] for item in answer["sealed"]} == {"tax", "credit", "notary"}
    assert all(len(bytes.fromhex(item["enc"])) == 32 for item in answer["sealed"])
    assert [item["indicator"] for item in answer["inputs"]] == [item.indicator for item in ticket.inputs]


def test_the_answer_says_nothing_of_points_or_totals(site: Front) -> None:
    """What the gateway passes on holds the plaintexts neither as numbers nor inside the sealed parts."""
    consent = site.zone.consent(site.zone.subjects[0])
    text = site.send(site.zone.request(consent)).text
    assert all(name not in json.loads(text) for name in ("total", "result", "m", "r"))
    assert '"m"' not in text


def test_a_request_without_consent_is_refused_and_logged(site: Front) -> None:
    consent = site.zone.consent(site.zone.subjects[0])
    document = request(site, consent, consent_id="00" * 16)
    statement = logged_refusal(site, refused(site.send(document), 403, "CONSENT_MISSING"))
    assert (statement.member, statement.reason, statement.about) == ("authority", "CONSENT_MISSING", document.digest)


def test_what_would_isolate_an_owners_points_with_an_earlier_ticket_is_refused_and_logged(small_private_key: PrivateKey, tmp_path: Path) -> None:
    """The bank learns why; nobody is asked to open anything [P7.2]."""
    zone = leaky_zone(small_private_key, tmp_path)
    site, consent = front(zone, tmp_path / "state"), zone.consent(zone.subjects[0])
    assert site.send(request(site, consent)).status_code == 200
    said = zone.consent_statement(zone.subjects[0], products=(SECOND_PRODUCT,))
    second = request(site, zone.say(said, zone.own_key[zone.subjects[0]]), product=SECOND_PRODUCT)
    tickets = len(zone.view.tickets)
    assert logged_refusal(site, refused(site.send(second), 403, "DISCLOSURE_ISOLATES")).about == second.digest
    assert len(zone.view.tickets) == tickets


def test_a_replayed_request_is_refused_and_logged(site: Front) -> None:
    document = site.zone.request(site.zone.consent(site.zone.subjects[0]))
    assert site.send(document).status_code == 200
    tickets = len(site.zone.view.tickets)
    assert logged_refusal(site, refused(site.send(document), 409, "REQUEST_REPLAYED")).about == document.digest
    assert len(site.zone.view.tickets) == tickets


def test_a_replay_is_refused_by_a_restarted_gateway_too(site: Front, tmp_path: Path) -> None:
    document = site.zone.request(site.zone.consent(site.zone.subjects[0]))
    assert site.send(document).status_code == 200
    refused(front(site.zone, tmp_path / "state").send(document), 409, "REQUEST_REPLAYED")


def test_a_request_after_the_revocation_is_refused_and_logged(site: Front) -> None:
    consent = site.zone.consent(site.zone.subjects[0])
    site.zone.say(site.zone.revocation(consent), site.zone.own_key[site.zone.subjects[0]])
    assert logged_refusal(site, refused(site.send(request(site, consent)), 403, "CONSENT_REVOKED")).count == 1


def test_another_bank_cannot_use_the_consent(site: Front) -> None:
    refused(site.send(request(site, site.zone.consent(site.zone.subjects[0]), "bank-b")), 403, "CONSENT_SCOPE")


def test_a_product_that_the_model_lacks_is_refused(site: Front) -> None:
    refused(site.send(request(site, site.zone.consent(site.zone.subjects[0]), product="gold")), 403, "NOT_DISCLOSED")


def test_a_department_cannot_ask_for_scores(site: Front) -> None:
    refused(site.send(request(site, site.zone.consent(site.zone.subjects[0]), "tax")), 403, "SIGNER_NOT_ALLOWED")


def test_an_unregistered_key_is_refused_and_logged_the_first_time_at_once(site: Front) -> None:
    site.zone.keys.make("stranger")
    consent = site.zone.consent(site.zone.subjects[0])
    first = refused(site.send(request(site, consent, "stranger")), 401, "SIGNER_UNKNOWN")
    second = refused(site.send(request(site, consent, "stranger")), 401, "SIGNER_UNKNOWN")
    assert logged_refusal(site, first).reason == "SIGNER_UNKNOWN"
    assert "leaf_index" not in second
    site.refusals.flush(everything=True)
    assert site.zone.view.refusals[-1].statement.count == 1


@pytest.mark.parametrize(
    ("change", "status", "reason"),
    [
        (lambda d: replace(d, body=d.body.replace("loan", "lean")), 401, "REQUEST_SIGNATURE_INVALID"),
        (lambda d: replace(d, target_uri=BASE + PORTRAITS.path), 400, "REQUEST_INVALID"),
        (lambda d: replace(d, target_uri=d.target_uri + "?subject=1"), 400, "REQUEST_INVALID"),
        (lambda d: replace(d, headers=(*d.headers, d.headers[0])), 400, "REQUEST_INVALID"),
        (lambda d: replace(d, headers=d.headers[:-1]), 400, "REQUEST_INVALID"),
        (lambda d: replace(d, body=d.body + " "), 401, "REQUEST_SIGNATURE_INVALID"),
    ],
    ids=["body", "path", "query", "repeated header", "missing header", "space after the body"],
)
def test_a_changed_request_is_refused(site: Front, change: Callable[[RequestDocument], RequestDocument], status: int, reason: str) -> None:
    document = site.zone.request(site.zone.consent(site.zone.subjects[0]))
    refused(site.send(change(document)), status, reason)


def test_the_host_header_does_not_enter_the_signature(site: Front) -> None:
    """The target is rebuilt from the configured base: what Host says is of no consequence."""
    document = site.zone.request(site.zone.consent(site.zone.subjects[0]))
    headers = [*document.headers, ("host", "elsewhere.example")]
    assert site.client.request("POST", SCORES.path, content=document.body.encode(), headers=headers).status_code == 200


def test_a_request_signed_for_another_gateway_is_refused(site: Front) -> None:
    asked = json.loads(site.zone.request(site.zone.consent(site.zone.subjects[0])).body)
    other = sign_request(site.zone.keys.signers["bank-a"], SCORES, "https://other.test", canonical_json(asked), now=site.zone.now, nonce="n" * 20)
    refused(site.send(replace(other, target_uri=BASE + SCORES.path)), 401, "REQUEST_SIGNATURE_INVALID")


def test_an_old_request_is_refused(site: Front) -> None:
    document = site.zone.request(site.zone.consent(site.zone.subjects[0]))
    site.zone.now += 200
    refused(site.send(document), 401, "REQUEST_EXPIRED")


def test_rows_that_are_awaited_give_202_and_no_ticket(site: Front) -> None:
    consent = site.zone.consent(site.zone.subjects[0], rows=False)
    response = site.send(request(site, consent))
    assert (response.status_code, response.json()["reason"]) == (202, "ROWS_AWAITED")
    assert (response.headers["location"], int(response.headers["retry-after"]) > 0) == (SCORES.path, True)
    site.zone.contribute_rows(consent)
    assert site.send(request(site, consent)).status_code == 200


def test_a_key_in_haste_is_slowed_down_and_told_when_to_come_again(zone: MemoryZone, tmp_path: Path) -> None:
    site = front(zone.fork(), tmp_path / "state", per_key=6)
    consent = site.zone.consent(site.zone.subjects[0])
    assert site.send(request(site, consent)).status_code == 200
    before = len(site.zone.entries)
    response = site.send(request(site, consent))
    assert "leaf_index" not in refused(response, 429, "RATE_LIMITED")
    assert "retry-after" in response.headers
    assert len(site.zone.entries) == before


def test_too_few_custodians_is_told_as_unavailable_and_not_logged_as_a_refusal(site: Front) -> None:
    consent = site.zone.consent(site.zone.subjects[0])
    site.exchange.asleep = {"tax", "credit"}
    assert "leaf_index" not in refused(site.send(request(site, consent)), 503, "CUSTODIANS_MISSING")


# --- batches and portraits ---


def batch(site: Front, items: list[dict[str, str]]) -> Response:
    document = sign_request(
        site.zone.keys.signers["bank-a"], SCORES_BATCH, BASE, canonical_json({"items": items}), now=site.zone.now, nonce=secrets.token_urlsafe(16)
    )
    return site.send(document)


def item(consent: Logged, **changes: str) -> dict[str, str]:
    said: Consent = consent.statement
    return {"subject": said.subject, "product": PRODUCT, "purpose": "loan", "consent_id": said.id} | changes


def test_a_batch_has_a_result_for_each_item_in_order(site: Front) -> None:
    first, second, third = (site.zone.consent(subject) for subject in site.zone.subjects[:3])
    waiting = site.zone.consent(site.zone.subjects[3], rows=False)
    response = batch(site, [item(first), item(second, consent_id="00" * 16), item(third), item(waiting)])
    assert response.status_code == 200
    results = response.json()["results"]
    assert [result["subject"] for result in results] == site.zone.subjects[:4]
    assert [result["status"] for result in results] == [200, 403, 200, 202]
    assert results[1]["reason"] == "CONSENT_MISSING"
    assert results[0]["ticket"] != results[2]["ticket"]


def test_a_batch_that_names_a_subject_twice_is_refused_whole(site: Front) -> None:
    consent = site.zone.consent(site.zone.subjects[0])
    refused(batch(site, [item(consent), item(consent)]), 400, "REQUEST_INVALID")


def test_a_batch_over_a_thousand_is_refused_whole(site: Front) -> None:
    consent = site.zone.consent(site.zone.subjects[0])
    refused(batch(site, [item(consent, subject=f"{i:032x}") for i in range(1001)]), 400, "REQUEST_INVALID")


def test_a_portrait_is_for_the_enterprises_own_key(site: Front) -> None:
    consent = site.zone.consent(site.zone.subjects[0], "own")
    response = site.send(site.zone.request(consent))
    assert response.status_code == 200
    envelope = parse_envelope(base64.b64decode(response.json()["ticket"]))
    ticket = parse_statement(envelope.payload_type, envelope.payload)
    assert isinstance(ticket, Ticket)
    assert (ticket.purpose, ticket.audience) == ("portrait", site.zone.own_key[site.zone.subjects[0]])


def test_a_bank_cannot_ask_for_a_portrait(site: Front) -> None:
    consent = site.zone.consent(site.zone.subjects[0], "own")
    body = canonical_json({"subject": consent.statement.subject, "consent_id": consent.statement.id})
    document = sign_request(site.zone.keys.signers["bank-a"], PORTRAITS, BASE, body, now=site.zone.now, nonce="n" * 20)
    refused(site.send(document), 403, "SIGNER_NOT_ALLOWED")


# --- consents ---


def envelope_of(site: Front, statement: Consent, signer: str) -> bytes:
    return site.zone.envelope(statement, signer)


def test_a_consent_is_logged_and_its_place_told(site: Front) -> None:
    subject = site.zone.subjects[0]
    key = site.zone.enrol(subject)
    envelope = envelope_of(site, site.zone.consent_statement(subject), key)
    response = site.client.post("/v1/consents", content=envelope)
    assert response.status_code == 201
    answer = response.json()
    assert answer["digest"] == sha256(envelope).hex()
    assert site.zone.entries[answer["leaf_index"]] == (base64.b64decode(answer["leaf"]), envelope)


def test_the_same_consent_again_gets_the_same_place(site: Front) -> None:
    subject = site.zone.subjects[0]
    envelope = envelope_of(site, site.zone.consent_statement(subject), site.zone.enrol(subject))
    first, second = (site.client.post("/v1/consents", content=envelope).json() for _ in range(2))
    assert first == second


def test_a_consent_signed_by_another_enterprise_is_refused(site: Front) -> None:
    site.zone.enrol(site.zone.subjects[0])
    other = site.zone.enrol(site.zone.subjects[1])
    envelope = envelope_of(site, site.zone.consent_statement(site.zone.subjects[0]), other)
    problem = refused(site.client.post("/v1/consents", content=envelope), 403, "SIGNER_NOT_ALLOWED")
    assert logged_refusal(site, problem).about == sha256(envelope).hex()


def test_a_revocation_ends_the_consent(site: Front) -> None:
    consent = site.zone.consent(site.zone.subjects[0])
    envelope = site.zone.envelope(site.zone.revocation(consent), site.zone.own_key[site.zone.subjects[0]])
    response = site.client.request("DELETE", f"/v1/consents/{consent.statement.id}", content=envelope)
    assert response.status_code == 200
    assert site.zone.view.consents[consent.statement.id].revoked_index == response.json()["leaf_index"]


def test_a_revocation_under_another_consents_address_is_refused(site: Front) -> None:
    consent = site.zone.consent(site.zone.subjects[0])
    envelope = site.zone.envelope(site.zone.revocation(consent), site.zone.own_key[site.zone.subjects[0]])
    refused(site.client.request("DELETE", f"/v1/consents/{'00' * 16}", content=envelope), 400, "STATEMENT_INVALID")
    assert site.zone.view.consents[consent.statement.id].revoked_index is None


@pytest.mark.parametrize("body", [b"", b"{}", b"[" * 10_000, b"\xff\xfe", b'{"payload":"","payloadType":"","signatures":[]}'])
def test_what_is_no_envelope_is_refused(site: Front, body: bytes) -> None:
    refused(site.client.post("/v1/consents", content=body), 400, "ENVELOPE_INVALID")


def test_another_kind_of_statement_is_no_consent(site: Front) -> None:
    envelope = site.zone.entries[0][1]
    refused(site.client.post("/v1/consents", content=envelope), 400, "STATEMENT_INVALID")


def test_a_body_over_the_limit_is_refused_unread(site: Front) -> None:
    refused(site.client.post("/v1/consents", content=b"x" * (2 << 20) + b"x"), 413, "BODY_TOO_LARGE")


# --- what anyone may read ---


def test_epochs_products_keys_and_log_are_public(site: Front) -> None:
    epoch = site.client.get("/v1/epochs").json()["epochs"][0]
    assert (epoch["state"], epoch["model"]["id"], epoch["model"]["sha256"]) == ("RELEASED", "firm-panel", site.zone.model.sha256)
    products = site.client.get("/v1/products").json()["products"]
    assert PRODUCT in [product["id"] for product in products]
    keys = site.client.get("/v1/keys").json()
    assert (int(keys["public_key"]["n"], 16), keys["log_vkey"]) == (site.zone.public_key.n, site.zone.log_signer.key.to_vkey())
    checkpoint = site.client.get("/log/checkpoint")
    assert (checkpoint.content, checkpoint.headers["cache-control"]) == (site.log.note(), "no-store")


def test_no_subject_is_in_what_anyone_may_read(site: Front) -> None:
    text = "".join(site.client.get(path).text for path in ("/v1/epochs", "/v1/products", "/v1/keys", "/metrics", "/openapi.json"))
    assert not [subject for subject in site.zone.subjects if subject in text]


def test_health_readiness_and_metrics(site: Front) -> None:
    assert site.client.get("/healthz").json() == {"status": "ok"}
    assert site.client.get("/readyz").json() == {"status": "ready"}
    site.down.append("the log has not been followed yet")
    refused(site.client.get("/readyz"), 503, "NOT_READY")
    assert 'xinqiao_http_requests_total{method="GET",route="/healthz",status="200"} 1.0' in site.client.get("/metrics").text


@pytest.mark.parametrize(
    ("method", "path", "status", "reason"),
    [
        ("GET", "/nothing", 404, "NOT_FOUND"),
        ("GET", "/log/tile/9/9", 404, "NOT_FOUND"),
        ("GET", "/v1/scores", 405, "METHOD_NOT_ALLOWED"),
        ("DELETE", "/v1/consents/xyz", 422, "BODY_INVALID"),
        ("GET", "/v1/epochs/", 404, "NOT_FOUND"),
    ],
)
def test_framework_errors_are_problems_with_a_reason_too(site: Front, method: str, path: str, status: int, reason: str) -> None:
    refused(site.client.request(method, path), status, reason)


def test_a_defect_of_ours_tells_the_caller_nothing(site: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_path: str) -> bytes:
        raise KeyError("secret detail")

    monkeypatch.setattr(site.log, "read_tile", broken)
    response = site.client.get("/log/checkpoint")
    assert "secret detail" not in response.text
    assert refused(response, 500, "INTERNAL")["title"]


def test_openapi_names_every_route_with_examples(site: Front) -> None:
    document = site.client.get("/openapi.json").json()
    paths = document["paths"]
    assert {"/v1/scores", "/v1/scores:batch", "/v1/portraits", "/v1/consents", "/v1/consents/{consent_id}", "/v1/epochs"} <= paths.keys()
    for path in ("/v1/scores", "/v1/scores:batch", "/v1/portraits"):
        assert "example" in paths[path]["post"]["requestBody"]["content"]["application/json"]
        assert {parameter["name"] for parameter in paths[path]["post"]["parameters"]} >= {"Signature", "Signature-Input", "Content-Digest"}
    assert all("default" in operation["responses"] for methods in paths.values() for operation in methods.values())


def test_the_catalog_shows_the_newest_terms_as_their_institution_signed_them(site: Front) -> None:
    assert site.client.get("/v1/catalog").json() == {"catalog": []}
    for version in (1, 2):
        site.zone.say(terms_of(nonce=fresh_nonce(), version=version, rate_bp=440 - version), "bank-a")
    (shown,) = site.client.get("/v1/catalog").json()["catalog"]
    assert (shown["institution"]["id"], shown["terms"]["version"], shown["terms"]["rate_bp"]) == ("bank-a", 2, 438)
    envelope = base64.b64decode(shown["envelope"])
    check_signature(parse_envelope(envelope), verify_key(site.zone.keys.signing("bank-a")))
    assert json.loads(base64.b64decode(shown["leaf"]))["digest"] == sha256(envelope).hex()
