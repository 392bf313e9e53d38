"""What each step costs: wall time, processor time of all processes, bytes over the loopback interface."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from simulators.zone.processes import Usage

LOOPBACK = Path("/sys/class/net/lo/statistics/rx_bytes")


@dataclass(frozen=True, slots=True)
class Step:
    """One step's cost. ``bytes``: everything that crossed this machine's loopback meanwhile, TLS and HTTP/2 framing included."""

    name: str
    seconds: float
    cpu_seconds: float
    bytes: int

    def to_json(self) -> dict[str, object]:
        return {"name": self.name, "seconds": round(self.seconds, 3), "cpu_seconds": round(self.cpu_seconds, 3), "bytes": self.bytes}


@dataclass
class Meter:
    """Measures steps. ``usage`` gives the processes' use so far; ``tell`` hears of each step as it begins and ends."""

    usage: Callable[[], dict[str, Usage]]
    tell: Callable[[str], None]
    steps: list[Step] = field(default_factory=list)

    @contextmanager
    def step(self, name: str, title: str) -> Iterator[None]:
        """Measure the block as step ``name``; ``title`` is what a person reads."""
        self.tell(title)
        wall, cpu, sent = time.monotonic(), self._cpu(), _loopback()
        yield
        self.steps.append(Step(name, time.monotonic() - wall, self._cpu() - cpu, _loopback() - sent))

    def _cpu(self) -> float:
        return time.process_time() + sum(item.cpu_s for item in self.usage().values())


def _loopback() -> int:
    return int(LOOPBACK.read_text(encoding="ascii")) if LOOPBACK.exists() else 0
