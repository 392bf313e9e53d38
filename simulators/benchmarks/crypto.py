"""The rows of P8 that concern the mathematics, measured in one process beside phe and beside plain gmpy2.

Both sides of a ratio alternate on the same core under the same key and the fastest run of each counts, in CPU time, so
that a busy machine disturbs the ratio little. phe is GPL-licensed and comes with the extra ``interop`` only: rows that
need it have no peer when it is absent.
"""

from __future__ import annotations

import importlib
import importlib.util
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from crypto.keygen import PrivateKey, generate_private_key
from crypto.multiexp import naive, plan
from crypto.packing import pack, slots
from crypto.paillier import Encryptor, PublicKey, check_opening
from crypto.proofs import check_knowledge, prove_djn
from crypto.threshold import combine, deal, partial

Work = Callable[[], object]

TARGET_BITS = 3072
WINDOW = 10  # 70 MB at 3072 bits: a department that encrypts columns
SLOT_BITS = 58  # the widest slots of the shipped packs
TERMS = 24
COLUMN = 156  # 8,100 enterprises in slots of 58 bits under 3072 bits
HEADER = b'{"benchmark":true}'


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: seconds for one ``unit`` of work, ours and the peer's, and the ratio that ``target`` bounds.

    ``ratio`` says how many times faster we are where the target is a lower bound ("≥20"), and our share of the peer's time
    where it is an upper one ("≤0.05"). ``target`` is empty for rows that are only reported.
    """

    name: str
    ours_s: float
    peer_s: float | None
    ratio: float | None
    target: str
    unit: str

    @property
    def met(self) -> bool | None:
        """Whether the ratio keeps the target; None without either."""
        if self.ratio is None or not self.target:
            return None
        bound = float(self.target[1:])
        return self.ratio >= bound if self.target.startswith("≥") else self.ratio <= bound


@dataclass(frozen=True, slots=True)
class _Bench:
    """Keys and sizes of one run."""

    private_key: PrivateKey
    encryptor: Encryptor
    phe_key: Any
    phe_private: Any
    rounds: int
    column: int

    @property
    def key(self) -> PublicKey:
        return self.encryptor.public_key

    def exponents(self, count: int) -> list[int]:
        return [secrets.randbits(self.key.exponent_bits) for _ in range(count)]


def run(key_bits: int, quick: bool) -> list[Row]:
    """Measures every row under a fresh key of ``key_bits`` bits; ``quick`` takes fewer rounds and a shorter column.

    The targets of P8 are for 3072 bits; under other lengths rows have none. Requires key_bits a multiple of 16, at least 512.
    Takes about 15 s at 3072 bits, half of it when quick.
    """
    bench = _prepare(key_bits, quick)
    rows = [*_encryption(bench), _weighted_total(bench), *_openings(bench), *_proofs(bench)]
    return rows if key_bits == TARGET_BITS else [replace(row, target="") for row in rows]


def _prepare(key_bits: int, quick: bool) -> _Bench:
    private_key = generate_private_key(key_bits, secrets.randbits)
    key = PublicKey.from_modulus(private_key.n, min_bits=min(key_bits, 2048))
    phe = importlib.import_module("phe") if importlib.util.find_spec("phe") else None
    phe_key = phe.PaillierPublicKey(private_key.n) if phe else None
    phe_private = phe.PaillierPrivateKey(phe_key, private_key.p, private_key.q) if phe else None
    return _Bench(private_key, Encryptor(key, WINDOW), phe_key, phe_private, 3 if quick else 10, 48 if quick else COLUMN)


def _encryption(bench: _Bench) -> list[Row]:
    encryptor, count = bench.encryptor, slots(bench.key.bits, SLOT_BITS)
    exponents, values = bench.exponents(20), [secrets.randbelow(30_000) - 15_000 for _ in range(count)]

    def one() -> None:
        for exponent in exponents:
            encryptor.encrypt(-12_345, exponent)

    def packed() -> None:
        for exponent in exponents:
            encryptor.encrypt(pack(values, SLOT_BITS), exponent)

    peer = None if bench.phe_key is None else lambda: bench.phe_key.encrypt(-12_345)
    (one_s, packed_s), peer_s = _fastest(bench.rounds, (one, packed), peer)
    return [
        _faster("encrypt one value", one_s / len(exponents), peer_s, "≥20", "value"),
        _faster(f"encrypt packed values, {count} a ciphertext", packed_s / len(exponents) / count, peer_s, "≥800", "value"),
    ]


def _weighted_total(bench: _Bench) -> Row:
    weights = tuple(secrets.randbits(16) | 1 for _ in range(TERMS))
    ciphertexts = _column(bench, list(range(TERMS)), bench.exponents(TERMS))
    made = plan(weights)  # the chain depends on the weights only: once an epoch, not once a ciphertext
    (ours_s, loop_s), _ = _fastest(
        bench.rounds, (lambda: made.evaluate(ciphertexts, bench.key.n2), lambda: naive(weights, ciphertexts, bench.key.n2)), None
    )
    return _faster(f"weighted total of {TERMS}, against a loop of powers", ours_s, loop_s, "≥2.5", "total")


def _openings(bench: _Bench) -> list[Row]:
    sharing, shares = deal(bench.private_key, 3, 5, secrets.randbits)
    (ciphertext,) = _column(bench, [1234], bench.exponents(1))
    partials = {share.index: partial(sharing, share, ciphertext) for share in shares[2:]}
    opening = combine(sharing, ciphertext, partials)
    (partial_s, combine_s, check_s), peer_s = _fastest(
        bench.rounds,
        (
            lambda: partial(sharing, shares[0], ciphertext),
            lambda: combine(sharing, ciphertext, partials),
            lambda: check_opening(bench.key, ciphertext, opening),
        ),
        None if bench.phe_private is None else lambda: bench.phe_private.raw_decrypt(ciphertext),
    )
    return [
        _share("partial opening, against decryption with p and q", partial_s, peer_s, "≤2", "partial"),
        Row("combine 3 of 5 partials to a checked opening", combine_s, None, None, "", "opening"),
        Row("check an opening", check_s, None, None, "", "opening"),
    ]


def _proofs(bench: _Bench) -> list[Row]:
    plaintexts = [secrets.randbits(bench.key.bits - 3) for _ in range(bench.column)]
    exponents = bench.exponents(bench.column)
    ciphertexts = _column(bench, plaintexts, exponents)
    secret = secrets.token_bytes(32)
    proof = prove_djn(bench.encryptor, HEADER, ciphertexts, plaintexts, exponents, secret)
    (encrypt_s, make_s, check_s), _ = _fastest(
        bench.rounds,
        (
            lambda: _column(bench, plaintexts, exponents),
            lambda: prove_djn(bench.encryptor, HEADER, ciphertexts, plaintexts, exponents, secret),
            lambda: check_knowledge(bench.key, HEADER, ciphertexts, proof),
        ),
        None,
    )
    return [
        _share(f"make the proof of a column of {bench.column}, against its encryption", make_s, encrypt_s, "≤0.05", "proof"),
        _share(f"check the proof of a column of {bench.column}, against its encryption", check_s, encrypt_s, "≤0.35", "proof"),
    ]


def _column(bench: _Bench, plaintexts: Sequence[int], exponents: Sequence[int]) -> list[int]:
    return [bench.encryptor.encrypt(m, a) for m, a in zip(plaintexts, exponents, strict=True)]


def _faster(name: str, ours_s: float, peer_s: float | None, target: str, unit: str) -> Row:
    return Row(name, ours_s, peer_s, None if peer_s is None else peer_s / ours_s, target, unit)


def _share(name: str, ours_s: float, peer_s: float | None, target: str, unit: str) -> Row:
    return Row(name, ours_s, peer_s, None if peer_s is None else ours_s / peer_s, target, unit)


def _fastest(rounds: int, works: Sequence[Work], peer: Work | None) -> tuple[list[float], float | None]:
    """CPU seconds of the fastest of ``rounds`` runs of each work and of the peer; all take turns. None for an absent peer."""
    turns = [*works, *([] if peer is None else [peer])]
    fastest = [float("inf")] * len(turns)
    for _ in range(rounds):
        for index, work in enumerate(turns):
            start = time.thread_time()
            work()
            fastest[index] = min(fastest[index], time.thread_time() - start)
    return fastest[: len(works)], None if peer is None else fastest[-1]
