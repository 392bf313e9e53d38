"""The notice board: members pin signed notices, others read them. Kept in memory by coordinator and log, on the servers that they run anyway.

A board believes nothing and promises nothing: whoever reads checks the signatures, and whoever misses a notice says so. What a member
pins stands until it pins again; a board that was restarted has everything again within one turn of its members.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import grpc

from crypto.errors import CryptoError
from crypto.statements import parse_envelope
from nodes.errors import RoleMissingError
from nodes.runtime.peers import rpc, tls
from nodes.runtime.peers.identity import Identity
from nodes.runtime.settings import Peer
from protos.errors import WireFormatError
from protos.v1 import board_pb2 as wire
from protos.v1 import board_pb2_grpc
from scoring.statements import Head, Split, Statement

ROLES = ("custodian", "auditor", "enterprise-service", "peer")
HEADS_FROM = ("custodian", "auditor", "peer")
MOST_NOTICES, LARGEST_NOTICE, LARGEST_PINNED = 256, 32 << 10, 256 << 10
MOST_OF_A_PEER = 4  # a peer zone's node pins its head, and a split that it found: whatever more it sent, every custodian would read and report
EXCHANGE_TIMEOUT_S = 5.0

_NO_SECOND_TRY = threading.Event()
_NO_SECOND_TRY.set()

HasRole = Callable[..., bool]
"""Whether the member named first holds one of the roles that follow, now."""


class BoardService(board_pb2_grpc.BoardServicer):
    """The board of one server of the zone. Admission is the server's; ``has_role`` says who may use it."""

    def __init__(self, zone: str, has_role: HasRole) -> None:
        self._zone, self._has_role = zone, has_role
        self._lock = threading.Lock()
        self._pinned: dict[str, tuple[bytes, ...]] = {}

    def Exchange(self, request: wire.Notices, context: grpc.ServicerContext) -> wire.Notices:
        """Raises RoleMissingError for members that have nothing to say here, WireFormatError for too many or too long notices."""
        caller = tls.caller(context, self._zone)
        if not self._has_role(caller, *ROLES):
            raise RoleMissingError(f"the board is for {', '.join(ROLES)}")
        notices = tuple(request.envelopes)
        if len(notices) > MOST_NOTICES or any(len(item) > LARGEST_NOTICE for item in notices) or sum(map(len, notices)) > LARGEST_PINNED:
            raise WireFormatError(f"a member pins at most {MOST_NOTICES} notices of {LARGEST_NOTICE} bytes, {LARGEST_PINNED} together")
        if self._has_role(caller, "peer") and (len(notices) > MOST_OF_A_PEER or not all(_is(item, Head, Split) for item in notices)):
            raise WireFormatError(f"a peer zone's node pins heads and splits, {MOST_OF_A_PEER} at most")
        with self._lock:
            self._pinned[caller] = notices
            names = sorted(self._pinned, key=lambda name: not self._has_role(name, *HEADS_FROM))  # heads come first
            others = [item for name in names if name != caller and self._has_role(name, *ROLES) for item in self._pinned[name]]
        if self._has_role(caller, "peer"):
            others = [item for item in others if _is(item, Head)]  # the rest is between the zone's own members [F3]
        return wire.Notices(envelopes=_within(others, tls.MESSAGE_LIMIT - LARGEST_PINNED))


class BoardClient:
    """One channel to a board. Raises RpcRefusal and PeerUnavailableError."""

    def __init__(self, identity: Identity, peer: Peer) -> None:
        self.keeper = peer.member
        self._channel = tls.channel(identity, peer.address, peer.member)
        self._stub = board_pb2_grpc.BoardStub(self._channel)

    def exchange(self, notices: Sequence[bytes]) -> list[bytes]:
        """Pin ``notices`` in place of our earlier ones; everybody else's. Tried once: the next turn comes soon."""
        reply = rpc.call(self._stub.Exchange, wire.Notices(envelopes=notices), timeout_s=EXCHANGE_TIMEOUT_S, stop=_NO_SECOND_TRY)
        return list(reply.envelopes)

    def close(self) -> None:
        """End the channel; calls that run fail."""
        self._channel.close()


def _is(notice: bytes, *kinds: type[Statement]) -> bool:
    try:
        return parse_envelope(notice).payload_type in {kind.payload_type() for kind in kinds}
    except CryptoError:
        return False


def _within(notices: Sequence[bytes], limit: int) -> list[bytes]:
    """As many of the notices, from the first, as fit into one message."""
    kept, size = list[bytes](), 0
    for notice in notices:
        size += len(notice) + 16
        if size > limit:
            break
        kept.append(notice)
    return kept
