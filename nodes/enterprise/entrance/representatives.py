"""Who represents each enterprise, as the identity provider last asserted; and the passkeys of these people [Q2, Q3].

An enterprise has one legal representative. Whoever was it before is not any more from the moment that another one is asserted: sessions and
passkeys end with it.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, Engine, LargeBinary, MetaData, String, Table, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from crypto.encoding import canonical_json
from nodes.enterprise.entrance.assertion import Assertion
from nodes.errors import AssertionInvalidError, NotFoundError, SignInError
from nodes.runtime.clock import Clock
from nodes.runtime.database import reading, writing
from nodes.runtime.pages.accounts import Person

METADATA = MetaData()
REPRESENTATIVES = Table(
    "representatives",
    METADATA,
    Column("uscc", String(18), primary_key=True),
    Column("who", String(63), nullable=False),
    Column("person", LargeBinary, nullable=False),
    Column("asserted", BigInteger, nullable=False),
)
PASSKEYS = Table(
    "passkeys",
    METADATA,
    Column("id", String(1400), primary_key=True),  # base64url of up to 1023 bytes
    Column("uscc", String(18), nullable=False, index=True),
    Column("who", String(63), nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("sign_count", BigInteger, nullable=False),
    Column("label", String(60), nullable=False),
    Column("made", BigInteger, nullable=False),
    Column("used", BigInteger, nullable=False),
)
DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Passkey:
    """One passkey: whose, for which enterprise, its public key (COSE), how often it signed as it says itself, and what its person calls it."""

    id: str
    uscc: str
    who: str
    public_key: bytes
    sign_count: int
    label: str
    made: int
    used: int = 0


class Representatives:
    """The people of the enterprises that this service serves, in its database. ``passkey_days`` as in the settings."""

    def __init__(self, engine: Engine, now: Clock, passkey_days: int) -> None:
        self._engine, self._now, self._life_s = engine, now, passkey_days * DAY_S

    def asserted(self, assertion: Assertion) -> Person:
        """The person, from now on the enterprise's representative; passkeys of whoever was it before are gone."""
        person = assertion.person()
        values = {"who": person.name, "person": canonical_json(person.to_json()), "asserted": self._now()}
        of = REPRESENTATIVES.c.uscc == assertion.uscc
        with writing(self._engine) as connection:
            if connection.execute(update(REPRESENTATIVES).where(of).values(values)).rowcount == 0:
                connection.execute(insert(REPRESENTATIVES).values(uscc=assertion.uscc, **values))
            connection.execute(delete(PASSKEYS).where(PASSKEYS.c.uscc == assertion.uscc, PASSKEYS.c.who != person.name))
        return person

    def present(self, person: Person) -> Person:
        """The person of a session, while still the representative of the enterprise. Raises SignInError."""
        with reading(self._engine) as connection:
            row = connection.execute(select(REPRESENTATIVES).where(REPRESENTATIVES.c.uscc == person.about)).one_or_none()
        if row is None or row.who != person.name:
            raise SignInError("sign in: another person represents this enterprise now")
        return Person.from_json(row.person)

    # --- passkeys ---

    def add(self, passkey: Passkey) -> None:
        """Keep a new passkey. Raises AssertionInvalidError when one with this id is known."""
        try:
            with writing(self._engine) as connection:
                connection.execute(insert(PASSKEYS).values({name: getattr(passkey, name) for name in Passkey.__slots__}))
        except IntegrityError as error:
            raise AssertionInvalidError("this passkey is known already") from error

    def passkeys(self, person: Person) -> list[Passkey]:
        """A person's own, the oldest first."""
        mine = (PASSKEYS.c.uscc == person.about) & (PASSKEYS.c.who == person.name)
        with reading(self._engine) as connection:
            return [Passkey(**row._mapping) for row in connection.execute(select(PASSKEYS).where(mine).order_by(PASSKEYS.c.made, PASSKEYS.c.id))]

    def usable(self, passkey_id: str) -> tuple[Passkey, Person]:
        """A passkey, and whom it lets in. Raises SignInError when there is none, its person is not the representative any more, or the provider
        asserted that too long ago."""
        with reading(self._engine) as connection:
            row = connection.execute(select(PASSKEYS).where(PASSKEYS.c.id == passkey_id)).one_or_none()
            holder = None if row is None else connection.execute(select(REPRESENTATIVES).where(REPRESENTATIVES.c.uscc == row.uscc)).one_or_none()
        if row is None or holder is None or holder.who != row.who:
            raise SignInError("no such passkey, or its person does not represent the enterprise any more")
        if self._now() - holder.asserted > self._life_s:
            raise SignInError("the identity provider asserted this person too long ago: sign in there once again")
        return Passkey(**row._mapping), Person.from_json(holder.person)

    def used(self, passkey: Passkey, sign_count: int) -> None:
        """Note a use. Raises SignInError when the passkey was used or removed meanwhile."""
        same = (PASSKEYS.c.id == passkey.id) & (PASSKEYS.c.sign_count == passkey.sign_count)
        with writing(self._engine) as connection:
            if connection.execute(update(PASSKEYS).where(same).values(sign_count=sign_count, used=self._now())).rowcount == 0:
                raise SignInError("the passkey was used or removed meanwhile: try again")

    def remove(self, person: Person, passkey_id: str) -> None:
        """Take one of a person's own away. Raises NotFoundError."""
        mine = (PASSKEYS.c.id == passkey_id) & (PASSKEYS.c.uscc == person.about) & (PASSKEYS.c.who == person.name)
        with writing(self._engine) as connection:
            if connection.execute(delete(PASSKEYS).where(mine)).rowcount == 0:
                raise NotFoundError("you have no such passkey")
