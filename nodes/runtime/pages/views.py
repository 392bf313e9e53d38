"""Who looked at what: every view of enterprise data on a page is written down before it is shown [W4]."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, Engine, Integer, MetaData, String, Table, desc, insert, select

from nodes.runtime import logging
from nodes.runtime.clock import Clock
from nodes.runtime.database import reading, writing
from nodes.runtime.pages.accounts import Person

VIEWED = "page.viewed"
MANY = "*"  # a list of enterprises

METADATA = MetaData()
VIEWS = Table(
    "views",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("time", BigInteger, nullable=False, index=True),
    Column("person", String(63), nullable=False),
    Column("page", String(200), nullable=False),
    Column("subject", String(32), nullable=False, index=True),
)
_log = logging.logger("pages")


@dataclass(frozen=True, slots=True)
class View:
    """One look: when (Unix seconds), who, at which page, at whom (a subject id or code, or ``MANY``)."""

    time: int
    person: str
    page: str
    subject: str


class ViewLog:
    """The views of a process's pages, in its database."""

    def __init__(self, engine: Engine, now: Clock) -> None:
        self._engine, self._now = engine, now

    def seen(self, person: Person, page: str, subject: str = MANY) -> None:
        """Write a view down; it is on disk when this returns. The process's log tells person and page, never the subject."""
        with writing(self._engine) as connection:
            connection.execute(insert(VIEWS).values(time=self._now(), person=person.name, page=page[:200], subject=subject))
        _log.info(VIEWED, person=person.name, page=page)

    def of(self, subject: str, limit: int = 200) -> list[View]:
        """Who looked at one enterprise, the newest first."""
        query = select(VIEWS).where(VIEWS.c.subject == subject).order_by(desc(VIEWS.c.id)).limit(limit)
        with reading(self._engine) as connection:
            return [View(row.time, row.person, row.page, row.subject) for row in connection.execute(query)]
