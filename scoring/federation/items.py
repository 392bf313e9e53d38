"""Items that zones let each other have: packs, products, policies, published statistics, each signed by the authority it comes from [F16].

An item proves whose it is by itself, wherever it lies. It stays what it was: another zone's. Nothing here makes it this zone's own.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import StringConstraints

from crypto.encoding import canonical_json, digest, sha256
from crypto.errors import CryptoError
from crypto.statements import check_signature, parse_envelope
from scoring.errors import ScoringError
from scoring.exchange.registry import MemberRegistry
from scoring.exchange.view import verify_key
from scoring.federation.errors import SharedItemError
from scoring.statements import Base64, Record, SharedItem, SharedKind, Statement, parse_record, parse_statement

FORMAT: Literal["xinqiao/shared-item/v1"] = "xinqiao/shared-item/v1"
LARGEST_CONTENT = 2 << 20
Content = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]*={0,2}$", max_length=4 * LARGEST_CONTENT // 3 + 4)]


class Document(Record):
    """An item as it travels: the authority's envelope, and the content that it names."""

    format: Literal["xinqiao/shared-item/v1"]
    envelope: Base64
    content: Content


@dataclass(frozen=True, slots=True)
class Shared:
    """An item that is its origin's own: which zone's, of which kind, what it is called, its exact bytes."""

    origin: str
    kind: SharedKind
    name: str
    content: bytes


def share(zone: str, kind: SharedKind, name: str, content: bytes, sign: Callable[[Statement], bytes]) -> bytes:
    """The item as it travels. The same content gives the same statement, so that it is one item however often it is offered; there is nothing
    secret in it that a random nonce would have to keep. Raises SharedItemError when it is too large."""
    if len(content) > LARGEST_CONTENT:
        raise SharedItemError(f"an item has at most {LARGEST_CONTENT} bytes, {name} has {len(content)}")
    named = sha256(content)
    nonce = digest("shared-item", zone.encode(), kind.encode(), name.encode(), named)[:16].hex()
    envelope = sign(SharedItem(zone=zone, nonce=nonce, item=kind, name=name, sha256=named.hex()))
    parts = {"envelope": base64.b64encode(envelope).decode(), "content": base64.b64encode(content).decode()}
    return canonical_json({"format": FORMAT, **parts})


def read_shared(data: bytes, kind: str, name: str, registry: MemberRegistry) -> Shared:
    """The item in ``data``, which came as ``kind`` and ``name`` from the zone of ``registry``.

    Raises SharedItemError unless an authority of that zone signed for exactly these bytes under this kind and name.
    """
    try:
        document = parse_record(Document, data)
        content = base64.b64decode(document.content, validate=True)
        envelope = parse_envelope(base64.b64decode(document.envelope, validate=True))
        statement = parse_statement(envelope.payload_type, envelope.payload)
        signer = registry.key(envelope.key_ids[0])
        check_signature(envelope, verify_key(signer.key))
    except (ScoringError, CryptoError, ValueError) as error:
        raise SharedItemError(f"{kind} {name}: {error}") from error
    if not isinstance(statement, SharedItem) or "authority" not in signer.member.roles:
        raise SharedItemError(f"{kind} {name}: it is not an item that the authority of {registry.genesis.zone} signed")
    if (statement.zone, statement.item, statement.name, statement.sha256) != (registry.genesis.zone, kind, name, sha256(content).hex()):
        raise SharedItemError(f"{kind} {name}: it is signed as another item, of another zone or for other bytes")
    return Shared(statement.zone, statement.item, statement.name, content)
