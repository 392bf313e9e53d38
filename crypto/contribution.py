"""Making and checking one contribution: ciphertexts, Merkle root and proof of one column or row [P4.1, P4.4, P4.6].

All randomness is derived from a node secret, so that a node that crashed makes the same bytes again. Whether the sender may
contribute this, and who signed the header, is judged elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from crypto.encoding import canonical_json, digest, to_fixed, xof
from crypto.errors import CiphertextError, KeyFormatError, MerkleError, ProofError
from crypto.merkle import root
from crypto.paillier import Encryptor, PublicKey, decode_ciphertexts, encode_ciphertext
from crypto.proofs import KnowledgeProof, check_knowledge, prove_djn

Header = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class EncryptedContribution:
    """What leaves the node (``ciphertext_bytes``, ``header``, ``proof``) and what it keeps for audits (``exponents``).

    ``ciphertext_bytes`` is the concatenation of the fixed-width ciphertexts; ``header`` includes ``merkle_root`` in hex.
    """

    ciphertext_bytes: bytes
    merkle_root: bytes
    header: dict[str, object]
    proof: KnowledgeProof
    exponents: tuple[int, ...]


def encrypt_contribution(encryptor: Encryptor, secret: bytes, header: Header, plaintexts: Sequence[int]) -> EncryptedContribution:
    """Encrypts the plaintexts, batch by batch or entry by entry, and proves knowledge of them [P4.4, P4.6].

    ``secret`` is the node's K of this epoch, at least 32 bytes; ``header`` is everything but ``merkle_root``, JSON without
    floats, naming this key, ``proof`` djn and as many ``batches`` as there are plaintexts. Deterministic in its arguments.
    Raises what ``check_contribution`` raises for such a header, and ValueError for a short secret.
    """
    key = encryptor.public_key
    if len(secret) < 32:
        raise ValueError(f"node secret of {len(secret)} bytes, expected at least 32")
    _check_header(key, header, "djn", len(plaintexts))
    name = _header_hash(header)
    exponents = tuple(_exponent(key, secret, name, index, plaintext) for index, plaintext in enumerate(plaintexts))
    ciphertexts = [encryptor.encrypt(plaintext, exponent) for plaintext, exponent in zip(plaintexts, exponents, strict=True)]
    leaves = [encode_ciphertext(key, ciphertext) for ciphertext in ciphertexts]
    merkle_root = root(leaves)
    complete = {**header, "merkle_root": merkle_root.hex()}
    proof = prove_djn(encryptor, canonical_json(complete), ciphertexts, plaintexts, exponents, secret)
    return EncryptedContribution(b"".join(leaves), merkle_root, complete, proof, exponents)


def check_contribution(public_key: PublicKey, header: Header, proof: KnowledgeProof, data: bytes) -> list[int]:
    """Holds when ``data`` is exactly the header's ciphertexts and the proof covers them; returns the ciphertexts [P4.1, P4.3, P4.6].

    Raises KeyFormatError for another key, CiphertextError for a wrong count or an invalid ciphertext, MerkleError for another
    root, ProofError for another proof type or a proof that fails.
    """
    size = public_key.ciphertext_size
    _check_header(public_key, header, proof.type, len(data) // size)
    ciphertexts = decode_ciphertexts(public_key, data)
    if root([data[start : start + size] for start in range(0, len(data), size)]).hex() != header.get("merkle_root"):
        raise MerkleError("the header's Merkle root is not that of the ciphertexts")
    check_knowledge(public_key, canonical_json(dict(header)), ciphertexts, proof)
    return ciphertexts


def exponent_of(public_key: PublicKey, secret: bytes, header: Header, index: int, plaintext: int) -> int:
    """a of ciphertext ``index`` of a contribution: what its maker shows of it in an audit, with the plaintext [P4.4, P6]."""
    return _exponent(public_key, secret, _header_hash(header), index, plaintext)


def gate_mask(secret: bytes, header: Header, index: int, context: bytes, bits: int) -> int:
    """u of a gate, uniform in [0, 2^bits), drawn for one position of one contribution [P2.3, P4.4].

    ``index`` is the subject's position in the roster (row: the entry's); ``context`` tells draws of one position apart. The
    header's entry names the functional, so every functional's gate has its own u. Requires bits >= 1.
    """
    drawn = xof("gate-mask", (bits + 7) // 8, secret, _header_hash(header), to_fixed(index, 8), context)
    return int.from_bytes(drawn, "big") >> -bits % 8


def _exponent(public_key: PublicKey, secret: bytes, header_hash: bytes, index: int, plaintext: int) -> int:
    """a of one ciphertext: other plaintexts, positions and headers have other exponents [P4.4]."""
    message = to_fixed(plaintext % public_key.n, public_key.n_size)
    drawn = xof("exponent", (public_key.exponent_bits + 7) // 8, secret, header_hash, to_fixed(index, 8), message)
    return int.from_bytes(drawn, "big") >> -public_key.exponent_bits % 8


def _header_hash(header: Header) -> bytes:
    return digest("header", canonical_json({name: value for name, value in header.items() if name != "merkle_root"}))


def _check_header(public_key: PublicKey, header: Header, proof_type: str, count: int) -> None:
    if header.get("key") != public_key.key_hash.hex():
        raise KeyFormatError("the header names another public key")
    if header.get("proof") != proof_type:
        raise ProofError(f"the header announces proof {header.get('proof')!r}, expected {proof_type!r}")
    if header.get("batches") != count or count == 0:
        raise CiphertextError(f"the header announces {header.get('batches')!r} ciphertexts, there are {count}")
