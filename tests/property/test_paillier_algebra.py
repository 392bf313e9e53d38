"""Algebraic claims of encryption, openings, sharing, packing and chains, over generated values; 512-bit keys, for speed only."""

from __future__ import annotations

import itertools
import secrets

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.bignum import FixedBase
from crypto.errors import CryptoError, OpeningError, PackingError
from crypto.keygen import PrivateKey
from crypto.multiexp import linear_combination, naive, plan
from crypto.packing import interval_bits, pack, slots, unpack
from crypto.paillier import (
    Encryptor,
    Opening,
    PublicKey,
    balanced,
    check_ciphertexts,
    check_opening,
    decode_ciphertexts,
    encode_ciphertext,
)
from crypto.threshold import Share, Sharing, combine, deal, partial

Dealing = tuple[Sharing, list[Share]]
plaintexts = st.integers(-(1 << 509), 1 << 509)
exponents = st.integers(0, (1 << 256) - 1)
weights = st.integers(-(1 << 16) + 1, (1 << 16) - 1)


@pytest.fixture(scope="module")
def encryptor(small_public_key: PublicKey) -> Encryptor:
    """Encryptor of the small key."""
    return Encryptor(small_public_key, window=5)


@pytest.fixture(scope="module")
def dealing(small_private_key: PrivateKey) -> Dealing:
    """The small key shared 3-of-5."""
    return deal(small_private_key, 3, 5, secrets.randbits)


def opened(dealing: Dealing, ciphertext: int, subset: tuple[int, ...] = (1, 2, 3)) -> Opening:
    sharing, shares = dealing
    return combine(sharing, ciphertext, {index: partial(sharing, shares[index - 1], ciphertext) for index in subset})


@given(m=plaintexts, a=exponents, subset=st.sampled_from(list(itertools.combinations(range(1, 6), 3))))
def test_every_ciphertext_opens_to_its_plaintext(encryptor: Encryptor, dealing: Dealing, m: int, a: int, subset: tuple[int, ...]) -> None:
    ciphertext = encryptor.encrypt(m, a)
    opening = opened(dealing, ciphertext, subset)
    assert opening.m == m
    check_opening(encryptor.public_key, ciphertext, opening)


@given(data=st.data())
def test_every_unit_is_a_ciphertext_with_exactly_one_opening(encryptor: Encryptor, dealing: Dealing, data: st.DataObject) -> None:
    key = encryptor.public_key
    ciphertext = data.draw(st.integers(1, key.n2 - 1))
    opening = opened(dealing, ciphertext)
    check_opening(key, ciphertext, opening)
    other = Opening(
        balanced(opening.m + data.draw(st.integers(0, 5)), key.n), data.draw(st.sampled_from([opening.r, key.n - opening.r, opening.r * 2 % key.n]))
    )
    if other != opening:
        with pytest.raises(OpeningError):
            check_opening(key, ciphertext, other)


@given(terms=st.lists(st.tuples(st.integers(-32767, 32767), exponents, weights), min_size=1, max_size=12), constant=st.integers(-(1 << 40), 1 << 40))
def test_linear_combinations_open_to_the_plain_ones(encryptor: Encryptor, dealing: Dealing, terms: list[tuple[int, int, int]], constant: int) -> None:
    ciphertexts = [encryptor.encrypt(m, a) for m, a, _ in terms]
    aggregate = linear_combination(encryptor.public_key, [w for _, _, w in terms], ciphertexts, constant)
    assert opened(dealing, aggregate).m == sum(m * w for m, _, w in terms) + constant


@given(index=st.integers(1, 3), wrong=st.integers(1, (1 << 511)), m=plaintexts, a=exponents)
def test_no_wrong_partial_yields_a_wrong_plaintext(encryptor: Encryptor, dealing: Dealing, index: int, wrong: int, m: int, a: int) -> None:
    sharing, shares = dealing
    ciphertext = encryptor.encrypt(m, a)
    partials = {i: partial(sharing, shares[i - 1], ciphertext) for i in (1, 2, 3)}
    try:
        opening = combine(sharing, ciphertext, {**partials, index: wrong})
    except CryptoError:
        return
    assert opening == combine(sharing, ciphertext, partials)


@settings(max_examples=25)
@given(columns=st.integers(1, 4), width=st.integers(6, 40), data=st.data())
def test_packed_columns_add_up_slot_by_slot(encryptor: Encryptor, dealing: Dealing, columns: int, width: int, data: st.DataObject) -> None:
    """Weights and values whose total fits the slot never disturb the neighbours [P2.2]."""
    key = encryptor.public_key
    factors = data.draw(st.lists(st.integers(-7, 7).filter(bool), min_size=columns, max_size=columns))
    bound = ((1 << (width - 1)) - 1) // sum(abs(factor) for factor in factors)
    count = slots(key.bits, width)
    values = [data.draw(st.lists(st.integers(-bound, bound), min_size=count, max_size=count)) for _ in factors]
    ciphertexts = [encryptor.encrypt(pack(column, width), secrets.randbits(256)) for column in values]
    total = opened(dealing, linear_combination(key, factors, ciphertexts)).m
    assert unpack(total, width, count) == [sum(f * column[slot] for f, column in zip(factors, values, strict=True)) for slot in range(count)]


@given(low=st.integers(-(1 << 80), 1 << 80), high=st.integers(-(1 << 80), 1 << 80), data=st.data())
def test_packing_is_exact_for_every_interval(low: int, high: int, data: st.DataObject) -> None:
    low, high = min(low, high), max(low, high)
    values = data.draw(st.lists(st.one_of(st.just(low), st.just(high), st.integers(low, high)), max_size=20))
    width = interval_bits(low, high)
    assert unpack(pack(values, width), width, len(values)) == values


@given(packed=st.integers(-(1 << 200), 1 << 200), width=st.integers(1, 60), count=st.integers(0, 10))
def test_unpacking_inverts_or_refuses(packed: int, width: int, count: int) -> None:
    """What is accepted is exactly what packing can make."""
    half = 1 << (width - 1)
    if pack([-half] * count, width) <= packed <= pack([half - 1] * count, width):
        assert pack(unpack(packed, width, count), width) == packed
    else:
        with pytest.raises(PackingError):
            unpack(packed, width, count)


integers_of_any_size = st.one_of(weights, st.integers(-(1 << 2000), 1 << 2000), st.sampled_from([0, 1, -1, 1 << 128]))


@given(terms=st.lists(st.tuples(integers_of_any_size, st.integers(1, (1 << 127) - 2)), max_size=30))
def test_chains_agree_with_single_powers(terms: list[tuple[int, int]]) -> None:
    exponents_, bases = [w for w, _ in terms], [b for _, b in terms]
    modulus = (1 << 127) - 1
    assert plan(exponents_).evaluate(bases, modulus) == naive(exponents_, bases, modulus)


@given(bits=st.integers(1, 300), window=st.integers(2, 8), base=st.integers(1, 10**6), data=st.data())
def test_tables_agree_with_single_powers(bits: int, window: int, base: int, data: st.DataObject) -> None:
    n = (1 << 89) - 1
    exponent = data.draw(st.one_of(st.integers(0, (1 << bits) - 1), st.sampled_from([0, (1 << bits) - 1, (1 << bits) // 2])))
    assert FixedBase(base, n, bits, window).power(exponent) == pow(base, exponent, n * n)


@given(data=st.binary(max_size=600))
def test_bytes_are_decoded_to_valid_ciphertexts_or_refused(encryptor: Encryptor, data: bytes) -> None:
    key = encryptor.public_key
    try:
        ciphertexts = decode_ciphertexts(key, data)
    except CryptoError:
        return
    check_ciphertexts(key, ciphertexts)
    assert b"".join(encode_ciphertext(key, c) for c in ciphertexts) == data


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(
    document=json_values
    | st.fixed_dictionaries({"format": st.just("xinqiao/public-key/v1"), "bits": json_values, "n": json_values, "h": json_values})
)
def test_any_document_is_a_key_or_refused(document: object) -> None:
    with pytest.raises(CryptoError):
        PublicKey.from_json(document, min_bits=512)
