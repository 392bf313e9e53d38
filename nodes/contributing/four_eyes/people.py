"""The persons of a department: each has a private file with an Ed25519 key that only the person's password opens [A2].

Who is one stands in the process's settings and has a file; either gone, the person may do nothing from the next request on.
"""

from __future__ import annotations

import json
import os
import threading
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from crypto.encoding import canonical_json
from crypto.statements import VerifyKey
from nodes.errors import NotFoundError, SecretFileError, SettingsError, SignInError
from nodes.runtime import logging
from nodes.runtime.files import make_private_directory, read_private, sync_directory, write_private
from nodes.runtime.peers.identity import SigningKeyPair

PERSON_UNUSABLE = "person.unusable"
FORMAT = "xinqiao/person/v1"
SHORTEST_PASSWORD, LONGEST_PASSWORD = 12, 256
SCRYPT_N, SCRYPT_R, SCRYPT_P = 1 << 15, 8, 1
_log = logging.logger("department.people")
_ONE_AT_A_TIME = threading.Lock()  # 32 MiB each: many attempts at once must not take the machine's memory


@dataclass(frozen=True, slots=True)
class Person:
    """One person. ``name``: one word, as in the settings and in decisions; ``title``: how people write it; ``public``: 32 raw bytes."""

    name: str
    title: str
    public: bytes

    @property
    def key(self) -> VerifyKey:
        """The key that the person's decisions are signed with."""
        return VerifyKey(self.name, "ed25519", self.public)


class People:
    """The people ``named`` in the settings whose files are in ``directory`` (0700)."""

    def __init__(self, directory: Path, named: Sequence[str]) -> None:
        self._directory, self._named = make_private_directory(directory), tuple(named)

    def find(self, name: str) -> Person:
        """The person ``name``. Raises SignInError when there is none, SecretFileError when the file is open to others or no person's."""
        if name not in self._named or not _path(self._directory, name).exists():
            raise SignInError("no such person, or another password")
        return _person(name, _read(self._directory, name))

    def in_force(self) -> Mapping[str, VerifyKey]:
        """The keys that decisions count under now, by name. A file that cannot be used makes nobody, and is told of in the log."""
        found = {}
        for name in self._named:
            try:
                found[name] = self.find(name).key
            except SignInError:
                continue
            except SecretFileError:
                _log.warning(PERSON_UNUSABLE, person=name)
        return found

    def unlock(self, name: str, password: str) -> SigningKeyPair:
        """The key of ``name``, which ``password`` opens. A name that does not exist takes as long as a wrong password.

        Raises SignInError, which does not tell which of the two it was; SecretFileError as ``find``.
        """
        if name not in self._named or not _path(self._directory, name).exists():
            _derive(password, b"\x00" * 16)
            raise SignInError("no such person, or another password")
        document = _read(self._directory, name)
        salt, nonce, sealed = (bytes.fromhex(document[part]) for part in ("salt", "nonce", "sealed"))
        person = _person(name, document)
        try:
            private = Ed25519PrivateKey.from_private_bytes(ChaCha20Poly1305(_derive(password, salt)).decrypt(nonce, sealed, _bound(name)))
        except InvalidTag as error:
            raise SignInError("no such person, or another password") from error
        if private.public_key().public_bytes_raw() != person.public:
            raise SecretFileError(f"the file of {name} does not hold the key that it names")
        return SigningKeyPair(name, "ed25519", person.public, private)


def add_person(directory: Path, name: str, title: str, password: str) -> Person:
    """Make the file of a new person in ``directory`` (0700, made where it is not there); afterwards it is on disk.

    Raises SettingsError when there is one of that name, or the password is shorter than 12 or longer than 256 characters.
    """
    if _path(make_private_directory(directory), name).exists():
        raise SettingsError(f"{directory} has a person {name} already: remove that one first")
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise SettingsError(f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters")
    private, salt, nonce = Ed25519PrivateKey.generate(), os.urandom(16), os.urandom(12)
    public = private.public_key().public_bytes_raw()
    sealed = ChaCha20Poly1305(_derive(password, salt)).encrypt(nonce, private.private_bytes_raw(), _bound(name))
    document = {
        "format": FORMAT, "name": name, "title": title, "public": public.hex(), "salt": salt.hex(), "nonce": nonce.hex(), "sealed": sealed.hex(),
    }  # fmt: skip
    write_private(_path(directory, name), canonical_json(document))
    return Person(name, title, public)


def remove_person(directory: Path, name: str) -> None:
    """Take a person's file away; what the person decided before stays readable. Raises NotFoundError when there is none."""
    try:
        _path(directory, name).unlink()
    except FileNotFoundError as error:
        raise NotFoundError(f"{directory} has no person {name}") from error
    sync_directory(directory)


def _path(directory: Path, name: str) -> Path:
    return directory / f"{name}.person.json"


def _read(directory: Path, name: str) -> dict[str, str]:
    path = _path(directory, name)
    try:
        document = json.loads(read_private(path))
        if (document["format"], document["name"]) != (FORMAT, name) or len(bytes.fromhex(document["public"])) != 32:
            raise SecretFileError(f"{path} is not the file of {name}")
        return {part: str(document[part]) for part in ("title", "public", "salt", "nonce", "sealed")}
    except (ValueError, KeyError, TypeError) as error:
        raise SecretFileError(f"{path} is not the file of a person") from error


def _person(name: str, document: Mapping[str, str]) -> Person:
    return Person(name, document["title"] or name, bytes.fromhex(document["public"]))


def _bound(name: str) -> bytes:
    return f"{FORMAT} {name}".encode()


def _derive(password: str, salt: bytes) -> bytes:
    text = unicodedata.normalize("NFC", password[: LONGEST_PASSWORD + 1]).encode()
    with _ONE_AT_A_TIME:
        return Scrypt(salt=salt, length=32, n=SCRYPT_N, r=SCRYPT_R, p=SCRYPT_P).derive(text)
