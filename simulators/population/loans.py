"""Banks' loan books: for each bank its own borrowers among a population, with what became of their loans. Invented, the same for a seed.

A firm borrows from none, one or several banks; what one bank knows of it says nothing about the others. The fields are those of the pack
loan-performance.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from simulators.population.tables import Population, Table

FIELDS = ("loans_active", "loan_balance", "loan_repaid", "loans_overdue_90")
BORROWING, OVERDUE = 0.6, 0.1
LARGEST_YUAN = 20_000_000


def loan_books(population: Population, banks: Sequence[str], seed: int = 0) -> tuple[Table, ...]:
    """One table for each of ``banks``, in their order: a line for each of its borrowers."""
    return tuple(_book(population, bank, seed) for bank in banks)


def _book(population: Population, bank: str, seed: int) -> Table:
    draw = random.Random(f"{seed}/{population.pack}/{population.period}/{bank}")
    rows = []
    for firm in population.firms:
        active = draw.randint(1, 4)
        balance = min(LARGEST_YUAN, round(draw.lognormvariate(14.2, 1.0), 2))
        overdue = draw.randint(1, active) if draw.random() < OVERDUE else 0
        borrows, repaid = draw.random() < BORROWING, round(balance * draw.random(), 2)
        if borrows:
            rows.append((firm.uscc, population.period, str(active), f"{balance:.2f}", f"{repaid:.2f}", str(overdue)))
    return Table(bank, ("uscc", "period", *FIELDS), tuple(rows))
