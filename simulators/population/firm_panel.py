"""Pack ``firm-panel``: real figures of listed firms (simulators/data), each firm with a generated unified social credit code.

Figures are passed on as the exact text of the source: nothing is rounded here. Only codes and counties depend on the seed; a firm
keeps both over the years of one seed.
"""

from __future__ import annotations

import csv
from pathlib import Path

from simulators.population.naming import assign_usccs, pick
from simulators.population.tables import REGISTRAR, Firm, Population

PACK = "firm-panel"
DEFAULT_YEAR = 1995
YEARS = range(1991, 2000)
DIVISIONS = ("330108", "330109")
OWNERS = {
    "tax-hangzhou": ("sales_musd", "sales_musd_previous"),
    REGISTRAR: ("capital_musd", "market_value_musd"),
    "science-binjiang": ("rd_stock_musd",),
    "insurance-hangzhou": ("employees_thousand",),
    "ip-zhejiang": ("patents", "citations"),
    "credit-binjiang": (),
}
SOURCE = Path(__file__).resolve().parent.parent / "data" / "firm_panel.csv"
_FIELDS = ("sales_musd", "rd_stock_musd", "employees_thousand", "capital_musd", "patents", "citations", "market_value_musd")


def load(year: int = DEFAULT_YEAR, seed: int = 0, source: Path = SOURCE) -> Population:
    """The firms with figures of ``year``, ordered by code; ``sales_musd_previous`` is the row of the year before, where there is one.

    Requires year in 1991..1999; raises ValueError otherwise.
    """
    if year not in YEARS:
        raise ValueError(f"year {year}: the panel has 1991 to 1999")
    with source.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    sales = {(row["company"], int(row["year"])): row["sales_musd"] for row in rows}
    divisions = {row["company"]: pick(row["company"], PACK, seed, DIVISIONS) for row in rows}
    usccs = assign_usccs(divisions, PACK, seed)
    firms = []
    for row in rows:
        if int(row["year"]) != year:
            continue
        company = row["company"]
        values = {field: row[field] for field in _FIELDS if row[field]}
        if (previous := sales.get((company, year - 1))) is not None:
            values["sales_musd_previous"] = previous
        firms.append(Firm(usccs[company], company, divisions[company], values))
    return Population(PACK, str(year), OWNERS, tuple(sorted(firms, key=lambda firm: firm.uscc)))
