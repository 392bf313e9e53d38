"""Comparing heads: what the log shows to others must be what it shows to us [L5].

Every custodian, auditor and peer zone's node posts the newest checkpoint that it has, signed by itself, and holds everybody else's against
its own copy of the log; so it does with notes that another one's witness or mirror kept. Two roots at one size, both signed by the log, are a
split: both notes are kept as evidence, and nothing is opened until people have looked at them. A head that is beyond ours is waited for. Heads
that are missing, which is all that whoever passes them on can bring about, are reported, and beyond a limit they stop releases too.
"""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from crypto import merkle
from crypto.checkpoint import Checkpoint, open_checkpoint
from crypto.encoding import canonical_json, sha256
from crypto.errors import CryptoError
from crypto.statements import check_signature, parse_envelope
from nodes.errors import HeadsMissingError, LogSplitError, NotReadyError
from nodes.runtime import logging
from nodes.runtime.clock import Clock
from nodes.runtime.files import make_private_directory, write_private
from nodes.runtime.notices.heard import SAVE_S, Heard
from nodes.runtime.replica.store import LogReplica
from scoring.custody.planning import SILENCE_S, heads_needed
from scoring.errors import ScoringError
from scoring.exchange.registry import MemberRegistry
from scoring.exchange.view import verify_key
from scoring.statements import Head, Split, parse_statement

POSTERS = frozenset({"custodian", "auditor", "peer"})
CLOCKS_S = 120  # that another's clock may be ahead of ours: more than for requests, since nothing is opened on the strength of it
SPLIT_FILE = "split.json"
MOST_SHOWN = 64
MOST_COMPARED = 16  # of one member in a turn: a root of the past is hashed from up to a thousand leaves
MOST_AGREED = 4096
S = TypeVar("S", Head, Split)

_log = logging.logger("heads")


@dataclass(frozen=True, slots=True)
class HeadLimits:
    """Seconds: ``report_s`` until a missing head is reported, ``lag_s`` that another's head may be beyond ours, ``silence_s`` that too few
    custodians may be heard of before releases stop."""

    report_s: int = 120
    lag_s: int = 60
    silence_s: int = SILENCE_S


@dataclass(frozen=True, slots=True)
class _Ahead:
    """A head beyond our own copy, since when it is known here."""

    checkpoint: Checkpoint
    note: str
    time: int
    since: int


class HasRegistry(Protocol):
    """What knows a zone's members."""

    @property
    def registry(self) -> MemberRegistry: ...


class Members(Protocol):
    """The zone's members, held still while they are read: the replayed ``Zone``, or less of it."""

    def reading(self) -> AbstractContextManager[HasRegistry]: ...


class HeadComparison:
    """Others' heads beside those of ``replica``. ``directory`` keeps who was heard of when, and the evidence of a split. Thread-safe."""

    def __init__(self, zone: Members, replica: LogReplica, member: str, directory: Path, now: Clock, limits: HeadLimits) -> None:
        self._zone, self._replica, self._member, self._now, self._limits = zone, replica, member, now, limits
        self._directory = make_private_directory(directory)
        self._lock = threading.RLock()
        self._ahead: dict[str, _Ahead] = {}
        self._shown: dict[tuple[int, bytes], tuple[str, _Ahead]] = {}  # notes beyond our copy that a member kept of two histories, by size and root
        self._agreed: dict[tuple[int, bytes], None] = {}  # notes shown that are of our history, the oldest first: they are shown again each turn
        self._compared = Counter[str]()  # heads and notes of each member in this turn
        self._missing: set[str] = set()
        self._split = (directory / SPLIT_FILE).exists()
        self._heard = Heard(self._directory, now)

    @property
    def split(self) -> bool:
        """Whether two histories were found, now or before a restart."""
        with self._lock:
            return self._split

    def take(self, raw: bytes) -> Head | None:
        """Compare a posted head; None for what is none, or is not signed by its member now. Does not raise for what others post."""
        try:
            head, log_vkey = self._authentic(raw, Head)
            checkpoint = open_checkpoint(head.checkpoint.encode(), log_vkey)
        except (CryptoError, ScoringError) as error:
            _log.info(logging.HEAD_INVALID, error=str(error))
            return None
        with self._lock:
            if head.time > self._heard.at(head.member) and self._may_compare(head.member):
                self._compare(head.member, _Ahead(checkpoint, head.checkpoint, head.time, self._now()))
        return head

    def take_split(self, raw: bytes) -> None:
        """Hold notes that a member kept of two histories against our copy: of many, some in each turn. It is not believed, the log's signature on
        each is. Does not raise."""
        try:
            split, log_vkey = self._authentic(raw, Split)
            notes = [(open_checkpoint(note.encode(), log_vkey), note) for note in split.notes]
        except (CryptoError, ScoringError) as error:
            _log.info(logging.HEAD_INVALID, error=str(error))
            return
        with self._lock:
            for checkpoint, note in notes:
                key = checkpoint.size, checkpoint.root
                if key not in self._agreed and key not in self._shown and len(self._shown) < MOST_SHOWN and self._may_compare(split.member):
                    self._shown[key] = split.member, _Ahead(checkpoint, note, self._now(), self._now())
            self._hold_shown()

    def turn(self) -> None:
        """Compare what was beyond our copy and no longer is, and report who is missing and who is back. Once a round of notices."""
        with self._lock:
            self._compared.clear()
            self._hold_shown()
            for member, ahead in list(self._ahead.items()):
                self._compare(member, ahead)
            now = self._now()
            for member in self._expected(POSTERS):
                gone = now - self._heard.last(member) > self._limits.report_s
                if gone != (member in self._missing):
                    report, event = (_log.warning, logging.HEAD_MISSING) if gone else (_log.info, logging.HEAD_RETURNED)
                    report(event, member=member, last_heard=self._heard.at(member))
                    (self._missing.add if gone else self._missing.discard)(member)
            self._heard.save(SAVE_S)

    def check(self) -> None:
        """Nothing speaks against opening: no split, no head long beyond ours, and enough custodians heard of.

        Raises LogSplitError; NotReadyError while our copy is behind another's; HeadsMissingError.
        """
        with self._lock:
            if self._split:
                raise LogSplitError(f"the log showed two histories: see {self._directory}")
            now = self._now()
            for member, ahead in (*self._ahead.items(), *self._shown.values()):
                if now - ahead.since > self._limits.lag_s:
                    raise NotReadyError(f"{member} has {ahead.checkpoint.size} leaves of the log, we have {self._replica.head.size}")
            silent = [member for member in self._custodians() if now - self._heard.last(member) > self._limits.silence_s]
            heard = len(self._custodians()) - len(silent)
            if heard < self._needed():
                raise HeadsMissingError(f"heads of {heard} other custodians are known, {self._needed()} are needed; missing: {', '.join(silent)}")

    # --- comparing ---

    def _authentic(self, raw: bytes, kind: type[S]) -> tuple[S, str]:
        """What a member posted, and the key of the log whose notes are in it. Raises unless the member itself signed it."""
        envelope = parse_envelope(raw)
        said = parse_statement(envelope.payload_type, envelope.payload)
        if not isinstance(said, kind):
            raise ScoringError(f"a {said.kind} is no {kind.kind}")
        with self._zone.reading() as view:
            signer = view.registry.key(envelope.key_ids[0])
            genesis = view.registry.genesis
        if signer.member.id != said.member or said.zone != genesis.zone or not POSTERS & set(signer.member.roles):
            raise ScoringError(f"a {said.kind} of {said.member} is signed by {signer.member.id}")
        check_signature(envelope, verify_key(signer.key))
        if isinstance(said, Head) and said.time > self._now() + CLOCKS_S:
            raise ScoringError(f"the head of {said.member} is from the future")
        return said, genesis.log_vkey

    def _hold_shown(self) -> None:
        """Compare the notes shown of two histories that our copy reaches by now."""
        for key, (member, said) in list(self._shown.items()):
            if said.checkpoint.size > self._replica.head.size:
                continue
            root = self._replica.root_at(said.checkpoint.size)
            if root != said.checkpoint.root:
                self._keep_split(member, said, root)
            else:
                self._agreed[key] = None
            del self._shown[key]
        while len(self._agreed) > MOST_AGREED:
            del self._agreed[next(iter(self._agreed))]

    def _may_compare(self, member: str) -> bool:
        """Whether something more of the member is compared in this turn: a flood of one member's holds up nobody else's, nor releases."""
        self._compared[member] += 1
        return self._compared[member] <= MOST_COMPARED

    def _compare(self, member: str, said: _Ahead) -> None:
        checkpoint, here = said.checkpoint, self._replica.head
        if checkpoint.size > here.size:
            self._ahead.setdefault(member, said)
            return
        root = self._replica.root_at(checkpoint.size)
        if root != checkpoint.root:
            self._keep_split(member, said, root)
            return
        if member in self._ahead and checkpoint.size >= self._ahead[member].checkpoint.size:
            del self._ahead[member]
        self._heard.heard(member, said.time)

    def _keep_split(self, member: str, said: _Ahead, root: bytes) -> None:
        """Evidence first, alarm second: the two notes, and how ours continues the tree that theirs contradicts."""
        if self._split:
            return
        here, size = self._replica.head, said.checkpoint.size
        notes = {f"{sha256(note).hex()[:16]}.note": note for note in (here.note, said.note.encode())}
        tree = merkle.MemoryTree(entry.leaf for entry in self._replica.entries(0, here.size))
        document = {
            "peer": member, "size": size, "root_here": root.hex(), "root_there": said.checkpoint.root.hex(), "notes": list(notes),
            "continued_to": here.size, "consistency_proof": [item.hex() for item in merkle.consistency_proof(size, here.size, tree.hashes)],
        }  # fmt: skip
        for name, note in notes.items():
            write_private(self._directory / name, note)
        write_private(self._directory / SPLIT_FILE, canonical_json(document))
        self._split = True
        _log.error(logging.LOG_SPLIT, evidence=str(self._directory), **{key: value for key, value in document.items() if key != "consistency_proof"})

    # --- who is expected ---

    def _expected(self, roles: frozenset[str]) -> list[str]:
        with self._zone.reading() as view:
            return [name for name, member in sorted(view.registry.members.items()) if roles & set(member.roles) and name != self._member]

    def _custodians(self) -> list[str]:
        with self._zone.reading() as view:
            return sorted(view.registry.approvers - {self._member})

    def _needed(self) -> int:
        with self._zone.reading() as view:
            custodians, threshold = view.registry.approvers, view.registry.threshold
        return heads_needed(len(custodians), threshold) if self._member in custodians else 0
