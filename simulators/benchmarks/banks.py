"""Many banks at once: latency and throughput of queries at 1, 8 and 32 banks, and which processes the time is spent in.

Each bank is a process of its own with its own keys and consents. All share this machine with the zone that serves them, so what is
measured is the whole work of a query, that of the bank that verifies included.
"""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from nodes.packs import shipped_pack
from scoring.indicators.model import load_pack
from scoring.statements import Title
from simulators.benchmarks.crypto import TARGET_BITS
from simulators.benchmarks.epoch import PACK, percentile
from simulators.benchmarks.rows import Figure, Item
from simulators.benchmarks.zone import MeasuredZone, Tell, measured_zone
from simulators.population import binjiang
from simulators.zone.layout import MemberPlan, ZonePlan, demo_plan, with_members

ENTERPRISES_OF_ZONE = 200
SHOWN_PROCESSES = 6


@dataclass(frozen=True, slots=True)
class Plan:
    """``levels``: numbers of banks that ask at once; ``queries`` in all at each level; ``enterprises`` that consented to every bank."""

    key_bits: int
    levels: tuple[int, ...]
    queries: int
    enterprises: int


FULL = Plan(TARGET_BITS, (1, 8, 32), 64, 2)
QUICK = Plan(2048, (1, 4), 16, 1)


def run(quick: bool, tell: Tell) -> list[Item]:
    """Measures everything of this module: about three minutes. ``tell`` hears what is under way."""
    return measure(QUICK if quick else FULL, tell)


def measure(plan: Plan, tell: Tell) -> list[Item]:
    """Latency, throughput and processor time of ``plan.queries`` queries at each level, in one zone with as many banks as the highest."""
    pack, population = shipped_pack(PACK), binjiang.generate(ENTERPRISES_OF_ZONE)
    model = load_pack(pack)
    product = next(iter(model.products))
    with measured_zone([population], [pack], plan.key_bits, tell, zone_of(max(plan.levels))) as zone:
        zone.epoch(model, population.period)
        tell(f"  {plan.enterprises} enterprises consent to each of {len(zone.banks)} banks")
        subjects = zone.consent(population.period, product, plan.enterprises, zone.banks)
        return [item for level in plan.levels for item in _level(zone, zone.banks[:level], subjects, product, plan.queries, tell)]


def zone_of(banks: int) -> ZonePlan:
    """The demonstration's zone with so many banks in all, at least its own two."""
    plan = demo_plan()
    more = range(len(plan.with_role("bank")), banks)
    return with_members(plan, *(MemberPlan(f"bank-{place:02}", Title(zh=f"第{place}银行", en=f"Bank {place}"), ("bank",)) for place in more))


def _level(zone: MeasuredZone, banks: list[str], subjects: list[str], product: str, queries: int, tell: Tell) -> list[Item]:
    each = queries // len(banks)

    def ask(bank: str) -> list[float]:
        return [zone.query(bank, subjects[turn % len(subjects)], product) for turn in range(each)]

    before, began = zone.processor_seconds(), time.perf_counter()
    with ThreadPoolExecutor(len(banks)) as clerks:
        times = sorted(seconds for found in clerks.map(ask, banks) for seconds in found)
    wall, after = time.perf_counter() - began, zone.processor_seconds()
    tell(f"  {len(banks)} banks at once: {len(times) / wall:.1f} queries a second")
    used = Counter({name: after[name] - before[name] for name in after})
    at_banks = sum(used.pop(name) for name in zone.banks)
    name = f"{len(banks)} bank{'s' if len(banks) > 1 else ''} at once"
    return [
        Figure(f"{name}, query to verified receipt, median", times[len(times) // 2], "s"),
        Figure(f"{name}, query to verified receipt, 95th percentile", percentile(times, 95), "s"),
        Figure(f"{name}, throughput", len(times) / wall, "/s"),
        Figure("  processor time of a query at its bank", at_banks / len(times), "s"),
        *(Figure(f"  processor time of a query at {process}", used[process] / len(times), "s") for process, _ in used.most_common(SHOWN_PROCESSES)),
    ]
