"""Batches of scores, and an enterprise's own portrait, over the gateway's HTTP interface."""

from __future__ import annotations

import base64
import secrets

from httpx import Response

from crypto.encoding import canonical_json
from crypto.statements import parse_envelope
from nodes.runtime.web.request_document import PORTRAITS, SCORES_BATCH
from nodes.runtime.web.signed_requests import sign_request
from scoring.exchange.view import Logged
from scoring.statements import Consent, Ticket, parse_statement
from tests.support.gateway import Front
from tests.support.refusals import assert_refused
from tests.support.zone import BASE, PRODUCT


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
    assert_refused(batch(site, [item(consent), item(consent)]), 400, "REQUEST_INVALID")


def test_a_batch_over_a_thousand_is_refused_whole(site: Front) -> None:
    consent = site.zone.consent(site.zone.subjects[0])
    assert_refused(batch(site, [item(consent, subject=f"{i:032x}") for i in range(1001)]), 400, "REQUEST_INVALID")


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
    assert_refused(site.send(document), 403, "SIGNER_NOT_ALLOWED")
