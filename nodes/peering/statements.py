"""Statements that this node may read now and could not when their leaves came: a grant was added since [F3]."""

from __future__ import annotations

import threading

from nodes.errors import PeerUnavailableError, QuotaFullError, RpcRefusal
from nodes.evidence.sources import RpcStatements
from nodes.log.admission import PUBLIC_KINDS
from nodes.peering.files import MirrorFiles
from nodes.peering.members import OtherZone
from nodes.runtime import logging
from nodes.runtime.replica.store import LogReplica
from scoring.exchange.peers import readable_kinds
from scoring.statements import parse_leaf

AT_ONCE = 64
LOOK_S = 2.0

_log = logging.logger("peer")


class LateStatements:
    """Fetches them into ``replica`` and ``files`` whenever the node's entry allows further kinds."""

    def __init__(self, other: OtherZone, replica: LogReplica, files: MirrorFiles, source: RpcStatements) -> None:
        self._other, self._replica, self._files, self._source = other, replica, files, source
        self._complete: frozenset[str] = PUBLIC_KINDS  # the replica demands these with their leaves
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """End ``run`` at its next turn: the log is not trusted any more."""
        self._cancelled.set()

    def run(self, stopping: threading.Event) -> None:
        """Until ``stopping`` is set, or cancelled. Raises LogInconsistentError when the log hands over another envelope than a leaf names."""
        while not stopping.wait(LOOK_S) and not self._cancelled.is_set():
            try:
                self.turn()
            except QuotaFullError as error:
                _log.error(logging.PEER_FULL, peer="log", part="log", detail=str(error))
                self._cancelled.wait()
            except (PeerUnavailableError, RpcRefusal) as error:
                _log.info(logging.ITEMS_DELAYED, cause=type(error).__name__, reason=getattr(error, "reason", ""), detail="late statements")

    def turn(self) -> None:
        """Fetch what is missing of kinds that were not readable at the last turn. Raises RpcRefusal, PeerUnavailableError."""
        entry = self._other.entry
        kinds = PUBLIC_KINDS | (readable_kinds(entry.peer) if entry is not None and entry.peer is not None else frozenset())
        if kinds <= self._complete:
            self._complete = kinds  # a grant that comes back brings what was logged in between
            return
        missing = [item for item in self._replica.entries(0, self._replica.head.size) if not item.envelope and parse_leaf(item.leaf).kind in kinds]
        for start in range(0, len(missing), AT_ONCE):
            part = missing[start : start + AT_ONCE]
            digests = [parse_leaf(item.leaf).digest for item in part]
            for item, digest, envelope in zip(part, digests, self._source.envelopes(digests), strict=True):
                if envelope is not None:
                    self._replica.complete(item.index, envelope)
                    self._files.complete(digest, envelope)
        self._complete = kinds
