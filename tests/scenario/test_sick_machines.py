"""A zone whose machines are sick: processes that hang, a witness that is silent, locked databases, full disks, wrong clocks.

A release is right or refused while it lasts, everything goes on afterwards, and nothing was lost or counted twice.
"""

from __future__ import annotations

import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from nodes.errors import RpcRefusal
from nodes.runtime.clock import Timer
from scoring.exchange.view import ZoneView
from tests.support.faults.disk import SmallDisk, needs_root, small_disk
from tests.support.faults.invariants import check_answer, check_invariants
from tests.support.faults.orders import Orders
from tests.support.faults.population import product
from tests.support.faults.zone import FaultyZone, Supervisor, faulty_zone, make_faulty_zone
from tests.support.live_zone import OPENING_TIMEOUT_S, STANDALONE_CUSTODIANS

pytestmark = [pytest.mark.slow, pytest.mark.nightly, pytest.mark.xdist_group("sick"), pytest.mark.timeout(900)]
HOUR_S, SMALL_KIB, YEARS = 3600, 64 << 10, 5
LOCKED_S = 17.0  # longer than a process waits for its database
DATABASES = (  # directory of the state, name of the database
    ("coordinator", "coordinator"), ("gateway", "gateway"), ("bank-a", "bank"), ("enterprise-binjiang", "enterprise"),
    ("tax-hangzhou/department", "department"),
)  # fmt: skip


@dataclass
class Site:
    """A zone with a released epoch, two enterprises that consented to bank-a, and whoever restarts its processes."""

    zone: FaultyZone
    supervisor: Supervisor
    orders: Orders
    subjects: list[str]
    copy: Path

    def check(self) -> ZoneView:
        """All is well again: every process runs, every total is right, the auditor finds nothing."""
        self.zone.wait_ready()
        for subject in self.subjects:
            check_answer(self.zone, subject, self.zone.query(subject)["total"])
        return check_invariants(self.zone, self.copy)

    def outcome(self) -> str:
        """The bank asks once: empty when it gets the right answer, else the reason of its refusal."""
        try:
            answer = self.zone.banks["bank-a"].query(self.subjects[0], product())
        except RpcRefusal as refusal:
            return refusal.reason
        check_answer(self.zone, self.subjects[0], answer["total"])
        return ""

    @contextmanager
    def stopped(self, *names: str) -> Iterator[None]:
        """These processes hang for the block: they hold their connections and answer nothing."""
        for name in names:
            self.zone.processes.send_signal(name, signal.SIGSTOP)
        try:
            yield
        finally:
            for name in names:
                self.zone.processes.send_signal(name, signal.SIGCONT)

    @contextmanager
    def clock(self, ahead_s: int, *names: str) -> Iterator[None]:
        """The clocks of these processes are wrong for the block."""
        self._restart(dict.fromkeys(names, ahead_s))
        try:
            yield
        finally:
            self._restart(dict.fromkeys(names, 0))

    @contextmanager
    def small_disk(self, name: str) -> Iterator[SmallDisk]:
        """The state of a process lies on a small disk for the block."""
        with self._moved(name), ExitStack() as mounted:
            disk = mounted.enter_context(small_disk(self.zone.out / "state" / name, SMALL_KIB))
            self.zone.processes.start([name])
            self.zone.wait_ready()
            try:
                with self.supervisor.watching(name):
                    yield disk
            finally:  # whatever happened: it must not go on over files that are moved
                self.zone.processes.stop([name])

    @contextmanager
    def _moved(self, name: str) -> Iterator[None]:
        with self.supervisor.resting(name):
            self.zone.processes.stop([name])
            try:
                yield
            finally:
                self.zone.processes.start([name])
        self.zone.wait_ready()

    def _restart(self, clocks: dict[str, int]) -> None:
        with ExitStack() as resting:
            for name, ahead_s in clocks.items():
                resting.enter_context(self.supervisor.resting(name))
                self.orders.clock(name, ahead_s)
            self.zone.processes.stop(clocks)
            self.zone.processes.start(clocks)
        self.zone.wait_ready()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    root = tmp_path_factory.mktemp("sick")
    with pytest.MonkeyPatch.context() as environment:
        orders = Orders(root / "faults").install(environment)
        population = make_faulty_zone(root / "zone", YEARS)
        settings = root / "zone" / "config" / "coordinator.toml"
        settings.write_text(settings.read_text().replace("[coordinator]\n", f"[coordinator]\nopening_timeout_s = {OPENING_TIMEOUT_S}\n"))
        with faulty_zone(root / "zone", population) as zone, Supervisor(zone.processes) as supervisor:
            zone.wait_ready()
            zone.evaluate()
            made = Site(zone, supervisor, orders, [zone.grant(0), zone.grant(1)], root / "copy")
            made.check()
            yield made


def test_custodians_that_hang_are_passed_over_while_enough_are_left(site: Site) -> None:
    with site.stopped(*STANDALONE_CUSTODIANS[:2]):
        assert site.outcome() == ""
    site.check()


def test_with_too_few_custodians_nothing_is_released_and_it_goes_on_when_they_are_back(site: Site) -> None:
    with site.stopped(*STANDALONE_CUSTODIANS):
        assert site.outcome() in {"CUSTODIANS_MISSING"}
    assert site.outcome() == ""
    site.check()


def test_without_its_witness_a_zone_logs_and_releases_nothing(site: Site) -> None:
    with site.stopped("auditor"):
        subject = site.zone.grant(2)
        assert site.outcome() == "CHECKPOINT_STALE"
    site.subjects.append(subject)
    assert site.outcome() == ""
    site.check()


def test_databases_that_another_process_locks_delay_and_lose_nothing(site: Site) -> None:
    locks = []
    for directory, name in DATABASES:
        path = site.zone.out / "state" / directory / f"{name}.db"
        locks.append(lock := sqlite3.connect(path, isolation_level=None, timeout=30))
        lock.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(LOCKED_S, lambda: None)
    granted: list[str] = []
    client = threading.Thread(target=lambda: granted.append(site.zone.grant(3)))
    timer.start()
    client.start()
    timer.join()
    for lock in locks:
        lock.execute("ROLLBACK")
        lock.close()
    client.join(120)
    site.subjects += granted
    assert len(granted) == 1
    site.check()


@needs_root
@pytest.mark.parametrize(
    ("name", "year"),
    [
        ("coordinator", 1996),
        ("science-binjiang", 1997),
        ("gateway", 1998),
        ("bank-a", 1999),
    ],
)
def test_a_full_disk_loses_nothing_that_was_acknowledged(site: Site, name: str, year: int) -> None:
    """An epoch and a release are begun on a full disk; they end when there is space."""
    zone, ends = site.zone, len(site.supervisor.ends)
    done: list[str] = []

    def work() -> None:
        zone.evaluate(year)
        subject = zone.grant(len(site.subjects) + 4)
        check_answer(zone, subject, zone.query(subject)["total"])
        done.append(subject)

    def noticed() -> bool:
        return len(site.supervisor.ends) > ends or any("STORAGE_UNAVAILABLE" in line for line in (*zone.asked, *errors_of(zone, name)[said:]))

    with site.small_disk(name) as disk:
        zone.asked.clear()
        said = len(errors_of(zone, name))
        disk.fill(0)
        client = threading.Thread(target=work)
        client.start()
        full = wait_for(noticed, 90)
        disk.free()
        client.join(300)
        assert full, "the disk was full, and nobody noticed"
        assert len(done) == 1
        site.subjects += done
        site.check()
    assert {who for who, _ in site.supervisor.ends[ends:]} <= {name}


@pytest.mark.parametrize("ahead_s", [HOUR_S, -HOUR_S])
def test_a_bank_with_a_wrong_clock_is_refused_and_nothing_is_opened_to_it(site: Site, ahead_s: int) -> None:
    before = len(site.check().tickets)
    with site.clock(ahead_s, "bank-a"):
        assert site.outcome() in {"REQUEST_EXPIRED"}
    assert len(site.check().tickets) == before + len(site.subjects), "only the checks have asked"


def test_clocks_within_the_tolerance_of_each_other_do(site: Site) -> None:
    with site.clock(2, "bank-a"), site.clock(-1, "coordinator"):
        assert site.outcome() == ""
    site.check()


def test_custodians_with_wrong_clocks_open_nothing_and_the_others_open_what_is_right(site: Site) -> None:
    with site.clock(-HOUR_S, *STANDALONE_CUSTODIANS[:2]):
        assert site.outcome() == ""
        with site.clock(-HOUR_S, STANDALONE_CUSTODIANS[2]):
            assert site.outcome() in {"TICKET_EXPIRED", "CUSTODIANS_MISSING"}
    site.check()


@pytest.mark.parametrize("ahead_s", [HOUR_S, -HOUR_S])
def test_a_coordinator_with_a_wrong_clock_gets_nothing_opened(site: Site, ahead_s: int) -> None:
    with site.clock(ahead_s, "coordinator"):
        assert site.outcome() in {"REQUEST_EXPIRED", "CALLER_UNKNOWN"}  # to a clock that is far behind, new certificates are not in force
    site.check()


def test_a_department_with_a_wrong_clock_contributes_when_it_is_right_again(site: Site) -> None:
    with site.clock(-HOUR_S, "ip-zhejiang"):
        subject = site.zone.grant(20)
    site.subjects.append(subject)
    site.check()


def test_a_log_that_is_ahead_stops_releases_until_time_has_caught_up(site: Site) -> None:
    """Its leaves' times cannot go back. Beyond the tolerance custodians refuse what is under them; the wait is as long as it was ahead."""
    with site.clock(20, "log"):
        assert site.outcome() in {"TICKET_EXPIRED", "REQUEST_EXPIRED", "CUSTODIANS_MISSING"}
    assert wait_for(lambda: site.outcome() == "", 60)
    site.check()


def errors_of(zone: FaultyZone, name: str) -> list[str]:
    """What a process has said of its own failures."""
    return [line for line in zone.processes.log_file(name).read_text(encoding="utf-8").splitlines() if '"level": "error"' in line]


def wait_for(holds: Callable[[], bool], timeout_s: float) -> bool:
    """Whether it holds within ``timeout_s``."""
    timer = Timer(timeout_s)
    while not holds():
        if timer.left_s() <= 0:
            return False
        threading.Event().wait(0.1)
    return True
