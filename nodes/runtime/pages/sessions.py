"""Who is signed in: sessions in the process's database, found by a token that only the person's browser has [W2]."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, Engine, LargeBinary, MetaData, String, Table, delete, insert, select, update

from crypto.encoding import canonical_json, sha256
from nodes.errors import FormError, SignInError
from nodes.runtime.clock import Clock
from nodes.runtime.database import reading, writing
from nodes.runtime.pages.accounts import Person

IDLE_S, LONGEST_S = 1800, 8 * 3600
NOTED_S = 60  # that somebody is there is written down once a minute, not with every request

METADATA = MetaData()
SESSIONS = Table(
    "sessions",
    METADATA,
    Column("id", String(64), primary_key=True),  # of the token: what is looked up is no secret
    Column("person", LargeBinary, nullable=False),
    Column("form", String(64), nullable=False),
    Column("begun", BigInteger, nullable=False),
    Column("seen", BigInteger, nullable=False, index=True),
)


@dataclass(frozen=True, slots=True)
class Session:
    """One person's session. ``form`` goes into every form of its pages and must come back with it."""

    person: Person
    form: str

    def check_form(self, form: str) -> None:
        """Returns when a form came from a page of this session. Raises FormError."""
        if not hmac.compare_digest(self.form.encode(), form.encode()):
            raise FormError("open the page again and repeat what you did")


class Sessions:
    """Sessions of people; ``present`` gives a person as known now and raises SignInError for one who is not any more."""

    def __init__(self, engine: Engine, now: Clock, present: Callable[[Person], Person]) -> None:
        self._engine, self._now, self._present = engine, now, present

    def begin(self, person: Person) -> str:
        """A new session; its token, 256 random bits. Sessions that have ended are forgotten."""
        token, now = secrets.token_urlsafe(32), self._now()
        row = {"id": _id(token), "person": canonical_json(person.to_json()), "form": secrets.token_urlsafe(32), "begun": now, "seen": now}
        with writing(self._engine) as connection:
            connection.execute(delete(SESSIONS).where((SESSIONS.c.seen < now - IDLE_S) | (SESSIONS.c.begun < now - LONGEST_S)))
            connection.execute(insert(SESSIONS).values(row))
        return token

    def find(self, token: str) -> Session:
        """The session with this token, seen now. Raises SignInError when there is none, it ended, or its person is not there any more."""
        now = self._now()
        with reading(self._engine) as connection:
            row = connection.execute(select(SESSIONS).where(SESSIONS.c.id == _id(token))).one_or_none()
        if row is None or now - row.seen > IDLE_S or now - row.begun > LONGEST_S:
            raise SignInError("sign in: there is no session, or it has ended")
        person = self._present(Person.from_json(row.person))
        if now - row.seen >= NOTED_S:
            with writing(self._engine) as connection:
                connection.execute(update(SESSIONS).where(SESSIONS.c.id == row.id).values(seen=now))
        return Session(person, row.form)

    def end_of(self, name: str) -> int:
        """End every session of a person; how many."""
        with writing(self._engine) as connection:
            rows = connection.execute(select(SESSIONS.c.id, SESSIONS.c.person)).all()
            theirs = [row.id for row in rows if Person.from_json(row.person).name == name]
            for session in theirs:
                connection.execute(delete(SESSIONS).where(SESSIONS.c.id == session))
        return len(theirs)

    def end(self, token: str) -> None:
        """End a session; none is well."""
        with writing(self._engine) as connection:
            connection.execute(delete(SESSIONS).where(SESSIONS.c.id == _id(token)))


def _id(token: str) -> str:
    return sha256(token.encode()).hex()
