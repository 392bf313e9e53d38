"""Banks that ask more than they may, and forgers of consents, with real keys before the gateway's real application. Each with its control."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from httpx import Response

from crypto.keygen import PrivateKey
from nodes.runtime.peers.signing import fresh_nonce
from nodes.runtime.web.gateway_client import GatewayClient
from scoring.release.percentiles import band_of, quantile_tables
from scoring.statements import Consent, QuantileTable
from simulators.adversaries.forging import bisected, totals_of
from tests.support.gateway import Front, front
from tests.support.zone import BASE, MemoryZone, released_zone

STAGE, FIRMS = "S1", 60


# --- rank queries [P7.3] ---


@pytest.fixture(scope="module")
def cohort(small_private_key: PrivateKey, tmp_path_factory: pytest.TempPathFactory) -> tuple[Front, dict[str, int]]:
    """A released zone of sixty firms in one stage, its bands published; and every firm's exact total."""
    zone = MemoryZone(small_private_key, firms=(STAGE,) * FIRMS)
    zone.found()
    zone.open_epoch()
    zone.contribute_columns()
    zone.close_epoch()
    zone.open_totals()
    weights = {name: item.weight(STAGE) for name, item in zone.model.indicators.items() if not item.gate}
    totals = {subject: sum(weights[name] * value for name, value in zone.points[subject].items()) for subject in zone.subjects}
    totals |= dict.fromkeys(zone.gated, 0)
    zone.say(zone.release_statement(quantile_tables(zone.model, "total", {STAGE: list(totals.values())})), "authority")
    return front(zone, tmp_path_factory.mktemp("gateway") / "state"), totals


def published(site: Front) -> QuantileTable:
    """The table as anybody gets it from the gateway."""
    (epoch,) = GatewayClient(BASE, transport=site.client._transport).get("/v1/epochs")["epochs"]
    return next(QuantileTable.model_validate(table, strict=False) for table in epoch["tables"] if table["stage"] == STAGE)


def test_exact_percentiles_would_give_a_bank_every_other_firms_total(cohort: tuple[Front, dict[str, int]]) -> None:
    """The control: a bank that moves an indicator of its own, and with it a firm's total, reads the others' off the exact rank."""
    _, totals = cohort
    _, *others = totals.values()
    rank = totals_of(others)
    read, low, top = [], min(others), max(others)
    while low <= top:
        above = bisected(rank, low, top + 2)
        read.append(above - 1)
        low = above
    assert set(read) >= set(others) - {min(others)}


def test_published_bands_give_no_firms_total_however_a_bank_moves_its_own(cohort: tuple[Front, dict[str, int]]) -> None:
    """The table is frozen and public: asking again with another own total shows its edges, in half points, with several firms between any two."""
    site, totals = cohort
    table = published(site)
    assert len(table.bands) == 20
    answers = {total: band_of(table, total) for total in range(max(totals.values()) + 100)}
    changes = [total for total in answers if total and answers[total] != answers[total - 1]]
    assert changes
    assert all(edge % 50 == 0 for edge in changes)
    exact = sorted(totals.values())
    inside = [[total for total in exact if low <= total < high] for low, high in zip([0, *changes], [*changes, max(answers) + 1], strict=True)]
    assert min(len(firms) for firms in inside if firms) >= 2
    assert published(site) == table


# --- forged consents [P5.0] ---


@pytest.fixture
def site(small_private_key: PrivateKey, tmp_path: Path) -> Front:
    zone = released_zone(small_private_key)
    for subject in zone.subjects[:2]:
        zone.enrol(subject)
    return front(zone, tmp_path / "state")


def given(site: Front, signer: str, edit: Callable[[bytes], bytes] = lambda envelope: envelope, place: int = 0, **changes: Any) -> Response:
    """What the gateway answers to a consent of firm ``place`` that ``signer`` signed."""
    statement = site.zone.consent_statement(site.zone.subjects[place], **changes)
    response: Response = site.client.post("/v1/consents", content=edit(site.zone.envelope(statement, signer)))
    return response


def test_a_consent_signed_by_its_enterprise_is_taken(site: Front) -> None:
    """The control of those below: the same way in, the right signature."""
    assert given(site, site.zone.own_key[site.zone.subjects[0]]).status_code == 201


@pytest.mark.parametrize(
    ("forger", "reason"),
    [
        ("bank-a", "SIGNER_NOT_ALLOWED"),
        ("enterprise", "SIGNER_NOT_ALLOWED"),  # the service, in the enterprise's name
        ("authority", "SIGNER_NOT_ALLOWED"),
        ("coordinator", "SIGNER_NOT_ALLOWED"),
        ("another enterprise", "SIGNER_NOT_ALLOWED"),
        ("a stranger", "SIGNER_UNKNOWN"),
    ],
)
def test_a_consent_that_another_signed_is_refused(site: Front, forger: str, reason: str) -> None:
    zone = site.zone
    if forger == "a stranger":
        zone.keys.make("e-0123456789abcdef", enterprise=True)
    signer = {"another enterprise": zone.own_key[zone.subjects[1]], "a stranger": "e-0123456789abcdef"}.get(forger, forger)
    response = given(site, signer)
    assert (response.status_code // 100, response.json()["reason"]) == (4, reason), response.text
    assert not zone.view.consents


def test_a_service_cannot_open_a_portrait_by_a_consent_of_its_own(site: Front) -> None:
    """It may sign a loan consent for an enterprise that it authenticated, and the statement says so; never one for a portrait."""
    subject, key = site.zone.subjects[0], site.zone.own_key[site.zone.subjects[0]]
    refused = given(site, "enterprise", audience=key, signed_by="service")
    assert (refused.status_code // 100, site.zone.view.consents) == (4, {}), refused.text
    assert given(site, "enterprise", signed_by="service").status_code == 201
    assert [state.consent.signed_by for state in site.zone.view.consents.values() if state.consent.subject == subject] == ["service"]


def test_a_consent_changed_on_its_way_is_refused(site: Front) -> None:
    """The carrier puts another bank in, or the signature of one consent under another."""
    zone, key = site.zone, site.zone.own_key[site.zone.subjects[0]]

    def readdressed(envelope: bytes) -> bytes:
        document, other = json.loads(envelope), zone.consent_statement(zone.subjects[0], "bank-b")
        return json.dumps({**document, "payload": json.loads(zone.envelope(other, key))["payload"]}).encode()

    response = given(site, key, readdressed)
    assert (response.status_code, response.json()["reason"]) == (401, "SIGNATURE_INVALID")
    assert not zone.view.consents


def test_a_revoked_consent_does_not_come_back_in_another_envelope(site: Front) -> None:
    zone, key = site.zone, site.zone.own_key[site.zone.subjects[0]]
    consent = zone.consent(zone.subjects[0])
    zone.say(zone.revocation(consent), key)
    said: Consent = consent.statement
    again = json.dumps(json.loads(consent.envelope), indent=1).encode()
    assert site.client.post("/v1/consents", content=consent.envelope).json()["leaf_index"] == consent.index  # the same bytes: the first answer
    for envelope in (again, zone.envelope(said.model_copy(update={"nonce": fresh_nonce()}), key)):
        response = site.client.post("/v1/consents", content=envelope)
        assert (response.status_code, response.json()["reason"]) in {(409, "STATEMENT_REPLAYED"), (409, "CONSENT_CONFLICT")}, response.text
    zone.now += 1
    refused = site.send(zone.request(consent))
    assert (refused.status_code, refused.json()["reason"]) == (403, "CONSENT_REVOKED")
