"""Every refusal of the signed interface, each made on purpose: what is done wrong, and what the zone must answer."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from nodes.runtime.peers.identity import SigningKeyPair, key_id
from nodes.runtime.web.request_document import SCORES_BATCH
from nodes.runtime.web.signed_requests import COMPONENTS
from simulators.sandbox.requests import Profile, Sent


@dataclass(frozen=True, slots=True)
class Asking:
    """One consent that a bank may use."""

    subject: str
    product: str
    consent_id: str

    def body(self, **changes: str) -> bytes:
        """A score request's body."""
        return _json({"subject": self.subject, "product": self.product, "purpose": "loan", "consent_id": self.consent_id} | changes)


@dataclass(frozen=True, slots=True)
class Bench:
    """What a case is made from: a bank's test key, another bank's, a consent in force and one that was withdrawn, where there is one."""

    key: SigningKeyPair
    other: SigningKeyPair
    base: str
    now: int
    asking: Asking
    revoked: Asking | None = None

    def profile(self, **changes: Any) -> Profile:
        """The profile, with something of it changed."""
        return Profile(self.key, self.base, self.now, **changes)

    def good(self) -> Sent:
        """A request that is answered."""
        return self.profile().signed(self.asking.body())


@dataclass(frozen=True, slots=True)
class Case:
    """``does``: what the request does; ``make``: the requests to be sent, of which the last is the one. ``status`` and ``reason``: the answer
    (reason empty where it is granted)."""

    name: str
    does: str
    status: int
    reason: str
    make: Callable[[Bench], list[Sent]]


def _one(make: Callable[[Bench], Sent]) -> Callable[[Bench], list[Sent]]:
    return lambda bench: [make(bench)]


def _with(**changes: Any) -> Callable[[Bench], list[Sent]]:
    return lambda bench: [bench.profile(**changes).signed(bench.asking.body())]


def _replayed(bench: Bench) -> list[Sent]:
    return [bench.good()] * 2


def _stranger() -> SigningKeyPair:
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    return SigningKeyPair(key_id("bank-unknown", public), "ed25519", public, private)


def _by(key: Callable[[Bench], SigningKeyPair], name: Callable[[Bench], str] = lambda _: "") -> Callable[[Bench], list[Sent]]:
    return lambda bench: [replace(bench.profile(), key=key(bench), key_id=name(bench)).signed(bench.asking.body())]


def _asked(**changes: str) -> Callable[[Bench], list[Sent]]:
    return lambda bench: [bench.profile().signed(bench.asking.body(**changes))]


def _batch(count: int, *, same: bool = False) -> Callable[[Bench], list[Sent]]:
    def make(bench: Bench) -> list[Sent]:
        items = [json.loads(bench.asking.body(**({} if same else {"subject": f"{number:032x}"}))) for number in range(count)]
        return [bench.profile(endpoint=SCORES_BATCH).signed(_json({"items": items}))]

    return make


def _revoked(bench: Bench) -> list[Sent]:
    return [] if bench.revoked is None else [bench.profile().signed(bench.revoked.body())]


def _json(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


INVALID, UNSIGNED, EXPIRED = "REQUEST_INVALID", "REQUEST_SIGNATURE_INVALID", "REQUEST_EXPIRED"
CASES: Final[tuple[Case, ...]] = (
    Case("granted", "a request within the profile, under a consent in force", 200, "", _one(Bench.good)),
    Case("content-type", "S1: content-type text/plain", 400, INVALID, _with(content_type="text/plain")),
    Case("repeated-name", "S1: a body that repeats a name", 400, INVALID, _one(
        lambda bench: bench.profile().signed(bench.asking.body().replace(b"{", b'{"product":"x",', 1)))),
    Case("no-json", "S1: a body that is no JSON object", 400, INVALID, _one(lambda bench: bench.profile().signed(b"[]"))),
    Case("body-too-large", "S1: a body over 64 KiB", 400, INVALID, _one(
        lambda bench: bench.profile().signed(bench.asking.body(product="p" * 70_000)))),
    Case("no-digest", "S2: no Content-Digest", 400, INVALID, _one(lambda bench: bench.good().without("content-digest"))),
    Case("body-changed", "S2: another body than the digest's", 401, UNSIGNED, _one(
        lambda bench: bench.good().with_body(bench.asking.body(product="another")))),
    Case("label", "S3: a signature labelled sig2", 400, INVALID, _with(label="sig2")),
    Case("two-signatures", "S3: the Signature header twice", 400, INVALID, _one(
        lambda bench: bench.good().with_header("signature", dict(bench.good().headers)["signature"]))),
    Case("unsigned", "S3: no signature at all", 400, INVALID, _one(lambda bench: bench.good().without("signature").without("signature-input"))),
    Case("component-missing", "S4: content-type is not covered", 400, INVALID, _with(
        components=tuple(name for name in COMPONENTS if name != "content-type"))),
    Case("nonce-missing", "S5: no nonce", 400, INVALID, _with(nonce=None)),
    Case("expires-missing", "S5: no expires", 400, INVALID, _with(life_s=None)),
    Case("tag-missing", "S5: no tag", 400, INVALID, _with(tag=None)),
    Case("tag", "S6: the enterprises' tag", 400, INVALID, _with(tag="xinqiao-enterprise-v1")),
    Case("unknown-key", "S7: a key that nobody registered", 401, "SIGNER_UNKNOWN", _by(lambda _: _stranger())),
    Case("wrong-key", "S7: signed with another key than keyid says", 401, UNSIGNED, _by(lambda _: _stranger(), lambda bench: bench.key.key_id)),
    Case("parameter-changed", "S8: created moved after the signing", 401, UNSIGNED, _one(
        lambda bench: bench.good().replaced(f"created={bench.now}", f"created={bench.now - 1}"))),
    Case("expired", "S8: out of force for ten minutes", 401, EXPIRED, _with(created_in_s=-660)),
    Case("future", "S8: in force in ten minutes only (is your clock right?)", 401, EXPIRED, _with(created_in_s=600)),
    Case("life-too-long", "S8: in force for five minutes, a common library's default", 401, EXPIRED, _with(life_s=300)),
    Case("nonce-short", "S9: a nonce of 8 characters", 400, INVALID, _with(nonce="12345678")),
    Case("replayed", "S9: the same request once more", 409, "REQUEST_REPLAYED", _replayed),
    Case("query-string", "S10: a query string behind the path", 400, INVALID, _with(suffix="?a=b")),
    Case("batch-too-large", "S12: 1,001 items", 400, INVALID, _batch(1001)),
    Case("batch-empty", "S12: no item", 400, INVALID, _batch(0)),
    Case("batch-repeats", "S12: one subject twice", 400, INVALID, _batch(2, same=True)),
    Case("no-consent", "P5.3: a consent that was never given", 403, "CONSENT_MISSING", _asked(consent_id=secrets.token_hex(16))),
    Case("other-subject", "P5.3: the consent of another enterprise", 403, "CONSENT_MISSING", _asked(subject=secrets.token_hex(16))),
    Case("other-purpose", "P5.3: a purpose that the consent does not name", 403, "CONSENT_SCOPE", _asked(purpose="insurance")),
    Case("other-product", "P5.3: a product that the model does not have", 403, "NOT_DISCLOSED", _asked(product="no-such-product")),
    Case("other-bank", "P5.3: a consent to another bank", 403, "CONSENT_SCOPE", _by(lambda bench: bench.other)),
    Case("revoked", "P5.3: a consent that was withdrawn", 403, "CONSENT_REVOKED", _revoked),
)  # fmt: skip
"""In the order of the profile's rules."""

BY_NAME: Final = {case.name: case for case in CASES}
