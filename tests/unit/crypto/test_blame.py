"""The proof that a partial comes from its custodian's share: it holds for the true one alone, in its own context [P1.4]."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Callable

import pytest

from crypto.blame import CHALLENGE_BITS, EqualityProof, check_partial, prove_partial
from crypto.errors import CiphertextError, PartialError, ProofError
from crypto.paillier import Encryptor
from crypto.threshold import Share, Sharing, partial

Dealing = tuple[Sharing, list[Share]]
CONTEXT = b"ticket and opening"


@dataclasses.dataclass(frozen=True)
class Case:
    sharing: Sharing
    shares: list[Share]
    ciphertext: int
    other: int
    x: int
    proof: EqualityProof

    def check(self, *, index: int = 2, ciphertext: int = 0, x: int = 0, context: bytes = CONTEXT, proof: EqualityProof | None = None) -> None:
        check_partial(self.sharing, index, ciphertext or self.ciphertext, x or self.x, context, proof or self.proof)


@pytest.fixture(scope="module")
def case(small_encryptor: Encryptor, small_dealing: Dealing) -> Case:
    sharing, shares = small_dealing
    ciphertext, other = (small_encryptor.encrypt(m, secrets.randbits(256)) for m in (42, 43))
    share = shares[1]
    return Case(
        sharing, shares, ciphertext, other, partial(sharing, share, ciphertext), prove_partial(sharing, share, ciphertext, CONTEXT, secrets.randbits)
    )


def test_every_true_partial_is_proven(case: Case) -> None:
    for share in case.shares:
        proof = prove_partial(case.sharing, share, case.ciphertext, CONTEXT, secrets.randbits)
        check_partial(case.sharing, share.index, case.ciphertext, partial(case.sharing, share, case.ciphertext), CONTEXT, proof)


def test_a_partial_of_the_other_sign_is_as_good(case: Case) -> None:
    case.check(x=case.sharing.public_key.n - case.x)


def test_two_proofs_of_the_same_partial_differ(case: Case) -> None:
    assert prove_partial(case.sharing, case.shares[1], case.ciphertext, CONTEXT, secrets.randbits) != case.proof


WRONG: dict[str, Callable[[Case], None]] = {
    "challenge": lambda c: c.check(proof=dataclasses.replace(c.proof, challenge=c.proof.challenge ^ 1)),
    "response": lambda c: c.check(proof=dataclasses.replace(c.proof, response=c.proof.response + 1)),
    "response negated": lambda c: c.check(proof=dataclasses.replace(c.proof, response=-c.proof.response)),
    "challenge too long": lambda c: c.check(proof=dataclasses.replace(c.proof, challenge=c.proof.challenge + (1 << CHALLENGE_BITS))),
    "challenge negative": lambda c: c.check(proof=dataclasses.replace(c.proof, challenge=-1)),
    "response too long": lambda c: c.check(proof=dataclasses.replace(c.proof, response=c.proof.response + (1 << 2000))),
    "another context": lambda c: c.check(context=b"another ticket"),
    "another ciphertext": lambda c: c.check(ciphertext=c.other),
    "another custodian": lambda c: c.check(index=3),
    "another partial": lambda c: c.check(x=partial(c.sharing, c.shares[2], c.ciphertext)),
    "a garbled partial": lambda c: c.check(x=c.x ^ 1),
    "a partial times v": lambda c: c.check(x=c.x * c.sharing.v % c.sharing.public_key.n),
    "all zero": lambda c: c.check(proof=EqualityProof(0, 0)),
}


@pytest.mark.parametrize("attempt", WRONG.values(), ids=WRONG.keys())
def test_a_proof_that_is_changed_or_about_something_else_is_refused(case: Case, attempt: Callable[[Case], None]) -> None:
    case.check()
    with pytest.raises(ProofError):
        attempt(case)


def test_a_share_that_is_not_the_one_bound_to_cannot_be_proven(case: Case) -> None:
    """A custodian that lies with another exponent makes an honest proof of the wrong statement; it does not help."""
    lie = dataclasses.replace(case.shares[1], value=case.shares[1].value + 1)
    proof = prove_partial(case.sharing, lie, case.ciphertext, CONTEXT, secrets.randbits)
    with pytest.raises(ProofError):
        case.check(x=partial(case.sharing, lie, case.ciphertext), proof=proof)


def test_what_cannot_be_a_partial_is_refused(case: Case) -> None:
    n = case.sharing.public_key.n
    for x in (n, n + 1, -1):
        with pytest.raises(PartialError):
            case.check(x=x)
    with pytest.raises(PartialError):
        case.check(index=6)
    with pytest.raises(CiphertextError):
        case.check(ciphertext=n)


def test_the_nonce_is_longer_than_what_it_hides(case: Case) -> None:
    asked: list[int] = []

    def randbits(bits: int) -> int:
        asked.append(bits)
        return secrets.randbits(bits)

    prove_partial(case.sharing, case.shares[0], case.ciphertext, CONTEXT, randbits)
    assert asked == [case.sharing.bound.bit_length() + 128 + 128]
