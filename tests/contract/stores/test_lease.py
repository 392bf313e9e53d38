"""Two instances behind one PostgreSQL: one leads at a time, and nothing of an earlier lead is written once a later one has begun."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import Column, Engine, Integer, MetaData, Table, func, insert, select, text
from sqlalchemy.exc import OperationalError

from nodes.errors import DatabaseNewerError, InstanceLeadsError, LeaseLostError, NodeError, StandbyError
from nodes.runtime.database import connect, open_database, reading, writing
from nodes.runtime.lease import Lease
from nodes.runtime.migrations.catalogue import revisions
from nodes.runtime.migrations.upgrading import VERSION_TABLE, downgrade, revision_of
from nodes.runtime.shared import open_shared
from tests.support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]
LIFE_S = 1.0
METADATA = MetaData()
ITEMS = Table("items_of_a_lease", METADATA, Column("number", Integer, primary_key=True, autoincrement=False))


@dataclass
class Instance:
    """One of two instances: its lease, its engine over the shared database, what ended it, what it did on taking the lead."""

    lease: Lease
    engine: Engine
    stopping: threading.Event = field(default_factory=threading.Event)
    ended: list[BaseException] = field(default_factory=list)
    led: int = 0

    def write(self, number: int) -> None:
        with writing(self.engine) as connection:
            connection.execute(insert(ITEMS).values(number=number))

    def numbers(self) -> list[int]:
        with reading(self.engine) as connection:
            return sorted(connection.execute(select(ITEMS.c.number)).scalars())

    def run(self) -> None:
        try:
            self.lease.run(self.stopping)
        except LeaseLostError as error:
            self.ended.append(error)


@contextmanager
def instance(url: str) -> Iterator[Instance]:
    lease = Lease("zone/coordinator", url, LIFE_S)
    engine = connect(Path(), url, "public")
    METADATA.create_all(engine)
    found = Instance(lease, lease.fence(engine))

    def led() -> None:
        found.led += 1

    lease.on_lead(led)
    threads = [threading.Thread(target=found.run), threading.Thread(target=lambda: lease.lead(found.stopping))]
    for thread in threads:
        thread.start()
    try:
        yield found
    finally:
        give_up(found)
        for thread in threads:
            thread.join()
        found.engine.dispose()


def give_up(found: Instance) -> None:
    """As a process that ends."""
    found.stopping.set()
    for waited in (found.lease._granted, found.lease._over):
        waited.set()


def freeze(found: Instance) -> None:
    """Have the lease renewed no more, as when the process is stopped: its sessions stay as they are."""
    found.lease._renew = lambda _connection: found.stopping.wait(30)  # type: ignore[method-assign,assignment]  # stands for SIGSTOP, which would stop the test too


def test_one_instance_leads_and_the_other_stands_by_until_it_is_gone(postgresql_database: str) -> None:
    with instance(postgresql_database) as first:
        until(lambda: first.lease.leads)
        with instance(postgresql_database) as second:
            first.write(1)
            with pytest.raises(StandbyError):
                second.write(2)
            with pytest.raises(StandbyError):
                second.lease.check()
            assert second.numbers() == [1]  # it reads all the same
            give_up(first)
            until(lambda: second.lease.leads)
            second.write(3)
            assert (first.lease.term, second.lease.term, second.led) == (1, 2, 1)
            with pytest.raises(LeaseLostError):
                first.write(4)
            assert second.numbers() == [1, 3]


def write_until(leader: Instance, over: Callable[[], bool]) -> None:
    """A transaction that is stopped in the middle, with its instance, and goes on when ``over``."""
    with writing(leader.engine) as connection:
        connection.execute(insert(ITEMS).values(number=1))
        freeze(leader)
        until(over)


def test_a_lost_connection_alone_costs_no_lead(postgresql_database: str) -> None:
    with instance(postgresql_database) as only:
        until(lambda: only.lease.leads)
        with only.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"))
        until(lambda: holders(only) == 1)
        only.write(1)
        assert (only.lease.term, only.led, only.ended) == (1, 1, [])


def holders(found: Instance) -> int:
    with reading(found.engine) as connection:
        return int(connection.execute(text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted")).scalar_one())


def test_a_silent_instance_loses_the_lead_and_what_it_was_writing(postgresql_database: str) -> None:
    with instance(postgresql_database) as first, instance(postgresql_database) as second:
        until(lambda: first.lease.leads or second.lease.leads)
        leader, other = (first, second) if first.lease.leads else (second, first)
        with pytest.raises(OperationalError):
            write_until(leader, lambda: other.lease.leads)
        other.write(2)
        with pytest.raises(LeaseLostError):  # awake again, on a new session
            leader.write(3)
        assert other.numbers() == [2]


def test_a_lead_begins_only_when_the_transactions_of_the_one_before_have_ended(postgresql_database: str) -> None:
    with instance(postgresql_database) as first:
        until(lambda: first.lease.leads)
        with instance(postgresql_database) as second:
            with writing(first.engine) as connection:
                connection.execute(insert(ITEMS).values(number=1))
                give_up(first)
                assert not second.lease._granted.wait(LIFE_S / 2)
            until(lambda: second.lease.leads)
            assert second.numbers() == [1]


def older(url: str) -> str:
    """The coordinator's tables as an older program left them; at which revision they are."""
    engine = open_database(Path(), "coordinator", url)
    before = revisions("coordinator")[-2]
    downgrade(engine, "coordinator", before)
    engine.dispose()
    return before


def revision(url: str) -> str | None:
    engine = connect(Path(), url, "coordinator")
    try:
        return revision_of(engine)
    finally:
        engine.dispose()


def test_a_newer_program_changes_no_tables_under_an_instance_that_leads(postgresql_database: str) -> None:
    before = older(postgresql_database)
    newer = Lease("zone/coordinator", postgresql_database, LIFE_S)
    with instance(postgresql_database) as leading:
        until(lambda: leading.lease.leads)
        with pytest.raises(InstanceLeadsError, match=r"older program than this one.*stop that instance"):
            open_shared(newer, Path(), "coordinator", postgresql_database)
        leading.write(1)
        assert (revision(postgresql_database), leading.ended) == (before, [])
    open_shared(newer, Path(), "coordinator", postgresql_database).dispose()
    assert revision(postgresql_database) == revisions("coordinator")[-1]


@pytest.mark.nightly
def test_nothing_of_a_lead_before_a_change_of_the_tables_is_written_after_it(postgresql_database: str) -> None:
    """The one that led is not dead: it was silent, and wakes."""
    older(postgresql_database)
    with instance(postgresql_database) as silent:
        until(lambda: silent.lease.leads)
        freeze(silent)
        newer = Lease("zone/coordinator", postgresql_database, LIFE_S)

        def opened() -> bool:
            try:
                open_shared(newer, Path(), "coordinator", postgresql_database).dispose()
            except InstanceLeadsError:  # not silent for long enough yet: as a process that is started again
                return False
            return True

        until(opened)
        assert revision(postgresql_database) == revisions("coordinator")[-1]
        with pytest.raises((LeaseLostError, OperationalError)):
            silent.write(1)
        with pytest.raises(LeaseLostError):
            silent.write(2)
        assert silent.numbers() == []


@pytest.mark.parametrize(("now", "error"), [("coordinator_9999", DatabaseNewerError), (revisions("coordinator")[-2], LeaseLostError)])
def test_an_older_program_that_is_given_the_lead_of_newer_tables_ends(postgresql_database: str, now: str, error: type[NodeError]) -> None:
    """And one whose tables were taken back meanwhile: it begins anew, and changes them again."""
    lease, stopping = Lease("zone/coordinator", postgresql_database, LIFE_S), threading.Event()
    engine = open_shared(lease, Path(), "coordinator", postgresql_database)
    with engine.connect() as connection, connection.begin():
        connection.exec_driver_sql(f"UPDATE {VERSION_TABLE} SET version_num = '{now}'")
    striving = threading.Thread(target=lambda: lease.run(stopping))
    striving.start()
    try:
        with pytest.raises(error):
            lease.lead(stopping)
        assert not lease.leads
    finally:
        stopping.set()
        lease._over.set()
        striving.join()
        engine.dispose()


def test_without_postgresql_the_one_instance_leads_and_nothing_is_fenced(tmp_path: Path) -> None:
    lease = Lease("zone/coordinator")
    engine = lease.fence(connect(tmp_path / "state" / "x.db", "", ""))
    METADATA.create_all(engine)
    lease.check()
    with writing(engine) as connection:
        connection.execute(insert(ITEMS).values(number=1))
        assert connection.execute(select(func.count()).select_from(ITEMS)).scalar_one() == 1
    assert lease.term is None
