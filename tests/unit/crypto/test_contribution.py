from __future__ import annotations

import dataclasses
import hashlib
import secrets

import pytest

from crypto.contribution import EncryptedContribution, check_contribution, encrypt_contribution, gate_mask
from crypto.encoding import canonical_json
from crypto.errors import CiphertextError, EncodingError, KeyFormatError, MerkleError, ProofError
from crypto.paillier import Encryptor, PublicKey, decode_ciphertexts, encode_ciphertext
from crypto.proofs import KnowledgeProof, check_knowledge, prove_djn

SECRET = b"node secret of this epoch, 32 by"
PLAINTEXTS = [15000, -250, 0, (1 << 200) + 7]
ENTRY = {"indicator": "rd-share", "functional": "-"}


def header_of(key: PublicKey, /, **changes: object) -> dict[str, object]:
    """A column's header without its root, in the shape of the signed statement."""
    header: dict[str, object] = {
        "sender": "tax-hangzhou", "zone": "hangzhou-binjiang", "key": key.key_hash.hex(), "kind": "column", "epoch": "e1", "period": "2025",
        "model": "aa" * 32, "roster": "bb" * 32, "entries": [ENTRY], "revision": 0, "slot_bits": 24, "slots": 20, "batches": len(PLAINTEXTS),
        "proof": "djn", "subject": "", "audience": "", "consent": "",
    }  # fmt: skip
    return {**header, **changes}


@pytest.fixture(scope="module")
def made(small_encryptor: Encryptor) -> EncryptedContribution:
    """A contribution of four ciphertexts."""
    return encrypt_contribution(small_encryptor, SECRET, header_of(small_encryptor.public_key), PLAINTEXTS)


def merkle_root_of(leaves: list[bytes]) -> bytes:
    """RFC 6962 by its recursive definition."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + merkle_root_of(leaves[:split]) + merkle_root_of(leaves[split:])).digest()


# --- making [P4.1, P4.4] -------------------------------------------------------------------------------------------------


def test_a_contribution_holds_and_gives_back_its_ciphertexts(small_public_key: PublicKey, made: EncryptedContribution) -> None:
    ciphertexts = check_contribution(small_public_key, made.header, made.proof, made.ciphertext_bytes)
    assert ciphertexts == decode_ciphertexts(small_public_key, made.ciphertext_bytes)
    assert len(made.ciphertext_bytes) == len(PLAINTEXTS) * small_public_key.ciphertext_size


def test_kept_exponents_reproduce_the_ciphertexts_for_an_audit(small_encryptor: Encryptor, made: EncryptedContribution) -> None:
    again = [small_encryptor.encrypt(m, a) for m, a in zip(PLAINTEXTS, made.exponents, strict=True)]
    assert b"".join(encode_ciphertext(small_encryptor.public_key, c) for c in again) == made.ciphertext_bytes


def test_root_is_that_of_rfc_6962_over_fixed_width_ciphertexts(small_public_key: PublicKey, made: EncryptedContribution) -> None:
    size = small_public_key.ciphertext_size
    leaves = [made.ciphertext_bytes[start : start + size] for start in range(0, len(made.ciphertext_bytes), size)]
    assert made.merkle_root == merkle_root_of(leaves)
    assert made.header["merkle_root"] == made.merkle_root.hex()


def test_the_complete_header_enters_the_proof(small_public_key: PublicKey, made: EncryptedContribution) -> None:
    assert made.header == {**header_of(small_public_key), "merkle_root": made.merkle_root.hex()}
    ciphertexts = decode_ciphertexts(small_public_key, made.ciphertext_bytes)
    check_knowledge(small_public_key, canonical_json(made.header), ciphertexts, made.proof)


def test_the_same_arguments_give_the_same_bytes(small_encryptor: Encryptor, made: EncryptedContribution) -> None:
    shuffled = dict(reversed(header_of(small_encryptor.public_key).items()))
    assert encrypt_contribution(small_encryptor, SECRET, shuffled, PLAINTEXTS) == made


def test_exponents_are_those_of_the_specification(small_public_key: PublicKey, made: EncryptedContribution) -> None:
    """Recomputed here from P4.4 with the standard library alone."""

    def frame(*fields: bytes) -> bytes:
        return b"".join(len(field).to_bytes(8, "big") + field for field in fields)

    name = hashlib.sha256(frame(b"xinqiao/header/v1", canonical_json(header_of(small_public_key)))).digest()
    for index, m in enumerate(PLAINTEXTS):
        fields = (b"xinqiao/exponent/v1", SECRET, name, index.to_bytes(8, "big"), (m % small_public_key.n).to_bytes(64, "big"))
        assert made.exponents[index] == int.from_bytes(hashlib.shake_256(frame(*fields)).digest(32), "big")


def test_equal_plaintexts_have_different_ciphertexts(small_encryptor: Encryptor) -> None:
    made = encrypt_contribution(small_encryptor, SECRET, header_of(small_encryptor.public_key), [0, 0, 0, 0])
    assert len(set(made.exponents)) == len(set(decode_ciphertexts(small_encryptor.public_key, made.ciphertext_bytes))) == 4


@pytest.mark.parametrize("change", [{"revision": 1}, {"epoch": "e2"}, {"entries": [{**ENTRY, "functional": "total"}]}, {"sender": "tax-suzhou"}])
def test_another_header_draws_other_exponents_and_nonces(small_encryptor: Encryptor, made: EncryptedContribution, change: dict[str, object]) -> None:
    other = encrypt_contribution(small_encryptor, SECRET, header_of(small_encryptor.public_key, **change), PLAINTEXTS)
    assert not set(other.exponents) & set(made.exponents)
    assert other.proof.t != made.proof.t


def test_another_plaintext_draws_another_exponent_there_and_another_nonce(small_encryptor: Encryptor, made: EncryptedContribution) -> None:
    other = encrypt_contribution(small_encryptor, SECRET, header_of(small_encryptor.public_key), [*PLAINTEXTS[:-1], 1])
    assert other.exponents[:-1] == made.exponents[:-1]
    assert other.exponents[-1] != made.exponents[-1]
    assert other.proof.t != made.proof.t


def test_another_secret_draws_other_exponents_and_nonces(small_encryptor: Encryptor, made: EncryptedContribution) -> None:
    other = encrypt_contribution(small_encryptor, SECRET[::-1], header_of(small_encryptor.public_key), PLAINTEXTS)
    assert not set(other.exponents) & set(made.exponents)
    assert other.proof.t != made.proof.t


def test_headers_that_do_not_describe_the_contribution_are_refused(small_encryptor: Encryptor) -> None:
    key = small_encryptor.public_key
    for error, change in (
        (KeyFormatError, {"key": "cc" * 32}),
        (ProofError, {"proof": "root"}),
        (CiphertextError, {"batches": 3}),
        (CiphertextError, {"batches": "4"}),
        (EncodingError, {"period": 2025.0}),
    ):
        with pytest.raises(error):
            encrypt_contribution(small_encryptor, SECRET, header_of(key, **change), PLAINTEXTS)
    with pytest.raises(CiphertextError):
        encrypt_contribution(small_encryptor, SECRET, header_of(key, batches=0), [])


def test_short_secrets_are_refused(small_encryptor: Encryptor) -> None:
    with pytest.raises(ValueError, match="at least 32"):
        encrypt_contribution(small_encryptor, SECRET[:31], header_of(small_encryptor.public_key), PLAINTEXTS)


# --- checking [P4.1, P4.3, P4.6] -----------------------------------------------------------------------------------------


def test_every_changed_byte_of_the_ciphertexts_is_refused(small_public_key: PublicKey, made: EncryptedContribution) -> None:
    data = made.ciphertext_bytes
    for index in range(0, len(data), 7):
        changed = data[:index] + bytes([data[index] ^ 1]) + data[index + 1 :]
        with pytest.raises((MerkleError, CiphertextError)):
            check_contribution(small_public_key, made.header, made.proof, changed)


def test_swapped_missing_and_additional_ciphertexts_are_refused(small_public_key: PublicKey, made: EncryptedContribution) -> None:
    data, size = made.ciphertext_bytes, small_public_key.ciphertext_size
    with pytest.raises(MerkleError):
        check_contribution(small_public_key, made.header, made.proof, data[size : 2 * size] + data[:size] + data[2 * size :])
    for changed in (b"", data[:-size], data + data[:size], data[:-1], data + b"\1"):
        with pytest.raises(CiphertextError):
            check_contribution(small_public_key, made.header, made.proof, changed)


def test_every_field_of_the_header_is_covered(small_public_key: PublicKey, made: EncryptedContribution) -> None:
    for name, value in made.header.items():
        changed: object = value + 1 if isinstance(value, int) else f"{value}x" if isinstance(value, str) else []
        with pytest.raises((KeyFormatError, CiphertextError, MerkleError, ProofError)):
            check_contribution(small_public_key, {**made.header, name: changed}, made.proof, made.ciphertext_bytes)
        without = {other: value for other, value in made.header.items() if other != name}
        with pytest.raises((KeyFormatError, CiphertextError, MerkleError, ProofError)):
            check_contribution(small_public_key, without, made.proof, made.ciphertext_bytes)
    with pytest.raises(ProofError):
        check_contribution(small_public_key, {**made.header, "more": 1}, made.proof, made.ciphertext_bytes)


@pytest.mark.parametrize("change", [{"type": "root"}, {"t": 1}, {"z1": 0}, {"z2": 0}])
def test_every_field_of_the_proof_is_covered(small_public_key: PublicKey, made: EncryptedContribution, change: dict[str, object]) -> None:
    proof = KnowledgeProof(**{**dataclasses.asdict(made.proof), **change})
    with pytest.raises(ProofError):
        check_contribution(small_public_key, made.header, proof, made.ciphertext_bytes)


# --- the attack that P4.6 stops ------------------------------------------------------------------------------------------


def rerandomised(key: PublicKey, made: EncryptedContribution, shifts: list[int]) -> tuple[bytes, dict[str, object]]:
    """Somebody's ciphertexts, rerandomised, under a header of the thief's own with a true root."""
    ciphertexts = decode_ciphertexts(key, made.ciphertext_bytes)
    leaves = [encode_ciphertext(key, c * pow(key.h_s, shift, key.n2) % key.n2) for c, shift in zip(ciphertexts, shifts, strict=True)]
    return b"".join(leaves), {**header_of(key, sender="bank-a"), "merkle_root": merkle_root_of(leaves).hex()}


def test_a_rerandomised_copy_under_another_header_is_refused(small_public_key: PublicKey, made: EncryptedContribution) -> None:
    key = small_public_key
    for shifts in ([0] * 4, [secrets.randbits(key.exponent_bits) for _ in range(4)]):
        data, header = rerandomised(key, made, shifts)
        with pytest.raises(ProofError, match="does not verify"):
            check_contribution(key, header, made.proof, data)


def test_a_copys_proof_cannot_be_adjusted_by_what_the_thief_knows(small_encryptor: Encryptor, made: EncryptedContribution) -> None:
    """The thief knows its own shifts but neither plaintexts nor exponents: guesses give proofs that fail."""
    key = small_encryptor.public_key
    shifts = [secrets.randbits(key.exponent_bits - 1) for _ in range(4)]
    data, header = rerandomised(key, made, shifts)
    ciphertexts = decode_ciphertexts(key, data)
    for guesses in ([0] * 4, [1] * 4, [m + 1 for m in PLAINTEXTS]):
        forged = prove_djn(small_encryptor, canonical_json(header), ciphertexts, guesses, shifts, secrets.token_bytes(32))
        with pytest.raises(ProofError, match="does not verify"):
            check_contribution(key, header, forged, data)


def test_only_the_author_can_prove_under_another_header(small_encryptor: Encryptor, made: EncryptedContribution) -> None:
    key = small_encryptor.public_key
    data, header = rerandomised(key, made, [0] * 4)
    proof = prove_djn(small_encryptor, canonical_json(header), decode_ciphertexts(key, data), PLAINTEXTS, made.exponents, SECRET)
    check_contribution(key, header, proof, data)


# --- gate masks [P2.3, P4.4] ---------------------------------------------------------------------------------------------


def test_masks_have_exactly_the_bits_asked_for(small_public_key: PublicKey) -> None:
    header = header_of(small_public_key)
    for bits in (1, 7, 8, 9, 60, 257):
        drawn = [gate_mask(SECRET, header, index, b"", bits) for index in range(64)]
        assert all(0 <= u < 1 << bits for u in drawn)
        assert max(drawn) >= 1 << (bits - 1)  # the top bit is used: 64 draws without it have chance 2^-64


def test_masks_differ_between_positions_functionals_contexts_headers_and_secrets(small_public_key: PublicKey) -> None:
    header = header_of(small_public_key)
    drawn = {
        gate_mask(SECRET, header, 0, b"", 128),
        gate_mask(SECRET, header, 1, b"", 128),
        gate_mask(SECRET, header, 0, b"x", 128),
        gate_mask(SECRET, header_of(small_public_key, revision=1), 0, b"", 128),
        gate_mask(SECRET, header_of(small_public_key, entries=[{**ENTRY, "functional": "total"}]), 0, b"", 128),
        gate_mask(SECRET, header_of(small_public_key, entries=[{**ENTRY, "functional": "line"}]), 0, b"", 128),
        gate_mask(SECRET[::-1], header, 0, b"", 128),
    }
    assert len(drawn) == 7


def test_masks_do_not_depend_on_the_root_that_they_lead_to(small_public_key: PublicKey, made: EncryptedContribution) -> None:
    assert gate_mask(SECRET, made.header, 3, b"", 64) == gate_mask(SECRET, header_of(small_public_key), 3, b"", 64)
