#!/usr/bin/env python3
"""An independent verifier of Xinqiao's receipts and exchange logs: one file, Python 3.11's standard library, nothing else.

    python3 verify.py RECEIPT KEYS [--json]      a receipt of one release (docs/specs/receipt.md)
    python3 verify.py LOGDIR  KEYS [--json]      a log directory, or the directory of a run (docs/specs/log.md)

KEYS is the zone's ``public`` directory as you pinned it: registry.dsse.json, log.vkey, witnesses.vkey, witness-policy.json, key.json,
packs/. Nothing is taken from the party under audit but what is to be checked, nothing is fetched, no clock is read.

Exit 0: everything checked holds. Exit 1: something does not; each is named by a reason of the specifications. Exit 2: usage, or a
file of KEYS that cannot be read.

Written from the specifications, to be read from top to bottom by an auditor; numbers in brackets are their rules. Sections: bytes and
hashes · Ed25519 and P-256 · Merkle trees · signed notes · envelopes · Paillier · models · members · signed requests · receipts · logs.
Speed was nowhere preferred to plainness. Nothing here is secret, hence nothing is constant-time.
"""

from __future__ import annotations

import argparse
import base64
import copy
import hashlib
import json
import math
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

LEAST_KEY_BITS = 2048  # [P1.1]


class Fault(Exception):
    """Something under check does not hold. ``reason`` is a word of the specifications, ``leaf`` the leaf at fault where there is one."""

    def __init__(self, reason: str, detail: str, leaf: int | None = None) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail, self.leaf = reason, detail, leaf


class Unusable(Exception):
    """KEYS, or what is to be checked, is missing or malformed: nothing can be judged."""


def require(holds: bool, reason: str, detail: str) -> None:
    if not holds:
        raise Fault(reason, detail)


class because:
    """``with because(REASON, what):`` whatever fails inside fails for this reason; a Fault keeps its own."""

    def __init__(self, reason: str, what: str) -> None:
        self.reason, self.what = reason, what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, _trace: Any) -> None:
        if isinstance(error, (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError, OverflowError)):
            raise Fault(self.reason, f"{self.what}: {error}") from error


# === Bytes and hashes [protocol.md, Encoding] ============================================================================


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def frame(use: str, *fields: bytes) -> bytes:
    """The label ``xinqiao/<use>/v1`` and the fields, each after its length as 8 bytes: what every hash of the protocol is over."""
    return b"".join(len(part).to_bytes(8, "big") + part for part in (f"xinqiao/{use}/v1".encode(), *fields))


def canonical(value: Any) -> bytes:
    """Canonical JSON: names sorted, no spaces, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def read_json(data: bytes | str) -> Any:
    """JSON in which no object repeats a name and every number is an integer: two readers must read the same."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) != len(pairs):
            raise ValueError("an object repeats a name")
        return dict(pairs)

    def refuse(text: str) -> Any:
        raise ValueError(f"{text} is not an integer")

    text = data.decode() if isinstance(data, bytes) else data
    return json.loads(text, object_pairs_hook=unique, parse_float=refuse, parse_constant=refuse)


def read_base64(text: str) -> bytes:
    """Bytes of base64 in the standard alphabet, padded, canonical."""
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError("base64 is not canonical")
    return data


# === Forms of documents ===================================================================================================

NUMBER, DECIMAL = re.compile("-?(0|[1-9][0-9]*)"), re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]{2}")
HEX32, HEX16, HEX = re.compile("[0-9a-f]{64}"), re.compile("[0-9a-f]{32}"), re.compile("([0-9a-f]{2}){1,524288}")
HEX_NUMBER, BASE64, TEXT = re.compile("0|[1-9a-f][0-9a-f]{0,4095}"), re.compile("[A-Za-z0-9+/]+={0,2}"), re.compile("(?s)[^\ud800-\udfff]*")
NAME, MEMBER, STAGE = re.compile("[a-z][a-z0-9_-]{0,62}"), re.compile("[a-z][a-z0-9.-]{1,62}"), re.compile("[A-Za-z][A-Za-z0-9_-]{0,62}")


def check_shape(value: Any, form: Any, path: str) -> None:
    """``value`` has exactly the form: an object's names (one that ends with ? may be left out), a list's items, a text's pattern, a number's range.
    Raises ValueError."""
    if isinstance(form, tuple):
        if value is not None:
            check_shape(value, form[0], path)
        return
    holds = type(value) is type(form) and value == form
    if isinstance(form, dict):
        parts = {name.removesuffix("?"): part for name, part in form.items()}
        needed = {name for name in form if not name.endswith("?")}
        holds = isinstance(value, dict) and needed <= set(value) <= set(parts)
        for name in value if holds else ():
            check_shape(value[name], parts[name], f"{path}.{name}")
    elif isinstance(form, list):
        holds = isinstance(value, list)
        for at, item in enumerate(value if holds else ()):
            check_shape(item, form[0], f"{path}[{at}]")
    elif isinstance(form, re.Pattern):
        longest = 4096 if form is NUMBER else 1 << 24
        holds = isinstance(value, str) and len(value) <= longest and form.fullmatch(value) is not None
        if holds and form is BASE64:
            read_base64(value)
    elif isinstance(form, range):
        holds = type(value) is int and value in form
    elif isinstance(form, type):
        holds = type(value) is form
    if not holds:
        raise ValueError(f"{path} is malformed, or has not exactly its fields")


# === Ed25519 [RFC 8032] ===================================================================================================

P25519 = 2**255 - 19
L25519 = 2**252 + 27742317777372353535851937790883648493
D25519 = -121665 * pow(121666, -1, P25519) % P25519
Extended = tuple[int, int, int, int]  # (X, Y, Z, T) with x = X/Z, y = Y/Z, xy = T/Z


def ed25519_point(data: bytes) -> Extended:
    """The point in 32 bytes. Raises ValueError when they are none, or not its only encoding."""
    y = int.from_bytes(data, "little") & (1 << 255) - 1
    sign = data[31] >> 7
    if len(data) != 32 or y >= P25519:
        raise ValueError("not a point of Ed25519")
    u, v = (y * y - 1) % P25519, (D25519 * y * y + 1) % P25519
    x = u * pow(v, 3, P25519) * pow(u * pow(v, 7, P25519), (P25519 - 5) // 8, P25519) % P25519
    if v * x * x % P25519 != u:
        x = x * pow(2, (P25519 - 1) // 4, P25519) % P25519
    if v * x * x % P25519 != u or (x == 0 and sign):
        raise ValueError("not a point of Ed25519")
    x = x if x & 1 == sign else P25519 - x
    return x, y, 1, x * y % P25519


def ed25519_add(one: Extended, two: Extended) -> Extended:
    a, b = (one[1] - one[0]) * (two[1] - two[0]) % P25519, (one[1] + one[0]) * (two[1] + two[0]) % P25519
    c, d = 2 * one[3] * two[3] * D25519 % P25519, 2 * one[2] * two[2] % P25519
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P25519, g * h % P25519, f * g % P25519, e * h % P25519


ED25519_BASE = ed25519_point(bytes.fromhex("58" + "66" * 31))


def ed25519_verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether ``signature`` (R ‖ S) is of ``message``: S < L, and [S]B − [k]A encodes to R byte for byte."""
    try:
        key = ed25519_point(public)
    except (ValueError, IndexError):
        return False
    scalar = int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or scalar >= L25519:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L25519
    minus_key = (P25519 - key[0], key[1], 1, P25519 - key[3])
    both = ed25519_add(ED25519_BASE, minus_key)
    total: Extended = (0, 1, 1, 0)
    for bit in reversed(range(253)):
        total = ed25519_add(total, total)
        here = (scalar >> bit & 1, k >> bit & 1)
        if here != (0, 0):
            total = ed25519_add(total, {(1, 0): ED25519_BASE, (0, 1): minus_key, (1, 1): both}[here])
    inverse = pow(total[2], -1, P25519)
    x, y = total[0] * inverse % P25519, total[1] * inverse % P25519
    return (y | (x & 1) << 255).to_bytes(32, "little") == signature[:32]


# === ECDSA on P-256 with SHA-256 [FIPS 186-5] =============================================================================

P256 = 2**256 - 2**224 + 2**192 + 2**96 - 1
N256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B256 = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G256 = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
Affine = tuple[int, int] | None  # None is the point at infinity


def p256_add(one: Affine, two: Affine) -> Affine:
    if one is None or two is None:
        return two if one is None else one
    if one[0] == two[0] and (one[1] + two[1]) % P256 == 0:
        return None
    if one == two:
        slope = (3 * one[0] * one[0] - 3) * pow(2 * one[1], -1, P256) % P256
    else:
        slope = (two[1] - one[1]) * pow(two[0] - one[0], -1, P256) % P256
    x = (slope * slope - one[0] - two[0]) % P256
    return x, (slope * (one[0] - x) - one[1]) % P256


def p256_times(scalar: int, point: Affine) -> Affine:
    total: Affine = None
    for bit in reversed(range(scalar.bit_length())):
        total = p256_add(total, total)
        if scalar >> bit & 1:
            total = p256_add(total, point)
    return total


def p256_verify(public: bytes, message: bytes, r: int, s: int) -> bool:
    """Whether (r, s) is the signature of ``message``'s SHA-256 by the uncompressed point ``public`` (04 ‖ x ‖ y)."""
    x, y = int.from_bytes(public[1:33], "big"), int.from_bytes(public[33:], "big")
    on_curve = len(public) == 65 and public[0] == 4 and x < P256 and y < P256 and (y * y - x**3 + 3 * x - B256) % P256 == 0
    if not on_curve or not (0 < r < N256 and 0 < s < N256):
        return False
    inverse, e = pow(s, -1, N256), int.from_bytes(sha256(message), "big")
    point = p256_add(p256_times(e * inverse % N256, G256), p256_times(r * inverse % N256, (x, y)))
    return point is not None and point[0] % N256 == r


def der_signature(data: bytes) -> tuple[int, int]:
    """(r, s) of a DER SEQUENCE of two INTEGERs, in the one encoding that DER allows. Raises ValueError."""
    numbers: list[int] = []
    rest = data[2:]
    while rest:
        body = rest[2 : 2 + rest[1]]
        numbers.append(int.from_bytes(body, "big", signed=True))
        rest = rest[2 + rest[1] :]

    def integer(value: int) -> bytes:
        body = value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)
        return bytes([2, len(body)]) + body

    body = b"".join(map(integer, numbers))
    if len(numbers) != 2 or len(body) > 127 or bytes([0x30, len(body)]) + body != data:
        raise ValueError("not a DER signature")
    return numbers[0], numbers[1]


@dataclass(frozen=True)
class SigningKey:
    """A registered key: it alone decides the algorithm. ``public``: 32 bytes of Ed25519, or 65 of an uncompressed P-256 point."""

    key_id: str
    algorithm: str
    public: bytes

    @classmethod
    def of(cls, said: dict[str, Any]) -> SigningKey:
        return cls(said["key_id"], said["algorithm"], bytes.fromhex(said["public"]))

    def signed(self, message: bytes, signature: bytes, *, der: bool) -> bool:
        """Whether this key made ``signature``. ``der``: ECDSA in DER (envelopes), else r ‖ s (HTTP requests)."""
        try:
            if self.algorithm == "ed25519":
                return ed25519_verify(self.public, message, signature)
            if self.algorithm == "ecdsa-p256-sha256":
                half = (int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
                if not der and len(signature) != 64:
                    return False
                return p256_verify(self.public, message, *(der_signature(signature) if der else half))
        except (ValueError, IndexError):
            return False
        return False


SMALL_ORDER = (  # u of the points of order 8 on Curve25519, besides 0, 1 and −1
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
)


# === Merkle trees [RFC 6962] ==============================================================================================


def leaf_hash(data: bytes) -> bytes:
    return sha256(b"\0" + data)


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\1" + left + right)


def tree_root(hashes: list[bytes]) -> bytes:
    """Root over leaf hashes: the left subtree is the largest power of two that is smaller than the whole."""
    if not hashes:
        return sha256(b"")
    while len(hashes) > 1:  # pair neighbours; one without a neighbour goes up unchanged, which is the same tree
        pairs = [node_hash(*hashes[at : at + 2]) for at in range(0, len(hashes) - 1, 2)]
        hashes = pairs + hashes[len(pairs) * 2 :]
    return hashes[0]


def included(leaf: bytes, index: int, size: int, proof: list[bytes], root: bytes) -> bool:
    """Whether ``proof`` leads from leaf hash ``leaf`` at ``index`` to the root of ``size`` leaves [RFC 9162, 2.1.3.2]."""
    if not 0 <= index < size:
        return False
    at, last, found = index, size - 1, leaf
    for step in proof:
        if last == 0 or len(step) != 32:
            return False
        if at & 1 or at == last:
            found = node_hash(step, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, step)
        at, last = at >> 1, last >> 1
    return last == 0 and found == root


# === Signed notes, checkpoints, cosignatures [C2SP signed-note, tlog-checkpoint, tlog-cosignature, tlog-proof; L1, L5] ====

ED25519_NOTE, COSIGNATURE = 1, 4


@dataclass(frozen=True)
class NoteKey:
    """A verifier key ``name+hash+base64(type ‖ public)``."""

    name: str
    kind: int
    public: bytes

    @classmethod
    def parse(cls, line: str) -> NoteKey:
        name, hexed, encoded = line.split("+", 2)
        material = read_base64(encoded)
        key = cls(name, material[0], material[1:])
        if not name or any(c.isspace() for c in name) or key.key_id.hex() != hexed or len(key.public) != 32:
            raise ValueError(f"{line!r} is not a verifier key")
        return key

    @property
    def key_id(self) -> bytes:
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public)[:4]

    def time_of(self, text: bytes, signature: bytes) -> int:
        """When this key signed ``text`` (0 for a log's own signature, which has no time). Raises ValueError when it did not."""
        time = int.from_bytes(signature[:8], "big") if self.kind == COSIGNATURE else 0
        message = b"cosignature/v1\ntime %d\n" % time + text if self.kind == COSIGNATURE else text
        if len(signature) != (72 if self.kind == COSIGNATURE else 64) or time >> 63 or not ed25519_verify(self.public, message, signature[-64:]):
            raise ValueError(f"the signature of {self.name} does not verify")
        return time


@dataclass(frozen=True)
class Checkpoint:
    """A tree head that the log signed."""

    size: int
    root: bytes


def note_signatures(note: bytes, keys: list[NoteKey]) -> tuple[bytes, dict[NoteKey, int]]:
    """A note's text, and the newest time at which each of ``keys`` signed it. Raises ValueError for a malformed note or a wrong signature."""
    decoded = note.decode()
    if len(note) > 1 << 16 or any(c < " " and c != "\n" for c in decoded):
        raise ValueError("not a signed note")
    text, separator, lines = decoded.rpartition("\n\n")
    rows = lines.split("\n")
    if not separator or rows.pop() != "" or not 1 <= len(rows) <= 64:
        raise ValueError("a note is a text, an empty line, and signature lines")
    known, found = {(key.name, key.key_id): key for key in keys}, dict[NoteKey, int]()
    for row in rows:
        dash, name, encoded = row.split(" ")
        blob = read_base64(encoded)
        if dash != "\N{EM DASH}" or len(blob) < 5:
            raise ValueError("a signature line is a dash, a name, and base64")
        key = known.get((name, blob[:4]))
        if key is not None:
            found[key] = max(key.time_of(text.encode() + b"\n", blob[4:]), found.get(key, 0))
    return text.encode() + b"\n", found


def open_checkpoint(note: bytes, log: NoteKey) -> Checkpoint:
    """The checkpoint in ``note``. Fault CHECKPOINT_SIGNATURE."""
    with because("CHECKPOINT_SIGNATURE", "checkpoint"):
        text, found = note_signatures(note, [log])
        require(log in found, "CHECKPOINT_SIGNATURE", "the log's key did not sign it")
        origin, size, root, end = text.decode().split("\n")
        require(origin == log.name and end == "", "CHECKPOINT_SIGNATURE", f"it is of {origin!r}, not of {log.name!r}, or has extension lines")
        canonical_size = re.fullmatch("0|[1-9][0-9]{0,18}", size) is not None
        require(canonical_size and len(read_base64(root)) == 32, "CHECKPOINT_SIGNATURE", "size or root is malformed")
    return Checkpoint(int(size), read_base64(root))


def witnessed_at(note: bytes, witnesses: list[NoteKey], required: int) -> int:
    """When enough of the witnesses had signed: the time of the w-th newest cosignature [L5]. Fault WITNESS_POLICY."""
    with because("WITNESS_POLICY", "checkpoint"):
        times = sorted(note_signatures(note, witnesses)[1].values(), reverse=True)
    require(len(times) >= required, "WITNESS_POLICY", f"{len(times)} of the required {required} witnesses signed")
    return times[required - 1]


def parse_tlog_proof(text: str) -> tuple[int, list[bytes], str]:
    """(index, hashes, checkpoint note) of a C2SP tlog-proof. Raises ValueError."""
    head, separator, note = text.partition("\n\n")
    lines = head.split("\n")
    if not separator or lines.pop(0) != "c2sp.org/tlog-proof@v1":
        raise ValueError("not a tlog-proof")
    if lines and lines[0].startswith("extra "):
        read_base64(lines.pop(0)[6:])
    match = re.fullmatch("index (0|[1-9][0-9]{0,18})", lines.pop(0))
    hashes = [read_base64(line) for line in lines]
    if match is None or len(hashes) > 63 or any(len(item) != 32 for item in hashes):
        raise ValueError("a tlog-proof has an index and at most 63 hashes")
    return int(match[1]), hashes, note


# === Envelopes, statements, leaves [statements.md; L2] ====================================================================


@dataclass(frozen=True)
class Envelope:
    """A DSSE envelope as received."""

    raw: bytes
    payload_type: str
    payload: bytes
    signatures: tuple[tuple[str, bytes], ...]

    @classmethod
    def parse(cls, raw: bytes) -> Envelope:
        said = read_json(raw)
        signatures = tuple((item["keyid"], read_base64(item["sig"])) for item in said["signatures"])
        names = {name for item in said["signatures"] for name in item}
        printable = all(text.isascii() and text.isprintable() and text for text in (said["payloadType"], *(key for key, _ in signatures)))
        distinct = len({key for key, _ in signatures}) == len(signatures) and 1 <= len(signatures) <= 16
        if len(raw) > 2 << 20 or set(said) != {"payload", "payloadType", "signatures"} or names != {"keyid", "sig"}:
            raise ValueError("not an envelope")
        if not printable or not distinct:
            raise ValueError("an envelope has 1 to 16 signatures of distinct keys, names in printable ASCII")
        return cls(raw, said["payloadType"], read_base64(said["payload"]), signatures)

    @property
    def digest(self) -> str:
        return sha256(self.raw).hex()

    @property
    def kind(self) -> str:
        match = re.fullmatch(r"application/vnd\.xinqiao\.([a-z-]+)\.v1\+json", self.payload_type)
        if match is None:
            raise ValueError(f"{self.payload_type!r} is not a statement of the exchange")
        return match[1]

    @property
    def said(self) -> bytes:
        """What names the statement itself, whatever is signed around it: it counts once."""
        return sha256(frame("statement", self.payload_type.encode(), self.payload))

    def statement(self) -> dict[str, Any]:
        said = read_json(self.payload)
        if (
            not isinstance(said, dict)
            or said.get("v", 1) != 1
            or type(said.get("v", 1)) is not int
            or not re.fullmatch("[0-9a-f]{32}", said["nonce"])
        ):
            raise ValueError("not a statement of version 1 with a nonce of 16 bytes")
        return completed(self.kind, said) if self.kind in MEMBERSHIP else said

    def signed_by(self, key: SigningKey) -> bool:
        """The first signature speaks."""
        key_id, signature = self.signatures[0]
        kind, payload = self.payload_type.encode(), self.payload
        return key_id == key.key_id and key.signed(b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload), signature, der=True)


_ROLES = "authority|coordinator|log|gateway|department|custodian|bank|enterprise-service|auditor|witness|registrar|peer"
_SAID = {"v": 1, "zone": NAME, "nonce": HEX16}
_APPROVALS = [re.compile("(?=.{1,131072}$)[A-Za-z0-9+/]+={0,2}")]
_MEMBER = {
    **{"id": MEMBER, "title": {"zh": TEXT, "en": TEXT}, "roles": [re.compile(_ROLES)], "level": re.compile("|province|city|county")},
    **dict.fromkeys(("division", "department", "uri"), TEXT),
    "keys": [{"key_id": re.compile("[a-z0-9][a-z0-9.~-]{1,80}"), "algorithm": re.compile("ed25519|ecdsa-p256-sha256"), "public": HEX}],
    "hpke": HEX32,
    "peer?": {
        **{"zone": NAME, "registry": HEX32, "log_vkey": TEXT, "witness_vkey": TEXT},
        "grants": [re.compile("log|models|catalog|policies|statistics|backup")],
    },
}
MEMBERSHIP = {  # what says who is in the zone and whose approvals count, by kind: exactly these fields
    "member": {**_SAID, "approvals": _APPROVALS, "action": re.compile("join|leave|rekey"), "member": _MEMBER},
    "registry-renewal": {**_SAID, "approvals": _APPROVALS, "until": range(1 << 40)},
    "registry-extension": {**_SAID, "approvals": _APPROVALS, "number": range(1, 17), "until": range(1 << 40)},
    "change-approval": {**_SAID, "change": HEX32, "custodian": MEMBER},
    "share-accepted": {**_SAID, "ceremony": HEX32, "custodian": MEMBER, "index": int, "generation": int},
    "key-round": {
        **{**_SAID, "action": re.compile("refresh|reshare"), "generation": range(1, 1 << 31), "threshold": int},
        **{"custodians": [MEMBER], "dealers": [MEMBER]},
    },
    "key-receiver": {**_SAID, "round": HEX32, "custodian": MEMBER, "hpke": HEX32},
    "key-deal": {**_SAID, "round": HEX32, "dealer": MEMBER, "commitments": [HEX_NUMBER], "sealed": [HEX]},
    "key-ack": {**_SAID, "round": HEX32, "custodian": MEMBER, "deals": HEX32},
    "key-activate": {**_SAID, "round": HEX32, "generation": int, "acknowledgements": [HEX32]},
    "key-abandon": {**_SAID, "round": HEX32},
}
MAY_BE_LEFT_OUT: dict[str, dict[str, Any]] = {
    **{kind: {"approvals": []} for kind in ("member", "registry-renewal", "registry-extension")},
    "share-accepted": {"generation": 0},
}


def completed(kind: str, said: dict[str, Any]) -> dict[str, Any]:
    """A statement of MEMBERSHIP with what its signer may leave out, so that it has one digest. Raises ValueError when it is not of its form."""
    whole = {**MAY_BE_LEFT_OUT.get(kind, {}), "v": 1, **said}
    if kind == "member":
        whole["member"] = completed_member(said["member"])
    check_shape(whole, MEMBERSHIP[kind], kind)
    return whole


def completed_member(said: dict[str, Any]) -> dict[str, Any]:
    """A member's entry with what may be left out of it."""
    whole = {"division": "", "level": "", "department": "", **said}
    return whole | {"peer": {"witness_vkey": "", **whole["peer"]}} if "peer" in whole else whole


LEAF = re.compile(rb'\{"actor":"([a-z][a-z0-9.-]{1,62})","digest":"([0-9a-f]{64})","kind":"([a-z-]{1,40})","time":(0|[1-9][0-9]{0,12}),"v":1\}')


@dataclass(frozen=True)
class Leaf:
    actor: str
    digest: str
    kind: str
    time: int

    @classmethod
    def parse(cls, data: bytes) -> Leaf:
        match = LEAF.fullmatch(data)
        if match is None:
            raise ValueError("it is not the canonical leaf of a statement")
        actor, digest, kind, time = (part.decode() for part in match.groups())
        return cls(actor, digest, kind, int(time))


# === Paillier [P1.1–P1.4] and the proof of knowledge [P4.6] ===============================================================


@dataclass(frozen=True)
class PublicKey:
    bits: int
    n: int
    h: int

    @classmethod
    def from_file(cls, path: Path) -> PublicKey:
        said = read_json(path.read_bytes())
        key = cls(said["bits"], int(said["n"], 16), int(said["h"], 16))
        y = int.from_bytes(hashlib.shake_256(frame("base", key.n_bytes(key.n))).digest(key.bits // 8 + 16), "big") % key.n
        if said["format"] != "xinqiao/public-key/v1" or key.n.bit_length() != key.bits or key.bits < LEAST_KEY_BITS or key.h != -y * y % key.n:
            raise ValueError("it is not a public key of the exchange: length, or h, is not what it must be")
        return key

    def n_bytes(self, value: int) -> bytes:
        return value.to_bytes(self.bits // 8, "big")

    def c_bytes(self, value: int) -> bytes:
        """A ciphertext's fixed width."""
        return value.to_bytes((2 * self.bits + 7) // 8, "big")

    @property
    def hash(self) -> str:
        return sha256(frame("public-key", self.n_bytes(self.n), self.n_bytes(self.h))).hex()

    def is_unit(self, value: int) -> bool:
        return 1 <= value < self.n * self.n and math.gcd(value, self.n) == 1

    def aggregate(self, weights: list[int], ciphertexts: list[int], constant: int) -> int:
        """(1 + constant·n)·Π ciphertext^weight mod n²."""
        square = self.n * self.n
        total = (1 + constant * self.n) % square
        for weight, ciphertext in zip(weights, ciphertexts, strict=True):
            total = total * pow(ciphertext, weight, square) % square
        return total

    def opens(self, aggregate: int, m: int, r: int) -> bool:
        """(1 + m·n)·r^n ≡ aggregate (mod n²), m in [0, n), r in [1, n) [P1.4]."""
        square = self.n * self.n
        return 0 <= m < self.n and 1 <= r < self.n and (1 + m * self.n) * pow(r, self.n, square) % square == aggregate

    def balanced(self, m: int) -> int:
        return m if m <= (self.n - 1) // 2 else m - self.n


def check_knowledge(key: PublicKey, header: dict[str, Any], proof: dict[str, Any], ciphertexts: list[int]) -> None:
    """The sender of ``ciphertexts`` knows every plaintext [P4.6]. Raises ValueError."""
    numbers = {name: proof[name] for name in ("t", "z1", "z2")}
    if set(proof) != {"type", *numbers} or not all(re.fullmatch("0|[1-9a-f][0-9a-f]*", text) for text in numbers.values()):
        raise ValueError("a proof has type, t, z1, z2 in hex without leading zeros")
    t, z1, z2 = (int(text, 16) for text in numbers.values())
    n, square, count = key.n, key.n * key.n, len(ciphertexts)
    if not key.is_unit(t) or not 0 <= z1 < n:
        raise ValueError("t or z1 is out of range")
    fields = (bytes.fromhex(key.hash), canonical(header), count.to_bytes(8, "big"), *map(key.c_bytes, ciphertexts), key.c_bytes(t))
    stream = hashlib.shake_256(frame("knowledge", *fields)).digest(16 * count)
    right = t
    for at, ciphertext in enumerate(ciphertexts):
        right = right * pow(ciphertext, int.from_bytes(stream[16 * at : 16 * at + 16], "big"), square) % square
    if proof["type"] == "djn":
        in_range = 0 <= z2 < 1 << key.bits // 2 + 257 + count.bit_length()
        blind = pow(pow(key.h, n, square), z2, square)
    else:
        in_range = proof["type"] == "root" and 1 <= z2 < n
        blind = pow(z2, n, square)
    if not in_range or (1 + z1 * n) * blind % square != right:
        raise ValueError("the proof of knowledge does not verify")


def check_ciphertexts(key: PublicKey, header: dict[str, Any], proof: dict[str, Any], ciphertexts: list[int]) -> None:
    """``ciphertexts`` are those of the header, valid and proven. Faults: CIPHERTEXT_INVALID, CIPHERTEXT_ROOT_MISMATCH, PROOF_INVALID."""
    counted = header["batches"] == len(ciphertexts) and ciphertexts
    require(bool(counted) and header["key"] == key.hash, "CIPHERTEXT_INVALID", "another number of ciphertexts, or another key")
    require(all(map(key.is_unit, ciphertexts)), "CIPHERTEXT_INVALID", "a ciphertext is no unit in [1, n²)")
    root = tree_root([leaf_hash(key.c_bytes(item)) for item in ciphertexts]).hex()
    require(root == header["merkle_root"], "CIPHERTEXT_ROOT_MISMATCH", "the ciphertexts are not those of the header")
    with because("PROOF_INVALID", "proof"):
        require(header["proof"] == proof["type"], "PROOF_INVALID", "the header announces another proof")
        check_knowledge(key, header, proof, ciphertexts)


# === Models [models.md, The form of a pack] ===============================================================================


def read_yaml(text: str) -> Any:
    """Value of a pack's YAML: the strict subset that packs are written in, and no more. Raises ValueError."""
    lines = []
    for line in text.split("\n"):
        stripped = line.lstrip(" ")
        if stripped and not stripped.startswith("#"):
            lines.append((len(line) - len(stripped), stripped.rstrip()))
    value, rest = _block(lines, lines[0][0])
    if rest:
        raise ValueError(f"unexpected indentation at {rest[0][1]!r}")
    return value


Lines = list[tuple[int, str]]


def _block(lines: Lines, indent: int) -> tuple[Any, Lines]:
    """A block of mappings or of list items that begins at ``indent``."""
    items: list[Any] = []
    mapping: dict[str, Any] = {}
    is_list = lines[0][1].startswith("- ")
    while lines and lines[0][0] == indent and lines[0][1].startswith("- ") == is_list:
        text = lines[0][1]
        if is_list:
            inner = text[2:].lstrip(" ")
            if re.match(r'[^\s"\[{][^:"\[{]*:( |$)', inner):  # a mapping that begins on the dash's line
                lines = [(indent + len(text) - len(inner), inner), *lines[1:]]
                item, lines = _block(lines, lines[0][0])
            else:
                item, lines = _flow_line(inner), lines[1:]
            items.append(item)
            continue
        name, value = _split_name(text)
        if name in mapping:
            raise ValueError(f"{name!r} is repeated")
        if value:
            mapping[name], lines = _flow_line(value), lines[1:]
        elif len(lines) > 1 and lines[1][0] > indent:
            mapping[name], lines = _block(lines[1:], lines[1][0])
        else:
            mapping[name], lines = None, lines[1:]
    return (items if is_list else mapping), lines


def _split_name(text: str) -> tuple[str, str]:
    match = re.match(r'("(?:[^"\\]|\\.)*"|[^:\s][^:]*?):(?: +(.*))?$', text)
    if match is None:
        raise ValueError(f"{text!r} is not 'name: value'")
    value = match[2] or ""
    return str(_scalar(match[1])), "" if value.startswith("#") else value


def _flow_line(text: str) -> Any:
    value, rest = _flow(text, "")
    if rest.strip() and not rest.lstrip().startswith("#"):
        raise ValueError(f"unexpected {rest!r}")
    return value


def _flow(text: str, ends: str) -> tuple[Any, str]:
    """A flow value at the head of ``text``, up to one of ``ends`` where it is plain; and what follows it."""
    text = text.lstrip(" ")
    if text.startswith("["):
        found, rest = [], text[1:].lstrip(" ")
        while not rest.startswith("]"):
            item, rest = _flow(rest, ",]")
            found.append(item)
            rest = _after(rest, "]")
        return found, rest[1:]
    if text.startswith("{"):
        mapping: dict[str, Any] = {}
        rest = text[1:].lstrip(" ")
        while not rest.startswith("}"):
            name, rest = _flow(rest, ":")
            if not rest.startswith(":") or name in mapping:
                raise ValueError("a flow mapping is {name: value, …}, each name once")
            mapping[str(name)], rest = _flow(rest[1:], ",}")
            rest = _after(rest, "}")
        return mapping, rest[1:]
    if text.startswith('"'):
        match = re.match(r'"(?:[^"\\]|\\.)*"', text)
        if match is None:
            raise ValueError("an unfinished quotation")
        return _scalar(match[0]), text[match.end() :].lstrip(" ")
    if ends == ":":
        end = text.index(":")
    else:
        end = next((at for at, character in enumerate(text) if character in ends or text[at : at + 2] == " #"), len(text))
    return _scalar(text[:end].strip()), text[end:]


def _after(rest: str, close: str) -> str:
    rest = rest.lstrip(" ")
    if rest.startswith(","):
        return rest[1:].lstrip(" ")
    if not rest.startswith(close):
        raise ValueError(f"expected a comma or {close!r} at {rest!r}")
    return rest


def _scalar(text: str) -> Any:
    if text.startswith('"'):
        return json.loads(text)
    if text[:1] in {"&", "*", "!", "'", "|", ">", "%", "@", "`"}:
        raise ValueError(f"{text!r} is outside the subset that packs are written in")
    if text in {"", "~", "null", "true", "false"}:
        return {"true": True, "false": False}.get(text)
    if re.fullmatch(r"[-+]?(0|[1-9][0-9]{0,17})", text):
        return int(text)
    if re.fullmatch(r"[-+]?(0|[1-9][0-9]{0,17})\.[0-9]{1,18}", text):
        return Fraction(text)
    return text


def hundredths(points: int | Fraction) -> int:
    value = Fraction(points) * 100
    if value.denominator != 1:
        raise ValueError(f"{points} has more than two decimals")
    return int(value)


@dataclass(frozen=True)
class Functional:
    """A functional in one stage, in hundredths [P2.2, P2.3]. ``terms``: (indicator, functional or "-", weight); ``s``: 0 without gates."""

    name: str
    terms: tuple[tuple[str, str, int], ...]
    constant: int
    low: int
    high: int
    s: int
    hash: str

    def read(self, opened: int) -> tuple[int, bool]:
        """(total, gated) of an opened value. Raises ValueError when no points within the bounds give it [P2.4]."""
        gates = sum(name != "-" for _, name, _ in self.terms)
        gated = gates > 0 and opened < -(1 << self.s - 1)
        deepest = (1 << self.s) + (1 << self.s + 40) - 1
        low, high = (self.low - gates * deepest, self.high - (1 << self.s)) if gated else (self.low, self.high)
        if not low <= opened <= high:
            raise ValueError("the opened value is impossible under the model")
        return (0, True) if gated else (opened, False)


class Model:
    """A pack, as far as receipts need it."""

    def __init__(self, data: bytes) -> None:
        self.sha256, self.pack = sha256(data).hex(), read_yaml(data.decode())
        self.id, self.version = self.pack["id"], self.pack["version"]
        self.stages: list[str] = list(self.pack["staging"]["stages"])
        self.products: dict[str, dict[str, Any]] = self.pack.get("products") or {}

    def owner(self, indicator: str) -> tuple[str, str]:
        """(department, level) that contributes an indicator; ("", role) where every member of a role does, and only sums are opened [M7]."""
        owner = self.pack["records"][self.pack["indicators"][indicator]["record"]]["owner"]
        return ("", owner["sum"]) if "sum" in owner else (owner["department"], owner["level"])

    def most(self, indicator: str) -> int:
        """How many contributors' values stand in one functional at most."""
        owner = self.pack["records"][self.pack["indicators"][indicator]["record"]]["owner"]
        return int(owner.get("at_most", 16)) if "sum" in owner else 1

    @property
    def stage_owner(self) -> tuple[str, str]:
        owner = self.pack["staging"]["owner"]
        return owner["department"], owner["level"]

    def functional(self, name: str, stage: str, contributors: dict[str, list[str]] | None = None) -> Functional:
        """The functional ``name`` in ``stage``; an indicator's id names its unit functional. Raises KeyError.

        ``contributors``: an epoch's, by indicator, for the interval of what it can give; else of the most that the model allows.
        """
        s = max(max(abs(low), abs(high)).bit_length() + 1 for low, high in (self._plain(name, each)[2:] for each in self.stages))
        terms, constant, low, high = self._plain(name, stage, contributors)
        gates = self._spec(name).get("gates") or []
        terms += [(gate, name, 1) for gate in gates]
        said = [{"functional": gate_of, "indicator": indicator, "weight": weight} for indicator, gate_of, weight in terms]
        document = canonical({"constant": constant, "name": name, "stage": stage, "terms": said})
        named = sha256(frame("functional", bytes.fromhex(self.sha256), document)).hex()
        return Functional(name, tuple(terms), constant, low, high, s if gates else 0, named)

    def _spec(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.pack["functionals"].get(name) or {}
        return found

    def _plain(self, name: str, stage: str, contributors: dict[str, list[str]] | None = None) -> tuple[list[tuple[str, str, int]], int, int, int]:
        """(terms, constant, least, greatest value) without gates."""
        if stage not in self.stages:
            raise KeyError(f"the model has no stage {stage!r}")
        indicators, constant = self.pack["indicators"], 0
        if name in self.pack["functionals"]:
            spec = self._spec(name)
            constant = hundredths(spec.get("constant", 0))
            dimensions = spec.get("dimensions")
            chosen = {
                each: self._weight(indicator, stage)
                for each, indicator in indicators.items()
                if indicator.get("role", "points") == "points" and (dimensions is None or indicator["dimension"] in dimensions)
            }
        else:
            if indicators[name].get("role") == "gate":
                raise KeyError(f"{name!r} is a gate")
            chosen = {name: 1}
        low = high = constant
        for each, weight in chosen.items():
            count = self.most(each) if contributors is None else len(contributors[each])
            edges = [weight * hundredths(bound) * count for bound in indicators[each]["bounds"]]
            low, high = low + min(edges), high + max(edges)
        return [(each, "-", weight) for each, weight in chosen.items() if weight], constant, low, high

    @staticmethod
    def _weight(indicator: dict[str, Any], stage: str) -> int:
        weights = indicator["weights"]
        return int(weights if isinstance(weights, int) else weights[stage])

    # --- products [models.md, Credit lines] ---

    def _said(self, product: str, name: str) -> list[str]:
        """What a product lists under ``name``, then what the product lists that it is relative to."""
        spec = self.products[product]
        base = self.products[spec["relative"]["to"]] if spec.get("relative") else {}
        return list(dict.fromkeys([*(spec.get(name) or []), *(base.get(name) or [])]))

    def singles(self, product: str) -> list[str]:
        """Indicators that are opened by themselves, after the functional: vetoes, conditions, then figures of the line."""
        spec = self.products[product]
        line = spec.get("line") or self.products[spec["relative"]["to"]]["line"]
        return list(dict.fromkeys([*self._said(product, "vetoes"), *self._said(product, "eligibility"), *(line.get("figures") or {})]))

    def line_fen(self, product: str, stage: str, total: int, *, gated: bool, singles: dict[str, int]) -> int:
        """The credit line for a total and for each of ``singles``, all in hundredths, in fen; 0 where there is none."""
        spec = self.products[product]
        minimum = spec.get("minimum_total")
        vetoed = any(singles[name] > 0 for name in self._said(product, "vetoes"))
        unmet = any(singles[name] <= 0 for name in self._said(product, "eligibility"))
        if gated or vetoed or unmet or (minimum is not None and total < hundredths(minimum)):
            return 0
        return self._amount(spec, stage, total, singles)

    def _amount(self, spec: dict[str, Any], stage: str, total: int, singles: dict[str, int]) -> int:
        if spec.get("line"):
            line = spec["line"]
            exact = line["base"] * 100 + Fraction((line.get("slope") or {}).get(stage, 0)) * max(total, 0)
            exact += sum(Fraction(slope) * max(singles[name], 0) for name, slope in (line.get("figures") or {}).items())
            step = line["round_to"] * 100
            steps = min(max(exact, line["floor"] * 100), line["cap"] * 100) // step
            return int(steps) * int(step)
        relative = spec["relative"]
        step = relative["round_to"] * 100
        base = self._amount(self.products[relative["to"]], stage, total, singles)
        return int(math.ceil(Fraction(relative["times"][stage]) * base / step) * step)


# === Members and pinned roots =============================================================================================


@dataclass(frozen=True)
class Shares:
    """A generation of the key's shares: ``custodians[i]`` holds share i + 1, and v_i = v^(that share) mod n [P1.4, P1.7]."""

    n: int
    custodians: list[str]
    threshold: int
    v_i: list[int]
    number: int = 0

    @classmethod
    def dealt(cls, ceremony: dict[str, Any]) -> Shares:
        """Those of the ceremony."""
        return cls(int(ceremony["n"], 16), ceremony["custodians"], ceremony["threshold"], [int(value, 16) for value in ceremony["v_i"]])


class Round:
    """A round that renews the shares, from ``key-round`` on [P1.7]. What it leads to is public: every v_i follows from the dealers' commitments."""

    def __init__(self, said: dict[str, Any], digest: str, old: Shares) -> None:
        """Faults: that of a round that does not fit the shares in force."""
        self.said, self.digest, self.old = said, digest, old
        self.custodians, self.dealers, self.threshold = said["custodians"], said["dealers"], said["threshold"]
        self.reshares = said["action"] == "reshare"
        self.receivers: set[str] = set()
        self.deals: dict[str, tuple[str, list[int]]] = {}  # by dealer: digest, commitments
        self.acknowledged: dict[str, str] = {}
        distinct = len(set(self.custodians)) == len(self.custodians) <= 31 and len(set(self.dealers)) == len(self.dealers)
        self.demand(distinct and said["generation"] == old.number + 1, "its generation, custodians or dealers")
        require(set(self.dealers) <= set(old.custodians), "STATEMENT_VOID_PARTIAL_INVALID", "a dealer holds no share")
        if self.reshares:
            majority = len(self.custodians) < 2 * self.threshold <= 2 * len(self.custodians)
            require(majority and len(self.dealers) == old.threshold, "STATEMENT_VOID_KEY_INVALID", "its threshold, or the number of its dealers")
        else:
            same = (self.threshold, self.custodians, self.dealers) == (old.threshold, old.custodians, old.custodians)
            self.demand(same, "a refresh leaves threshold and custodians as they are, and all of them deal")

    @staticmethod
    def demand(holds: bool, what: str) -> None:
        require(holds, "STATEMENT_VOID_KEY_ROUND_STATE", what)

    def step(self, kind: str, said: dict[str, Any], digest: str) -> None:
        """One step by the member that it names. Faults: that of a step out of its order, or of a deal that shifts the key."""
        if kind == "key-receiver":
            self.demand(said["custodian"] in set(self.custodians) - self.receivers, "it is no custodian of the round, or said so before")
            check_sealing_key(said["hpke"])
            self.receivers.add(said["custodian"])
        elif kind == "key-deal":
            ready = self.receivers == set(self.custodians) and len(said["sealed"]) == len(self.custodians)
            self.demand(ready and said["dealer"] in set(self.dealers) - set(self.deals), "it is not this dealer's turn")
            self.deals[said["dealer"]] = digest, self.commitments(said)
        elif kind == "key-ack":
            self.demand(said["custodian"] in set(self.custodians) - set(self.acknowledged), "it is no custodian of the round, or said so before")
            self.demand(set(self.deals) == set(self.dealers), "not every dealer has dealt")
            named = sha256(b"".join(bytes.fromhex(self.deals[name][0]) for name in self.dealers)).hex()
            self.demand(said["deals"] == named, "other deals are acknowledged")
            self.acknowledged[said["custodian"]] = digest

    def commitments(self, deal: dict[str, Any]) -> list[int]:
        """C_0 … C_(t−1) of a deal: t units, of which C_0 is 1 in a refresh, v_j^(λ_j·l'!) in a re-sharing: the dealer deals its own share."""
        n, old, found = self.old.n, self.old, [int(value, 16) for value in deal["commitments"]]
        constant = 1
        if self.reshares:
            number = old.custodians.index(deal["dealer"]) + 1
            others = [old.custodians.index(name) + 1 for name in self.dealers if name != deal["dealer"]]
            lagrange = Fraction(math.factorial(len(old.custodians)) * math.prod(others), math.prod(other - number for other in others))
            constant = pow(old.v_i[number - 1], int(lagrange) * math.factorial(len(self.custodians)), n)
        units = len(found) == self.threshold and all(1 <= value < n and math.gcd(value, n) == 1 for value in found)
        require(units and found[0] == constant, "STATEMENT_VOID_KEY_INVALID", f"the deal of {deal['dealer']} is of another share than its own")
        return found

    def activated(self, said: dict[str, Any]) -> Shares:
        """The shares in force from ``key-activate`` on. They are of the same key, since every C_0 was checked and all dealers share it by t − 1
        more commitments each. Faults: while an acknowledgement is missing."""
        complete = set(self.acknowledged) == set(self.custodians) and said["generation"] == self.old.number + 1
        acknowledgements = [self.acknowledged.get(name) for name in self.custodians]
        self.demand(complete and said["acknowledgements"] == acknowledgements, "it names something else than every acknowledgement")
        v_i, n = [], self.old.n
        for place in range(1, len(self.custodians) + 1):
            value = 1 if self.reshares else self.old.v_i[place - 1]
            for _, found in self.deals.values():
                for power, commitment in enumerate(found):
                    value = value * pow(commitment, place**power, n) % n
            v_i.append(value)
        return Shares(n, self.custodians, self.threshold, v_i, self.old.number + 1)


class Members:
    """Who is in the zone, and who approves changes of that: the registry statement, then what the log tells."""

    def __init__(self, registry: dict[str, Any]) -> None:
        self.zone: str = registry["zone"]
        self.members: dict[str, dict[str, Any]] = {}
        self.keys: dict[str, tuple[SigningKey, str]] = {}
        for member in map(completed_member, registry["members"]):
            self._put(member)
        self.witnesses: list[str] = registry["witness_policy"]["witnesses"]
        founders = [member["id"] for member in registry["members"] if "custodian" in member["roles"]]
        self.approvers, self.threshold = founders, len(founders) // 2 + 1
        self.shares: Shares | None = None  # of the zone's key, so that it takes t of the custodians to open anything
        self.accepted: set[str] = set()  # custodians that hold theirs of the ceremony
        self.round: Round | None = None
        self.made: frozenset[str] = frozenset()  # changes, by what was approved: approvals serve once

    def _put(self, member: dict[str, Any]) -> None:
        self.members[member["id"]] = member
        for key in member["keys"]:
            if key["key_id"] in self.keys:
                raise ValueError(f"key id {key['key_id']} is registered twice")
            self.keys[key["key_id"]] = (SigningKey.of(key), member["id"])

    def apply(self, change: dict[str, Any]) -> None:
        """A member joined, left or changed its keys. Faults: that of a change that cannot be, or is not approved [P7.1]."""
        member, action, void = change["member"], change["action"], "STATEMENT_VOID_SIGNER_NOT_ALLOWED"
        before = self.members.get(member["id"])
        require(action == "join" or before is not None, "STATEMENT_VOID_SIGNER_UNKNOWN", f"{member['id']} is not a member")
        if action != "leave":
            names = [key["key_id"] for key in member["keys"]]
            taken = [name for name in names if name in self.keys and self.keys[name][1] != member["id"]]
            require(not taken and len(set(names)) == len(names), void, "a key id is registered twice")
            require(not any(map(is_enterprise_key, (member["id"], *names))), void, "the id is of the form of an enterprise's key")
            check_sealing_key(member["hpke"])
            self._check_peer(member)
            require(self.approved(change) not in self.made, "STATEMENT_VOID_STATEMENT_REPLAYED", "this change was made before, with other approvals")
            if before is None or self._adds_power(before, member):
                self.check_countersigned(change)
        if self.shares and member["id"] in self.approvers and (action == "leave" or "custodian" not in member["roles"]):
            left = [name for name in self.approvers if name != member["id"] and name in self.members and "custodian" in self.roles(name)]
            require(len(left) >= self.threshold, "STATEMENT_VOID_CUSTODIAN_NEEDED", f"{len(left)} custodians would be left [P10.4]")
        self.keys = {name: entry for name, entry in self.keys.items() if entry[1] != member["id"]}
        self.members.pop(member["id"], None)
        self.made |= {self.approved(change)}
        if action != "leave":
            self._put(member)

    @staticmethod
    def approved(change: dict[str, Any]) -> str:
        """What custodians approve: the digest of the change without their approvals."""
        return sha256(canonical(change | {"approvals": []})).hex()

    @staticmethod
    def _adds_power(before: dict[str, Any], after: dict[str, Any]) -> bool:
        """Whether somebody may speak, read or own who could not before: giving up keys or roles, or another title, is no such thing."""
        return _adds_power(before, after)

    def _check_peer(self, member: dict[str, Any]) -> None:
        """The entry is that of no peer zone, or of exactly one [federation.md F1]."""
        reason, entry, roles = "STATEMENT_VOID_PEER_ENTRY_INVALID", member.get("peer"), member["roles"]
        require((entry is not None) == ("peer" in roles) and ("peer" not in member or entry is not None), reason, "role and entry come together")
        if entry is None:
            return
        require(sorted(roles) in (["peer"], ["peer", "witness"]) and len(set(entry["grants"])) == len(entry["grants"]), reason, "its roles or grants")
        others = [other for other in self.members.values() if other["id"] != member["id"] and "peer" in other]
        require(entry["zone"] != self.zone and all(other["peer"]["zone"] != entry["zone"] for other in others), reason, "its zone has a node already")
        with because(reason, "its keys"):
            log = NoteKey.parse(entry["log_vkey"])
            require((log.name, log.kind) == (f"xinqiao/{entry['zone']}", 1), reason, "it is not the log key of its zone")
            require(bool(entry["witness_vkey"]) == ("witness" in roles), reason, "role and key of the witness come together")
            if entry["witness_vkey"]:
                self._check_witness(member["id"], NoteKey.parse(entry["witness_vkey"]), [other["peer"]["witness_vkey"] for other in others])

    def _check_witness(self, member: str, key: NoteKey, others: list[str]) -> None:
        reason, name = "STATEMENT_VOID_PEER_ENTRY_INVALID", f"xinqiao/{self.zone}/{member}"
        require((key.name, key.kind) == (name, 4), reason, "it is not this member's witness key")
        counted = [NoteKey.parse(line) for line in self.witnesses]
        taken = [item.public for item in counted if item.name != name] + [NoteKey.parse(line).public for line in others if line]
        require(key.public not in taken and all(item == key for item in counted if item.name == name), reason, "the key is another witness's")

    def check_countersigned(self, change: dict[str, Any]) -> None:
        named, found = self.approved(change), set()
        for said, member in self.countersigned(change.get("approvals", []), "change-approval", "STATEMENT_VOID_CHANGE_NOT_APPROVED"):
            fits = (said["custodian"], said["change"]) == (member, named) and member in self.approvers and "custodian" in self.roles(member)
            require(
                fits and member not in found, "STATEMENT_VOID_CHANGE_NOT_APPROVED", f"{member} approved another change, twice, or is no custodian"
            )
            found.add(member)
        require(len(found) >= self.threshold, "STATEMENT_VOID_CHANGE_NOT_APPROVED", f"{len(found)} of {self.threshold} custodians approved")

    def countersigned(self, envelopes: list[str], kind: str, reason: str) -> Iterator[tuple[dict[str, Any], str]]:
        """(statement, signing member) of each embedded envelope, signed by a key that is registered now [statements.md, Countersignatures]."""
        for encoded in envelopes:
            with because(reason, "a countersignature"):
                envelope = Envelope.parse(read_base64(encoded))
                said = envelope.statement()
                key, member = self.keys[envelope.signatures[0][0]]
                holds = envelope.signed_by(key) and envelope.kind == kind and said["zone"] == self.zone
                require(holds, reason, f"it is not a {kind} of {member} in this zone")
            yield said, member

    def copied(self) -> Members:
        """An independent copy."""
        other = copy.copy(self)
        other.members, other.keys, other.round = dict(self.members), dict(self.keys), copy.deepcopy(self.round)
        return other

    def hold(self, shares: Shares) -> None:
        """These shares are in force: their holders approve changes of the registry [P7.1]."""
        self.shares, self.approvers, self.threshold = shares, shares.custodians, shares.threshold

    def renew(self, kind: str, said: dict[str, Any], digest: str) -> None:
        """A step by which shares pass to other custodians [P1.7]. Faults: that of a step that cannot be."""
        if kind == "key-round":
            if self.shares is None:
                raise Fault("STATEMENT_VOID_KEY_MISMATCH", "the zone has no key")
            held = self.shares.number > 0 or set(self.shares.custodians) <= self.accepted
            require(held, "STATEMENT_VOID_KEY_NOT_READY", "the shares of the ceremony are not all accepted")
            Round.demand(self.round is None, "a round is under way")
            known = all(name in self.members and "custodian" in self.roles(name) for name in said["custodians"])
            require(known, "STATEMENT_VOID_SIGNER_NOT_ALLOWED", "somebody in it is no custodian")
            self.round = Round(said, digest, self.shares)
            return
        if self.round is None or said["round"] != self.round.digest:
            raise Fault("STATEMENT_VOID_KEY_ROUND_STATE", "the round that it names is not under way")
        if kind == "key-activate":
            self.hold(self.round.activated(said))
        if kind in {"key-activate", "key-abandon"}:
            self.round = None
        else:
            self.round.step(kind, said, digest)

    def roles(self, member: str) -> list[str]:
        found: list[str] = self.members[member]["roles"]
        return found

    def place(self, member: str) -> tuple[str, str]:
        """(department, level) of a member."""
        return self.members[member].get("department", ""), self.members[member].get("level", "")

    def owner(self, place: tuple[str, str]) -> str:
        """The one department node at ``place``. Raises ValueError. Where every bank owns: ``owners_of``."""
        found = [name for name in self.members if "department" in self.roles(name) and self.place(name) == place]
        if len(found) != 1:
            raise ValueError(f"{len(found)} departments are {place}")
        return found[0]


def owners_of(model: Model, members: Members) -> set[str]:
    """Who owns an indicator of the model: departments, and every bank where records are summed over them [M7]. Raises ValueError."""
    places = {model.owner(name) for name in model.pack["indicators"]}
    banks = {name for department, role in places if not department for name in members.members if role in members.roles(name)}
    return banks | {members.owner(place) for place in places if place[0]}


def _adds_power(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Whether a member can say or read more than before. Giving up keys, roles or what a peer zone may have does not."""
    may_change = {"keys", "roles", "title"}
    peer, had = after.get("peer"), before.get("peer")
    if had is not None and (peer is None or (set(peer["grants"]) <= set(had["grants"]) and had | {"grants": peer["grants"]} == peer)):
        may_change.add("peer")  # what a peer zone may have was only taken away
    same = {name: value for name, value in before.items() if name not in may_change} == {
        name: value for name, value in after.items() if name not in may_change
    }
    return not same or any(key not in before["keys"] for key in after["keys"]) or not set(after["roles"]) <= set(before["roles"])


def check_sealing_key(public: str) -> None:
    """Something can be sealed to this X25519 key: it is none of the few points that give every sender the same secret [RFC 7748, 6.1]."""
    u = (int.from_bytes(bytes.fromhex(public), "little") & (1 << 255) - 1) % P25519
    small = {0, 1, P25519 - 1, *SMALL_ORDER}
    require(u not in small, "STATEMENT_VOID_SEALING_INVALID", "the sealing key is not a usable X25519 public key")


def is_enterprise_key(name: str) -> bool:
    return re.fullmatch("e-[0-9a-f]{16}", name) is not None


class Roots:
    """What a verifier pins: the zone's public directory. Raises Unusable."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.genesis = self.read("registry.dsse.json")
        try:
            envelope = Envelope.parse(self.genesis)
            self.registry = envelope.statement()
            self.members, self.zone = Members(self.registry), self.registry["zone"]
            self.log = NoteKey.parse(self.read("log.vkey").decode().strip())
            lines = self.read("witnesses.vkey").decode().split()
            self.witnesses = [NoteKey.parse(line) for line in lines]
            policy = read_json(self.read("witness-policy.json"))
            self.required = policy["required"]
            self.key = PublicKey.from_file(directory / "key.json")
            agree = self.registry["log_vkey"] == self.read("log.vkey").decode().strip() and self.registry["witness_policy"] == policy
            kinds = self.log.kind == ED25519_NOTE and all(key.kind == COSIGNATURE for key in self.witnesses)
            distinct = len({key.public for key in self.witnesses}) == len(lines)
            if envelope.kind != "registry" or not agree or policy["witnesses"] != lines or not kinds or not distinct:
                raise Unusable("the files of KEYS contradict the registry")
            if self.log.name != f"xinqiao/{self.zone}" or not 1 <= self.required <= len(lines):
                raise Unusable("the log's name, or the witness policy, is not one that can hold")
            if 2 * self.required <= len(lines) + policy.get("faulty", 0):
                raise Unusable("the witness policy lets two histories be witnessed: 2w > W + f does not hold [L5]")
            self.packs = self._packs()
            self.dealt = self._dealt()
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
            raise Unusable(f"KEYS cannot be read: {error}") from error

    def read(self, name: str) -> bytes:
        try:
            return (self.directory / name).read_bytes()
        except OSError as error:
            raise Unusable(f"KEYS has no {name}: {error.strerror}") from error

    def _dealt(self) -> Shares | None:
        """The shares of the pinned ceremony; None where there was none: then more than half of the registry's custodians approve."""
        if not (self.directory / "ceremony.dsse.json").exists():
            return None
        return Shares.dealt(Envelope.parse(self.read("ceremony.dsse.json")).statement())

    def _packs(self) -> dict[str, Model]:
        packs = [Model(path.read_bytes()) for path in sorted((self.directory / "packs").glob("*.yaml"))]
        return {pack.sha256: pack for pack in packs}

    def checkpoint(self, note: bytes) -> Checkpoint:
        """The checkpoint that the log and enough witnesses signed."""
        checkpoint = open_checkpoint(note, self.log)
        witnessed_at(note, self.witnesses, self.required)
        return checkpoint


# === Signed requests [signed-requests.md, RFC 9421, RFC 9530] =============================================================

COMPONENTS = ("@method", "@target-uri", "content-type", "content-digest")
KEPT_HEADERS = ["content-digest", "content-type", "signature", "signature-input"]
PATHS = {"/v1/scores": 64 << 10, "/v1/scores:batch": 512 << 10}
_PARAMETER = re.compile(r';([a-z]+)=(?:"([ !#-\[\]-~]*)"|(0|-?[1-9][0-9]{0,14}))')


def check_request(request: dict[str, Any], keys: dict[str, SigningKey], time: int, registry: dict[str, Any]) -> tuple[str, str, dict[str, Any]]:
    """(path, nonce, body) of a bank's signed request, after every rule S1 … S11 held at ``time``. Raises ValueError."""
    headers: dict[str, str] = dict(request["headers"])
    printable = all(value.isascii() and value.isprintable() and value == value.strip() for value in headers.values())
    if [name for name, _ in request["headers"]] != KEPT_HEADERS or not printable:
        raise ValueError(f"the headers are {', '.join(KEPT_HEADERS)}, each once, printable")
    target = re.fullmatch(r"https://[A-Za-z0-9.\-:\[\]]+(/[A-Za-z0-9._~/:\-]*)", request["target_uri"])
    if request["method"] != "POST" or target is None or target[1] not in PATHS or len(request["body"].encode()) > PATHS[target[1]]:
        raise ValueError("it is no POST to /v1/scores or /v1/scores:batch, or its body is too long")
    if headers["content-type"].split(";")[0].strip().lower() != "application/json":
        raise ValueError("content-type is not application/json")
    check_content_digest(headers["content-digest"], request["body"].encode())
    parameters, signed_as = signature_parameters(headers["signature-input"])
    key = keys.get(str(parameters["keyid"]))
    match = re.fullmatch(r"sig1=:([A-Za-z0-9+/=]+):", headers["signature"])
    if key is None or match is None or parameters.get("alg", key.algorithm) != key.algorithm:
        raise ValueError("the key is not the audience's, the algorithm not the key's, or the signature is malformed")
    covered = {"@method": "POST", "@target-uri": request["target_uri"]} | headers
    names = re.findall(r'"([^"]+)"', signed_as.partition(")")[0])
    base = "".join(f'"{name}": {covered[name]}\n' for name in names) + f'"@signature-params": {signed_as}'
    if not key.signed(base.encode(), read_base64(match[1]), der=False):
        raise ValueError("the signature does not verify under the registered key")
    created, expires = int(parameters["created"]), int(parameters["expires"])
    tolerance, longest = registry.get("clock_tolerance_s", 5), registry.get("request_max_age_s", 120)
    if not created < expires <= created + longest or not created - tolerance <= time <= expires + tolerance:
        raise ValueError(f"in force from {created} to {expires}, the ticket's leaf is of {time}")
    body = read_json(request["body"])
    if not isinstance(body, dict):
        raise TypeError("the body is no object")
    return target[1], str(parameters["nonce"]), body


def signature_parameters(value: str) -> tuple[dict[str, str | int], str]:
    """Parameters of the one signature ``sig1``, and its text as signed. Raises ValueError unless it is canonical and of the profile [S3–S6]."""
    match = re.fullmatch(r'sig1=(\(("[a-z@-]+"(?: "[a-z@-]+")*)\)((?:;.*)?))', value)
    if match is None or sorted(match[2].split(" ")) != sorted(f'"{name}"' for name in COMPONENTS):
        raise ValueError("signature-input is not sig1 over exactly the four components")
    found = [(name, int(number) if number else text) for name, text, number in _PARAMETER.findall(match[3])]
    parameters = dict(found)
    if "".join(part.group(0) for part in _PARAMETER.finditer(match[3])) != match[3] or len(parameters) != len(found):
        raise ValueError("the parameters of signature-input are not canonical")
    required = {"created", "expires", "nonce", "keyid", "tag"}
    if not required <= set(parameters) <= required | {"alg"} or not all(isinstance(parameters[name], int) for name in ("created", "expires")):
        raise ValueError("the parameters are created, expires, nonce, keyid, tag, and at most alg")
    if parameters["tag"] != "xinqiao-bank-v1" or not re.fullmatch("[A-Za-z0-9_-]{16,64}", str(parameters["nonce"])):
        raise ValueError("tag or nonce is not of the profile")
    return parameters, match[1]


def check_content_digest(value: str, body: bytes) -> None:
    """The body has the digest; sha-256, sha-512 or both [S2]. Raises ValueError."""
    found = re.findall(r"(sha-256|sha-512)=:([A-Za-z0-9+/=]+):", value)
    right = {name: base64.b64encode(hashlib.new(name.replace("-", ""), body).digest()).decode() for name, _ in found}
    if not found or any(right[name] != said for name, said in found):
        raise ValueError("the body has another digest")


# === Receipts [receipt.md] ================================================================================================

_IN_LOG = {"envelope": BASE64, "leaf": BASE64, "leaf_index": NUMBER, "inclusion_proof": [HEX32]}
RECEIPT = {
    "format": re.compile("xinqiao/receipt/v1"),
    **dict.fromkeys(("audience", "purpose", "product", "checkpoint", "tlog_proof"), TEXT),
    **{"zone": NAME, "epoch": NAME},
    **dict.fromkeys(("consent", "enrolment", "ticket", "ticket_leaf"), BASE64),
    **{"subject": HEX16, "roster_sha256": HEX32, "ticket_leaf_index": NUMBER, "inclusion_proof": [HEX32]},
    "model": {"id": NAME, "version": TEXT, "sha256": HEX32},
    "public_key": {"bits": NUMBER, "n": NUMBER, "h": NUMBER},
    "openings": [
        {
            "name": TEXT,
            "functional": [{"indicator": NAME, "functional": TEXT, "weight": NUMBER}],
            "constant": NUMBER,
            "scale": 100,
            "inputs": [{"indicator": NAME, "functional": TEXT, "row": NUMBER, "position": NUMBER}],
            **dict.fromkeys(("aggregate", "m", "r"), NUMBER),
        }
    ],
    "rows": [{"member": MEMBER, "ciphertexts": [NUMBER], **_IN_LOG}],
    "result": {"stage": STAGE, "total": DECIMAL, "percentile": (TEXT, None), "line_fen": (NUMBER, None), "gated": bool},
    "stage_proof": {"subject": HEX16, "stage": STAGE, "position": NUMBER, "size": NUMBER, "path": [HEX32], **_IN_LOG},
    "request": {"method": TEXT, "target_uri": TEXT, "headers": [[TEXT]], "body": TEXT},
    "quantile_table": (_IN_LOG, None),
    "members?": [_IN_LOG],
}


def check_receipt_form(receipt: Any) -> None:
    """``receipt`` has exactly the fields of a receipt, each of its form. Raises ValueError."""
    check_shape(receipt, RECEIPT, "receipt")
    if any(len(header) != 2 for header in receipt["request"]["headers"]) or receipt.get("members") == []:
        raise ValueError("a header is no pair, or `members` is there and empty")


SHOWN = {"member", "key-round", "key-receiver", "key-deal", "key-ack", "key-activate"}  # what a receipt shows of members and custodians


class ReceiptCheck:
    """One receipt under check, in the order of receipt.md: the first thing that does not hold is the one that is named."""

    def __init__(self, data: bytes, roots: Roots) -> None:
        self.roots, self.members, self.key = roots, roots.members, roots.key
        with because("RECEIPT_FORMAT", "receipt"):
            self.receipt: dict[str, Any] = read_json(data)
            check_receipt_form(self.receipt)
            self.changes: list[dict[str, Any]] = self.receipt.get("members", [])
        pinned = roots.members.copied()
        if roots.dealt is not None:
            pinned.hold(roots.dealt)
            pinned.accepted = set(roots.dealt.custodians)
        self.states = [(-1, pinned)]  # from which leaf on, members

    def check(self) -> dict[str, Any]:
        """What the receipt shows, once all of it holds."""
        self.model = self.check_zone_key_model()
        self.checkpoint = self.roots.checkpoint(self.receipt["checkpoint"].encode())
        self.check_members()
        self.ticket, self.time = self.check_ticket()
        self.rows = [self.check_row(row) for row in self.receipt["rows"]]
        self.check_stage()
        self.check_consent()
        self.check_request()
        self.check_product()
        values = [self.check_opening(*pair) for pair in zip(self.receipt["openings"], self.ticket["openings"], strict=True)]
        self.check_result(values)
        shown: dict[str, Any] = {name: self.receipt[name] for name in ("zone", "epoch", "audience", "subject", "product")}
        result: dict[str, Any] = self.receipt["result"]
        return shown | result | {"ticket_leaf_index": int(self.receipt["ticket_leaf_index"]), "time": self.time}

    # --- zone, key, model ---

    def check_zone_key_model(self) -> Model:
        said, key = self.receipt["public_key"], self.key
        require(self.receipt["zone"] == self.roots.zone, "ZONE_MISMATCH", f"the receipt is of zone {self.receipt['zone']}")
        require([int(said[name]) for name in ("bits", "n", "h")] == [key.bits, key.n, key.h], "KEY_NOT_PINNED", "the key is not the pinned one")
        named = self.receipt["model"]
        model = self.roots.packs.get(named["sha256"])
        if model is None or (model.id, model.version) != (named["id"], named["version"]):
            raise Fault("MODEL_NOT_PINNED", f"no pinned pack is {named['id']}@{named['version']} with this hash")
        return model

    # --- statements and their leaves ---

    # --- members over time ---

    def check_members(self) -> None:
        """The changes that the receipt brings, and the rounds that gave their shares to whoever approved them, are in the log, later each than
        the one before, and hold by their rules [P1.7, P7.1]."""
        before: set[bytes] = set()
        for item in self.changes:
            raw, index = read_base64(item["envelope"]), int(item["leaf_index"])
            with because("LEAF_INVALID", "leaf of members"):
                kind = Leaf.parse(read_base64(item["leaf"])).kind
            leaf = self.check_leaf(item["leaf"], item["leaf_index"], item["inclusion_proof"], sha256(raw).hex(), kind if kind in SHOWN else "member")
            try:
                with because("MEMBERS_INVALID", f"{kind} at leaf {index}"):
                    require(index > self.states[-1][0], "MEMBERS_INVALID", "it comes out of order")
                    envelope = Envelope.parse(raw)
                    require(envelope.kind == kind and envelope.said not in before, "MEMBERS_INVALID", "it is of another kind, or was said before")
                    before.add(envelope.said)
                    self.states.append((index, self.members_after(envelope, leaf.actor)))
            except Fault as fault:
                raise Fault("MEMBERS_INVALID", f"{kind} at leaf {index}: {fault.detail}") from fault

    def members_after(self, envelope: Envelope, actor: str) -> Members:
        """Members and custodians after a statement of theirs. Faults, ValueError, KeyError: it is not this signer's to make, or not now."""
        now = self.states[-1][1]
        said, kind, (key, member) = envelope.statement(), envelope.kind, now.keys[envelope.signatures[0][0]]
        named = said[NAMED[kind]] if kind in NAMED else member
        allowed = said["zone"] == self.roots.zone and envelope.signed_by(key) and SIGNERS[kind] in now.roles(member) and named == member == actor
        require(allowed, "MEMBERS_INVALID", f"it is not {member}'s to say")
        after = now.copied()
        if kind == "member":
            after.apply(said)
        else:
            after.renew(kind, said, envelope.digest)
        return after

    def members_at(self, index: int) -> Members:
        """Members when leaf ``index`` was logged."""
        return next((members for first, members in reversed(self.states) if first < index), self.states[0][1])

    def members_with(self, key_id: str) -> Members:
        """The last members before the ticket of whom one had the key. Raises KeyError."""
        until = int(self.receipt["ticket_leaf_index"])
        for first, members in reversed(self.states):
            if first < until and key_id in members.keys:
                return members
        raise KeyError(key_id)

    def signed(
        self, encoded: str, kind: str, role: str, at: int | None = None, enterprise: SigningKey | None = None
    ) -> tuple[dict[str, Any], str, str]:
        """(statement, signing member, digest) of an envelope signed by a member with ``role``, or by ``enterprise`` (then no member).

        The member had key and role at leaf ``at``, or, where that is not known, at some time before the ticket.
        """
        with because("SIGNATURE_INVALID", f"{kind} envelope"):
            envelope = Envelope.parse(read_base64(encoded))
            statement = envelope.statement()
            require(envelope.kind == kind, "STATEMENT_KIND", f"expected a {kind} statement, found {envelope.kind}")
            key_id, member = envelope.signatures[0][0], ""
            members: Members | None = None
            if enterprise is not None and key_id == enterprise.key_id:
                key = enterprise
            else:
                members = self.members_with(key_id) if at is None else self.members_at(at)
                key, member = members.keys[key_id]
            require(envelope.signed_by(key), "SIGNATURE_INVALID", f"the {kind} statement is not signed by {key_id}")
            if members is not None:
                require(role in members.roles(member), "SIGNER_NOT_ALLOWED", f"{member} may not sign a {kind} statement")
            require(statement["zone"] == self.roots.zone, "ZONE_MISMATCH", f"the {kind} statement is of zone {statement['zone']}")
        return statement, member, envelope.digest

    def check_leaf(self, encoded: str, index: str, proof: list[str], digest: str, kind: str) -> Leaf:
        """The leaf names the envelope, and is in the tree."""
        with because("LEAF_INVALID", f"{kind} leaf"):
            data = read_base64(encoded)
            leaf = Leaf.parse(data)
        require((leaf.digest, leaf.kind) == (digest, kind), "LEAF_DIGEST", f"the {kind} leaf names another envelope")
        holds = included(leaf_hash(data), int(index), self.checkpoint.size, [bytes.fromhex(item) for item in proof], self.checkpoint.root)
        require(holds, "INCLUSION_PROOF", f"the {kind} statement is not at leaf {index}")
        return leaf

    def logged(self, said: dict[str, Any], kind: str, role: str) -> tuple[dict[str, Any], str]:
        """(statement, signing member) of evidence {envelope, leaf, leaf_index, inclusion_proof}."""
        statement, member, digest = self.signed(said["envelope"], kind, role, int(said["leaf_index"]))
        self.check_leaf(said["leaf"], said["leaf_index"], said["inclusion_proof"], digest, kind)
        return statement, member

    # --- ticket ---

    def check_ticket(self) -> tuple[dict[str, Any], int]:
        """(ticket, time of its leaf) [P5.2]."""
        said = self.receipt
        ticket, _, digest = self.signed(said["ticket"], "ticket", "coordinator", int(said["ticket_leaf_index"]))
        leaf = self.check_leaf(said["ticket_leaf"], said["ticket_leaf_index"], said["inclusion_proof"], digest, "ticket")
        with because("TLOG_PROOF", "tlog_proof"):
            index, hashes, note = parse_tlog_proof(said["tlog_proof"])
            agree = (str(index), [item.hex() for item in hashes], note) == (said["ticket_leaf_index"], said["inclusion_proof"], said["checkpoint"])
            require(agree, "TLOG_PROOF", "it disagrees with the proof beside it")
        shown = (said["epoch"], said["model"]["sha256"], said["audience"], said["subject"], said["purpose"], said["result"]["stage"])
        named = tuple(ticket[name] for name in ("epoch", "model", "audience", "subject", "purpose", "stage"))
        require(shown == named, "TICKET_MISMATCH", "epoch, model, audience, subject, purpose or stage is not the ticket's")
        require(len(said["openings"]) == len(ticket["openings"]), "TICKET_MISMATCH", "the ticket has another number of openings")
        return ticket, leaf.time

    # --- rows and stage ---

    def check_row(self, row: dict[str, Any]) -> dict[str, Any]:
        """The row's header [P4.1–P4.3, P4.6]."""
        statement, member = self.logged(row, "row", "department")
        header: dict[str, Any] = statement["header"]
        ticket = self.ticket
        found = tuple(header[name] for name in ("sender", "zone", "kind", "key", "epoch", "model", "roster", "subject", "audience"))
        wanted = (row["member"], self.roots.zone, "row", self.key.hash, ticket["epoch"], ticket["model"], self.receipt["roster_sha256"])
        fits = found == (*wanted, ticket["subject"], ticket["audience"]) and member == row["member"]
        require(fits, "ROW_MISMATCH", f"the row of {row['member']} does not fit the ticket")
        place = self.members_at(int(row["leaf_index"])).place(member)
        for entry in header["entries"]:
            indicator = entry["indicator"]
            owned = indicator in self.model.pack["indicators"] and self.model.owner(indicator) == place
            require(owned, "NOT_OWNER", f"{member} does not own {indicator}")
        try:
            with because("ROW_CIPHERTEXTS", f"row of {member}"):
                check_ciphertexts(self.key, header, statement["proof"], [int(item) for item in row["ciphertexts"]])
        except Fault as fault:
            raise Fault("ROW_CIPHERTEXTS", f"row of {member}: {fault.detail}") from fault
        require(len(header["entries"]) == len(row["ciphertexts"]), "ROW_CIPHERTEXTS", f"row of {member}: entries and ciphertexts differ in number")
        return header

    def check_stage(self) -> None:
        """The subject's stage is in the frozen stage column [P3.2, P3.3]."""
        said, ticket = self.receipt["stage_proof"], self.ticket
        column, member = self.logged(said, "stages", "department")
        with because("NOT_OWNER", "stages"):
            owner = self.members_at(int(said["leaf_index"])).owner(self.model.stage_owner)
            require(member == owner, "NOT_OWNER", f"{member} does not own the stages")
        agree = (column["epoch"], column["model"], column["sha256"]) == (ticket["epoch"], ticket["model"], self.receipt["roster_sha256"])
        agree = agree and (said["subject"], said["stage"]) == (ticket["subject"], ticket["stage"])
        require(agree, "STAGE_MISMATCH", "the stage is of another epoch, model, roster, subject or stage")
        row = canonical({"position": int(said["position"]), "stage": said["stage"], "subject": said["subject"]})
        path, root = [bytes.fromhex(item) for item in said["path"]], bytes.fromhex(column["merkle_root"])
        holds = int(said["size"]) == column["count"] and included(leaf_hash(row), int(said["position"]), column["count"], path, root)
        require(holds, "STAGE_PROOF", "the row is not in the stage column")

    # --- consent, request, product ---

    def check_consent(self) -> None:
        """The enterprise allowed this release at the time of the ticket's leaf [P5.0]."""
        receipt, ticket = self.receipt, self.ticket
        enrolment, _, _ = self.signed(receipt["enrolment"], "enrolment", "registrar")
        consent, signer, digest = self.signed(receipt["consent"], "consent", "enterprise-service", enterprise=SigningKey.of(enrolment["key"]))
        require(digest == ticket["consent"], "CONSENT_MISMATCH", "the consent is not the one that the ticket names")
        own = signer == ""
        agree = consent["subject"] == enrolment["subject"] == ticket["subject"] and own == (consent["signed_by"] == "enterprise")
        agree = agree and (own or signer == consent["service"] == enrolment["service"])
        require(agree, "CONSENT_MISMATCH", "consent and enrolment are not of this enterprise")
        names = {name for opening in ticket["openings"] for name in opening["functionals"]}
        scope = (consent["audience"], consent["purpose"]) == (ticket["audience"], ticket["purpose"])
        scope = scope and receipt["product"] in consent["products"] and names <= set(consent["functionals"])
        require(scope, "CONSENT_SCOPE", "the consent does not cover audience, purpose, product and functionals")
        in_time = consent["not_before"] <= self.time <= consent["not_after"]
        require(in_time, "CONSENT_SCOPE", "the ticket's leaf is outside the consent's period")
        self.consent = consent

    def check_request(self) -> None:
        """The bank asked for exactly this [P5.1]."""
        receipt, ticket = self.receipt, self.ticket
        request = receipt["request"]
        named = sha256(canonical(request)).hex()
        require(named == ticket["request"], "REQUEST_MISMATCH", "the request is not the one that the ticket names")
        with because("REQUEST_INVALID", "request"):
            keys = {
                key["key_id"]: SigningKey.of(key) for key in self.members_at(int(receipt["ticket_leaf_index"])).members[ticket["audience"]]["keys"]
            }
            path, nonce, body = check_request(request, keys, self.time, self.roots.registry)
            items = body["items"] if path.endswith(":batch") else [body]
            asked = [item for item in items if item["subject"] == ticket["subject"]]
        require(len(asked) == 1 and nonce == ticket["request_nonce"], "REQUEST_MISMATCH", "the request does not ask for this subject once")
        wanted = {"subject": ticket["subject"], "product": receipt["product"], "purpose": ticket["purpose"], "consent_id": self.consent["id"]}
        require(asked[0] == wanted, "REQUEST_MISMATCH", "the request asks for something else than the ticket opens")

    def check_product(self) -> None:
        product, model = self.receipt["product"], self.model
        opened = [opening["functionals"] for opening in self.ticket["openings"]]
        wanted = None if product not in model.products else [[name] for name in (model.products[product]["functional"], *model.singles(product))]
        require(opened == wanted, "PRODUCT_MISMATCH", f"the ticket does not open what product {product!r} needs")

    # --- openings and result ---

    def check_opening(self, said: dict[str, Any], line: dict[str, Any]) -> int:
        """The opened value in hundredths [P5.3, P1.4]."""
        require([said["name"]] == line["functionals"] and line["batch"] == -1, "TICKET_MISMATCH", f"opening {said['name']} is not the ticket's")
        with because("FUNCTIONAL_MISMATCH", said["name"]):
            form = self.model.functional(said["name"], self.ticket["stage"])
            shown = tuple((term["indicator"], term["functional"], int(term["weight"])) for term in said["functional"])
            agree = [form.hash] == line["functional_hashes"] and (shown, int(said["constant"])) == (form.terms, form.constant)
            require(agree, "FUNCTIONAL_MISMATCH", f"{said['name']} is not the model's functional in this stage")
        require(len(said["inputs"]) == len(form.terms), "INPUT_MISMATCH", "there is not exactly one input for each term")
        inputs = [self.input(said["inputs"], *term[:2]) for term in form.terms]
        aggregate = self.key.aggregate([term[2] for term in form.terms], inputs, form.constant)
        agree = aggregate == int(said["aggregate"]) and sha256(self.key.c_bytes(aggregate)).hex() == line["aggregate"]
        require(agree, "AGGREGATE_MISMATCH", f"the aggregate of {said['name']} is not the one that its inputs give")
        m, r = int(said["m"]), int(said["r"])
        require(self.key.opens(aggregate, m, r), "OPENING_INVALID", f"m and r do not open the aggregate of {said['name']}")
        return self.key.balanced(m)

    def input(self, inputs: list[dict[str, Any]], indicator: str, gate_of: str) -> int:
        """The one ciphertext of a term: at the row and position that the receipt says and at the leaf that the ticket names."""
        wanted = (indicator, gate_of)
        found = [(int(item["row"]), int(item["position"])) for item in inputs if (item["indicator"], item["functional"]) == wanted]
        named = [
            (item["leaf_index"], item["position"]) for item in self.ticket["inputs"] if (item["indicator"], item.get("functional", "-")) == wanted
        ]
        require(len(found) == 1, "INPUT_MISMATCH", f"{indicator} has {len(found)} inputs")
        row, position = found[0]
        require(0 <= row < len(self.rows) and 0 <= position < len(self.rows[row]["entries"]), "INPUT_MISMATCH", f"{indicator} has no ciphertext")
        entry = self.rows[row]["entries"][position]
        require((entry["indicator"], entry.get("functional", "-")) == wanted, "INPUT_MISMATCH", f"{indicator} points to another entry")
        leaf = int(self.receipt["rows"][row]["leaf_index"])
        require(named == [(leaf, position)], "INPUT_MISMATCH", f"the ticket names another input for {indicator}")
        return int(self.receipt["rows"][row]["ciphertexts"][position])

    def check_result(self, values: list[int]) -> None:
        """Total, line and percentile follow from what was opened [P5.5, P7.3]."""
        receipt, said, stage = self.receipt, self.receipt["result"], self.ticket["stage"]
        with because("VALUE_IMPOSSIBLE", "opened value"):
            read = [
                self.model.functional(opening["functionals"][0], stage).read(value)
                for opening, value in zip(self.ticket["openings"], values, strict=True)
            ]
        total, gated = read[0]
        singles = {opening["functionals"][0]: value for opening, (value, _) in zip(self.ticket["openings"][1:], read[1:], strict=True)}
        require((int(said["total"].replace(".", "")), said["gated"]) == (total, gated), "RESULT_MISMATCH", "it is not what was opened")
        line = self.model.line_fen(receipt["product"], stage, total, gated=gated, singles=singles)
        require(said["line_fen"] == str(line), "LINE_MISMATCH", f"the product's line is {line} fen")
        band = self.percentile(total)
        require(said["percentile"] == band, "PERCENTILE_MISMATCH", f"the percentile is {band}")

    def percentile(self, total: int) -> str | None:
        if self.receipt["quantile_table"] is None:
            return None
        release, _ = self.logged(self.receipt["quantile_table"], "epoch-release", "authority")
        opening = self.ticket["openings"][0]
        require(release["epoch"] == self.ticket["epoch"], "PERCENTILE_MISMATCH", "the quantile table is of another epoch")
        for table in release["tables"]:
            if (table["functional_hash"], table["stage"]) == (opening["functional_hashes"][0], self.ticket["stage"]):
                holding = [band for band in table["bands"] if band["low"] <= total < band["high"]]
                middle = holding[(len(holding) - 1) // 2] if holding else None
                return None if middle is None else f"{middle['percentile_from']}-{middle['percentile_to']}"
        return None


# === Logs [log.md, statements.md] =========================================================================================

TILE = 256
SIGNERS = {  # kind: the role that its signer has; "" where the statement itself, or another one, says who it is
    "registry": "authority", "member": "authority", "ceremony": "authority", "share-accepted": "custodian", "model": "authority",
    "roster": "registrar", "stages": "department", "epoch-open": "authority", "column": "department", "row": "department",
    "epoch-close": "authority", "epoch-release": "authority", "enrolment": "registrar", "consent": "enterprise-service",
    "revocation": "enterprise-service", "ticket": "coordinator", "refusal": "", "audit": "auditor",
    "key-round": "authority", "key-receiver": "custodian", "key-deal": "custodian", "key-ack": "custodian", "key-activate": "authority",
    "key-abandon": "authority", "failure": "", "proof-demand": "", "partial-proof": "custodian", "blame": "", "audit-commit": "auditor",
    "audit-reveal": "auditor", "audit-result": "", "policy-step": "authority", "product-terms": "", "loan-step": "",
    "publication-step": "authority", "recognition": "authority", "registry-renewal": "authority", "registry-extension": "custodian",
}  # fmt: skip
BY_ENTERPRISE = {"consent", "revocation", "failure", "proof-demand", "blame", "policy-step"}  # an enterprise's own key may sign these too
NAMED = {  # kind: the field that names its signer
    "column": "header", "row": "header", "share-accepted": "custodian", "refusal": "member", "consent": "service", "revocation": "service",
    "key-receiver": "custodian", "key-deal": "dealer", "key-ack": "custodian", "partial-proof": "custodian",
}  # fmt: skip
TILE_FILE = re.compile(r"tile/([0-9]{1,2}|entries)/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")


def tile_path(level: str, index: int, width: int) -> str:
    """``tile/<L>/<N>[.p/<W>]``; N in groups of three digits, all but the last after an x."""
    digits = f"{index:03d}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    name = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
    return f"tile/{level}/{name}" + ("" if width == TILE else f".p/{width}")


@dataclass
class LogCheck:
    """A log directory under check: every fault is kept, not the first alone."""

    directory: Path
    roots: Roots
    faults: list[Fault] = field(default_factory=list)
    checked: dict[str, int] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    size: int = 0

    def check(self) -> None:
        run = self.directory
        if (run / "log" / "checkpoint").is_file():
            self.directory = run / "log"
        note = self.file("checkpoint") or b""
        try:
            checkpoint = open_checkpoint(note, self.roots.log)
            self.size = checkpoint.size
            self.check_witnesses(note)
            leaves = self.check_tree(checkpoint)
        except Fault as fault:
            self.faults.append(fault)
            return
        if leaves is None:
            return
        if not (self.directory / "envelopes").is_dir():
            self.faults.append(Fault("STATEMENTS_MISSING", "there is no envelopes/: only the public tree could be judged"))
            return
        replay = Replay(self)
        replay.run(leaves)
        if run != self.directory:
            Documents(self, replay, leaves).check(run)

    def check_witnesses(self, note: bytes) -> None:
        """Too few cosignatures say nothing of the tree: the rest is judged all the same."""
        try:
            self.checked["witnessed_at"] = witnessed_at(note, self.roots.witnesses, self.roots.required)
        except Fault as fault:
            self.faults.append(fault)

    def file(self, path: str) -> bytes | None:
        """A plain file of the log; None where there is none. Pipes and devices, which end never, are none."""
        here = self.directory / path
        return here.read_bytes() if here.is_file() else None

    # --- the tree [L1, L4, L6] ---

    def check_tree(self, checkpoint: Checkpoint) -> list[bytes] | None:
        """Every entry hashed again, compared with the signed root and with every tile; the leaves, or None when they are not those signed."""
        leaves: list[bytes] = []
        for index in range(-(-checkpoint.size // TILE)):
            leaves += self.bundle(index, min(TILE, checkpoint.size - index * TILE))
        levels = [[leaf_hash(leaf) for leaf in leaves]]
        while len(levels[-1]) >= TILE:
            row = levels[-1]
            levels.append([tree_root(row[at : at + TILE]) for at in range(0, len(row) // TILE * TILE, TILE)])
        if tree_root(levels[0]) != checkpoint.root:
            self.explain(levels[0], checkpoint)
            return None
        for level, row in enumerate(levels):
            for index in range(-(-len(row) // TILE)):
                path = tile_path(str(level), index, len(row[index * TILE : (index + 1) * TILE]))
                if self.file(path) is None:
                    self.faults.append(Fault("TILE_MISSING", f"there is no {path}", index * TILE * TILE**level))
        self.checked |= {"leaves": checkpoint.size, "tiles": sum(self.check_tiles(levels, leaves))}
        return leaves

    def check_tiles(self, levels: list[list[bytes]], leaves: list[bytes]) -> Iterator[int]:
        """Compare every tile and bundle that is there, those of earlier sizes too; 1 for each. What lies beyond the tree is nobody's claim yet."""
        for file in sorted((self.directory / "tile").glob("**/*")):
            path = file.relative_to(self.directory).as_posix()
            match = TILE_FILE.fullmatch(path)
            if match is None or not file.is_file():
                continue
            level, index, width = match[1], int(match[2].replace("x", "").replace("/", "")), int(match[3] or TILE)
            row = leaves if level == "entries" else levels[int(level)] if int(level) < len(levels) else []
            items = row[index * TILE : index * TILE + width]
            if len(items) == width:
                whole = b"".join(len(item).to_bytes(2, "big") + item if level == "entries" else item for item in items)
                self.check_tile(path, file.read_bytes(), whole, index * TILE, 0 if level == "entries" else int(level))
                yield 1

    def bundle(self, index: int, width: int) -> Iterator[bytes]:
        path = tile_path("entries", index, width)
        data, at = self.file(path), 0
        if data is None:
            raise Fault("ENTRY_MISSING", f"there is no {path}", index * TILE)
        for _ in range(width):
            end = at + 2 + int.from_bytes(data[at : at + 2], "big")
            if at + 2 > len(data) or end > len(data):
                raise Fault("ENTRY_BUNDLE_INVALID", f"{path} ends within an entry", index * TILE)
            yield data[at + 2 : end]
            at = end
        if at != len(data):
            raise Fault("ENTRY_BUNDLE_INVALID", f"{path} holds more than {width} entries", index * TILE)

    def check_tile(self, path: str, stored: bytes, computed: bytes, first: int, level: int) -> None:
        if stored != computed:
            differ = next((at for at, pair in enumerate(zip(stored, computed, strict=False)) if pair[0] != pair[1]), min(len(stored), len(computed)))
            place = 0 if path.startswith("tile/entries") else differ // 32
            self.faults.append(
                Fault("TILE_HASH_MISMATCH", f"{path} is not what the entries give, from byte {differ} on", (first + place) * TILE**level)
            )

    def explain(self, hashes: list[bytes], checkpoint: Checkpoint) -> None:
        """The entries do not give the root. Where the stored leaf hashes do, the entries that differ from them were changed."""
        stored = b"".join(
            self.file(tile_path("0", index, min(TILE, checkpoint.size - index * TILE))) or b"" for index in range(-(-checkpoint.size // TILE))
        )
        claimed = [stored[at : at + 32] for at in range(0, len(stored), 32)]
        if len(stored) == 32 * checkpoint.size and tree_root(claimed) == checkpoint.root:
            for index, (mine, theirs) in enumerate(zip(hashes, claimed, strict=True)):
                if mine != theirs:
                    self.faults.append(Fault("ENTRY_HASH_MISMATCH", f"entry {index} is not the one in the signed tree", index))
        else:
            self.faults.append(Fault("ROOT_MISMATCH", "neither the entries nor the tiles give the root that was signed"))


class Replay:
    """The statements behind the leaves of a signed tree: who signed them, and whether he may. What they do to one another (tickets, epochs,
    revisions) is the auditor's replay, not judged here; neither are kinds that this verifier does not know, which are reported."""

    def __init__(self, log: LogCheck) -> None:
        self.log, self.roots = log, log.roots
        self.members = Members(log.roots.registry)
        self.enterprises: dict[str, tuple[SigningKey, str, str]] = {}  # key id: key, subject, service
        self.newest: dict[str, str] = {}  # subject: its newest key id
        self.until: int | None = None  # the end of the registry [P9]
        self.extensions = 0
        self.ceremony: tuple[list[str], str] | None = None  # custodians, digest
        self.said: set[bytes] = set()
        self.ciphertexts: dict[int, list[int]] = {}  # of contributions that hold, by leaf
        self.senders: dict[int, str] = {}  # of the same
        self.tickets: dict[str, tuple[int, dict[str, Any]]] = {}  # that hold, by digest: leaf, ticket
        self.epochs: dict[str, dict[str, Any]] = {}  # by id: their openings
        self.rosters: dict[str, dict[str, Any]] = {}  # by digest of the document
        self.orders: dict[str, list[Any]] = {}  # by digest of the document: [subject, division, stage] in order
        self.time = 0

    def run(self, leaves: list[bytes]) -> None:
        kinds: list[str] = []
        for index, data in enumerate(leaves):
            try:
                envelope = self.envelope_at(index, data)
                with because("STATEMENT_VOID_STATEMENT_INVALID", "statement"):
                    kinds.append(self.check_statement(index, envelope, Leaf.parse(data)))
            except Fault as fault:
                self.log.faults.append(Fault(fault.reason, fault.detail, index))
        self.log.checked |= {"statements": len(kinds), "contributions": len(self.ciphertexts), "tickets": kinds.count("ticket")}

    def envelope_at(self, index: int, data: bytes) -> bytes:
        with because("LEAF_INVALID", f"leaf {index}"):
            leaf = Leaf.parse(data)
        if leaf.time < self.time:
            self.log.faults.append(Fault("LEAF_TIME", f"its time {leaf.time} is before that of the leaf before", index))
        self.time = leaf.time
        raw = self.log.file(f"envelopes/{leaf.digest}")
        if raw is None:
            raise Fault("ENVELOPE_MISSING", f"there is no statement {leaf.digest}")
        require(sha256(raw).hex() == leaf.digest, "ENVELOPE_DIGEST", f"the statement stored as {leaf.digest} has another digest")
        require(index != 0 or raw == self.roots.genesis, "GENESIS_MISMATCH", "leaf 0 is not the pinned registry")
        return raw

    def check_statement(self, index: int, raw: bytes, leaf: Leaf) -> str:
        """Its kind, once it holds."""
        with because("STATEMENT_VOID_ENVELOPE_INVALID", "envelope"):
            envelope = Envelope.parse(raw)
        statement, kind = envelope.statement(), envelope.kind
        require(statement["zone"] == self.roots.zone, "STATEMENT_VOID_ZONE_MISMATCH", f"it is of zone {statement['zone']}")
        key_id = envelope.signatures[0][0]
        if key_id in self.enterprises:
            key, subject, member = self.enterprises[key_id]
            require(self.newest[subject] == key_id, "STATEMENT_VOID_SIGNER_UNKNOWN", "the enterprise has enrolled a newer key")
        else:
            require(key_id in self.members.keys, "STATEMENT_VOID_SIGNER_UNKNOWN", f"no member has a key {key_id!r}")
            (key, member), subject = self.members.keys[key_id], ""
        require(envelope.signed_by(key), "STATEMENT_VOID_SIGNATURE_INVALID", f"the signature of {key_id} does not verify")
        require(envelope.said not in self.said, "STATEMENT_VOID_STATEMENT_REPLAYED", "this statement is in the log already")
        expired = self.until is not None and leaf.time > self.until and kind in {"epoch-open", "epoch-release", "ticket"}
        require(not expired, "STATEMENT_VOID_REGISTRY_EXPIRED", "the registry's validity was over [P9.2]")
        self.check_signer(kind, statement, member, subject)
        actor = statement.get("service", member) if subject else member
        require((leaf.actor, leaf.kind) == (actor, kind), "STATEMENT_VOID_SIGNER_NOT_ALLOWED", f"the leaf says {leaf.kind} by {leaf.actor}")
        self.take_effect(index, kind, statement, envelope.digest)
        self.check_validity(kind, statement, leaf.time)
        self.said.add(envelope.said)
        if kind == "ceremony":
            self.check_ceremony(raw, statement)
        elif kind in {"roster", "stages"}:
            self.check_document(kind, statement)
        elif kind in {"column", "row"}:
            self.ciphertexts[index], self.senders[index] = self.check_contribution(statement), member
        elif kind == "ticket":
            self.check_ticket(statement)
            self.tickets[envelope.digest] = (index, statement)
        elif kind == "epoch-open":
            self.epochs[statement["epoch"]] = statement
            self.check_order(statement)
        return kind

    def check_signer(self, kind: str, statement: dict[str, Any], member: str, subject: str) -> None:
        """The signer may make this kind of statement, and is the one that the statement names."""
        void = "STATEMENT_VOID_SIGNER_NOT_ALLOWED"
        if kind not in SIGNERS:
            self.log.unknown.add(kind)
            return
        if subject:
            right = kind in BY_ENTERPRISE and statement.get("subject", subject) == subject and statement.get("service", member) == member
            require(right, void, f"an enterprise's key may not sign this {kind} statement")
            return
        role = SIGNERS[kind]
        right = not role or role in self.members.roles(member) or (kind == "column" and "bank" in self.members.roles(member))
        require(right, void, f"{member} may not sign a {kind} statement")
        if kind in NAMED:
            said = statement[NAMED[kind]]
            said = said["sender"] if isinstance(said, dict) else said
            require(said == member, void, f"the statement names {said}, it is signed by {member}")

    def take_effect(self, index: int, kind: str, statement: dict[str, Any], digest: str) -> None:
        """Changes of who is who; and what of a statement only those who are there can make good."""
        void = "STATEMENT_VOID_SIGNER_NOT_ALLOWED"
        if kind == "registry":
            require(index == 0, void, "the registry is stated once, as leaf 0")
        elif kind == "member":
            self.members.apply(statement)
        elif kind == "model":
            self.check_acceptances(statement)
        elif kind == "ceremony":
            require(self.ceremony is None, "STATEMENT_VOID_KEY_MISMATCH", "the zone has its key")
            self.members.hold(Shares.dealt(statement))
            self.ceremony = statement["custodians"], digest
        elif kind == "share-accepted":
            dealt, named = self.ceremony or ([], "")
            place = 0 < statement["index"] <= len(dealt) and dealt[statement["index"] - 1] == statement["custodian"]
            require(place and statement["ceremony"] == named, "STATEMENT_VOID_KEY_MISMATCH", "it accepts another share than its own of the ceremony")
            self.members.accepted.add(statement["custodian"])
        elif kind.startswith("key-"):
            self.members.renew(kind, statement, digest)
        elif kind == "enrolment":
            key, subject, service = SigningKey.of(statement["key"]), statement["subject"], statement["service"]
            fresh = is_enterprise_key(key.key_id) and key.key_id not in self.enterprises
            known = self.newest.get(subject)
            same = known is None or self.enterprises[known][2] == service
            require(fresh and same and "enterprise-service" in self.members.roles(service), void, "the enrolment is not one that can be")
            self.enterprises[key.key_id], self.newest[subject] = (key, subject, service), key.key_id

    def check_validity(self, kind: str, statement: dict[str, Any], time: int) -> None:
        """Until when the registry holds, by its first statement, renewals and extensions [P9]."""
        reason, validity = "STATEMENT_VOID_REGISTRY_RENEWAL", self.roots.registry.get("validity_s")
        if kind == "registry":
            self.until = None if validity is None else time + validity
        elif kind == "registry-renewal":
            fits = max(time, self.until or 0) < statement["until"] <= time + (validity or 400 * 86_400)
            require(fits, reason, "it reaches too far, or not beyond what was given")
            self.members.check_countersigned(statement)
            self.until, self.extensions = statement["until"], 0
        elif kind == "registry-extension":
            start, month = max(self.until or 0, time), 30 * 86_400
            fits = self.until is not None and time >= self.until - month and start < statement["until"] <= start + month
            require(fits and statement["number"] == self.extensions + 1 <= 3, reason, "it is too early, too long, or not the next in the row")
            self.members.check_countersigned(statement)
            self.until, self.extensions = statement["until"], statement["number"]

    def check_acceptances(self, admission: dict[str, Any]) -> None:
        """Every owner of an indicator of the pack accepted exactly this model [P7.1]."""
        reason, found = "STATEMENT_VOID_MODEL_NOT_ACCEPTED", set()
        for said, member in self.members.countersigned(admission.get("acceptances", []), "model-acceptance", reason):
            same = all(said[name] == admission[name] for name in ("id", "version", "sha256"))
            require(same and said["member"] == member and member not in found, reason, f"{member} accepted another model, or twice")
            found.add(member)
        model = self.roots.packs.get(admission["sha256"])
        if model is None:
            self.log.faults.append(Fault("PACK_MISSING", f"no pinned pack has the hash {admission['sha256']}"))
            return
        owners = owners_of(model, self.members)
        require(owners <= found, reason, f"owners that have not accepted the model: {', '.join(sorted(owners - found))}")

    # --- what a statement only names ---

    def blob(self, digest: str) -> bytes:
        check_shape(digest, HEX32, "a digest")  # a signer may write a path in its place
        data = self.log.file(f"blobs/{digest}")
        if data is None:
            raise Fault("BLOB_MISSING", f"there is no blob {digest}")
        return data

    def check_ceremony(self, raw: bytes, statement: dict[str, Any]) -> None:
        require(raw == self.roots.read("ceremony.dsse.json"), "CEREMONY_NOT_PINNED", "the transcript in the log is not the pinned one")
        key = (int(statement["n"], 16), int(statement["h"], 16))
        require(key == (self.roots.key.n, self.roots.key.h), "KEY_NOT_PINNED", "the key in the log is not the pinned one")

    def check_document(self, kind: str, statement: dict[str, Any]) -> None:
        """The document is the one named; of stages, every row in the tree of the Merkle root [P3.1, P3.2]."""
        data = self.blob(statement["sha256"])
        require(sha256(data).hex() == statement["sha256"], "ROSTER_INVALID", f"blob {statement['sha256']} has another digest")
        with because("ROSTER_INVALID", kind):
            document = read_json(data)
            subjects = document["subjects"]
            require(len(subjects) == statement["count"], "ROSTER_INVALID", "the document has another number of subjects")
            if kind == "stages":
                rows = [canonical({"position": at, "stage": stage, "subject": subject}) for at, (subject, _, stage) in enumerate(subjects)]
                root = tree_root([leaf_hash(row) for row in rows]).hex()
                require(root == statement["merkle_root"], "ROSTER_INVALID", "the stages have another Merkle root")
                self.check_cells(statement, subjects)
                self.orders[statement["sha256"]] = subjects
            else:
                self.rosters[statement["sha256"]] = document

    def check_cells(self, statement: dict[str, Any], subjects: list[list[str]]) -> None:
        """Where the roster states cells on an axis, each stage is the default one or holds its subject's cells [P3.2]."""
        roster = self.rosters[statement["roster"]]
        axes = roster.get("axes", [])
        if not axes:
            return
        staging = self.roots.packs[statement["model"]].pack["staging"]
        cells = {row[0]: row[2:] for row in roster["subjects"]}
        bounds = {axis: sorted({at for stage in staging["stages"].values() for at in stage["on"].get(axis, {}).values()}) for axis in axes}
        for subject, _, stage in subjects:
            if stage == staging["default"]:
                continue
            for axis, cell in zip(axes, cells[subject], strict=True):
                band = staging["stages"][stage]["on"].get(axis, {})
                low = -1 if "from" not in band else bounds[axis].index(band["from"])
                high = len(bounds[axis]) if "below" not in band else bounds[axis].index(band["below"])
                require(cell != "-" and low < int(cell) <= high, "ROSTER_INVALID", f"{subject} is in stage {stage}, its cell on {axis} is {cell}")

    def check_contribution(self, statement: dict[str, Any]) -> list[int]:
        """Its ciphertexts: those of the header, valid and proven, under the pinned key [P4.1, P4.3, P4.6]."""
        header, key = statement["header"], self.roots.key
        data = self.blob(header["merkle_root"])
        width = len(key.c_bytes(0))
        require(len(data) % width == 0, "CIPHERTEXT_INVALID", "the ciphertexts are not of the key's width")
        values = [int.from_bytes(data[at : at + width], "big") for at in range(0, len(data), width)]
        check_ciphertexts(key, header, statement["proof"], values)
        return values

    def check_ticket(self, ticket: dict[str, Any]) -> None:
        """Each opening's aggregate is the one that the model and the ticket's inputs give [P5.3 (5), P5.6]."""
        model = self.roots.packs.get(ticket["model"])
        if model is None:
            raise Fault("PACK_MISSING", f"no pinned pack has the hash {ticket['model']}")
        places: dict[tuple[str, str], list[tuple[int, int]]] = {}
        for item in ticket["inputs"]:
            places.setdefault((item["indicator"], item.get("functional", "-")), []).append((item["leaf_index"], item["position"]))
        self.check_contributors(ticket, places)
        for at, opening in enumerate(ticket["openings"]):
            with because("AGGREGATE_MISMATCH", f"opening {at}"):
                total = 1
                for name in reversed(opening["functionals"]):  # Horner: functional k sits in slot k
                    form = model.functional(name, ticket["stage"])
                    taken = [(term[2], place) for term in form.terms for place in places[term[:2]]]
                    inputs = [self.input(*place, opening["batch"]) for _, place in taken]
                    value = self.roots.key.aggregate([weight for weight, _ in taken], inputs, form.constant)
                    square = self.roots.key.n**2
                    total = pow(total, 1 << opening["slot_bits"], square) * value % square
                named = sha256(self.roots.key.c_bytes(total)).hex()
                require(named == opening["aggregate"], "AGGREGATE_MISMATCH", f"opening {at} is not the aggregate of its inputs")

    def check_contributors(self, ticket: dict[str, Any], places: dict[tuple[str, str], list[tuple[int, int]]]) -> None:
        """Columns are one of each contributor that the epoch froze; a row is its owner's alone [M7, P5.3 (5)]."""
        frozen = self.epochs.get(ticket["epoch"], {}).get("contributors", {})
        for (indicator, _), found in places.items():
            senders = [self.senders.get(leaf) for leaf, _ in found]
            if None in senders:
                continue  # that an input is not at hand is said where it is read
            named = frozen.get(indicator, []) if found[0][1] == -1 else senders[:1]
            agree = sorted(map(str, senders)) == sorted(map(str, named))
            require(agree, "AGGREGATE_MISMATCH", f"inputs of {indicator} are of {senders}, not of {named}")

    def check_order(self, opened: dict[str, Any]) -> None:
        """The order that banks contribute over is that of the epoch's roster [M7]."""
        if not opened.get("order") or opened["roster"] not in self.orders:
            return
        subjects, counts = self.orders[opened["roster"]], list[int]()
        for at, (_, _, stage) in enumerate(subjects):
            if not counts or counts[-1] == opened["slots"] or stage != subjects[at - 1][2]:
                counts.append(0)
            counts[-1] += 1
        said = {"format": "xinqiao/order/v1", **{name: opened[name] for name in ("zone", "epoch", "period")}}
        document = canonical({**said, "subjects": [subject for subject, _, _ in subjects], "batches": [str(count) for count in counts]})
        require(sha256(document).hex() == opened["order"], "ROSTER_INVALID", "the order that the epoch gives to banks is not that of its roster")

    def input(self, leaf: int, position: int, batch: int) -> int:
        if leaf not in self.ciphertexts:
            raise Fault("AGGREGATE_UNCHECKED", f"the contribution at leaf {leaf} is not at hand or does not hold")
        return self.ciphertexts[leaf][batch if position == -1 else position]


class Documents:
    """What a run's directory holds beside its log: banks' receipts and the authority's epoch records, held against that log."""

    def __init__(self, log: LogCheck, replay: Replay, leaves: list[bytes]) -> None:
        self.log, self.replay, self.key = log, replay, log.roots.key
        self.hashes = [leaf_hash(leaf) for leaf in leaves]

    def check(self, run: Path) -> None:
        for kind, check in (("receipts", self.receipt), ("epochs", self.records)):
            paths = sorted((run / kind).glob("**/*.json"))
            for path in paths:
                try:
                    check(path.read_bytes())
                except Fault as fault:
                    self.log.faults.append(Fault(fault.reason, f"{path.name}: {fault.detail}", fault.leaf))
            self.log.checked[kind] = len(paths)

    def receipt(self, data: bytes) -> None:
        """It holds by itself, its tree is the beginning of this log, and its ticket holds here."""
        try:
            receipt = ReceiptCheck(data, self.log.roots)
            receipt.check()
        except Fault as fault:
            raise Fault(f"RECEIPT_{fault.reason.removeprefix('RECEIPT_')}", fault.detail) from fault
        size, leaf = receipt.checkpoint.size, int(receipt.receipt["ticket_leaf_index"])
        require(size <= len(self.hashes), "RECEIPT_BEYOND_LOG", "its checkpoint is of a longer log: check a later copy")
        require(tree_root(self.hashes[:size]) == receipt.checkpoint.root, "RECEIPT_FORK", "it shows another history under the log's signature")
        digest = sha256(read_base64(receipt.receipt["ticket"])).hex()
        require(self.replay.tickets.get(digest, (None,))[0] == leaf, "RECEIPT_TICKET_VOID", "its ticket does not hold in this log")

    def records(self, data: bytes) -> None:
        """Each record opens what its ticket names, for the subjects of the frozen roster [P1.4, P2.2, P2.4, P3.3; receipt.md, Epoch records]."""
        with because("EPOCH_RECORD_FORMAT", "epoch record"):
            said = read_json(data)
            for record in said.get("records", [said]):
                digest = sha256(read_base64(record["ticket"])).hex()
                require(digest in self.replay.tickets, "EPOCH_RECORD_TICKET", "its ticket is not in the log, or does not hold")
                leaf, ticket = self.replay.tickets[digest]
                for opening in record["openings"]:
                    try:
                        self.batch(record, opening, ticket)
                    except Fault as fault:
                        raise Fault(fault.reason, fault.detail, leaf) from fault

    def batch(self, record: dict[str, Any], said: dict[str, Any], ticket: dict[str, Any]) -> None:
        batch, aggregate, m, r = int(record["batch"]), int(said["aggregate"]), int(said["m"]), int(said["r"])
        lines = [line for line in ticket["openings"] if (line["functionals"], line["batch"]) == ([said["name"]], batch)]
        require(len(lines) == 1, "EPOCH_RECORD_TICKET", f"the ticket opens no batch {batch} of {said['name']}")
        named = sha256(self.key.c_bytes(aggregate)).hex()
        require(named == lines[0]["aggregate"], "AGGREGATE_MISMATCH", "the aggregate opened is not the one that the ticket names")
        require(self.key.opens(aggregate, m, r), "OPENING_INVALID", "m and r do not open the aggregate")
        model, opened = self.log.roots.packs[ticket["model"]], self.replay.epochs[ticket["epoch"]]
        subjects = self.batches(opened)[batch]
        form = model.functional(said["name"], ticket["stage"], opened["contributors"])
        with because("VALUE_IMPOSSIBLE", "opened value"):
            for value in self.slots(self.key.balanced(m), opened["slot_bits"], len(subjects)):
                form.read(value)
        agree = (int(record["slot_bits"]), record["stage"]) == (opened["slot_bits"], ticket["stage"])
        agree = agree and [(subject, ticket["stage"]) for subject in record["subjects"]] == subjects
        require(agree, "EPOCH_RECORD_TICKET", "slots, stage or subjects are not those of the frozen roster")

    def batches(self, opened: dict[str, Any]) -> list[list[tuple[str, str]]]:
        """(subject, stage) of each batch: at most as many as slots, never of two stages [P3.3]."""
        found: list[list[tuple[str, str]]] = []
        for subject, _, stage in self.replay.orders[opened["roster"]]:
            if not found or len(found[-1]) == opened["slots"] or found[-1][0][1] != stage:
                found.append([])
            found[-1].append((subject, stage))
        return found

    @staticmethod
    def slots(packed: int, bits: int, count: int) -> Iterator[int]:
        """The signed slots of a balanced plaintext, the lowest first. Raises ValueError when something lies beyond the last."""
        half = 1 << bits - 1
        for _ in range(count):
            value = ((packed + half) % (1 << bits)) - half
            packed = (packed - value) >> bits
            yield value
        if packed:
            raise ValueError("something lies beyond the last slot")


# === Command line =========================================================================================================


def verify(target: Path, roots: Roots) -> dict[str, Any]:
    """What was found: {"holds", "what", "reasons": [{"reason", "leaf_index", "detail"}], …}."""
    if target.is_dir():
        if not any((target / name).is_file() for name in ("checkpoint", "log/checkpoint")):
            raise Unusable(f"{target} holds no log: there is neither checkpoint nor log/checkpoint")
        log = LogCheck(target, roots)
        log.check()
        shown = {"tree_size": log.size, "checked": log.checked, "kinds_not_judged": sorted(log.unknown)}
        return _found("log", log.faults, shown)
    try:
        return _found("receipt", [], ReceiptCheck(target.read_bytes(), roots).check())
    except Fault as fault:
        return _found("receipt", [fault], {})


def _found(what: str, faults: list[Fault], shown: dict[str, Any]) -> dict[str, Any]:
    reasons = [{"reason": fault.reason, "leaf_index": fault.leaf, "detail": fault.detail} for fault in faults]
    return {"what": what, "holds": not faults, "reasons": reasons, "shown": shown}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Check a receipt or a log of Xinqiao against pinned keys.")
    parser.add_argument("target", type=Path, metavar="RECEIPT_OR_LOGDIR")
    parser.add_argument("keys", type=Path, metavar="KEYS", help="the zone's public directory, as you pinned it")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    options = parser.parse_args(arguments)
    try:
        found = verify(options.target, Roots(options.keys))
    except (Unusable, OSError) as error:
        print(json.dumps({"error": str(error)}) if options.json else error, file=sys.stdout if options.json else sys.stderr)
        return 2
    if options.json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        for item in found["reasons"]:
            where = "" if item["leaf_index"] is None else f" (leaf {item['leaf_index']})"
            print(f"{item['reason']}{where}: {item['detail']}")
        for name, value in found["shown"].items():
            print(f"{name}: {value}")
        print(f"The {found['what']} {'holds' if found['holds'] else 'DOES NOT HOLD'}.")
    return 0 if found["holds"] else 1


if __name__ == "__main__":
    sys.exit(main())
