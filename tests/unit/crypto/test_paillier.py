from __future__ import annotations

import hashlib
import secrets
from concurrent.futures import ThreadPoolExecutor

import gmpy2
import pytest

from crypto.errors import CiphertextError, EncodingError, KeyFormatError, OpeningError
from crypto.keygen import PrivateKey
from crypto.paillier import (
    TAIL_BITS,
    Encryptor,
    Opening,
    PublicKey,
    balanced,
    check_opening,
    decode_ciphertexts,
    derive_h,
    encode_ciphertext,
)

SMALL = 512


def field(data: bytes) -> bytes:
    return len(data).to_bytes(8, "big") + data


def decrypt(key: PrivateKey, ciphertext: int) -> int:
    """Textbook decryption with p and q: the oracle of these tests; the product has no such thing."""
    n, order = key.n, (key.p - 1) * (key.q - 1)
    return balanced((pow(ciphertext, order, n * n) - 1) // n * pow(order, -1, n), n)


def exponent(key: PublicKey) -> int:
    return secrets.randbits(key.exponent_bits)


# --- keys [P1.1, P1.2] ---------------------------------------------------------------------------------------------------


def test_h_is_minus_the_square_of_a_hash_that_anyone_recomputes(small_public_key: PublicKey) -> None:
    n = small_public_key.n
    stream = hashlib.shake_256(field(b"xinqiao/base/v1") + field(n.to_bytes(64, "big"))).digest(64 + 16)
    y = int.from_bytes(stream, "big") % n
    assert small_public_key.h == -y * y % n
    assert small_public_key.h_s == pow(small_public_key.h, n, n * n)


def test_key_hash_covers_n_and_h_in_fixed_width(small_public_key: PublicKey) -> None:
    n, h = (value.to_bytes(64, "big") for value in (small_public_key.n, small_public_key.h))
    assert small_public_key.key_hash == hashlib.sha256(field(b"xinqiao/public-key/v1") + field(n) + field(h)).digest()


def test_sizes_follow_the_modulus(small_public_key: PublicKey) -> None:
    key = small_public_key
    assert (key.bits, key.exponent_bits, key.n_size, key.ciphertext_size) == (512, 256, 64, 128)


def test_a_chosen_h_is_refused(small_public_key: PublicKey) -> None:
    for h in (small_public_key.h + 1, 1, 4, -small_public_key.h % small_public_key.n):
        with pytest.raises(KeyFormatError, match="h is not"):
            PublicKey(small_public_key.n, h).check(SMALL)


def test_short_keys_are_refused_unless_asked_for(small_public_key: PublicKey) -> None:
    with pytest.raises(KeyFormatError, match="at least 2048"):
        PublicKey.from_modulus(small_public_key.n)
    with pytest.raises(KeyFormatError, match="at least 2048"):
        PublicKey.from_json(small_public_key.to_json())
    PublicKey.from_modulus(small_public_key.n, min_bits=SMALL)


def test_nothing_under_512_bits_passes_even_when_asked_for() -> None:
    with pytest.raises(KeyFormatError, match="at least 512"):
        PublicKey.from_modulus((1 << 503) + 1, min_bits=8)


def test_even_moduli_and_broken_lengths_are_refused() -> None:
    with pytest.raises(KeyFormatError, match="even"):
        PublicKey.from_modulus((1 << 511) + 2, min_bits=SMALL)
    with pytest.raises(KeyFormatError, match="multiple of 8"):
        PublicKey.from_modulus((1 << 512) + 1, min_bits=SMALL)


def test_key_document_round_trips(small_public_key: PublicKey) -> None:
    document = small_public_key.to_json()
    assert document["format"] == "xinqiao/public-key/v1"
    assert document["bits"] == SMALL
    assert PublicKey.from_json(document, min_bits=SMALL) == small_public_key


@pytest.mark.parametrize(
    "change",
    [
        {"format": "xinqiao/public-key/v2"},
        {"bits": 3072},
        {"bits": "512"},
        {"n": None},
        {"n": 5},
        {"n": "0"},
        {"n": ""},
        {"h": "zz"},
        {"h": "5"},
        {"n": "f" * 5000},
    ],
)
def test_untrue_or_malformed_key_documents_are_refused(small_public_key: PublicKey, change: dict[str, object]) -> None:
    with pytest.raises(KeyFormatError):
        PublicKey.from_json({**small_public_key.to_json(), **change}, min_bits=SMALL)


def test_key_documents_in_other_spellings_of_the_same_number_are_refused(small_public_key: PublicKey) -> None:
    document = small_public_key.to_json()
    for spelling in (f"0{document['n']}", f"{small_public_key.n:X}", f"0x{document['n']}", f" {document['n']}", f"{document['n']}\n"):
        with pytest.raises(KeyFormatError, match="n is not lower-case hex"):
            PublicKey.from_json({**document, "n": spelling}, min_bits=SMALL)


@pytest.mark.parametrize("document", [None, [], "key", 7, {}])
def test_documents_that_are_no_key_are_refused(document: object) -> None:
    with pytest.raises(KeyFormatError, match="format"):
        PublicKey.from_json(document)


# --- encryption [P1.2] ---------------------------------------------------------------------------------------------------


def test_encryption_is_the_formula(small_encryptor: Encryptor) -> None:
    key = small_encryptor.public_key
    for m, a in ((0, 0), (1, 1), (-1, 2), (12345, (1 << key.exponent_bits) - 1), (key.n + 5, 77)):
        assert small_encryptor.encrypt(m, a) == (1 + m * key.n) * pow(key.h_s, a, key.n2) % key.n2


def test_encryptions_decrypt_to_the_balanced_plaintext(small_encryptor: Encryptor, small_private_key: PrivateKey) -> None:
    key = small_encryptor.public_key
    for m in (0, 1, -1, 10**9, -(10**9), key.n // 2, -(key.n // 2)):
        assert decrypt(small_private_key, small_encryptor.encrypt(m, exponent(key))) == m


def test_exponents_out_of_range_are_refused(small_encryptor: Encryptor) -> None:
    for a in (-1, 1 << small_encryptor.public_key.exponent_bits):
        with pytest.raises(ValueError, match="outside"):
            small_encryptor.encrypt(1, a)


def test_proofs_may_use_longer_exponents_up_to_the_tail(small_encryptor: Encryptor) -> None:
    key = small_encryptor.public_key
    longest = key.exponent_bits + TAIL_BITS
    for a in (0, 1, 1 << key.exponent_bits, (1 << longest) - 1, secrets.randbits(longest)):
        assert small_encryptor.power(a) == pow(key.h_s, a, key.n2)
    for a in (-1, 1 << longest):
        with pytest.raises(ValueError, match="outside"):
            small_encryptor.power(a)


@pytest.mark.parametrize("window", [2, 3, 6, 9])
def test_every_window_gives_the_same_ciphertexts(small_encryptor: Encryptor, window: int) -> None:
    a = exponent(small_encryptor.public_key)
    assert Encryptor(small_encryptor.public_key, window).encrypt(42, a) == small_encryptor.encrypt(42, a)


def test_balanced_residues_are_centred() -> None:
    assert [balanced(m, 7) for m in range(-7, 8)] == [0, 1, 2, 3, -3, -2, -1, 0, 1, 2, 3, -3, -2, -1, 0]


# --- bytes [P4.3] --------------------------------------------------------------------------------------------------------


def test_ciphertext_bytes_round_trip_in_fixed_width(small_encryptor: Encryptor) -> None:
    key = small_encryptor.public_key
    ciphertexts = [1, key.n2 - 1, *(small_encryptor.encrypt(m, exponent(key)) for m in range(3))]
    data = b"".join(encode_ciphertext(key, c) for c in ciphertexts)
    assert len(data) == 5 * key.ciphertext_size
    assert decode_ciphertexts(key, data) == ciphertexts
    assert decode_ciphertexts(key, b"") == []


def test_ciphertexts_too_long_for_their_width_are_not_encoded(small_public_key: PublicKey) -> None:
    for value in (1 << 1024, -1):
        with pytest.raises(EncodingError):
            encode_ciphertext(small_public_key, value)


@pytest.mark.parametrize("bad", ["zero", "n²", "largest", "n", "p", "multiple of q"])
def test_an_invalid_ciphertext_is_named_by_its_index(small_encryptor: Encryptor, small_private_key: PrivateKey, bad: str) -> None:
    key = small_encryptor.public_key
    p, q = small_private_key.p, small_private_key.q
    value = {"zero": 0, "n²": key.n2, "largest": (1 << 1024) - 1, "n": key.n, "p": p, "multiple of q": 3 * q * q}[bad]
    good = [encode_ciphertext(key, small_encryptor.encrypt(m, exponent(key))) for m in range(4)]
    for index in range(5):
        data = b"".join([*good[:index], value.to_bytes(key.ciphertext_size, "big"), *good[index:]])
        with pytest.raises(CiphertextError, match=f"ciphertext {index} "):
            decode_ciphertexts(key, data)


def test_bytes_that_are_no_whole_number_of_ciphertexts_are_refused(small_public_key: PublicKey) -> None:
    for size in (1, 127, 129):
        with pytest.raises(CiphertextError, match="whole number"):
            decode_ciphertexts(small_public_key, b"\1" * size)


# --- openings [P1.4] -----------------------------------------------------------------------------------------------------


@pytest.fixture
def opened(small_encryptor: Encryptor) -> tuple[int, Opening]:
    """A ciphertext of −5 with its opening, r made with a root instead of an exponent."""
    key = small_encryptor.public_key
    r = secrets.randbelow(key.n - 1) + 1
    return (1 - 5 * key.n) * pow(r, key.n, key.n2) % key.n2, Opening(-5, r)


def test_a_true_opening_holds(small_public_key: PublicKey, opened: tuple[int, Opening]) -> None:
    check_opening(small_public_key, *opened)


def test_no_other_plaintext_or_root_opens(small_public_key: PublicKey, opened: tuple[int, Opening]) -> None:
    ciphertext, opening = opened
    n = small_public_key.n
    for m, r in ((5, opening.r), (-4, opening.r), (0, opening.r), (-5, opening.r + 1), (-5, n - opening.r), (-5, 1)):
        with pytest.raises(OpeningError, match="does not open"):
            check_opening(small_public_key, ciphertext, Opening(m, r))


def test_other_representatives_of_a_true_opening_are_refused(small_public_key: PublicKey, opened: tuple[int, Opening]) -> None:
    ciphertext, opening = opened
    n = small_public_key.n
    for m in (opening.m + n, opening.m - n):
        with pytest.raises(OpeningError, match="balanced"):
            check_opening(small_public_key, ciphertext, Opening(m, opening.r))
    for r in (opening.r + n, opening.r - n, 0, n):
        with pytest.raises(OpeningError, match="outside"):
            check_opening(small_public_key, ciphertext, Opening(opening.m, r))


def test_openings_of_invalid_ciphertexts_are_refused(small_public_key: PublicKey, opened: tuple[int, Opening]) -> None:
    ciphertext, opening = opened
    for value in (0, ciphertext + small_public_key.n2, small_public_key.n):
        with pytest.raises(CiphertextError):
            check_opening(small_public_key, value, opening)


def test_h_is_a_unit_of_jacobi_symbol_one(small_public_key: PublicKey) -> None:
    assert gmpy2.jacobi(derive_h(small_public_key.n), small_public_key.n) == 1


def test_threads_may_share_an_encryptor(small_encryptor: Encryptor) -> None:
    key = small_encryptor.public_key
    work = [(m, exponent(key)) for m in range(200)]
    with ThreadPoolExecutor(4) as pool:
        parallel = list(pool.map(lambda pair: small_encryptor.encrypt(*pair), work))
    assert parallel == [small_encryptor.encrypt(m, a) for m, a in work]


@pytest.mark.parametrize("n", [0, -3])
def test_a_modulus_that_is_not_positive_is_refused(n: int) -> None:
    with pytest.raises(KeyFormatError):
        PublicKey.from_modulus(n, min_bits=SMALL)
