"""Our ciphertexts are phe's and phe's are ours [P1.2, P4.6]."""

from __future__ import annotations

import secrets

import pytest

from crypto.contribution import check_contribution
from crypto.encoding import canonical_json
from crypto.keygen import PrivateKey
from crypto.merkle import root
from crypto.multiexp import linear_combination
from crypto.paillier import Encryptor, PublicKey, balanced, check_opening, encode_ciphertext
from crypto.proofs import prove_root
from crypto.threshold import Share, Sharing, combine, partial

phe = pytest.importorskip("phe")
pytestmark = pytest.mark.interop

Dealing = tuple[Sharing, list[Share]]
VALUES = [0, 1, -1, 15000, -32768, 1 << 300, -(1 << 300)]


def opened(dealing: Dealing, ciphertext: int) -> int:
    sharing, shares = dealing
    opening = combine(sharing, ciphertext, {share.index: partial(sharing, share, ciphertext) for share in shares[1:4]})
    check_opening(sharing.public_key, ciphertext, opening)
    return opening.m


def encrypt(encryptor: Encryptor, m: int) -> int:
    return encryptor.encrypt(m, secrets.randbits(encryptor.public_key.exponent_bits))


def test_custodians_open_what_phe_encrypts(small_private_key: PrivateKey, small_dealing: Dealing) -> None:
    key = phe.PaillierPublicKey(small_private_key.n)
    for m in VALUES:
        assert opened(small_dealing, int(key.raw_encrypt(m % key.n))) == m


def test_custodians_open_phes_encoded_numbers_and_sums(small_private_key: PrivateKey, small_dealing: Dealing) -> None:
    key = phe.PaillierPublicKey(small_private_key.n)
    total = key.encrypt(17) * 3 + key.encrypt(-40) * 5 + 9
    assert total.exponent == 0
    assert opened(small_dealing, total.ciphertext()) == 17 * 3 - 40 * 5 + 9


def test_phe_decrypts_what_we_encrypt(small_private_key: PrivateKey, small_encryptor: Encryptor) -> None:
    key = phe.PaillierPublicKey(small_private_key.n)
    private = phe.PaillierPrivateKey(key, small_private_key.p, small_private_key.q)
    for m in VALUES:
        ciphertext = encrypt(small_encryptor, m)
        assert balanced(private.raw_decrypt(ciphertext), key.n) == m
        if abs(m) < 1 << 100:
            assert private.decrypt(phe.EncryptedNumber(key, ciphertext, 0)) == m


def test_phe_and_we_compute_the_same_weighted_totals(small_private_key: PrivateKey, small_encryptor: Encryptor, small_dealing: Dealing) -> None:
    key = phe.PaillierPublicKey(small_private_key.n)
    private = phe.PaillierPrivateKey(key, small_private_key.p, small_private_key.q)
    values, weights = [120, -55, 0, 32000], [7, 65535, 3, -12]
    mixed = [encrypt(small_encryptor, m) if index % 2 else int(key.raw_encrypt(m % key.n)) for index, m in enumerate(values)]
    ours = linear_combination(small_encryptor.public_key, weights, mixed, constant=400)
    theirs = key.encrypt(400)
    for c, w in zip(mixed, weights, strict=True):
        theirs += phe.EncryptedNumber(key, c) * w
    expected = sum(w * m for w, m in zip(weights, values, strict=True)) + 400
    assert opened(small_dealing, ours) == opened(small_dealing, theirs.ciphertext()) == private.decrypt(theirs) == expected
    assert balanced(private.raw_decrypt(ours), key.n) == expected


def test_a_sender_with_phe_alone_contributes_under_a_root_proof(small_private_key: PrivateKey, small_public_key: PublicKey) -> None:
    key = phe.PaillierPublicKey(small_private_key.n)
    plaintexts = [15000, -250, 0]
    roots = [key.get_random_lt_n() for _ in plaintexts]
    ciphertexts = [int(key.raw_encrypt(m % key.n, r_value=r)) for m, r in zip(plaintexts, roots, strict=True)]
    leaves = [encode_ciphertext(small_public_key, c) for c in ciphertexts]
    header = {
        "sender": "bank-a",
        "key": small_public_key.key_hash.hex(),
        "proof": "root",
        "batches": 3,
        "entries": [{"indicator": "loan", "functional": "-"}],
        "merkle_root": root(leaves).hex(),
    }
    proof = prove_root(small_public_key, canonical_json(header), ciphertexts, plaintexts, roots, secrets.token_bytes(32))
    assert check_contribution(small_public_key, header, proof, b"".join(leaves)) == ciphertexts
