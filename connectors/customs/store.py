"""Keeps messages and the declarations that they join to, in tables of its own: SQLite or PostgreSQL, of a department or of an enterprise service.

Messages are only ever added, each once; everything else is computed from them and can be computed again. ``source`` keeps the folders of
several clients apart: nothing of one is joined to another's.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Engine,
    Index,
    LargeBinary,
    MetaData,
    String,
    Table,
    delete,
    insert,
    select,
    update,
)  # fmt: skip
from sqlalchemy.exc import IntegrityError

from connectors.customs.channels import Channels
from connectors.customs.folders import Found
from connectors.customs.join import Case, Fact, join

METADATA = MetaData()
_sources = Table("customs_sources", METADATA, Column("source", String(64), primary_key=True), Column("mark", String(32)), Column("taken", BigInteger))
_messages = Table(
    "customs_messages",
    METADATA,
    Column("source", String(64), primary_key=True),
    Column("sha256", String(64), primary_key=True),
    Column("kind", String(12), nullable=False),
    Column("client_seq_no", String(64), nullable=False),
    Column("seq_no", String(64), nullable=False),
    Column("fact", String, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("origin", String(500), nullable=False),
    Column("recorded", BigInteger, nullable=False),
    Index("customs_by_client_number", "source", "client_seq_no"),
    Index("customs_by_number", "source", "seq_no"),
    Index("customs_by_kind", "source", "kind", "recorded"),
)
_cases = Table(
    "customs_declarations",
    METADATA,
    Column("source", String(64), primary_key=True),
    Column("id", String(80), primary_key=True),
    Column("uscc", String(18), nullable=False),
    Column("declared_on", String(10), nullable=False),
    Column("has_declaration", Boolean, nullable=False),
    Column("troubled", Boolean, nullable=False),
    Column("shown", String, nullable=False),
    Column("figures", String, nullable=False),
    Index("customs_by_enterprise", "source", "uscc", "declared_on"),
    Index("customs_by_day", "source", "has_declaration", "declared_on"),
    Index("customs_by_trouble", "source", "troubled"),
)
_files = Table(
    "customs_files",
    METADATA,
    Column("source", String(64), primary_key=True),
    Column("name", String(300), primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Column("faults", String, nullable=False),  # JSON: reasons for which parts of it, or all of it, were not taken
)
_CHUNK = 400


@dataclass(frozen=True, slots=True)
class Taken:
    """One message to be kept: the digest of its own bytes, what the join needs, the bytes as delivered, and where they were read."""

    sha256: str
    fact: Fact
    raw: bytes
    origin: str


class CustomsStore:
    """The messages of one ``source``. ``mark`` is another for every database that begins empty; ``now``: seconds of Unix time.

    ``engine`` has METADATA's tables. Several processes may write: the source's row is locked first.
    """

    def __init__(self, engine: Engine, source: str, channels: Channels, now: Callable[[], int]) -> None:
        self._engine, self._source, self._channels, self._now = engine, source, channels, now
        with suppress(IntegrityError), engine.begin() as connection:  # another process made the row first
            self._lock(connection)
        with engine.connect() as connection:
            self.mark: str = connection.execute(select(_sources.c.mark).where(_sources.c.source == source)).scalar_one()

    def take(self, messages: Sequence[Taken]) -> list[Case]:
        """Keep what is new of ``messages`` and join it; durable when this returns. The declarations that any of ``messages`` speaks of,
        known before or not, as they are now."""
        with self._engine.begin() as connection:
            self._lock(connection)
            known = self._known(connection, [message.sha256 for message in messages])
            new = {message.sha256: message for message in messages if message.sha256 not in known}
            if new:
                connection.execute(insert(_messages), [self._row(message) for message in new.values()])
            cases = self._joined(connection, {key for message in messages for key in message.fact.keys})
            if new:
                self._keep(connection, cases)
        return cases

    def declarations(self, uscc: str = "", year: str = "", limit: int = 100, offset: int = 0) -> list[dict[str, Any]]:
        """Declarations with their history, the newest first, those without a day of declaration at the end."""
        of_whom = [_cases.c.uscc == uscc] if uscc else []
        when = [_cases.c.declared_on.between(f"{year}-01-01", f"{year}-12-31")] if year else []
        return self._shown(_cases.c.has_declaration, *of_whom, *when, limit=limit, offset=offset)

    def exceptions(self, limit: int = 1000) -> list[dict[str, Any]]:
        """Declarations that a person should look at, the newest first: see ``Case.troubles``."""
        return self._shown(_cases.c.troubled, limit=limit)

    def waiting(self, limit: int = 1000) -> list[dict[str, Any]]:
        """Answers whose declaration is not here yet."""
        return self._shown(_cases.c.has_declaration.is_(False), limit=limit)

    def failures(self, limit: int = 1000) -> list[dict[str, Any]]:
        """What the client said that it could not send, the last first, with the file that says so."""
        mine = select(_messages.c.fact, _messages.c.origin).where(_messages.c.source == self._source, _messages.c.kind == "failure")
        query = mine.order_by(_messages.c.recorded.desc(), _messages.c.sha256).limit(limit)
        with self._engine.connect() as connection:
            return [{**json.loads(fact)["said"], "origin": origin} for fact, origin in connection.execute(query)]

    def enterprises(self) -> list[str]:
        """Codes of the enterprises that declare here, as they stand in the messages."""
        query = select(_cases.c.uscc).where(_cases.c.source == self._source, _cases.c.uscc != "").distinct().order_by(_cases.c.uscc)
        with self._engine.connect() as connection:
            return list(connection.execute(query).scalars())

    def figures_of(self, uscc: str) -> list[Any]:
        """``Case.figures`` of each declaration of one enterprise."""
        query = select(_cases.c.figures).where(_cases.c.source == self._source, _cases.c.uscc == uscc)
        with self._engine.connect() as connection:
            return [json.loads(text) for text in connection.execute(query).scalars()]

    def raw(self, sha256: str) -> bytes | None:
        """The bytes of a message as they were delivered."""
        query = select(_messages.c.raw).where(_messages.c.source == self._source, _messages.c.sha256 == sha256)
        with self._engine.connect() as connection:
            return connection.execute(query).scalar_one_or_none()

    def unseen(self, files: Iterable[Found]) -> list[Found]:
        """Those of ``files`` that were not read yet as they are now."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(_files.c.name, _files.c.size, _files.c.changed).where(_files.c.source == self._source))
            seen = {name: (size, changed) for name, size, changed in rows}
        return [file for file in files if seen.get(file.name) != file.look]

    def note(self, files: Sequence[Found], faults: dict[str, list[str]]) -> None:
        """Note that ``files`` were read as they are, with the ``faults`` of each by name. Doing so again changes nothing."""
        rows: list[dict[str, Any]] = [
            {"source": self._source, "name": file.name, "size": size, "changed": at, "faults": json.dumps(faults.get(file.name, []))}
            for file, (size, at) in ((file, file.look) for file in files)
        ]
        with self._engine.begin() as connection:
            self._lock(connection)
            for chunk in _chunks([file.name for file in files]):
                connection.execute(delete(_files).where(_files.c.source == self._source, _files.c.name.in_(chunk)))
            if rows:
                connection.execute(insert(_files), rows)

    def refused(self) -> list[dict[str, Any]]:
        """Files of which something was not taken, with the reasons."""
        query = select(_files.c.name, _files.c.faults).where(_files.c.source == self._source, _files.c.faults != "[]").order_by(_files.c.name)
        with self._engine.connect() as connection:
            return [{"file": name, "faults": json.loads(faults)} for name, faults in connection.execute(query)]

    def _lock(self, connection: Connection) -> None:
        """Take the source's row, as the transaction's first statement: SQLite then has the write lock, PostgreSQL the row."""
        one = _sources.c.source == self._source
        if not connection.execute(update(_sources).where(one).values(taken=_sources.c.taken + 1)).rowcount:
            connection.execute(insert(_sources).values(source=self._source, mark=secrets.token_hex(16), taken=0))

    def _known(self, connection: Connection, digests: Sequence[str]) -> set[str]:
        found: set[str] = set()
        for chunk in _chunks(digests):
            query = select(_messages.c.sha256).where(_messages.c.source == self._source, _messages.c.sha256.in_(chunk))
            found.update(connection.execute(query).scalars())
        return found

    def _row(self, message: Taken) -> dict[str, Any]:
        fact = message.fact
        keys = {"source": self._source, "kind": fact.kind, "client_seq_no": fact.client_seq_no, "seq_no": fact.seq_no}
        written = json.dumps({name: getattr(fact, name) for name in Fact.__slots__}, ensure_ascii=False)
        return {**keys, "sha256": message.sha256, "fact": written, "raw": message.raw, "origin": message.origin[:500], "recorded": self._now()}

    def _joined(self, connection: Connection, keys: set[str]) -> list[Case]:
        """The declarations that ``keys`` lead to, with all that was said of them: numbers lead to messages, and those to further numbers."""
        facts: dict[str, Fact] = {}
        followed: set[str] = set()
        while keys - followed:
            asked = sorted(keys - followed)
            followed |= keys
            for chunk in _chunks(asked):
                named = [tuple(key.split(":", 1)) for key in chunk]
                by_client = _messages.c.client_seq_no.in_([value for mark, value in named if mark == "client"])
                by_number = _messages.c.seq_no.in_([value for mark, value in named if mark == "seq"])
                query = select(_messages.c.sha256, _messages.c.fact).where(_messages.c.source == self._source, by_client | by_number)
                for digest, text in connection.execute(query):
                    if digest not in facts:
                        facts[digest] = Fact(**json.loads(text))
                        keys = keys | set(facts[digest].keys)
        return join(facts.values(), self._channels)

    def _keep(self, connection: Connection, cases: list[Case]) -> None:
        """Write ``cases`` in place of those that they grew from, each of which is named after one of their numbers."""
        ids = [f"{mark}:{value}" for case in cases for mark, values in (("client", case.client_seq_nos), ("seq", case.seq_nos)) for value in values]
        for chunk in _chunks(ids):
            connection.execute(delete(_cases).where(_cases.c.source == self._source, _cases.c.id.in_(chunk)))
        if cases:
            connection.execute(insert(_cases), [self._case_row(case) for case in cases])

    def _case_row(self, case: Case) -> dict[str, Any]:
        uscc = "" if case.declared is None else str(case.declared.said["uscc"])
        keys = {"source": self._source, "id": case.id, "uscc": uscc if len(uscc) <= 18 else "", "declared_on": case.declared_on}
        marks = {"has_declaration": case.declared is not None, "troubled": bool(case.troubles)}
        return {**keys, **marks, "shown": json.dumps(case.to_json(), ensure_ascii=False), "figures": json.dumps(case.figures())}

    def _shown(self, *conditions: ColumnElement[bool], limit: int, offset: int = 0) -> list[dict[str, Any]]:
        query = select(_cases.c.shown).where(_cases.c.source == self._source, *conditions)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(_cases.c.declared_on.desc(), _cases.c.id).limit(limit).offset(offset))
            return [json.loads(text) for text in rows.scalars()]


def _chunks(values: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]
