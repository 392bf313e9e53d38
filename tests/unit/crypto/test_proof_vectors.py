"""Published vectors of the proof of knowledge: both verifiers take the true ones and no other; phe opens what they speak of [P4.6]."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from crypto.errors import CryptoError
from crypto.paillier import PublicKey
from crypto.proofs import KnowledgeProof, check_knowledge
from tests.support import independent

phe = pytest.importorskip("phe")
pytestmark = pytest.mark.interop

FILE = Path(__file__).parents[2] / "vectors" / "knowledge.json"
DOCUMENT: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
VECTORS: list[dict[str, Any]] = DOCUMENT["vectors"]
KEY = PublicKey.from_json(DOCUMENT["public_key"], min_bits=512)
verifier = independent.load()
THEIRS = verifier.PublicKey(KEY.bits, KEY.n, KEY.h)
every = pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])


def numbers(vector: dict[str, Any]) -> list[int]:
    return [int(item, 16) for item in vector["ciphertexts"]]


def holds_by_ours(vector: dict[str, Any]) -> bool:
    try:
        check_knowledge(KEY, vector["header"].encode(), numbers(vector), KnowledgeProof.from_json(vector["proof"]))
    except CryptoError:
        return False
    return True


def holds_by_the_second(vector: dict[str, Any]) -> bool:
    """It reads a header, and whoever calls it has looked at the ciphertexts and their number."""
    ciphertexts = numbers(vector)
    try:
        verifier.check_knowledge(THEIRS, json.loads(vector["header"]), vector["proof"], ciphertexts)
    except ValueError:
        return False
    return bool(ciphertexts) and all(map(THEIRS.is_unit, ciphertexts))


@every
def test_both_verifiers_take_a_true_proof_and_no_changed_one(vector: dict[str, Any]) -> None:
    assert (holds_by_ours(vector), holds_by_the_second(vector)) == (vector["valid"], vector["valid"])


@pytest.mark.parametrize("vector", [vector for vector in VECTORS if vector["valid"]], ids=lambda vector: vector["name"])
def test_phe_decrypts_what_the_true_ones_speak_of(vector: dict[str, Any]) -> None:
    private = phe.PaillierPrivateKey(phe.PaillierPublicKey(KEY.n), *(int(prime, 16) for prime in DOCUMENT["primes"]))
    assert [private.raw_decrypt(item) for item in numbers(vector)] == [int(m) % KEY.n for m in vector["plaintexts"]]


def test_there_is_a_mutation_of_every_part_of_both_types() -> None:
    for base in ("djn", "root-by-phe"):
        changed = {vector["name"].split("/")[1] for vector in VECTORS if vector["name"].startswith(f"{base}/")}
        for part in ("header", "t-", "z1", "z2", "type", "ciphertext"):
            assert any(name.startswith(part) for name in changed), (base, part)


def test_the_file_is_what_its_seed_gives() -> None:
    from tests.vectors.corpus.proofs import vectors  # noqa: PLC0415  it needs phe, and this module is skipped without

    assert vectors() == DOCUMENT
