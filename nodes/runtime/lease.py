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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, func, select
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from crypto.encoding import sha256
from nodes.errors import InstanceLeadsError, LeaseLostError, NotReadyError, StandbyError
from nodes.runtime import lease_table as rows
from nodes.runtime import logging
from nodes.runtime.database import open_database
from nodes.runtime.migrations.upgrading import WRITES
from nodes.runtime.process import Process

LIFE_S = 15.0
LOOK_S = 0.5
LOCK_NOT_AVAILABLE = "55P03"  # PostgreSQL's word for a lock_timeout
_log = logging.logger("lease")


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

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let no instance lead meanwhile, and none go on afterwards that led before: for changes of the tables that they share.

        Raises InstanceLeadsError when another one leads, and goes on leading while this waits for it.
        """
        if self._server is None:
            yield
            return
        with self._server.connect() as connection:
            connection.execute(rows.MADE, {"lease": self.name})
            self._end_silent(connection)
            try:
                connection.execute(select(func.pg_advisory_lock(self._key)))
                connection.execute(rows.TAKE, {"lease": self.name, "instance": ""})  # nobody's sessions: what is done here is never silent
            except OperationalError as error:
                if getattr(error.orig, "sqlstate", "") != LOCK_NOT_AVAILABLE:
                    raise
                raise InstanceLeadsError(f"another instance leads {self.name}") from error
            yield

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
        connection.execute(rows.MADE, {"lease": self.name})
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
            self._term = connection.execute(rows.TAKE, {"lease": self.name, "instance": self.instance}).scalar_one()
            _log.info(logging.LEASE_TAKEN, lease=self.name, term=self._term)
            self._granted.set()
        else:
            self._renew(connection)

    def _keep(self, connection: Connection) -> None:
        while not self._over.wait(self._life_s / 4):
            self._renew(connection)

    def _renew(self, connection: Connection) -> None:
        if connection.execute(rows.RENEW, {"lease": self.name, "lead": self._term}).rowcount != 1:
            raise LeaseLostError(f"another instance leads {self.name} now")

    def _check_still_ours(self, connection: Connection) -> None:
        if self._term is not None and connection.execute(rows.TERM, {"lease": self.name}).scalar_one() != self._term:
            raise LeaseLostError(f"another instance leads {self.name} now")

    def _end_silent(self, connection: Connection) -> None:
        """End the database sessions of a holder that has not renewed the lease in time: the lock and all that it holds open go with them."""
        holder = connection.execute(rows.SILENT, {"lease": self.name, "life": self._life_s}).scalar_one_or_none()
        if holder:
            ended = connection.execute(rows.END_SESSIONS, {"holder": holder}).scalar_one()
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
        if connection.execute(rows.HOLD_TERM, {"lease": self.name, "lead": self._term}).first() is None:
            raise LeaseLostError(f"another instance leads {self.name} now")


def _instance() -> str:
    """A name that tells people which machine and process it is, and no two instances share."""
    return f"{socket.gethostname()[:30]} {os.getpid()} {secrets.token_hex(8)}"


def _server(url: str, instance: str, life_s: float) -> Engine:
    """Connections for the lease alone, each statement a transaction of its own. A statement that waits for a lock gives up in time to see
    whether its holder is silent."""
    open_database(Path(), rows.SCHEMA, url).dispose()
    told = {"application_name": instance, "connect_timeout": max(2, int(life_s)), "options": f"-c lock_timeout={int(life_s * 1000)}"}
    return create_engine(url, hide_parameters=True, isolation_level="AUTOCOMMIT", poolclass=NullPool, connect_args=told)
