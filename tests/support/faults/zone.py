"""A whole zone of real processes that is expected to meet faults: a supervisor that restarts what dies, people who ask again."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import httpx

from crypto.subjects import subject_id
from nodes.errors import NotReadyError, PeerUnavailableError, RpcRefusal
from nodes.packs import shipped_pack
from nodes.runtime.clock import Timer
from nodes.runtime.files import make_private_directory, read_private
from simulators.demo.people import Authority, Bank, Desk, EnterpriseService
from simulators.population.records import write_records
from simulators.population.tables import Population
from simulators.zone.build import build_zone, processes_of
from simulators.zone.configs import read_endpoints
from simulators.zone.layout import demo_plan
from simulators.zone.processes import ProcessEndedError, ZoneProcesses
from tests.support.faults.population import PERIOD, product, telling_population
from tests.support.waiting import until

PACK, FIRMS, KEY_BITS = "firm-panel", 24, 2048
FIRST_YEAR = int(PERIOD)
PATIENCE_S = 240.0
LOOK_S = 0.1
KILLED = -9
AGAIN = {"202", "429", "502", "503", "504"}  # HTTP statuses after which the same may be asked again
FOUNDING = frozenset({"MODEL_MISMATCH"})  # while the gateway has not logged yet what the zone begins with
T = TypeVar("T")


class Supervisor:
    """Restarts every process that ends, as a service manager does, and remembers how each one ended."""

    def __init__(self, processes: ZoneProcesses) -> None:
        self._processes, self._over = processes, threading.Event()
        self.ends: list[tuple[str, int]] = []
        self._resting: set[str] = set()
        self._turn = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="supervisor")

    def __enter__(self) -> Supervisor:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._over.set()
        self._thread.join()

    @contextmanager
    def resting(self, name: str) -> Iterator[None]:
        """Leave one process alone for the block."""
        with self._turn:
            self._resting.add(name)
        try:
            yield
        finally:
            with self._turn:
                self._resting.discard(name)

    @contextmanager
    def watching(self, name: str) -> Iterator[None]:
        """Within ``resting``: restart it all the same."""
        with self._turn:
            self._resting.discard(name)
        try:
            yield
        finally:
            with self._turn:
                self._resting.add(name)

    def cut_power(self) -> None:
        """Kill every process and start all of them again: none of those that run from here on was started under earlier orders."""
        with self._turn:
            for name in self._processes.names():
                self._processes.kill(name)
                self.ends.append((name, KILLED))
            self._processes.start()

    def unexpected(self) -> list[tuple[str, int]]:
        """Ends that no kill explains: (process, exit code)."""
        return [(name, code) for name, code in self.ends if code != KILLED]

    def kills(self) -> Counter[str]:
        """How many times each process was killed."""
        return Counter(name for name, code in self.ends if code == KILLED)

    def _run(self) -> None:
        while not self._over.wait(LOOK_S):
            for name in self._processes.names():
                with self._turn:
                    if name not in self._resting and (code := self._processes.exit_code(name)) is not None:
                        self.ends.append((name, code))
                        self._processes.start([name])


@dataclass
class FaultyZone:
    """A zone in ``out``. ``subjects``: subject id -> USCC, which only this harness knows. ``at``: addresses that its people use."""

    out: Path
    processes: ZoneProcesses
    population: Population
    subjects: dict[str, str]
    authority: Authority
    gateway: Desk
    service: EnterpriseService
    banks: dict[str, Bank]
    urls: dict[str, str] = field(default_factory=dict)  # of processes that keep their databases in PostgreSQL
    asked: list[str] = field(default_factory=list)  # what was asked again, and why

    def wait_ready(self, timeout_s: float = 180.0) -> None:
        """Return when every process is ready at once and the key is usable; a supervisor restarts those that are killed meanwhile."""
        timer = Timer(timeout_s)
        while True:
            try:
                self.processes.wait_ready(max(timer.left_s(), 0.1))
                break
            except ProcessEndedError:
                if timer.left_s() <= 0:
                    raise
                threading.Event().wait(LOOK_S)
        self.patiently(lambda: self.authority.wait_usable(timeout_s))

    def evaluate(self, year: int = FIRST_YEAR) -> None:
        """Open, contribute, close and release the epoch of a year, asking again for whatever a fault kept from being answered."""
        epoch = f"e{year}"
        self.patiently(lambda: self.authority.open_epoch(epoch, str(year), PACK), FOUNDING)
        self.patiently(lambda: self.authority.wait_for_columns(epoch, PATIENCE_S, _ignore))
        self.patiently(lambda: self.authority.release(epoch, PATIENCE_S, _ignore))

    def grant(self, number: int, bank: str = "bank-a") -> str:
        """Have the ``number``-th firm enrol and consent to a bank; its subject id."""
        uscc = self.population.firms[number].uscc
        subject = next(subject for subject, code in self.subjects.items() if code == uscc)
        self.patiently(lambda: self.service.enrol(uscc))
        consent_id = self.patiently(lambda: self.service.consent(uscc, bank, product()))
        self.patiently(lambda: self.banks[bank].wait_for_consent(consent_id, PATIENCE_S))
        return subject

    def query(self, subject: str, bank: str = "bank-a") -> dict[str, Any]:
        """The bank's answer about a subject."""
        return self.patiently(lambda: self.banks[bank].query(subject, product()))

    def portrait(self, number: int) -> dict[str, Any]:
        """The ``number``-th firm's portrait."""
        uscc = self.population.firms[number].uscc
        self.patiently(lambda: self.service.enrol(uscc))
        return self.patiently(lambda: self.service.portrait(uscc))

    def patiently(self, act: Callable[[], T], passing: frozenset[str] = frozenset()) -> T:
        """What ``act`` gives, asked again while nobody answers, the answer is to ask again, or for a reason that will pass. Any other refusal
        goes up."""
        timer = Timer(PATIENCE_S)
        while True:
            try:
                return act()
            except (httpx.TransportError, PeerUnavailableError, NotReadyError) as error:
                self._asked_again(error, timer)
            except RpcRefusal as refusal:
                if refusal.status not in AGAIN and refusal.reason not in passing:
                    raise
                self._asked_again(refusal, timer)

    def _asked_again(self, error: Exception, timer: Timer) -> None:
        self.asked.append(f"{type(error).__name__} {getattr(error, 'reason', '')} {error}")
        if timer.left_s() <= 0:
            raise error
        threading.Event().wait(LOOK_S)


def make_faulty_zone(out: Path, years: int = 1) -> Population:
    """A zone's directory with the records of a telling population, the same in so many years; nothing runs yet."""
    population = telling_population(FIRMS)
    make_private_directory(out)
    for year in range(FIRST_YEAR, FIRST_YEAR + years):
        write_records(replace(population, period=str(year)), out, f"{year}.csv")
    build_zone(demo_plan(), out, [shipped_pack(PACK)], key_bits=KEY_BITS, progress=lambda _text: None)
    return population


def redirect(out: Path, addresses: Mapping[str, str]) -> None:
    """Have processes call at other addresses (host:port -> host:port) than those where the called listen."""
    for path in (out / "config").glob("*.toml"):
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        path.write_text("".join(line if line.startswith("listen") else _replaced(line, addresses) for line in lines), encoding="utf-8")


@contextmanager
def faulty_zone(out: Path, population: Population, gateway: str = "") -> Iterator[FaultyZone]:
    """The zone's processes, all started, none waited for; stopped at the end. ``gateway``: https address that people use, if not its own."""
    endpoints, ca, state = read_endpoints(out), out / "public" / "ca.pem", out / "state"
    roster_key = bytes.fromhex(read_private(out / "members" / "authority" / "roster.key").decode().strip())
    subjects = {subject_id(roster_key, firm.uscc): firm.uscc for firm in population.firms}
    with processes_of(out) as processes:
        processes.start()
        tokens = (
            state / "gateway" / "admin.token",
            state / "enterprise-binjiang" / "api.token",
            *(state / bank / "api.token" for bank in endpoints["bank"]),
        )
        _wait_for(tokens, processes)
        yield FaultyZone(
            out,
            processes,
            population,
            subjects,
            Authority(gateway or endpoints["gateway"], ca, tokens[0]),
            Desk(gateway or endpoints["gateway"], ca),
            EnterpriseService(endpoints["enterprise"], ca, tokens[1]),
            {name: Bank(url, ca, state / name / "api.token") for name, url in endpoints["bank"].items()},
        )


def _wait_for(files: tuple[Path, ...], processes: ZoneProcesses) -> None:
    """Return when processes have written these files. One that was killed before is started again."""

    def written() -> bool:
        processes.start()
        return all(file.exists() for file in files)

    until(written, f"{[str(file) for file in files]} are there", 120)


def _replaced(line: str, addresses: Mapping[str, str]) -> str:
    for old, new in addresses.items():
        line = re.sub(rf"(?<![0-9]){re.escape(old)}(?![0-9])", new, line)
    return line


def _ignore(_done: int, _total: int) -> None:
    """Progress is for people."""
