"""Consents and revocations over the gateway's HTTP interface: logged once, and told where."""

from __future__ import annotations

import base64

import pytest

from crypto.encoding import sha256
from scoring.statements import Consent
from tests.support.gateway import Front
from tests.support.refusals import assert_refused, logged_refusal


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
    problem = assert_refused(site.client.post("/v1/consents", content=envelope), 403, "SIGNER_NOT_ALLOWED")
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
    assert_refused(site.client.request("DELETE", f"/v1/consents/{'00' * 16}", content=envelope), 400, "STATEMENT_INVALID")
    assert site.zone.view.consents[consent.statement.id].revoked_index is None


@pytest.mark.parametrize("body", [b"", b"{}", b"[" * 10_000, b"\xff\xfe", b'{"payload":"","payloadType":"","signatures":[]}'])
def test_what_is_no_envelope_is_refused(site: Front, body: bytes) -> None:
    assert_refused(site.client.post("/v1/consents", content=body), 400, "ENVELOPE_INVALID")


def test_another_kind_of_statement_is_no_consent(site: Front) -> None:
    envelope = site.zone.entries[0][1]
    assert_refused(site.client.post("/v1/consents", content=envelope), 400, "STATEMENT_INVALID")


def test_a_body_over_the_limit_is_refused_unread(site: Front) -> None:
    assert_refused(site.client.post("/v1/consents", content=b"x" * (2 << 20) + b"x"), 413, "BODY_TOO_LARGE")
