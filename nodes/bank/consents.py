"""Consents given to this bank, as the coordinator's notices bring them: who may be asked about, for what, and which company it is.

A notice is believed as far as its signatures reach: the binding of code and subject id must be the registrar's. Whether the consent
holds at the moment of a query is judged by others; here it only serves to ask.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Engine, MetaData, String, Table, Text, desc, insert, select, update

from crypto.errors import CryptoError, SignatureError
from crypto.statements import check_signature, parse_envelope
from nodes.errors import NodeError
from nodes.runtime import logging
from nodes.runtime.cursor import StoredCursor
from nodes.runtime.database import reading, writing
from nodes.runtime.peers.identity import Identity
from nodes.runtime.replica.relay import open_binding
from protos.v1.exchange_pb2 import ConsentNotice
from scoring.errors import ConsentScopeError, ScoringError, StatementFormatError, WrongSignerError
from scoring.exchange.registry import MemberRegistry
from scoring.exchange.view import verify_key
from scoring.statements import Binding, Consent, parse_statement

METADATA = MetaData()
CONSENTS = Table(
    "consents",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("subject", String(32), nullable=False, index=True),
    Column("uscc", String(18), nullable=False, index=True),
    Column("purpose", String(32), nullable=False),
    Column("products", Text, nullable=False),
    Column("not_before", BigInteger, nullable=False),
    Column("not_after", BigInteger, nullable=False),
    Column("leaf_index", BigInteger, nullable=False),
    Column("revoked", Boolean, nullable=False),
)
CURSOR = StoredCursor(METADATA)
CONSENT_TAKEN, CONSENT_REFUSED = "consent.taken", "consent.refused"
_log = logging.logger("bank.consents")


@dataclass(frozen=True, slots=True)
class HeldConsent:
    """One consent of this bank's own table."""

    id: str
    subject: str
    uscc: str
    purpose: str
    products: tuple[str, ...]
    not_before: int
    not_after: int
    leaf_index: int
    revoked: bool

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id, "subject": self.subject, "uscc": self.uscc, "purpose": self.purpose, "products": list(self.products),
            "not_before": self.not_before, "not_after": self.not_after, "leaf_index": self.leaf_index, "revoked": self.revoked,
        }  # fmt: skip


class Consents:
    """The bank's table of consents and its place in the coordinator's work."""

    def __init__(self, engine: Engine, identity: Identity, registry: MemberRegistry) -> None:
        METADATA.create_all(engine)
        self._engine, self._identity, self._registry = engine, identity, registry
        self.version = 0  # changes whenever a notice was taken

    def cursor(self) -> int:
        """Number of the last work item that was taken."""
        return CURSOR.get(self._engine)

    def take(self, notice: ConsentNotice, seq: int) -> None:
        """Keep what a notice says and that work item ``seq`` is done, at once. A notice that does not hold is logged here and left out."""
        try:
            held = self._read(notice)
        except (CryptoError, ScoringError, NodeError) as error:
            _log.warning(CONSENT_REFUSED, seq=seq, error=type(error).__name__)
            self.skip(seq)
            return
        with writing(self._engine) as connection:
            known = connection.execute(select(CONSENTS.c.revoked).where(CONSENTS.c.id == held.id)).scalar_one_or_none()
            values = {**held.to_json(), "products": json.dumps(held.products)}
            if known is None:
                connection.execute(insert(CONSENTS).values(values))
            else:
                connection.execute(update(CONSENTS).where(CONSENTS.c.id == held.id).values({**values, "revoked": known or held.revoked}))
            CURSOR.advance(connection, seq)
        self.version += 1
        _log.info(CONSENT_TAKEN, seq=seq, leaf_index=held.leaf_index, revoked=held.revoked)

    def skip(self, seq: int) -> None:
        """Note that work item ``seq`` needs nothing more."""
        with writing(self._engine) as connection:
            CURSOR.advance(connection, seq)

    def all(self) -> list[HeldConsent]:
        """Every consent, the newest first."""
        with reading(self._engine) as connection:
            return [_held(row) for row in connection.execute(select(CONSENTS).order_by(desc(CONSENTS.c.leaf_index))).all()]

    def find(self, *, subject: str, uscc: str, product: str, purpose: str) -> HeldConsent | None:
        """The consent to ask under: of this subject, or this code where ``subject`` is empty; best the newest that covers it, not revoked."""
        column, value = (CONSENTS.c.subject, subject) if subject else (CONSENTS.c.uscc, uscc)
        with reading(self._engine) as connection:
            rows = connection.execute(select(CONSENTS).where(column == value).order_by(desc(CONSENTS.c.leaf_index))).all()
        found = [_held(row) for row in rows]
        covering = [held for held in found if held.purpose == purpose and product in held.products]
        return next(iter([held for held in covering if not held.revoked] or covering or found), None)

    def _read(self, notice: ConsentNotice) -> HeldConsent:
        envelope = parse_envelope(notice.consent_envelope)
        consent = parse_statement(envelope.payload_type, envelope.payload)
        if not isinstance(consent, Consent):
            raise StatementFormatError("a notice carries a consent")
        if consent.audience != self._identity.member:
            raise ConsentScopeError("the consent is for another audience")
        sealed = open_binding(consent.sealed_binding, self._identity.hpke_private, consent.audience, consent.id)
        binding_envelope = parse_envelope(bytes.fromhex(sealed.binding))
        binding = parse_statement(binding_envelope.payload_type, binding_envelope.payload)
        signer = self._registry.key(binding_envelope.key_ids[0])
        if "registrar" not in signer.member.roles:
            raise WrongSignerError("a binding is signed by the registrar")
        check_signature(binding_envelope, verify_key(signer.key))
        if not isinstance(binding, Binding) or (binding.subject, binding.uscc) != (consent.subject, sealed.uscc):
            raise SignatureError("the binding is of another enterprise")
        return HeldConsent(
            consent.id, consent.subject, binding.uscc, consent.purpose, consent.products, consent.not_before, consent.not_after,
            notice.leaf_index, notice.revoked,
        )  # fmt: skip


def _held(row: Any) -> HeldConsent:
    return HeldConsent(
        row.id, row.subject, row.uscc, row.purpose, tuple(json.loads(row.products)), row.not_before, row.not_after, row.leaf_index, row.revoked
    )
