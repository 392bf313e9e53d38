"""How far a member has worked through what the coordinator queued for it: one number, in a private file or beside what it did."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import BigInteger, Column, Connection, Engine, Integer, MetaData, Table, insert, select, update

from nodes.errors import StorageError
from nodes.runtime.database import reading
from nodes.runtime.files import make_private_directory, read_private, write_private


class Cursor:
    """A durable sequence number, 0 at first."""

    def __init__(self, path: Path) -> None:
        make_private_directory(path.parent)
        self._path = path

    def get(self) -> int:
        """The number last set. Raises StorageError when the file is not one."""
        if not self._path.exists():
            return 0
        text = read_private(self._path)
        if not text.isdigit():
            raise StorageError(f"{self._path} does not hold a sequence number")
        return int(text)

    def set(self, seq: int) -> None:
        """Keep ``seq``; after return it is on disk."""
        write_private(self._path, str(seq).encode())


class StoredCursor:
    """A sequence number in a table of the process's own database, so that it moves in the transaction of what was done. 0 at first."""

    def __init__(self, metadata: MetaData) -> None:
        self._table = Table("work_cursor", metadata, Column("id", Integer, primary_key=True), Column("after", BigInteger, nullable=False))

    def get(self, engine: Engine) -> int:
        """Number of the last work item that is done."""
        with reading(engine) as connection:
            return self._known(connection) or 0

    def advance(self, connection: Connection, seq: int) -> None:
        """Note, within the caller's transaction, that work item ``seq`` is done. Never moves back."""
        known = self._known(connection)
        if known is None:
            connection.execute(insert(self._table).values(id=1, after=seq))
        elif seq > known:
            connection.execute(update(self._table).values(after=seq))

    def _known(self, connection: Connection) -> int | None:
        found: int | None = connection.execute(select(self._table.c.after)).scalar_one_or_none()
        return found
