from __future__ import annotations

import dataclasses
import itertools
import secrets

import gmpy2
import pytest

from crypto.errors import CiphertextError, CryptoError, KeyFormatError, OpeningError, PartialError
from crypto.keygen import PrivateKey
from crypto.multiexp import linear_combination
from crypto.paillier import Encryptor, Opening, PublicKey, check_opening
from crypto.threshold import Share, Sharing, _subsets, check_share, check_sharing, combine, deal, partial, verification_base

Dealing = tuple[Sharing, list[Share]]


def encrypt(encryptor: Encryptor, m: int) -> int:
    return encryptor.encrypt(m, secrets.randbits(encryptor.public_key.exponent_bits))


def partials(dealing: Dealing, ciphertext: int, indices: tuple[int, ...] = (1, 2, 3)) -> dict[int, int]:
    sharing, shares = dealing
    return {index: partial(sharing, shares[index - 1], ciphertext) for index in indices}


# --- opening [P1.3, P1.4] ------------------------------------------------------------------------------------------------


def test_every_three_of_five_open_to_the_same(small_encryptor: Encryptor, small_dealing: Dealing) -> None:
    sharing, _ = small_dealing
    ciphertext = encrypt(small_encryptor, -4321)
    openings = {combine(sharing, ciphertext, partials(small_dealing, ciphertext, subset)) for subset in itertools.combinations(range(1, 6), 3)}
    assert [opening.m for opening in openings] == [-4321]
    check_opening(sharing.public_key, ciphertext, openings.pop())


@pytest.mark.parametrize(("threshold", "parties"), [(1, 1), (2, 2), (2, 3), (3, 4), (4, 7), (5, 9), (7, 7)])
def test_every_admitted_shape_opens(small_encryptor: Encryptor, small_private_key: PrivateKey, threshold: int, parties: int) -> None:
    sharing, shares = deal(small_private_key, threshold, parties, secrets.randbits)
    check_sharing(sharing)
    for share in shares:
        check_share(sharing, share)
    ciphertext = encrypt(small_encryptor, 99)
    last = {share.index: partial(sharing, share, ciphertext) for share in shares[-threshold:]}
    assert combine(sharing, ciphertext, last).m == 99


@pytest.mark.parametrize("symbols", [(1, 1), (1, -1), (-1, 1), (-1, -1)])
def test_ciphertexts_that_are_no_squares_open(small_private_key: PrivateKey, small_dealing: Dealing, symbols: tuple[int, int]) -> None:
    """Without the factors 2Δ, 2λ and 4Δ² this fails for three of the four classes."""
    key, p, q = small_dealing[0].public_key, small_private_key.p, small_private_key.q
    r = next(r for r in iter(lambda: secrets.randbelow(key.n - 1) + 1, None) if (gmpy2.jacobi(r, p), gmpy2.jacobi(r, q)) == symbols)
    ciphertext = (1 + 7 * key.n) * pow(r, key.n, key.n2) % key.n2
    assert (gmpy2.jacobi(ciphertext, p), gmpy2.jacobi(ciphertext, q)) == symbols
    assert combine(small_dealing[0], ciphertext, partials(small_dealing, ciphertext)) == Opening(7, r)


def test_extreme_plaintexts_open_balanced(small_encryptor: Encryptor, small_dealing: Dealing) -> None:
    half = small_encryptor.public_key.n // 2
    for m in (0, 1, -1, half, -half):
        ciphertext = encrypt(small_encryptor, m)
        assert combine(small_dealing[0], ciphertext, partials(small_dealing, ciphertext)).m == m


def test_trivial_ciphertexts_open_with_root_one(small_dealing: Dealing) -> None:
    key = small_dealing[0].public_key
    for m in (0, 5):
        ciphertext = 1 + m * key.n
        assert combine(small_dealing[0], ciphertext, partials(small_dealing, ciphertext)) == Opening(m, 1)


def test_weighted_totals_with_constants_open(small_encryptor: Encryptor, small_dealing: Dealing) -> None:
    key = small_encryptor.public_key
    values, weights = (150, -7, 0, 32767), (3, 65535, -9, -65535)
    aggregate = linear_combination(key, weights, [encrypt(small_encryptor, m) for m in values], constant=-250)
    opening = combine(small_dealing[0], aggregate, partials(small_dealing, aggregate))
    assert opening.m == sum(w * m for w, m in zip(weights, values, strict=True)) - 250
    check_opening(key, aggregate, opening)


# --- what does not open --------------------------------------------------------------------------------------------------


def test_fewer_than_the_threshold_are_refused(small_encryptor: Encryptor, small_dealing: Dealing) -> None:
    ciphertext = encrypt(small_encryptor, 1)
    for subset in ((), (1,), (4, 5)):
        with pytest.raises(PartialError, match="3 needed"):
            combine(small_dealing[0], ciphertext, partials(small_dealing, ciphertext, subset))


def test_a_wrong_partial_never_yields_a_wrong_opening(small_encryptor: Encryptor, small_dealing: Dealing) -> None:
    sharing, shares = small_dealing
    n = sharing.public_key.n
    ciphertext, other = encrypt(small_encryptor, 11), encrypt(small_encryptor, 12)
    right = partials(small_dealing, ciphertext)
    wrong = {
        "of another ciphertext": partial(sharing, shares[1], other),
        "of another custodian": right[1],
        "of no custodian": secrets.randbelow(n - 2) + 2,
        "squared": right[2] ** 2 % n,
        "times v": right[2] * sharing.v % n,
        "plus one": right[2] % (n - 1) + 1,
        "one": 1,
        "of a share off by one": partial(sharing, dataclasses.replace(shares[1], value=shares[1].value + 1), ciphertext),
    }
    for value in wrong.values():
        with pytest.raises(OpeningError, match="no 3 of these 3"):
            combine(sharing, ciphertext, {**right, 2: value})


def test_the_sign_of_a_partial_does_not_matter(small_encryptor: Encryptor, small_dealing: Dealing) -> None:
    ciphertext = encrypt(small_encryptor, 11)
    right = partials(small_dealing, ciphertext)
    negated = {**right, 2: small_dealing[0].public_key.n - right[2]}
    assert combine(small_dealing[0], ciphertext, negated) == combine(small_dealing[0], ciphertext, right)


@pytest.mark.parametrize("wrong", [1, 16, 31])
def test_one_wrong_partial_of_many_costs_few_tries(small_encryptor: Encryptor, small_private_key: PrivateKey, wrong: int) -> None:
    """In the order of the numbers alone it would take a hundred million subsets to get rid of the first."""
    sharing, shares = deal(small_private_key, 16, 31, secrets.randbits)
    ciphertext = encrypt(small_encryptor, 11)
    answers = {share.index: partial(sharing, share, ciphertext) for share in shares}
    assert combine(sharing, ciphertext, {**answers, wrong: answers[wrong] ^ 1}).m == 11


def test_every_subset_is_tried_and_none_twice() -> None:
    for count, size in ((3, 2), (5, 3), (7, 7), (6, 4)):
        tried = list(_subsets(range(1, count + 1), size))
        assert sorted(tried) == list(itertools.combinations(range(1, count + 1), size))


def test_partials_of_one_ciphertext_do_not_open_another(small_encryptor: Encryptor, small_dealing: Dealing) -> None:
    ciphertext, other = encrypt(small_encryptor, 11), encrypt(small_encryptor, 11)
    with pytest.raises(OpeningError):
        combine(small_dealing[0], other, partials(small_dealing, ciphertext))


def test_two_wrong_partials_among_five_do_not_prevent_an_opening(small_encryptor: Encryptor, small_dealing: Dealing) -> None:
    ciphertext = encrypt(small_encryptor, 11)
    right = partials(small_dealing, ciphertext, (1, 2, 3, 4, 5))
    for pair in itertools.combinations(range(1, 6), 2):
        assert combine(small_dealing[0], ciphertext, right | dict.fromkeys(pair, 2)).m == 11


def test_shares_of_two_dealings_do_not_combine(small_encryptor: Encryptor, small_private_key: PrivateKey, small_dealing: Dealing) -> None:
    ciphertext = encrypt(small_encryptor, 11)
    another = deal(small_private_key, 3, 5, secrets.randbits)
    mixed = partials(small_dealing, ciphertext, (1, 2)) | partials(another, ciphertext, (3,))
    with pytest.raises(OpeningError):
        combine(small_dealing[0], ciphertext, mixed)


@pytest.mark.parametrize("index", [-1, 0, 6])
def test_partials_of_unknown_custodians_are_refused(small_encryptor: Encryptor, small_dealing: Dealing, index: int) -> None:
    ciphertext = encrypt(small_encryptor, 1)
    with pytest.raises(PartialError, match=r"expected 1\.\.5"):
        combine(small_dealing[0], ciphertext, {**partials(small_dealing, ciphertext), index: 2})


def test_partials_outside_their_range_are_refused(small_encryptor: Encryptor, small_private_key: PrivateKey, small_dealing: Dealing) -> None:
    ciphertext = encrypt(small_encryptor, 1)
    right = partials(small_dealing, ciphertext)
    n = small_private_key.n
    for value in (0, -right[2], right[2] + n, n, small_private_key.p):
        with pytest.raises(PartialError, match="partial of share 2"):
            combine(small_dealing[0], ciphertext, {**right, 2: value})


def test_invalid_ciphertexts_are_neither_answered_nor_combined(small_private_key: PrivateKey, small_dealing: Dealing) -> None:
    sharing, shares = small_dealing
    for value in (0, -1, small_private_key.n, small_private_key.p, small_private_key.n**2, small_private_key.n**2 + 1):
        with pytest.raises(CiphertextError):
            partial(sharing, shares[0], value)
        with pytest.raises(CiphertextError):
            combine(sharing, value, {1: 2, 2: 2, 3: 2})


def test_generations_never_mix(small_encryptor: Encryptor, small_dealing: Dealing) -> None:
    sharing, shares = small_dealing
    ciphertext = encrypt(small_encryptor, 1)
    with pytest.raises(PartialError, match="generation"):
        partial(sharing, dataclasses.replace(shares[0], generation=1), ciphertext)
    with pytest.raises(KeyFormatError, match="generation"):
        check_share(sharing, dataclasses.replace(shares[0], generation=1))


# --- dealing [P1.3] ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("threshold", "parties"), [(0, 0), (0, 1), (1, 2), (2, 4), (2, 5), (4, 3), (-1, 3)])
def test_thresholds_of_half_or_less_or_more_than_all_are_refused(small_private_key: PrivateKey, threshold: int, parties: int) -> None:
    with pytest.raises(KeyFormatError, match="more than half"):
        deal(small_private_key, threshold, parties, secrets.randbits)


def test_as_many_custodians_as_a_factor_of_the_order_are_refused() -> None:
    with pytest.raises(KeyFormatError, match="prime factor"):
        deal(PrivateKey(11, 23), 3, 5, secrets.randbits)


def test_shares_are_not_printed(small_dealing: Dealing) -> None:
    for share in small_dealing[1]:
        assert str(share.value) not in f"{share!r} {share}"


def test_verification_base_is_a_square_that_does_not_depend_on_the_dealer(small_private_key: PrivateKey, small_dealing: Dealing) -> None:
    v = verification_base(small_private_key.n)
    assert small_dealing[0].v == v
    assert gmpy2.jacobi(v, small_private_key.p) == gmpy2.jacobi(v, small_private_key.q) == 1


# --- verification values [P1.4] ------------------------------------------------------------------------------------------


def test_every_custodian_accepts_its_own_share_and_no_other(small_dealing: Dealing) -> None:
    sharing, shares = small_dealing
    for share in shares:
        check_share(sharing, share)
        for other in range(7):
            if other != share.index:
                with pytest.raises(KeyFormatError):
                    check_share(sharing, dataclasses.replace(share, index=other))
        with pytest.raises(KeyFormatError, match="does not match"):
            check_share(sharing, dataclasses.replace(share, value=share.value + 1))


def test_a_true_sharing_holds(small_dealing: Dealing) -> None:
    check_sharing(small_dealing[0])


@pytest.mark.parametrize("index", range(5))
def test_every_verification_value_is_covered(small_dealing: Dealing, index: int) -> None:
    sharing, _ = small_dealing
    n, values = sharing.public_key.n, sharing.v_i
    for wrong in (values[index] * sharing.v % n, values[index - 1], 1, values[index] ** 2 % n, 0, n, values[index] + n):
        changed = dataclasses.replace(sharing, v_i=(*values[:index], wrong, *values[index + 1 :]))
        with pytest.raises(KeyFormatError):
            check_sharing(changed)


def test_values_of_a_polynomial_of_higher_degree_are_refused(small_private_key: PrivateKey, small_dealing: Dealing) -> None:
    """Shares dealt 4-of-5 look like a 3-of-5 sharing to nobody."""
    higher, _ = deal(small_private_key, 4, 5, secrets.randbits)
    with pytest.raises(KeyFormatError, match="interpolate"):
        check_sharing(dataclasses.replace(small_dealing[0], v_i=higher.v_i))


def test_shares_of_another_secret_are_refused(small_dealing: Dealing) -> None:
    """All d_i + 1 lie on a polynomial of the right degree, but its constant is not n^(−1)."""
    sharing, _ = small_dealing
    shifted = tuple(value * sharing.v % sharing.public_key.n for value in sharing.v_i)
    with pytest.raises(KeyFormatError, match="interpolate"):
        check_sharing(dataclasses.replace(sharing, v_i=shifted))


def test_a_chosen_base_is_refused(small_dealing: Dealing) -> None:
    """With v = 1 every v_i would be 1 and every share would pass."""
    sharing, _ = small_dealing
    with pytest.raises(KeyFormatError, match="base"):
        check_sharing(dataclasses.replace(sharing, v=1, v_i=(1,) * 5))


def test_a_sharing_of_the_wrong_shape_is_refused(small_dealing: Dealing) -> None:
    sharing, _ = small_dealing
    for changed in (
        dataclasses.replace(sharing, v_i=sharing.v_i[:-1]),
        dataclasses.replace(sharing, parties=6),
        dataclasses.replace(sharing, threshold=2),
        dataclasses.replace(sharing, threshold=6),
    ):
        with pytest.raises(CryptoError):
            check_sharing(changed)


def test_a_sharing_under_another_key_is_refused(small_dealing: Dealing) -> None:
    with pytest.raises(KeyFormatError):
        check_sharing(dataclasses.replace(small_dealing[0], public_key=PublicKey(small_dealing[0].public_key.n - 2, 1)))
