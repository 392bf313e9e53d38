"""Modular powers on gmpy2, and a fixed-base table modulo n². Knows neither keys nor ciphertexts.

Public exponents go through ``power``; exponents that nobody may learn go through ``secret_power`` [P1.6]. Looking a
secret exponent up in a ``FixedBase`` table is a local side channel, which the threat model states.
"""

from __future__ import annotations

import gmpy2
from gmpy2 import mpz

Integer = int | mpz


def power(base: Integer, exponent: Integer, modulus: Integer) -> mpz:
    """base^exponent mod modulus for a public exponent, negative ones by inversion; other threads run meanwhile.

    Raises ZeroDivisionError when the exponent is negative and the base has no inverse.
    """
    if exponent < 0:
        base, exponent = gmpy2.invert(base, modulus), -exponent
    context = gmpy2.get_context()
    held, context.allow_release_gil = context.allow_release_gil, True
    try:
        return gmpy2.powmod(base, exponent, modulus)
    finally:
        context.allow_release_gil = held  # loops of short products lose more to handing the lock over than they gain


def secret_power(base: Integer, exponent: Integer, modulus: Integer) -> mpz:
    """base^exponent mod an odd modulus in time that depends on sizes only [P1.6]. A negative exponent inverts the base first."""
    if exponent < 0:
        return gmpy2.powmod_sec(gmpy2.invert(base, modulus), -exponent, modulus)
    if exponent == 0:
        return mpz(1)
    return gmpy2.powmod_sec(base, exponent, modulus)


class FixedBase:
    """Powers of one base modulo n² by table: about bits/window products each.

    Digits are signed, so a row holds 2^(window-1) powers and the negative ones share one inversion. The table holds a unit
    as x·(1 + z·n) with x, z below n. Then z is only added up, and a product of x modulo n² takes two products and two
    reductions of half length: two thirds of the time of a product of full length.
    """

    __slots__ = ("_bits", "_modulus", "_offset", "_residues", "_square", "_twists", "_window")

    def __init__(self, base: Integer, modulus: Integer, bits: int, window: int) -> None:
        """Table for exponents in [0, 2^bits); ``modulus`` is n, powers are modulo n². Requires a unit and 2 <= window <= 16."""
        if not 2 <= window <= 16:
            raise ValueError(f"window is {window}, expected 2..16")
        self._bits, self._window = bits, window
        self._modulus = mpz(modulus)
        self._square = self._modulus * self._modulus
        rows = _rows(bits, window)
        self._offset = sum(1 << (window * row + window - 1) for row in range(rows))
        self._residues: list[list[mpz]] = []
        self._twists: list[list[mpz]] = []
        carry, x = gmpy2.f_divmod(base % self._square, self._modulus)
        z = carry * gmpy2.invert(x, self._modulus) % self._modulus
        for _ in range(rows):
            x, z = self._add_row(x, z)

    def _add_row(self, x: mpz, z: mpz) -> tuple[mpz, mpz]:
        """Appends powers 1..2^(window-1) of x·(1 + z·n); returns the base of the next row."""
        n = self._modulus
        inverse = last_inverse = gmpy2.invert(x, n)
        residues, twists = [x], [z]
        for _ in range((1 << (self._window - 1)) - 1):
            carry, residue = gmpy2.f_divmod(residues[-1] * x, n)
            last_inverse = last_inverse * inverse % n
            twists.append((twists[-1] + z + carry * last_inverse) % n)
            residues.append(residue)
        self._residues.append(residues)
        self._twists.append(twists)
        carry, residue = gmpy2.f_divmod(residues[-1] * residues[-1], n)
        return residue, (2 * twists[-1] + carry * (last_inverse * last_inverse % n)) % n

    def power(self, exponent: int) -> mpz:
        """base^exponent mod n². Raises ValueError outside [0, 2^bits)."""
        if not 0 <= exponent < 1 << self._bits:
            raise ValueError(f"exponent is outside [0, 2^{self._bits})")
        half, mask, shifted = 1 << (self._window - 1), (1 << self._window) - 1, int(exponent) + self._offset
        positive: list[mpz] = []
        negative: list[mpz] = []
        twist = mpz(0)
        for row, (residues, twists) in enumerate(zip(self._residues, self._twists, strict=True)):
            digit = (shifted >> (row * self._window) & mask) - half
            if digit > 0:
                positive.append(residues[digit - 1])
                twist += twists[digit - 1]
            elif digit < 0:
                negative.append(residues[-digit - 1])
                twist -= twists[-digit - 1]
        result = self._product(positive) * (1 + twist % self._modulus * self._modulus) % self._square
        return result * gmpy2.invert(self._product(negative), self._square) % self._square if negative else result

    def _product(self, residues: list[mpz]) -> mpz:
        """Product modulo n², carried as low + high·n."""
        n = self._modulus
        low, high = mpz(1), mpz(0)
        for residue in residues:
            carry, low = gmpy2.f_divmod(low * residue, n)
            high = (high * residue + carry) % n
        return low + high * n


def window_for(count: int, bits: int, largest: int = 12) -> int:
    """Window that makes table and ``count`` powers together cheapest, at most ``largest`` (which bounds memory).

    A table's entry costs two to three times a product.
    """
    return min(range(2, largest + 1), key=lambda window: _rows(bits, window) * ((5 << (window - 2)) + count))


def _rows(bits: int, window: int) -> int:
    """Signed digits of a number below 2^bits: the top one must hold a carry and stay below half."""
    return (bits + 1) // window + 1
