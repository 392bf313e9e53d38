"""Reaching one peer again and again, with growing pauses; told once when it is lost and once when it is back."""

from __future__ import annotations

import threading
from typing import Any

from nodes.errors import PeerUnavailableError, RpcRefusal
from nodes.runtime import logging
from protos.errors import WireFormatError

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0


class Absence:
    """How the loop of one thread fares with ``peer``, a member; ``log`` is its component's. Pauses end when ``stop`` is set."""

    def __init__(self, log: Any, peer: str, stop: threading.Event) -> None:
        self._log, self._peer, self._stop = log, peer, stop
        self._lost, self._pause_s = False, FIRST_PAUSE_S

    def over(self) -> None:
        """The peer answers."""
        self._pause_s = FIRST_PAUSE_S
        if self._lost:
            self._lost = False
            self._log.info(logging.PEER_BACK, peer=self._peer)

    def lost(self, error: PeerUnavailableError | RpcRefusal | WireFormatError) -> None:
        """The peer is away, does not want us, or says what it should not: wait before the next try."""
        tell = self._log.debug if self._lost else self._log.info
        reason = error.reason if isinstance(error, RpcRefusal) else ""
        tell(logging.PEER_LOST, peer=self._peer, cause=type(error).__name__, reason=reason, detail=str(error))
        self._lost = True
        self.pause()

    def pause(self) -> None:
        """Wait before the next try, longer each time until the peer answers."""
        self._stop.wait(self._pause_s)
        self._pause_s = min(self._pause_s * 2, LONGEST_PAUSE_S)
