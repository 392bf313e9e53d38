"""Totals of pack firm-panel, version 1, from the figures of the panel."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from tests.oracles.arithmetic import cents, growth, ratio, value

WEIGHTS = {  # rd, patents, citations, staff, growth, value
    "S1": (3, 2, 1, 1, 3, 1),
    "S2": (3, 2, 2, 1, 2, 1),
    "S3": (2, 3, 2, 1, 1, 1),
    "S4": (2, 2, 3, 1, 1, 1),
}


def stage(record: Mapping[str, str]) -> str:
    sales = value(record, "sales_musd")
    if sales is None or sales < 100:
        return "S1"
    if sales < 500:
        return "S2"
    return "S3" if sales < 2000 else "S4"


def points(record: Mapping[str, str]) -> tuple[int, ...]:
    """Hundredths of (rd, patents, citations, staff, growth, value)."""
    stock = value(record, "rd_stock_musd") or Fraction(0)
    patents = value(record, "patents") or Fraction(0)
    citations = value(record, "citations") or Fraction(0)
    employees = value(record, "employees_thousand") or Fraction(0)
    rate = growth(record, "sales_musd")
    market = ratio(record, "market_value_musd", "capital_musd") or Fraction(0)
    grown = 0 if rate is None or rate < 0 else 3 if rate < Fraction(1, 10) else 6 if rate < Fraction(3, 10) else 10
    return (
        cents(min(Fraction(30), 30 * stock / 1000)),
        cents(min(Fraction(25), patents / 4)),
        cents(min(Fraction(15), 3 * citations / 100)),
        cents(min(Fraction(10), employees / 2)),
        100 * grown,
        cents(min(Fraction(10), 2 * market)),
    )


def total(record: Mapping[str, str]) -> int:
    """Total in hundredths."""
    return sum(weight * part for weight, part in zip(WEIGHTS[stage(record)], points(record), strict=True))


def records(rows: list[dict[str, str]], year: int) -> dict[str, dict[str, str]]:
    """Record of each company with a row in ``year``; the year before gives the previous sales."""
    before = {row["company"]: row["sales_musd"] for row in rows if int(row["year"]) == year - 1}
    return {row["company"]: {**row, "sales_musd_previous": before.get(row["company"], "")} for row in rows if int(row["year"]) == year}
