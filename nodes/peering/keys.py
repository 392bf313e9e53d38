"""The keys of this node's witness, present and next one side by side: it cosigns with the one that its entry in the other zone names [F6]."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from crypto.notes import COSIGNATURE_V1, NoteSigner
from nodes.errors import IdentityError, NodeError
from nodes.runtime import logging
from nodes.runtime.files import check_private_directory
from nodes.runtime.peers.identity import NEXT, load_note_signer
from nodes.runtime.standing.keyring import KEY_MISSING, KEY_TURNED, KEYS_REFUSED

FILE = "note.pem"

_log = logging.logger("peer")


class WitnessKeys:
    """``note.pem`` of the keys directory and of ``next/`` in it. Signs like a ``NoteSigner``, with the key that is registered at that time.

    ``registered``: verifier key that the entry names; empty while there is none. Thread-safe.
    """

    def __init__(self, name: str, keys_dir: Path, registered: Callable[[], str]) -> None:
        """Raises SecretFileError, IdentityError when a key is there and cannot be used."""
        self._name, self._keys_dir, self._registered = name, keys_dir, registered
        self._lock = threading.Lock()
        self._signer = self._load()[0]
        self._missing = ""

    @staticmethod
    def there(keys_dir: Path) -> bool:
        """Whether this node is to witness."""
        return (keys_dir / FILE).exists()

    def check(self) -> None:
        """The registered key, if there is one, is at hand. Raises IdentityError."""
        wanted = self._registered()
        if wanted and all(key.key.to_vkey() != wanted for key in self._load()):
            raise IdentityError(f"{self._name} is registered with the witness key {wanted}, which is neither {FILE} nor {NEXT}/{FILE}")

    def signature_line(self, text: bytes, time: int = 0) -> bytes:
        """A cosignature's line over a note's text. Where the registered key is not at hand, with the one before: it will not be taken, and an
        alarm was raised."""
        with self._lock:
            signer = self._present()
        return signer.signature_line(text, time)

    def _present(self) -> NoteSigner:
        wanted = self._registered()
        if not wanted or wanted in {self._signer.key.to_vkey(), self._missing}:
            return self._signer
        try:
            found = [key for key in self._load() if key.key.to_vkey() == wanted]
        except (NodeError, OSError) as error:
            _log.error(KEYS_REFUSED, error=str(error), detail="the witness key that was there goes on")
            found = []
        if found:
            self._signer = found[0]
            _log.info(KEY_TURNED, key=wanted)
        else:
            self._missing = wanted
            _log.error(KEY_MISSING, keys=[wanted], detail=f"our entry names a witness key that is neither {FILE} nor {NEXT}/{FILE}")
        return self._signer

    def _load(self) -> list[NoteSigner]:
        paths = [self._keys_dir / FILE]
        if (self._keys_dir / NEXT / FILE).exists():
            check_private_directory(self._keys_dir / NEXT)
            paths.append(self._keys_dir / NEXT / FILE)
        return [load_note_signer(self._name, COSIGNATURE_V1, path) for path in paths]
