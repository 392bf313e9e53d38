"""The closed table of units in which a source may state amounts. Every conversion is a power of ten, so it is exact in decimals."""

from __future__ import annotations

from typing import Literal

Unit = Literal[
    "fen", "yuan", "k-yuan", "10k-yuan", "m-yuan", "100m-yuan",
    "usd", "k-usd", "10k-usd", "musd", "100m-usd",
    "persons", "k-persons", "10k-persons",
    "ratio", "percent", "permille",
]  # fmt: skip
_TABLE: dict[str, tuple[str, int]] = {
    "fen": ("yuan", -2),
    "yuan": ("yuan", 0),
    "k-yuan": ("yuan", 3),  # 千元
    "10k-yuan": ("yuan", 4),  # 万元
    "m-yuan": ("yuan", 6),  # 百万元
    "100m-yuan": ("yuan", 8),  # 亿元
    "usd": ("usd", 0),
    "k-usd": ("usd", 3),
    "10k-usd": ("usd", 4),  # 万美元
    "musd": ("usd", 6),  # 百万美元
    "100m-usd": ("usd", 8),  # 亿美元
    "persons": ("persons", 0),
    "k-persons": ("persons", 3),
    "10k-persons": ("persons", 4),  # 万人
    "ratio": ("ratio", 0),
    "percent": ("ratio", -2),
    "permille": ("ratio", -3),
}


def shift_between(unit: Unit, to: Unit) -> int:
    """The power of ten by which a number in ``unit`` is multiplied to be one in ``to``.

    Raises ValueError where they do not measure the same: no rate of exchange is known here.

    >>> shift_between("10k-yuan", "yuan"), shift_between("percent", "ratio")
    (4, -2)
    """
    (kind, power), (other, base) = _TABLE[unit], _TABLE[to]
    if kind != other:
        raise ValueError(f"{unit} cannot be converted into {to} 两个单位不能换算")
    return power - base
