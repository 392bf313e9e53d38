"""The share at rest: one file under a passphrase, by scrypt (n = 2^15, r = 8, p = 1: 32 MiB) and ChaCha20-Poly1305 [P1.6]."""

from __future__ import annotations

import json
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from crypto.encoding import canonical_json
from crypto.threshold import Share
from nodes.errors import SecretFileError
from nodes.runtime.files import read_private, write_private

FORMAT = "xinqiao/share/v1"
SCRYPT_N, SCRYPT_R, SCRYPT_P = 1 << 15, 8, 1


def write_share(path: Path, share: Share, passphrase: bytes) -> None:
    """Keep ``share`` in ``path``; after return it is on disk."""
    salt, nonce = os.urandom(16), os.urandom(12)
    plain = canonical_json({"index": share.index, "value": f"{share.value:x}", "generation": share.generation})
    sealed = ChaCha20Poly1305(_key(passphrase, salt)).encrypt(nonce, plain, FORMAT.encode())
    document = {"format": FORMAT, "salt": salt.hex(), "nonce": nonce.hex(), "sealed": sealed.hex()}
    write_private(path, canonical_json(document))


def read_share(path: Path, passphrase: bytes) -> Share:
    """The share kept in ``path``. Raises SecretFileError when it is missing, changed, or under another passphrase."""
    try:
        document = json.loads(read_private(path))
        salt, nonce, sealed = (bytes.fromhex(document[name]) for name in ("salt", "nonce", "sealed"))
        plain = json.loads(ChaCha20Poly1305(_key(passphrase, salt)).decrypt(nonce, sealed, FORMAT.encode()))
        return Share(plain["index"], int(plain["value"], 16), plain["generation"])
    except (InvalidTag, ValueError, KeyError, TypeError) as error:
        raise SecretFileError(f"{path} does not open: it was changed, or the passphrase is another one") from error


def _key(passphrase: bytes, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, n=SCRYPT_N, r=SCRYPT_R, p=SCRYPT_P).derive(passphrase)
