"""A population whose totals tell what went wrong: no single loss, double count or mix-up of contributions leaves a firm's total as it was.

Points of each indicator are distinct primes, or distinct multiples of what one patent or citation gives, so that every firm's every
indicator has a weight of its own in its total. Growth has three possible values only: mixing it up between firms may not show.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from nodes.packs import shipped_pack
from scoring.indicators.model import load_pack
from simulators.population import firm_panel
from simulators.population.naming import assign_usccs
from simulators.population.tables import Firm, Population
from tests.oracles import firm_panel as oracle

INDICATORS = ("rd", "patents", "citations", "staff", "growth", "value")
PERIOD, SEED = "1995", 0
_SALES = ("50", "200", "900", "3000")  # one in each stage
_GROWTH = (Decimal("1.05"), Decimal("1.2"), Decimal("1.5"))  # over the year before: 3, 6 and 10 points


@dataclass(frozen=True, slots=True)
class Slip:
    """One thing that may go wrong with one firm's contributions, and the total that it would give, in hundredths."""

    what: str
    indicator: str
    total: int


def telling_population(count: int) -> Population:
    """``count`` firms in four stages. Requires count <= 100."""
    divisions = {f"telling-{number:03d}": firm_panel.DIVISIONS[number % 2] for number in range(count)}
    usccs = assign_usccs(divisions, firm_panel.PACK, SEED)
    rd, staff, value = _primes(1500, 2999), _primes(100, 999), _primes(101, 997)[::-1]
    firms = []
    for number, company in enumerate(divisions):
        sales = Decimal(_SALES[number % 4])
        values = {
            "sales_musd": str(sales),
            "sales_musd_previous": f"{sales / _GROWTH[number % 3]:.6f}",
            "rd_stock_musd": f"{Decimal(rd[number]) / 3:.8f}",
            "patents": str(1 + number),
            "citations": str(499 - 4 * number),
            "employees_thousand": str(Decimal(staff[number]) / 50),
            "capital_musd": "100",
            "market_value_musd": str(Decimal(value[number]) / 2),
        }
        firms.append(Firm(usccs[company], company, divisions[company], values))
    return Population(firm_panel.PACK, PERIOD, firm_panel.OWNERS, tuple(sorted(firms, key=lambda firm: firm.uscc)))


def totals_of(population: Population) -> dict[str, int]:
    """USCC -> total in hundredths, by plain arithmetic."""
    return {firm.uscc: oracle.total(firm.values) for firm in population.firms}


def slips(population: Population, firm: Firm) -> Iterator[Slip]:
    """Every loss, double count and mix-up of one of the firm's indicators, and every wrong stage."""
    weights, points, right = oracle.WEIGHTS[oracle.stage(firm.values)], oracle.points(firm.values), oracle.total(firm.values)
    for place, name in enumerate(INDICATORS):
        share = weights[place] * points[place]
        yield Slip("lost", name, right - share)
        yield Slip("counted twice", name, right + share)
        for other in population.firms:
            if other is not firm:
                theirs = weights[place] * oracle.points(other.values)[place]
                yield Slip(f"taken from {other.company}", name, right - share + theirs)
    for stage, others in oracle.WEIGHTS.items():
        if stage != oracle.stage(firm.values):
            yield Slip(f"weighted as {stage}", "", sum(weight * part for weight, part in zip(others, points, strict=True)))


def explain(population: Population, uscc: str, total: int) -> str:
    """What a wrong total tells: every slip that gives it."""
    firm = next(firm for firm in population.firms if firm.uscc == uscc)
    right = oracle.total(firm.values)
    found = [f"{slip.indicator} {slip.what}" for slip in slips(population, firm) if slip.total == total]
    return f"{firm.company}: {total} instead of {right}: {' or '.join(found) or 'no single slip gives this'}"


def product() -> str:
    """The pack's only product."""
    return next(iter(load_pack(shipped_pack(firm_panel.PACK)).products))


def _primes(low: int, high: int) -> list[int]:
    return [number for number in range(low, high + 1) if all(number % divisor for divisor in range(2, int(number**0.5) + 1))]
