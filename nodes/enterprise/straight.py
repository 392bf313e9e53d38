"""Revocations straight to custodians: pinned to both notice boards, until custodians' own heads say that they hold them [P5.0].

The way by the gateway, the coordinator and the log needs all three. This one needs one board and the custodians: whoever keeps it back
can be seen to, since what is not acknowledged is not held.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from crypto.encoding import sha256
from crypto.errors import CryptoError
from crypto.statements import check_signature, parse_envelope
from nodes.enterprise.store import NOT_LOGGED, KeptConsent, Store
from nodes.errors import PeerUnavailableError, RpcRefusal
from nodes.runtime import logging
from nodes.runtime.clock import Clock
from nodes.runtime.notices.board import BoardClient
from scoring.errors import ScoringError
from scoring.exchange.registry import MemberRegistry
from scoring.exchange.view import verify_key
from scoring.statements import Head, parse_statement

MOST_PINNED = 200
OPEN_TURN_S, QUIET_TURN_S = 5.0, 60.0

_log = logging.logger("straight")


class StraightDesk:
    """Pins this service's revocations and reads who holds them. ``blocking``: without so many custodians nothing opens. Thread-safe."""

    def __init__(self, boards: Sequence[BoardClient], store: Store, registry: MemberRegistry, blocking: int, now: Clock) -> None:
        self._boards, self._store, self._registry, self._blocking, self._now = boards, store, registry, blocking, now
        self._lock = threading.Lock()
        self._holders: dict[str, set[str]] = {}  # by digest of the revocation
        self._wake = threading.Event()

    def run(self, stopping: threading.Event) -> None:
        """Turns until ``stopping`` is set: every few seconds while a revocation is not in the log, else now and then."""
        while not stopping.is_set():
            self._wake.clear()
            self.turn()
            is_open = any(kept.revoked_leaf_index == NOT_LOGGED for kept in self._revoked())
            self._wake.wait(OPEN_TURN_S if is_open else QUIET_TURN_S)

    def announce(self) -> None:
        """A revocation was signed: pin it at once, and look soon who holds it."""
        self.turn()
        self._wake.set()

    def stop(self) -> None:
        """Wake ``run`` so that it ends."""
        self._wake.set()

    def turn(self) -> None:
        """Pin what was revoked, also what is said to be logged, since custodians know better; read the custodians' heads."""
        pinned = [kept.revocation for kept in self._revoked()]
        for board in self._boards:
            try:
                notices = board.exchange(pinned)
            except (PeerUnavailableError, RpcRefusal) as error:
                _log.warning(logging.BOARD_MISSING, keeper=board.keeper, cause=type(error).__name__, reason=getattr(error, "reason", ""))
                continue
            for notice in notices:
                self._read(notice)

    def shown(self, kept: KeptConsent) -> dict[str, Any]:
        """A consent for the staff: with the custodians that hold its revocation, and whether they are enough that nothing opens."""
        with self._lock:
            holders = sorted(self._holders.get(sha256(kept.revocation).hex(), ())) if kept.revocation else []
        return {**kept.to_json(), "held_by": holders, "binding": len(holders) >= self._blocking}

    def _revoked(self) -> list[KeptConsent]:
        """Withdrawn consents that could still be used, those first that the log does not have."""
        found = [kept for kept in self._store.consents() if kept.revocation and kept.not_after >= self._now()]
        return sorted(found, key=lambda kept: kept.revoked_leaf_index != NOT_LOGGED)[:MOST_PINNED]

    def _read(self, notice: bytes) -> None:
        """Note what a custodian's head says that it holds."""
        try:
            envelope = parse_envelope(notice)
            if envelope.payload_type != Head.payload_type():
                return
            head = parse_statement(envelope.payload_type, envelope.payload)
            signer = self._registry.key(envelope.key_ids[0])
            check_signature(envelope, verify_key(signer.key))
        except (CryptoError, ScoringError) as error:
            _log.info(logging.HEAD_INVALID, error=str(error))
            return
        if isinstance(head, Head) and signer.member.id == head.member and "custodian" in signer.member.roles:
            with self._lock:
                for digest in head.held:
                    self._holders.setdefault(digest, set()).add(head.member)
