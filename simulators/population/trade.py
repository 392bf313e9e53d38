"""Export declarations of simulated enterprises, and what a customs office's node computes from them: one and the same, to the cent.

Most enterprises declare nothing, so most have no customs record. Shares and sizes are assumed; rates of exchange are the published yearly means.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

import numpy as np

from simulators.population.fields.traits import Columns, Traits

USD_IN_YUAN = {2019: "6.8985", 2020: "6.8976", 2021: "6.4515", 2022: "6.7261", 2023: "7.0467"}
"""Yearly mean rates (National Bureau of Statistics); other years are taken for the nearest of these."""
EXPORTERS_SHARE = 0.38
NOT_CLEARED_SHARE = 0.04
_FIRST_OF_YEAR = (1, 350)  # days of the year on which declarations are made


@dataclass(frozen=True, slots=True)
class Shipment:
    """One export declaration: its day, its value in US dollars, the days until it was cleared (None: not yet)."""

    day: date
    usd: Decimal
    days: int | None


def rate_of(year: int) -> Decimal:
    """Yuan for one US dollar in a year."""
    return Decimal(USD_IN_YUAN[min(max(year, min(USD_IN_YUAN)), max(USD_IN_YUAN))])


def draw_shipments(draw: np.random.Generator, traits: Traits, year: int) -> list[tuple[Shipment, ...]]:
    """The declarations of every enterprise in ``year`` and the year before; an exporter has one in ``year`` at least."""
    ranks = np.argsort(-(traits.size + traits.noise(draw, 1.0)), kind="stable")
    exporters = set(ranks[: max(1, round(EXPORTERS_SHARE * traits.count))].tolist())
    counts = 1 + draw.poisson(np.minimum(1.2 * np.exp(0.5 * traits.size), 8.0))
    before = np.where(traits.age < 1.5, 0, draw.poisson(np.minimum(1.6 * np.exp(0.5 * traits.size), 8.0)))
    yearly_usd = np.maximum(traits.revenue, 2e5) * 0.18 / 7.0 * np.exp(traits.noise(draw, 0.7))
    found: list[tuple[Shipment, ...]] = []
    for index in range(traits.count):
        if index not in exporters:
            found.append(())
            continue
        mean = float(yearly_usd[index] / counts[index])
        now, earlier = int(counts[index]), int(before[index])
        found.append((*_year(draw, year - 1, earlier, mean), *_year(draw, year, now, mean)))
    return found


def customs_columns(shipments: Iterable[Sequence[Shipment]], year: int) -> Columns:
    """The record fields of ``year`` that the single window's connector computes [K8]; all empty for who declared nothing in that year."""
    rows = [_fields(declared, year) for declared in shipments]
    return {name: [row.get(name, "") for row in rows] for name in DECLARED_FIELDS}


def _year(draw: np.random.Generator, year: int, count: int, mean_usd: float) -> list[Shipment]:
    days = draw.integers(*_FIRST_OF_YEAR, size=count)
    values = mean_usd * np.exp(0.5 * draw.standard_normal(count))
    waits = np.minimum(draw.poisson(1.4, count), 9)
    open_ = draw.random(count) < NOT_CLEARED_SHARE
    return [
        Shipment(date(year, 1, 1) + timedelta(days=int(day)), Decimal(f"{value:.2f}"), None if waiting else int(wait))
        for day, value, wait, waiting in zip(days, values, waits, open_, strict=True)
    ]


def _fields(declared: Sequence[Shipment], year: int) -> dict[str, str]:
    mine = [shipment for shipment in declared if shipment.day.year == year]
    if not mine:
        return {}
    waits = [shipment.days for shipment in mine if shipment.days is not None]
    earlier = [shipment for shipment in declared if shipment.day.year == year - 1]
    fields = {
        "declarations": str(len(mine)),
        "inspections": "0",
        "rejections": "0",
        "cleared": str(len(waits)),
        "clearance_days_total": str(sum(waits)),
        "clearance_days": _mean(sum(waits), len(waits)),
        "exports_usd": str(_usd(mine)),
        "exports_value_cny": f"{_usd(mine) * rate_of(year):f}",
        "exports_value_cny_previous": f"{_usd(earlier) * rate_of(year - 1):f}" if earlier else "",
        "imports_value_cny": "0",
        "imports_value_cny_previous": "0" if earlier else "",
    }
    return {f"customs_{name}": value for name, value in fields.items()}


def _usd(shipments: Iterable[Shipment]) -> Decimal:
    return sum((shipment.usd for shipment in shipments), Decimal(0))


def _mean(total: int, count: int) -> str:
    return str((Decimal(total) / count).quantize(Decimal("0.0001"), ROUND_HALF_UP)) if count else ""


DECLARED_FIELDS = tuple(_fields((Shipment(date(2023, 1, 1), Decimal(1), 1),), 2023))
"""Names of the record fields that declarations give."""
