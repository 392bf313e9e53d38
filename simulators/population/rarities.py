"""What is rare but what rules turn on: months of zero filing, and data that is missing. Given to fixed shares, at least one each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from simulators.population.fields.traits import Columns, Traits

ZERO_MONTHS = "zero_filing_months"
CONSECUTIVE_SHARE = 0.025  # of firms: zero filers of three or more consecutive months
SCATTERED_SHARE = 0.03  # zero filers of several months, no three of them consecutive
UNKNOWN_SHARE = 0.015  # of firms, for each department: no record there at all
BLANK_SHARE = 0.01  # of cells that may be blank
_MOST_MONTHS = 9


def zero_months(draw: np.random.Generator, traits: Traits, year: int) -> list[str]:
    """Zero-filing months of each firm: a run of three or more, scattered ones, or (for most) none. The smallest firms are likeliest."""
    count = traits.count
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


def blank(draw: np.random.Generator, columns: Columns, owners: Mapping[str, Sequence[str]], single: Sequence[str], kept: frozenset[str]) -> None:
    """Missing data, made in place: whole records that a department lacks, and cells of the fields ``single``.

    ``owners``: member -> its fields; those of ``kept`` lack no whole record. Zero filers and grade D stay.
    """
    count = len(columns[ZERO_MONTHS])
    ordinary = np.array([index for index in range(count) if not columns[ZERO_MONTHS][index]], dtype=np.int64)
    for member, owned in owners.items():
        if member not in kept:
            for index in draw.choice(ordinary, size=min(_quota(UNKNOWN_SHARE, count), len(ordinary)), replace=False):
                for field in owned:
                    columns[field][index] = ""
    for field in single:
        for index in draw.choice(count, size=_quota(BLANK_SHARE, count), replace=False):
            if columns[field][index] != "D":
                columns[field][index] = ""


def _written(year: int, months: tuple[int, ...] | range) -> str:
    return ";".join(f"{year}-{month:02d}" for month in months)


def _quota(share: float, count: int) -> int:
    return min(count, max(1, round(share * count)))
