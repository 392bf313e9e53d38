"""Shares renewed without the key: generations open alike, never mix, and every bad deal is refused by who gets it [P1.7]."""

from __future__ import annotations

import itertools
import math
import secrets
from collections.abc import Sequence
from dataclasses import replace

import pytest

from crypto.blame import check_partial, prove_partial
from crypto.errors import KeyFormatError, OpeningError, PartialError
from crypto.keygen import PrivateKey
from crypto.paillier import Encryptor
from crypto.renewal import Deal, Round
from crypto.threshold import Share, Sharing, check_share, check_sharing, combine, deal, lagrange, partial

Dealing = tuple[Sharing, list[Share]]


def play(round_: Round, shares: Sequence[Share]) -> Dealing:
    """A round in which everybody does what is right; what it leads to."""
    deals = {share.index: round_.deal(share, secrets.randbits) for share in shares if share.index in round_.dealers}
    commitments = {index: found.commitments for index, found in deals.items()}
    renewed = []
    for receiver in range(1, round_.parties + 1):
        values = [found.values[receiver - 1] for found in deals.values()]
        for found, value in zip(deals.values(), values, strict=True):
            round_.check_value(receiver, found.commitments, value)
        own = next((share for share in shares if share.index == receiver), None)
        renewed.append(round_.combine(receiver, values, None if round_.reshares else own))
    sharing = round_.renewed(commitments)
    for share in renewed:
        check_share(sharing, share)
        assert abs(share.value) < sharing.bound
    return sharing, renewed


def refresh(dealing: Dealing) -> Dealing:
    return play(Round.refresh(dealing[0]), dealing[1])


def reshare(dealing: Dealing, threshold: int, parties: int, dealers: Sequence[int] = ()) -> Dealing:
    sharing, shares = dealing
    return play(Round.reshare(sharing, threshold, parties, tuple(dealers) or tuple(range(1, sharing.threshold + 1))), shares)


def opened(dealing: Dealing, ciphertext: int, indices: Sequence[int]) -> int:
    sharing, shares = dealing
    return combine(sharing, ciphertext, {index: partial(sharing, shares[index - 1], ciphertext) for index in indices}).m


def ciphertext_of(encryptor: Encryptor, m: int) -> int:
    return encryptor.encrypt(m, secrets.randbits(encryptor.public_key.exponent_bits))


# --- refresh ---------------------------------------------------------------------------------------------------------------


def test_refreshed_shares_open_the_same_and_are_all_new(small_encryptor: Encryptor, small_dealing: Dealing) -> None:
    ciphertext, after = ciphertext_of(small_encryptor, -77), refresh(small_dealing)
    for subset in itertools.combinations(range(1, 6), 3):
        assert opened(after, ciphertext, subset) == -77
    sharing, shares = after
    assert (sharing.generation, sharing.factor, sharing.threshold, sharing.parties) == (1, 1, 3, 5)
    assert not {share.value for share in shares} & {share.value for share in small_dealing[1]}
    assert not set(sharing.v_i) & set(small_dealing[0].v_i)


def test_a_hundred_refreshes_open_still(small_encryptor: Encryptor, small_private_key: PrivateKey) -> None:
    dealing = deal(small_private_key, 2, 3, secrets.randbits)
    ciphertext, first_bits = ciphertext_of(small_encryptor, 4321), dealing[0].bound.bit_length()
    mask_bits = Round.refresh(dealing[0]).mask_bits
    for _ in range(100):
        dealing = refresh(dealing)
        assert Round.refresh(dealing[0]).mask_bits == mask_bits
    assert dealing[0].generation == 100
    assert [opened(dealing, ciphertext, subset) for subset in itertools.combinations((1, 2, 3), 2)] == [4321] * 3
    assert dealing[0].bound.bit_length() < first_bits + 128 + 32, "shares grow by the logarithm of the number of refreshes"


def test_masks_have_the_length_that_the_specification_gives(small_dealing: Dealing) -> None:
    round_, asked = Round.refresh(small_dealing[0]), list[int]()

    def randbits(bits: int) -> int:
        asked.append(bits)
        return secrets.randbits(bits)

    round_.deal(small_dealing[1][0], randbits)
    assert asked == [512 + 128 + 2 * math.factorial(5).bit_length()] * 2


def test_shares_are_never_reduced(small_private_key: PrivateKey, small_dealing: Dealing) -> None:
    _, shares = refresh(small_dealing)
    assert all(share.value > small_private_key.order << 100 for share in shares)


def test_partials_of_two_generations_do_not_open(small_encryptor: Encryptor, small_dealing: Dealing) -> None:
    ciphertext, (sharing, shares) = ciphertext_of(small_encryptor, 5), refresh(small_dealing)
    old, old_shares = small_dealing
    mixed = {1: partial(old, old_shares[0], ciphertext)} | {i: partial(sharing, shares[i - 1], ciphertext) for i in (2, 3)}
    with pytest.raises(OpeningError):
        combine(sharing, ciphertext, mixed)
    with pytest.raises(PartialError, match="generation"):
        partial(sharing, old_shares[0], ciphertext)


def test_old_and_new_shares_together_are_no_threshold(small_encryptor: Encryptor, small_private_key: PrivateKey) -> None:
    """Whoever stole t − 1 shares before the refresh and another one after it opens nothing."""
    before = deal(small_private_key, 2, 3, secrets.randbits)
    after = refresh(before)
    ciphertext = ciphertext_of(small_encryptor, 5)
    stolen = {1: replace(before[1][0], generation=1), 2: after[1][1]}
    partials = {index: partial(after[0], share, ciphertext) for index, share in stolen.items()}
    with pytest.raises(OpeningError):
        combine(after[0], ciphertext, partials)
    assert opened(after, ciphertext, (1, 2)) == 5


# --- re-sharing ------------------------------------------------------------------------------------------------------------


def test_three_of_five_become_four_of_seven_and_back(small_encryptor: Encryptor, small_dealing: Dealing) -> None:
    ciphertext = ciphertext_of(small_encryptor, 99)
    wider = reshare(small_dealing, 4, 7, (1, 3, 5))
    assert wider[0].factor == math.factorial(5) * math.factorial(7)
    for subset in ((1, 2, 3, 4), (4, 5, 6, 7), (1, 3, 5, 7)):
        assert opened(wider, ciphertext, subset) == 99
    back = reshare(wider, 3, 5, (7, 2, 6, 4))
    assert back[0].factor == wider[0].factor * math.factorial(7) * math.factorial(5)
    assert {opened(back, ciphertext, subset) for subset in itertools.combinations(range(1, 6), 3)} == {99}


def test_refreshes_and_re_sharings_follow_each_other(small_encryptor: Encryptor, small_private_key: PrivateKey) -> None:
    dealing = deal(small_private_key, 2, 3, secrets.randbits)
    ciphertext = ciphertext_of(small_encryptor, -12345)
    for threshold, parties in ((3, 5), (2, 3), (2, 2), (3, 4)):
        dealing = refresh(reshare(dealing, threshold, parties))
        check_sharing(dealing[0])
        assert opened(dealing, ciphertext, range(parties - threshold + 1, parties + 1)) == -12345
    assert dealing[0].generation == 8


def test_the_same_custodians_may_re_share_for_one_that_lost_its_share(small_encryptor: Encryptor, small_dealing: Dealing) -> None:
    sharing, shares = small_dealing
    after = play(Round.reshare(sharing, 3, 5, (1, 2, 4)), [share for share in shares if share.index != 3])
    assert opened(after, ciphertext_of(small_encryptor, 8), (3, 4, 5)) == 8


def test_the_old_shares_are_worthless_after_a_re_sharing(small_encryptor: Encryptor, small_dealing: Dealing) -> None:
    """Their constant is another one: E has changed."""
    after, ciphertext = reshare(small_dealing, 3, 5), ciphertext_of(small_encryptor, 8)
    partials = {1: partial(after[0], replace(small_dealing[1][0], generation=1), ciphertext)}
    partials |= {index: partial(after[0], after[1][index - 1], ciphertext) for index in (2, 3)}
    with pytest.raises(OpeningError):
        combine(after[0], ciphertext, partials)


def test_partials_of_a_later_generation_are_proven_like_the_first(small_encryptor: Encryptor, small_dealing: Dealing) -> None:
    sharing, shares = reshare(refresh(small_dealing), 4, 7)
    ciphertext = ciphertext_of(small_encryptor, 1)
    for share in shares:
        proof = prove_partial(sharing, share, ciphertext, b"", secrets.randbits)
        check_partial(sharing, share.index, ciphertext, partial(sharing, share, ciphertext), b"", proof)


def test_masks_of_a_re_sharing_cover_the_largest_constant(small_dealing: Dealing) -> None:
    sharing = small_dealing[0]
    round_ = Round.reshare(sharing, 4, 7, (1, 3, 5))
    constants = [abs(lagrange(sharing.delta, dealer, (1, 3, 5))) * sharing.bound * math.factorial(7) for dealer in (1, 3, 5)]
    assert round_.mask_bits == max(constants).bit_length() + 512 + 128
    after, _ = play(round_, small_dealing[1])
    assert Round.refresh(after).mask_bits >= after.dealt.bit_length() + 128, "a refresh covers shares as long as they were dealt"


@pytest.mark.parametrize(
    ("threshold", "parties", "dealers"), [(2, 4, (1, 2, 3)), (6, 5, (1, 2, 3)), (3, 5, (1, 2)), (3, 5, (1, 2, 2)), (3, 5, (1, 2, 6))]
)
def test_a_re_sharing_of_the_wrong_shape_is_refused(small_dealing: Dealing, threshold: int, parties: int, dealers: tuple[int, ...]) -> None:
    with pytest.raises(KeyFormatError):
        Round.reshare(small_dealing[0], threshold, parties, dealers)


# --- what a receiver and everyone refuse -----------------------------------------------------------------------------------


def rounds(dealing: Dealing) -> list[Round]:
    return [Round.refresh(dealing[0]), Round.reshare(dealing[0], 4, 7, (1, 2, 3))]


def test_a_wrong_value_is_refused_by_its_receiver(small_dealing: Dealing) -> None:
    for round_ in rounds(small_dealing):
        found = round_.deal(small_dealing[1][0], secrets.randbits)
        round_.check_value(2, found.commitments, found.values[1])
        for value in (found.values[1] + 1, found.values[2], 0, -found.values[1]):
            with pytest.raises(KeyFormatError, match="not on the polynomial"):
                round_.check_value(2, found.commitments, value)


def test_a_value_that_is_too_long_is_refused_though_it_agrees(small_private_key: PrivateKey, small_dealing: Dealing) -> None:
    """Only the bound finds it: a dealer that knows a multiple of the order could swell the shares at will."""
    for round_ in rounds(small_dealing):
        found = round_.deal(small_dealing[1][0], secrets.randbits)
        with pytest.raises(KeyFormatError, match="longer"):
            round_.check_value(2, found.commitments, found.values[1] + (small_private_key.order << round_.value_bound.bit_length()))


def test_every_changed_commitment_is_refused(small_dealing: Dealing) -> None:
    for round_ in rounds(small_dealing):
        found = round_.deal(small_dealing[1][0], secrets.randbits)
        n = small_dealing[0].public_key.n
        for place in range(len(found.commitments)):
            changed = list(found.commitments)
            changed[place] = changed[place] * small_dealing[0].v % n
            with pytest.raises(KeyFormatError, match="not on the polynomial"):
                round_.check_value(2, changed, found.values[1])
        for bad in (found.commitments[:-1], (*found.commitments, 1), (*found.commitments[:-1], 0), (*found.commitments[:-1], n)):
            with pytest.raises(KeyFormatError, match="commitments"):
                round_.check_commitments(1, bad)


def test_a_refresh_with_a_constant_is_refused(small_dealing: Dealing) -> None:
    """Else one dealer could shift the key that all share."""
    round_ = Round.refresh(small_dealing[0])
    shifted = Round.reshare(small_dealing[0], 3, 5, (1, 2, 3)).deal(small_dealing[1][0], secrets.randbits)
    with pytest.raises(KeyFormatError, match="not zero"):
        round_.check_commitments(1, shifted.commitments)


def test_a_dealer_cannot_re_share_something_else_than_its_share(small_dealing: Dealing) -> None:
    sharing, shares = small_dealing
    round_ = Round.reshare(sharing, 3, 5, (1, 2, 3))
    lie = round_.deal(replace(shares[0], value=shares[0].value + 1), secrets.randbits)
    with pytest.raises(KeyFormatError, match="not its share"):
        round_.check_commitments(1, lie.commitments)


def test_a_round_without_one_of_its_dealers_leads_nowhere(small_dealing: Dealing) -> None:
    sharing, shares = small_dealing
    round_ = Round.refresh(sharing)
    commitments = {share.index: round_.deal(share, secrets.randbits).commitments for share in shares}
    with pytest.raises(KeyFormatError, match="not exactly the dealers"):
        round_.renewed({index: found for index, found in commitments.items() if index != 4})
    with pytest.raises(KeyFormatError, match="values"):
        round_.combine(1, [0] * 4, shares[0])
    with pytest.raises(KeyFormatError, match="generation before"):
        round_.combine(1, [0] * 5, shares[1])
    with pytest.raises(KeyFormatError, match="no dealer"):
        Round.reshare(sharing, 3, 5, (1, 2, 3)).deal(shares[4], secrets.randbits)


def test_a_deal_does_not_show_its_values(small_dealing: Dealing) -> None:
    found: Deal = Round.refresh(small_dealing[0]).deal(small_dealing[1][0], secrets.randbits)
    assert str(found.values[0]) not in repr(found)
