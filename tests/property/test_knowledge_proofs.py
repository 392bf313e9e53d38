"""Mutations of proofs of knowledge and contributions: only what was made is accepted [P4.6]; 512-bit keys, for speed only."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.contribution import EncryptedContribution, check_contribution, encrypt_contribution
from crypto.errors import CryptoError, ProofError
from crypto.paillier import Encryptor, PublicKey
from crypto.proofs import KnowledgeProof, check_knowledge, prove_djn

SECRET = bytes(range(32))


@pytest.fixture(scope="module")
def encryptor(small_public_key: PublicKey) -> Encryptor:
    """Encryptor of the small key."""
    return Encryptor(small_public_key, window=5)


@pytest.fixture(scope="module")
def made(encryptor: Encryptor) -> EncryptedContribution:
    """A contribution of three ciphertexts."""
    header = {"key": encryptor.public_key.key_hash.hex(), "proof": "djn", "batches": 3, "sender": "tax", "period": "2025"}
    return encrypt_contribution(encryptor, SECRET, header, [1, -2, 3])


@given(header=st.binary(max_size=64), secret=st.binary(min_size=32, max_size=64), data=st.data())
def test_every_true_proof_is_accepted_and_survives_no_change_of_header(
    encryptor: Encryptor, header: bytes, secret: bytes, data: st.DataObject
) -> None:
    key = encryptor.public_key
    witness = st.tuples(st.integers(-(1 << 600), 1 << 600), st.integers(1, (1 << key.exponent_bits) - 1))  # not 0: c = 1 says nothing
    known = data.draw(st.lists(witness, min_size=1, max_size=8))
    ciphertexts = [encryptor.encrypt(m, a) for m, a in known]
    proof = prove_djn(encryptor, header, ciphertexts, [m for m, _ in known], [a for _, a in known], secret)
    check_knowledge(key, header, ciphertexts, proof)
    other = data.draw(st.binary(max_size=64).filter(lambda value: value != header))
    with pytest.raises(ProofError):
        check_knowledge(key, other, ciphertexts, proof)


@given(name=st.sampled_from(["t", "z1", "z2"]), bit=st.integers(0, 1100))
def test_no_bit_of_a_proof_can_be_flipped(encryptor: Encryptor, made: EncryptedContribution, name: str, bit: int) -> None:
    fields = {"t": made.proof.t, "z1": made.proof.z1, "z2": made.proof.z2}
    fields[name] ^= 1 << bit
    with pytest.raises(ProofError):
        check_contribution(encryptor.public_key, made.header, KnowledgeProof(made.proof.type, **fields), made.ciphertext_bytes)


@given(t=st.integers(), z1=st.integers(), z2=st.integers(), kind=st.sampled_from(["djn", "root"]), data=st.data())
def test_no_invented_proof_is_accepted(
    encryptor: Encryptor, made: EncryptedContribution, t: int, z1: int, z2: int, kind: str, data: st.DataObject
) -> None:
    n2 = encryptor.public_key.n2
    near = st.sampled_from([0, 1, made.proof.t, n2 - 1, encryptor.public_key.n - 1])
    proof = KnowledgeProof(
        "djn" if kind == "djn" else "root", data.draw(st.just(t) | near), data.draw(st.just(z1) | near), data.draw(st.just(z2) | near)
    )
    with pytest.raises(ProofError):
        check_contribution(encryptor.public_key, {**made.header, "proof": kind}, proof, made.ciphertext_bytes)


@given(position=st.integers(0, 3 * 128 * 8 - 1))
def test_no_bit_of_the_ciphertexts_can_be_flipped(encryptor: Encryptor, made: EncryptedContribution, position: int) -> None:
    data = bytearray(made.ciphertext_bytes)
    data[position // 8] ^= 1 << position % 8
    with pytest.raises(CryptoError):
        check_contribution(encryptor.public_key, made.header, made.proof, bytes(data))


@given(data=st.binary(max_size=500))
def test_no_other_bytes_are_accepted(encryptor: Encryptor, made: EncryptedContribution, data: bytes) -> None:
    with pytest.raises(CryptoError):
        check_contribution(encryptor.public_key, made.header, made.proof, data)


names = st.sampled_from(["key", "proof", "batches", "sender", "period", "merkle_root", "more"])
values = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec="utf-8"), max_size=70) | st.lists(st.integers(), max_size=2)
)


@given(name=names, value=values)
def test_no_field_of_the_header_can_be_changed(encryptor: Encryptor, made: EncryptedContribution, name: str, value: object) -> None:
    if name in made.header and made.header[name] == value:
        return
    with pytest.raises(CryptoError):
        check_contribution(encryptor.public_key, {**made.header, name: value}, made.proof, made.ciphertext_bytes)


documents = st.fixed_dictionaries(
    {},
    optional={
        name: st.none() | st.integers() | st.text(max_size=8) | st.sampled_from(["djn", "root", "0", "ff"]) for name in ("type", "t", "z1", "z2", "x")
    },
)


@given(document=documents)
def test_any_document_is_a_proof_in_canonical_form_or_refused(document: dict[str, object]) -> None:
    try:
        proof = KnowledgeProof.from_json(document)
    except ProofError:
        return
    assert proof.to_json() == document
