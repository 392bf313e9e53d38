"""To whom each enterprise has shown which score: for the enterprise itself to see [Q4]."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import BigInteger, Column, Engine, Integer, MetaData, String, Table, desc, insert, select, update

from nodes.runtime.database import reading, writing

METADATA = MetaData()
SHOWN = Table(
    "credentials_shown", METADATA, Column("place", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("digest", String(64), nullable=False, unique=True), Column("uscc", String(18), nullable=False, index=True),
    Column("zone", String(64), nullable=False), Column("time", BigInteger, nullable=False), Column("epoch", String(64), nullable=False),
    Column("total", String(64), nullable=False), Column("scored", BigInteger, nullable=False), Column("leaf_index", BigInteger),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shown:
    """One score shown to one zone. ``digest``: of the presentation; ``scored``: when it was released here; ``leaf_index``: in the other zone's
    log, None where that did not have it yet, or did not say that it took it."""

    digest: str
    uscc: str
    zone: str
    time: int
    epoch: str
    total: str
    scored: int
    leaf_index: int | None

    def to_json(self) -> dict[str, Any]:
        """What the service's staff sees."""
        return asdict(self)


class CredentialStore:
    """What was shown, in the service's database. Everything is on disk when a method returns."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def put(self, shown: Shown) -> None:
        """Keep that a score was shown."""
        with writing(self._engine) as connection:
            connection.execute(insert(SHOWN).values(asdict(shown)))

    def logged(self, shown: Shown, leaf_index: int | None) -> Shown:
        """Keep where the other zone's log has it, if it does; the whole."""
        with writing(self._engine) as connection:
            connection.execute(update(SHOWN).where(SHOWN.c.digest == shown.digest).values(leaf_index=leaf_index))
        return replace(shown, leaf_index=leaf_index)

    def of(self, uscc: str) -> list[Shown]:
        """What one enterprise has shown, the last first."""
        columns = [SHOWN.c[name] for name in Shown.__slots__]
        query = select(*columns).where(SHOWN.c.uscc == uscc).order_by(desc(SHOWN.c.place))
        with reading(self._engine) as connection:
            return [Shown(**row._mapping) for row in connection.execute(query)]
