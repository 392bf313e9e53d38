"""The zone's roster key, by which those who hold it compute subject ids from codes [P3.1]."""

from __future__ import annotations

from nodes.errors import SettingsError


def read_roster_key(text: bytes) -> bytes:
    """Roster key of its file's content: 64 hex digits. Raises SettingsError, which does not show them."""
    try:
        key = bytes.fromhex(text.decode("ascii").strip())
    except ValueError as error:
        raise SettingsError("a roster key is written as 64 hex digits") from error
    if len(key) != 32:
        raise SettingsError("a roster key is written as 64 hex digits")
    return key
