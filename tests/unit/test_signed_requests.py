"""The signed-request profile: what is accepted, and every trap of RFC 9421 that it closes."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from http_message_signatures import HTTPMessageSigner
from http_message_signatures.algorithms import ED25519

from nodes.runtime.web.request_document import PORTRAITS, SCORES, SCORES_BATCH, RequestDocument
from nodes.runtime.web.signed_client import SignedAuth, signed_document
from nodes.runtime.web.signed_requests import COMPONENTS, HeaderLines, Message, sign_request, verify_request
from scoring.errors import RequestExpiredError, RequestFormatError, RequestSignatureError, SignerUnknownError
from scoring.statements import SigningKey

BASE = "https://gateway.example:8443"
NOW = 1_700_000_000
NONCE = "abcdefghijklmnop-_0123"
BODY = b'{"subject":"00","product":"loan-a","purpose":"loan","consent_id":"11"}'
SPEC = Path(__file__).parents[2] / "docs" / "specs" / "signed-requests.md"


@dataclass(frozen=True)
class EdKey:
    """An Ed25519 signing key from a fixed seed."""

    key_id: str
    seed: bytes
    algorithm: str = "ed25519"

    def sign(self, data: bytes) -> bytes:
        return Ed25519PrivateKey.from_private_bytes(self.seed).sign(data)

    @property
    def public(self) -> SigningKey:
        raw = Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return SigningKey(key_id=self.key_id, algorithm="ed25519", public=raw.hex())


@dataclass(frozen=True)
class EcKey:
    """A P-256 signing key."""

    key_id: str
    private: ec.EllipticCurvePrivateKey
    algorithm: str = "ecdsa-p256-sha256"

    def sign(self, data: bytes) -> bytes:
        return self.private.sign(data, ec.ECDSA(hashes.SHA256()))

    @property
    def public(self) -> SigningKey:
        raw = self.private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return SigningKey(key_id=self.key_id, algorithm="ecdsa-p256-sha256", public=raw.hex())


BANK = EdKey("bank-a-1", bytes(range(32)))
OTHER = EdKey("bank-b-1", bytes(range(1, 33)))
P256 = EcKey("bank-c-1", ec.derive_private_key(0x1234567890ABCDEF, ec.SECP256R1()))
KEYS = {key.key_id: key.public for key in (BANK, OTHER, P256)}


def signed(key: EdKey | EcKey = BANK, body: bytes = BODY, life_s: int = 60) -> RequestDocument:
    return sign_request(key, SCORES, BASE, body, now=NOW, nonce=NONCE, life_s=life_s)


def verify(document: RequestDocument, now: int | None = NOW + 1) -> None:
    verify_request(document, SCORES, KEYS, now=now, base=BASE)


def with_header(document: RequestDocument, name: str, value: str) -> RequestDocument:
    return replace(document, headers=tuple((key, value if key == name else old) for key, old in document.headers))


def resigned(
    *, components: tuple[str, ...] = COMPONENTS, tag: str | None = SCORES.tag, nonce: str | None = NONCE, label: str = "sig1",
    expires: int | None = NOW + 60, body: bytes = BODY, target: str = BASE + SCORES.path, content_type: str = "application/json",
) -> RequestDocument:  # fmt: skip
    """A request signed by the real key but outside the profile."""
    message = Message("POST", target, HeaderLines([("content-type", content_type)]))
    signer = HTTPMessageSigner(signature_algorithm=ED25519)
    covered_digest = "content-digest" in components
    if not covered_digest:
        message.headers["content-digest"] = dict(signed(body=body).headers)["content-digest"]
    prepared = signer.prepare(
        message, key_id=BANK.key_id, created=datetime.fromtimestamp(NOW, UTC), nonce=nonce, tag=tag, label=label,
        expires=None if expires is None else datetime.fromtimestamp(expires, UTC),
        covered_component_ids=components, body=body if covered_digest else None, use_existing_digest=not covered_digest,
    )  # fmt: skip
    signer.apply(message, prepared, BANK.sign(prepared.signature_base))
    return RequestDocument.from_http("POST", target, message.headers.items(), body)


@pytest.mark.parametrize("key", [BANK, P256], ids=["ed25519", "ecdsa-p256-sha256"])
def test_signed_request_verifies_and_says_what_was_signed(key: EdKey | EcKey) -> None:
    verified = verify_request(signed(key), SCORES, KEYS, now=NOW + 3, base=BASE)
    assert (verified.key_id, verified.nonce, verified.created, verified.expires) == (key.key_id, NONCE, NOW, NOW + 60)
    assert verified.body["product"] == "loan-a"


def test_document_survives_its_canonical_bytes() -> None:
    document = signed()
    assert RequestDocument.parse(document.to_bytes()) == document
    with pytest.raises(RequestFormatError):
        RequestDocument.parse(json.dumps(document.to_json()).encode())


def test_verifier_without_the_gateway_address_still_checks_the_path() -> None:
    verify_request(signed(), SCORES, KEYS, now=None)
    with pytest.raises(RequestFormatError):
        verify_request(signed(), SCORES_BATCH, KEYS, now=None)


def test_unregistered_key_is_refused_as_unknown() -> None:
    with pytest.raises(SignerUnknownError):
        verify(signed(EdKey("bank-z-1", bytes(32))))


def test_key_registered_under_this_id_decides_not_the_message() -> None:
    """A stranger signs with its own key under a registered id."""
    with pytest.raises(RequestSignatureError):
        verify(signed(EdKey(BANK.key_id, bytes(32))))


def test_algorithm_parameter_cannot_choose_the_verifier() -> None:
    forged = signed(EcKey(BANK.key_id, P256.private))
    assert 'alg="ecdsa-p256-sha256"' in dict(forged.headers)["signature-input"]
    with pytest.raises(RequestSignatureError):
        verify(forged)


def test_changed_body_is_refused_though_headers_verify() -> None:
    document = signed()
    with pytest.raises(RequestSignatureError):
        verify(replace(document, body=document.body.replace("loan-a", "loan-b")))


def test_changed_body_with_fresh_digest_is_refused() -> None:
    changed = BODY.replace(b"loan-a", b"loan-b")
    digest = dict(signed(OTHER, changed).headers)["content-digest"]
    with pytest.raises(RequestSignatureError):
        verify(with_header(replace(signed(), body=changed.decode()), "content-digest", digest))


@pytest.mark.parametrize("missing", COMPONENTS)
def test_signature_that_leaves_out_a_component_is_refused(missing: str) -> None:
    with pytest.raises(RequestFormatError, match="cover exactly"):
        verify(resigned(components=tuple(name for name in COMPONENTS if name != missing)))


def test_signature_over_the_path_instead_of_the_target_is_refused() -> None:
    with pytest.raises(RequestFormatError, match="cover exactly"):
        verify(resigned(components=("@method", "@path", "content-type", "content-digest")))


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("no nonce", lambda: resigned(nonce=None)),
        ("short nonce", lambda: resigned(nonce="abc")),
        ("nonce outside base64url", lambda: resigned(nonce="abcdefghijklmno+/=")),
        ("no expires", lambda: resigned(expires=None)),
        ("no tag", lambda: resigned(tag=None)),
        ("tag of another application", lambda: resigned(tag=PORTRAITS.tag)),
        ("other label", lambda: resigned(label="sig2")),
        ("query added", lambda: resigned(target=BASE + SCORES.path + "?subject=00")),
        ("other host", lambda: resigned(target="https://elsewhere.example" + SCORES.path)),
        ("credentials in the target", lambda: resigned(target="https://a@gateway.example:8443" + SCORES.path)),
        ("fragment in the target", lambda: resigned(target=BASE + SCORES.path + "#x")),
        ("plain http", lambda: resigned(target="http://gateway.example:8443" + SCORES.path)),
        ("other path", lambda: resigned(target=BASE + PORTRAITS.path)),
        ("form content", lambda: resigned(content_type="text/plain")),
        ("repeated name in the body", lambda: resigned(body=b'{"a":1,"a":2}')),
        ("body is a list", lambda: resigned(body=b"[1]")),
        ("body is NaN", lambda: resigned(body=b'{"a":NaN}')),
        ("other method", lambda: replace(signed(), method="PUT")),
        ("oversized body", lambda: resigned(body=b'{"a":"' + b"x" * 70_000 + b'"}')),
    ],
)
def test_request_outside_the_profile_is_refused(name: str, document: Callable[[], RequestDocument]) -> None:
    with pytest.raises(RequestFormatError):
        verify(document())


@pytest.mark.parametrize("header", ["content-type", "Content-Digest", "SIGNATURE", "Signature-Input"])
def test_repeated_header_is_refused(header: str) -> None:
    document = signed()
    with pytest.raises(RequestFormatError, match="must occur once"):
        RequestDocument.from_http("POST", document.target_uri, [*document.headers, (header, "x")], BODY)


@pytest.mark.parametrize("header", ["content-type", "content-digest", "signature", "signature-input"])
def test_missing_header_is_refused(header: str) -> None:
    document = signed()
    with pytest.raises(RequestFormatError, match="must occur once"):
        RequestDocument.from_http("POST", document.target_uri, [pair for pair in document.headers if pair[0] != header], BODY)


def test_second_signature_beside_ours_is_refused() -> None:
    document = signed()
    headers = dict(document.headers)
    both = with_header(document, "signature", headers["signature"] + ", " + headers["signature"].replace("sig1", "sig2"))
    both = with_header(both, "signature-input", headers["signature-input"] + ", " + headers["signature-input"].replace("sig1", "sig2"))
    with pytest.raises(RequestFormatError, match="one member"):
        verify(both)


def test_same_signature_in_another_spelling_is_refused() -> None:
    """Else one request would have many hashes."""
    document = signed()
    spelled = dict(document.headers)["signature-input"].replace('"@method" ', '"@method"  ')
    with pytest.raises(RequestFormatError, match="canonical"):
        verify(with_header(document, "signature-input", spelled))


@pytest.mark.parametrize("now", [NOW - 6, NOW + 66, NOW + 86_400])
def test_request_outside_its_time_is_refused(now: int) -> None:
    with pytest.raises(RequestExpiredError):
        verify(signed(), now)


@pytest.mark.parametrize("now", [NOW - 5, NOW, NOW + 60, NOW + 65])
def test_request_within_tolerance_is_accepted(now: int) -> None:
    verify(signed(), now)


@pytest.mark.parametrize("life_s", [121, 0, -1])
def test_life_over_the_limit_or_empty_is_refused_at_any_time(life_s: int) -> None:
    with pytest.raises(RequestExpiredError):
        verify(signed(life_s=life_s), None)


def test_every_parameter_and_every_header_is_covered() -> None:
    """Changing any character of the signed parameters breaks the signature or the profile."""
    document = signed()
    value = dict(document.headers)["signature-input"]
    for at in range(len(value)):
        changed = value[:at] + ("a" if value[at] != "a" else "b") + value[at + 1 :]
        with pytest.raises((RequestFormatError, RequestSignatureError, SignerUnknownError, RequestExpiredError)):
            verify(with_header(document, "signature-input", changed))


@pytest.mark.parametrize("bad", [b"", b"[]", b"{}", b'{"method":1,"target_uri":"","headers":[],"body":""}', b"\xff", b"[" * 100_000])
def test_bytes_that_are_no_document_are_refused(bad: bytes) -> None:
    with pytest.raises(RequestFormatError):
        RequestDocument.parse(bad)


def test_lone_surrogate_in_a_document_is_refused() -> None:
    with pytest.raises(RequestFormatError):
        RequestDocument.parse(json.dumps({**signed().to_json(), "body": "\ud800"}).encode())


def worked_example() -> str:
    """The example of docs/specs/signed-requests.md, from the key whose seed is 00 01 … 1f."""
    message = Message("POST", BASE + SCORES.path, HeaderLines([]))
    document = signed()
    headers = dict(document.headers)
    base = "\n".join(
        [
            '"@method": POST',
            f'"@target-uri": {message.url}',
            f'"content-type": {headers["content-type"]}',
            f'"content-digest": {headers["content-digest"]}',
            f'"@signature-params": {headers["signature-input"].removeprefix("sig1=")}',
        ]
    )
    Ed25519PrivateKey.from_private_bytes(BANK.seed).public_key().verify(_raw_signature(headers["signature"]), base.encode())
    lines = [f"POST {SCORES.path} HTTP/1.1", "host: gateway.example:8443", *(f"{name}: {value}" for name, value in document.headers)]
    request = "\n".join([*lines, "", document.body])
    return (
        f"Registered key `{BANK.key_id}`, ed25519, public:\n\n```\n{BANK.public.public}\n```\n\nThe request:\n\n```http\n{request}\n```\n\n"
        f"The signature base (lines joined by one LF, none at the end):\n\n```\n{base}\n```\n\n"
        f"The request document, whose SHA-256 is `{document.digest}`:\n\n```json\n{document.to_bytes().decode()}\n```\n"
    )


def _raw_signature(field: str) -> bytes:
    matched = re.fullmatch(r"sig1=:(.*):", field)
    assert matched
    return base64.b64decode(matched[1])


def test_worked_example_in_the_specification_is_what_the_code_makes() -> None:
    assert worked_example() in SPEC.read_text(encoding="utf-8")


def test_auth_signs_what_httpx_sends_and_keeps_the_document() -> None:
    seen: list[httpx.Request] = []

    def gateway(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200)

    auth = SignedAuth(BANK, SCORES, BASE, now=lambda: NOW, nonce=lambda: NONCE)
    with httpx.Client(transport=httpx.MockTransport(gateway)) as client:
        response = client.post(BASE + SCORES.path, json={"subject": "00"}, auth=auth)
        with pytest.raises(ValueError, match="this key signs"):
            client.post(BASE + PORTRAITS.path, json={}, auth=auth)
    received = RequestDocument.from_http("POST", BASE + SCORES.path, seen[0].headers.multi_items(), seen[0].content)
    assert signed_document(response) == received
    verify(received)
