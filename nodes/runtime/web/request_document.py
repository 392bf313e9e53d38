"""Plain documents of signed HTTP requests: exactly what a signature covers, and no more [P5.1].

A ``RequestDocument`` goes to the coordinator and the custodians and into the receipt; its hash names the request in the ticket.
This module reads and writes documents; ``signed_requests`` signs and judges them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from crypto.encoding import canonical_json, sha256
from crypto.errors import EncodingError
from scoring.errors import RequestFormatError

KEPT_HEADERS = ("content-digest", "content-type", "signature", "signature-input")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One operation that takes signed requests. The tag and the path keep a signature from being used for another one.

    ``repeatable``: asked again under a new signature, when no answer came, it does nothing twice and answers as if asked once.
    """

    method: str
    path: str
    tag: str
    max_body_bytes: int = 64 * 1024
    repeatable: bool = True


SCORES = Endpoint("POST", "/v1/scores", "xinqiao-bank-v1")
SCORES_BATCH = Endpoint("POST", "/v1/scores:batch", "xinqiao-bank-v1", 512 * 1024)
PORTRAITS = Endpoint("POST", "/v1/portraits", "xinqiao-enterprise-v1")
DISCLOSURES = Endpoint("POST", "/v1/disclosures", "xinqiao-enterprise-v1")
POLICY_MATCHES = Endpoint("POST", "/v1/policies/matches", "xinqiao-enterprise-v1")
POLICY_STEPS = Endpoint("POST", "/v1/policies/steps", "xinqiao-enterprise-v1", repeatable=False)
POOL_CLAIMS = Endpoint("POST", "/v1/pool/claims", "xinqiao-bank-v1")
PUBLICATIONS = Endpoint("POST", "/v1/publications", "xinqiao-enterprise-v1")
PUBLICATION_WORDS = Endpoint("POST", "/v1/publications/words", "xinqiao-enterprise-v1", repeatable=False)
PUBLICATION_OBJECTIONS = Endpoint("POST", "/v1/publications/objections", "xinqiao-enterprise-v1", repeatable=False)


@dataclass(frozen=True, slots=True)
class RequestDocument:
    """A signed request as evidence: ``headers`` are the four of ``KEPT_HEADERS`` in lower case and in that order."""

    method: str
    target_uri: str
    headers: tuple[tuple[str, str], ...]
    body: str

    @classmethod
    def from_http(cls, method: str, target_uri: str, headers: Iterable[tuple[str, str]], body: bytes) -> RequestDocument:
        """Document of a request as received. ``target_uri`` is the configured public base followed by the raw path and query,
        never the Host header. Raises RequestFormatError for a missing or repeated header or a body that is not UTF-8."""
        wanted: dict[str, list[str]] = {name: [] for name in KEPT_HEADERS}
        for name, value in headers:
            wanted.get(name.lower(), []).append(value)
        for name, values in wanted.items():
            if len(values) != 1:
                raise RequestFormatError(f"header {name} must occur once, it occurs {len(values)} times")
        try:
            text = body.decode("utf-8")
        except UnicodeDecodeError as error:
            raise RequestFormatError("the body is not UTF-8") from error
        return cls(method, target_uri, tuple((name, wanted[name][0]) for name in KEPT_HEADERS), text)

    @classmethod
    def parse(cls, data: bytes) -> RequestDocument:
        """Document from its canonical bytes. Raises RequestFormatError for anything else."""
        try:
            document = cls.from_json(json.loads(data))
        except (ValueError, RecursionError) as error:
            raise RequestFormatError("the request document is not JSON") from error
        if document.to_bytes() != data:
            raise RequestFormatError("the request document is not canonical JSON")
        return document

    @classmethod
    def from_json(cls, value: object) -> RequestDocument:
        """Document from parsed JSON, as a receipt holds it. Raises RequestFormatError."""
        if not isinstance(value, dict) or set(value) != {"method", "target_uri", "headers", "body"}:
            raise RequestFormatError("a request document has exactly method, target_uri, headers and body")
        headers, texts = value["headers"], (value["method"], value["target_uri"], value["body"])
        if not all(isinstance(text, str) for text in texts) or not isinstance(headers, list):
            raise RequestFormatError("a request document holds strings and one list of headers")
        if not all(isinstance(pair, list) and len(pair) == 2 and all(isinstance(part, str) for part in pair) for pair in headers):
            raise RequestFormatError("each header of a request document is a pair of strings")
        document = cls(value["method"], value["target_uri"], tuple((pair[0], pair[1]) for pair in headers), value["body"])
        try:
            document.to_bytes()
        except EncodingError as error:
            raise RequestFormatError("a request document is Unicode text") from error
        return document

    def to_json(self) -> dict[str, Any]:
        """The document as JSON values."""
        return {"method": self.method, "target_uri": self.target_uri, "headers": [list(pair) for pair in self.headers], "body": self.body}

    def to_bytes(self) -> bytes:
        """Canonical JSON: what is hashed, sent to custodians and kept."""
        return canonical_json(self.to_json())

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical bytes, hex: ``request`` of the ticket."""
        return sha256(self.to_bytes()).hex()
