"""Pack ``hangzhou-binjiang``: a simulated population of N enterprises, correlated and skewed as real ones are, the same for a seed.

Every enterprise has latent traits (size, innovation, momentum, age) from which ``binjiang_fields`` draws its records, department by
department. What matters for rules but is rare (grade D, the enforcement list, zero filers, missing data) is given to fixed shares of
the population, at least one each, so that a small population has them too. All of it is invented; shares are set so that stages and
grades look plausible, not so that they match any statistic.
"""

from __future__ import annotations

import numpy as np

from simulators.population import binjiang_fields as fields
from simulators.population.binjiang_fields import Columns, Traits
from simulators.population.naming import BRANDS, assign_usccs, company_names
from simulators.population.tables import REGISTRAR, Firm, Population

PACK = "hangzhou-binjiang"
DEFAULT_YEAR = 2023
DIVISIONS = ("330108", "330109")
FIRST_COUNTY_SHARE = 0.62
OWNERS = {
    "tax-hangzhou": (
        "revenue", "revenue_previous", "profit", "hightech_revenue", "rd_expense", "rd_expense_previous", "rd_tax_relief", "zero_filing_months",
    ),
    REGISTRAR: ("net_profit", "net_assets", "equity_financing", "standards_national", "standards_industry"),
    "science-binjiang": (
        "survey_staff", "rd_staff", "founder_background", "technology_contracts", "platforms_national", "platforms_province",
        "awards_national", "awards_province", "projects_national", "projects_province",
    ),
    "insurance-hangzhou": ("insured_staff", "insured_staff_previous", "insured_postgraduates", "insured_new_graduates"),
    "ip-zhejiang": (
        "invention_applications", "pct_applications", "inventions_granted", "utility_models_granted", "designs_granted", "software_copyrights",
    ),
    "credit-binjiang": ("credit_grade", "court_enforced", "dishonest"),
}  # fmt: skip
CONSECUTIVE_SHARE = 0.025  # of firms: zero filers of three or more consecutive months
SCATTERED_SHARE = 0.03  # zero filers of several months, no three of them consecutive
UNKNOWN_SHARE = 0.015  # of firms, for each department: no record there at all
BLANK_SHARE = 0.01  # of cells that may be blank
_MONTHS = "zero_filing_months"
_MOST_MONTHS = 9
_BLANKS = (
    "revenue", "revenue_previous", "rd_expense_previous", "profit", "net_assets", "equity_financing", "survey_staff", "rd_staff",
    "founder_background", "insured_staff_previous", "insured_postgraduates", "designs_granted", "credit_grade",
)  # fmt: skip


def generate(count: int, seed: int = 0, year: int = DEFAULT_YEAR) -> Population:
    """``count`` enterprises with records of ``year``, ordered by code. Requires 1 <= count <= BRANDS; raises ValueError otherwise.

    Equal arguments give equal populations (with one release of numpy); a larger population is another one, not an extension.
    """
    if not 1 <= count <= BRANDS:
        raise ValueError(f"{count} enterprises: 1 to {BRANDS} can be simulated")
    draw = np.random.default_rng([seed, year, count])
    traits = _traits(draw, count)
    columns: Columns = {}
    for part in (fields.tax, fields.science, fields.insurance, fields.intellectual_property, fields.market, fields.credit):
        columns |= part(draw, traits, columns)
    columns[_MONTHS] = _zero_months(draw, traits, year)
    _blank(draw, columns, count)
    names = company_names(draw, traits.revenue >= 3e8)
    divisions = {name: DIVISIONS[int(second)] for name, second in zip(names, draw.random(count) >= FIRST_COUNTY_SHARE, strict=True)}
    usccs = assign_usccs(divisions, PACK, seed)
    firms = [
        Firm(usccs[name], name, divisions[name], {field: column[index] for field, column in columns.items() if column[index] or field == _MONTHS})
        for index, name in enumerate(names)
    ]
    return Population(PACK, str(year), OWNERS, tuple(sorted(firms, key=lambda firm: firm.uscc)))


def _traits(draw: np.random.Generator, count: int) -> Traits:
    """Size drives revenue; small firms are younger, more innovative firms grow faster and spend more."""
    size, innovation, momentum = (draw.standard_normal(count) for _ in range(3))
    momentum = 0.35 * innovation + 0.94 * momentum
    age = np.clip(np.exp(1.6 + 0.35 * size + 0.6 * draw.standard_normal(count)), 0.2, 60.0)
    revenue = np.exp(np.log(6e6) + 2.05 * size)
    revenue[(revenue < 1e6) & (age < 3) & (draw.random(count) < 0.35)] = 0.0
    return Traits(size, innovation, momentum, age, np.round(revenue, 2))


def _zero_months(draw: np.random.Generator, traits: Traits, year: int) -> list[str]:
    """Zero-filing months of each firm: a run of three or more, scattered ones, or (for most) none. The smallest firms are likeliest."""
    count = len(traits.revenue)
    order = np.argsort(traits.revenue + draw.lognormal(15.0, 2.0, count), kind="stable")
    runs, scattered = _quota(CONSECUTIVE_SHARE, count), _quota(SCATTERED_SHARE, count)
    months = [""] * count
    for index in order[:runs]:
        length = int(draw.integers(3, _MOST_MONTHS + 1))
        first = int(draw.integers(1, 14 - length))
        months[index] = _written(year, range(first, first + length))
    for index in order[runs : runs + scattered]:
        first = int(draw.integers(1, 5))
        months[index] = _written(year, (first, first + 1, first + 3, first + 4, first + 7)[: int(draw.integers(2, 6))])
    return months


def _written(year: int, months: tuple[int, ...] | range) -> str:
    return ";".join(f"{year}-{month:02d}" for month in months)


def _blank(draw: np.random.Generator, columns: Columns, count: int) -> None:
    """Missing data: whole records that a department lacks, and single cells. Zero filers, grade D and the enforcement list stay."""
    ordinary = np.array([index for index in range(count) if not columns[_MONTHS][index]], dtype=np.int64)
    for member, owned in OWNERS.items():
        if member != "credit-binjiang":
            for index in draw.choice(ordinary, size=min(_quota(UNKNOWN_SHARE, count), len(ordinary)), replace=False):
                for field in owned:
                    columns[field][index] = ""
    for field in _BLANKS:
        for index in draw.choice(count, size=_quota(BLANK_SHARE, count), replace=False):
            if columns[field][index] != "D":
                columns[field][index] = ""


def _quota(share: float, count: int) -> int:
    return min(count, max(1, round(share * count)))
