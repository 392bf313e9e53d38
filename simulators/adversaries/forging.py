"""What anybody can make of another's ciphertext without its key, and what its plaintext then shows through [P4.6, P5.3 (5)].

Pure arithmetic of attacks: these are the reasons for the rules. Nothing here is of use to an honest member.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gmpy2 import invert, powmod

from crypto.paillier import PublicKey


def rerandomised(key: PublicKey, ciphertext: int, root: int) -> int:
    """Another ciphertext of the same plaintext: c·r^n. Requires ``root`` to be a unit; nobody can see that the two belong together."""
    return int(ciphertext * powmod(root, key.n, key.n2) % key.n2)


def shifted(key: PublicKey, ciphertext: int, by: int) -> int:
    """A ciphertext of the plaintext and ``by``: c·(1 + by·n)."""
    return ciphertext * (1 + by * key.n) % key.n2


def opposite(key: PublicKey, ciphertext: int) -> int:
    """A ciphertext of the negative plaintext, which cancels the other one out of a total: the inverse of c."""
    return int(invert(ciphertext, key.n2))


def solved(total: int, other_total: int, weight: int) -> int:
    """The value that ``total`` has and ``other_total`` has not, which both have otherwise in common. Raises ValueError when it does not come out."""
    value, rest = divmod(total - other_total, weight)
    if rest:
        raise ValueError(f"{total} and {other_total} do not differ by {weight} times a value")
    return value


def bisected(rank: Callable[[int], int], low: int, high: int) -> int:
    """The least own total in (low, high] that ``rank``, the number of totals below it, puts above the next other total: that total and 1."""
    before = rank(low)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if rank(middle) == before else (low, middle)
    return high


def totals_of(values: Sequence[int]) -> Callable[[int], int]:
    """The rank function of exact percentiles over others' totals, as a gateway without P7.3 would answer."""
    return lambda own: sum(value < own for value in values)
