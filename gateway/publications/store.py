"""What the gateway keeps of publications: each as it stands, and what its steps said, with the signed statements on their way to the log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter
from sqlalchemy import BigInteger, Column, Connection, Engine, Integer, LargeBinary, MetaData, String, Table, insert, select, update

from crypto.encoding import sha256
from nodes.runtime.database import reading, writing
from scoring.publications.errors import PublicationStateError, PublicationUnknownError
from scoring.publications.publication import Publication

METADATA = MetaData()
PUBLICATIONS = Table(
    "publications", METADATA, Column("place", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("id", String(32), nullable=False, unique=True), Column("document", LargeBinary, nullable=False),
)  # fmt: skip
STEPS = Table(
    "publication_steps", METADATA, Column("place", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("publication", String(32), nullable=False, index=True), Column("digest", String(64), nullable=False, unique=True),
    Column("paper", LargeBinary, nullable=False), Column("envelope", LargeBinary, nullable=False), Column("leaf", BigInteger, nullable=False),
)  # fmt: skip
UNSENT = -1
_FORM = TypeAdapter(Publication)


@dataclass(frozen=True, slots=True)
class KeptStep:
    """A step: its ``envelope``, whose SHA-256 is ``digest``, what it says (``paper``), and its leaf; UNSENT while it is on its way."""

    publication: str
    digest: str
    paper: bytes
    envelope: bytes
    leaf: int


class PublicationStore:
    """The publications in the gateway's database. Everything is on disk when a method returns."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def get(self, publication: str) -> Publication:
        """One publication. Raises PublicationUnknownError."""
        with reading(self._engine) as connection:
            return _get(connection, publication)

    def listed(self) -> list[Publication]:
        """Every publication, the newest first."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(PUBLICATIONS.c.document).order_by(PUBLICATIONS.c.place.desc()))
            return [_FORM.validate_json(row.document) for row in rows]

    def steps(self, publication: str) -> list[KeptStep]:
        """The steps of one publication, the first first."""
        with reading(self._engine) as connection:
            return [_step(row) for row in connection.execute(select(STEPS).where(STEPS.c.publication == publication).order_by(STEPS.c.place))]

    def unsent(self) -> Sequence[KeptStep]:
        """Steps on their way to the log, in their order."""
        with reading(self._engine) as connection:
            return [_step(row) for row in connection.execute(select(STEPS).where(STEPS.c.leaf == UNSENT).order_by(STEPS.c.place))]

    def keep_step(self, before: Publication | None, after: Publication, paper: bytes, envelope: bytes) -> None:
        """Keep a step with the publication after it, at once. Raises PublicationStateError where it is not any more as ``before``."""
        row = {"publication": after.id, "digest": sha256(envelope).hex(), "paper": paper, "envelope": envelope, "leaf": UNSENT}
        with writing(self._engine) as connection:
            if before is None:
                connection.execute(insert(PUBLICATIONS).values(id=after.id, document=_FORM.dump_json(after)))
            else:
                _replace(connection, before, after)
            connection.execute(insert(STEPS).values(row))

    def keep(self, before: Publication, after: Publication) -> None:
        """Keep what enterprises or objectors said. Raises PublicationStateError where it is not any more as ``before``."""
        with writing(self._engine) as connection:
            _replace(connection, before, after)

    def sent(self, step: KeptStep, leaf: int) -> None:
        """The step is in the log at ``leaf``."""
        with writing(self._engine) as connection:
            connection.execute(update(STEPS).where(STEPS.c.digest == step.digest).values(leaf=leaf))


def _get(connection: Connection, publication: str) -> Publication:
    document = connection.execute(select(PUBLICATIONS.c.document).where(PUBLICATIONS.c.id == publication)).scalar_one_or_none()
    if document is None:
        raise PublicationUnknownError("no such publication is here")
    return _FORM.validate_json(document)


def _replace(connection: Connection, before: Publication, after: Publication) -> None:
    if _get(connection, before.id) != before:
        raise PublicationStateError("somebody else changed it meanwhile: look again")
    connection.execute(update(PUBLICATIONS).where(PUBLICATIONS.c.id == after.id).values(document=_FORM.dump_json(after)))


def _step(row: object) -> KeptStep:
    return KeptStep(*(getattr(row, name) for name in ("publication", "digest", "paper", "envelope", "leaf")))
