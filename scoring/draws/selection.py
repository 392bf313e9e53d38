"""Which items a draw takes: the lowest ranks by a number that one party fixed and a tree root that others fixed [P6].

An item's rank is a hash over R, the root and the item. The k lowest of a stratum are k items without replacement, each set as likely as
any other to whoever lacks R or the root; and whoever holds some items and both can tell which of them were drawn.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import comb

from crypto.encoding import sha256, to_fixed, xof

RANK_BYTES = 32


@dataclass(frozen=True, slots=True)
class Lot:
    """What decides a draw: R (32 bytes), which the auditor committed to, and the root of the tree that ends with what fixed it."""

    r: bytes
    root: bytes

    def rank(self, contribution: str, position: int) -> bytes:
        """Rank of one item: a contribution's envelope by its digest (hex), and the batch's place in it; a row as a whole has place 0."""
        return xof("audit-draw", RANK_BYTES, self.r, self.root, bytes.fromhex(contribution), to_fixed(position, 8))

    def chosen(self, items: Iterable[tuple[str, int]], count: int) -> set[tuple[str, int]]:
        """The ``count`` items of lowest rank, all when there are no more. Requires count >= 1."""
        return set(sorted(items, key=lambda item: self.rank(*item))[:count])

    def batches(self, contribution: str, batches: int, count: int) -> list[int]:
        """The drawn batches of one column, in order."""
        return sorted(position for _, position in self.chosen([(contribution, position) for position in range(batches)], count))


def commitment_of(r: bytes) -> str:
    """What an auditor logs before the draw: SHA-256(R), hex."""
    return sha256(r).hex()


def detection_probability(items: int, false: int, count: int) -> Fraction:
    """Chance that a draw of ``count`` of ``items`` without replacement meets at least one of ``false`` false ones.

    Requires 0 <= false <= items, count >= 0.

    >>> detection_probability(10, 1, 2)
    Fraction(1, 5)
    >>> detection_probability(10, 9, 2)
    Fraction(1, 1)
    """
    drawn = min(count, items)
    return 1 - Fraction(comb(items - false, drawn), comb(items, drawn))
