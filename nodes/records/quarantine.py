"""What was not taken and waits for a person: listed, taken after it was corrected, or dismissed. It never leaves the node [C6]."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import Engine, case, func, select, update

from connectors.records import Malformed, Origin, Record
from nodes.errors import NotFoundError
from nodes.records.deliveries import Intake
from nodes.records.keeping import printable
from nodes.records.tables import DELIVERIES, QUARANTINE
from nodes.runtime import logging
from nodes.runtime.database import reading, writing

QUARANTINE_CORRECTED = "quarantine.corrected"
QUARANTINE_DISMISSED = "quarantine.dismissed"
Again = Callable[[Malformed, str], Iterable[Record | Malformed]]
_log = logging.logger("department.records")


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One part that waits: its number, when and where it came, the field at fault (empty: all of it), why, and what it said."""

    id: int
    recorded_at: int
    origin: Origin
    field: str
    reason: str
    content: str
    header: str

    @property
    def malformed(self) -> Malformed:
        """As its connector gave it."""
        return Malformed(self.origin, self.field, self.reason, self.content, self.header)


class Quarantine:
    """The quarantine of the records in ``engine``, which ``intake`` writes."""

    def __init__(self, engine: Engine, intake: Intake) -> None:
        self._engine, self._intake = engine, intake

    def waiting(self, connector: str = "") -> Iterator[Quarantined]:
        """Parts that wait for a person, oldest first; of one connector if it is named."""
        columns = (QUARANTINE, DELIVERIES.c.connector, DELIVERIES.c.name, DELIVERIES.c.recorded_at)
        found = select(*columns).join_from(QUARANTINE, DELIVERIES, DELIVERIES.c.id == QUARANTINE.c.delivery).order_by(QUARANTINE.c.id)
        found = found.where(QUARANTINE.c.state == "waiting", *([DELIVERIES.c.connector == connector] if connector else []))
        with reading(self._engine) as connection:
            for row in connection.execute(found):
                origin = Origin(row.connector, row.name, row.place)
                yield Quarantined(row.id, row.recorded_at, origin, row.field, row.reason, row.content, row.header)

    def count(self) -> dict[str, int]:
        """How many parts wait for a person, by connector; connectors of which none ever waited are left out."""
        waits = func.sum(case((QUARANTINE.c.state == "waiting", 1), else_=0))
        found = select(DELIVERIES.c.connector, waits).join_from(QUARANTINE, DELIVERIES, DELIVERIES.c.id == QUARANTINE.c.delivery)
        with reading(self._engine) as connection:
            return {name: int(number) for name, number in connection.execute(found.group_by(DELIVERIES.c.connector))}

    def one(self, number: int) -> Quarantined:
        """The part ``number``. Raises NotFoundError when none of that number waits."""
        for found in self.waiting():
            if found.id == number:
                return found
        raise NotFoundError(f"nothing with the number {number} waits in quarantine 没有此编号的待处理数据")

    def retry(self, kept: Quarantined, again: Again, content: str) -> tuple[Malformed, ...]:
        """Read ``content``, corrected, as its connector reads its source (``again``). Nothing wrong with it: its records are taken, it waits no
        more, and nothing is returned. Otherwise all that is wrong is returned, and it waits on with this content and the first reason.

        Raises DeliveryError when it cannot be read by itself, NotFoundError when it waits no more.
        """
        records: list[Record] = []
        wrong: list[Malformed] = []
        for item in again(kept.malformed, content):
            if isinstance(item, Record):
                records.append(item)
            else:
                wrong.append(item)
        if not wrong:
            wrong += self._intake.correct(kept.id, kept.origin, records)
        if wrong:
            self._note(kept.id, wrong[0], content)
        else:
            _log.info(QUARANTINE_CORRECTED, connector=kept.origin.connector, number=kept.id, records=len(records))
        return tuple(wrong)

    def dismiss(self, numbers: Iterable[int]) -> int:
        """Let parts wait no more, since a person has seen to them otherwise. Returns how many there were."""
        waits = QUARANTINE.c.id.in_(list(numbers)) & (QUARANTINE.c.state == "waiting")
        with writing(self._engine) as connection:
            count = connection.execute(update(QUARANTINE).where(waits).values(state="dismissed")).rowcount
        _log.info(QUARANTINE_DISMISSED, parts=count)
        return count

    def _note(self, number: int, wrong: Malformed, content: str) -> None:
        values = {"field": wrong.field[:100], "reason": printable(wrong.reason)[:500], "content": printable(content)}
        with writing(self._engine) as connection:
            connection.execute(update(QUARANTINE).where(QUARANTINE.c.id == number).values(**values))
