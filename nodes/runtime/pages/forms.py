"""Forms as a site's own pages send them, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import parse_qsl

from fastapi import Request
from sqlalchemy import BigInteger, Column, Connection, Engine, MetaData, String, Table, and_, delete, insert, select
from sqlalchemy.exc import IntegrityError

from crypto.encoding import sha256
from nodes.errors import FormError, FormSentError
from nodes.runtime.clock import Clock
from nodes.runtime.database import writing

MOST_FIELDS = 1000
MOST_MARKS = 1000  # of one session
KEPT_S = 8 * 3600  # no session lasts longer

METADATA = MetaData()
MARKS = Table(
    "marks",
    METADATA,
    Column("session", String(64), primary_key=True),
    Column("mark", String(64), primary_key=True),
    Column("sent", BigInteger, nullable=False, index=True),
)


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form."""

    fields: Mapping[str, tuple[str, ...]]

    def one(self, name: str) -> str:
        """The value of a field, empty where there is none. Raises FormError for more than one."""
        values = self.fields.get(name, ("",))
        if len(values) != 1:
            raise FormError(f"the form names {name} more than once")
        return values[0]

    def many(self, name: str) -> tuple[str, ...]:
        """Every value of a field."""
        return tuple(self.fields.get(name, ()))


class Marks:
    """Marks of forms that were sent, in the process's database: every form is drawn with its own and acts once, however often it is sent and to
    whichever of two instances."""

    def __init__(self, engine: Engine, now: Clock, most: int = MOST_MARKS) -> None:
        self._engine, self._now, self._most = engine, now, most

    @contextmanager
    def once(self, session: str, mark: str) -> Iterator[None]:
        """For the block, which is the act: it may be tried again when it raises. A form without a mark is a program's, and acts every time.

        Raises FormSentError where the form of this session was sent before, or is being acted on.
        """
        if not mark:
            yield
            return
        found = {"session": sha256(session.encode()).hex(), "mark": sha256(mark.encode()).hex()}
        here = and_(MARKS.c.session == found["session"], MARKS.c.mark == found["mark"])
        try:
            with writing(self._engine) as connection:
                connection.execute(delete(MARKS).where(MARKS.c.sent < self._now() - KEPT_S))  # their sessions are over
                connection.execute(insert(MARKS).values(**found, sent=self._now()))
                self._bound(connection, found["session"])
        except IntegrityError as error:
            raise FormSentError("a second click or a page gone back to sends a form again") from error
        try:
            yield
        except BaseException:
            with writing(self._engine) as connection:
                connection.execute(delete(MARKS).where(here))
            raise

    def _bound(self, connection: Connection, session: str) -> None:
        """Forget the oldest of a session that has too many."""
        mine = select(MARKS.c.mark).where(MARKS.c.session == session).order_by(MARKS.c.sent.desc(), MARKS.c.mark).offset(self._most)
        for mark in connection.execute(mine).scalars().all():
            connection.execute(delete(MARKS).where(MARKS.c.session == session, MARKS.c.mark == mark))


async def read_form(request: Request) -> Form:
    """The fields of a form as browsers send it. Raises FormError for anything else."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        raise FormError("the page's own form sends application/x-www-form-urlencoded")
    found: dict[str, tuple[str, ...]] = {}
    try:
        for name, value in parse_qsl((await request.body()).decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS):
            found[name] = (*found.get(name, ()), value)
    except ValueError as error:
        raise FormError("the form is not as the page's own") from error
    return Form(found)
