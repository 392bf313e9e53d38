"""People who may sign in to a process's pages: what each may do there, for which divisions and trades; and their passwords [W2, W3]."""

from __future__ import annotations

import hmac
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Column, Engine, LargeBinary, MetaData, String, Table, delete, insert, select
from sqlalchemy.exc import IntegrityError

from crypto.encoding import canonical_json
from nodes.errors import NotFoundError, SettingsError, SignInError
from nodes.runtime.database import reading, writing
from nodes.runtime.pages.passwords import check_length, derive

AUTHORITY: Final = "authority"
COUNTY, CITY, PROVINCE = "county-officer", "city-officer", "province-officer"
OFFICERS: Final = (COUNTY, CITY, PROVINCE)
AUDITOR: Final = "auditor"
CLERK: Final = "bank-clerk"
ENTERPRISE: Final = "enterprise"
EVERYWHERE: Final = ""  # a prefix of every division, and of every trade

METADATA = MetaData()
ACCOUNTS = Table(
    "accounts",
    METADATA,
    Column("name", String(63), primary_key=True),
    Column("person", LargeBinary, nullable=False),
    Column("salt", LargeBinary, nullable=False),
    Column("verifier", LargeBinary, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is, or may be, signed in. ``name``: one word; ``title``: how people write it.

    ``divisions``: prefixes of GB/T 2260 codes, ``trades``: prefixes of GB/T 4754 codes, whose enterprises the person may see; none, none.
    ``about``: the code (USCC) of the enterprise that an enterprise's person speaks for.
    """

    name: str
    title: str
    roles: frozenset[str]
    divisions: tuple[str, ...] = ()
    trades: tuple[str, ...] = ()
    about: str = ""

    def covers(self, division: str, trade: str) -> bool:
        """Whether an enterprise of this division and trade is within what the person may see."""
        return division.startswith(self.divisions) and trade.startswith(self.trades)

    def to_json(self) -> dict[str, Any]:
        """For the database and for commands."""
        return {
            "name": self.name, "title": self.title, "roles": sorted(self.roles), "divisions": list(self.divisions), "trades": list(self.trades),
            "about": self.about,
        }  # fmt: skip

    @classmethod
    def from_json(cls, document: bytes) -> Person:
        """The person that ``to_json`` wrote."""
        found = json.loads(document)
        return cls(
            found["name"], found["title"], frozenset(found["roles"]), tuple(found["divisions"]), tuple(found["trades"]), found["about"]
        )  # fmt: skip


class Accounts:
    """Accounts with passwords, in the process's own database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, person: Person, password: str) -> None:
        """Make an account. Raises SettingsError when there is one of that name, or for a password of less than 12 or over 256 characters."""
        check_length(password)
        salt = os.urandom(16)
        values = {"name": person.name, "person": canonical_json(person.to_json()), "salt": salt, "verifier": derive(password, salt)}
        try:
            with writing(self._engine) as connection:
                connection.execute(insert(ACCOUNTS).values(values))
        except IntegrityError as error:
            raise SettingsError(f"there is an account {person.name} already: remove that one first") from error

    def remove(self, name: str) -> None:
        """Take an account away; its sessions end with their next request, and for good by ``Sessions.end_of``. Raises NotFoundError."""
        with writing(self._engine) as connection:
            if connection.execute(delete(ACCOUNTS).where(ACCOUNTS.c.name == name)).rowcount == 0:
                raise NotFoundError(f"there is no account {name}")

    def listed(self) -> Sequence[Person]:
        """Everyone, by name."""
        with reading(self._engine) as connection:
            return [Person.from_json(row.person) for row in connection.execute(select(ACCOUNTS.c.person).order_by(ACCOUNTS.c.name))]

    def find(self, name: str) -> Person:
        """The person ``name`` as the account says now. Raises SignInError when there is none."""
        with reading(self._engine) as connection:
            row = connection.execute(select(ACCOUNTS.c.person).where(ACCOUNTS.c.name == name)).one_or_none()
        if row is None:
            raise SignInError("no such person, or another password")
        return Person.from_json(row.person)

    def check(self, name: str, password: str) -> Person:
        """The person ``name`` when ``password`` is theirs. A name that does not exist takes as long, and the error does not tell.

        Raises SignInError.
        """
        with reading(self._engine) as connection:
            row = connection.execute(select(ACCOUNTS).where(ACCOUNTS.c.name == name)).one_or_none()
        derived = derive(password, b"\x00" * 16 if row is None else row.salt)
        if row is None or not hmac.compare_digest(derived, row.verifier):
            raise SignInError("no such person, or another password")
        return Person.from_json(row.person)
