"""Proof that a partial opening was made with the share that its custodian is bound to [P1.4].

Shoup's proof (Eurocrypt 2000) that x_i² to the base c^(4Δ), and v_i to the base v, have the same logarithm d_i, made non-interactive with
a hash. It is asked for only when an opening failed. Only the partial that a custodian signed is judged: a subset that does not open says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import gmpy2
from gmpy2 import mpz

from crypto.bignum import power, secret_power
from crypto.encoding import to_fixed, xof
from crypto.errors import PartialError, ProofError
from crypto.keygen import RandBits
from crypto.paillier import check_ciphertexts
from crypto.threshold import Share, Sharing, partial

CHALLENGE_BITS = 128
NONCE_SLACK_BITS = CHALLENGE_BITS + 128  # the nonce is the share's length and this long: z hides the share up to 2^-128


@dataclass(frozen=True, slots=True)
class EqualityProof:
    """c = H(…, v', x') of 128 bits, and z = d_i·c + r over the integers."""

    challenge: int
    response: int


def prove_partial(sharing: Sharing, share: Share, ciphertext: int, context: bytes, randbits: RandBits) -> EqualityProof:
    """Proof that ``partial`` of this share is right, bound to ``context``: what the partial is about, in the caller's bytes.

    Raises as ``partial``.
    """
    x = partial(sharing, share, ciphertext)
    n = sharing.public_key.n
    base = _base(sharing, ciphertext)
    r = randbits(sharing.bound.bit_length() + NONCE_SLACK_BITS)
    commitments = int(secret_power(sharing.v, r, n)), int(secret_power(base, r, n))
    challenge = _challenge(sharing, context, base, sharing.v_i[share.index - 1], x, commitments)
    return EqualityProof(challenge, int(mpz(share.value) * challenge + r))


def check_partial(sharing: Sharing, index: int, ciphertext: int, x: int, context: bytes, proof: EqualityProof) -> None:
    """Holds when ``x``, up to its sign, is the partial of share number ``index``.

    Raises CiphertextError for an invalid ciphertext, PartialError for a number outside 1..l or an x that is no unit in [1, n), and ProofError
    when the proof is out of range, about another context, or wrong.
    """
    check_ciphertexts(sharing.public_key, (ciphertext,))
    n = sharing.public_key.n
    if not 1 <= index <= sharing.parties:
        raise PartialError(f"partial of share number {index}, expected 1..{sharing.parties}")
    if not 1 <= x < n or gmpy2.gcd(x, n) != 1:
        raise PartialError(f"partial of share {index} is outside [1, n) or not invertible")
    if not 0 <= proof.challenge < 1 << CHALLENGE_BITS:
        raise ProofError("the challenge of a proof of equality is outside its range")
    if abs(proof.response) >= 1 << (sharing.bound.bit_length() + NONCE_SLACK_BITS + 1):
        raise ProofError("the response of a proof of equality is outside its range")
    base, v_i = _base(sharing, ciphertext), sharing.v_i[index - 1]
    commitments = (
        int(power(sharing.v, proof.response, n) * power(v_i, -proof.challenge, n) % n),
        int(power(base, proof.response, n) * power(x, -2 * proof.challenge, n) % n),
    )
    if _challenge(sharing, context, base, v_i, x, commitments) != proof.challenge:
        raise ProofError(f"the proof of custodian {index} does not show that its partial comes from its share")


def _base(sharing: Sharing, ciphertext: int) -> int:
    return int(power(ciphertext % sharing.public_key.n, 4 * sharing.delta, sharing.public_key.n))


def _challenge(sharing: Sharing, context: bytes, base: int, v_i: int, x: int, commitments: tuple[int, int]) -> int:
    n = sharing.public_key.n
    size = (n.bit_length() + 7) // 8
    numbers = (sharing.v, base, v_i, x * x % n, *commitments)
    fields = [to_fixed(number, size) for number in numbers]
    return int.from_bytes(xof("partial-proof", CHALLENGE_BITS // 8, sharing.public_key.key_hash, context, *fields), "big")
