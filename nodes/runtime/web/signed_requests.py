"""Signed HTTP requests: one strict profile of RFC 9421 over request documents [P5.1].

The gateway, the custodians and the offline verifier all judge a request with ``verify_request``; this module knows no web
framework, no clock and no registry, and leaves replay to who keeps the nonces. The profile is written down in docs/specs/signed-requests.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol, cast

import http_sf
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from http_message_signatures import HTTPMessageSigner, HTTPMessageVerifier, HTTPSignatureKeyResolver, InvalidSignature
from http_message_signatures.algorithms import ECDSA_P256_SHA256, ED25519, HTTPSignatureAlgorithm
from http_message_signatures.exceptions import HTTPMessageSignaturesException

from nodes.runtime.web.request_document import KEPT_HEADERS, Endpoint, RequestDocument
from scoring.errors import RequestExpiredError, RequestFormatError, RequestSignatureError, SignerUnknownError
from scoring.statements import SigningKey

LABEL = "sig1"
COMPONENTS = ("@method", "@target-uri", "content-type", "content-digest")
MAX_LIFE_S = 120
_NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}\Z")
_KEY_ID = re.compile(r"[a-z0-9][a-z0-9.~-]{1,80}\Z")
_TARGET = re.compile(r"(https://[A-Za-z0-9.\-:\[\]]+)(/[A-Za-z0-9._~/:\-]*)\Z")
_REQUIRED = frozenset({"created", "expires", "keyid", "nonce", "tag"})
_ALGORITHMS: dict[str, type[HTTPSignatureAlgorithm]] = {"ed25519": ED25519, "ecdsa-p256-sha256": ECDSA_P256_SHA256}


class RequestSigner(Protocol):
    """A signing key. ECDSA signatures come in DER, as key stores give them."""

    @property
    def key_id(self) -> str: ...
    @property
    def algorithm(self) -> str: ...
    def sign(self, data: bytes, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class VerifiedRequest:
    """What a verified request says. ``body`` is the JSON object that the signer signed."""

    key_id: str
    created: int
    expires: int
    nonce: str
    body: dict[str, Any]


def sign_request(key: RequestSigner, endpoint: Endpoint, base: str, body: bytes, *, now: int, nonce: str, life_s: int = 60) -> RequestDocument:
    """Signed request for ``endpoint`` of the gateway whose public address is ``base`` (https://host:port, no trailing slash).

    ``now`` is Unix seconds, ``nonce`` 16–64 base64url characters never used before with this key, ``life_s`` ≤ 120.
    The returned document's headers are those to send, its body is ``body``.
    """
    message = Message(endpoint.method, base + endpoint.path, HeaderLines([("Content-Type", "application/json")]))
    algorithm = _ALGORITHMS[key.algorithm]
    signer = HTTPMessageSigner(signature_algorithm=algorithm)
    prepared = signer.prepare(
        message,
        key_id=key.key_id,
        created=datetime.fromtimestamp(now, UTC),
        expires=datetime.fromtimestamp(now + life_s, UTC),
        nonce=nonce,
        label=LABEL,
        tag=endpoint.tag,
        covered_component_ids=COMPONENTS,
        body=body,
    )
    signature = key.sign(prepared.signature_base)
    if algorithm is ECDSA_P256_SHA256:
        signature = ECDSA_P256_SHA256.signature_from_der(signature)
    signer.apply(message, prepared, signature)
    return RequestDocument.from_http(message.method, message.url, message.headers.items(), body)


def verify_request(
    document: RequestDocument,
    endpoint: Endpoint,
    keys: Mapping[str, SigningKey],
    *,
    now: int | None,
    base: str | None = None,
    tolerance_s: int = 5,
    max_life_s: int = MAX_LIFE_S,
) -> VerifiedRequest:
    """What ``document`` says, after every rule of the profile held.

    ``keys`` are the registered keys by id: they alone decide the algorithm. ``now`` is the time at which the request must be
    in force: the clock at the gateway, the ticket leaf's time at custodians and auditors; None skips only that comparison.
    ``base`` is the gateway's public address; None accepts any https authority (a verifier that was not told it).

    Raises RequestFormatError (profile broken), SignerUnknownError (key not registered), RequestSignatureError (signature or
    body digest wrong), RequestExpiredError (not in force at ``now``, or a life over ``max_life_s``).
    """
    _check_shape(document, endpoint, base)
    parameters = _signature_parameters(document, endpoint.tag)
    key = keys.get(parameters["keyid"])
    if key is None:
        raise SignerUnknownError(f"no key is registered as {parameters['keyid']!r}")
    _check_signature(document, key, endpoint.tag)
    created, expires = int(parameters["created"]), int(parameters["expires"])
    if not created < expires <= created + max_life_s:
        raise RequestExpiredError(f"a request lives at most {max_life_s} s, this one {expires - created} s")
    if now is not None and not created - tolerance_s <= now <= expires + tolerance_s:
        raise RequestExpiredError(f"in force from {created} to {expires}, the time is {now}")
    return VerifiedRequest(key.key_id, created, expires, parameters["nonce"], _json_object(document.body))


def _check_shape(document: RequestDocument, endpoint: Endpoint, base: str | None) -> None:
    if tuple(name for name, _ in document.headers) != KEPT_HEADERS:
        raise RequestFormatError(f"the headers of a request document are {', '.join(KEPT_HEADERS)}, each once")
    if any(value != value.strip() or not value.isprintable() or not value.isascii() for _, value in document.headers):
        raise RequestFormatError("header values are printable ASCII without surrounding space")
    if document.method != endpoint.method:
        raise RequestFormatError(f"method must be {endpoint.method}")
    target = _TARGET.match(document.target_uri)
    if target is None or target[2] != endpoint.path or (base is not None and target[1] != base):
        raise RequestFormatError(f"target-uri must be {base or 'https://<gateway>'}{endpoint.path}")
    if dict(document.headers)["content-type"].split(";")[0].strip().lower() != "application/json":
        raise RequestFormatError("content-type must be application/json")
    if len(document.body.encode()) > endpoint.max_body_bytes:
        raise RequestFormatError(f"the body is over {endpoint.max_body_bytes} bytes")


def _signature_parameters(document: RequestDocument, tag: str) -> dict[str, Any]:
    """Parameters of the one signature ``sig1``, whose header fields must be in their canonical serialisation."""
    headers = dict(document.headers)
    components, parameters = _sole_member(headers["signature-input"])
    _sole_member(headers["signature"])
    if not isinstance(components, list) or any(params for _, params in components):
        raise RequestFormatError("signature-input must hold one inner list of components without parameters")
    names = [name for name, _ in components]
    if sorted(map(str, names)) != sorted(COMPONENTS):
        raise RequestFormatError(f"the signature must cover exactly {', '.join(COMPONENTS)}")
    if not _REQUIRED <= set(parameters) <= _REQUIRED | {"alg"}:
        raise RequestFormatError(f"signature parameters are {', '.join(sorted(_REQUIRED))} and at most alg besides")
    if any(type(parameters[name]) is not int for name in ("created", "expires")):
        raise RequestFormatError("created and expires are integers")
    if any(not isinstance(parameters[name], str) for name in ("keyid", "nonce", "tag")):
        raise RequestFormatError("keyid, nonce and tag are strings")
    if parameters["tag"] != tag:
        raise RequestFormatError(f"tag must be {tag}")
    if not _NONCE.match(parameters["nonce"]) or not _KEY_ID.match(parameters["keyid"]):
        raise RequestFormatError("nonce is 16–64 base64url characters, keyid a registered id")
    return dict(parameters)


def _sole_member(value: str) -> tuple[Any, Any]:
    """The only member of a dictionary field, which must be ``sig1``."""
    try:
        members = cast(dict[str, Any], http_sf.parse(value.encode(), tltype="dictionary"))
        canonical = http_sf.ser(members)
    except (ValueError, TypeError) as error:
        raise RequestFormatError("signature and signature-input are Structured Field dictionaries") from error
    if list(members) != [LABEL] or canonical != value:
        raise RequestFormatError(f"signature and signature-input hold one member, {LABEL}, in canonical form")
    content, parameters = members[LABEL]
    return content, parameters


def _check_signature(document: RequestDocument, key: SigningKey, tag: str) -> None:
    message = Message(document.method, document.target_uri, HeaderLines(list(document.headers)))
    verifier = _ProfileVerifier(signature_algorithm=_ALGORITHMS[key.algorithm], key_resolver=_SoleKey(key))
    try:
        verifier.verify(message, expect_tag=tag, expect_label=LABEL, require_components=COMPONENTS, body=document.body.encode(), max_age=None)
    except InvalidSignature as error:
        raise RequestSignatureError("the signature or the body digest does not verify under the registered key") from error
    except (HTTPMessageSignaturesException, ValueError) as error:
        raise RequestFormatError(f"the signed request is malformed: {error}") from error


def _json_object(body: str) -> dict[str, Any]:
    """The body's JSON object. Repeated names and non-finite numbers are refused: two readers must read the same."""
    try:
        value = json.loads(body, object_pairs_hook=_unique_names, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise RequestFormatError(f"the body is not acceptable JSON: {error}") from error
    if not isinstance(value, dict):
        raise RequestFormatError("the body is not a JSON object")
    return value


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) != len(pairs):
        raise ValueError("an object repeats a name")
    return out


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


class _ProfileVerifier(HTTPMessageVerifier):
    """Times are judged by the profile above against the caller's time, not by the library against its own clock."""

    def validate_created_and_expires(self, sig_input: Any, max_age: Any = None) -> None:
        """Leaves times to ``verify_request``."""


class _SoleKey(HTTPSignatureKeyResolver):
    """Resolver that gives the registered key, whatever the message says about algorithms."""

    def __init__(self, key: SigningKey) -> None:
        self._key = key

    def resolve_public_key(self, key_id: str) -> Ed25519PublicKey | EllipticCurvePublicKey | None:
        """The key object if ``key_id`` is the one registered."""
        if key_id != self._key.key_id:
            return None
        raw = bytes.fromhex(self._key.public)
        if self._key.algorithm == "ed25519":
            return Ed25519PublicKey.from_public_bytes(raw)
        return EllipticCurvePublicKey.from_encoded_point(SECP256R1(), raw)


class HeaderLines:
    """Header lines in order, repeats kept: the shape that the library reads and writes."""

    def __init__(self, lines: list[tuple[str, str]]) -> None:
        self._lines = lines

    def items(self) -> list[tuple[str, str]]:
        return self._lines

    def __iter__(self) -> Any:
        return iter([name for name, _ in self._lines])

    def __contains__(self, name: str) -> bool:
        return any(line.lower() == name.lower() for line, _ in self._lines)

    def __setitem__(self, name: str, value: str) -> None:
        self._lines.append((name, value))

    def __delitem__(self, name: str) -> None:
        self._lines = [(line, value) for line, value in self._lines if line.lower() != name.lower()]


@dataclass(slots=True)
class Message:
    """A request as the library reads and signs it."""

    method: str
    url: str
    headers: HeaderLines
