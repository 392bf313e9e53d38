"""The rows of P8 that need a whole zone: an epoch, its memory, a bank's query, and how an epoch's cost grows.

Every process is a real one over mutual TLS, all on this machine; beside it stands the same evaluation in the clear, in one process.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scoring.model import Model, load_pack
from simulators.benchmarks.crypto import TARGET_BITS, Row
from simulators.benchmarks.packs import widened
from simulators.benchmarks.rows import Figure, Growth, Item
from simulators.benchmarks.zone import EpochCost, MeasuredZone, Memory, Tell, measured_zone
from simulators.population import binjiang
from simulators.zone.build import shipped_pack

PACK = "hangzhou-binjiang"
FACTORS = (1, 2, 4, 8)
WIDTH = 24  # scored indicators of the pack
WARM_UP, WARM_UP_PERIOD = 40, 2000


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run measures: epochs of ``base``·1, 2, 4, 8 enterprises, then of 24·2, 4, 8 indicators with ``base`` enterprises."""

    key_bits: int
    base: int
    queries: int
    scale: tuple[int, int] | None  # enterprises and indicators of one larger epoch

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(self.base * factor for factor in FACTORS)


FULL = Plan(TARGET_BITS, 1013, 40, (10_000, 70))  # 8 × 1,013 = 8,104 enterprises
QUICK = Plan(2048, 100, 20, None)


def run(quick: bool, tell: Tell) -> list[Item]:
    """Measures everything of this module; minutes when not ``quick``. ``tell`` hears what is under way."""
    plan = QUICK if quick else FULL
    populations = {size: binjiang.generate(size, 0, WARM_UP_PERIOD + place) for place, size in enumerate((WARM_UP, *plan.sizes))}
    packs = [shipped_pack(PACK), *(widened(shipped_pack(PACK), WIDTH * factor) for factor in FACTORS[1:])]
    models = [load_pack(pack) for pack in packs]
    with measured_zone(list(populations.values()), packs, plan.key_bits, tell) as zone:
        zone.epoch(models[0], populations[WARM_UP].period)  # every process has met every kind of work, every record is read
        by_size = [_epoch(zone, models[0], populations[size].period, tell) for size in plan.sizes]
        memory = zone.memory()
        by_width = [by_size[0], *(_epoch(zone, model, populations[plan.base].period, tell) for model in models[1:])]
        queries = _queries(zone, models[0], populations[plan.sizes[-1]].period, plan, tell)
    items: list[Item] = [*_main(by_size[-1], memory, strict=not quick), *queries, *_growth(by_size, by_width)]
    if plan.scale is not None:
        items += _scale(plan.key_bits, *plan.scale, tell)
    return items


def _epoch(zone: MeasuredZone, model: Model, period: str, tell: Tell) -> EpochCost:
    cost = zone.epoch(model, period)
    parts = ", ".join(f"{name} {seconds:.1f}" for name, seconds in cost.steps.items())
    tell(f"  epoch of {cost.enterprises:,} × {cost.indicators}: {cost.seconds:.1f} s ({parts}), {cost.cpu_s:.1f} s of processor time")
    return cost


def _main(cost: EpochCost, memory: Memory, *, strict: bool) -> list[Item]:
    name = f"epoch of {cost.enterprises:,} × {cost.indicators}"
    largest = max(memory.peak_rss_mb, key=lambda process: memory.peak_rss_mb[process])
    return [
        Row(f"{name}, opening to released totals, against plaintext", cost.seconds, cost.plain_s, cost.seconds / cost.plain_s, "", "epoch"),
        Figure(f"{name}, opening to released totals", cost.seconds, "s", "≤60" if strict else ""),
        *(Figure(f"  of it {step}", seconds, "s") for step, seconds in cost.steps.items()),
        Figure(f"{name}, processor time of all processes", cost.cpu_s, "s"),
        Figure(f"{name}, bytes over the loopback interface", cost.sent_bytes / 1e6, "MB"),
        Figure(f"largest process ({largest}), peak resident memory", memory.peak_rss_mb[largest], "MB", "≤400"),
        Figure(f"all {len(memory.peak_rss_mb)} processes, sum of peak PSS", memory.pss_sum_mb, "MB", "≤3000"),
    ]


def _queries(zone: MeasuredZone, model: Model, period: str, plan: Plan, tell: Tell) -> list[Item]:
    product = next(iter(model.products))
    codes = zone.consent(period, product, plan.queries)
    times = sorted(zone.query(code, product) for code in codes)
    tell(f"  {len(times)} queries of a bank: median {times[len(times) // 2]:.2f} s")
    return [
        Figure("bank query to verified receipt, rows in place, median", times[len(times) // 2], "s"),
        Figure("bank query to verified receipt, rows in place, 95th percentile", percentile(times, 95), "s", "≤1"),
    ]


def percentile(ordered: Sequence[float], percent: int) -> float:
    """Nearest-rank percentile of ascending values. Requires at least one.

    >>> percentile([1, 2, 3, 4], 75), percentile([1, 2, 3, 4], 76)
    (3, 4)
    """
    return ordered[math.ceil(percent * len(ordered) / 100) - 1]


def _growth(by_size: Sequence[EpochCost], by_width: Sequence[EpochCost]) -> list[Item]:
    return [
        _grown("enterprises", [cost.enterprises for cost in by_size], by_size),
        _grown("indicators", [cost.indicators for cost in by_width], by_width),
    ]


def _grown(what: str, sizes: Sequence[int], costs: Sequence[EpochCost]) -> Growth:
    return Growth(what, tuple(sizes), tuple(cost.seconds for cost in costs), tuple(cost.cpu_s for cost in costs))


def _scale(key_bits: int, enterprises: int, indicators: int, tell: Tell) -> list[Item]:
    """One epoch of a hundredth of the million-enterprise case, in a zone of its own."""
    pack = widened(shipped_pack(PACK), indicators)
    populations = [binjiang.generate(size, 0, WARM_UP_PERIOD + place) for place, size in enumerate((WARM_UP, enterprises))]
    with measured_zone(populations, [pack], key_bits, tell) as zone:
        zone.epoch(load_pack(pack), populations[0].period)
        cost = _epoch(zone, load_pack(pack), populations[1].period, tell)
        memory = zone.memory()
    name = f"epoch of {enterprises:,} × {indicators}"
    return [
        Figure(f"{name}, opening to released totals", cost.seconds, "s"),
        Figure(f"{name}, processor time of all processes", cost.cpu_s, "s"),
        Figure(f"{name}, largest process, peak resident memory", max(memory.peak_rss_mb.values()), "MB"),
        Figure(f"{name}, sum of peak PSS", memory.pss_sum_mb, "MB"),
    ]
