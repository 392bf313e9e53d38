"""Refusals in the log, within bounds: of one reason a minute the first of strangers, and the first thirty of each key, are logged at once;
the rest is counted, and logged as one when the minute is over [L2]."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from crypto.encoding import digest
from nodes.errors import PeerUnavailableError, RpcRefusal
from nodes.runtime import logging
from nodes.runtime.clock import Clock
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from scoring.statements import Refusal

WINDOW_S = 60
AT_ONCE = 30
REFUSAL_LOGGED = "refusal.logged"
REFUSAL_UNLOGGED = "refusal.unlogged"

_log = logging.logger("refusals")


@dataclass
class _Window:
    """Refusals of one reason to one key, or to all strangers, since ``start``: ``left`` more are logged at once, the others are hashed
    into ``chain``."""

    start: int
    left: int
    count: int = 0
    chain: bytes = field(default=b"")


class RefusalLog:
    """Signs refusals as this member and appends them. ``append`` gives the leaf index of an envelope."""

    def __init__(self, identity: Identity, append: Callable[[bytes], int], now: Clock) -> None:
        self._identity, self._append, self._now = identity, append, now
        self._windows: dict[tuple[str, str], _Window] = {}  # by key id, empty for strangers, and reason
        self._lock = threading.Lock()

    def refused(self, reason: str, about: str, key_id: str) -> int | None:
        """Log a refusal of the key's; its leaf index, or None when it is logged later or the log cannot be reached (our own log says so).

        ``about`` is the request document's digest, 64 hex digits, or empty where there is none.
        """
        return self._refused((key_id, reason), about, AT_ONCE)

    def refused_stranger(self, reason: str, about: str) -> int | None:
        """As ``refused``, of a caller whom nobody knows."""
        return self._refused(("", reason), about, 1)

    def _refused(self, whose: tuple[str, str], about: str, at_once: int) -> int | None:
        now = self._now()
        with self._lock:
            due = self._due(now)
            window = self._windows.setdefault(whose, _Window(now, at_once))
            first, window.left = window.left > 0, max(0, window.left - 1)
            if not first:
                window.count += 1
                window.chain = digest("refused-strangers", window.chain, bytes.fromhex(about))
        self._log_windows(due)
        return self._log(whose[1], about, 1) if first else None

    def flush(self, *, everything: bool = False) -> None:
        """Log the windows that are over, or all of them (at the end of the process)."""
        with self._lock:
            due = list(self._windows.items()) if everything else self._due(self._now())
            for whose, _ in due:
                self._windows.pop(whose, None)
        self._log_windows(due)

    def run(self, stopping: threading.Event) -> None:
        """Flush once a minute until ``stopping`` is set."""
        while not stopping.wait(WINDOW_S):
            self.flush()

    def _due(self, now: int) -> list[tuple[tuple[str, str], _Window]]:
        due = [(whose, window) for whose, window in self._windows.items() if now >= window.start + WINDOW_S]
        for whose, _ in due:
            del self._windows[whose]
        return due

    def _log_windows(self, windows: list[tuple[tuple[str, str], _Window]]) -> None:
        for (_, reason), window in windows:
            if window.count:
                self._log(reason, window.chain.hex(), window.count)

    def _log(self, reason: str, about: str, count: int) -> int | None:
        statement = Refusal(zone=self._identity.zone, nonce=fresh_nonce(), member=self._identity.member, reason=reason, about=about, count=count)
        try:
            index = self._append(sign_statement(statement, self._identity.signer))
        except (RpcRefusal, PeerUnavailableError) as error:
            _log.error(REFUSAL_UNLOGGED, reason=reason, count=count, cause=str(error))
            return None
        _log.info(REFUSAL_LOGGED, reason=reason, count=count, leaf_index=index)
        return index
