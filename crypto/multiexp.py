"""Products of powers Π c_i^(w_i) mod n² for public integer weights, by Bos–Coster addition chains.

A chain depends on the weights only: it is computed once and replayed for every ciphertext of a column.
``naive`` is the oracle of the fast one. Everything here is public; secret exponents never come this way.
"""

from __future__ import annotations

import functools
import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import gmpy2
from gmpy2 import mpz

from crypto.bignum import Integer, power
from crypto.errors import CryptoError
from crypto.paillier import PublicKey


@dataclass(frozen=True, slots=True)
class _Chain:
    """Steps (target, source, q): target ← target·source^q. Afterwards the product is last^exponent."""

    steps: tuple[tuple[int, int, int], ...]
    last: int
    exponent: int

    def evaluate(self, bases: Sequence[Integer], modulus: Integer) -> mpz:
        values = [mpz(base) for base in bases]
        n = mpz(modulus)
        for target, source, quotient in self.steps:
            factor = values[source] if quotient == 1 else power(values[source], quotient, n)
            values[target] = values[target] * factor % n
        return power(values[self.last], self.exponent, n)


@dataclass(frozen=True, slots=True)
class Plan:
    """How to evaluate Π base_i^(w_i) for one vector of weights, over any bases and moduli."""

    count: int
    _positive: _Chain | None
    _negative: _Chain | None

    def evaluate(self, bases: Sequence[Integer], modulus: Integer) -> int:
        """Π base_i^(w_i) mod modulus; 1 when all weights are 0.

        Raises ValueError for another number of bases than weights, ZeroDivisionError when a base of negative weight has no inverse.
        """
        if len(bases) != self.count:
            raise ValueError(f"{len(bases)} bases for {self.count} weights")
        product = self._positive.evaluate(bases, modulus) if self._positive else mpz(1) % modulus
        if self._negative:
            product = product * gmpy2.invert(self._negative.evaluate(bases, modulus), modulus) % modulus
        return int(product)


def plan(weights: Sequence[int]) -> Plan:
    """Plan for integer weights of any size and sign; negative ones are evaluated apart and inverted once."""
    positive = [(weight, index) for index, weight in enumerate(weights) if weight > 0]
    negative = [(-weight, index) for index, weight in enumerate(weights) if weight < 0]
    return Plan(len(weights), _chain(positive), _chain(negative))


def _chain(terms: list[tuple[int, int]]) -> _Chain | None:
    """Bos and Coster: with a >= b the two largest exponents, x^a·y^b = x^(a − q·b)·(y·x^q)^b, until one exponent is left."""
    if not terms:
        return None
    heap = [(-mpz(weight), index) for weight, index in terms]
    heapq.heapify(heap)
    steps: list[tuple[int, int, int]] = []
    while len(heap) > 1:
        largest, source = heapq.heappop(heap)
        second, target = heap[0]
        quotient, rest = gmpy2.f_divmod(-largest, -second)
        steps.append((target, source, int(quotient)))
        if rest:
            heapq.heappush(heap, (-rest, source))
    exponent, last = heap[0]
    return _Chain(tuple(steps), last, int(-exponent))


def naive(weights: Sequence[int], bases: Sequence[Integer], modulus: Integer) -> int:
    """Π base_i^(w_i) mod modulus by one power each: the oracle of ``Plan.evaluate``. Raises ValueError for unequal lengths."""
    product = mpz(1) % modulus
    for weight, base in zip(weights, bases, strict=True):
        product = product * power(base, weight, modulus) % modulus
    return int(product)


@functools.lru_cache(maxsize=256)
def _plan_of(weights: tuple[int, ...]) -> Plan:
    return plan(weights)


def linear_combination(public_key: PublicKey, weights: Sequence[int], ciphertexts: Sequence[int], constant: int = 0) -> int:
    """Ciphertext of Σ w_i·m_i + constant: (1 + constant·n)·Π c_i^(w_i) mod n². It is not randomised anew: anyone can recompute it.

    Requires valid ciphertexts. Raises CryptoError when there are not as many weights as ciphertexts.
    """
    if len(weights) != len(ciphertexts):
        raise CryptoError(f"{len(weights)} weights for {len(ciphertexts)} ciphertexts")
    product = _plan_of(tuple(weights)).evaluate(ciphertexts, public_key.n2)
    return int((1 + mpz(constant) % public_key.n * public_key.n) * product % public_key.n2)
