"""Paillier with g = 1 + n: public key, encryption with half-length exponents, ciphertext bytes, openings [P1.1-P1.4].

Nothing here decrypts. A ciphertext is valid for any Paillier with g = n + 1, and one made by any of them opens here.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field

import gmpy2
from gmpy2 import mpz

from crypto.bignum import FixedBase, power
from crypto.encoding import digest, to_fixed, xof_mod
from crypto.errors import CiphertextError, KeyFormatError, OpeningError

DEFAULT_MIN_BITS = 2048
SMALLEST_BITS = 512  # tests only: far too small for use
KEY_FORMAT = "xinqiao/public-key/v1"
TAIL_BITS = 256 + 64  # how much longer than an encryption's exponent a proof's may be [P4.6]
_TAIL_WINDOW = 5
_HEX = re.compile(r"[1-9a-f][0-9a-f]*")


@dataclass(frozen=True, slots=True)
class PublicKey:
    """Modulus n and the public non-residue h whose n-th power h_s generates the randomness [P1.2].

    Built by ``from_modulus`` or ``from_json`` it satisfies ``check``; built directly it is unchecked.
    """

    n: int
    h: int
    n2: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "n", int(self.n))
        object.__setattr__(self, "h", int(self.h))
        object.__setattr__(self, "n2", self.n * self.n)

    @classmethod
    def from_modulus(cls, n: int, min_bits: int = DEFAULT_MIN_BITS) -> PublicKey:
        """Key of modulus ``n`` with its derived h. Raises KeyFormatError as ``check`` does."""
        if n < 1:
            raise KeyFormatError("modulus is not positive")
        key = cls(int(n), derive_h(int(n)))
        key.check(min_bits)
        return key

    @classmethod
    def from_json(cls, document: object, min_bits: int = DEFAULT_MIN_BITS) -> PublicKey:
        """Key of a ``key.json`` document. Raises KeyFormatError when a field is missing, not canonical hex, or untrue."""
        if not isinstance(document, dict) or document.get("format") != KEY_FORMAT:
            raise KeyFormatError(f"public key document: expected format {KEY_FORMAT}")
        numbers = []
        for name in ("n", "h"):
            text = document.get(name)
            if not isinstance(text, str) or len(text) > 4096 or not _HEX.fullmatch(text):
                raise KeyFormatError(f"public key document: {name} is not lower-case hex without leading zeros")
            numbers.append(int(text, 16))
        key = cls(*numbers)
        if document.get("bits") != key.bits:
            raise KeyFormatError(f"public key document: bits is {document.get('bits')!r}, n has {key.bits}")
        key.check(min_bits)
        return key

    def to_json(self) -> dict[str, object]:
        """The ``key.json`` document: format, bits, n and h in hex."""
        return {"format": KEY_FORMAT, "bits": self.bits, "n": f"{self.n:x}", "h": f"{self.h:x}"}

    def check(self, min_bits: int = DEFAULT_MIN_BITS) -> None:
        """Holds when n is odd, of whole bytes of bits and at least ``min_bits`` long, and h is the derived one [P1.2].

        Raises KeyFormatError otherwise. Lengths under 2048 are for tests and must be asked for; under 512 nothing passes.
        """
        if self.bits < max(min_bits, SMALLEST_BITS) or self.bits % 8:
            raise KeyFormatError(f"modulus has {self.bits} bits, expected a multiple of 8 and at least {max(min_bits, SMALLEST_BITS)}")
        if self.n % 2 == 0:
            raise KeyFormatError("modulus is even")
        if self.h != derive_h(self.n) or gmpy2.gcd(self.h, self.n) != 1:
            raise KeyFormatError("h is not the one derived from n")

    @property
    def bits(self) -> int:
        """|n|, the length of the modulus in bits."""
        return self.n.bit_length()

    @property
    def exponent_bits(self) -> int:
        """|n|/2: encryption exponents are uniform in [0, 2^exponent_bits) [P1.2]."""
        return self.bits // 2

    @property
    def n_size(self) -> int:
        """Width in bytes of an integer mod n."""
        return (self.bits + 7) // 8

    @property
    def ciphertext_size(self) -> int:
        """Width in bytes of a ciphertext: ceil(2·|n|/8)."""
        return (2 * self.bits + 7) // 8

    @property
    def h_s(self) -> int:
        """h^n mod n², computed once a key."""
        return _h_s(self.n, self.h)

    @property
    def key_hash(self) -> bytes:
        """32 bytes that name this key in headers and challenges."""
        return digest("public-key", to_fixed(self.n, self.n_size), to_fixed(self.h, self.n_size))


@functools.lru_cache(maxsize=16)
def _h_s(n: int, h: int) -> int:
    return int(power(h, n, mpz(n) * n))


def derive_h(n: int) -> int:
    """h = −y² mod n, y = SHAKE256(label ‖ n) mod n: anyone can recompute it [P1.2]."""
    y = xof_mod("base", n, to_fixed(n, (n.bit_length() + 7) // 8))
    return -y * y % n


class Encryptor:
    """Encrypts under one key with a table of powers of h_s: immutable once built, so threads may share it.

    At 3072 bits the table takes about 23 MB with window 8, 75 MB with 10, 250 MB with 12; more window, fewer products.
    """

    __slots__ = ("_main", "_n", "_n2", "_tail", "public_key")

    def __init__(self, public_key: PublicKey, window: int = 8) -> None:
        """``window`` in 2..16; see ``bignum.window_for`` for a choice by the expected number of encryptions."""
        self.public_key = public_key
        self._n, self._n2 = mpz(public_key.n), mpz(public_key.n2)
        self._main = FixedBase(public_key.h_s, public_key.n, public_key.exponent_bits, window)
        beyond = power(public_key.h_s, 1 << public_key.exponent_bits, public_key.n2)
        self._tail = FixedBase(beyond, public_key.n, TAIL_BITS, min(window, _TAIL_WINDOW))

    def encrypt(self, plaintext: int, exponent: int) -> int:
        """(1 + m·n)·h_s^a mod n² [P1.2]: m any integer (taken mod n), a in [0, 2^exponent_bits), secret, uniform, never reused.

        Raises ValueError when the exponent is out of its range.
        """
        return int((1 + plaintext % self._n * self._n) * self._main.power(exponent) % self._n2)

    def power(self, exponent: int) -> int:
        """h_s^a mod n² for 0 <= a < 2^(exponent_bits + TAIL_BITS). Raises ValueError outside."""
        high, low = exponent >> self.public_key.exponent_bits, exponent & ((1 << self.public_key.exponent_bits) - 1)
        product = self._main.power(low)
        return int(product * self._tail.power(high) % self._n2) if high else int(product)


def balanced(m: int, n: int) -> int:
    """The residue of m mod odd n in [−(n−1)/2, (n−1)/2]: negative numbers are residues above half [P2.1]."""
    m = int(m) % n
    return m - n if m > n // 2 else m


def encode_ciphertext(public_key: PublicKey, ciphertext: int) -> bytes:
    """Fixed-width big-endian bytes of a ciphertext. Raises EncodingError when it does not fit."""
    return to_fixed(ciphertext, public_key.ciphertext_size)


def decode_ciphertexts(public_key: PublicKey, data: bytes) -> list[int]:
    """Ciphertexts of a concatenation of fixed-width encodings, every one in [1, n²) and coprime to n [P4.3].

    Raises CiphertextError for a length that is no multiple of the width, and with the index of the first that is not valid.
    """
    size = public_key.ciphertext_size
    if len(data) % size:
        raise CiphertextError(f"{len(data)} bytes are not a whole number of ciphertexts of {size} bytes")
    ciphertexts = [int.from_bytes(data[start : start + size], "big") for start in range(0, len(data), size)]
    check_ciphertexts(public_key, ciphertexts)
    return ciphertexts


def check_ciphertexts(public_key: PublicKey, ciphertexts: list[int] | tuple[int, ...]) -> None:
    """Holds when every ciphertext is in [1, n²) and coprime to n. Raises CiphertextError with the index of the first that is not."""
    for index, ciphertext in enumerate(ciphertexts):
        if not 1 <= ciphertext < public_key.n2:
            raise CiphertextError(f"ciphertext {index} is outside [1, n²)")
    n, product = mpz(public_key.n), mpz(1)
    for ciphertext in ciphertexts:
        product = product * (ciphertext % n) % n
    if gmpy2.gcd(product, n) != 1:  # one gcd for all; look for the culprit only when there is one
        index = next(index for index, ciphertext in enumerate(ciphertexts) if gmpy2.gcd(ciphertext, n) != 1)
        raise CiphertextError(f"ciphertext {index} shares a factor with n")


@dataclass(frozen=True, slots=True)
class Opening:
    """Plaintext m, balanced, and witness r of one ciphertext: c = (1 + m·n)·r^n mod n² [P1.4]."""

    m: int
    r: int

    @classmethod
    def from_residue(cls, n: int, m: int, r: int) -> Opening:
        """The opening whose m is written as a residue in [0, n), as receipts have it. Raises OpeningError for another number: one form each."""
        if not 0 <= m < n:
            raise OpeningError("m is outside [0, n)")
        return cls(balanced(m, n), r)


def check_opening(public_key: PublicKey, ciphertext: int, opening: Opening) -> None:
    """Holds when the opening opens the ciphertext; anyone can check [P1.4].

    Raises OpeningError when m is not balanced, r is outside [1, n) or the equation fails; CiphertextError when the
    ciphertext itself is not valid.
    """
    check_ciphertexts(public_key, (ciphertext,))
    n, n2 = public_key.n, public_key.n2
    if abs(opening.m) > n // 2:
        raise OpeningError("m is not a balanced residue mod n")
    if not 1 <= opening.r < n:
        raise OpeningError("r is outside [1, n)")
    if (1 + opening.m * n) * power(opening.r, n, n2) % n2 != ciphertext:
        raise OpeningError("the opening does not open this ciphertext")


def check_encryption(public_key: PublicKey, ciphertext: int, m: int, exponent: int) -> None:
    """Holds when encrypting balanced ``m`` again under ``exponent`` gives this ciphertext: what a node shows of its own in an audit [P6].

    Raises OpeningError when m is not balanced, the exponent is outside [0, 2^exponent_bits) or another ciphertext comes out.
    """
    n, n2 = public_key.n, public_key.n2
    if abs(m) > n // 2:
        raise OpeningError("m is not a balanced residue mod n")
    if not 0 <= exponent < 1 << public_key.exponent_bits:
        raise OpeningError("the exponent is out of its range")
    if (1 + m * n) * power(public_key.h_s, exponent, n2) % n2 != ciphertext:
        raise OpeningError("the value and exponent shown do not give this ciphertext")
