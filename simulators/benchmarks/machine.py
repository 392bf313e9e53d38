"""The machine that a measurement was made on: ratios travel, seconds need this beside them."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

import gmpy2


@dataclass(frozen=True, slots=True)
class Machine:
    """Processor, cores that we may use, memory in MiB, versions, and the load (1 minute) as the measurement began."""

    cpu: str
    cores: int
    memory_mb: int
    system: str
    python: str
    gmpy2: str
    gmp: str
    load: float

    def __str__(self) -> str:
        return (
            f"{self.cpu}, {self.cores} cores, {self.memory_mb:,} MB; {self.system}; Python {self.python}, "
            f"gmpy2 {self.gmpy2} ({self.gmp}); load {self.load:.1f} at the start"
        )


def this_machine() -> Machine:
    """The machine that we run on (Linux)."""
    return Machine(
        cpu=_cpu(),
        cores=len(os.sched_getaffinity(0)),
        memory_mb=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20,
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=platform.python_version(),
        gmpy2=gmpy2.version(),
        gmp=gmpy2.mp_version(),
        load=os.getloadavg()[0],
    )


def _cpu() -> str:
    names = [
        line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if line.startswith("model name")
    ]
    return names[0] if names else platform.machine()
