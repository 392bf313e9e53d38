"""A witness of one log: judges add-checkpoint requests with the semantics of C2SP tlog-witness, over a stream that it opens itself.

The log cannot show two histories to whoever believes only witnessed checkpoints, as long as enough witnesses remember what they
cosigned. So a cosignature leaves only after the head that it stands for is on disk, and every head follows from the one before [L5].
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from crypto import merkle, notes
from crypto.checkpoint import Checkpoint, cosign, parse_checkpoint
from crypto.errors import MerkleError, NoteError
from crypto.notes import Signs, parse_note, parse_vkey
from nodes.auditor.witness_state import WitnessHead, WitnessState
from nodes.errors import PeerUnavailableError, RpcRefusal
from nodes.runtime import logging
from nodes.runtime.clock import Clock
from nodes.runtime.peers import rpc, tls
from nodes.runtime.peers.absence import Absence
from nodes.runtime.peers.identity import Identity
from nodes.runtime.process import Process
from nodes.runtime.settings import Peer
from protos.v1 import log_pb2, log_pb2_grpc

OK, MALFORMED, FORBIDDEN, UNKNOWN_LOG, CONFLICT, UNPROVEN = 200, 400, 403, 404, 409, 422
STREAM_TIMEOUT_S = 3600.0
CHECKPOINT_COSIGNED = "checkpoint.cosigned"
CHECKPOINT_REJECTED = "checkpoint.rejected"
FORK_SUSPECTED = "fork.suspected"

_log = logging.logger("witness")


@dataclass(frozen=True, slots=True)
class Answer:
    """Status of tlog-witness; with 409 the witness's own size, with 200 that size and a signature line."""

    status: int
    size: int = 0
    cosignature: bytes = b""


class _Rejected(Exception):
    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Witness:
    """Cosigns checkpoints of the log whose key is ``log_vkey``. One thread calls ``add``.

    ``signer`` signs with a cosignature/v1 key (type 0x04); ``now`` gives the time of cosignatures. ``on_fork`` is told, after the notes are kept,
    that the log asked for a cosignature of another history.
    """

    def __init__(self, log_vkey: str, signer: Signs, state: WitnessState, now: Clock, on_fork: Callable[[], None] = lambda: None) -> None:
        self._log_key, self._signer, self._state, self._now, self._on_fork = parse_vkey(log_vkey), signer, state, now, on_fork

    @property
    def size(self) -> int:
        """Size of the newest cosigned tree; 0 at first."""
        return self._state.head.size

    def add(self, old_size: int, proof: Sequence[bytes], note: bytes) -> Answer:
        """Answer to add-checkpoint: 200 with a cosignature, once the new head is durable, or why not.

        400: not a checkpoint, or smaller than ``old_size``; 403: not signed by the log; 404: another log; 409: ``old_size`` is not the
        witness's, or the same size has another root; 422: the proof does not lead from the old tree to the new one.
        """
        try:
            checkpoint = self._authentic(note)
            self._check_follows(old_size, proof, checkpoint, note)
        except _Rejected as rejected:
            _log.warning(CHECKPOINT_REJECTED, status=rejected.status, why=str(rejected), size=self.size)
            return Answer(rejected.status, self.size if rejected.status == CONFLICT else 0)
        if checkpoint.size > self.size:
            self._state.store(WitnessHead(checkpoint.size, checkpoint.root, note))
        _log.debug(CHECKPOINT_COSIGNED, size=checkpoint.size)
        return Answer(OK, checkpoint.size, cosign(note, self._signer, self._now()))

    def _authentic(self, note: bytes) -> Checkpoint:
        try:
            parsed = parse_note(note)
            checkpoint = parse_checkpoint(parsed.text)
        except NoteError as error:
            raise _Rejected(MALFORMED, str(error)) from error
        if checkpoint.origin != self._log_key.name:
            raise _Rejected(UNKNOWN_LOG, "the checkpoint is of another log")
        try:
            signed = notes.verified(parsed, [self._log_key])
        except NoteError as error:
            raise _Rejected(FORBIDDEN, str(error)) from error
        if not signed:
            raise _Rejected(FORBIDDEN, "the log's key did not sign the checkpoint")
        return checkpoint

    def _check_follows(self, old_size: int, proof: Sequence[bytes], checkpoint: Checkpoint, note: bytes) -> None:
        head = self._state.head
        if old_size > checkpoint.size:
            raise _Rejected(MALFORMED, f"the checkpoint has {checkpoint.size} leaves, fewer than the old size {old_size}")
        if old_size != head.size:
            raise _Rejected(CONFLICT, f"the log thinks of {old_size} leaves")
        if checkpoint.size == head.size and checkpoint.root != head.root:
            self._suspect(checkpoint, note)
            raise _Rejected(CONFLICT, f"the log signed two roots of {head.size} leaves")
        try:
            merkle.check_consistency(head.size, checkpoint.size, proof, head.root, checkpoint.root)
        except MerkleError as error:
            self._suspect(checkpoint, note)
            raise _Rejected(UNPROVEN, str(error)) from error

    def _suspect(self, checkpoint: Checkpoint, note: bytes) -> None:
        kept = self._state.keep_evidence(*(item for item in (self._state.head.note, note) if item))
        _log.error(FORK_SUSPECTED, cosigned=self.size, offered=checkpoint.size, evidence_kept=kept)
        self._on_fork()


class WitnessClient:
    """Keeps a stream to the log open and answers what comes down it; connects again with growing pauses."""

    def __init__(self, identity: Identity, peer: Peer, witness: Witness) -> None:
        self._identity, self._peer, self._witness = identity, peer, witness
        self._stop = threading.Event()
        self._call: rpc.Call[log_pb2.AddCheckpoint] | None = None

    def attach(self, process: Process) -> None:
        """Witness in a worker of ``process`` for as long as it runs."""
        self._stop = process.stopping
        process.on_stop(self.cancel)
        process.worker("witness", self.run)

    def cancel(self) -> None:
        """End ``run``, from any thread."""
        self._stop.set()
        if self._call is not None:
            self._call.cancel()

    def run(self) -> None:
        """Witness until cancelled. Raises OSError when a head cannot be stored: nothing is cosigned after that."""
        absence = Absence(_log, self._peer.member, self._stop)
        with tls.channel(self._identity, self._peer.address, self._peer.member) as channel:
            stub = log_pb2_grpc.LogStub(channel)
            while not self._stop.is_set():
                try:
                    self._serve(stub, absence)
                except (PeerUnavailableError, RpcRefusal) as error:
                    absence.lost(error)
                else:
                    absence.pause()

    def _serve(self, stub: log_pb2_grpc.LogStub, absence: Absence) -> None:
        answers: queue.SimpleQueue[log_pb2.WitnessAnswer | None] = queue.SimpleQueue()
        answers.put(log_pb2.WitnessAnswer(size=self._witness.size))
        call: rpc.Call[log_pb2.AddCheckpoint] = rpc.stream(stub.Witness, iter(answers.get, None), timeout_s=STREAM_TIMEOUT_S)
        self._call = call
        if self._stop.is_set():
            call.cancel()
        try:
            for asked in call:
                answer = self._witness.add(asked.old_size, asked.proof, asked.checkpoint)
                if answer.status == OK:
                    absence.over()
                answers.put(
                    log_pb2.WitnessAnswer(request_id=asked.request_id, status=answer.status, size=answer.size, cosignature=answer.cosignature)
                )
        finally:
            answers.put(None)
