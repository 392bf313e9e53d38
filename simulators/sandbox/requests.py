"""Requests signed within the profile and outside of it, one rule broken at a time (docs/specs/signed-requests.md)."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from http_message_signatures import HTTPMessageSigner
from http_message_signatures.algorithms import ED25519

from nodes.runtime.peers.identity import SigningKeyPair
from nodes.runtime.web.request_document import SCORES, Endpoint
from nodes.runtime.web.signed_requests import COMPONENTS, LABEL, HeaderLines, Message


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it goes over the wire. ``headers`` in order, repeats kept."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def with_body(self, body: bytes) -> Sent:
        """Another body under the same headers."""
        return replace(self, body=body)

    def without(self, name: str) -> Sent:
        """Without one header."""
        return replace(self, headers=tuple(line for line in self.headers if line[0] != name))

    def with_header(self, name: str, value: str) -> Sent:
        """With one header more."""
        return replace(self, headers=(*self.headers, (name, value)))

    def replaced(self, old: str, new: str) -> Sent:
        """With some text of the signature's parameters changed after the signing."""
        return replace(self, headers=tuple((name, value.replace(old, new)) for name, value in self.headers))


@dataclass(frozen=True, slots=True)
class Profile:
    """How a request is signed; the defaults are the profile's. ``content_type`` and ``target`` are what is signed and sent."""

    key: SigningKeyPair
    base: str
    now: int
    endpoint: Endpoint = SCORES
    components: Sequence[str] = COMPONENTS
    label: str = LABEL
    tag: str | None = ""
    nonce: str | None = ""
    created_in_s: int = 0
    life_s: int | None = 60
    content_type: str = "application/json"
    suffix: str = ""
    key_id: str = ""

    def signed(self, body: bytes) -> Sent:
        """``body``, signed this way. Requires an Ed25519 key."""
        url = self.base + self.endpoint.path + self.suffix
        message = Message(self.endpoint.method, url, HeaderLines([("content-type", self.content_type)]))
        created = self.now + self.created_in_s
        signer = HTTPMessageSigner(signature_algorithm=ED25519)
        prepared = signer.prepare(
            message,
            key_id=self.key_id or self.key.key_id,
            created=datetime.fromtimestamp(created, UTC),
            expires=None if self.life_s is None else datetime.fromtimestamp(created + self.life_s, UTC),
            nonce=secrets.token_urlsafe(18) if self.nonce == "" else self.nonce,
            label=self.label,
            tag=self.endpoint.tag if self.tag == "" else self.tag,
            covered_component_ids=tuple(self.components),
            body=body if "content-digest" in self.components else None,
        )
        signer.apply(message, prepared, self.key.sign(prepared.signature_base))
        return Sent(message.method, url, tuple((name.lower(), value) for name, value in message.headers.items()), body)
