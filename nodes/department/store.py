"""A department's own records, keyed by unified social credit code and period, with what was quarantined on the way in.

Every way in (a drop folder here, connectors elsewhere) ends in ``put``; every way out is one period's records. Nothing of this
database leaves the process but as points, encrypted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path

from sqlalchemy import JSON, Column, Connection, Engine, Integer, MetaData, String, Table, Text, bindparam, func, insert, select

from crypto.encoding import sha256
from nodes.department.drop import Malformed, Record, read_drop
from nodes.errors import RecordFileError, StorageError
from nodes.runtime import logging
from nodes.runtime.database import reading, writing

METADATA = MetaData()
_records = Table(
    "records",
    METADATA,
    Column("uscc", String(18), primary_key=True),
    Column("period", String(32), primary_key=True),
    Column("values", JSON, nullable=False),
    Column("source", String(200), nullable=False),
)
_files = Table(
    "record_files",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", String(200), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("records", Integer, nullable=False),
    Column("malformed", Integer, nullable=False),
)
_quarantine = Table(
    "quarantine",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("source", String(200), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("line", Integer, nullable=False),  # 0: the file as a whole
    Column("reason", String(500), nullable=False),
    Column("content", Text, nullable=False),
)

_said = Table(
    "points_said",
    METADATA,
    Column("source", String(64), primary_key=True),
    Column("points", JSON, nullable=False),
    Column("mark", Integer, nullable=False),  # the records at that time: those of now, with every later change undone
)
_changes = Table(
    "record_changes",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("uscc", String(18), nullable=False),
    Column("period", String(32), nullable=False, index=True),
    Column("before", JSON, nullable=False),  # null: there was no record
)

_CHUNK = 500
FILE_IMPORTED = "records.imported"
FILE_REFUSED = "records.refused"
_log = logging.logger("department.records")


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One line that waits for a person: where it came from, why it was not taken, what it said."""

    source: str
    line: int
    reason: str
    content: str


class RecordStore:
    """The records of one department. ``engine`` was opened with METADATA. ``version`` changes whenever records were taken."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.version = 0
        self._looked_at: dict[Path, tuple[int, int]] = {}

    def put(self, records: Iterable[Record], source: str) -> int:
        """Take records from ``source``; afterwards they are on disk. Returns their number.

        A record changes the fields that it names and no others. All are taken or none.
        """
        with writing(self._engine) as connection:
            count = _put(connection, records, source)
        self.version += 1
        return count

    def import_folder(self, folder: Path) -> int:
        """Take every file ``*.csv`` of ``folder`` whose content is not the one last taken under its name. Returns the number of files taken.

        One file is one transaction: its records, its quarantined lines and the note that it was read. A file that cannot be read as a
        whole is quarantined as one line and not tried again until its content changes.
        """
        taken = 0
        for path in sorted(folder.glob("*.csv")):
            state = path.stat()
            look = (state.st_mtime_ns, state.st_size)
            if self._looked_at.get(path) != look:
                data = path.read_bytes()
                with writing(self._engine) as connection:
                    taken += _import_file(connection, path.name, data)
                self._looked_at[path] = look
        self.version += taken
        return taken

    def period(self, period: str) -> dict[str, dict[str, str]]:
        """USCC -> fields of every enterprise with a record of ``period``, by code."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(_records.c.uscc, _records.c["values"]).where(_records.c.period == period).order_by(_records.c.uscc))
            return {uscc: dict(values) for uscc, values in rows}

    def find(self, uscc: str, period: str) -> dict[str, str] | None:
        """Fields of one enterprise, or None where the department has no record of it in ``period``."""
        with reading(self._engine) as connection:
            one = select(_records.c["values"]).where(_records.c.uscc == uscc, _records.c.period == period)
            values = connection.execute(one).scalar_one_or_none()
        return None if values is None else dict(values)

    def knows(self, uscc: str) -> bool:
        """Whether the department has a record of this enterprise, in any period."""
        with reading(self._engine) as connection:
            return connection.execute(select(_records.c.period).where(_records.c.uscc == uscc).limit(1)).first() is not None

    def keep_points(self, source: str, points: list[int]) -> None:
        """Keep the points of a contribution under the digest of what it says: for rows that must say the same [P4.5], and for audits,
        which are shown the records of this time."""
        with writing(self._engine) as connection:
            if connection.execute(select(_said.c.source).where(_said.c.source == source)).first() is None:
                mark = connection.execute(select(func.max(_changes.c.id))).scalar_one_or_none() or 0
                connection.execute(insert(_said).values(source=source, points=points, mark=mark))

    def points(self, source: str) -> list[int]:
        """Points kept under ``source``. Raises StorageError when there are none."""
        with reading(self._engine) as connection:
            points = connection.execute(select(_said.c.points).where(_said.c.source == source)).scalar_one_or_none()
        if points is None:
            raise StorageError("the points of a column that was made are not in the database")
        return list(points)

    def period_when(self, period: str, source: str) -> dict[str, dict[str, str]]:
        """As ``period``, as it was when the points of ``source`` were kept. Raises StorageError when there are none."""
        with reading(self._engine) as connection:
            mark = connection.execute(select(_said.c.mark).where(_said.c.source == source)).scalar_one_or_none()
            if mark is None:
                raise StorageError("the points of a contribution that was made are not in the database")
            rows = connection.execute(select(_records.c.uscc, _records.c["values"]).where(_records.c.period == period))
            found = {uscc: dict(values) for uscc, values in rows}
            later = select(_changes.c.uscc, _changes.c.before).where(_changes.c.period == period, _changes.c.id > mark)
            for uscc, before in connection.execute(later.order_by(_changes.c.id.desc())):
                if before is None:
                    found.pop(uscc, None)
                else:
                    found[uscc] = dict(before)
        return found

    def quarantined(self) -> list[Quarantined]:
        """All lines that wait for a person, oldest first."""
        with reading(self._engine) as connection:
            columns = (_quarantine.c.source, _quarantine.c.line, _quarantine.c.reason, _quarantine.c.content)
            return [Quarantined(*row) for row in connection.execute(select(*columns).order_by(_quarantine.c.id))]


def _put(connection: Connection, records: Iterable[Record], source: str) -> int:
    count = 0
    stream = iter(records)
    noted = connection.execute(select(_said.c.source).limit(1)).first() is not None  # before that nobody asks what a record was
    while chunk := list(islice(stream, _CHUNK)):
        new: dict[tuple[str, str], dict[str, str]] = {}
        old = _present(connection, chunk)
        for record in chunk:
            key = (record.uscc, record.period)
            new[key] = {**new.get(key, old.get(key, {})), **record.values}
        fresh = [
            {"uscc": uscc, "period": period, "values": values, "source": source}
            for (uscc, period), values in new.items()
            if (uscc, period) not in old
        ]
        changed = [{"u": key[0], "p": key[1], "v": values, "s": source} for key, values in new.items() if key in old]
        if noted:
            changes = [{"uscc": u, "period": p, "before": old.get((u, p))} for (u, p), values in new.items() if old.get((u, p)) != values]
            if changes:
                connection.execute(insert(_changes), changes)
        if fresh:
            connection.execute(insert(_records), fresh)
        if changed:
            row = (_records.c.uscc == bindparam("u")) & (_records.c.period == bindparam("p"))
            connection.execute(_records.update().where(row).values(values=bindparam("v", type_=JSON), source=bindparam("s")), changed)
        count += len(chunk)
    return count


def _present(connection: Connection, records: Iterable[Record]) -> dict[tuple[str, str], dict[str, str]]:
    found: dict[tuple[str, str], dict[str, str]] = {}
    columns = (_records.c.uscc, _records.c["values"])
    for period, group in groupby(sorted(records, key=lambda record: record.period), key=lambda record: record.period):
        wanted = _records.c.uscc.in_([record.uscc for record in group])
        rows = connection.execute(select(*columns).where(_records.c.period == period, wanted))
        found.update({(uscc, period): values for uscc, values in rows})
    return found


def _import_file(connection: Connection, name: str, data: bytes) -> int:
    digest = sha256(data).hex()
    last = select(_files.c.sha256).where(_files.c.name == name).order_by(_files.c.id.desc()).limit(1)
    if connection.execute(last).scalar_one_or_none() == digest:
        return 0
    try:
        lines = list(read_drop(data))
    except RecordFileError as error:
        lines = [Malformed(0, str(error), "")]
        _log.warning(FILE_REFUSED, sha256=digest)
    bad = [line for line in lines if isinstance(line, Malformed)]
    good = _put(connection, (line for line in lines if isinstance(line, Record)), name)
    if bad:
        entries = [{"source": name, "sha256": digest, "line": b.line, "reason": b.reason[:500], "content": b.content} for b in bad]
        connection.execute(insert(_quarantine), entries)
    connection.execute(insert(_files).values(name=name, sha256=digest, records=good, malformed=len(bad)))
    _log.info(FILE_IMPORTED, sha256=digest, records=good, malformed=len(bad))
    return 1
