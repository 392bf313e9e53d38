"""A whole zone to measure: real processes over mutual TLS, epochs of several periods and models one after the other, banks' queries.

Every epoch is checked against the same evaluation in the clear before its seconds count for anything.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crypto.subjects import subject_id
from nodes.runtime.files import read_private
from scoring.indicators.model import Model
from simulators.benchmarks.plain import PlainEpoch, evaluate_plain
from simulators.demo.people import Authority, Bank, EnterpriseService
from simulators.demo.written.metering import Meter
from simulators.population.records import write_records
from simulators.population.register import publish_register
from simulators.population.tables import Population
from simulators.zone.build import build_zone, processes_of
from simulators.zone.configs import read_endpoints
from simulators.zone.layout import ZonePlan, demo_plan
from simulators.zone.processes import ZoneProcesses

ENTERPRISE_SERVICE = "enterprise-binjiang"
DEPARTMENTS = tuple(member.id for member in demo_plan().members if "department" in member.roles)
START_TIMEOUT_S, EPOCH_TIMEOUT_S, NOTICE_TIMEOUT_S = 120.0, 1800.0, 60.0

Tell = Callable[[str], None]


class MeasurementError(AssertionError):
    """A measured epoch did not give what the evaluation in the clear gives: its seconds mean nothing."""


@dataclass(frozen=True, slots=True)
class EpochCost:
    """One epoch from its opening to RELEASED. ``steps``: seconds of roster, contributions, totals; ``cpu_s``: of all processes."""

    enterprises: int
    indicators: int
    columns: int
    batches: int
    steps: dict[str, float]
    cpu_s: float
    sent_bytes: int
    plain_s: float

    @property
    def ciphertexts(self) -> int:
        """All that was encrypted."""
        return self.columns * self.batches

    @property
    def seconds(self) -> float:
        """Wall time in all."""
        return sum(self.steps.values())


@dataclass(frozen=True, slots=True)
class Memory:
    """Peak resident memory of each process, and the sum of all peaks of proportional memory, in MiB."""

    peak_rss_mb: dict[str, float]
    pss_sum_mb: float


class MeasuredZone:
    """A running zone in ``directory`` whose departments hold the records of every population, each under its own period."""

    def __init__(self, directory: Path, processes: ZoneProcesses, populations: Sequence[Population]) -> None:
        self.directory = directory
        endpoints, ca, state = read_endpoints(directory), directory / "public" / "ca.pem", directory / "state"
        self._processes = processes
        self._populations = {population.period: population for population in populations}
        self._roster_key = bytes.fromhex(read_private(directory / "members" / "authority" / "roster.key").decode().strip())
        self._authority = Authority(endpoints["gateway"], ca, state / "gateway" / "admin.token")
        self._authority.wait_usable(START_TIMEOUT_S)
        self._service = EnterpriseService(endpoints["enterprise"], ca, state / ENTERPRISE_SERVICE / "api.token")
        self._banks = {name: Bank(url, ca, state / name / "api.token") for name, url in sorted(endpoints["bank"].items())}

    @property
    def banks(self) -> list[str]:
        """Every bank of the zone."""
        return list(self._banks)

    def epoch(self, model: Model, period: str) -> EpochCost:
        """Run one epoch and check its totals. Departments are restarted before, so that they begin without tables of their key.

        Raises MeasurementError when a total or percentile differs from the evaluation in the clear.
        """
        self._processes.stop(DEPARTMENTS)
        self._processes.start(DEPARTMENTS)
        self._processes.wait_ready(START_TIMEOUT_S, DEPARTMENTS)
        meter, epoch, columns = Meter(self._processes.usage, _silent), f"{model.id}-{model.version}-{period}", [0]
        with meter.step("roster", ""):
            self._authority.open_epoch(epoch, period, f"{model.id}@{model.version}")
        with meter.step("contributions", ""):
            self._authority.wait_for_columns(epoch, EPOCH_TIMEOUT_S, lambda _, expected: columns.append(expected))
        with meter.step("totals", ""):
            self._authority.release(epoch, EPOCH_TIMEOUT_S, _nothing)
        population = self._populations[period]
        plain = evaluate_plain(model, population)
        self._check(self._authority.totals(epoch), plain)
        return EpochCost(
            enterprises=len(population.firms),
            indicators=sum(item.role == "points" for item in model.indicators.values()),
            columns=columns[-1],
            batches=len(self._authority.records(epoch)),
            steps={step.name: step.seconds for step in meter.steps},
            cpu_s=sum(step.cpu_seconds for step in meter.steps),
            sent_bytes=sum(step.bytes for step in meter.steps),
            plain_s=plain.seconds,
        )

    def memory(self) -> Memory:
        """Use of memory since the zone began, by every process."""
        usage = self._processes.usage()
        return Memory({name: item.peak_rss_mb for name, item in usage.items()}, sum(item.peak_pss_mb for item in usage.values()))

    def consent(self, period: str, product: str, count: int, banks: Sequence[str]) -> list[str]:
        """Have ``count`` enterprises consent to each of ``banks``; their subject ids, once every row is in place."""
        firms = [firm.uscc for firm in self._populations[period].firms[:count]]
        for uscc in firms:
            self._service.enrol(uscc)
            for bank in banks:
                self._banks[bank].wait_for_consent(self._service.consent(uscc, bank, product), NOTICE_TIMEOUT_S)
        subjects = [subject_id(self._roster_key, uscc) for uscc in firms]
        for bank in banks:
            for subject in subjects:
                self.query(bank, subject, product)  # the first one waits for rows
        return subjects

    def query(self, bank: str, subject: str, product: str) -> float:
        """Seconds from a clerk's question at ``bank`` to the verified and stored receipt."""
        began = time.perf_counter()
        self._banks[bank].query(subject, product)
        return time.perf_counter() - began

    def processor_seconds(self) -> dict[str, float]:
        """Processor time that each process has used so far."""
        return {name: item.cpu_s for name, item in self._processes.usage().items()}

    def _check(self, found: Sequence[dict[str, Any]], plain: PlainEpoch) -> None:
        expected = {subject_id(self._roster_key, uscc): (total, str(plain.ranks[uscc])) for uscc, total in plain.totals.items()}
        if {total["subject"]: (total["hundredths"], total["percentile"]) for total in found} != expected:
            raise MeasurementError("totals or percentiles differ from those of the evaluation in the clear")


@contextmanager
def measured_zone(
    populations: Sequence[Population], packs: Sequence[bytes], key_bits: int, tell: Tell, plan: ZonePlan | None = None
) -> Iterator[MeasuredZone]:
    """A fresh zone (the demonstration's unless ``plan`` is given) in a temporary directory, running, with its key usable.

    Everything is removed afterwards.
    """
    directory = Path(tempfile.mkdtemp(prefix="xinqiao-bench-"))
    try:
        for population in populations:
            write_records(population, directory, f"records-{population.period}.csv")
            publish_register(population, plan or demo_plan(), directory)
        build_zone(plan or demo_plan(), directory, packs, key_bits=key_bits, progress=lambda _text: None)
        with processes_of(directory) as processes:
            tell(f"  {len(processes.names())} processes start, {key_bits}-bit key")
            processes.start()
            processes.wait_ready(START_TIMEOUT_S)
            yield MeasuredZone(directory, processes, populations)
    finally:
        shutil.rmtree(directory)


def _silent(_text: str) -> None:
    """Steps of a measurement are told by whoever measures."""


def _nothing(_done: int, _total: int) -> None:
    """Nobody watches the progress of a measured step."""
