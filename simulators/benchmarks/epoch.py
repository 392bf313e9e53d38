"""The rows of P8 that need a whole zone: an epoch, its memory, a bank's query, and how an epoch's cost grows.

Every process is a real one over mutual TLS, all on this machine; beside it stands the same evaluation in the clear, in one process.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nodes.packs import shipped_pack
from scoring.indicators.model import Model, load_pack
from simulators.benchmarks.crypto import TARGET_BITS, Row
from simulators.benchmarks.packs import widened
from simulators.benchmarks.rows import Figure, Growth, Item
from simulators.benchmarks.zone import EpochCost, MeasuredZone, Memory, Tell, measured_zone
from simulators.population import binjiang
from simulators.population.tables import Population

PACK = "hangzhou-binjiang"
FACTORS = (1, 2, 4, 8)
WIDTH = 24  # scored indicators of the pack
WARM_UP, FIRST_PERIOD = 40, 2000


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured: epochs of ``base``·1, 2, 4, 8 enterprises, then of 24·1, 2, 4, 8 indicators with half of ``base`` enterprises.

    ``scale``: enterprises and indicators of one larger epoch, or None. ``strict``: whether the targets of P8 are for this size.
    """

    key_bits: int
    base: int
    queries: int
    scale: tuple[int, int] | None
    strict: bool


FULL = Plan(TARGET_BITS, 1013, 24, (10_000, 70), strict=True)  # 8 × 1,013 = 8,104 enterprises
QUICK = Plan(2048, 100, 20, None, strict=False)


def run(quick: bool, tell: Tell) -> list[Item]:
    """Measures everything of this module: about eight minutes, three when ``quick``. ``tell`` hears what is under way."""
    return measure(QUICK if quick else FULL, tell)


def measure(plan: Plan, tell: Tell) -> list[Item]:
    """Measures what ``plan`` says, in fresh zones. Raises MeasurementError when an epoch gives other totals than arithmetic in the clear."""
    items = [*_by_size(plan, tell), *_by_width(plan, tell)]
    return items if plan.scale is None else [*items, *_scale(plan.key_bits, *plan.scale, tell)]


def _by_size(plan: Plan, tell: Tell) -> list[Item]:
    """The shipped pack: growth with enterprises; the largest epoch in full, its memory, and queries after it."""
    pack, populations = shipped_pack(PACK), _populations(*(plan.base * factor for factor in FACTORS))
    model = load_pack(pack)
    with measured_zone(populations, [pack], plan.key_bits, tell) as zone:
        costs = _epochs(zone, [(model, population.period) for population in populations], tell)
        memory = zone.memory()
        queries = _queries(zone, model, populations[-1].period, plan, tell)
    growth = _growth("enterprises", [cost.enterprises for cost in costs], costs)
    return [*_largest(costs[-1], memory, plan), *queries, growth]


def _by_width(plan: Plan, tell: Tell) -> list[Item]:
    """Each width in a zone of its own: one zone opens each period once, whatever the model [P7.2]."""
    populations, costs = _populations(plan.base // 2), []
    for factor in FACTORS:
        pack = widened(shipped_pack(PACK), WIDTH * factor)
        model = load_pack(pack)
        with measured_zone(populations, [pack], plan.key_bits, tell) as zone:
            costs += _epochs(zone, [(model, population.period) for population in populations], tell)
    return [_growth("indicators", [cost.indicators for cost in costs], costs)]


def _populations(*sizes: int) -> list[Population]:
    """A small population to begin with, then one of each size, each under a period of its own."""
    return [binjiang.generate(size, 0, FIRST_PERIOD + place) for place, size in enumerate((WARM_UP, *sizes))]


def _epochs(zone: MeasuredZone, wanted: Sequence[tuple[Model, str]], tell: Tell) -> list[EpochCost]:
    """The cost of each epoch but the first, after which every process has met every kind of work and read every record."""
    return [_epoch(zone, model, period, tell) for model, period in wanted][1:]


def _epoch(zone: MeasuredZone, model: Model, period: str, tell: Tell) -> EpochCost:
    cost = zone.epoch(model, period)
    parts = ", ".join(f"{name} {seconds:.1f}" for name, seconds in cost.steps.items())
    tell(f"  epoch of {cost.enterprises:,} × {cost.indicators}: {cost.seconds:.1f} s ({parts}), {cost.cpu_s:.1f} s of processor time")
    return cost


def _largest(cost: EpochCost, memory: Memory, plan: Plan) -> list[Item]:
    name = f"epoch of {cost.enterprises:,} × {cost.indicators}"
    largest = max(memory.peak_rss_mb, key=lambda process: memory.peak_rss_mb[process])
    return [
        Row(f"{name}, opening to released totals, against plaintext", cost.seconds, cost.plain_s, cost.seconds / cost.plain_s, "", "epoch"),
        Figure(f"{name}, opening to released totals", cost.seconds, "s", "≤60" if plan.strict else ""),
        *(Figure(f"  of it {step}", seconds, "s") for step, seconds in cost.steps.items()),
        Figure(f"{name}, processor time of all processes", cost.cpu_s, "s"),
        Figure(f"{name}, bytes over the loopback interface", cost.sent_bytes / 1e6, "MB"),
        Figure(f"largest process ({largest}), peak resident memory", memory.peak_rss_mb[largest], "MB", "≤400"),
        Figure(f"all {len(memory.peak_rss_mb)} processes, sum of peak PSS", memory.pss_sum_mb, "MB", "≤3000"),
    ]


def _queries(zone: MeasuredZone, model: Model, period: str, plan: Plan, tell: Tell) -> list[Item]:
    product = next(iter(model.products))
    bank = zone.banks[0]
    subjects = zone.consent(period, product, plan.queries, [bank])
    times = sorted(zone.query(bank, subject, product) for subject in subjects)
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


def _growth(what: str, sizes: Sequence[int], costs: Sequence[EpochCost]) -> Growth:
    return Growth(what, tuple(sizes), tuple(cost.seconds for cost in costs), tuple(cost.cpu_s for cost in costs))


def _scale(key_bits: int, enterprises: int, indicators: int, tell: Tell) -> list[Item]:
    """One epoch of a hundredth of the million-enterprise case, in a zone of its own."""
    pack, populations = widened(shipped_pack(PACK), indicators), _populations(enterprises)
    model = load_pack(pack)
    with measured_zone(populations, [pack], key_bits, tell) as zone:
        (cost,) = _epochs(zone, [(model, population.period) for population in populations], tell)
        memory = zone.memory()
    name = f"epoch of {enterprises:,} × {indicators}"
    return [
        Figure(f"{name}, opening to released totals", cost.seconds, "s"),
        Figure(f"{name}, processor time of all processes", cost.cpu_s, "s"),
        Figure(f"{name}, largest process, peak resident memory", max(memory.peak_rss_mb.values()), "MB"),
        Figure(f"{name}, sum of peak PSS", memory.pss_sum_mb, "MB"),
    ]
