"""Two instances of one process behind one PostgreSQL: one leads, the other follows the log and stands by until it may lead [B1–B5].

The lease is a session advisory lock, which the database gives up by itself when an instance dies. An instance that is silent without being
dead (stopped, cut off, its machine frozen) loses it after ``life_s`` by the database's clock. Each lead has a term, one higher than the one
before; every transaction that writes checks its instance's term and holds it still until it ends, so that none of an earlier lead can
commit once a later one has begun. Without PostgreSQL there is one instance, and it leads.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    DateTime,
    Engine,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    bindparam,
    create_engine,
    event,
    func,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from crypto.encoding import sha256
from nodes.errors import LeaseLostError, NotReadyError, StandbyError
from nodes.runtime import logging
from nodes.runtime.database import open_database
from nodes.runtime.migrations.upgrading import WRITES
from nodes.runtime.process import Process

METADATA = MetaData()
LEASES = Table(
    "leases",
    METADATA,
    Column("name", String(160), primary_key=True),
    Column("term", BigInteger, nullable=False),
    Column("holder", String(63), nullable=False),
    Column("renewed", DateTime(timezone=True), nullable=False),
    UniqueConstraint("name", "term"),  # as part of a key a term is held still by FOR KEY SHARE, which lets renewals of the lease pass
)
SCHEMA = "lease"
LIFE_S = 15.0
LOOK_S = 0.5
_log = logging.logger("lease")

_LEASES = LEASES.to_metadata(MetaData(), schema=SCHEMA)  # as every session of the process names it, whatever its own schema
_HERE = _LEASES.c.name == bindparam("lease")
_THIS_TERM = _HERE & (_LEASES.c.term == bindparam("lead"))
_HOLD_TERM = select(_LEASES.c.term).where(_THIS_TERM).with_for_update(read=True, key_share=True)
_RENEW = update(_LEASES).where(_THIS_TERM).values(renewed=func.clock_timestamp())
_TAKE = (
    update(_LEASES)
    .where(_HERE)
    .values(term=_LEASES.c.term + 1, holder=bindparam("instance"), renewed=func.clock_timestamp())
    .returning(_LEASES.c.term)
)
_TERM = select(_LEASES.c.term).where(_HERE)
_SILENT = select(_LEASES.c.holder).where(_HERE, _LEASES.c.renewed < func.clock_timestamp() - func.make_interval(0, 0, 0, 0, 0, 0, bindparam("life")))
_END_SESSIONS = text("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = :holder AND pid <> pg_backend_pid()")


class Lease:
    """Which of the instances of the process ``name`` acts. ``url``: the database that they share; empty: this is the only one.

    ``instance`` is this instance's name among its database's sessions. Thread-safe.
    """

    def __init__(self, name: str, url: str = "", life_s: float = LIFE_S) -> None:
        self.name, self.instance, self._life_s = name, _instance(), life_s
        self._key = int.from_bytes(sha256(f"xinqiao lease {name}".encode())[:8], "big", signed=True)
        self._server = _server(url, self.instance, life_s) if url else None
        self._term: int | None = None
        self._actions: list[Callable[[], None]] = []
        self._granted, self._begun, self._over = threading.Event(), threading.Event(), threading.Event()
        self._leads = self._server is None
        if self._leads:
            self._begun.set()

    @property
    def alone(self) -> bool:
        """Whether there can be no other instance."""
        return self._server is None

    @property
    def leads(self) -> bool:
        """Whether this instance acts, having done all that comes before."""
        return self._leads

    @property
    def term(self) -> int | None:
        """Number of this instance's lead; None while it stands by, and where there is only one instance."""
        return self._term

    def check(self) -> None:
        """Returns when this instance acts. Raises StandbyError."""
        if not self._leads:
            raise StandbyError("this instance stands by: ask the other one")

    def fence(self, engine: Engine) -> Engine:
        """``engine``, whose transactions that write now raise StandbyError while this instance has no lead, and LeaseLostError once another
        one has begun a later lead, and keep a later one from beginning until they end."""
        if self._server is not None:
            event.listen(engine, "connect", self._sign)
            event.listen(engine, "begin", self._hold_term)
            engine.dispose()  # sessions that were opened before bear no name
        return engine

    def on_lead(self, action: Callable[[], None]) -> None:
        """Call ``action`` when the lead has passed to this instance, before it acts: what must be in order first. One that raises NotReadyError
        is called again. Never called where this is the only instance."""
        self._actions.append(action)

    def when_leading(self, work: Callable[[threading.Event], None]) -> Callable[[threading.Event], None]:
        """``work``, begun only when this instance leads."""

        def wait_and_work(stopping: threading.Event) -> None:
            self._begun.wait()
            if self._leads:
                work(stopping)

        return wait_and_work

    def attach(self, process: Process) -> None:
        """Strive for the lead in workers of ``process``; given back when everything else of the process has stopped. To be called before
        any ``on_stop`` of what writes. Where this is the only instance there is nothing to do."""
        if self.alone:
            return
        process.on_stop(self._over.set)
        process.on_stop(self._begun.set)
        process.on_stop(self._granted.set)
        process.worker("lease", lambda: self.run(process.stopping))
        process.worker("lead", lambda: self.lead(process.stopping))

    def run(self, stopping: threading.Event) -> None:
        """Wait for the lead and keep it, until ``stopping`` and then the end of what writes. Raises LeaseLostError when another has it."""
        assert self._server is not None  # without a server there is nothing to wait for
        while not stopping.is_set():
            try:
                with self._server.connect() as connection:
                    if self._wait(connection, stopping):
                        self._keep(connection)
            except (OperationalError, InterfaceError) as error:
                _log.warning(logging.LEASE_DELAYED, lease=self.name, term=self._term, error=type(error).__name__)
                stopping.wait(LOOK_S)

    def lead(self, stopping: threading.Event) -> None:
        """Once the lead is granted, put in order what must be, and let this instance act until the process stops."""
        self._granted.wait()
        for action in self._actions:
            self._insist(action, stopping)
        if not stopping.is_set():
            self._leads = True
            self._begun.set()
            _log.info(logging.LEASE_LED, lease=self.name, term=self._term)
        stopping.wait()

    def _insist(self, action: Callable[[], None], stopping: threading.Event) -> None:
        while not stopping.is_set():
            try:
                action()
            except NotReadyError as error:
                _log.warning(logging.LEASE_DELAYED, lease=self.name, term=self._term, error=str(error))
                stopping.wait(LOOK_S)
            else:
                return

    # --- the lock ---

    def _wait(self, connection: Connection, stopping: threading.Event) -> bool:
        """Whether the lock is ours; False when the process stops."""
        made = {"name": self.name, "term": 0, "holder": "", "renewed": func.clock_timestamp()}
        connection.execute(postgresql.insert(_LEASES).values(made).on_conflict_do_nothing())
        told = False
        while not stopping.is_set():
            if connection.execute(select(func.pg_try_advisory_lock(self._key))).scalar_one():
                self._take(connection)
                return True
            if not told:
                _log.info(logging.LEASE_AWAITED, lease=self.name)
                told = True
            self._check_still_ours(connection)
            self._end_silent(connection)
            stopping.wait(LOOK_S)
        return False

    def _take(self, connection: Connection) -> None:
        """Begin a lead; or go on with ours, when only the connection was lost. Waits for transactions of an earlier lead to end."""
        if self._term is None:
            self._term = connection.execute(_TAKE, {"lease": self.name, "instance": self.instance}).scalar_one()
            _log.info(logging.LEASE_TAKEN, lease=self.name, term=self._term)
            self._granted.set()
        else:
            self._renew(connection)

    def _keep(self, connection: Connection) -> None:
        while not self._over.wait(self._life_s / 4):
            self._renew(connection)

    def _renew(self, connection: Connection) -> None:
        if connection.execute(_RENEW, {"lease": self.name, "lead": self._term}).rowcount != 1:
            raise LeaseLostError(f"another instance leads {self.name} now")

    def _check_still_ours(self, connection: Connection) -> None:
        if self._term is not None and connection.execute(_TERM, {"lease": self.name}).scalar_one() != self._term:
            raise LeaseLostError(f"another instance leads {self.name} now")

    def _end_silent(self, connection: Connection) -> None:
        """End the database sessions of a holder that has not renewed the lease in time: the lock and all that it holds open go with them."""
        holder = connection.execute(_SILENT, {"lease": self.name, "life": self._life_s}).scalar_one_or_none()
        if holder:
            ended = connection.execute(_END_SESSIONS, {"holder": holder}).scalar_one()
            _log.warning(logging.LEASE_SILENT, lease=self.name, sessions=ended)

    # --- the fence ---

    def _sign(self, session: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
        cursor = session.cursor()
        cursor.execute("SELECT set_config('application_name', %s, false)", (self.instance,))
        cursor.close()
        session.commit()

    def _hold_term(self, connection: Connection) -> None:
        if WRITES not in connection.get_execution_options():
            return
        if self._term is None:
            raise StandbyError("this instance stands by and writes nothing")
        if connection.execute(_HOLD_TERM, {"lease": self.name, "lead": self._term}).first() is None:
            raise LeaseLostError(f"another instance leads {self.name} now")


def _instance() -> str:
    """A name that tells people which machine and process it is, and no two instances share."""
    return f"{socket.gethostname()[:30]} {os.getpid()} {secrets.token_hex(8)}"


def _server(url: str, instance: str, life_s: float) -> Engine:
    """Connections for the lease alone, each statement a transaction of its own. A statement that waits for a lock gives up in time to see
    whether its holder is silent."""
    open_database(Path(), SCHEMA, url).dispose()
    told = {"application_name": instance, "connect_timeout": max(2, int(life_s)), "options": f"-c lock_timeout={int(life_s * 1000)}"}
    return create_engine(url, hide_parameters=True, isolation_level="AUTOCOMMIT", poolclass=NullPool, connect_args=told)
