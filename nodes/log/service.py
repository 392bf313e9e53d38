"""The log's gRPC service: thin translation between messages and admission, sequencer, reader and witness rounds.

Callers are authenticated and their membership checked before every call and message (``nodes.runtime.peers.rpc``).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import grpc

from crypto.encoding import sha256
from crypto.errors import CryptoError
from nodes.errors import NodeError, NotFoundError, NotReadyError, RoleMissingError, WitnessDisagreesError
from nodes.log.admission import Admission
from nodes.log.publication import Publication, SignedHead, Waiter
from nodes.log.reader import Reader
from nodes.log.sequencer import Appended, Sequencer
from nodes.log.storage import Entry
from nodes.log.witnessing import Rounds, WitnessReply
from nodes.runtime import logging
from nodes.runtime.peers import tls
from nodes.runtime.peers.limits import RateLimit
from nodes.runtime.tracing import spans
from protos.errors import WireFormatError
from protos.v1 import log_pb2 as pb
from protos.v1 import log_pb2_grpc
from scoring.errors import ScoringError

UPDATE_BYTES = 1 << 20
REPLY_BYTES = 3 << 20
LARGEST_QUESTION = 1000
APPENDS_PER_MINUTE = 6000
WITNESS_JOINED = "witness.joined"
WITNESS_DISAGREED = "witness.disagreed"

_log = logging.logger("log")


class LogService(log_pb2_grpc.LogServicer):
    """Methods of ``xinqiao.v1.Log``; log.proto says what each means."""

    def __init__(
        self, admission: Admission, sequencer: Sequencer, reader: Reader, publication: Publication, rounds: Rounds, appends: RateLimit | None = None
    ) -> None:
        """``appends`` counts what each member appends by itself; the coordinator, which carries everybody's, counts them on its own."""
        self._appends = appends or RateLimit(APPENDS_PER_MINUTE, time.monotonic)
        self._admission, self._sequencer, self._reader = admission, sequencer, reader
        self._publication, self._rounds = publication, rounds

    def Append(self, request: pb.AppendRequest, context: grpc.ServicerContext) -> pb.AppendReply:
        """Log a statement. Raises as ``Admission.admit`` and ``Sequencer.append``; what is logged already gets its first answer."""
        caller = self._caller(context)
        if not self._admission.has_role(caller, "coordinator"):
            self._appends.take(caller)
        try:
            submission = self._admission.admit(caller, request.envelope, request.idempotency_key)
        except (CryptoError, ScoringError, NodeError):
            answer = self._first_answer(caller, request.envelope)
            if answer is None:
                raise
        else:
            answer = self._sequencer.append(submission)
        spans.note(leaf_index=answer.index)
        return pb.AppendReply(leaf=answer.leaf, leaf_index=answer.index)

    def Follow(self, request: pb.FollowRequest, context: grpc.ServicerContext) -> Iterator[pb.LogUpdate]:
        """Entries from ``from_index`` on, then new ones as they are published, until the caller hangs up. Raises WireFormatError when it
        starts beyond the log's end."""
        caller = self._caller(context)
        waiter = self._waiter(context)
        position, shown = request.from_index, b""
        if position > self._publication.signed.size:
            raise WireFormatError(f"the log has {self._publication.signed.size} leaves, not {position}")

        def stop(signed: SignedHead | None, witnessed: SignedHead | None) -> SignedHead | None:
            """The next head to stop at, the one being witnessed included, so that its cosignatures find the follower knowing its root."""
            ahead = [head for head in (witnessed, self._rounds.target, signed) if head is not None and head.size > position]
            if ahead:
                return min(ahead, key=lambda head: head.size)
            return witnessed if witnessed is not None and witnessed.note != shown else None

        while (head := self._publication.wait(waiter, stop)) is not None:
            if head.size <= position:
                yield pb.LogUpdate(checkpoint=head.note)
            while position < head.size:
                entries = self._reader.entries(position, head.size, UPDATE_BYTES)
                position += len(entries)
                yield self._update(caller, entries, head.note if position == head.size else b"")
            shown = head.note if head.witnessed else shown
        raise NotReadyError("the log is ending")

    def Witness(self, request_iterator: Iterator[pb.WitnessAnswer], context: grpc.ServicerContext) -> Iterator[pb.AddCheckpoint]:
        """Ask a witness for cosignatures, one question at a time, newest checkpoint first, until either side hangs up."""
        caller = self._caller(context)
        if not self._admission.has_role(caller, "witness"):
            raise RoleMissingError(f"{caller} is not a witness")
        waiter = self._waiter(context)
        hello = next(request_iterator, None)
        if hello is None or hello.request_id != 0:
            raise WireFormatError("a witness begins with its size, as request 0")
        try:
            yield from self._ask(caller, hello.size, request_iterator, waiter)
        except WitnessDisagreesError as error:
            _log.error(WITNESS_DISAGREED, witness=caller, detail=str(error))
            raise

    def Checkpoint(self, request: pb.CheckpointRequest, context: grpc.ServicerContext) -> pb.CheckpointReply:
        """The newest witnessed checkpoint, once it has ``min_size`` leaves. Raises NotReadyError when the log ends before."""
        head = self._publication.wait(
            self._waiter(context), lambda _signed, witnessed: witnessed if witnessed and witnessed.size >= request.min_size else None
        )
        if head is None:
            raise NotReadyError(f"no witnessed checkpoint of {request.min_size} leaves")
        return pb.CheckpointReply(checkpoint=head.note)

    def Prove(self, request: pb.ProveRequest, context: grpc.ServicerContext) -> pb.ProveReply:
        """Inclusion proofs in the tree of ``tree_size`` leaves. Raises MerkleError for an index or size beyond the signed tree."""
        _check_count(request.indices, "leaves")
        proofs = [pb.Proof(index=index, hashes=self._reader.inclusion_proof(index, request.tree_size)) for index in request.indices]
        return pb.ProveReply(proofs=proofs)

    def Envelopes(self, request: pb.EnvelopeRequest, context: grpc.ServicerContext) -> pb.EnvelopeReply:
        """Envelopes by digest, in the order asked. Raises NotFoundError when one is not there for this caller to read,
        WireFormatError when they are too large for one answer."""
        caller = self._caller(context)
        _check_count(request.digests, "envelopes")
        found: list[bytes] = []
        for digest in request.digests:
            entry = self._reader.entry_of(digest)
            if not self._admission.may_read(caller, entry):
                raise NotFoundError("no envelope with this digest is in the log")
            found.append(entry.envelope)
            if sum(map(len, found)) > REPLY_BYTES:
                raise WireFormatError(f"these envelopes have more than {REPLY_BYTES} bytes: ask for fewer at a time")
        return pb.EnvelopeReply(envelopes=found)

    def ReadTile(self, request: pb.ReadTileRequest, context: grpc.ServicerContext) -> pb.ReadTileReply:
        """What the static tree has at a path. Raises NotFoundError."""
        return pb.ReadTileReply(content=self._reader.read_path(request.path))

    def _update(self, caller: str, entries: Sequence[Entry], note: bytes) -> pb.LogUpdate:
        update = pb.LogUpdate(checkpoint=note)
        for entry in entries:
            envelope = entry.envelope if self._admission.may_read(caller, entry) else b""
            update.entries.add(index=entry.index, leaf=entry.leaf, envelope=envelope)
        return update

    def _ask(self, caller: str, size: int, answers: Iterator[pb.WitnessAnswer], waiter: Waiter) -> Iterator[pb.AddCheckpoint]:
        session = self._rounds.join(caller, size)
        _log.info(WITNESS_JOINED, witness=caller, size=size)
        while (asked := self._rounds.next_request(session, waiter)) is not None:
            yield pb.AddCheckpoint(request_id=asked.request_id, old_size=asked.old_size, proof=asked.proof, checkpoint=asked.note)
            answer = next(answers, None)
            if answer is None:
                return
            self._rounds.accept(session, WitnessReply(answer.request_id, answer.status, answer.size, answer.cosignature))
        raise NotReadyError("the log is ending")

    def _first_answer(self, caller: str, envelope: bytes) -> Appended | None:
        """Place of an envelope that the caller has a part in, whoever may submit it now."""
        try:
            entry = self._reader.entry_of(sha256(envelope))
        except NotFoundError:
            return None
        return Appended(entry.leaf, entry.index) if caller in entry.parties else None

    def _caller(self, context: grpc.ServicerContext) -> str:
        return tls.caller(context, self._admission.zone)

    def _waiter(self, context: grpc.ServicerContext) -> Waiter:
        waiter = self._publication.waiter()
        if not context.add_callback(waiter.cancel):
            waiter.cancel()
        return waiter


def _check_count(items: Sequence[object], what: str) -> None:
    if len(items) > LARGEST_QUESTION:
        raise WireFormatError(f"ask for at most {LARGEST_QUESTION} {what} at a time")
