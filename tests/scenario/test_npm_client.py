"""A bank's program in another language, on npm's http-message-signatures, gets a score; its malformed twins get their reasons [P5.1].

npm installs the two packages of tests/scenario/npm_client from its lock file into a temporary directory.
"""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from crypto.encoding import canonical_json
from nodes.bank.receipts import build_receipt
from nodes.evidence.receipt import verify_receipt
from nodes.evidence.roots import Roots
from nodes.runtime.peers.identity import load_identity
from nodes.runtime.replica.releases import ReleaseOpener
from nodes.runtime.web.request_document import SCORES, RequestDocument
from nodes.runtime.web.signed_requests import verify_request
from scoring.errors import RequestSignatureError
from scoring.statements import SigningKey
from simulators.zone.layout import ZONE
from tests.support import independent
from tests.support.live_zone import EPOCH, LiveZone
from tests.support.shared_zone import GROUP

SOURCE = Path(__file__).parent / "npm_client"
PRODUCT, BANK = "base-line", "bank-a"
TWINS = {
    "missing_component": (400, "REQUEST_INVALID"),
    "missing_expires": (400, "REQUEST_INVALID"),
    "additional_component": (400, "REQUEST_INVALID"),
    "wrong_digest": (401, "REQUEST_SIGNATURE_INVALID"),
    "changed_body": (401, "REQUEST_SIGNATURE_INVALID"),
    "stale_created": (401, "REQUEST_EXPIRED"),
    "future_created": (401, "REQUEST_EXPIRED"),
    "long_expiry": (401, "REQUEST_EXPIRED"),
    "short_nonce": (400, "REQUEST_INVALID"),
    "replayed_nonce": (409, "REQUEST_REPLAYED"),
    "wrong_tag": (400, "REQUEST_INVALID"),
    "wrong_alg": (401, "REQUEST_SIGNATURE_INVALID"),
    "wrong_label": (400, "REQUEST_INVALID"),
    "unknown_key": (401, "SIGNER_UNKNOWN"),
    "duplicate_digest": (400, "REQUEST_INVALID"),
    "duplicate_signature": (400, "REQUEST_INVALID"),
    "second_signature": (400, "REQUEST_INVALID"),
    "target_swapped": (401, "REQUEST_SIGNATURE_INVALID"),
    "host_swapped": (401, "REQUEST_SIGNATURE_INVALID"),
}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group(GROUP),
    pytest.mark.timeout(600),
    pytest.mark.skipif(not shutil.which("node") or not shutil.which("npm"), reason="needs node and npm"),
]

Run = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The client, installed: takes a job, gives what it printed."""
    directory = shutil.copytree(SOURCE, tmp_path_factory.mktemp("npm") / "client")
    subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=directory, check=True, capture_output=True, timeout=300)

    def run(job: dict[str, Any]) -> dict[str, Any]:
        done = subprocess.run(["node", "client.mjs"], cwd=directory, input=json.dumps(job), capture_output=True, text=True, timeout=180, check=False)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    return run


@pytest.fixture(scope="module")
def zone(common_zone: LiveZone) -> LiveZone:
    common_zone.evaluated()
    return common_zone


@pytest.fixture(scope="module")
def job(zone: LiveZone) -> dict[str, Any]:
    """What the client is told: a consented enterprise, the bank's own key."""
    subject = zone.authority.totals(EPOCH)[0]["subject"]
    consent_id = zone.grant(subject, BANK, PRODUCT)
    return {
        "gateway": zone.gateway.base,
        "ca": str(zone.out / "public" / "ca.pem"),
        "key": (zone.out / "members" / BANK / "sign.pem").read_text(encoding="utf-8"),
        "keyid": zone.signer(BANK).key_id,
        "algorithm": "ed25519",
        "body": canonical_json({"subject": subject, "product": PRODUCT, "purpose": "loan", "consent_id": consent_id}).decode(),
    }


def test_the_client_gets_a_score_whose_receipt_both_verifiers_accept(zone: LiveZone, client: Run, job: dict[str, Any], tmp_path: Path) -> None:
    result = client(job)
    assert result["status"] == 200, result
    public = zone.out / "public"
    opener = ReleaseOpener.load(public)
    released = opener.open(result["answer"], load_identity(ZONE, BANK, zone.out / "members" / BANK, public / "ca.pem").hpke_private)
    document = RequestDocument.from_http("POST", f"{job['gateway']}/v1/scores", result["headers"].items(), job["body"].encode())
    receipt = canonical_json(build_receipt(released, opener.key, PRODUCT, document).model_dump(mode="json"))
    verified = verify_receipt(receipt, Roots.load(public))
    assert zone.banks[BANK].query(verified.subject, PRODUCT)["total"] == verified.total
    (tmp_path / "receipt.json").write_bytes(receipt)
    verify = independent.load()
    assert verify.verify(tmp_path / "receipt.json", verify.Roots(public))["shown"]["total"] == verified.total


@pytest.mark.parametrize("twin", TWINS)
def test_a_malformed_twin_gets_its_reason(twin: str, client: Run, job: dict[str, Any]) -> None:
    result = client({**job, "twin": twin})
    assert (result["status"], result["answer"]["reason"]) == TWINS[twin], result


def test_the_client_signs_with_p256_as_the_profile_asks(client: Run) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    point = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    key = SigningKey(key_id="bank-p~1", algorithm="ecdsa-p256-sha256", public=point.hex())
    body = canonical_json({"subject": secrets.token_hex(16), "product": PRODUCT, "purpose": "loan", "consent_id": secrets.token_hex(16)})
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    job = {"gateway": "https://gateway.example", "key": pem, "keyid": key.key_id, "algorithm": key.algorithm, "body": body.decode(), "dry": True}
    headers = client(job)["headers"]
    document = RequestDocument.from_http("POST", "https://gateway.example/v1/scores", headers.items(), body)
    verified = verify_request(document, SCORES, {key.key_id: key}, now=None)
    assert verified.body == json.loads(body)
    independent.load().check_request(document.to_json(), {key.key_id: independent.load().SigningKey.of(key.model_dump())}, verified.created, {})
    other = RequestDocument.from_http("POST", "https://gateway.example/v1/scores", headers.items(), body.replace(b"loan", b"lean"))
    with pytest.raises(RequestSignatureError):
        verify_request(other, SCORES, {key.key_id: key}, now=None)
