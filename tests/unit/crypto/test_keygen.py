from __future__ import annotations

import math
import secrets

import gmpy2
import pytest

from crypto.errors import KeyFormatError
from crypto.keygen import (
    KEY_PROOF_FACTOR_BOUND,
    KEY_PROOF_ROOTS,
    PrivateKey,
    check_key_proof,
    generate_private_key,
    key_challenge,
    prove_key,
)
from crypto.paillier import PublicKey


def test_primes_are_safe_distinct_and_of_equal_length(small_private_key: PrivateKey) -> None:
    p, q = small_private_key.p, small_private_key.q
    assert p != q
    for prime in (p, q):
        assert prime.bit_length() == 256
        assert gmpy2.is_prime(prime, 50)
        assert gmpy2.is_prime(prime // 2, 50)


def test_modulus_has_exactly_the_length_asked_for() -> None:
    for bits in (256, 272, 400, 512):
        key = generate_private_key(bits, secrets.randbits)
        assert key.n.bit_length() == bits
        assert math.gcd(key.n, (key.p - 1) * (key.q - 1)) == 1


def test_order_is_that_of_the_squares(small_private_key: PrivateKey) -> None:
    n = small_private_key.n
    square = secrets.randbelow(n) ** 2 % n
    assert pow(square, small_private_key.order, n) == 1
    assert 4 * small_private_key.order == (small_private_key.p - 1) * (small_private_key.q - 1)


def test_keys_are_made_of_the_given_randomness_only() -> None:
    state = 0

    def stream(bits: int) -> int:
        nonlocal state
        state = state * 6364136223846793005 + 1442695040888963407
        return state % (1 << bits)

    made = []
    for _ in range(2):
        state = 1 << 600
        made.append(generate_private_key(256, stream).n)
    assert made[0] == made[1]


def test_the_same_prime_twice_is_drawn_again() -> None:
    draws = [1 << 100, 1 << 100, 1 << 100, 1 << 90]
    key = generate_private_key(256, lambda _: draws.pop(0))
    assert key.p != key.q
    assert draws == []


def test_private_key_is_not_printed(small_private_key: PrivateKey) -> None:
    shown = repr(small_private_key) + str(small_private_key)
    assert str(small_private_key.p) not in shown
    assert str(small_private_key.q) not in shown


@pytest.mark.parametrize("bits", [0, 128, 240, 513, 520])
def test_unusable_lengths_are_refused(bits: int) -> None:
    with pytest.raises(ValueError, match="multiple of 16"):
        generate_private_key(bits, secrets.randbits)


# --- the key proof [P1.5] ------------------------------------------------------------------------------------------------


def test_key_proof_of_a_true_key_holds(small_private_key: PrivateKey, small_public_key: PublicKey) -> None:
    roots = prove_key(small_private_key)
    assert len(roots) == KEY_PROOF_ROOTS == 11
    check_key_proof(small_public_key, roots)


def test_eleven_roots_and_the_bound_give_128_bits() -> None:
    assert KEY_PROOF_ROOTS * math.log2(KEY_PROOF_FACTOR_BOUND) >= 128


@pytest.mark.parametrize("index", range(11))
def test_every_root_is_checked(small_private_key: PrivateKey, small_public_key: PublicKey, index: int) -> None:
    roots = prove_key(small_private_key)
    for wrong in (roots[index] + 1, small_public_key.n - roots[index], roots[index - 1], 1):
        with pytest.raises(KeyFormatError, match=f"root {index} "):
            check_key_proof(small_public_key, (*roots[:index], wrong, *roots[index + 1 :]))


def test_roots_out_of_range_are_refused(small_private_key: PrivateKey, small_public_key: PublicKey) -> None:
    roots = prove_key(small_private_key)
    for wrong in (roots[0] + small_public_key.n, roots[0] - small_public_key.n, 0):
        with pytest.raises(KeyFormatError, match="root 0 "):
            check_key_proof(small_public_key, (wrong, *roots[1:]))


def test_missing_and_additional_roots_are_refused(small_private_key: PrivateKey, small_public_key: PublicKey) -> None:
    roots = prove_key(small_private_key)
    for wrong in ((), roots[:-1], (*roots, roots[0])):
        with pytest.raises(KeyFormatError, match="expected 11"):
            check_key_proof(small_public_key, wrong)


def prime_above(value: int, step: int = 1) -> int:
    """Smallest prime of the form value + k·step."""
    while not gmpy2.is_prime(value, 25):
        value += step
    return value


def test_a_modulus_with_a_factor_below_the_bound_is_refused() -> None:
    for factor in (3, 5, 6367):
        n = factor * prime_above(1 << 600)
        with pytest.raises(KeyFormatError, match="below 6370"):
            check_key_proof(PublicKey(n, 1), (1,) * 11)


def test_a_modulus_that_divides_its_own_totient_cannot_be_proven() -> None:
    q = prime_above(3 << 200)
    p = prime_above(2 * q * (1 << 100) + 1, 2 * q)  # q divides p − 1: n-th powers are not a permutation
    n = p * q
    # The best a cheating dealer can do is to answer those challenges that happen to have a root.
    order = (p - 1) * (q - 1) // q
    while order % q == 0:
        order //= q
    honest_part = pow(n, -1, order)
    roots = tuple(pow(key_challenge(n, index), honest_part, n) for index in range(11))
    with pytest.raises(KeyFormatError, match="not an n-th root"):
        check_key_proof(PublicKey(n, 1), roots)


def test_a_modulus_with_a_repeated_factor_cannot_be_proven() -> None:
    p, q = prime_above(3 << 200), prime_above(5 << 200)
    n = p * p * q  # p divides φ(n)
    honest_part = pow(n, -1, (p - 1) * (q - 1))
    roots = tuple(pow(key_challenge(n, index), honest_part, n) for index in range(11))
    with pytest.raises(KeyFormatError, match="not an n-th root"):
        check_key_proof(PublicKey(n, 1), roots)
