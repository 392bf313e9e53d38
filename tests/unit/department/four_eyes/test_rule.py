"""What two signed words must be before anything is released: the rule by itself [A3]."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from crypto.encoding import canonical_json
from crypto.statements import VerifyKey, parse_envelope, sign_envelope
from nodes.contributing.four_eyes.decisions import Act, Decision, check_released, next_act
from nodes.contributing.four_eyes.words import read_word, sign_word
from nodes.errors import DecisionError, SecondPersonMissingError
from nodes.runtime.peers.identity import SigningKeyPair
from tests.support.desk import NAMES
from tests.support.four_eyes import LI, WANG, ZHAO


def pair(name: str) -> SigningKeyPair:
    private = Ed25519PrivateKey.generate()
    return SigningKeyPair(name, "ed25519", private.public_key().public_bytes_raw(), private)


PAIRS = {name: pair(name) for name in NAMES}
KEYS = {name: VerifyKey(name, "ed25519", key.public) for name, key in PAIRS.items()}
CONTRIBUTION = "ab" * 32


def said(person: str, act: Act, contribution: str = CONTRIBUTION, **changes: object) -> bytes:
    fields = {"zone": "zone", "member": "tax", "contribution": contribution, "person": person, "act": act, "time": 1, **changes}
    return sign_word(Decision.model_validate(fields), PAIRS[person])


def test_a_proposal_and_an_approval_by_two_persons_release() -> None:
    check_released(CONTRIBUTION, [said(LI, "propose"), said(WANG, "approve")], KEYS)


@pytest.mark.parametrize(
    "decisions",
    [
        [],
        [said(LI, "propose")],
        [said(WANG, "approve")],
        [said(LI, "propose"), said(LI, "approve")],
        [said(LI, "propose"), said(WANG, "propose")],
        [said(LI, "propose"), said(WANG, "approve", "cd" * 32)],
        [said(LI, "propose", "cd" * 32), said(WANG, "approve", "cd" * 32)],
        [said(LI, "propose"), said(WANG, "approve"), said(ZHAO, "reject")],
        [said(LI, "propose"), b"{}"],
    ],
    ids=["none", "one", "approval alone", "same person", "two proposals", "other bytes", "all of other bytes", "rejected", "rubbish"],
)
def test_anything_less_does_not(decisions: list[bytes]) -> None:
    with pytest.raises(SecondPersonMissingError):
        check_released(CONTRIBUTION, decisions, KEYS)


def test_the_word_of_a_person_who_is_not_in_force_does_not_count() -> None:
    decisions = [said(LI, "propose"), said(WANG, "approve")]
    for gone in (LI, WANG):
        with pytest.raises(SecondPersonMissingError):
            check_released(CONTRIBUTION, decisions, {name: key for name, key in KEYS.items() if name != gone})
    with pytest.raises(SecondPersonMissingError):
        check_released(CONTRIBUTION, decisions, {**KEYS, WANG: VerifyKey(WANG, "ed25519", pair(WANG).public)})


def test_a_decision_signed_by_another_or_changed_afterwards_is_refused() -> None:
    decision = Decision.model_validate_json(parse_envelope(said(LI, "propose")).payload)
    with pytest.raises(DecisionError):
        sign_word(decision, PAIRS[WANG])
    forged = sign_envelope(Decision.payload_type, canonical_json(decision.model_dump(mode="json")), PAIRS[WANG])
    unsigned = said(LI, "propose").replace(parse_envelope(said(LI, "propose")).payload_type.encode(), b"application/other")
    for raw in (forged, unsigned, said(LI, "propose")[:-5]):
        with pytest.raises(DecisionError):
            read_word(Decision, raw, KEYS)


def test_who_proposed_cannot_approve_and_nobody_after_a_rejection() -> None:
    def decided(*envelopes: bytes) -> list[Decision]:
        return [read_word(Decision, raw, KEYS) for raw in envelopes]

    assert next_act(LI, []) == "propose"
    assert next_act(WANG, decided(said(LI, "propose"))) == "approve"
    with pytest.raises(DecisionError, match="another person"):
        next_act(LI, decided(said(LI, "propose")))
    with pytest.raises(DecisionError, match="rejected"):
        next_act(WANG, decided(said(LI, "propose"), said(ZHAO, "reject")))


WORDS = st.tuples(st.sampled_from(NAMES), st.sampled_from(["propose", "approve", "reject"]), st.sampled_from([CONTRIBUTION, "cd" * 32]))


@given(st.lists(WORDS, max_size=6), st.sets(st.sampled_from(NAMES)))
def test_nothing_is_released_but_by_two_persons_in_force_and_against_nobody(words: list[tuple[str, Act, str]], in_force: set[str]) -> None:
    about = [(person, act) for person, act, contribution in words if contribution == CONTRIBUTION and person in in_force]
    wanted = {(a, b) for a, first in about for b, second in about if (first, second) == ("propose", "approve") and a != b}
    released = bool(wanted) and all(act != "reject" for _, act in about)
    envelopes = [said(person, act, contribution) for person, act, contribution in words]
    people = {name: KEYS[name] for name in in_force}
    if released:
        check_released(CONTRIBUTION, envelopes, people)
    else:
        with pytest.raises(SecondPersonMissingError):
            check_released(CONTRIBUTION, envelopes, people)
