"""Paillier private keys from safe primes, and the proof that a modulus is fit for Paillier [P1.1, P1.5].

The private key lives only inside the ceremony, which shares d and erases the rest. Nothing here decrypts.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import gmpy2
from gmpy2 import mpz

from crypto.bignum import power, secret_power
from crypto.encoding import to_fixed, xof_mod
from crypto.errors import KeyFormatError
from crypto.paillier import PublicKey

RandBits = Callable[[int], int]

KEY_PROOF_ROOTS = 11  # Goldberg et al. 2019 at 128 bits: 11 · log2(6370) >= 128
KEY_PROOF_FACTOR_BOUND = 6370
_PRIMALITY_ROUNDS = 40
_SIEVE_BOUND = 1 << 19
_SIEVE_WIDTH = 1 << 18


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """Distinct safe primes p and q of equal length. ``repr`` shows neither."""

    p: int = field(repr=False)
    q: int = field(repr=False)

    @property
    def n(self) -> int:
        """The public modulus."""
        return self.p * self.q

    @property
    def order(self) -> int:
        """p'q', the order of the squares mod n; secret."""
        return (self.p - 1) // 2 * ((self.q - 1) // 2)


def generate_private_key(bits: int, randbits: RandBits) -> PrivateKey:
    """Private key whose modulus has exactly ``bits`` bits [P1.1].

    ``randbits(k)`` returns k uniform secret bits. Requires bits a multiple of 16, at least 256. Raises ValueError otherwise.
    """
    if bits < 256 or bits % 16:
        raise ValueError(f"modulus of {bits} bits: expected a multiple of 16, at least 256")
    p = safe_prime(bits // 2, randbits)
    q = p
    while q == p:
        q = safe_prime(bits // 2, randbits)
    return PrivateKey(p, q)


def prove_key(private_key: PrivateKey) -> tuple[int, ...]:
    """n-th roots of 11 hashed residues: they exist for every residue only if gcd(n, φ(n)) = 1 [P1.5]."""
    n = private_key.n
    exponent = gmpy2.invert(n, 2 * mpz(private_key.order))
    return tuple(int(secret_power(key_challenge(n, index), exponent, n)) for index in range(KEY_PROOF_ROOTS))


def check_key_proof(public_key: PublicKey, roots: Sequence[int]) -> None:
    """Holds when n has no prime factor below 6370 and ``roots`` are the n-th roots of the 11 hashed residues [P1.5].

    Raises KeyFormatError for a wrong number of roots, a root outside [1, n), a root that is none, or a small factor.
    """
    n = public_key.n
    if gmpy2.gcd(n, gmpy2.primorial(KEY_PROOF_FACTOR_BOUND - 1)) != 1:
        raise KeyFormatError(f"modulus has a prime factor below {KEY_PROOF_FACTOR_BOUND}")
    if len(roots) != KEY_PROOF_ROOTS:
        raise KeyFormatError(f"key proof has {len(roots)} roots, expected {KEY_PROOF_ROOTS}")
    for index, root in enumerate(roots):
        if not 1 <= root < n or power(root, n, n) != key_challenge(n, index):
            raise KeyFormatError(f"key proof: root {index} is not an n-th root of its challenge")


def key_challenge(n: int, index: int) -> int:
    """Residue mod n whose n-th root the key proof shows: SHAKE256(label ‖ n ‖ i) mod n, i = 0..10 as 8 bytes [P1.5]."""
    return xof_mod("key-proof", n, to_fixed(n, (n.bit_length() + 7) // 8), to_fixed(index, 8))


def safe_prime(bits: int, randbits: RandBits) -> int:
    """Safe prime of ``bits`` bits with its two top bits set, so that a product of two has twice the length [P1.1].

    Scans windows of candidates upwards from random starts; a window without one is dropped.
    """
    while True:
        start = randbits(bits - 3) | 3 << (bits - 3)
        start += (5 - start) % 6  # p' = 5 mod 6, or 3 divides p' or 2p' + 1, or p' is even
        for half in _candidates(start):
            prime = 2 * half + 1
            if prime.bit_length() == bits and _is_safe(half, prime):
                return int(prime)


def _is_safe(half: mpz, prime: mpz) -> bool:
    """Whether both are prime; the cheap Fermat tests come first because nearly every candidate fails one."""
    if power(2, half - 1, half) != 1 or power(2, prime - 1, prime) != 1:
        return False
    return gmpy2.is_prime(half, _PRIMALITY_ROUNDS) and gmpy2.is_prime(prime, _PRIMALITY_ROUNDS)


def _candidates(start: int) -> Iterator[mpz]:
    """Numbers start + 6k for which neither they nor twice them plus one have a prime factor below the sieve's bound."""
    composite = bytearray(_SIEVE_WIDTH)
    for prime, sixth in _small_primes():
        for residue in (0, (prime - 1) // 2):  # p' = 0, or 2p' + 1 = 0, modulo the small prime
            first = (residue - start) * sixth % prime
            composite[first::prime] = b"\1" * len(range(first, _SIEVE_WIDTH, prime))
    for k, excluded in enumerate(composite):
        if not excluded:
            yield mpz(start) + 6 * k


@functools.cache
def _small_primes() -> tuple[tuple[int, int], ...]:
    """Primes from 5 to the sieve's bound, each with the inverse of 6."""
    sieve = bytearray(b"\1") * _SIEVE_BOUND
    for number in range(2, int(_SIEVE_BOUND**0.5) + 1):
        if sieve[number]:
            sieve[number * number :: number] = bytes(len(range(number * number, _SIEVE_BOUND, number)))
    return tuple((number, pow(6, -1, number)) for number in range(5, _SIEVE_BOUND) if sieve[number])
