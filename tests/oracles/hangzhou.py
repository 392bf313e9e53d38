"""Totals of pack hangzhou-binjiang, version 1, from records: text of every field, empty or absent when it is missing."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from tests.oracles.arithmetic import cents, growth, ratio, value

STAGES = ("seed", "sapling", "growing", "thriving", "mature")
CREDIT = {"AAA": 10, "AA": 10, "A": 10, "M": 8, "B": 5, "C": 0, "D": -10}
FOUNDERS = {"national-talent": Fraction(2), "province-talent": Fraction(3, 2), "doctorate": Fraction(1), "other": Fraction(0)}
WEIGHTS = {
    "rd-expense": (3, 3, 3, 4, 4),
    "rd-staff-share": (5, 4, 3, 3, 2),
    "founder-team": (6, 4, 2, 1, 1),
    "rd-growth": (1, 2, 2, 2, 2),
    "rd-intensity": (4, 4, 3, 3, 3),
    "postgraduate-share": (4, 3, 2, 2, 2),
    "technology-contracts": (2, 2, 2, 3, 3),
    "invention-applications": (4, 4, 4, 3, 3),
    "pct-applications": (1, 1, 2, 2, 3),
    "ip-granted": (3, 3, 3, 3, 3),
    "hightech-revenue": (2, 3, 4, 4, 4),
    "standards": (0, 1, 1, 2, 3),
    "profit-margin": (1, 1, 2, 3, 3),
    "financing": (5, 3, 2, 1, 1),
    "revenue": (1, 2, 3, 4, 5),
    "revenue-growth": (4, 5, 5, 4, 3),
    "return-on-equity": (0, 1, 2, 2, 2),
    "rd-tax-relief": (1, 1, 2, 2, 2),
    "staff-growth": (3, 3, 3, 2, 1),
    "credit": (1, 1, 1, 1, 1),
    "new-graduates": (1, 1, 1, 1, 1),
    "platforms": (1, 1, 1, 1, 1),
    "awards": (1, 1, 1, 1, 1),
    "projects": (1, 1, 1, 1, 1),
}
REVENUE_LINES = (
    (50_000, 150_000, 300_000, 500_000, 800_000),
    (1_000_000, 2_000_000, 3_500_000, 5_500_000, 8_000_000),
    (10_000_000, 18_000_000, 30_000_000, 50_000_000, 80_000_000),
    (100_000_000, 180_000_000, 300_000_000, 500_000_000, 800_000_000),
    (1_000_000_000, 1_500_000_000, 2_500_000_000, 5_000_000_000, 10_000_000_000),
)

Record = Mapping[str, str]


def stage(record: Record) -> str:
    revenue = value(record, "revenue")
    if revenue is None:
        return "seed"
    return STAGES[sum(revenue >= bound for bound in (10**6, 10**7, 10**8, 10**9))]


def gated(record: Record) -> bool:
    """Three consecutive months of zero filing somewhere."""
    months = {text.strip() for text in record.get("zero_filing_months", "").split(";") if text.strip()}
    numbers = {12 * int(text[:4]) + int(text[5:]) for text in months}
    return any({number, number + 1, number + 2} <= numbers for number in numbers)


def total(record: Record) -> int:
    """Total in hundredths; 0 when gated."""
    if gated(record):
        return 0
    column = STAGES.index(stage(record))
    earned = points(record)
    return sum(weights[column] * earned[name] for name, weights in WEIGHTS.items())


def points(record: Record) -> dict[str, int]:
    """Hundredths of each indicator."""
    at = STAGES.index(stage(record))
    exact = _input(record, at) | _output(record, at) | _development(record, at) | _auxiliary(record, at)
    return {name: cents(part) for name, part in exact.items()}


def _input(record: Record, at: int) -> dict[str, Fraction]:
    return {
        "rd-expense": _share(value(record, "rd_expense"), (500_000, 2_000_000, 8_000_000, 40_000_000, 200_000_000)[at]),
        "rd-staff-share": _steps(ratio(record, "rd_staff", "survey_staff"), (50, 4), (30, 3), (20, 2), (10, 1)),
        "founder-team": FOUNDERS.get(record.get("founder_background", ""), Fraction(0)),
        "rd-growth": _steps(growth(record, "rd_expense"), (50, 4), (20, 3), (10, 2), (0, 1)),
        "rd-intensity": _share(ratio(record, "rd_expense", "revenue"), Fraction((50, 25, 15, 10, 8)[at], 100)),
        "postgraduate-share": _share(ratio(record, "insured_postgraduates", "insured_staff"), Fraction(30, 100)),
    }


def _output(record: Record, at: int) -> dict[str, Fraction]:
    mature = at == 4
    granted = (5, 2, 1, 1) if mature else (50, 15, 10, 5)
    names = ("inventions_granted", "utility_models_granted", "software_copyrights", "designs_granted")
    return {
        "technology-contracts": _share(value(record, "technology_contracts"), (500_000, 2_000_000, 8_000_000, 30_000_000, 100_000_000)[at]),
        "invention-applications": _share(value(record, "invention_applications"), (3, 6, 12, 40, 150)[at]),
        "pct-applications": _each(record, {"pct_applications": 10 if mature else 50}),
        "ip-granted": _each(record, dict(zip(names, granted, strict=True))),
        "hightech-revenue": _share(ratio(record, "hightech_revenue", "revenue"), Fraction(80, 100)),
        "standards": _each(record, {"standards_national": 50, "standards_industry": 25}),
    }


def _development(record: Record, at: int) -> dict[str, Fraction]:
    revenue = value(record, "revenue")
    reached = 0 if revenue is None else sum(revenue >= line for line in REVENUE_LINES[at])
    equity = ratio(record, "net_profit", "net_assets")
    if equity is None or equity <= 0:
        earned = Fraction(0)
    else:
        earned = Fraction(2) if equity >= Fraction(15, 100) else Fraction(12, 10) if equity >= Fraction(8, 100) else Fraction(6, 10)
    return {
        "profit-margin": _share(ratio(record, "profit", "revenue"), Fraction(15, 100)),
        "financing": _share(value(record, "equity_financing"), (3_000_000, 10_000_000, 50_000_000, 200_000_000, 1_000_000_000)[at]),
        "revenue": Fraction(2 * 20 * reached, 100),
        "revenue-growth": _steps(growth(record, "revenue"), (50, 4), (30, 3), (15, 2), (0, 1)),
        "return-on-equity": earned,
        "rd-tax-relief": _share(value(record, "rd_tax_relief"), (100_000, 300_000, 1_500_000, 6_000_000, 30_000_000)[at]),
        "staff-growth": _steps(growth(record, "insured_staff"), (30, 4), (15, 3), (5, 2), (0, 1)),
    }


def _auxiliary(record: Record, at: int) -> dict[str, Fraction]:
    return {
        "credit": _credit(record),
        "new-graduates": _each(record, {"insured_new_graduates": 2 if at >= 3 else 20}),
        "platforms": _each(record, {"platforms_national": 200, "platforms_province": 100}),
        "awards": _each(record, {"awards_national": 200, "awards_province": 100}),
        "projects": _each(record, {"projects_national": 100, "projects_province": 50}),
    }


def _credit(record: Record) -> Fraction:
    if record.get("court_enforced") == "1":
        return Fraction(-10)
    if record.get("court_enforced") == "0" and record.get("credit_grade"):
        return Fraction(CREDIT[record["credit_grade"]])
    return Fraction(0)


def _share(amount: Fraction | None, full: int | Fraction) -> Fraction:
    """Two points at ``full``, in proportion below, none for a negative or missing amount."""
    if amount is None or amount < 0:
        return Fraction(0)
    return min(Fraction(2), 2 * amount / full)


def _steps(rate: Fraction | None, *steps: tuple[int, int]) -> Fraction:
    """Half points of the first step (percent, half points) that the rate reaches."""
    if rate is not None:
        for percent, halves in steps:
            if rate >= Fraction(percent, 100):
                return Fraction(halves, 2)
    return Fraction(0)


def _each(record: Record, hundredths: Mapping[str, int]) -> Fraction:
    """Hundredths for each item, two points at most."""
    earned = sum((each * (value(record, name) or Fraction(0)) for name, each in hundredths.items()), Fraction(0))
    return min(Fraction(2), earned / 100)
