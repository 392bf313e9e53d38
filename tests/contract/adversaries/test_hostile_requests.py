"""What strangers send to the gateway's HTTP interface is answered as a problem with a reason, whatever bytes it is made of; never by a 500."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping

import pytest

from crypto.keygen import PrivateKey
from nodes.runtime.web.request_document import SCORES, SCORES_BATCH
from nodes.runtime.web.signed_requests import sign_request
from tests.support.gateway import Front, front
from tests.support.zone import BASE, open_zone

ZERO = "0" * 32
SCORE = {"subject": ZERO, "product": "base-line", "purpose": "loan", "consent_id": ZERO}
ENVELOPE = {"payload": "e30=", "payloadType": "application/json", "signatures": [{"keyid": "tax~1", "sig": "AAAA"}]}
LONE = r"\ud800"


@pytest.fixture(scope="module")
def site(small_private_key: PrivateKey, tmp_path_factory: pytest.TempPathFactory) -> Front:
    return front(open_zone(small_private_key), tmp_path_factory.mktemp("gateway") / "state")


def with_lone(document: Mapping[str, object], member: str) -> bytes:
    """The document as JSON, with a lone surrogate as the value of ``member``, or as a further member's name when it is empty."""
    if not member:
        return json.dumps({**document, "LONE": 1}).replace("LONE", LONE).encode()
    return json.dumps({**document, member: "LONE"}).replace("LONE", LONE).encode()


@pytest.mark.parametrize("member", ["", *SCORE])
def test_a_signed_body_with_a_lone_surrogate_is_refused(site: Front, member: str) -> None:
    for endpoint, body in ((SCORES, with_lone(SCORE, member)), (SCORES_BATCH, b'{"items":[' + with_lone(SCORE, member) + b"]}")):
        signed = sign_request(site.zone.keys.signers["bank-a"], endpoint, BASE, body, now=site.zone.now, nonce=secrets.token_urlsafe(16))
        response = site.send(signed)
        assert (response.status_code, response.json()["reason"]) == (400, "REQUEST_INVALID"), response.text


@pytest.mark.parametrize("member", ["", *ENVELOPE])
@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/consents"), ("DELETE", f"/v1/consents/{ZERO}")])
def test_an_envelope_with_a_lone_surrogate_is_refused(site: Front, method: str, path: str, member: str) -> None:
    response = site.client.request(method, path, content=with_lone(ENVELOPE, member))
    assert (response.status_code, response.json()["reason"]) == (400, "ENVELOPE_INVALID"), response.text


@pytest.mark.parametrize("member", ["", "epoch", "period", "model"])
def test_an_epoch_with_a_lone_surrogate_is_not_opened(site: Front, member: str) -> None:
    body = with_lone({"epoch": "e2", "period": "1996", "model": "firm-panel"}, member)
    token = site.staff("GET", "/v1/epochs/nowhere").request.headers["authorization"]
    response = site.client.post("/v1/epochs", content=body, headers={"authorization": token, "content-type": "application/json"})
    assert (response.status_code, response.json()["reason"]) == (422, "BODY_INVALID"), response.text


@pytest.mark.parametrize("path", ["/%ed%a0%80", "/v1/epochs/%ed%a0%80", "/v1/epochs/e1%00", "/log/tile/%ff", "/log/%ed%a0%80", "/v1/consents/%ff"])
def test_a_path_that_is_no_text_is_refused(site: Front, path: str) -> None:
    response = site.staff("GET", path)
    assert response.status_code in {400, 404, 405, 422}, response.text
    assert response.json()["reason"] != "INTERNAL"


def test_nothing_of_it_is_in_the_log_but_refusals(site: Front) -> None:
    kinds = {json.loads(leaf)["kind"] for leaf, _ in site.zone.entries[site.zone.view.epoch("epoch-1995").open_index + 1 :]}
    assert kinds <= {"refusal"}
    assert not site.zone.view.void
