"""The ceremony's transcript: each custodian opens its own share and checks everything; every changed field is refused [P1.5]."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import pytest

from crypto.errors import KeyFormatError, SealingError
from crypto.keygen import PrivateKey
from crypto.sealing import generate_key
from crypto.threshold import combine, partial
from scoring.release.ceremony import Recipient, check_ceremony, make_ceremony, open_share
from scoring.statements import Ceremony, parse_statement

BITS = 512  # small keys, so that the tests are quick
NAMES = ("alpha", "beta", "gamma", "delta", "epsilon")
KEYS = {name: generate_key(secrets.randbits) for name in NAMES}
RECIPIENTS = tuple(Recipient(name, KEYS[name][1]) for name in NAMES)


@pytest.fixture(scope="module")
def ceremony(small_private_key: PrivateKey) -> Ceremony:
    return make_ceremony(small_private_key, "test-zone", 3, RECIPIENTS, secrets.randbits)


def flip(number: str) -> str:
    """Another canonical hex integer of the same length."""
    return number[:-1] + ("1" if number[-1] != "1" else "2")


def test_any_threshold_of_opened_shares_open_a_ciphertext(ceremony: Ceremony) -> None:
    sharing = check_ceremony(ceremony, BITS)
    key = sharing.public_key
    ciphertext = (1 + 42 * key.n) * pow(key.h_s, 12345, key.n2) % key.n2
    for chosen in (("alpha", "beta", "gamma"), ("epsilon", "beta", "delta")):
        shares = [open_share(ceremony, name, KEYS[name][0], BITS) for name in chosen]
        partials = {share.index: partial(sharing, share, ciphertext) for share in shares}
        assert combine(sharing, ciphertext, partials).m == 42


def test_the_transcript_survives_its_json(ceremony: Ceremony) -> None:
    assert parse_statement(ceremony.payload_type(), ceremony.payload()) == ceremony


def test_a_share_opens_for_its_custodian_alone(ceremony: Ceremony) -> None:
    with pytest.raises(SealingError):
        open_share(ceremony, "alpha", KEYS["beta"][0], BITS)
    with pytest.raises(KeyFormatError, match="no share for zeta"):
        open_share(ceremony, "zeta", KEYS["beta"][0], BITS)


def test_shares_of_two_custodians_cannot_be_exchanged(ceremony: Ceremony) -> None:
    first, second, *rest = ceremony.sealed_shares
    swapped = ceremony.model_copy(update={"sealed_shares": (second, first, *rest)})
    with pytest.raises(SealingError):
        open_share(swapped, "alpha", KEYS["alpha"][0], BITS)


def test_a_share_of_another_zones_ceremony_does_not_open(ceremony: Ceremony) -> None:
    with pytest.raises(SealingError):
        open_share(ceremony.model_copy(update={"zone": "other"}), "alpha", KEYS["alpha"][0], BITS)


def test_a_share_that_is_not_the_one_committed_to_is_refused(ceremony: Ceremony, small_private_key: PrivateKey) -> None:
    other = make_ceremony(small_private_key, "test-zone", 3, RECIPIENTS, secrets.randbits)  # the same key under another polynomial
    mixed = ceremony.model_copy(update={"sealed_shares": other.sealed_shares})
    with pytest.raises(KeyFormatError, match="does not match its verification value"):
        open_share(mixed, "alpha", KEYS["alpha"][0], BITS)


CHANGES: dict[str, Callable[[Ceremony], dict[str, object]]] = {
    "n": lambda c: {"n": flip(c.n)},
    "h": lambda c: {"h": flip(c.h)},
    "bits": lambda c: {"bits": c.bits + 1},
    "threshold not a majority": lambda c: {"threshold": 2},
    "base": lambda c: {"base": flip(c.base)},
    "one root": lambda c: {"key_proof": (flip(c.key_proof[0]), *c.key_proof[1:])},
    "roots missing": lambda c: {"key_proof": c.key_proof[:-1]},
    "first verification value": lambda c: {"v_i": (flip(c.v_i[0]), *c.v_i[1:])},
    "last verification value": lambda c: {"v_i": (*c.v_i[:-1], flip(c.v_i[-1]))},
    "verification values missing": lambda c: {"v_i": c.v_i[:-1]},
    "a custodian twice": lambda c: {"custodians": (*c.custodians[:-1], c.custodians[0])},
    "a custodian without a share": lambda c: {"sealed_shares": c.sealed_shares[:-1]},
    "custodians missing": lambda c: {"custodians": c.custodians[:-1], "sealed_shares": c.sealed_shares[:-1]},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_changed_transcript_is_refused(change: Callable[[Ceremony], dict[str, object]], ceremony: Ceremony) -> None:
    with pytest.raises(KeyFormatError):
        check_ceremony(ceremony.model_copy(update=change(ceremony)), BITS)


def test_a_key_that_is_too_short_is_refused(ceremony: Ceremony) -> None:
    with pytest.raises(KeyFormatError):
        check_ceremony(ceremony)


def test_half_of_the_custodians_may_not_be_enough(small_private_key: PrivateKey) -> None:
    with pytest.raises(KeyFormatError):
        make_ceremony(small_private_key, "test-zone", 2, RECIPIENTS[:4], secrets.randbits)
