"""Passwords: how long one may be, and the key that scrypt derives from it. One at a time: each takes 32 MiB."""

from __future__ import annotations

import threading
import unicodedata

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from nodes.errors import SettingsError

SHORTEST_PASSWORD, LONGEST_PASSWORD = 12, 256
SCRYPT_N, SCRYPT_R, SCRYPT_P = 1 << 15, 8, 1
_ONE_AT_A_TIME = threading.Lock()  # many attempts at once must not take the machine's memory


def check_length(password: str) -> None:
    """Returns when a new password is neither too short nor too long. Raises SettingsError."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise SettingsError(f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters")


def derive(password: str, salt: bytes) -> bytes:
    """32 bytes from a password, in any Unicode form, and 16 random bytes."""
    text = unicodedata.normalize("NFC", password[: LONGEST_PASSWORD + 1]).encode()
    with _ONE_AT_A_TIME:
        return Scrypt(salt=salt, length=32, n=SCRYPT_N, r=SCRYPT_R, p=SCRYPT_P).derive(text)
