"""What anyone may read at the gateway, and what errors of the framework and of our own tell."""

from __future__ import annotations

import base64
import json

import pytest

from crypto.encoding import sha256
from crypto.statements import check_signature, parse_envelope
from nodes.runtime.peers.signing import fresh_nonce
from scoring.exchange.view import verify_key
from tests.support.gateway import Front
from tests.support.lending import terms_of
from tests.support.refusals import assert_refused
from tests.support.zone import PRODUCT


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
    before = asked_for_health(site)
    assert site.client.get("/healthz").json() == {"status": "ok"}
    assert site.client.get("/readyz").json() == {"status": "ready"}
    site.down.append("the log has not been followed yet")
    assert_refused(site.client.get("/readyz"), 503, "NOT_READY")
    assert asked_for_health(site) == before + 1


def asked_for_health(site: Front) -> float:
    """How often this process was asked, by its metrics: they are one set for all that run in it."""
    counter = 'xinqiao_http_requests_total{method="GET",route="/healthz",status="200"} '
    return sum(float(line.removeprefix(counter)) for line in site.client.get("/metrics").text.splitlines() if line.startswith(counter))


def test_a_defect_of_ours_tells_the_caller_nothing(site: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_path: str) -> bytes:
        raise KeyError("secret detail")

    monkeypatch.setattr(site.log, "read_tile", broken)
    response = site.client.get("/log/checkpoint")
    assert "secret detail" not in response.text
    assert assert_refused(response, 500, "INTERNAL")["title"]


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
