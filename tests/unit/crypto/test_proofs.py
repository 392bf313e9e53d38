from __future__ import annotations

import dataclasses
import hashlib
import math
import secrets
from collections.abc import Callable

import pytest

from crypto.errors import CiphertextError, ProofError
from crypto.keygen import PrivateKey, generate_private_key
from crypto.paillier import Encryptor, PublicKey
from crypto.proofs import KnowledgeProof, check_knowledge, prove_djn, prove_root

HEADER = b'{"entries":[{"functional":"-","indicator":"rd"}],"sender":"tax"}'
SECRET = b"k" * 32


@dataclasses.dataclass(frozen=True)
class Statement:
    """Ciphertexts with everything their sender knows, and the proof made of it."""

    key: PublicKey
    ciphertexts: list[int]
    plaintexts: list[int]
    witnesses: list[int]
    proof: KnowledgeProof


def djn_statement(encryptor: Encryptor, count: int = 5) -> Statement:
    key = encryptor.public_key
    plaintexts = [secrets.randbelow(key.n) - key.n // 2 for _ in range(count)]
    exponents = [secrets.randbits(key.exponent_bits) for _ in range(count)]
    ciphertexts = [encryptor.encrypt(m, a) for m, a in zip(plaintexts, exponents, strict=True)]
    return Statement(key, ciphertexts, plaintexts, exponents, prove_djn(encryptor, HEADER, ciphertexts, plaintexts, exponents, SECRET))


def root_statement(encryptor: Encryptor, count: int = 5) -> Statement:
    key = encryptor.public_key
    plaintexts = [secrets.randbelow(key.n) - key.n // 2 for _ in range(count)]
    roots = [secrets.randbelow(key.n - 1) + 1 for _ in range(count)]
    ciphertexts = [(1 + m * key.n) * pow(r, key.n, key.n2) % key.n2 for m, r in zip(plaintexts, roots, strict=True)]
    return Statement(key, ciphertexts, plaintexts, roots, prove_root(key, HEADER, ciphertexts, plaintexts, roots, SECRET))


STATEMENTS: list[Callable[..., Statement]] = [djn_statement, root_statement]
both = pytest.mark.parametrize("make", STATEMENTS)


def refused(statement: Statement, proof: KnowledgeProof | None = None, header: bytes = HEADER, ciphertexts: list[int] | None = None) -> None:
    with pytest.raises(ProofError):
        check_knowledge(
            statement.key, header, statement.ciphertexts if ciphertexts is None else ciphertexts, statement.proof if proof is None else proof
        )


def challenges(key: PublicKey, header: bytes, ciphertexts: list[int], t: int) -> list[int]:
    """e_j recomputed from P4.6 with the standard library alone."""
    fields = [b"xinqiao/knowledge/v1", key.key_hash, header, len(ciphertexts).to_bytes(8, "big")]
    fields += [value.to_bytes(128, "big") for value in (*ciphertexts, t)]
    stream = hashlib.shake_256(b"".join(len(field).to_bytes(8, "big") + field for field in fields)).digest(16 * len(ciphertexts))
    return [int.from_bytes(stream[16 * index : 16 * index + 16], "big") for index in range(len(ciphertexts))]


@both
@pytest.mark.parametrize("count", [1, 2, 3, 24, 65])
def test_true_proofs_hold(small_encryptor: Encryptor, make: Callable[..., Statement], count: int) -> None:
    statement = make(small_encryptor, count)
    check_knowledge(statement.key, HEADER, statement.ciphertexts, statement.proof)


@both
def test_the_accepted_equation_is_that_of_the_specification(small_encryptor: Encryptor, make: Callable[..., Statement]) -> None:
    statement = make(small_encryptor, 3)
    key, proof = statement.key, statement.proof
    right = proof.t
    for ciphertext, e in zip(statement.ciphertexts, challenges(key, HEADER, statement.ciphertexts, proof.t), strict=True):
        right = right * pow(ciphertext, e, key.n2) % key.n2
    random_part = pow(key.h_s, proof.z2, key.n2) if proof.type == "djn" else pow(proof.z2, key.n, key.n2)
    assert (1 + proof.z1 * key.n) * random_part % key.n2 == right


# --- mutations of every field --------------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("name", ["t", "z1", "z2"])
def test_every_number_of_the_proof_is_covered(small_encryptor: Encryptor, make: Callable[..., Statement], name: str) -> None:
    statement = make(small_encryptor)
    n, n2, value = statement.key.n, statement.key.n2, getattr(statement.proof, name)
    for wrong in (
        value + 1,
        value - 1,
        0,
        1,
        -value,
        value + n,
        value + n2,
        value - n,
        n - value,
        n2 - value,
        value ^ (1 << 77),
        value * 2,
    ):
        refused(statement, KnowledgeProof(**{**dataclasses.asdict(statement.proof), name: wrong}))


@both
def test_the_type_of_a_proof_cannot_be_changed(small_encryptor: Encryptor, make: Callable[..., Statement]) -> None:
    statement = make(small_encryptor)
    refused(statement, dataclasses.replace(statement.proof, type="root" if statement.proof.type == "djn" else "djn"))
    refused(statement, dataclasses.replace(statement.proof, type="none"))  # type: ignore[arg-type]


@both
def test_t_that_is_no_unit_is_refused(small_encryptor: Encryptor, small_private_key: PrivateKey, make: Callable[..., Statement]) -> None:
    statement = make(small_encryptor)
    for wrong in (0, small_private_key.n, small_private_key.p, statement.key.n2):
        refused(statement, dataclasses.replace(statement.proof, t=wrong))


def test_z2_beyond_its_bound_is_refused_though_the_equation_holds(small_encryptor: Encryptor, small_private_key: PrivateKey) -> None:
    """Adding the secret order of h_s keeps the equation: only the range check stands in the way."""
    statement = djn_statement(small_encryptor)
    order = 2 * small_private_key.order
    bound = 1 << (statement.key.exponent_bits + 256 + (5).bit_length() + 1)
    beyond = statement.proof.z2 + -(-(bound - statement.proof.z2) // order) * order
    assert pow(statement.key.h_s, beyond, statement.key.n2) == pow(statement.key.h_s, statement.proof.z2, statement.key.n2)
    with pytest.raises(ProofError, match="z2 is outside"):
        check_knowledge(statement.key, HEADER, statement.ciphertexts, dataclasses.replace(statement.proof, z2=beyond))
    with pytest.raises(ProofError, match="z2 is outside"):
        check_knowledge(
            statement.key, HEADER, statement.ciphertexts, dataclasses.replace(statement.proof, z2=statement.proof.z2 - order * (1 << 600))
        )


def test_z1_beyond_n_is_refused_though_the_equation_holds(small_encryptor: Encryptor) -> None:
    statement = djn_statement(small_encryptor)
    for wrong in (statement.proof.z1 + statement.key.n, statement.proof.z1 - statement.key.n):
        with pytest.raises(ProofError, match="z1 is outside"):
            check_knowledge(statement.key, HEADER, statement.ciphertexts, dataclasses.replace(statement.proof, z1=wrong))


# --- the statement is covered --------------------------------------------------------------------------------------------


@both
def test_every_byte_of_the_header_is_covered(small_encryptor: Encryptor, make: Callable[..., Statement]) -> None:
    statement = make(small_encryptor, 2)
    for index in range(len(HEADER)):
        refused(statement, header=HEADER[:index] + bytes([HEADER[index] ^ 1]) + HEADER[index + 1 :])
    for header in (b"", HEADER[:-1], HEADER + b" "):
        refused(statement, header=header)


@both
def test_order_number_and_values_of_ciphertexts_are_covered(small_encryptor: Encryptor, make: Callable[..., Statement]) -> None:
    statement = make(small_encryptor)
    c, key = statement.ciphertexts, statement.key
    for changed in (c[::-1], c[1:], c[:-1], [*c, c[0]], [c[0], *c], [c[1], c[0], *c[2:]], [1, *c]):
        refused(statement, ciphertexts=changed)
    for index in range(len(c)):
        for wrong in (c[index] * (1 + key.n) % key.n2, c[index] * key.h_s % key.n2, key.n2 - c[index], 1):
            refused(statement, ciphertexts=[*c[:index], wrong, *c[index + 1 :]])


@both
def test_a_proof_for_nothing_is_refused(small_encryptor: Encryptor, make: Callable[..., Statement]) -> None:
    refused(make(small_encryptor), ciphertexts=[])
    refused(make(small_encryptor, 0), ciphertexts=[])


@both
def test_invalid_ciphertexts_are_named(small_encryptor: Encryptor, small_private_key: PrivateKey, make: Callable[..., Statement]) -> None:
    statement = make(small_encryptor, 3)
    for wrong in (0, statement.key.n2, small_private_key.p):
        with pytest.raises(CiphertextError, match="ciphertext 1 "):
            check_knowledge(statement.key, HEADER, [statement.ciphertexts[0], wrong, statement.ciphertexts[2]], statement.proof)


def test_a_proof_under_another_key_is_refused(small_encryptor: Encryptor) -> None:
    statement = djn_statement(small_encryptor, 1)
    other = PublicKey.from_modulus(generate_private_key(512, secrets.randbits).n, min_bits=512)
    with pytest.raises((ProofError, CiphertextError)):
        check_knowledge(other, HEADER, statement.ciphertexts, statement.proof)


# --- knowledge -----------------------------------------------------------------------------------------------------------


def test_false_knowledge_of_any_one_ciphertext_is_refused(small_encryptor: Encryptor) -> None:
    for make in STATEMENTS:
        statement = make(small_encryptor, 4)
        for index in range(4):
            for plaintext, witness in ((1, 0), (0, 1)):
                m = [value + plaintext * (position == index) for position, value in enumerate(statement.plaintexts)]
                w = [value + witness * (position == index) for position, value in enumerate(statement.witnesses)]
                if make is djn_statement:
                    proof = prove_djn(small_encryptor, HEADER, statement.ciphertexts, m, w, SECRET)
                else:
                    proof = prove_root(statement.key, HEADER, statement.ciphertexts, m, w, SECRET)
                refused(statement, proof)


def test_false_knowledge_that_cancels_in_the_sum_is_refused(small_encryptor: Encryptor) -> None:
    """One challenge for all j would prove only the sum of the plaintexts."""
    statement = djn_statement(small_encryptor, 2)
    m, a = statement.plaintexts, statement.witnesses
    proof = prove_djn(small_encryptor, HEADER, statement.ciphertexts, [m[0] + 1, m[1] - 1], a, SECRET)
    refused(statement, proof)
    proof = prove_djn(small_encryptor, HEADER, statement.ciphertexts, m, [a[0] + 1, a[1] - 1], SECRET)
    refused(statement, proof)


def test_a_rerandomised_copy_verifies_under_its_authors_header_only(small_encryptor: Encryptor) -> None:
    """The copy's proof cannot even be carried over to the copied values: the challenge covers them."""
    statement = djn_statement(small_encryptor, 2)
    key = statement.key
    shift = secrets.randbits(key.exponent_bits - 1)
    copy = [c * pow(key.h_s, shift, key.n2) % key.n2 for c in statement.ciphertexts]
    for header in (HEADER, HEADER.replace(b"tax", b"bnk")):
        refused(statement, header=header, ciphertexts=copy)
        for factor in (1, 2, 1 << 128):
            if statement.proof.z2 + shift * factor < 1 << (key.exponent_bits + 256):
                refused(statement, dataclasses.replace(statement.proof, z2=statement.proof.z2 + shift * factor), header, copy)


def test_unequal_lists_are_an_error(small_encryptor: Encryptor) -> None:
    statement = djn_statement(small_encryptor, 2)
    with pytest.raises(ValueError, match="zip"):
        prove_djn(small_encryptor, HEADER, statement.ciphertexts, statement.plaintexts[:1], statement.witnesses, SECRET)
    with pytest.raises(ValueError, match="zip"):
        prove_djn(small_encryptor, HEADER, statement.ciphertexts, statement.plaintexts, statement.witnesses[:1], SECRET)
    with pytest.raises(ValueError, match="zip"):
        prove_root(statement.key, HEADER, statement.ciphertexts, statement.plaintexts[:1], statement.witnesses, SECRET)
    with pytest.raises(ValueError, match="bases"):
        prove_root(statement.key, HEADER, statement.ciphertexts, statement.plaintexts, statement.witnesses[:1], SECRET)


# --- derivation of (μ, α) [P4.4] ---------------------------------------------------------------------------------------


def test_the_same_statement_gives_the_same_proof(small_encryptor: Encryptor) -> None:
    s = djn_statement(small_encryptor, 2)
    assert prove_djn(small_encryptor, HEADER, s.ciphertexts, s.plaintexts, s.witnesses, SECRET) == s.proof


def nonces(s: Statement, header: bytes, secret: bytes, encryptor: Encryptor) -> tuple[int, int]:
    """(μ, α), or (μ, ρ), taken out of a proof by what only its author knows."""
    c, m, w = s.ciphertexts, s.plaintexts, s.witnesses
    djn = s.proof.type == "djn"
    proof = prove_djn(encryptor, header, c, m, w, secret) if djn else prove_root(s.key, header, c, m, w, secret)
    e = challenges(s.key, header, c, proof.t)
    mu = (proof.z1 - sum(x * y for x, y in zip(e, m, strict=True))) % s.key.n
    if djn:
        return mu, proof.z2 - sum(x * y for x, y in zip(e, w, strict=True))
    return mu, proof.z2 * pow(math.prod(pow(r, x, s.key.n) for r, x in zip(w, e, strict=True)), -1, s.key.n) % s.key.n


@both
def test_no_two_statements_share_a_nonce(small_encryptor: Encryptor, make: Callable[..., Statement]) -> None:
    """Two proofs with one μ or α reveal the plaintexts, so every part of the statement and the secret must change both."""
    s, more = make(small_encryptor, 2), make(small_encryptor, 1)

    def changed(order: slice, extra: Statement | None = None) -> Statement:
        c, m, w = (values[order] for values in (s.ciphertexts, s.plaintexts, s.witnesses))
        if extra is not None:
            c, m, w = c + extra.ciphertexts, m + extra.plaintexts, w + extra.witnesses
        return Statement(s.key, c, m, w, s.proof)

    seen = [
        nonces(s, HEADER, SECRET, small_encryptor),
        nonces(s, HEADER + b" ", SECRET, small_encryptor),
        nonces(s, HEADER, SECRET[:-1] + b"l", small_encryptor),
        nonces(changed(slice(None, None, -1)), HEADER, SECRET, small_encryptor),
        nonces(changed(slice(None), more), HEADER, SECRET, small_encryptor),
        nonces(changed(slice(1)), HEADER, SECRET, small_encryptor),
    ]
    assert len({mu for mu, _ in seen}) == len({alpha for _, alpha in seen}) == len(seen)
    assert nonces(s, HEADER, SECRET, small_encryptor) == seen[0]


@pytest.mark.parametrize("count", [1, 2, 7, 8])
def test_exponents_are_hidden_by_256_bits_more_than_their_length(small_encryptor: Encryptor, count: int) -> None:
    """128 bits for the challenges, 128 so that the sum over them cannot be told from nothing, and bitlen N for their number."""
    statement = djn_statement(small_encryptor, count)
    bits = statement.key.exponent_bits + 256 + count.bit_length()
    drawn = [nonces(statement, bytes([number]), SECRET, small_encryptor)[1] for number in range(64)]
    assert all(0 <= alpha < 1 << bits for alpha in drawn)
    assert max(drawn) >= 1 << (bits - 1)  # 64 draws without the top bit have chance 2^-64


# --- JSON ----------------------------------------------------------------------------------------------------------------


@both
def test_json_round_trips(small_encryptor: Encryptor, make: Callable[..., Statement]) -> None:
    proof = make(small_encryptor, 1).proof
    assert KnowledgeProof.from_json(proof.to_json()) == proof
    assert KnowledgeProof.from_json({"type": "djn", "t": "0", "z1": "a", "z2": "10"}) == KnowledgeProof("djn", 0, 10, 16)


@pytest.mark.parametrize(
    "change",
    [{"type": "none"}, {"type": None}, {"t": 5}, {"z1": ""}, {"z1": "00"}, {"z1": "0x1"}, {"z2": "A"}, {"z2": "-1"}, {"t": "f" * 5000}, {"e": "1"}],
)
def test_malformed_json_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ProofError):
        KnowledgeProof.from_json({"type": "djn", "t": "1", "z1": "2", "z2": "3", **change})


@pytest.mark.parametrize("name", ["type", "t", "z1", "z2"])
def test_json_with_a_field_missing_is_refused(name: str) -> None:
    document = {"type": "djn", "t": "1", "z1": "2", "z2": "3"}
    del document[name]
    with pytest.raises(ProofError):
        KnowledgeProof.from_json(document)
