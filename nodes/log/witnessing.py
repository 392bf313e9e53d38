"""Having checkpoints witnessed: rounds over the witnesses' own outgoing streams, with the semantics of C2SP tlog-witness [L5].

A round asks every connected witness to cosign one checkpoint and ends when enough have; the next round takes the newest head, so
that slow witnesses are asked for fewer checkpoints, not later ones. No timer. The transport is ``nodes.log.service``.

A witness that says it is beyond a round's checkpoint cannot be asked for it, and proves nothing by saying so: the round goes on with the others,
and gives way to the newest head only when it has been open for ``PATIENCE_S``. Else one liar could begin rounds faster than others answer.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from crypto import notes
from crypto.checkpoint import check_witnessed
from crypto.errors import NoteError
from crypto.notes import Note, VerifierKey, parse_note, parse_signatures, parse_vkey
from nodes.errors import WitnessDisagreesError
from nodes.log.publication import Publication, SignedHead, Waiter
from protos.errors import WireFormatError

OK, CONFLICT = 200, 409
PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class WitnessRequest:
    """add-checkpoint of tlog-witness: the consistency proof leads from ``old_size`` to the note's tree."""

    request_id: int
    old_size: int
    proof: Sequence[bytes]
    note: bytes


@dataclass(frozen=True, slots=True)
class WitnessReply:
    """A witness's answer: tlog-witness status, its own size (409), signature lines (200)."""

    request_id: int
    status: int
    size: int
    cosignature: bytes


class Session:
    """One connected witness: the size that it knows, and what it was asked last."""

    def __init__(self, name: str, size: int) -> None:
        self.name, self.size = name, size
        self.requests = 0
        self.asked: SignedHead | None = None  # waiting for its answer
        self.cosigned = -1  # size of the last target it cosigned in this session


class Rounds:
    """Collects cosignatures under a policy of ``required`` of ``vkeys`` and publishes each sufficiently witnessed note.

    ``save`` makes a witnessed note durable before it is shown. ``further``: keys whose lines are shown too, but count for nothing: those of
    peers that joined after genesis [F6]. Thread-safe: one thread a session.
    """

    def __init__(
        self,
        publication: Publication,
        vkeys: Sequence[str],
        required: int,
        prove: Callable[[int, int], Sequence[bytes]],
        save: Callable[[bytes], None],
        further: Callable[[], Sequence[str]] = tuple,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._publication, self._required, self._prove, self._save, self._further = publication, required, prove, save, further
        self._keys = [parse_vkey(line) for line in vkeys]
        self._lock, self._monotonic = threading.Lock(), monotonic
        self._target: SignedHead | None = None
        self._begun = 0.0  # when the target was set
        self._lines: dict[VerifierKey, bytes] = {}

    @property
    def target(self) -> SignedHead | None:
        """The head that the present round has witnessed, or is having witnessed."""
        with self._lock:
            return self._target

    def join(self, name: str, size: int) -> Session:
        """A session for a witness that says it last cosigned ``size`` leaves. Raises WitnessDisagreesError when that is beyond the log."""
        session = Session(name, size)
        self._check_not_ahead(session, size)
        self._publication.wake()
        return session

    def next_request(self, session: Session, waiter: Waiter) -> WitnessRequest | None:
        """What to ask this witness next, once there is something; None when the waiter is cancelled or the log ends."""
        head = self._publication.wait(waiter, lambda signed, _witnessed: self._due(session, signed))
        if head is None:
            return None
        session.asked = head
        session.requests += 1
        return WitnessRequest(session.requests, session.size, self._prove(session.size, head.size), head.note)

    def accept(self, session: Session, reply: WitnessReply) -> None:
        """Take a witness's answer; publishes when it completes the policy.

        Raises WireFormatError for an answer to no question, WitnessDisagreesError when it refuses the checkpoint (it holds another
        history, or rejects proof or signature) or its cosignature does not verify.
        """
        head = session.asked
        if head is None or reply.request_id != session.requests:
            raise WireFormatError(f"{session.name} answers request {reply.request_id}, which does not wait for an answer")
        session.asked = None
        if reply.status == CONFLICT and reply.size != session.size:
            self._check_not_ahead(session, reply.size)
            session.size = reply.size
            return
        if reply.status != OK:
            raise WitnessDisagreesError(f"{session.name} answered {reply.status} to the checkpoint of size {head.size}")
        lines = self._verified_lines(session, head, reply.cosignature)
        session.size = session.cosigned = head.size
        note = self._add(head, lines)
        if note is not None:
            self._save(note)
            self._publication.publish_witnessed(SignedHead(head.size, head.root, note, witnessed=True))

    def _due(self, session: Session, signed: SignedHead | None) -> SignedHead | None:
        """The round's target if this witness has yet to be asked for it; begins the next round when one is due."""
        if session.asked is not None or signed is None:
            return None
        with self._lock:
            target = self._target
            complete = self._count() >= self._required
            in_vain = target is not None and session.size > target.size and self._monotonic() - self._begun >= PATIENCE_S
            if target is None or (signed.size > target.size and (complete or in_vain)):
                self._target, self._lines, self._begun = signed, {}, self._monotonic()
                target = signed
            return None if session.cosigned == target.size or session.size > target.size else target

    def _add(self, head: SignedHead, lines: dict[VerifierKey, bytes]) -> bytes | None:
        """The note with all cosignatures so far, once they are enough; None before, and when the round is over."""
        with self._lock:
            if self._target is None or self._target.size != head.size:
                return None
            self._lines.update(lines)
            if self._count() < self._required:
                return None
            counted = [key for key in self._keys if key in self._lines]
            return self._target.note + b"".join(self._lines[key] for key in dict.fromkeys((*counted, *self._lines)))

    def _count(self) -> int:
        """How many of the policy's witnesses have cosigned the target."""
        return sum(key in self._lines for key in self._keys)

    def _verified_lines(self, session: Session, head: SignedHead, cosignature: bytes) -> dict[VerifierKey, bytes]:
        try:
            signatures = parse_signatures(cosignature)
            verified = notes.verified(Note(parse_note(head.note).text, signatures), [*self._keys, *map(parse_vkey, self._further())])
        except NoteError as error:
            raise WitnessDisagreesError(f"{session.name}: {error}") from error
        if not verified:
            raise WitnessDisagreesError(f"{session.name} signed with no key of the witness policy, nor of a peer zone's witness")
        return {key: _line(signatures, key) for key in verified}

    def _check_not_ahead(self, session: Session, size: int) -> None:
        ours = self._publication.signed.size
        if size > ours:
            raise WitnessDisagreesError(f"{session.name} has cosigned {size} leaves, the log has {ours}: one of the two lost its history")


def restore(
    publication: Publication, note: bytes | None, log_vkey: str, vkeys: Sequence[str], required: int, root_at: Callable[[int], bytes]
) -> None:
    """Show the witnessed checkpoint saved before a restart. Raises NoteError when it does not meet the policy, or is not of this tree."""
    if note is None:
        return
    witnessed = check_witnessed(note, log_vkey, vkeys, required)
    if witnessed.size > publication.signed.size or root_at(witnessed.size) != witnessed.root:
        raise NoteError(f"the saved checkpoint of size {witnessed.size} is not of this tree")
    publication.publish_witnessed(SignedHead(witnessed.size, witnessed.root, note, witnessed=True))


def _line(signatures: Sequence[notes.NoteSignature], key: VerifierKey) -> bytes:
    """The newest line of ``key``, all of whose lines verified."""
    own = [item for item in signatures if (item.name, item.key_id) == (key.name, key.key_id)]
    return max(own, key=lambda item: item.signature[:8]).to_line()
