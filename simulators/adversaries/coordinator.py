"""A coordinator that deviates: the real service's place and certificate, tickets of its own making, and ciphertexts that are not those of the log.

It speaks to real custodians over mutual TLS; what they answer, and that they refuse, it keeps.
"""

from __future__ import annotations

import queue
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import grpc

from crypto.encoding import sha256
from nodes.runtime.peers import tls
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.log_client import Appended, LogClient
from nodes.runtime.peers.rpc import RpcServer
from nodes.runtime.peers.signing import sign_statement
from protos import codec
from protos.v1 import exchange_pb2 as wire
from protos.v1.exchange_pb2_grpc import ExchangeServicer, add_ExchangeServicer_to_server
from scoring.statements import Input, Ticket


class HostileCoordinator(ExchangeServicer):
    """``blobs`` is what it serves under each digest, true or not. ``answered``: partials by ticket and custodian; ``refused``: reasons."""

    def __init__(self, identity: Identity, log: LogClient, blobs: dict[str, bytes]) -> None:
        self._identity, self._log, self.blobs = identity, log, blobs
        self.answered: dict[tuple[str, str], list[wire.SealedPartial]] = {}
        self.refused: dict[tuple[str, str], str] = {}
        self._work: dict[str, queue.SimpleQueue[wire.WorkItem | None]] = defaultdict(queue.SimpleQueue)
        self._heard: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
        self._server = RpcServer(identity, "127.0.0.1:0", lambda _member: None, _alarm)
        self._server.add(add_ExchangeServicer_to_server, self)
        self.port = self._server.start()

    def stop(self) -> None:
        for waiting in self._work.values():
            waiting.put(None)
        self._server.stop(0.2)

    # --- the attack ---

    def log(self, ticket: Ticket) -> tuple[bytes, Appended]:
        """Have a ticket of its own making logged: the log does not judge it."""
        envelope = sign_statement(ticket, self._identity.signer)
        return envelope, self._log.append(envelope)

    def open(self, custodian: str, ticket: Ticket, request: bytes, timeout_s: float = 30.0) -> str:
        """Log the ticket and have the custodian asked to open it: the reason of its refusal, or "" when it answered."""
        envelope, appended = self.log(ticket)
        digest = sha256(envelope).hex()
        work = wire.OpenTicket(ticket_envelope=envelope, leaf_index=appended.index, request=request)
        self._work[custodian].put(wire.WorkItem(seq=appended.index + 1, open=work))
        while self._heard.get(timeout=timeout_s) != (digest, custodian):
            pass
        return self.refused.get((digest, custodian), "")

    # --- the service, as far as a custodian uses it ---

    def FollowWork(self, request: wire.WorkCursor, context: grpc.ServicerContext) -> Iterator[wire.WorkItem]:
        waiting = self._work[self._caller(context)]
        yield wire.WorkItem(heartbeat=wire.Heartbeat())
        yield from iter(waiting.get, None)

    def FetchBlob(self, request: wire.BlobRequest, context: grpc.ServicerContext) -> Iterator[wire.BlobPart]:
        yield from codec.blob_parts(self.blobs[request.digest.hex()])

    def SubmitPartials(self, request_iterator: Iterator[wire.PartialsPart], context: grpc.ServicerContext) -> wire.PartialsReply:
        parts = list(request_iterator)
        key = (parts[0].ticket.hex(), self._caller(context))
        self.answered.setdefault(key, []).extend(partial for part in parts for partial in part.partials)
        self._heard.put(key)
        return wire.PartialsReply()

    def RefuseTicket(self, request: wire.CustodianRefusal, context: grpc.ServicerContext) -> wire.PartialsReply:
        key = (request.ticket.hex(), self._caller(context))
        self.refused[key] = request.reason
        self._heard.put(key)
        return wire.PartialsReply()

    def _caller(self, context: grpc.ServicerContext) -> str:
        return tls.caller(context, self._identity.zone)


def without(inputs: Sequence[Input], entry: str) -> tuple[Input, ...]:
    """The inputs, that of an indicator left out."""
    return tuple(item for item in inputs if item.indicator != entry)


def doubled(inputs: Sequence[Input], entry: str) -> tuple[Input, ...]:
    """The inputs, that of an indicator twice."""
    return tuple(again for item in inputs for again in ([item, item] if item.indicator == entry else [item]))


def replaced(inputs: Sequence[Input], entry: str, **place: int) -> tuple[Input, ...]:
    """The inputs, that of an indicator taken from another leaf or position."""
    return tuple(item.model_copy(update=place) if item.indicator == entry else item for item in inputs)


Change = Callable[[Ticket], dict[str, Any]]


def _alarm(error: BaseException) -> None:
    raise AssertionError("the hostile coordinator broke down") from error
