"""A member's own keys, present and next ones side by side: which one signs now, which ones open what is sealed to us.

A key is changed without a gap in two steps [P7.1]: an entry of the registry with the old and the new signing key, then one with the new alone.
Between, both count, and the process goes over to the new one by itself once everybody who follows the log must have seen it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from crypto.errors import SealingError
from crypto.sealing import Private, public_key
from nodes.errors import NodeError
from nodes.runtime import logging
from scoring.statements import Member

OVERLAP_S = 60
"""Seconds from the leaf of a new key until it signs, while the old one still counts: followers of the log may be so far behind."""

KEY_TURNED, KEY_MISSING, KEYS_REFUSED = "key.turned", "key.missing", "keys.refused"
_log = logging.logger("standing")


class Named(Protocol):
    """A signing key under its registered id."""

    @property
    def key_id(self) -> str: ...


K = TypeVar("K", bound=Named)


@dataclass(frozen=True, slots=True)
class Held(Generic[K]):
    """The keys at hand: those that are in use first. ``sealing``: raw X25519 private keys."""

    signers: tuple[K, ...]
    sealing: tuple[bytes, ...]


class KeyRing(Generic[K]):
    """Follows the registry's entry of the member. Thread-safe. Until the first entry is told, the first keys are the ones in use."""

    def __init__(self, load: Callable[[], Held[K]], clock: Callable[[], float] = time.time) -> None:
        """``load`` reads the keys; whatever it raises here goes up, later it is an alarm."""
        self._load, self._clock = load, clock
        self._lock = threading.Lock()
        self._held = load()
        self._since: dict[str, int] = {}  # registered keys, in the entry's order, with the time of the leaf that brought each
        self._sealing = ""  # registered sealing key, hex
        self._signing = self._held.signers[0].key_id

    @property
    def signer(self) -> K:
        """The key that signs now: the newest registered one that everybody knows, or the only one that is registered."""
        with self._lock:
            chosen = self._choose()
            if chosen.key_id != self._signing:
                self._signing = chosen.key_id
                _log.info(KEY_TURNED, key=chosen.key_id)
            return chosen

    @property
    def private(self) -> Private:
        """Every sealing key at hand, the registered one first: what is on its way was sealed to an earlier one."""
        with self._lock:
            keys = sorted(self._held.sealing, key=lambda key: public_key(key).hex() != self._sealing)
        return keys[0] if len(keys) == 1 else tuple(keys)

    @property
    def public(self) -> bytes:
        """The registered sealing key if it is at hand, else that of the keys directory itself."""
        private = self.private
        return public_key(private if isinstance(private, bytes) else private[0])

    def follow(self, entry: Member, time: int) -> None:
        """The registry has this entry of the member from Unix ``time`` on, its leaf's. Looks for its keys again."""
        with self._lock:
            try:
                self._held = self._load()
            except (NodeError, SealingError, OSError, ValueError) as error:
                _log.error(KEYS_REFUSED, error=str(error), detail="the keys that were there go on")
            self._since = {key.key_id: self._since.get(key.key_id, time) for key in entry.keys}
            self._sealing = entry.hpke
            held = {key.key_id for key in self._held.signers}
            missing = [key.key_id for key in entry.keys[-1:] if key.key_id not in held]
            if entry.hpke not in {public_key(key).hex() for key in self._held.sealing}:
                missing.append("hpke")
        if missing:
            _log.error(KEY_MISSING, keys=missing, detail="the registry has a key of ours that is not in the keys directory, nor in next/")

    def _choose(self) -> K:
        held = {key.key_id: key for key in self._held.signers}
        usable = [(held[name], since) for name, since in self._since.items() if name in held]
        if not usable:
            return self._held.signers[0]
        now = self._clock()
        return next((key for key, since in reversed(usable) if since + OVERLAP_S <= now), usable[0][0])
