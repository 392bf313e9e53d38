"""Threshold opening: Shoup's threshold RSA with public exponent n, applied to Paillier's n-th roots [P1.3, P1.4].

With d = n^(−1) mod p'q' shared by a polynomial, t custodians together extract the n-th root r of c mod n, and r opens c.
Who may open what is decided elsewhere; here every opening that is returned has been checked.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import gmpy2
from gmpy2 import mpz

from crypto.bignum import power, secret_power
from crypto.encoding import to_fixed, xof_mod
from crypto.errors import KeyFormatError, OpeningError, PartialError
from crypto.keygen import PrivateKey, RandBits
from crypto.paillier import Opening, PublicKey, balanced, check_ciphertexts

MAX_SUBSETS = 4096


@dataclass(frozen=True, slots=True)
class Share:
    """Custodian ``index``'s share d_i, of one generation; partials of different generations never mix. ``repr`` hides the value."""

    index: int
    value: int = field(repr=False)
    generation: int = 0


@dataclass(frozen=True, slots=True)
class Sharing:
    """Public side of a shared key: t = ``threshold`` of l = ``parties``, base v and v_i = v^(d_i) mod n [P1.4].

    The shares are of E·d, E being ``factor``: 1 until a re-sharing [P1.7]. ``bound``: |d_i| is below it; ``dealt``: what it was when the shares
    were last dealt, before refreshes added to them.
    """

    public_key: PublicKey
    threshold: int
    parties: int
    v: int
    v_i: tuple[int, ...]
    bound: int
    dealt: int
    generation: int = 0
    factor: int = 1

    @property
    def delta(self) -> int:
        """Δ = l!, which clears the denominators of Lagrange's coefficients."""
        return math.factorial(self.parties)


def deal(private_key: PrivateKey, threshold: int, parties: int, randbits: RandBits) -> tuple[Sharing, list[Share]]:
    """Shares d = n^(−1) mod p'q' among ``parties`` custodians, any ``threshold`` of whom open [P1.3].

    Raises KeyFormatError unless parties/2 < threshold <= parties and every prime factor of p'q' exceeds ``parties``.
    """
    check_shape(threshold, parties)
    order, n = mpz(private_key.order), private_key.n
    if min(private_key.p, private_key.q) // 2 <= parties:
        raise KeyFormatError("a prime factor of p'q' does not exceed the number of custodians")
    coefficients = [gmpy2.invert(n, order)]
    coefficients += [randbits(order.bit_length() + 128) % order for _ in range(threshold - 1)]  # within 2^-128 of uniform
    shares = [Share(i, int(evaluate(coefficients, i) % order)) for i in range(1, parties + 1)]
    public_key = PublicKey.from_modulus(n, min_bits=n.bit_length())
    v = verification_base(n)
    return Sharing(public_key, threshold, parties, v, tuple(int(secret_power(v, share.value, n)) for share in shares), n, n), shares


def verification_base(n: int) -> int:
    """v, a public square mod n drawn from a hash of n [P1.4]."""
    return xof_mod("verification-base", n, to_fixed(n, (n.bit_length() + 7) // 8)) ** 2 % n


def evaluate(coefficients: Sequence[mpz | int], x: int) -> mpz:
    """Value at ``x`` of the polynomial with these coefficients, the constant first."""
    result = mpz(0)
    for coefficient in reversed(coefficients):
        result = result * x + coefficient
    return result


def lagrange(delta: int, index: int, indices: Iterable[int]) -> int:
    """λ_index = Δ·Π j/(j − index) over the other ``indices``: an integer, since Δ = l! clears the denominators. Requires distinct indices in 1..l."""
    numerator, denominator = delta, 1
    for other in indices:
        if other != index:
            numerator, denominator = numerator * other, denominator * (other - index)
    return numerator // denominator


def check_share(sharing: Sharing, share: Share) -> None:
    """Holds when the share belongs to this sharing: v^(d_i) = v_i [P1.4]. Each custodian checks its own.

    Raises KeyFormatError for an index outside 1..l, another generation, or a value that does not match v_i.
    """
    if not 1 <= share.index <= sharing.parties:
        raise KeyFormatError(f"share number {share.index} is outside 1..{sharing.parties}")
    if share.generation != sharing.generation:
        raise KeyFormatError(f"share is of generation {share.generation}, the sharing of {sharing.generation}")
    if secret_power(sharing.v, share.value, sharing.public_key.n) != sharing.v_i[share.index - 1]:
        raise KeyFormatError(f"share {share.index} does not match its verification value")


def check_sharing(sharing: Sharing) -> None:
    """Holds when all v_i lie on one polynomial of degree t − 1 whose constant is E·n^(−1): (Π v_i^(2λ_i))^n = v^(2Δ·E) [P1.4].

    Checked over subsets that share t − 1 custodians and together cover all: two polynomials of that degree that agree in
    those and in the constant are equal. Raises KeyFormatError, naming the subset, and for a base that is not the hashed one.
    """
    check_shape(sharing.threshold, sharing.parties)
    n = sharing.public_key.n
    if sharing.v != verification_base(n):
        raise KeyFormatError("the base of the verification values is not the hashed square")
    if len(sharing.v_i) != sharing.parties:
        raise KeyFormatError(f"{len(sharing.v_i)} verification values for {sharing.parties} custodians")
    if any(not 1 <= value < n or gmpy2.gcd(value, n) != 1 for value in sharing.v_i):
        raise KeyFormatError("a verification value is outside [1, n) or not invertible")
    expected = power(sharing.v, 2 * sharing.delta * sharing.factor, n)
    shared = range(2, sharing.threshold + 1)
    for other in (1, *range(sharing.threshold + 1, sharing.parties + 1)):
        subset = (other, *shared)
        if power(_interpolate(sharing, {i: sharing.v_i[i - 1] for i in subset}), n, n) != expected:
            raise KeyFormatError(f"verification values of custodians {subset} do not interpolate to the key")


def partial(sharing: Sharing, share: Share, ciphertext: int) -> int:
    """Custodian's partial opening x_i = (c mod n)^(2Δ·d_i) mod n, in constant time [P1.3, P1.6].

    Raises CiphertextError when c is not in [1, n²) and coprime to n, PartialError for a share of another generation.
    """
    if share.generation != sharing.generation:
        raise PartialError(f"share is of generation {share.generation}, the sharing of {sharing.generation}")
    check_ciphertexts(sharing.public_key, (ciphertext,))
    n = sharing.public_key.n
    return int(secret_power(ciphertext % n, 2 * sharing.delta * mpz(share.value), n))


def combine(sharing: Sharing, ciphertext: int, partials: Mapping[int, int]) -> Opening:
    """Opening of c from at least t partials, keyed by share number; what is returned opens c [P1.3, P1.4].

    With more than t partials, subsets of t are tried until one opens, at most MAX_SUBSETS: all of them up to 14 custodians. That one opens
    says nothing about the other partials.
    Raises CiphertextError for an invalid c, PartialError for fewer than t, an unknown number or a value that is no unit
    mod n, and OpeningError when no subset opens c.
    """
    check_ciphertexts(sharing.public_key, (ciphertext,))
    n = sharing.public_key.n
    if len(partials) < sharing.threshold:
        raise PartialError(f"{len(partials)} partials, {sharing.threshold} needed")
    for index, value in partials.items():
        if not 1 <= index <= sharing.parties:
            raise PartialError(f"partial of share number {index}, expected 1..{sharing.parties}")
        if not 1 <= value < n or gmpy2.gcd(value, n) != 1:
            raise PartialError(f"partial of share {index} is outside [1, n) or not invertible")
    for opening in _openings(sharing, mpz(ciphertext), partials):
        return opening
    raise OpeningError(f"no {sharing.threshold} of these {len(partials)} partials open the ciphertext")


def check_shape(threshold: int, parties: int) -> None:
    """Holds when ``threshold`` of ``parties`` custodians is a majority [P1.3]. Raises KeyFormatError."""
    if not parties / 2 < threshold <= parties:
        raise KeyFormatError(f"threshold {threshold} of {parties}: expected more than half, at most all")


def _openings(sharing: Sharing, ciphertext: mpz, partials: Mapping[int, int]) -> Iterator[Opening]:
    n = mpz(sharing.public_key.n)
    cleared = 4 * sharing.delta**2 * sharing.factor
    b = gmpy2.invert(n, cleared)  # a·4Δ²·E + b·n = 1 with b below 4Δ²·E, so that only a costs
    a = (1 - b * n) // cleared
    rest = power(ciphertext % n, b, n)
    for subset in itertools.islice(_subsets(sorted(partials), sharing.threshold), MAX_SUBSETS):
        w = _interpolate(sharing, {index: partials[index] for index in subset})
        r = power(w, a, n) * rest % n
        root = power(r, n, sharing.public_key.n2)
        lift, remainder = gmpy2.f_divmod(ciphertext - root, n)
        if remainder == 0:  # r^n = c mod n; then m = (c − r^n)/n · r^(−n) is the one m with (1 + m·n)·r^n = c mod n²
            yield Opening(balanced(int(lift * gmpy2.invert(root, n)), int(n)), int(r))


def _subsets(numbers: Sequence[int], size: int) -> Iterator[tuple[int, ...]]:
    """Every subset of this size: first the runs of neighbours in a circle, which a single wrong number cannot spoil all, then the others."""
    runs = {tuple(sorted((*numbers, *numbers)[start : start + size])): None for start in range(len(numbers))}
    yield from runs
    yield from (subset for subset in itertools.combinations(numbers, size) if subset not in runs)


def _interpolate(sharing: Sharing, values: Mapping[int, int]) -> mpz:
    """Π value_i^(2λ_i) mod n with the integer coefficients λ_i = Δ·Π j/(j − i) over the indices present."""
    n, product = sharing.public_key.n, mpz(1)
    for index, value in values.items():
        product = product * power(value, 2 * lagrange(sharing.delta, index, values), n) % n
    return product
