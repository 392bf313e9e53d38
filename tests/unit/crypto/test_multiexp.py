from __future__ import annotations

import secrets

import pytest

from crypto.errors import CryptoError
from crypto.multiexp import linear_combination, naive, plan
from crypto.paillier import PublicKey

MODULUS = (1 << 127) - 1


def bases(count: int) -> list[int]:
    return [secrets.randbelow(MODULUS - 2) + 2 for _ in range(count)]


@pytest.mark.parametrize(
    "weights",
    [
        (1,),
        (0,),
        (-1,),
        (0, 0, 0),
        (5, 5, 5),
        (1, 1 << 16),
        (65535, -65535, 0, 1),
        (6, 10, 15),
        (3, 0, -7, 12, -12, 0),
        (1 << 3000, (1 << 2999) + 1, 12345),
        tuple(range(-12, 13)),
    ],
)
def test_plan_agrees_with_single_powers(weights: tuple[int, ...]) -> None:
    values = bases(len(weights))
    assert plan(weights).evaluate(values, MODULUS) == naive(weights, values, MODULUS)


def test_a_plan_serves_any_bases_and_moduli() -> None:
    weights = (150, 75, -20, 300)
    made = plan(weights)
    for modulus in (MODULUS, 1009, 3):
        values = [value % (modulus - 1) + 1 for value in bases(4)]
        assert made.evaluate(values, modulus) == naive(weights, values, modulus)


def test_the_product_of_nothing_is_one() -> None:
    assert plan(()).evaluate((), MODULUS) == naive((), (), MODULUS) == 1
    assert plan((0, 0)).evaluate((0, 5), MODULUS) == 1


def test_bases_are_left_as_they_were() -> None:
    values = bases(3)
    before = list(values)
    plan((3, 5, 7)).evaluate(values, MODULUS)
    assert values == before


def test_another_number_of_bases_is_an_error() -> None:
    for count in (1, 3):
        with pytest.raises(ValueError, match="2 weights"):
            plan((1, 2)).evaluate(bases(count), MODULUS)
        with pytest.raises(ValueError, match="zip"):
            naive((1, 2), bases(count), MODULUS)


def test_a_base_without_inverse_is_an_error_under_a_negative_weight_only() -> None:
    assert plan((1,)).evaluate((3,), 9) == 3
    with pytest.raises(ZeroDivisionError):
        plan((-1,)).evaluate((3,), 9)


def test_chains_of_small_weights_are_much_shorter_than_single_powers() -> None:
    """24 weights of 16 bits: about 104 products against 24 times 16 squarings and 8 products."""
    weights = [secrets.randbits(16) | 1 << 15 for _ in range(24)]
    chain = plan(weights)._positive
    assert chain is not None
    products = sum(1 + 2 * (quotient.bit_length() - 1) for _, _, quotient in chain.steps) + 2 * chain.exponent.bit_length()
    assert products * 2.5 < 24 * (16 + 8)


def test_linear_combination_is_the_weighted_product(small_public_key: PublicKey) -> None:
    key = small_public_key
    ciphertexts = [(1 + m * key.n) * pow(key.h_s, m + 9, key.n2) % key.n2 for m in (4, 5, 6)]
    weights, constant = (3, -2, 0), -77
    expected = (1 + constant * key.n) * pow(ciphertexts[0], 3, key.n2) * pow(ciphertexts[1], -2, key.n2) % key.n2
    assert linear_combination(key, weights, ciphertexts, constant) == expected
    assert linear_combination(key, weights, ciphertexts, constant + key.n) == expected
    assert linear_combination(key, (), (), 5) == 1 + 5 * key.n


def test_linear_combination_of_unequal_lists_is_refused(small_public_key: PublicKey) -> None:
    with pytest.raises(CryptoError, match="2 weights for 1"):
        linear_combination(small_public_key, (1, 2), (3,))
