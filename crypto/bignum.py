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

    Digits are signed, so a row holds 2^(window-1) powers and the negative ones share one inversion. Residues are kept as
    x0 + x1·n, whose product takes three products and two reductions of half length: a fifth less time than one of full length.
    """

    __slots__ = ("_bits", "_high", "_low", "_modulus", "_offset", "_square", "_window")

    def __init__(self, base: Integer, modulus: Integer, bits: int, window: int) -> None:
        """Table for exponents in [0, 2^bits); ``modulus`` is n, powers are modulo n². Requires 2 <= window <= 16."""
        if not 2 <= window <= 16:
            raise ValueError(f"window is {window}, expected 2..16")
        self._bits, self._window = bits, window
        self._modulus = mpz(modulus)
        self._square = self._modulus * self._modulus
        rows = _rows(bits, window)
        self._offset = sum(1 << (window * row + window - 1) for row in range(rows))
        self._low: list[list[mpz]] = []
        self._high: list[list[mpz]] = []
        current = mpz(base) % self._square
        for _ in range(rows):
            current = self._add_row(current)

    def _add_row(self, base: mpz) -> mpz:
        """Appends base^1..base^(2^(window-1)); returns the base of the next row."""
        n = self._modulus
        high, low = gmpy2.f_divmod(base, n)
        lows, highs = [low], [high]
        last_low, last_high = low, high
        for _ in range((1 << (self._window - 1)) - 1):
            carry, product = gmpy2.f_divmod(last_low * low, n)
            last_high = (last_low * high + last_high * low + carry) % n
            last_low = product
            lows.append(last_low)
            highs.append(last_high)
        self._low.append(lows)
        self._high.append(highs)
        return (last_low + last_high * n) ** 2 % self._square

    def power(self, exponent: int) -> mpz:
        """base^exponent mod n². Raises ValueError outside [0, 2^bits)."""
        if not 0 <= exponent < 1 << self._bits:
            raise ValueError(f"exponent is outside [0, 2^{self._bits})")
        half, mask, shifted = 1 << (self._window - 1), (1 << self._window) - 1, int(exponent) + self._offset
        positive: list[tuple[mpz, mpz]] = []
        negative: list[tuple[mpz, mpz]] = []
        for row in range(len(self._low)):
            digit = (shifted >> (row * self._window) & mask) - half
            if digit > 0:
                positive.append((self._low[row][digit - 1], self._high[row][digit - 1]))
            elif digit < 0:
                negative.append((self._low[row][-digit - 1], self._high[row][-digit - 1]))
        numerator = self._product(positive)
        if not negative:
            return numerator
        return numerator * gmpy2.invert(self._product(negative), self._square) % self._square

    def _product(self, factors: list[tuple[mpz, mpz]]) -> mpz:
        n = self._modulus
        low, high = mpz(1), mpz(0)
        for factor_low, factor_high in factors:
            carry, product = gmpy2.f_divmod(low * factor_low, n)
            high = (low * factor_high + high * factor_low + carry) % n
            low = product
        return low + high * n


def window_for(count: int, bits: int, largest: int = 12) -> int:
    """Window that makes table and ``count`` powers together cheapest, at most ``largest`` (which bounds memory)."""
    return min(range(2, largest + 1), key=lambda window: _rows(bits, window) * ((1 << (window - 1)) + count))


def _rows(bits: int, window: int) -> int:
    """Signed digits of a number below 2^bits: the top one must hold a carry and stay below half."""
    return (bits + 1) // window + 1
