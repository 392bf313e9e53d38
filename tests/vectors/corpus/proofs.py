"""Vectors of the proof of knowledge [P4.6]: true ones of both types, made by this program and by ``phe``, and each with one thing changed.

Everything is drawn from a seed, so that the file is the same in every run. 512-bit keys, whose primes are in the file.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import phe

from crypto.encoding import canonical_json, sha256
from crypto.keygen import PrivateKey, generate_private_key
from crypto.paillier import Encryptor, PublicKey
from crypto.proofs import KnowledgeProof, prove_djn, prove_root

BITS = 512
Vector = dict[str, Any]


def _numbers(vector: Vector, name: str) -> int:
    return int(vector["proof"][name], 16)


def _set(name: str, change: Callable[[int, PublicKey], int]) -> Callable[[Vector, PublicKey], None]:
    """One number of the proof is another."""

    def changed(vector: Vector, key: PublicKey) -> None:
        vector["proof"] = vector["proof"] | {name: f"{change(_numbers(vector, name), key):x}"}

    return changed


def _header(vector: Vector, _key: PublicKey) -> None:
    vector["header"] = vector["header"].replace('"revision":0', '"revision":1')


def _ciphertexts(change: Callable[[list[int], PublicKey], list[int]]) -> Callable[[Vector, PublicKey], None]:
    """The list of ciphertexts is another."""

    def changed(vector: Vector, key: PublicKey) -> None:
        vector["ciphertexts"] = [f"{item:x}" for item in change([int(item, 16) for item in vector["ciphertexts"]], key)]

    return changed


def _type(vector: Vector, _key: PublicKey) -> None:
    vector["proof"] = vector["proof"] | {"type": "root" if vector["proof"]["type"] == "djn" else "djn"}


def _rerandomised(items: list[int], key: PublicKey) -> list[int]:
    """The first ciphertext under another witness: the same plaintext, which a thief does not know."""
    return [items[0] * pow(3, key.n, key.n2) % key.n2, *items[1:]]


MUTATIONS: dict[str, Callable[[Vector, PublicKey], None]] = {
    "header-of-another-revision": _header,
    "t-plus-one": _set("t", lambda t, _: t + 1),
    "t-zero": _set("t", lambda _t, _: 0),
    "t-beyond-the-square": _set("t", lambda t, key: t + key.n2),
    "t-shares-a-factor": _set("t", lambda _t, key: key.n),
    "z1-plus-one": _set("z1", lambda z, _: z + 1),
    "z1-plus-n": _set("z1", lambda z, key: z + key.n),
    "z2-plus-one": _set("z2", lambda z, _: z + 1),
    "z2-out-of-range": _set("z2", lambda z, key: z + (key.n << 2048)),
    "type-of-the-other-kind": _type,
    "ciphertext-rerandomised": _ciphertexts(_rerandomised),
    "ciphertext-plus-n": _ciphertexts(lambda items, key: [(items[0] + key.n) % key.n2, *items[1:]]),
    "ciphertexts-swapped": _ciphertexts(lambda items, _: [items[1], items[0], *items[2:]]),
    "ciphertext-left-out": _ciphertexts(lambda items, _: items[:-1]),
    "ciphertext-doubled": _ciphertexts(lambda items, _: [*items, items[0]]),
    "values-moved-between-ciphertexts": _ciphertexts(
        lambda items, key: [items[0] * (1 + key.n) % key.n2, items[1] * pow(1 + key.n, -1, key.n2) % key.n2, *items[2:]]
    ),
    "no-ciphertexts": _ciphertexts(lambda _items, _: []),
}


def vectors() -> dict[str, Any]:
    """The file: the key with its primes, and the vectors."""
    draw = random.Random("xinqiao proof vectors")
    private = generate_private_key(BITS, draw.getrandbits)
    key = PublicKey.from_modulus(private.n, min_bits=BITS)
    found = []
    for name, vector in (("djn", _djn(key, draw)), ("djn-of-one", _djn(key, draw, 1)), ("root-by-phe", _root(private, key, draw))):
        found.append({"name": name, "valid": True, **vector})
        for mutation, change in MUTATIONS.items():
            if len(vector["ciphertexts"]) == 1 and mutation in {"ciphertexts-swapped", "values-moved-between-ciphertexts", "ciphertext-left-out"}:
                continue
            wrong = dict(vector)
            change(wrong, key)
            found.append({"name": f"{name}/{mutation}", "valid": False, **wrong})
    return {"public_key": key.to_json(), "primes": [f"{private.p:x}", f"{private.q:x}"], "vectors": found}


def _said(key: PublicKey, kind: str, count: int, ciphertexts: list[int]) -> str:
    digest = sha256(b"".join(item.to_bytes(key.ciphertext_size, "big") for item in ciphertexts)).hex()
    return canonical_json(
        {"batches": count, "key": key.key_hash.hex(), "merkle_root": digest, "proof": kind, "revision": 0, "sender": "tax"}
    ).decode()


def _plaintexts(draw: random.Random, count: int) -> list[int]:
    return [0, -1, 12_345, 1 << 300, -(1 << 300)][:count] if count > 1 else [draw.randrange(30_000)]


def _djn(key: PublicKey, draw: random.Random, count: int = 5) -> Vector:
    encryptor, plaintexts = Encryptor(key, window=4), _plaintexts(draw, count)
    exponents = [draw.getrandbits(key.exponent_bits) for _ in plaintexts]
    ciphertexts = [encryptor.encrypt(m, a) for m, a in zip(plaintexts, exponents, strict=True)]
    header = _said(key, "djn", count, ciphertexts)
    proof = prove_djn(encryptor, header.encode(), ciphertexts, plaintexts, exponents, draw.randbytes(32))
    return _vector(header, plaintexts, ciphertexts, proof)


def _root(private: PrivateKey, key: PublicKey, draw: random.Random, count: int = 5) -> Vector:
    theirs, plaintexts = phe.PaillierPublicKey(private.n), _plaintexts(draw, count)
    roots = [draw.randrange(1, key.n) for _ in plaintexts]
    ciphertexts = [int(theirs.raw_encrypt(m % key.n, r_value=r)) for m, r in zip(plaintexts, roots, strict=True)]
    header = _said(key, "root", count, ciphertexts)
    return _vector(header, plaintexts, ciphertexts, prove_root(key, header.encode(), ciphertexts, plaintexts, roots, draw.randbytes(32)))


def _vector(header: str, plaintexts: list[int], ciphertexts: list[int], proof: KnowledgeProof) -> Vector:
    return {
        "header": header,
        "plaintexts": [str(m) for m in plaintexts],
        "ciphertexts": [f"{item:x}" for item in ciphertexts],
        "proof": proof.to_json(),
    }
