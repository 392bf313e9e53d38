"""From a signed statement to a leaf that counts: judge it, log it, wait until our own view has taken it in.

A statement whose answer did not come may be in the log all the same, though our view does not show it yet. Until that is settled nothing
else is judged: a second ticket for one batch, say, would hold by a view that lacks the first.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from nodes.coordinator.keeping.store import Store
from nodes.errors import RpcRefusal
from nodes.runtime.clock import Clock
from nodes.runtime.peers.log_client import LogClient
from nodes.runtime.replica.zone import Zone
from scoring.errors import ScoringError
from scoring.exchange.view import Logged, ZoneView

APPLY_TIMEOUT_S = 20.0


class Journal:
    """The coordinator's way into the log. One submission at a time, so that what was judged still holds when it is logged."""

    def __init__(self, zone: Zone, log: LogClient, store: Store, now: Clock) -> None:
        self._zone, self._log, self._store, self._now = zone, log, store, now
        self._turn = threading.Lock()
        self._unsettled, _ = store.in_flight()

    def take_over(self, timeout_s: float = APPLY_TIMEOUT_S) -> None:
        """Go on where another instance of the coordinator has stopped: by a view that has at least what its last judgement rested on [B3].

        Raises NotReadyError while the log does not show so much.
        """
        with self._turn:
            self._unsettled, size = self._store.in_flight()
        self._zone.wait(lambda view: True if view.size >= size else None, timeout_s, f"a log of {size} leaves")

    def submit(self, envelope: bytes) -> Logged:
        """The logged statement. Sending the same bytes again gives the first leaf.

        Raises the error of the rule that the statement breaks, RpcRefusal or PeerUnavailableError of the log.
        """
        return self.submit_made(lambda _view: envelope)

    def submit_made(self, make: Callable[[ZoneView], bytes]) -> Logged:
        """As ``submit``, for an envelope made from the view while no other submission can change it."""
        with self._turn:
            self._settle()
            with self._zone.reading() as view:
                envelope = make(view)
                known = view.by_envelope(envelope)
                if known is not None:
                    return known
                view.judge(envelope, self._now())
                size = view.size
            self._store.keep_in_flight(envelope, size)
            self._unsettled = envelope
            return self._append(envelope)

    def _settle(self) -> None:
        """Learn what became of the statement that was last sent, by sending the same bytes again, if they still hold."""
        envelope = self._unsettled
        if envelope is None:
            return
        try:
            with self._zone.reading() as view:
                known = view.by_envelope(envelope)
                if known is None:
                    view.judge(envelope, self._now())
            if known is None:
                self._append(envelope)
        except ScoringError:
            pass  # it came too late: whoever asked for it is told so when he asks again
        self._unsettled = None

    def _append(self, envelope: bytes) -> Logged:
        """The statement's leaf. What the log refuses for good, and what turns out to be void, is settled too."""
        try:
            logged = self._applied(self._log.append(envelope).index)
        except RpcRefusal as refusal:
            if not refusal.passing:
                self._unsettled = None
            raise
        except ScoringError:
            self._unsettled = None
            raise
        self._unsettled = None
        return logged

    def _applied(self, index: int) -> Logged:
        def place(view: ZoneView) -> Logged | None:
            if index in view.void:
                raise view.void[index]
            return view.at(index) if view.size > index else None

        return self._zone.wait(place, APPLY_TIMEOUT_S, f"leaf {index}")
