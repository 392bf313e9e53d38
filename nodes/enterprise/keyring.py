"""Keys of the enterprises that let the service keep them: one Ed25519 and one X25519 pair each, a private file by enterprise."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from crypto.encoding import canonical_json, sha256
from crypto.sealing import generate_key, public_key
from nodes.errors import StorageError
from nodes.runtime.files import make_private_directory, read_private, write_private
from nodes.runtime.peers.identity import SigningKeyPair
from scoring.statements import SigningKey


@dataclass(frozen=True, slots=True)
class EnterpriseKeys:
    """One enterprise's keys. ``signer.key_id`` is "e-" and the first 8 bytes of the SHA-256 of its public key, in hex."""

    signer: SigningKeyPair
    hpke_private: bytes = field(repr=False)

    @property
    def hpke_public(self) -> bytes:
        return public_key(self.hpke_private)

    @property
    def registered(self) -> SigningKey:
        """The signing key as an enrolment states it."""
        return SigningKey(key_id=self.signer.key_id, algorithm="ed25519", public=self.signer.public.hex())


class Keyring:
    """The files of ``directory`` (0700), named by key id. Codes are not in the names, but in the service's database."""

    def __init__(self, directory: Path) -> None:
        self._directory = make_private_directory(directory)

    def create(self) -> EnterpriseKeys:
        """Fresh keys, on disk when this returns."""
        keys = _keys(secrets.token_bytes(32), generate_key(secrets.randbits)[0])
        private = keys.signer.private
        assert isinstance(private, Ed25519PrivateKey)
        document = {"sign": private.private_bytes_raw().hex(), "hpke": keys.hpke_private.hex()}
        write_private(self._directory / f"{keys.signer.key_id}.json", canonical_json(document))
        return keys

    def get(self, key_id: str) -> EnterpriseKeys:
        """Keys kept under ``key_id``. Raises SecretFileError when they are missing, StorageError when they are not those of the id."""
        try:
            document = json.loads(read_private(self._directory / f"{key_id}.json"))
            keys = _keys(bytes.fromhex(document["sign"]), bytes.fromhex(document["hpke"]))
        except (ValueError, KeyError, TypeError) as error:
            raise StorageError(f"the keys {key_id} cannot be read") from error
        if keys.signer.key_id != key_id:
            raise StorageError(f"the file of the keys {key_id} holds others")
        return keys


def _keys(seed: bytes, hpke_private: bytes) -> EnterpriseKeys:
    private = Ed25519PrivateKey.from_private_bytes(seed)
    public = private.public_key().public_bytes_raw()
    return EnterpriseKeys(SigningKeyPair(f"e-{sha256(public).hex()[:16]}", "ed25519", public, private), hpke_private)
