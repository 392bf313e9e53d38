"""From a signed statement to a leaf that counts: judge it, log it, wait until our own view has taken it in."""

from __future__ import annotations

import threading
from collections.abc import Callable

from nodes.runtime.clock import Clock
from nodes.runtime.peers.log_client import LogClient
from nodes.runtime.replica.zone import Zone
from scoring.exchange.view import Logged, ZoneView

APPLY_TIMEOUT_S = 20.0


class Journal:
    """The coordinator's way into the log. One submission at a time, so that what was judged still holds when it is logged."""

    def __init__(self, zone: Zone, log: LogClient, now: Clock) -> None:
        self._zone, self._log, self._now = zone, log, now
        self._turn = threading.Lock()

    def submit(self, envelope: bytes) -> Logged:
        """The logged statement. Sending the same bytes again gives the first leaf.

        Raises the error of the rule that the statement breaks, RpcRefusal or PeerUnavailableError of the log.
        """
        return self.submit_made(lambda _view: envelope)

    def submit_made(self, make: Callable[[ZoneView], bytes]) -> Logged:
        """As ``submit``, for an envelope made from the view while no other submission can change it."""
        with self._turn:
            with self._zone.reading() as view:
                envelope = make(view)
                known = view.by_envelope(envelope)
                if known is not None:
                    return known
                view.judge(envelope, self._now())
            appended = self._log.append(envelope)
            return self._applied(appended.index)

    def _applied(self, index: int) -> Logged:
        def place(view: ZoneView) -> Logged | None:
            if index in view.void:
                raise view.void[index]
            return view.at(index) if view.size > index else None

        return self._zone.wait(place, APPLY_TIMEOUT_S, f"leaf {index}")
