"""Integer combinations of functionals, small coefficients first: what stands in where a joint distribution is too large [D5]."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import gcd


def combinations(size: int, limit: int) -> Iterator[tuple[int, ...]]:
    """Integer vectors without a common factor, up to sign, entries at most ``limit``: by their greatest entry, then in order.

    >>> list(combinations(2, 2))
    [(0, 1), (1, -1), (1, 0), (1, 1), (1, -2), (1, 2), (2, -1), (2, 1)]
    """
    for height in range(1, limit + 1):
        for zeros in range(size - 1, -1, -1):  # before the first entry that is not zero, which is positive
            for first in range(1, height + 1):
                for rest in product(range(-height, height + 1), repeat=size - zeros - 1):
                    if max((first, *map(abs, rest))) == height and gcd(first, *rest) == 1:
                        yield (0,) * zeros + (first, *rest)


def count(size: int, limit: int) -> int:
    """Number of vectors that ``combinations`` gives.

    >>> [count(2, limit) == len(list(combinations(2, limit))) for limit in (1, 2, 3, 6)]
    [True, True, True, True]
    """
    primitive: dict[int, int] = {}
    for divisor in range(limit, 0, -1):  # vectors of which it is the greatest common divisor
        whole = ((2 * (limit // divisor) + 1) ** size - 1) // 2
        primitive[divisor] = whole - sum(primitive[multiple] for multiple in range(2 * divisor, limit + 1, divisor))
    return primitive[1]
