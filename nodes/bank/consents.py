"""Consents given to this bank, as the coordinator's notices bring them: who may be asked about, for what, and which company it is.

A notice is believed as far as its signatures reach: the binding of code and subject id must be the registrar's. Whether the consent
holds at the moment of a query is judged by others; here it only serves to ask.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import BigInteger, Boolean, Column, Connection, Engine, LargeBinary, MetaData, String, Table, Text, desc, func, insert, select, update

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
from scoring.statements import Binding, Consent, Enrolment, Statement, parse_statement

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
KEYS = Table(
    "enterprise_enrolments",
    METADATA,
    Column("subject", String(32), primary_key=True),
    Column("enrolment", LargeBinary, nullable=False),
    Column("leaf_index", BigInteger, nullable=False),
)
CURSOR = StoredCursor(METADATA)
CONSENT_TAKEN, CONSENT_REFUSED, ENROLMENT_REFUSED = "consent.taken", "consent.refused", "enrolment.refused"
S = TypeVar("S", bound=Statement)
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
        self._engine, self._identity, self._registry = engine, identity, registry

    def cursor(self) -> int:
        """Number of the last work item that was taken."""
        return CURSOR.get(self._engine)

    def take(self, notice: ConsentNotice, seq: int) -> None:
        """Keep what a notice says and that work item ``seq`` is done, at once. A notice that does not hold is logged here and left out."""
        try:
            held, enrolment = self._read(notice)
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
            if enrolment:
                _put_enrolment(connection, held.subject, enrolment, held.leaf_index)
            CURSOR.advance(connection, seq)
        _log.info(CONSENT_TAKEN, seq=seq, leaf_index=held.leaf_index, revoked=held.revoked)

    def skip(self, seq: int) -> None:
        """Note that work item ``seq`` needs nothing more."""
        with writing(self._engine) as connection:
            CURSOR.advance(connection, seq)

    @property
    def newest(self) -> int:
        """Leaf of the newest consent that was taken, -1 without any. Notices come in the order of leaves."""
        with reading(self._engine) as connection:
            found: int | None = connection.execute(select(func.max(CONSENTS.c.leaf_index))).scalar_one()
        return -1 if found is None else found

    def all(self) -> list[HeldConsent]:
        """Every consent, the newest first."""
        with reading(self._engine) as connection:
            return [_held(row) for row in connection.execute(select(CONSENTS).order_by(desc(CONSENTS.c.leaf_index))).all()]

    def consent(self, consent_id: str) -> HeldConsent | None:
        """The consent with this id, if it was given to us."""
        with reading(self._engine) as connection:
            row = connection.execute(select(CONSENTS).where(CONSENTS.c.id == consent_id)).one_or_none()
        return None if row is None else _held(row)

    def enrolment(self, subject: str) -> bytes:
        """The enrolment by whose key we check what the enterprise signs, as its newest consent brought it; empty where there is none."""
        with reading(self._engine) as connection:
            found: bytes | None = connection.execute(select(KEYS.c.enrolment).where(KEYS.c.subject == subject)).scalar_one_or_none()
        return found or b""

    def find(self, *, subject: str, uscc: str, product: str, purpose: str) -> HeldConsent | None:
        """The consent to ask under: of this subject, or this code where ``subject`` is empty; best the newest that covers it, not revoked."""
        column, value = (CONSENTS.c.subject, subject) if subject else (CONSENTS.c.uscc, uscc)
        with reading(self._engine) as connection:
            rows = connection.execute(select(CONSENTS).where(column == value).order_by(desc(CONSENTS.c.leaf_index))).all()
        found = [_held(row) for row in rows]
        covering = [held for held in found if held.purpose == purpose and product in held.products]
        return next(iter([held for held in covering if not held.revoked] or covering or found), None)

    def _read(self, notice: ConsentNotice) -> tuple[HeldConsent, bytes]:
        """The consent, and the enrolment that came with it, empty where it does not hold."""
        envelope = parse_envelope(notice.consent_envelope)
        consent = parse_statement(envelope.payload_type, envelope.payload)
        if not isinstance(consent, Consent):
            raise StatementFormatError("a notice carries a consent")
        if consent.audience != self._identity.member:
            raise ConsentScopeError("the consent is for another audience")
        sealed = open_binding(consent.sealed_binding, self._identity.hpke_private, consent.audience, consent.id)
        binding = registrars(self._registry, bytes.fromhex(sealed.binding), Binding)
        if (binding.subject, binding.uscc) != (consent.subject, sealed.uscc):
            raise SignatureError("the binding is of another enterprise")
        held = HeldConsent(
            consent.id, consent.subject, binding.uscc, consent.purpose, consent.products, consent.not_before, consent.not_after,
            notice.leaf_index, notice.revoked,
        )  # fmt: skip
        return held, self._enrolment_of(notice, consent)

    def _enrolment_of(self, notice: ConsentNotice, consent: Consent) -> bytes:
        """A consent counts without it; only what the enterprise signs for a loan does not."""
        try:
            enrolment = registrars(self._registry, notice.enrolment_envelope, Enrolment)
        except (CryptoError, ScoringError) as error:
            _log.warning(ENROLMENT_REFUSED, leaf_index=notice.leaf_index, error=type(error).__name__)
            return b""
        return notice.enrolment_envelope if enrolment.subject == consent.subject else b""


def registrars(registry: MemberRegistry, raw: bytes, kind: type[S]) -> S:
    """The registrar's statement of this kind in an envelope. Raises WrongSignerError, StatementFormatError and the errors of envelopes."""
    envelope = parse_envelope(raw)
    statement = parse_statement(envelope.payload_type, envelope.payload)
    signer = registry.key(envelope.key_ids[0])
    if "registrar" not in signer.member.roles:
        raise WrongSignerError(f"a {kind.kind} is signed by the registrar")
    check_signature(envelope, verify_key(signer.key))
    if not isinstance(statement, kind):
        raise SignatureError(f"this is no {kind.kind}")
    return statement


def _put_enrolment(connection: Connection, subject: str, enrolment: bytes, leaf_index: int) -> None:
    """The enrolment that came with the newest consent stands."""
    known = connection.execute(select(KEYS.c.leaf_index).where(KEYS.c.subject == subject)).scalar_one_or_none()
    values = {"subject": subject, "enrolment": enrolment, "leaf_index": leaf_index}
    if known is None:
        connection.execute(insert(KEYS).values(values))
    elif known <= leaf_index:
        connection.execute(update(KEYS).where(KEYS.c.subject == subject).values(values))


def _held(row: Any) -> HeldConsent:
    return HeldConsent(
        row.id, row.subject, row.uscc, row.purpose, tuple(json.loads(row.products)), row.not_before, row.not_after, row.leaf_index, row.revoked
    )
