"""Records, keyed by unified social credit code and period: as they are, as they were, and who said so.

What comes in comes through ``deliveries``; every way out is one period's records. Nothing of this database leaves the process but as
points, encrypted. Beside the records stand the points that were said of them, with the place in the order of versions from which they
were computed: an audit is shown the record of that time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import JSON, BigInteger, Column, Connection, Engine, MetaData, Select, String, Table, func, insert, select

from connectors.records import Origin
from nodes.errors import StorageError
from nodes.records.tables import DELIVERIES, VERSIONS
from nodes.records.versions import State
from nodes.runtime.database import reading, writing

SAID_METADATA = MetaData()
_said: Final = Table(
    "points_said",
    SAID_METADATA,
    Column("source", String(64), primary_key=True),
    Column("points", JSON, nullable=False),
    Column("mark", BigInteger, nullable=False),  # the newest version of a record at that time
)


@dataclass(frozen=True, slots=True)
class Version:
    """One statement about an enterprise in a period: what was said, the whole record after it, since when and where it was said.

    ``valid_from``: ISO date; ``recorded_at``: Unix time.
    """

    said: Mapping[str, str]
    values: Mapping[str, str]
    valid_from: str
    recorded_at: int
    origin: Origin


class RecordStore:
    """The records of one department: read here, written by ``deliveries``.

    ``records`` was opened with ``tables.METADATA``, ``said`` with SAID_METADATA; one engine may be both.
    """

    def __init__(self, records: Engine, said: Engine | None = None) -> None:
        self._engine = records
        self._said = records if said is None else said

    @property
    def version(self) -> int:
        """Number of the newest version of any record, 0 at first: it grows whenever a record changes, whichever process took the delivery."""
        with reading(self._engine) as connection:
            return newest_version(connection)

    def changed(self, period: str, since: int) -> bool:
        """Whether a record of ``period`` has a version after number ``since``."""
        with reading(self._engine) as connection:
            newest: int | None = connection.execute(select(func.max(VERSIONS.c.id)).where(VERSIONS.c.period == period)).scalar_one()
        return newest is not None and newest > since

    def periods(self) -> list[str]:
        """Every period of which there are records, ascending."""
        with reading(self._engine) as connection:
            return list(_periods(connection))

    def period(self, period: str, version: int | None = None) -> dict[str, dict[str, str]]:
        """USCC -> fields of every enterprise with a record of ``period``, by code: as they are, or as they were at ``version``."""
        with reading(self._engine) as connection:
            return {uscc: dict(state.values) for uscc, state in states(connection, period, version=version)}

    def find(self, uscc: str, period: str) -> dict[str, str] | None:
        """Fields of one enterprise, or None where the department has no record of it in ``period``."""
        with reading(self._engine) as connection:
            found = dict(states(connection, period, [uscc]))
        return None if uscc not in found else dict(found[uscc].values)

    def knows(self, uscc: str) -> bool:
        """Whether the department has a record of this enterprise, in any period."""
        with reading(self._engine) as connection:
            return any(connection.execute(_of(period, uscc).limit(1)).first() is not None for period in _periods(connection))

    def history(self, uscc: str, period: str) -> list[Version]:
        """Every version of one record, oldest first."""
        with reading(self._engine) as connection:
            where = DELIVERIES.c.id == VERSIONS.c.delivery
            columns = (*VERSIONS.c, DELIVERIES.c.connector, DELIVERIES.c.name, DELIVERIES.c.recorded_at)
            rows = connection.execute(
                select(*columns).join_from(VERSIONS, DELIVERIES, where).where(*_keyed(period, [uscc])).order_by(VERSIONS.c.id)
            ).all()
        return [Version(row.said, _state(row).values, row.valid_from, row.recorded_at, Origin(row.connector, row.name, row.place)) for row in rows]

    # --- what was said of them ---

    def keep_points(self, source: str, points: list[int], version: int) -> None:
        """Keep the points of a contribution under the digest of what it says: for rows that must say the same [P4.5], and for audits,
        which are shown the records as they were at ``version``, from which the points were computed."""
        with writing(self._said) as connection:
            if connection.execute(select(_said.c.source).where(_said.c.source == source)).first() is None:
                connection.execute(insert(_said).values(source=source, points=points, mark=version))

    def points(self, source: str) -> list[int]:
        """Points kept under ``source``. Raises StorageError when there are none."""
        return list(self._kept(source).points)

    def period_when(self, period: str, source: str) -> dict[str, dict[str, str]]:
        """As ``period``, as it was when the points of ``source`` were computed. Raises StorageError when there are none."""
        return self.period(period, self._kept(source).mark)

    def _kept(self, source: str) -> Any:
        with reading(self._said) as connection:
            kept = connection.execute(select(_said).where(_said.c.source == source)).one_or_none()
        if kept is None:
            raise StorageError("the points of a contribution that was made are not in the database")
        return kept


def newest_version(connection: Connection) -> int:
    """Number of the newest version of any record; 0 where there is none."""
    return connection.execute(select(func.max(VERSIONS.c.id))).scalar_one() or 0


def states(connection: Connection, period: str, usccs: Iterable[str] | None = None, version: int | None = None) -> Iterator[tuple[str, State]]:
    """(USCC, record) of a period by code: of all enterprises or of ``usccs``, as it is or as it was at ``version``."""
    newest = select(func.max(VERSIONS.c.id)).where(*_keyed(period, usccs)).group_by(VERSIONS.c.uscc)
    if version is not None:
        newest = newest.where(VERSIONS.c.id <= version)
    columns = (VERSIONS.c.uscc, VERSIONS.c.said, VERSIONS.c["values"], VERSIONS.c.valid_from, VERSIONS.c.since)
    for row in connection.execute(select(*columns).where(VERSIONS.c.id.in_(newest)).order_by(VERSIONS.c.uscc)):
        yield row.uscc, _state(row)


def _state(row: Any) -> State:
    values = row._mapping["values"]  # a row's own method has this name
    return State(row.said if values is None else values, row.valid_from if row.since is None else row.since)


def _keyed(period: str, usccs: Iterable[str] | None) -> list[Any]:
    return [VERSIONS.c.period == period, *([] if usccs is None else [VERSIONS.c.uscc.in_(list(usccs))])]


def _of(period: str, uscc: str) -> Select[Any]:
    return select(VERSIONS.c.id).where(*_keyed(period, [uscc]))


def _periods(connection: Connection) -> Iterator[str]:
    """By steps through the index: there are few periods and many records."""
    last = ""
    while True:
        found: str | None = connection.execute(select(func.min(VERSIONS.c.period)).where(VERSIONS.c.period > last)).scalar_one()
        if found is None:
            return
        yield found
        last = found
