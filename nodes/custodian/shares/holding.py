"""What a custodian holds of the key, at rest: one file under a passphrase, by scrypt (n = 2^15, r = 8, p = 1: 32 MiB) and ChaCha20-Poly1305 [P1.6].

The file is replaced as a whole: after a crash it holds what was before a step, or what came after it, and never two generations in force [P1.7].
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from crypto.encoding import canonical_json
from crypto.threshold import Share
from nodes.errors import SecretFileError
from nodes.runtime.files import read_private, write_private

FORMAT = "xinqiao/shares/v1"
SCRYPT_N, SCRYPT_R, SCRYPT_P = 1 << 15, 8, 1


@dataclass(frozen=True, slots=True)
class Part:
    """A custodian's part in a round under way.

    ``private``: its X25519 key of the round; ``share``: of the next generation, once all deals held; ``said``: by kind, the envelopes that it has
    signed in the round, so that a crash makes it say the same again. ``repr`` hides the key.
    """

    round: str
    private: bytes = field(repr=False)
    share: Share | None = None
    said: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Holding:
    """The share that is in force, if there is one, and the part in a round under way."""

    share: Share | None = None
    part: Part | None = None


def write_holding(path: Path, holding: Holding, passphrase: bytes) -> None:
    """Keep ``holding`` in ``path``; after return it is on disk, and what was there is gone."""
    salt, nonce = os.urandom(16), os.urandom(12)
    plain = canonical_json({"share": _share_json(holding.share), "part": _part_json(holding.part)})
    sealed = ChaCha20Poly1305(_key(passphrase, salt)).encrypt(nonce, plain, FORMAT.encode())
    document = {"format": FORMAT, "salt": salt.hex(), "nonce": nonce.hex(), "sealed": sealed.hex()}
    write_private(path, canonical_json(document))


def read_holding(path: Path, passphrase: bytes) -> Holding:
    """What is kept in ``path``. Raises SecretFileError when it is missing, changed, or under another passphrase."""
    try:
        document = json.loads(read_private(path))
        if document["format"] != FORMAT:
            raise SecretFileError(f"{path} is not of the format {FORMAT}")
        salt, nonce, sealed = (bytes.fromhex(document[name]) for name in ("salt", "nonce", "sealed"))
        plain = json.loads(ChaCha20Poly1305(_key(passphrase, salt)).decrypt(nonce, sealed, FORMAT.encode()))
        return Holding(_share(plain["share"]), _part(plain["part"]))
    except (InvalidTag, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SecretFileError(f"{path} does not open: it was changed, or the passphrase is another one") from error


def _share_json(share: Share | None) -> dict[str, Any] | None:
    return None if share is None else {"index": share.index, "value": f"{share.value:x}", "generation": share.generation}


def _share(found: dict[str, Any] | None) -> Share | None:
    return None if found is None else Share(found["index"], int(found["value"], 16), found["generation"])


def _part_json(part: Part | None) -> dict[str, Any] | None:
    if part is None:
        return None
    said = {kind: envelope.hex() for kind, envelope in part.said.items()}
    return {"round": part.round, "private": part.private.hex(), "share": _share_json(part.share), "said": said}


def _part(found: dict[str, Any] | None) -> Part | None:
    if found is None:
        return None
    said = {kind: bytes.fromhex(envelope) for kind, envelope in found["said"].items()}
    return Part(found["round"], bytes.fromhex(found["private"]), _share(found["share"]), said)


def _key(passphrase: bytes, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, n=SCRYPT_N, r=SCRYPT_R, p=SCRYPT_P).derive(passphrase)
