"""Divisions by GB/T 2260: two digits name a province, four a city, six a county. A prefix stands for all that lies below it."""

from __future__ import annotations

import re
from typing import Literal

DIVISION = re.compile(r"[1-9][0-9]{5}")
PREFIX = re.compile(r"(?:[1-9][0-9](?:[0-9]{2}){0,2})?")
Level = Literal["all", "province", "city", "county"]
_LEVELS: dict[int, Level] = {0: "all", 2: "province", 4: "city", 6: "county"}


def level_of(prefix: str) -> Level:
    """What a prefix stands for. Requires a prefix of 0, 2, 4 or 6 digits; raises KeyError otherwise.

    >>> level_of("3301"), level_of("330108")
    ('city', 'county')
    """
    return _LEVELS[len(prefix)]


def full_code(prefix: str) -> str:
    """The six-digit code by which GB/T 2260 lists the division of a prefix.

    >>> full_code("3301"), full_code("33")
    ('330100', '330000')
    """
    return prefix.ljust(6, "0")


def prefix_of(code: str) -> str:
    """The prefix of a division listed as six digits, as members of a zone are registered under.

    >>> prefix_of("330100"), prefix_of("330000"), prefix_of("330108")
    ('3301', '33', '330108')
    """
    return code[:2] if code.endswith("0000") else code[:4] if code.endswith("00") else code
