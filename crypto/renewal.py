"""Shares of a key renewed without the key: refresh among the same custodians, re-sharing to others [P1.7].

Both are rounds of deals: a dealer commits to a polynomial, gives each receiver its value there, and each receiver adds up what it
got. In a refresh every custodian deals the constant 0; in a re-sharing t custodians deal λ_i·d_i·Δ', Δ' being that of the new sharing.
Nobody knows p'q', so everything is an integer and nothing is ever reduced. Who may begin a round, and when it takes effect, is decided elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import gmpy2
from gmpy2 import mpz

from crypto.bignum import power, secret_power
from crypto.errors import KeyFormatError
from crypto.keygen import RandBits
from crypto.threshold import Share, Sharing, check_shape, check_sharing, evaluate, lagrange

STATISTICAL_BITS = 128  # masks hide what they cover up to 2^-128


@dataclass(frozen=True, slots=True)
class Deal:
    """One dealer's part in a round: C_k = v^(a_k) of its polynomial, k = 0 … t − 1, and its values at 1 … l, which ``repr`` hides."""

    commitments: tuple[int, ...]
    values: tuple[int, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Round:
    """A change from sharing ``old`` to one of t = ``threshold`` of l = ``parties``; ``dealers`` are share numbers of ``old``, in order."""

    old: Sharing
    threshold: int
    parties: int
    dealers: tuple[int, ...]
    reshares: bool

    @classmethod
    def refresh(cls, old: Sharing) -> Round:
        """Every custodian deals zero to the others; numbers, threshold and E stay."""
        return cls(old, old.threshold, old.parties, tuple(range(1, old.parties + 1)), reshares=False)

    @classmethod
    def reshare(cls, old: Sharing, threshold: int, parties: int, dealers: Sequence[int]) -> Round:
        """t custodians of ``old`` deal their shares to ``parties`` receivers.

        Raises KeyFormatError unless the new threshold is a majority and exactly t distinct custodians deal.
        """
        check_shape(threshold, parties)
        if len(set(dealers)) != len(dealers) or len(dealers) != old.threshold or not all(1 <= dealer <= old.parties for dealer in dealers):
            raise KeyFormatError(f"a re-sharing has {old.threshold} distinct dealers among the {old.parties} custodians")
        return cls(old, threshold, parties, tuple(sorted(dealers)), reshares=True)

    # --- sizes, public ---

    @property
    def mask_bits(self) -> int:
        """Masks a_k, k ≥ 1, are uniform in [0, 2^mask_bits)."""
        key_bits = self.old.public_key.n.bit_length()
        if self.reshares:
            return self._constant_bound.bit_length() + key_bits + STATISTICAL_BITS
        return max(key_bits, self.old.dealt.bit_length()) + STATISTICAL_BITS + 2 * self.old.delta.bit_length()

    @property
    def value_bound(self) -> int:
        """|f(i)| of an honest dealer is below this for every receiver i."""
        constant = self._constant_bound if self.reshares else 0
        masks = sum(int(self.parties**k) for k in range(1, self.threshold)) << self.mask_bits
        return constant + masks + 1

    @property
    def _constant_bound(self) -> int:
        largest = max(abs(lagrange(self.old.delta, dealer, self.dealers)) for dealer in self.dealers)
        return largest * self.old.bound * math.factorial(self.parties)

    # --- a dealer ---

    def deal(self, share: Share, randbits: RandBits) -> Deal:
        """The deal of the dealer that holds ``share`` of ``old``. Raises KeyFormatError when it is no dealer, or its share of another generation."""
        if share.generation != self.old.generation or share.index not in self.dealers:
            raise KeyFormatError(f"share {share.index} of generation {share.generation} is no dealer's here")
        constant = self._factor_of(share.index) * share.value if self.reshares else 0
        coefficients = [mpz(constant), *(mpz(randbits(self.mask_bits)) for _ in range(1, self.threshold))]
        n = self.old.public_key.n
        commitments = tuple(int(secret_power(self.old.v, coefficient, n)) for coefficient in coefficients)
        return Deal(commitments, tuple(int(evaluate(coefficients, i)) for i in range(1, self.parties + 1)))

    # --- everyone ---

    def check_commitments(self, dealer: int, commitments: Sequence[int]) -> None:
        """Holds when they are t units, and the first says what the dealer must deal: 1, or v_i^(λ_i·Δ'). Raises KeyFormatError."""
        n = self.old.public_key.n
        if dealer not in self.dealers:
            raise KeyFormatError(f"custodian {dealer} does not deal in this round")
        if len(commitments) != self.threshold or any(not 1 <= value < n or gmpy2.gcd(value, n) != 1 for value in commitments):
            raise KeyFormatError(f"dealer {dealer}: expected {self.threshold} commitments in [1, n) that are units")
        expected = power(self.old.v_i[dealer - 1], self._factor_of(dealer), n) if self.reshares else 1
        if commitments[0] != expected:
            raise KeyFormatError(f"dealer {dealer}: the constant committed to is not {'its share' if self.reshares else 'zero'}")

    def renewed(self, commitments: Mapping[int, Sequence[int]]) -> Sharing:
        """The sharing that the dealers' commitments, by share number, lead to: its v_i lie on one polynomial whose constant is that of the key.

        Raises KeyFormatError when a dealer is missing, as ``check_commitments``, and as ``check_sharing``.
        """
        if set(commitments) != set(self.dealers):
            raise KeyFormatError("not exactly the dealers of the round have committed themselves")
        for dealer, found in commitments.items():
            self.check_commitments(dealer, found)
        v_i = tuple(self._new_v(index, list(commitments.values())) for index in range(1, self.parties + 1))
        received = len(self.dealers) * self.value_bound
        if self.reshares:
            factor = self.old.factor * self.old.delta * math.factorial(self.parties)
            changed = replace(self.old, threshold=self.threshold, parties=self.parties, bound=received, dealt=received, factor=factor)
        else:
            changed = replace(self.old, bound=self.old.bound + received)
        sharing = replace(changed, v_i=v_i, generation=self.old.generation + 1)
        check_sharing(sharing)
        return sharing

    # --- a receiver ---

    def check_value(self, receiver: int, commitments: Sequence[int], value: int) -> None:
        """Holds when ``value`` is the receiver's on the polynomial committed to, and no longer than an honest one. Raises KeyFormatError."""
        if abs(value) >= self.value_bound:
            raise KeyFormatError("a dealt value is longer than the round allows")
        n = self.old.public_key.n
        if secret_power(self.old.v, value, n) != _committed(commitments, receiver, n):
            raise KeyFormatError("a dealt value is not on the polynomial that its dealer committed to")

    def combine(self, receiver: int, values: Sequence[int], own: Share | None = None) -> Share:
        """The receiver's share of the next generation from the dealers' checked values; in a refresh added to its ``own``, never reduced.

        Raises KeyFormatError when a value, or the share to refresh, is missing.
        """
        if len(values) != len(self.dealers):
            raise KeyFormatError(f"{len(values)} values of {len(self.dealers)} dealers")
        if self.reshares:
            return Share(receiver, sum(values), self.old.generation + 1)
        if own is None or (own.index, own.generation) != (receiver, self.old.generation):
            raise KeyFormatError("a refresh adds to the share of the generation before")
        return Share(receiver, own.value + sum(values), self.old.generation + 1)

    def _factor_of(self, dealer: int) -> int:
        return lagrange(self.old.delta, dealer, self.dealers) * math.factorial(self.parties)

    def _new_v(self, index: int, commitments: Sequence[Sequence[int]]) -> int:
        n = self.old.public_key.n
        product = mpz(1) if self.reshares else mpz(self.old.v_i[index - 1])
        for found in commitments:
            product = product * _committed(found, index, n) % n
        return int(product)


def _committed(commitments: Sequence[int], x: int, n: int) -> mpz:
    """Π C_k^(x^k) mod n, by Horner: v to the value at x."""
    result = mpz(1)
    for commitment in reversed(commitments):
        result = power(result, x, n) * commitment % n
    return result
