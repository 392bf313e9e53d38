"""The shape of a field that the catalogue does not name: by the declared type and unit, and by what its name warns of.

A pack is so given a whole population on the day that it lands; what it needs beyond plausibility goes into the catalogue.
"""

from __future__ import annotations

import re

from scoring.rules.values import FieldSpec
from scoring.statements import Title
from simulators.population.fields.shapes import Age, Amount, Before, Count, Mark, Pick, Shape, Share, Some

AMOUNTS = {"yuan": 1, "k-yuan": 1000, "10k-yuan": 10_000, "m-yuan": 10**6, "100m-yuan": 10**8}
"""Units of money, in yuan."""
SPANS = {"years": 1.0, "months": 12.0, "days": 365.25}
"""Units of time, of a year."""
PARTS = {"ratio": 1.0, "percent": 100.0}
"""Units of a share, of the whole."""
_BAD = re.compile(r"violat|overdue|abnormal|penalt|dishonest|enforced|accident|default|litigation|arrear|blacklist|illegal|misconduct|closed|banned")
_NOTHING = re.compile(r"none|no|other|others|not-.*|un.*")
_BEFORE = re.compile(r"(?P<of>.+?)_(?:(?:previous|last_year|year_before)(?P<more>_?2|_two)?|(?P<two>two_years_ago|before_previous|year_before_last))")


FIGURE = FieldSpec(title=Title(zh="金额", en="amount"), type="decimal", unit="yuan")
"""What a field is taken for that no pack declares, but that another follows."""


def fallback(name: str, spec: FieldSpec) -> Shape:
    """The shape of a number, a flag or a category. Months have none: they are drawn as zero filings are."""
    if (match := _BEFORE.fullmatch(name)) is not None:
        return Before(match["of"], 2 if match["more"] or match["two"] else 1)
    bad = _BAD.search(name) is not None
    if spec.type == "flag":
        return Mark(0.015, innovation=0.0, size=-0.1) if bad else Mark(0.25)
    if spec.type == "category":
        return Pick(tuple(_weight(value, place, len(spec.values)) for place, value in enumerate(spec.values)))
    by_unit: dict[str, Shape] = {
        **dict.fromkeys(AMOUNTS, Amount("revenue", 0.002 if bad else 0.03, none=0.97 if bad else 0.3)),
        **dict.fromkeys(SPANS, Age()),
        **dict.fromkeys(PARTS, Share(-3.0 if bad else -1.0, innovation=0.3)),
        "persons": Some("insured_staff", -2.5, innovation=0.3),
    }
    return by_unit.get(spec.unit, Count(0.02 if bad else 0.8))


def _weight(value: str, place: int, count: int) -> float:
    """Titles are listed from the rarest; a value that says that there is nothing is the commonest of all."""
    return 4.0 * 2.0**count if _NOTHING.fullmatch(value) else 2.0**place
