"""Carries what is in the outbox to the coordinator (refusals of our own: to the log), oldest first, until each is acknowledged.

A call that cannot get through is tried again with growing pauses; a message that is refused is marked so, and the next one goes out.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from crypto.encoding import sha256
from nodes.contributing.outbox import Kept, Message, Outbox
from nodes.errors import PeerUnavailableError, RpcRefusal
from nodes.runtime import logging
from nodes.runtime.peers.log_client import Appended
from protos.errors import WireFormatError
from scoring.statements import parse_leaf

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
MESSAGE_SENT = "message.sent"
MESSAGE_REFUSED = "message.refused"
MESSAGE_DELAYED = "message.delayed"
_log = logging.logger("contributing.sender")


class Receipt(Protocol):
    """What the coordinator answers: the leaf and its index."""

    @property
    def leaf(self) -> bytes: ...
    @property
    def leaf_index(self) -> int: ...


class Exchange(Protocol):
    """The coordinator, as a contributor calls it."""

    def contribute(self, envelope: bytes, ciphertexts: bytes, /) -> Receipt: ...
    def publish(self, envelope: bytes, content: bytes, /) -> Receipt: ...
    def submit(self, envelope: bytes, /) -> Receipt: ...
    def relay(self, to: str, matter: str, sealed: bytes, /) -> None: ...


class Log(Protocol):
    """The log, as a contributor calls it."""

    def append(self, envelope: bytes, /) -> Appended: ...


Admits = Callable[[Kept], bool]
"""Whether a message may leave now; one that may not does not wait for sending any more when this returns."""

Settled = Callable[[Kept, int, str], None]
"""Told of each message that was acknowledged (leaf index, -1 where there is none) or refused (reason), before it is marked so."""


class Sender:
    """The one thread that sends. ``settled`` must be idempotent: after a crash it hears of the same message again. Without
    ``admits`` nobody is asked before."""

    def __init__(
        self, outbox: Outbox, exchange: Exchange, log: Log, settled: Settled, stopping: threading.Event, admits: Admits = lambda _kept: True
    ) -> None:
        self._outbox, self._exchange, self._log, self._settled, self._stopping = outbox, exchange, log, settled, stopping
        self._admits = admits

    def run(self) -> None:
        """Send whatever waits until the process stops."""
        pause_s = FIRST_PAUSE_S
        while not self._stopping.is_set():
            kept = self._outbox.next()
            if kept is None:
                self._outbox.waiting.wait()
            elif self.send(kept):
                pause_s = FIRST_PAUSE_S
            else:
                self._stopping.wait(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    def stop(self) -> None:
        """Wake ``run`` so that it ends; ``stopping`` was set before."""
        self._outbox.waiting.set()

    def send(self, kept: Kept) -> bool:
        """Send one message; whether it is settled, or held back for people. False: the other side could not be reached, nothing changed."""
        place, revision = kept.message.place, kept.message.revision
        if not self._admits(kept):
            return True
        try:
            leaf_index, leaf = self._call(kept.message)
        except PeerUnavailableError:
            _log.warning(MESSAGE_DELAYED, place=place, revision=revision)
            return False
        except RpcRefusal as refusal:
            if refusal.passing:
                _log.warning(MESSAGE_DELAYED, place=place, revision=revision, reason=refusal.reason)
                return False
            _log.warning(MESSAGE_REFUSED, place=place, revision=revision, reason=refusal.reason, detail=refusal.detail)
            self._settled(kept, -1, refusal.reason)
            self._outbox.refused(kept, refusal.reason)
            return True
        self._settled(kept, leaf_index, "")
        self._outbox.sent(kept, leaf_index, leaf)
        _log.info(MESSAGE_SENT, place=place, revision=revision, leaf_index=leaf_index)
        return True

    def _call(self, message: Message) -> tuple[int, bytes]:
        receipt: Receipt | None = None
        if message.call == "contribute":
            receipt = self._exchange.contribute(message.envelope, message.content)
        elif message.call == "publish":
            receipt = self._exchange.publish(message.envelope, message.content)
        elif message.call == "submit":
            receipt = self._exchange.submit(message.envelope)
        elif message.call == "log":
            appended = self._log.append(message.envelope)
            return appended.index, _checked(appended.leaf, message.envelope)
        else:
            self._exchange.relay(message.receiver, message.subject_matter, message.content)
        return (-1, b"") if receipt is None else (receipt.leaf_index, _checked(receipt.leaf, message.envelope))


def _checked(leaf: bytes, envelope: bytes) -> bytes:
    """``leaf``, which must be of exactly what was sent. Raises StatementFormatError or WireFormatError: an acknowledgement of something
    else is none, and who gives it cannot be worked with."""
    if parse_leaf(leaf).digest != sha256(envelope).hex():
        raise WireFormatError("the receipt is for other bytes than those that were sent")
    return leaf
