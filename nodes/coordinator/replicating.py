"""The coordinator's face towards peer zones: items out of the outbox, to whom the registry lets have them [F3, F4]."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping

import grpc

from nodes.coordinator.callers import Callers
from nodes.coordinator.keeping.outbox import BACKUP, KINDS, Item, Outbox
from nodes.errors import PeerNotEntitledError, RoleMissingError
from protos.errors import WireFormatError
from protos.v1 import federation_pb2 as wire
from protos.v1.federation_pb2_grpc import FederationServicer
from scoring.exchange.peers import PEER

PAGE_BYTES = 1 << 20
LOOK_S = 1.0  # items that another process put into the same database wake nobody here, nor does a change of the registry
HEARTBEAT_S = 10.0
CURSORS = 1 << 63  # a database's integers end there


class Copies:
    """Which sealed chunks ``wanted`` peers hold, so that the outbox need not [F23]. Known from what they ask for next: a peer stores an item and its
    cursor at once. 0 wanted: the outbox keeps everything."""

    def __init__(self, outbox: Outbox, wanted: int) -> None:
        self._outbox, self._wanted = outbox, wanted
        self._lock = threading.Lock()
        self._held: dict[str, int] = {}

    def tell(self, caller: str, after: int, granted: Collection[str]) -> None:
        """``caller`` has every chunk up to number ``after``; only what members in ``granted`` have counts."""
        if not self._wanted:
            return
        with self._lock:
            self._held[caller] = min(after, self._outbox.last(BACKUP))
            counted = sorted((number for member, number in self._held.items() if member in granted), reverse=True)
        if len(counted) >= self._wanted and counted[self._wanted - 1]:
            self._outbox.withdraw(BACKUP, counted[self._wanted - 1])


class FederationService(FederationServicer):
    """One method an RPC of federation.proto. Domain errors go up; the server turns them into refusals."""

    def __init__(self, callers: Callers, outbox: Outbox, stopping: threading.Event, backup_held_by: int = 0) -> None:
        self._callers, self._outbox, self._stopping = callers, outbox, stopping
        self._copies = Copies(outbox, backup_held_by)

    def Replicate(self, request: wire.ReplicateRequest, context: grpc.ServicerContext) -> Iterator[wire.ReplicatedItems]:
        """Items of the kinds asked for beyond the caller's cursors, in order, then new ones as they come, until the caller hangs up.

        Raises RoleMissingError for whoever is no peer, PeerNotEntitledError for a kind that its entry does not grant, also when it is taken
        away while the stream runs, WireFormatError for cursors that are none.
        """
        caller = self._callers.require(context, {PEER})
        cursors = _cursors(request)
        self._check_granted(caller, cursors)
        if BACKUP in cursors:
            self._copies.tell(caller, cursors[BACKUP], self._granted(BACKUP))
        context.add_callback(self._outbox.wake)
        idle_s = 0.0
        while context.is_active() and not self._stopping.is_set():
            version = self._outbox.version
            sent = False
            for kind, after in list(cursors.items()):
                self._check_granted(caller, cursors)  # a caller that reads slowly holds up this loop for as long as it likes
                page = self._outbox.after(kind, after, PAGE_BYTES)
                if page:
                    yield wire.ReplicatedItems(items=[_wire_item(item) for item in page])
                    cursors[kind], sent = page[-1].sequence, True
            idle_s = 0.0 if sent or self._outbox.wait(version, LOOK_S) else idle_s + LOOK_S
            if idle_s >= HEARTBEAT_S:
                yield wire.ReplicatedItems()
                idle_s = 0.0

    def Offer(self, request: wire.OfferRequest, context: grpc.ServicerContext) -> wire.OfferReply:
        """Put an item into the outbox. Raises RoleMissingError for whoever is not the authority's front, or for a backup, which who has the data
        seals: another chunk among them would end the stream [F20]. WireFormatError for what is no item."""
        self._callers.sent.take(self._callers.require(context, {"gateway"}))
        if request.kind == BACKUP:
            raise RoleMissingError("a backup is sealed by the coordinator, and offered by nobody")
        return wire.OfferReply(sequence=self._outbox.put(request.kind, request.name, request.content))

    def _granted(self, kind: str) -> Collection[str]:
        """Members that may have items of the kind now."""
        with self._callers.zone.reading() as view:
            return {member.id for member in view.registry.with_role(PEER) if member.peer is not None and kind in member.peer.grants}

    def _check_granted(self, caller: str, kinds: Mapping[str, int]) -> None:
        with self._callers.zone.reading() as view:
            entry = view.registry.member(caller).peer
            granted = set() if entry is None else set(entry.grants)
        if refused := sorted(kinds.keys() - granted):
            raise PeerNotEntitledError(f"{caller} is not granted {', '.join(refused)}")


def _cursors(request: wire.ReplicateRequest) -> dict[str, int]:
    found = {cursor.kind: cursor.after for cursor in request.cursors}
    if not found or len(found) != len(request.cursors) or not found.keys() <= KINDS or max(found.values()) >= CURSORS:
        raise WireFormatError(f"a cursor for each kind wanted, once: {', '.join(sorted(KINDS))}")
    return found


def _wire_item(item: Item) -> wire.ReplicatedItem:
    return wire.ReplicatedItem(
        kind=item.kind, sequence=item.sequence, name=item.name, digest=item.digest, content=item.content or b"", withdrawn=item.content is None
    )
