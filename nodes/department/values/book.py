"""Keeps the state of each value that an enterprise was shown, what enterprises filed themselves, and what persons signed about both. The values
themselves are records."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Engine, Integer, LargeBinary, MetaData, String, Table, Text, delete, insert, select, update

from nodes.errors import NotFoundError
from nodes.runtime.database import reading, writing
from scoring.errors import ValueStateError
from scoring.lifecycle import Filing, HeldValue, stand, version_of

METADATA = MetaData()
_values = Table(
    "value_states",
    METADATA,
    Column("uscc", String(18), primary_key=True),
    Column("period", String(32), primary_key=True),
    Column("field", String(63), primary_key=True),
    Column("value", Text, nullable=False),
    Column("version", String(32), nullable=False),
    Column("state", String(10), nullable=False, index=True),
    Column("since", BigInteger, nullable=False),
    Column("due", BigInteger, nullable=False),
    Column("note", Text, nullable=False),
)
_filings = Table(
    "value_filings",
    METADATA,
    Column("number", Integer, primary_key=True),
    Column("uscc", String(18), nullable=False, index=True),
    Column("period", String(32), nullable=False),
    Column("field", String(63), nullable=False),
    Column("value", Text, nullable=False),
    Column("state", String(10), nullable=False, index=True),
    Column("since", BigInteger, nullable=False),
    Column("note", Text, nullable=False),
    sqlite_autoincrement=True,  # a number names one filing for ever: whoever approves it has seen what it names
)
_serials = Table(
    "value_serials",
    METADATA,
    Column("uscc", String(18), primary_key=True),
    Column("period", String(32), primary_key=True),
    Column("service", String(64), primary_key=True),
    Column("serial", BigInteger, nullable=False),
)
_settlements = Table(
    "value_settlements",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("matter", String(64), nullable=False, index=True),
    Column("envelope", LargeBinary, nullable=False),
    Column("public", String(64), nullable=False),  # the person's key then, hex: who was removed since is still known by it
)


@dataclass(frozen=True, slots=True)
class Disputed:
    """A dispute that the owner has to settle."""

    uscc: str
    period: str
    held: HeldValue


@dataclass(frozen=True, slots=True)
class Waiting:
    """A filing that the owner has to examine, by its number."""

    number: int
    uscc: str
    period: str
    filing: Filing


class ValueBook:
    """States and filings in ``engine``. Everything is on disk when a method returns."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def shown(self, uscc: str, period: str, record: Mapping[str, str], now: int) -> list[HeldValue]:
        """The values of ``record`` (field -> text, as the department holds it now) with their states, by field; from now on they count as shown."""
        with writing(self._engine) as connection:
            return list(_stand(connection, uscc, period, record, now).values())

    def change(
        self, uscc: str, period: str, record: Mapping[str, str], now: int, changes: Mapping[str, Callable[[HeldValue], HeldValue]]
    ) -> dict[str, ValueStateError | NotFoundError]:
        """Apply each of ``changes`` (field -> what becomes of its value, or ValueStateError) that its value allows.

        Returns what was refused, by field: ValueStateError, or NotFoundError for a field that the record does not have.
        """
        failed: dict[str, ValueStateError | NotFoundError] = {}
        with writing(self._engine) as connection:
            standing = _stand(connection, uscc, period, record, now)
            for field, becomes in changes.items():
                if field not in standing:
                    failed[field] = NotFoundError(f"no value of {field} is held here")
                    continue
                try:
                    _put(connection, uscc, period, becomes(standing[field]))
                except ValueStateError as error:
                    failed[field] = error
        return failed

    def disputes(self) -> list[Disputed]:
        """All that are open, those due first in front."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(_values).where(_values.c.state == "disputed").order_by(_values.c.due, _values.c.uscc))
            return [Disputed(row.uscc, row.period, _held(row)) for row in rows]

    def file(self, uscc: str, period: str, filing: Filing) -> None:
        """Keep a filing; it takes the place of one that still waits. The same value as the last one's changes nothing."""
        same = (_filings.c.uscc == uscc) & (_filings.c.period == period) & (_filings.c.field == filing.field)
        with writing(self._engine) as connection:
            last = connection.execute(select(_filings).where(same).order_by(_filings.c.number.desc()).limit(1)).one_or_none()
            if last is not None and last.value == filing.value:
                return
            connection.execute(delete(_filings).where(same, _filings.c.state == "filed"))
            connection.execute(insert(_filings).values(uscc=uscc, period=period, **_fields(filing)))

    def filings(self, uscc: str, period: str) -> list[Filing]:
        """The last filing of each field."""
        mine = (_filings.c.uscc == uscc) & (_filings.c.period == period)
        with reading(self._engine) as connection:
            rows = connection.execute(select(_filings).where(mine).order_by(_filings.c.number))
            return list({row.field: _filing(row) for row in rows}.values())

    def waiting(self) -> list[Waiting]:
        """Filings that wait to be examined, oldest first."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(_filings).where(_filings.c.state == "filed").order_by(_filings.c.number))
            return [Waiting(row.number, row.uscc, row.period, _filing(row)) for row in rows]

    def filed(self, number: int) -> Waiting:
        """One filing. Raises NotFoundError."""
        with reading(self._engine) as connection:
            row = connection.execute(select(_filings).where(_filings.c.number == number)).one_or_none()
        if row is None:
            raise NotFoundError(f"there is no filing {number}")
        return Waiting(row.number, row.uscc, row.period, _filing(row))

    def examined(self, number: int, seen: Filing, examined: Filing) -> None:
        """Keep what the examination made of filing ``number``, as it was ``seen``. Raises ValueStateError when it is not that any more."""
        with writing(self._engine) as connection:
            note_examined(connection, number, seen, examined)

    def newest(self, uscc: str, period: str, service: str, serial: int) -> int:
        """The greatest serial of answers that ``service`` gave for the enterprise in ``period``, ``serial`` among them from now on."""
        mine = (_serials.c.uscc == uscc) & (_serials.c.period == period) & (_serials.c.service == service)
        with writing(self._engine) as connection:
            known = connection.execute(select(_serials.c.serial).where(mine)).scalar_one_or_none()
            if known is None:
                connection.execute(insert(_serials).values(uscc=uscc, period=period, service=service, serial=serial))
            elif known < serial:
                connection.execute(update(_serials).where(mine).values(serial=serial))
        return serial if known is None else max(known, serial)

    # --- what persons signed ---

    def keep_word(self, matter: str, envelope: bytes, public: bytes, check: Callable[[list[bytes]], None]) -> None:
        """Keep one person's signed word on ``matter``, unless ``check`` raises over the words on it that were kept before."""
        with writing(self._engine) as connection:
            check(_words(connection, matter))
            connection.execute(insert(_settlements).values(matter=matter, envelope=envelope, public=public.hex()))

    def words(self, matter: str) -> list[bytes]:
        """The signed words on ``matter``, oldest first."""
        with reading(self._engine) as connection:
            return _words(connection, matter)

    def signed(self, newest: int) -> list[tuple[bytes, str]]:
        """The ``newest`` signed words of all, the last one first, each with its person's public key (hex)."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(_settlements).order_by(_settlements.c.id.desc()).limit(newest))
            return [(bytes(row.envelope), row.public) for row in rows]


def note_examined(connection: Connection, number: int, seen: Filing, examined: Filing) -> None:
    """As ``ValueBook.examined``, in a transaction over its engine that has begun."""
    same = [_filings.c[name] == value for name, value in _fields(seen).items()]
    if connection.execute(update(_filings).where(_filings.c.number == number, *same).values(**_fields(examined))).rowcount == 0:
        raise ValueStateError(f"{seen.field}: the filing was examined before, or another has taken its place")


def _words(connection: Connection, matter: str) -> list[bytes]:
    rows = connection.execute(select(_settlements.c.envelope).where(_settlements.c.matter == matter).order_by(_settlements.c.id))
    return [bytes(row.envelope) for row in rows]


def _stand(connection: Connection, uscc: str, period: str, record: Mapping[str, str], now: int) -> dict[str, HeldValue]:
    rows = connection.execute(select(_values).where(_values.c.uscc == uscc, _values.c.period == period))
    known = {row.field: _held(row) for row in rows}
    standing = {}
    for field in sorted(record):
        before = known.get(field)
        held = stand(before, field, record[field], version_of(uscc, period, field, record[field]), now)
        if held is not before:
            _put(connection, uscc, period, held)
        standing[field] = held
    return standing


def _put(connection: Connection, uscc: str, period: str, held: HeldValue) -> None:
    same = (_values.c.uscc == uscc) & (_values.c.period == period) & (_values.c.field == held.field)
    if connection.execute(update(_values).where(same).values(**_fields(held))).rowcount == 0:
        connection.execute(insert(_values).values(uscc=uscc, period=period, **_fields(held)))


def _fields(part: HeldValue | Filing) -> dict[str, Any]:
    return {name: getattr(part, name) for name in part.__slots__}


def _held(row: Any) -> HeldValue:
    return HeldValue(*(getattr(row, name) for name in HeldValue.__slots__))


def _filing(row: Any) -> Filing:
    return Filing(*(getattr(row, name) for name in Filing.__slots__))
