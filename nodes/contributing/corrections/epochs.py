"""Epochs to which this member contributed, and how far its records, and whom it knows, were looked at for corrections of them: on disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import BigInteger, Column, Engine, Integer, LargeBinary, MetaData, String, Table, insert, select, update

from nodes.runtime.database import reading, writing

METADATA = MetaData()
_epochs = Table(
    "contributed_epochs",
    METADATA,
    Column("epoch", String(64), primary_key=True),
    Column("period", String(32), nullable=False),
    Column("envelope", LargeBinary, nullable=False),
    Column("phase", String(10), nullable=False),  # open, closing (rows have still to follow the columns that counted), closed
)
_looked = Table("records_looked_at", METADATA, Column("id", Integer, primary_key=True), Column("version", BigInteger, nullable=False))
Looked = Literal["records", "subjects"]
LOOKED: dict[Looked, int] = {"records": 1, "subjects": 2}


@dataclass(frozen=True, slots=True)
class Contributed:
    """An epoch to which we contributed, by its EpochOpen ``envelope``."""

    epoch: str
    period: str
    envelope: bytes
    phase: str


class ContributedEpochs:
    """Epochs to which this member contributed, in ``engine``, which was opened with METADATA; and how far records, and who is known,
    were looked at."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def note(self, epoch: str, period: str, envelope: bytes) -> None:
        """Remember an open epoch; one that is known stays as it is."""
        with writing(self._engine) as connection:
            if connection.execute(select(_epochs.c.epoch).where(_epochs.c.epoch == epoch)).first() is None:
                connection.execute(insert(_epochs).values(epoch=epoch, period=period, envelope=envelope, phase="open"))

    def unfinished(self) -> list[Contributed]:
        """Epochs that are not closed."""
        with reading(self._engine) as connection:
            return [Contributed(*row) for row in connection.execute(select(_epochs).where(_epochs.c.phase != "closed").order_by(_epochs.c.epoch))]

    def over(self) -> frozenset[str]:
        """Epochs of which we know that they are closed, or are closing: no column of them counts that is not sent yet."""
        with reading(self._engine) as connection:
            return frozenset(connection.execute(select(_epochs.c.epoch).where(_epochs.c.phase != "open")).scalars())

    def move(self, epoch: str, phase: str) -> None:
        """The epoch is ``closing`` or ``closed``; it never goes back."""
        with writing(self._engine) as connection:
            here = (_epochs.c.epoch == epoch) & (_epochs.c.phase != "closed")
            connection.execute(update(_epochs).where(here).values(phase=phase))

    def looked_at(self, what: Looked) -> int:
        """Number of the newest version of a record, or of who is known, that was looked at; 0 at first."""
        with reading(self._engine) as connection:
            return connection.execute(select(_looked.c.version).where(_looked.c.id == LOOKED[what])).scalar_one_or_none() or 0

    def look(self, what: Looked, version: int) -> None:
        """Everything was looked at up to ``version``."""
        with writing(self._engine) as connection:
            if connection.execute(update(_looked).where(_looked.c.id == LOOKED[what]).values(version=version)).rowcount == 0:
                connection.execute(insert(_looked).values(id=LOOKED[what], version=version))
