"""Scores over the gateway's HTTP interface: what is answered, what is refused and with which reason, what of it is in the log."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from crypto.encoding import canonical_json
from crypto.keygen import PrivateKey
from crypto.statements import parse_envelope
from nodes.runtime.web.request_document import PORTRAITS, SCORES, RequestDocument
from nodes.runtime.web.signed_requests import sign_request
from scoring.exchange.view import Logged
from scoring.statements import Consent, Ticket, parse_statement
from tests.support.gateway import Front, front
from tests.support.leaky import SECOND_PRODUCT, leaky_zone
from tests.support.refusals import assert_refused, logged_refusal
from tests.support.zone import BASE, PRODUCT, MemoryZone


def request(site: Front, consent: Logged, signer: str = "bank-a", **body: str) -> RequestDocument:
    """A signed score request under a consent, with parts of the body said otherwise."""
    said: Consent = consent.statement
    asked = {"subject": said.subject, "product": PRODUCT, "purpose": "loan", "consent_id": said.id} | body
    return sign_request(site.zone.keys.signers[signer], SCORES, BASE, canonical_json(asked), now=site.zone.now, nonce=secrets.token_urlsafe(16))


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
    statement = logged_refusal(site, assert_refused(site.send(document), 403, "CONSENT_MISSING"))
    assert (statement.member, statement.reason, statement.about) == ("authority", "CONSENT_MISSING", document.digest)


def test_what_would_isolate_an_owners_points_with_an_earlier_ticket_is_refused_and_logged(small_private_key: PrivateKey, tmp_path: Path) -> None:
    """The bank learns why; nobody is asked to open anything [P7.2]."""
    zone = leaky_zone(small_private_key, tmp_path)
    site, consent = front(zone, tmp_path / "state"), zone.consent(zone.subjects[0])
    assert site.send(request(site, consent)).status_code == 200
    said = zone.consent_statement(zone.subjects[0], products=(SECOND_PRODUCT,))
    second = request(site, zone.say(said, zone.own_key[zone.subjects[0]]), product=SECOND_PRODUCT)
    tickets = len(zone.view.tickets)
    assert logged_refusal(site, assert_refused(site.send(second), 403, "DISCLOSURE_ISOLATES")).about == second.digest
    assert len(zone.view.tickets) == tickets


def test_a_replayed_request_is_refused_and_logged(site: Front) -> None:
    document = site.zone.request(site.zone.consent(site.zone.subjects[0]))
    assert site.send(document).status_code == 200
    tickets = len(site.zone.view.tickets)
    assert logged_refusal(site, assert_refused(site.send(document), 409, "REQUEST_REPLAYED")).about == document.digest
    assert len(site.zone.view.tickets) == tickets


def test_a_replay_is_refused_by_a_restarted_gateway_too(site: Front, tmp_path: Path) -> None:
    document = site.zone.request(site.zone.consent(site.zone.subjects[0]))
    assert site.send(document).status_code == 200
    assert_refused(front(site.zone, tmp_path / "state").send(document), 409, "REQUEST_REPLAYED")


def test_a_request_after_the_revocation_is_refused_and_logged(site: Front) -> None:
    consent = site.zone.consent(site.zone.subjects[0])
    site.zone.say(site.zone.revocation(consent), site.zone.own_key[site.zone.subjects[0]])
    assert logged_refusal(site, assert_refused(site.send(request(site, consent)), 403, "CONSENT_REVOKED")).count == 1


def test_another_bank_cannot_use_the_consent(site: Front) -> None:
    assert_refused(site.send(request(site, site.zone.consent(site.zone.subjects[0]), "bank-b")), 403, "CONSENT_SCOPE")


def test_a_product_that_the_model_lacks_is_refused(site: Front) -> None:
    assert_refused(site.send(request(site, site.zone.consent(site.zone.subjects[0]), product="gold")), 403, "NOT_DISCLOSED")


def test_a_department_cannot_ask_for_scores(site: Front) -> None:
    assert_refused(site.send(request(site, site.zone.consent(site.zone.subjects[0]), "tax")), 403, "SIGNER_NOT_ALLOWED")


def test_an_unregistered_key_is_refused_and_logged_the_first_time_at_once(site: Front) -> None:
    site.zone.keys.make("stranger")
    consent = site.zone.consent(site.zone.subjects[0])
    first = assert_refused(site.send(request(site, consent, "stranger")), 401, "SIGNER_UNKNOWN")
    second = assert_refused(site.send(request(site, consent, "stranger")), 401, "SIGNER_UNKNOWN")
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
    assert_refused(site.send(change(document)), status, reason)


def test_the_host_header_does_not_enter_the_signature(site: Front) -> None:
    """The target is rebuilt from the configured base: what Host says is of no consequence."""
    document = site.zone.request(site.zone.consent(site.zone.subjects[0]))
    headers = [*document.headers, ("host", "elsewhere.example")]
    assert site.client.request("POST", SCORES.path, content=document.body.encode(), headers=headers).status_code == 200


def test_a_request_signed_for_another_gateway_is_refused(site: Front) -> None:
    asked = json.loads(site.zone.request(site.zone.consent(site.zone.subjects[0])).body)
    other = sign_request(site.zone.keys.signers["bank-a"], SCORES, "https://other.test", canonical_json(asked), now=site.zone.now, nonce="n" * 20)
    assert_refused(site.send(replace(other, target_uri=BASE + SCORES.path)), 401, "REQUEST_SIGNATURE_INVALID")


def test_an_old_request_is_refused(site: Front) -> None:
    document = site.zone.request(site.zone.consent(site.zone.subjects[0]))
    site.zone.now += 200
    assert_refused(site.send(document), 401, "REQUEST_EXPIRED")


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
    assert "leaf_index" not in assert_refused(response, 429, "RATE_LIMITED")
    assert "retry-after" in response.headers
    assert len(site.zone.entries) == before


def test_too_few_custodians_is_told_as_unavailable_and_not_logged_as_a_refusal(site: Front) -> None:
    consent = site.zone.consent(site.zone.subjects[0])
    site.exchange.asleep = {"tax", "credit"}
    assert "leaf_index" not in assert_refused(site.send(request(site, consent)), 503, "CUSTODIANS_MISSING")
