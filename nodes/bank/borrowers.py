"""Which enterprises of a roster a bank knows: those whose consents carried it the registrar's binding of code and subject id [M7].

A bank has no roster key. A revocation ends what the bank may ask, not the loan that was given before: its binding stays in use.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from sqlalchemy import BigInteger, Column, Engine, MetaData, String, Table, insert, select

from nodes.bank.consents import Consents
from nodes.runtime.database import reading, writing

METADATA = MetaData()
_PLACED = Table("borrowers_placed", METADATA, Column("source", String(64), primary_key=True), Column("newest_leaf", BigInteger, nullable=False))
V = TypeVar("V")


class Borrowers:
    """The bank's part of ``nodes.contributing.office.SubjectIds``. ``engine`` was opened with METADATA and the consents' tables."""

    def __init__(self, engine: Engine, consents: Consents) -> None:
        self._engine, self._consents = engine, consents
        self._used = -1  # newest leaf of the bindings that were used last

    @property
    def version(self) -> int:
        """One more than the leaf of the newest consent that was taken; 0 without any."""
        return self._consents.newest + 1

    def by_subject(self, records: Mapping[str, V], source: str = "", /) -> dict[str, V]:
        """``records`` of enterprises with a binding, by subject id; with ``source`` of those whose binding was here when that contribution
        was made, so that an audit is shown what the column says."""
        held, newest = self._consents.all(), self._newest_when(source) if source else None
        if newest is None:
            newest = self._used = max((item.leaf_index for item in held), default=-1)
        return {item.subject: records[item.uscc] for item in held if item.uscc in records and item.leaf_index <= newest}

    def keep(self, source: str) -> None:
        """Note which bindings were used for the contribution under ``source``."""
        with writing(self._engine) as connection:
            if connection.execute(select(_PLACED.c.source).where(_PLACED.c.source == source)).first() is None:
                connection.execute(insert(_PLACED).values(source=source, newest_leaf=self._used))

    def _newest_when(self, source: str) -> int | None:
        with reading(self._engine) as connection:
            found: int | None = connection.execute(select(_PLACED.c.newest_leaf).where(_PLACED.c.source == source)).scalar_one_or_none()
        return found
