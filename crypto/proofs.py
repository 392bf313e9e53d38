"""Batched proof that a sender knows the plaintexts of all its ciphertexts [P4.6].

One Schnorr proof in Z*_(n²) for a whole column or row, made non-interactive over key, header and ciphertexts, so that a
rerandomised copy of somebody else's ciphertext cannot be submitted as one's own. Verifiers never merge proofs of different
senders. What the header says is judged elsewhere; here it is bytes.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from gmpy2 import mpz

from crypto.bignum import FixedBase, power, secret_power
from crypto.encoding import digest, to_fixed, xof, xof_mod
from crypto.errors import CiphertextError, ProofError
from crypto.multiexp import plan
from crypto.paillier import TAIL_BITS, Encryptor, PublicKey, check_ciphertexts

ProofType = Literal["djn", "root"]
CHALLENGE_SIZE = 16  # bytes of each e_j
_MASK_BITS = 256  # of α beyond |n|/2 + bitlen N: 128 for e_j, 128 to hide Σ e_j·a_j
_TABLE_WINDOW = 6
_HEX = re.compile(r"0|[1-9a-f][0-9a-f]*")
_HEX_LENGTH = 4096  # 16,384 bits: longer than any field of a proof under any key in use


@dataclass(frozen=True, slots=True)
class KnowledgeProof:
    """Proof (t, z1, z2): ``djn`` knows exponents of h_s, ``root`` knows n-th roots [P4.6]. Unchecked until ``check_knowledge``."""

    type: ProofType
    t: int
    z1: int
    z2: int

    def to_json(self) -> dict[str, str]:
        """The proof of a signed statement: type, and t, z1, z2 in hex."""
        return {"type": self.type, "t": f"{self.t:x}", "z1": f"{self.z1:x}", "z2": f"{self.z2:x}"}

    @classmethod
    def from_json(cls, document: Mapping[str, object]) -> KnowledgeProof:
        """The inverse of ``to_json``. Raises ProofError when a field is missing, superfluous or not canonical."""
        proof_type = document.get("type")
        if proof_type not in get_args(ProofType) or set(document) != {"type", "t", "z1", "z2"}:
            raise ProofError("a proof has exactly the fields type (djn or root), t, z1, z2")
        numbers = []
        for name in ("t", "z1", "z2"):
            text = document[name]
            if not isinstance(text, str) or len(text) > _HEX_LENGTH or not _HEX.fullmatch(text):
                raise ProofError(f"proof: {name} is not lower-case hex without leading zeros")
            numbers.append(int(text, 16))
        return cls("djn" if proof_type == "djn" else "root", *numbers)


def prove_djn(
    encryptor: Encryptor, header: bytes, ciphertexts: Sequence[int], plaintexts: Sequence[int], exponents: Sequence[int], secret: bytes
) -> KnowledgeProof:
    """Proof of knowledge of (m_j, a_j) with c_j = (1 + m_j·n)·h_s^(a_j) mod n² [P4.6].

    ``header`` is the complete canonical header with its Merkle root; ``secret`` keys the derivation of (μ, α), so that the
    same statement gives the same proof and no two statements share them [P4.4]. Requires lists of equal length and knowledge
    that is true: a false one gives a proof that fails. Raises ValueError for unequal lengths.
    """
    key = encryptor.public_key
    statement = _statement(key, header, ciphertexts)
    mu = _nonce(key, "proof-plaintext", secret, statement)
    alpha_bits = key.exponent_bits + _MASK_BITS + len(ciphertexts).bit_length()
    alpha = int.from_bytes(xof("proof-exponent", (alpha_bits + 7) // 8, _proof_key(secret), *statement), "big") >> -alpha_bits % 8
    t = int((1 + mpz(mu) * key.n) * encryptor.power(alpha) % key.n2)
    challenges = _challenges(key, statement, t, len(ciphertexts))
    z1 = (mu + sum(e * m for e, m in zip(challenges, plaintexts, strict=True))) % key.n
    z2 = alpha + sum(e * a for e, a in zip(challenges, exponents, strict=True))
    return KnowledgeProof("djn", t, int(z1), int(z2))


def prove_root(
    public_key: PublicKey, header: bytes, ciphertexts: Sequence[int], plaintexts: Sequence[int], roots: Sequence[int], secret: bytes
) -> KnowledgeProof:
    """Proof of knowledge of (m_j, r_j) with c_j = (1 + m_j·n)·r_j^n mod n², for senders that use any other Paillier [P4.6].

    Arguments as for ``prove_djn``. Raises ValueError for unequal lengths.
    """
    n = mpz(public_key.n)
    statement = _statement(public_key, header, ciphertexts)
    mu, rho = _nonce(public_key, "proof-plaintext", secret, statement), _nonce(public_key, "proof-root", secret, statement)
    t = int((1 + mu * n) * secret_power(rho, n, public_key.n2) % public_key.n2)
    challenges = _challenges(public_key, statement, t, len(ciphertexts))
    z1 = (mu + sum(e * m for e, m in zip(challenges, plaintexts, strict=True))) % n
    z2 = rho * plan(challenges).evaluate(roots, n) % n
    return KnowledgeProof("root", t, int(z1), int(z2))


def check_knowledge(public_key: PublicKey, header: bytes, ciphertexts: Sequence[int], proof: KnowledgeProof) -> None:
    """Holds when the proof shows knowledge of every plaintext under exactly this key, header and list of ciphertexts [P4.6].

    Raises ProofError when there is no ciphertext, a field is out of its range or the equation fails; CiphertextError when a
    ciphertext is outside [1, n²) or shares a factor with n.
    """
    n, n2, count = public_key.n, public_key.n2, len(ciphertexts)
    if count == 0:
        raise ProofError("a proof of knowledge needs at least one ciphertext")
    check_ciphertexts(public_key, tuple(ciphertexts))
    _check_ranges(public_key, count, proof)
    challenges = _challenges(public_key, _statement(public_key, header, ciphertexts), proof.t, count)
    right = proof.t * plan(challenges).evaluate(ciphertexts, n2) % n2
    random_part = _verifier_table(n, public_key.h_s).power(proof.z2) if proof.type == "djn" else power(proof.z2, n, n2)
    if (1 + mpz(proof.z1) * n) * random_part % n2 != right:
        raise ProofError("the proof of knowledge does not verify for this key, header and ciphertexts")


def _check_ranges(public_key: PublicKey, count: int, proof: KnowledgeProof) -> None:
    if proof.type not in get_args(ProofType):
        raise ProofError(f"proof type {proof.type!r}, expected djn or root")
    try:
        check_ciphertexts(public_key, (proof.t,))
    except CiphertextError as error:
        raise ProofError("t is outside [1, n²) or shares a factor with n") from error
    if not 0 <= proof.z1 < public_key.n:
        raise ProofError("z1 is outside [0, n)")
    z2_bits = public_key.exponent_bits + _MASK_BITS + count.bit_length() + 1
    if proof.type == "djn" and not 0 <= proof.z2 < 1 << z2_bits:
        raise ProofError(f"z2 is outside [0, 2^{z2_bits})")
    if proof.type == "root" and not 1 <= proof.z2 < public_key.n:
        raise ProofError("z2 is outside [1, n)")


def _statement(public_key: PublicKey, header: bytes, ciphertexts: Sequence[int]) -> tuple[bytes, ...]:
    """Challenge input without t: key hash, header, N as 8 bytes, c_1 … c_N, each a field of its own."""
    size = public_key.ciphertext_size
    return (public_key.key_hash, header, to_fixed(len(ciphertexts), 8), *(to_fixed(c, size) for c in ciphertexts))


def _challenges(public_key: PublicKey, statement: tuple[bytes, ...], t: int, count: int) -> list[int]:
    """e_1 … e_N, a block of its own for each j: one shared e would prove only the sum of the plaintexts."""
    stream = xof("knowledge", CHALLENGE_SIZE * count, *statement, to_fixed(t, public_key.ciphertext_size))
    return [int.from_bytes(stream[start : start + CHALLENGE_SIZE], "big") for start in range(0, len(stream), CHALLENGE_SIZE)]


def _proof_key(secret: bytes) -> bytes:
    return digest("proof-key", secret)


def _nonce(public_key: PublicKey, use: str, secret: bytes, statement: tuple[bytes, ...]) -> int:
    return xof_mod(use, public_key.n, _proof_key(secret), *statement)


@functools.lru_cache(maxsize=4)
def _verifier_table(n: int, h_s: int) -> FixedBase:
    """Table for checking, small (about 14 MB at 3072 bits) and shared by all proofs under a key."""
    return FixedBase(h_s, n, n.bit_length() // 2 + TAIL_BITS, _TABLE_WINDOW)
