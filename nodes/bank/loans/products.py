"""The institution's own products: terms as its people state them in a file, signed, logged, and kept version by version [E1, E2]."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import yaml
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from sqlalchemy import BigInteger, Column, Engine, Integer, LargeBinary, MetaData, String, Table, delete, desc, insert, select, update

from crypto.encoding import canonical_json, sha256
from crypto.errors import CryptoError
from nodes.errors import NotFoundError, RpcRefusal, SettingsError
from nodes.lending.terms import signed_terms, terms_in
from nodes.runtime import logging
from nodes.runtime.clock import Clock
from nodes.runtime.database import reading, writing
from nodes.runtime.peers.exchange_client import ExchangeClient
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from protos.errors import refusal_of
from scoring.errors import ScoringError, WrongSignerError
from scoring.exchange.registry import MemberRegistry
from scoring.statements import Leaf, Name, ProductTerms, Record, StageId, Title
from scoring.statements.lending import BasisPoints, Fen, Hotline, InstitutionKind, Months, PositiveFen, Text, Uplift

DAY_S = 86_400
NOT_LOGGED = -1
HEARD = "product.found"
METADATA = MetaData()
_log = logging.logger("bank.loans")
_terms = Table(
    "product_terms",
    METADATA,
    Column("product", String(64), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("digest", String(64), nullable=False, unique=True),
    Column("envelope", LargeBinary, nullable=False),
    Column("leaf_index", BigInteger, nullable=False),
)


class StatedTerms(Record):
    """One product as an institution's file states it; who states it, the version and the time come with the signing."""

    model_config = ConfigDict(frozen=True, strict=False, extra="forbid")

    product: Name
    title: Title
    formula: Name
    stages: tuple[StageId, ...] = ()
    eligibility: tuple[Title, ...] = ()
    floor_fen: Fen
    cap_fen: PositiveFen
    rate_bp: BasisPoints
    term_months: Months
    hotline: Hotline
    base: Name | str = ""
    uplift: Uplift | None = None
    revolving: bool = False
    refuses_dishonest: bool
    share_bp: BasisPoints = 0
    provenance: Annotated[str, Field(pattern=r"^(published|illustrative)$")]
    source: Text


def stated_terms(path: Path) -> list[StatedTerms]:
    """The products in a YAML file, a list; base products stand before those that name them. Raises SettingsError naming what does not fit."""
    try:
        return TypeAdapter(list[StatedTerms]).validate_python(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: the file of products cannot be read") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise SettingsError(f"{path}: {'.'.join(str(part) for part in first['loc'])}: {first['msg']}") from error


class Products:
    """The institution's published terms. ``engine`` was opened with METADATA; ``kind`` is the institution's."""

    def __init__(self, engine: Engine, identity: Identity, exchange: ExchangeClient, kind: InstitutionKind, now: Clock, days: int = 365) -> None:
        self._engine, self._identity, self._exchange = engine, identity, exchange
        self.kind, self._now, self._days = kind, now, days

    def publish(self, stated: StatedTerms) -> ProductTerms:
        """The terms in the log, in force for a year: a new version unless the newest says the same and has more than half of its time left.

        Raises RpcRefusal TERMS_INVALID when the zone's rules are against them, PeerUnavailableError.
        """
        self._settle()
        before = self._newest(stated.product)
        begins = self._now() // DAY_S * DAY_S
        if before is not None and _says(before) == stated and before.not_after - self._now() > self._days * DAY_S // 2:
            return before
        said = {
            **stated.model_dump(mode="json"), "zone": self._identity.zone, "nonce": fresh_nonce(), "institution": self._identity.member,
            "institution_kind": self.kind, "version": 1 if before is None else before.version + 1, "not_before": begins,
            "not_after": begins + self._days * DAY_S,
        }  # fmt: skip
        terms = ProductTerms.model_validate_json(canonical_json(said))
        envelope = sign_statement(terms, self._identity.signer)
        with writing(self._engine) as connection:
            place = {"product": terms.product, "version": terms.version, "digest": sha256(envelope).hex()}
            connection.execute(insert(_terms).values(**place, envelope=envelope, leaf_index=NOT_LOGGED))
        self._log(envelope)
        return terms

    def hear(self, index: int, leaf: Leaf, envelope: bytes, registry: MemberRegistry) -> None:
        """Keep terms of ours that the log has at ``index`` and this database lacks: it is new, or an older copy. ``registry``: members at that leaf.

        What is not signed with a key that we had then, for this zone, was never ours, whatever the log says.
        """
        if leaf.kind != ProductTerms.kind or leaf.actor != self._identity.member or self._knows(leaf.digest):
            return
        try:
            terms = signed_terms(envelope, registry)
            if terms.institution != self._identity.member:
                raise WrongSignerError(f"these are terms of {terms.institution}")
        except (CryptoError, ScoringError) as error:
            _log.warning(logging.STATEMENT_VOID, leaf_index=index, reason=refusal_of(error).reason)
            return
        here = (_terms.c.product == terms.product) & (_terms.c.version == terms.version)
        with writing(self._engine) as connection:
            connection.execute(delete(_terms).where(here, _terms.c.leaf_index == NOT_LOGGED))  # refused, or about to be: that version was taken
            if connection.execute(select(_terms.c.digest).where(here)).first() is None:
                place = {"product": terms.product, "version": terms.version, "digest": leaf.digest}
                connection.execute(insert(_terms).values(**place, envelope=envelope, leaf_index=index))
        _log.info(HEARD, product=terms.product, version=terms.version, leaf_index=index)

    def newest(self) -> list[ProductTerms]:
        """The version that counts of every product, by name."""
        query = select(_terms.c.envelope).where(_terms.c.leaf_index != NOT_LOGGED).order_by(_terms.c.product, _terms.c.version)
        with reading(self._engine) as connection:
            rows = connection.execute(query).scalars().all()
        return list({terms.product: terms for terms in map(terms_in, rows)}.values())

    def envelope(self, digest: str) -> bytes:
        """Terms that we published, by the digest of their envelope. Raises NotFoundError."""
        with reading(self._engine) as connection:
            found = connection.execute(select(_terms.c.envelope).where(_terms.c.digest == digest)).scalar_one_or_none()
        if found is None:
            raise NotFoundError("these are no terms of ours")
        envelope: bytes = found
        return envelope

    def _knows(self, digest: str) -> bool:
        with reading(self._engine) as connection:
            return connection.execute(select(_terms.c.digest).where(_terms.c.digest == digest)).first() is not None

    def _settle(self) -> None:
        """What was signed before a crash or an outage is logged, or was refused and never counts."""
        with reading(self._engine) as connection:
            open_ones = connection.execute(select(_terms.c.envelope).where(_terms.c.leaf_index == NOT_LOGGED)).scalars().all()
        for envelope in open_ones:
            self._log(envelope)

    def _log(self, envelope: bytes) -> None:
        mine = _terms.c.digest == sha256(envelope).hex()
        try:
            receipt = self._exchange.submit(envelope)
        except RpcRefusal as refusal:
            if not refusal.passing:
                with writing(self._engine) as connection:
                    connection.execute(delete(_terms).where(mine))
            raise
        with writing(self._engine) as connection:
            connection.execute(update(_terms).where(mine).values(leaf_index=receipt.leaf_index))

    def _newest(self, product: str) -> ProductTerms | None:
        query = select(_terms.c.envelope).where(_terms.c.product == product).order_by(desc(_terms.c.version)).limit(1)
        with reading(self._engine) as connection:
            found = connection.execute(query).scalar_one_or_none()
        return None if found is None else terms_in(found)


def _says(terms: ProductTerms) -> StatedTerms:
    return StatedTerms.model_validate({name: getattr(terms, name) for name in StatedTerms.model_fields})
