"""Takes deliveries: each in one transaction with its records, its malformed parts and where its source goes on [C5, C6].

What a delivery says that was not known makes a version; what was known changes nothing. A delivery that cannot be read as a whole
leaves nothing behind but the note that it was refused, and why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, func, insert, select, update

from connectors.errors import DeliveryError
from connectors.records import Delivery, Malformed, Origin, Outcome, Record
from nodes.errors import NotFoundError
from nodes.records.keeping import fitting, keep_records, set_aside
from nodes.records.tables import CONNECTORS, DELIVERIES, QUARANTINE, take_turn
from nodes.runtime import logging
from nodes.runtime.clock import Clock
from nodes.runtime.database import reading, writing

DELIVERY_TAKEN = "delivery.taken"
DELIVERY_REFUSED = "delivery.refused"
_log = logging.logger("department.records")


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a delivery. ``new`` is False where it had been taken before; ``refused`` are its malformed parts either way."""

    outcome: Outcome
    refused: tuple[Malformed, ...]
    records: int
    new: bool


@dataclass(frozen=True, slots=True)
class Health:
    """How a connector is: deliveries taken and the last one's Unix time, parts that wait in quarantine, where its source goes on; since when and
    why it cannot be read, None and empty where it can."""

    connector: str
    deliveries: int
    last_at: int | None
    waiting: int
    cursor: str
    failing_since: int | None
    failure: str


class Intake:
    """Takes deliveries into the records of ``engine``, which was opened with ``tables.METADATA``."""

    def __init__(self, engine: Engine, now: Clock) -> None:
        self._engine, self._now = engine, now

    def cursor(self, connector: str, rules: str = "") -> str:
        """Where ``connector`` goes on; empty at first, and when it reads by other ``rules`` than what it read so far."""
        with reading(self._engine) as connection:
            same = (CONNECTORS.c.id == connector) & (CONNECTORS.c.reading == rules)
            return connection.execute(select(CONNECTORS.c.cursor).where(same)).scalar_one_or_none() or ""

    def take(self, connector: str, delivery: Delivery, note: Callable[[Connection, Taken], None] | None = None, rules: str = "") -> Taken:
        """Take one delivery; afterwards it is on disk, or nothing of it. ``note`` writes in the same transaction, which ends with what it raises.

        One of the name and content last taken from ``connector``, by the same ``rules``, changes nothing; by other rules it is read anew, and what
        waits of it in quarantine waits no more. Raises what reading it raises, except DeliveryError, after which it counts as refused and its reason
        waits in quarantine.
        """
        try:
            with writing(self._engine) as connection:
                taken = self._take(connection, connector, delivery, rules)
                if note is not None:
                    note(connection, taken)
        except DeliveryError as error:
            with writing(self._engine) as connection:
                taken = self._refuse(connection, connector, delivery, rules, str(error))
        if taken.new:
            event = _log.warning if taken.outcome is Outcome.REFUSED else _log.info
            name = DELIVERY_REFUSED if taken.outcome is Outcome.REFUSED else DELIVERY_TAKEN
            event(name, connector=connector, sha256=delivery.digest, records=taken.records, malformed=len(taken.refused))
        return taken

    def correct(self, number: int, origin: Origin, records: Iterable[Record]) -> list[Malformed]:
        """Take what a person made of part ``number`` of the quarantine, which came from ``origin``; it waits no more. All or nothing.

        Returns those records that do not fit: then nothing was taken. Raises NotFoundError when the part does not wait.
        """
        bad: list[Malformed] = []
        fit = list(fitting(records, bad))
        if bad:
            return bad
        name = f"{origin.delivery} (corrected)"
        with writing(self._engine) as connection:
            take_turn(connection)
            waits = (QUARANTINE.c.id == number) & (QUARANTINE.c.state == "waiting")
            if connection.execute(update(QUARANTINE).where(waits).values(state="taken")).rowcount == 0:
                raise NotFoundError(f"nothing with the number {number} waits in quarantine 没有此编号的待处理数据")
            delivery = self._begin(connection, origin.connector, name, "")
            _end(connection, delivery, Outcome.TAKEN, keep_records(connection, delivery, self._day(), fit, bad), 0)
            if bad:
                connection.rollback()
        return bad

    def failing(self, connector: str, reason: str) -> None:
        """Note that ``connector`` cannot be read, since now unless it is noted already."""
        with writing(self._engine) as connection:
            known = connection.execute(select(CONNECTORS).where(CONNECTORS.c.id == connector)).one_or_none()
            if known is None:
                connection.execute(insert(CONNECTORS).values(id=connector, cursor="", reading="", failing_since=self._now(), failure=reason[:500]))
                return
            since = self._now() if known.failing_since is None else known.failing_since
            connection.execute(update(CONNECTORS).where(CONNECTORS.c.id == connector).values(failing_since=since, failure=reason[:500]))

    def works(self, connector: str) -> None:
        """Note that ``connector`` can be read again, where it was noted that it cannot."""
        with reading(self._engine) as connection:
            failing = select(CONNECTORS.c.id).where(CONNECTORS.c.id == connector, CONNECTORS.c.failing_since.is_not(None))
            if connection.execute(failing).first() is None:
                return
        with writing(self._engine) as connection:
            connection.execute(update(CONNECTORS).where(CONNECTORS.c.id == connector).values(failing_since=None, failure=""))

    def health(self, connectors: Iterable[str]) -> list[Health]:
        """How each of ``connectors`` is, in their order."""
        with reading(self._engine) as connection:
            noted = {row.id: row for row in connection.execute(select(CONNECTORS))}
            totals = select(DELIVERIES.c.connector, func.count(), func.max(DELIVERIES.c.recorded_at)).group_by(DELIVERIES.c.connector)
            taken = {connector: (count, last) for connector, count, last in connection.execute(totals)}
            waits = select(DELIVERIES.c.connector, func.count().label("parts")).join_from(
                QUARANTINE, DELIVERIES, DELIVERIES.c.id == QUARANTINE.c.delivery
            )
            waits = waits.where(QUARANTINE.c.state == "waiting").group_by(DELIVERIES.c.connector)
            waiting = {row.connector: row.parts for row in connection.execute(waits)}
        found = []
        for name in connectors:
            cursor, since, failure = (noted[name].cursor, noted[name].failing_since, noted[name].failure) if name in noted else ("", None, "")
            found.append(Health(name, *taken.get(name, (0, None)), waiting.get(name, 0), cursor, since, failure))
        return found

    def _take(self, connection: Connection, connector: str, delivery: Delivery, rules: str) -> Taken:
        take_turn(connection)
        known = _last(connection, connector, delivery)
        if known is not None and known.reading == rules:
            _go_on(connection, connector, delivery.cursor, rules)
            return Taken(Outcome(known.outcome), _malformed_of(connection, known.id, connector, delivery.name), known.records, new=False)
        number = self._begin(connection, connector, delivery.name, delivery.digest, rules)
        _supersede(connection, known)
        bad: list[Malformed] = []
        count = keep_records(connection, number, self._day(), fitting(delivery.items(), bad), bad)
        outcome = Outcome.PARTLY if bad else Outcome.TAKEN
        set_aside(connection, number, connector, delivery.name, bad)
        _end(connection, number, outcome, count, len(bad))
        _go_on(connection, connector, delivery.cursor, rules)
        return Taken(outcome, tuple(bad), count, new=True)

    def _refuse(self, connection: Connection, connector: str, delivery: Delivery, rules: str, reason: str) -> Taken:
        take_turn(connection)
        _supersede(connection, _last(connection, connector, delivery))
        number = self._begin(connection, connector, delivery.name, delivery.digest, rules)
        whole = (Malformed(Origin(connector, delivery.name, ""), "", reason, ""),)
        set_aside(connection, number, connector, delivery.name, whole)
        _end(connection, number, Outcome.REFUSED, 0, 1)
        _go_on(connection, connector, delivery.cursor, rules)
        return Taken(Outcome.REFUSED, whole, 0, new=True)

    def _begin(self, connection: Connection, connector: str, name: str, digest: str, rules: str = "") -> int:
        said = {
            "connector": connector, "name": name, "sha256": digest, "reading": rules, "outcome": "", "records": 0, "malformed": 0,
            "recorded_at": self._now(),
        }  # fmt: skip
        number: int = connection.execute(insert(DELIVERIES).values(**said).returning(DELIVERIES.c.id)).scalar_one()
        return number

    def _day(self) -> str:
        """Today, as an ISO date (UTC): since when that holds which a source does not date."""
        return datetime.fromtimestamp(self._now(), UTC).date().isoformat()


def _last(connection: Connection, connector: str, delivery: Delivery) -> Any:
    """The last delivery of this name, where its content was the same."""
    where = (DELIVERIES.c.connector == connector, DELIVERIES.c.name == delivery.name)
    known = connection.execute(select(DELIVERIES).where(*where).order_by(DELIVERIES.c.id.desc()).limit(1)).one_or_none()
    return known if known is not None and delivery.digest and known.sha256 == delivery.digest else None


def _supersede(connection: Connection, known: Any) -> None:
    """What waits of a delivery that is read anew waits no more: the new reading says what is still wrong with it."""
    if known is not None:
        waits = (QUARANTINE.c.delivery == known.id) & (QUARANTINE.c.state == "waiting")
        connection.execute(update(QUARANTINE).where(waits).values(state="superseded"))


def _malformed_of(connection: Connection, delivery: int, connector: str, name: str) -> tuple[Malformed, ...]:
    rows = connection.execute(select(QUARANTINE).where(QUARANTINE.c.delivery == delivery).order_by(QUARANTINE.c.id))
    return tuple(Malformed(Origin(connector, name, row.place), row.field, row.reason, row.content, row.header) for row in rows)


def _end(connection: Connection, delivery: int, outcome: Outcome, records: int, malformed: int) -> None:
    values = {"outcome": outcome.value, "records": records, "malformed": malformed}
    connection.execute(update(DELIVERIES).where(DELIVERIES.c.id == delivery).values(**values))


def _go_on(connection: Connection, connector: str, cursor: str, rules: str) -> None:
    """The source goes on from ``cursor``, read by ``rules``, and it works."""
    values = {"cursor": cursor, "reading": rules, "failing_since": None, "failure": ""}
    if connection.execute(update(CONNECTORS).where(CONNECTORS.c.id == connector).values(**values)).rowcount == 0:
        connection.execute(insert(CONNECTORS).values(id=connector, **values))
