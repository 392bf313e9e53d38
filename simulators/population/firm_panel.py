"""Pack ``firm-panel``: real figures of listed firms (simulators/data), each firm with a generated unified social credit code.

Figures are passed on as the exact text of the source: nothing is rounded here. Codes, counties and nothing else depend on the seed.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable
from pathlib import Path

from crypto.subjects import make_uscc
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
_ORGANISATION_CHARACTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def load(year: int = DEFAULT_YEAR, seed: int = 0, source: Path = SOURCE) -> Population:
    """The firms with figures of ``year``, ordered by code; ``sales_musd_previous`` is the row of the year before, where there is one.

    Requires year in 1991..1999; raises ValueError otherwise.
    """
    if year not in YEARS:
        raise ValueError(f"year {year}: the panel has 1991 to 1999")
    with source.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    sales = {(row["company"], int(row["year"])): row["sales_musd"] for row in rows}
    usccs = assign_usccs((row["company"] for row in rows), seed)
    firms = []
    for row in rows:
        if int(row["year"]) != year:
            continue
        company = row["company"]
        values = {field: row[field] for field in _FIELDS if row[field]}
        if (previous := sales.get((company, year - 1))) is not None:
            values["sales_musd_previous"] = previous
        uscc = usccs[company]
        firms.append(Firm(uscc, company, uscc[2:8], values))
    return Population(PACK, str(year), OWNERS, tuple(sorted(firms, key=lambda firm: firm.uscc)))


def assign_usccs(companies: Iterable[str], seed: int) -> dict[str, str]:
    """The published mapping company -> valid USCC, all different; a firm keeps its code over the years of one seed.

    The organisation code is drawn by SHA-256 from (seed, company, attempt); an attempt that meets a code already given is repeated,
    companies being taken in the order of their names.
    """
    mapping: dict[str, str] = {}
    given: set[str] = set()
    for company in sorted(set(companies)):
        attempt = 0
        while (uscc := _candidate(company, seed, attempt)) in given:
            attempt += 1
        given.add(uscc)
        mapping[company] = uscc
    return mapping


def _candidate(company: str, seed: int, attempt: int) -> str:
    drawn = hashlib.sha256(f"firm-panel:{seed}:{attempt}:{company}".encode()).digest()
    organisation = "MA" + "".join(_ORGANISATION_CHARACTERS[byte % len(_ORGANISATION_CHARACTERS)] for byte in drawn[:6])
    return make_uscc("9", "1", DIVISIONS[drawn[6] % len(DIVISIONS)], organisation)
