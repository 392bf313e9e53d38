"""Calls to the coordinator by the members that dial it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator

from crypto.encoding import sha256
from nodes.errors import PeerUnavailableError, RpcRefusal
from nodes.runtime import logging
from nodes.runtime.database import of_the_machine
from nodes.runtime.peers import rpc, tls
from nodes.runtime.peers.absence import Absence
from nodes.runtime.peers.identity import Identity
from nodes.runtime.settings import Peer
from protos.errors import INTERNAL, refusal_of
from protos.v1 import exchange_pb2 as wire
from protos.v1 import exchange_pb2_grpc, federation_pb2, federation_pb2_grpc
from scoring.release.opening import SealedPartial

SUBMIT_TIMEOUT_S = 30.0
RELEASE_TIMEOUT_S = 40.0
UPLOAD_TIMEOUT_S = 120.0
UPLOAD_PART_BYTES = 512 << 10
PREPARE_TIMEOUT_S = 360.0
BULK_TIMEOUT_S = 1800.0
FOLLOW_TIMEOUT_S = 3600.0

ITEM_FAILED = "item.failed"
_log = logging.logger("exchange")


class ExchangeClient:
    """One channel to the zone's coordinator. Every method raises RpcRefusal and PeerUnavailableError."""

    def __init__(self, identity: Identity, peer: Peer) -> None:
        self._member = peer.member
        self._channel = tls.channel(identity, peer.address, peer.member)
        self._stub = exchange_pb2_grpc.ExchangeStub(self._channel)
        self._federation = federation_pb2_grpc.FederationStub(self._channel)
        self._work: rpc.Call[wire.WorkItem] | None = None

    def submit(self, envelope: bytes) -> wire.Receipt:
        """Have a signed statement judged and logged, once: the same bytes get the first answer."""
        return rpc.call(self._stub.Submit, wire.StatementRequest(envelope=envelope), timeout_s=SUBMIT_TIMEOUT_S)

    def contribute(self, envelope: bytes, ciphertexts: bytes) -> wire.Receipt:
        """Give a column or row: its envelope and fixed-width ciphertexts [P4.1]. The same bytes get the first answer."""

        def parts() -> Iterator[wire.ContributionPart]:
            yield wire.ContributionPart(envelope=envelope)
            for start in range(0, len(ciphertexts), UPLOAD_PART_BYTES):
                yield wire.ContributionPart(ciphertexts=ciphertexts[start : start + UPLOAD_PART_BYTES])

        return rpc.call(self._stub.Contribute, parts, timeout_s=UPLOAD_TIMEOUT_S)

    def publish(self, envelope: bytes, content: bytes) -> wire.Receipt:
        """Give a roster or stages document with the statement that names it. The same bytes get the first answer."""

        def parts() -> Iterator[wire.DocumentPart]:
            yield wire.DocumentPart(envelope=envelope)
            for start in range(0, len(content), UPLOAD_PART_BYTES):
                yield wire.DocumentPart(content=content[start : start + UPLOAD_PART_BYTES])

        return rpc.call(self._stub.PublishDocument, parts, timeout_s=UPLOAD_TIMEOUT_S)

    def release(self, request: bytes, subject: str) -> wire.ReleaseReply:
        """What a signed request comes to for ``subject``: a ticket with sealed partials, or that rows are awaited."""
        return rpc.call(self._stub.Release, wire.ReleaseRequest(request=request, subject=subject), timeout_s=RELEASE_TIMEOUT_S)

    def prepare(self, epoch: str, period: str, model: str) -> wire.PrepareReply:
        """Roster and stages of a coming epoch, once their owners have published them. ``model``: sha256 hex of the pack."""
        request = wire.PrepareRequest(epoch=epoch, period=period, model=bytes.fromhex(model))
        return rpc.call(self._stub.Prepare, request, timeout_s=PREPARE_TIMEOUT_S)

    def epoch_status(self, epoch: str) -> wire.EpochStatusReply:
        """Which columns an epoch expects, and which have come."""
        return rpc.call(self._stub.EpochStatus, wire.EpochStatusRequest(epoch=epoch), timeout_s=SUBMIT_TIMEOUT_S)

    def open_bulk(self, epoch: str) -> Iterator[wire.BulkPart]:
        """The closed epoch's tickets with their sealed partials, one by one. Asked again, it begins anew with the same tickets."""
        call: rpc.Call[wire.BulkPart] = rpc.stream(self._stub.OpenBulk, wire.BulkRequest(epoch=epoch), timeout_s=BULK_TIMEOUT_S)
        return iter(call)

    def fetch_blob(self, digest: str) -> bytes:
        """A document by its sha256, or a contribution's ciphertexts by its Merkle root (hex)."""
        parts: rpc.Call[wire.BlobPart] = rpc.stream(self._stub.FetchBlob, wire.BlobRequest(digest=bytes.fromhex(digest)), timeout_s=SUBMIT_TIMEOUT_S)
        return b"".join(part.content for part in parts)

    def relay(self, to: str, matter: str, sealed: bytes) -> None:
        """Have the member ``to`` given a sealed message, once for the same bytes."""
        request = wire.RelayRequest(to=to, subject_matter=matter, sealed=sealed, idempotency_key=sha256(sealed).hex())
        rpc.call(self._stub.Relay, request, timeout_s=SUBMIT_TIMEOUT_S)

    def submit_partials(self, parts: Iterable[wire.PartialsPart]) -> None:
        """Give a custodian's sealed partials of one ticket: all of its openings."""
        kept = list(parts)
        rpc.call(self._stub.SubmitPartials, lambda: iter(kept), timeout_s=SUBMIT_TIMEOUT_S)

    def refuse_ticket(self, ticket: str, reason: str, leaf_index: int) -> None:
        """Tell that a custodian refuses a ticket (digest, hex); its signed refusal is at ``leaf_index``."""
        request = wire.CustodianRefusal(ticket=bytes.fromhex(ticket), reason=reason, leaf_index=leaf_index)
        rpc.call(self._stub.RefuseTicket, request, timeout_s=SUBMIT_TIMEOUT_S)

    def more_partials(self, ticket: str) -> list[SealedPartial]:
        """Everything that custodians answer to a ticket (digest, hex) of ours, when what we got does not open."""
        request = wire.PartialsRequest(ticket=bytes.fromhex(ticket))
        call: rpc.Call[wire.CustodianPartial] = rpc.stream(self._stub.MorePartials, request, timeout_s=RELEASE_TIMEOUT_S)
        return [SealedPartial(item.custodian, item.opening, item.enc, item.ciphertext, item.generation) for item in call]

    def proofs(self, demand: str) -> list[bytes]:
        """Envelopes of the logged proofs that answer our demand (digest, hex)."""
        return list(rpc.call(self._stub.Proofs, wire.ProofsRequest(demand=bytes.fromhex(demand)), timeout_s=SUBMIT_TIMEOUT_S).envelopes)

    def follow_work(
        self, after: Callable[[], int], handle: Callable[[wire.WorkItem], None], stop: threading.Event, skip: Callable[[int], None]
    ) -> None:
        """Give ``handle`` each work item after cursor ``after()`` until ``stop`` is set and ``cancel`` called; reconnects with growing pauses.

        ``handle`` must have made its effect and the cursor durable when it returns. Where it raises PeerUnavailableError or RpcRefusal
        the item comes again. An item at which it fails as no row of the catalogue foresees is told in the log and passed over: ``skip(seq)``
        makes the cursor durable, since else one member's item would end the process at every start. Anything else ends the loop.
        """
        absence = Absence(_log, self._member, stop)
        while not stop.is_set():
            try:
                call: rpc.Call[wire.WorkItem] = rpc.stream(self._stub.FollowWork, wire.WorkCursor(after=after()), timeout_s=FOLLOW_TIMEOUT_S)
                self._work = call
                if stop.is_set():
                    call.cancel()
                for item in call:
                    if item.WhichOneof("work") != "heartbeat":
                        _survive(handle, item, skip)
                    absence.over()
            except (PeerUnavailableError, RpcRefusal) as error:
                absence.lost(error)

    def offer(self, kind: str, name: str, content: bytes) -> int:
        """Put an item for peer zones into the outbox; its number, the first one where these bytes are there already [F4]."""
        request = federation_pb2.OfferRequest(kind=kind, name=name, content=content)
        return int(rpc.call(self._federation.Offer, request, timeout_s=SUBMIT_TIMEOUT_S).sequence)

    def cancel(self) -> None:
        """End a running ``follow_work``, from any thread, after its ``stop`` was set."""
        if self._work is not None:
            self._work.cancel()

    def close(self) -> None:
        """End the channel; calls that run fail."""
        self._channel.close()


def _survive(handle: Callable[[wire.WorkItem], None], item: wire.WorkItem, skip: Callable[[int], None]) -> None:
    try:
        handle(item)
    except Exception as error:
        if of_the_machine(error) or isinstance(error, RpcRefusal) or refusal_of(error) is not INTERNAL:
            raise
        _log.error(ITEM_FAILED, seq=item.seq, work=item.WhichOneof("work"), error=type(error).__name__, where=logging.where(error))
        skip(item.seq)
