"""What the enterprise service keeps: whom it serves, the consents it signed for them, their portraits, and its place in the work."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Engine, LargeBinary, MetaData, String, Table, Text, desc, insert, select, update

from nodes.errors import NotFoundError
from nodes.runtime.cursor import StoredCursor
from nodes.runtime.database import reading, writing

METADATA = MetaData()
ENTERPRISES = Table(
    "enterprises",
    METADATA,
    Column("uscc", String(18), primary_key=True),
    Column("key_id", String(20), nullable=False, unique=True),
    Column("request", LargeBinary, nullable=False),
    Column("state", String(10), nullable=False),
    Column("reason", String(50), nullable=False),
    Column("subject", String(32), nullable=False),
    Column("binding", Text, nullable=False),
    Column("leaf_index", BigInteger, nullable=False),
)
CONSENTS = Table(
    "consents",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("uscc", String(18), nullable=False, index=True),
    Column("audience", String(82), nullable=False),
    Column("purpose", String(32), nullable=False),
    Column("products", Text, nullable=False),
    Column("not_after", BigInteger, nullable=False),
    Column("envelope", LargeBinary, nullable=False),
    Column("leaf_index", BigInteger, nullable=False),
    Column("revocation", LargeBinary, nullable=False),
    Column("revoked_leaf_index", BigInteger, nullable=False),
    Column("refused", String(50), nullable=False),
)
PORTRAITS = Table(
    "portraits",
    METADATA,
    Column("ticket", String(64), primary_key=True),
    Column("uscc", String(18), nullable=False, index=True),
    Column("time", BigInteger, nullable=False),
    Column("document", LargeBinary, nullable=False),
)
CURSOR = StoredCursor(METADATA)
NOT_LOGGED = -1


@dataclass(frozen=True, slots=True)
class Enterprise:
    """One enterprise. ``state``: asked, enrolled or refused. ``request`` is the sealed message to the registrar, sent as often as it takes."""

    uscc: str
    key_id: str
    request: bytes
    state: str = "asked"
    reason: str = ""
    subject: str = ""
    binding: str = ""
    leaf_index: int = NOT_LOGGED

    def to_json(self) -> dict[str, Any]:
        """What the service's staff sees."""
        shown = ("uscc", "key_id", "state", "reason", "subject", "leaf_index")
        return {name: getattr(self, name) for name in shown}


@dataclass(frozen=True, slots=True)
class KeptConsent:
    """One signed consent; ``leaf_index`` and ``revoked_leaf_index`` are −1 while it, or its revocation, is not in the log.
    ``refused``: the zone's reason for not taking it; then it is not sent again."""

    id: str
    uscc: str
    audience: str
    purpose: str
    products: tuple[str, ...]
    not_after: int
    envelope: bytes
    leaf_index: int = NOT_LOGGED
    revocation: bytes = b""
    revoked_leaf_index: int = NOT_LOGGED
    refused: str = ""

    def to_json(self) -> dict[str, Any]:
        """What the service's staff sees."""
        shown = ("id", "uscc", "audience", "purpose", "not_after", "leaf_index", "revoked_leaf_index", "refused")
        return {**{name: getattr(self, name) for name in shown}, "products": list(self.products)}


class Store:
    """The service's database. Everything is on disk when a method returns."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    # --- enterprises ---

    def enterprise(self, uscc: str) -> Enterprise | None:
        """The enterprise with this code, if it is known here."""
        return self._enterprise(ENTERPRISES.c.uscc == uscc)

    def enterprise_by_key(self, key_id: str) -> Enterprise | None:
        """The enterprise with this key."""
        return self._enterprise(ENTERPRISES.c.key_id == key_id)

    def enterprises(self) -> list[Enterprise]:
        """All, by code."""
        with reading(self._engine) as connection:
            return [_enterprise(row) for row in connection.execute(select(ENTERPRISES).order_by(ENTERPRISES.c.uscc)).all()]

    def put_enterprise(self, enterprise: Enterprise) -> None:
        """Keep ``enterprise`` as it is now."""
        with writing(self._engine) as connection:
            _put_enterprise(connection, enterprise)

    def answered(self, enterprise: Enterprise, seq: int) -> None:
        """Keep ``enterprise`` as the registrar's answer left it, and that work item ``seq`` is done, at once."""
        with writing(self._engine) as connection:
            _put_enterprise(connection, enterprise)
            CURSOR.advance(connection, seq)

    # --- consents ---

    def put_consent(self, consent: KeptConsent) -> None:
        """Keep ``consent`` as it is now."""
        values = {**_fields(consent), "products": json.dumps(consent.products)}
        with writing(self._engine) as connection:
            known = connection.execute(select(CONSENTS.c.id).where(CONSENTS.c.id == consent.id)).one_or_none()
            statement = insert(CONSENTS).values(values) if known is None else update(CONSENTS).where(CONSENTS.c.id == consent.id).values(values)
            connection.execute(statement)

    def consent(self, consent_id: str) -> KeptConsent:
        """Raises NotFoundError."""
        with reading(self._engine) as connection:
            row = connection.execute(select(CONSENTS).where(CONSENTS.c.id == consent_id)).one_or_none()
        if row is None:
            raise NotFoundError("this service has signed no such consent")
        return _consent(row)

    def consents(self, uscc: str = "") -> list[KeptConsent]:
        """Consents of one enterprise, or of all, the newest first."""
        query = select(CONSENTS).order_by(desc(CONSENTS.c.leaf_index))
        with reading(self._engine) as connection:
            return [_consent(row) for row in connection.execute(query.where(CONSENTS.c.uscc == uscc) if uscc else query).all()]

    # --- portraits ---

    def put_portrait(self, ticket: str, uscc: str, time: int, document: bytes) -> None:
        """Keep a portrait; the same ticket's again changes nothing."""
        with writing(self._engine) as connection:
            if connection.execute(select(PORTRAITS.c.ticket).where(PORTRAITS.c.ticket == ticket)).one_or_none() is None:
                connection.execute(insert(PORTRAITS).values(ticket=ticket, uscc=uscc, time=time, document=document))

    def portraits(self, uscc: str) -> list[dict[str, Any]]:
        """Portraits of one enterprise, the newest first."""
        query = select(PORTRAITS.c.document).where(PORTRAITS.c.uscc == uscc).order_by(desc(PORTRAITS.c.time))
        with reading(self._engine) as connection:
            return [json.loads(document) for document in connection.execute(query).scalars()]

    # --- work ---

    def cursor(self) -> int:
        """Number of the last work item that was taken."""
        return CURSOR.get(self._engine)

    def skip(self, seq: int) -> None:
        """Note that work item ``seq`` needs nothing more."""
        with writing(self._engine) as connection:
            CURSOR.advance(connection, seq)

    def _enterprise(self, condition: Any) -> Enterprise | None:
        with reading(self._engine) as connection:
            row = connection.execute(select(ENTERPRISES).where(condition)).one_or_none()
        return None if row is None else _enterprise(row)


def _put_enterprise(connection: Connection, enterprise: Enterprise) -> None:
    values = _fields(enterprise)
    known = connection.execute(select(ENTERPRISES.c.uscc).where(ENTERPRISES.c.uscc == enterprise.uscc)).one_or_none()
    if known is None:
        connection.execute(insert(ENTERPRISES).values(values))
    else:
        connection.execute(update(ENTERPRISES).where(ENTERPRISES.c.uscc == enterprise.uscc).values(values))


def _fields(value: Enterprise | KeptConsent) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__slots__}


def _enterprise(row: Any) -> Enterprise:
    return Enterprise(**row._mapping)


def _consent(row: Any) -> KeptConsent:
    return replace(KeptConsent(**row._mapping), products=tuple(json.loads(row.products)))
