"""Credentials that the gateway took: what they show, the exact bytes that prove it, and the statement that tells the log of each [F13]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Column, Engine, Integer, LargeBinary, MetaData, String, Table, desc, func, insert, literal, select, update

from nodes.runtime.database import reading, writing
from scoring.federation.credential import Recognised
from scoring.statements import Title

UNSENT = -1
ROW_BYTES = 1024  # what one takes beside the bytes behind it
METADATA = MetaData()
RECOGNITIONS = Table(
    "recognitions", METADATA, Column("place", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("shown", String(64), nullable=False, unique=True), Column("origin", String(64), nullable=False),
    Column("uscc", String(18), nullable=False, index=True), Column("subject", String(32), nullable=False),
    Column("epoch", String(64), nullable=False),
    Column("model", String(100), nullable=False), Column("model_sha256", String(64), nullable=False), Column("audience", String(82), nullable=False),
    Column("stage", String(64), nullable=False), Column("total", String(64), nullable=False), Column("percentile", String(16)),
    Column("scored", BigInteger, nullable=False), Column("origin_zh", String(200), nullable=False), Column("origin_en", String(200), nullable=False),
    Column("model_zh", String(200), nullable=False), Column("model_en", String(200), nullable=False), Column("taken", BigInteger, nullable=False),
    Column("leaf_index", BigInteger, nullable=False), Column("credential", LargeBinary, nullable=False),
    Column("presentation", LargeBinary, nullable=False), Column("envelope", LargeBinary, nullable=False),
)  # fmt: skip
_SHOWS = tuple(Recognised.__slots__)
_LISTED = (*(RECOGNITIONS.c[name] for name in (*_SHOWS, "origin_zh", "origin_en", "model_zh", "model_en", "taken", "leaf_index")),)


@dataclass(frozen=True, slots=True)
class Kept:
    """A credential that was taken at ``taken``, and what zone and model are called. ``leaf_index``: of its statement; UNSENT on its way."""

    shows: Recognised
    origin: Title
    model: Title
    taken: int
    leaf_index: int = UNSENT


@dataclass(frozen=True, slots=True)
class Proof:
    """The exact bytes behind one: the credential and how it was shown, both as received, and the signed statement for the log."""

    credential: bytes
    presentation: bytes
    envelope: bytes


class RecognitionStore:
    """Recognitions in the gateway's database. Everything is on disk when a method returns."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def keep(self, kept: Kept, proof: Proof) -> None:
        """Keep one, to be sent to the log; the same presentation again changes nothing."""
        said = {name: getattr(kept.shows, name) for name in _SHOWS}
        titles = {"origin_zh": kept.origin.zh, "origin_en": kept.origin.en, "model_zh": kept.model.zh, "model_en": kept.model.en}
        parts = {name: getattr(proof, name) for name in Proof.__slots__}
        with writing(self._engine) as connection:
            if connection.execute(select(RECOGNITIONS.c.place).where(RECOGNITIONS.c.shown == kept.shows.shown)).one_or_none() is None:
                connection.execute(insert(RECOGNITIONS).values({**said, **titles, **parts, "taken": kept.taken, "leaf_index": UNSENT}))

    def find(self, shown: str) -> Kept | None:
        """The one that was shown so (digest of the presentation)."""
        with reading(self._engine) as connection:
            row = connection.execute(select(*_LISTED).where(RECOGNITIONS.c.shown == shown)).one_or_none()
        return None if row is None else _kept(row)

    def proof(self, shown: str) -> Proof | None:
        """The bytes behind one."""
        columns = [RECOGNITIONS.c[name] for name in Proof.__slots__]
        with reading(self._engine) as connection:
            row = connection.execute(select(*columns).where(RECOGNITIONS.c.shown == shown)).one_or_none()
        return None if row is None else Proof(*row)

    def taken_since(self, origin: str, uscc: str, time: int) -> int:
        """How many of one enterprise of the zone ``origin`` were taken after ``time``."""
        about = (RECOGNITIONS.c.origin == origin, RECOGNITIONS.c.uscc == uscc, RECOGNITIONS.c.taken > time)
        with reading(self._engine) as connection:
            return int(connection.execute(select(func.count()).select_from(RECOGNITIONS).where(*about)).scalar_one())

    def kept_bytes(self, origin: str) -> int:
        """What the credentials of the zone ``origin`` take."""
        sizes = sum((func.length(RECOGNITIONS.c[name]) for name in Proof.__slots__), start=literal(ROW_BYTES))
        with reading(self._engine) as connection:
            return int(connection.execute(select(func.sum(sizes)).where(RECOGNITIONS.c.origin == origin)).scalar() or 0)

    def listed(self) -> list[Kept]:
        """All, the last taken first."""
        with reading(self._engine) as connection:
            return [_kept(row) for row in connection.execute(select(*_LISTED).order_by(desc(RECOGNITIONS.c.place)))]

    def unsent(self) -> list[tuple[str, bytes]]:
        """(presentation's digest, statement) of those that the log has not, in their order."""
        query = select(RECOGNITIONS.c.shown, RECOGNITIONS.c.envelope).where(RECOGNITIONS.c.leaf_index == UNSENT).order_by(RECOGNITIONS.c.place)
        with reading(self._engine) as connection:
            return [(row.shown, row.envelope) for row in connection.execute(query)]

    def sent(self, shown: str, leaf_index: int) -> None:
        """The statement is in the log at ``leaf_index``."""
        with writing(self._engine) as connection:
            connection.execute(update(RECOGNITIONS).where(RECOGNITIONS.c.shown == shown).values(leaf_index=leaf_index))


def _kept(row: Any) -> Kept:
    shows = Recognised(*(getattr(row, name) for name in _SHOWS))
    titles = [Title(zh=getattr(row, f"{what}_zh"), en=getattr(row, f"{what}_en")) for what in ("origin", "model")]
    return Kept(shows, titles[0], titles[1], row.taken, row.leaf_index)
