"""A custodian that compares heads, with its own copy of a log, and what others post: heads, notes, another history."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crypto.checkpoint import Checkpoint, sign_checkpoint
from crypto.merkle import root
from nodes.runtime.notices.heads import HeadComparison, HeadLimits
from nodes.runtime.peers.identity import log_name
from nodes.runtime.peers.signing import fresh_nonce
from nodes.runtime.replica.store import Entry, LogReplica
from scoring.statements import Head, Refusal, Split
from tests.support.databases import database_in
from tests.support.exchange import HeldZone
from tests.support.ledger import START, Ledger
from tests.support.members import CUSTODIANS, ZONE

US, OTHER, THIRD = CUSTODIANS
LIMITS = HeadLimits(report_s=120, lag_s=60, silence_s=600)


@dataclass
class Place:
    """One custodian with its copy of ``ledger``'s log, and a clock of its own."""

    ledger: Ledger
    directory: Path
    now: int = START + 1000
    heads: HeadComparison = field(init=False)

    def __post_init__(self) -> None:
        engine = database_in(self.directory / "state", "replica")
        self.replica = LogReplica(engine, self.directory / "state", self.ledger.log_signer.key.to_vkey())
        self.follow()
        self.restart()

    def restart(self) -> None:
        self.heads = HeadComparison(HeldZone(self.ledger.view), self.replica, US, self.directory / "heads", lambda: self.now, LIMITS)

    def follow(self, count: int | None = None) -> None:
        """Take the ledger's entries up to ``count`` into the copy, under a checkpoint."""
        end = len(self.ledger.entries) if count is None else count
        entries = [Entry(index, *self.ledger.entries[index]) for index in range(self.replica.next_index(), end)]
        self.replica.accept(entries, note(self.ledger, end))

    def head(self, member: str, ledger: Ledger | None = None, size: int | None = None, **changes: Any) -> bytes:
        """A head of ``member``, by what the log shows it in ``ledger``."""
        shown = ledger or self.ledger
        checkpoint = note(shown, len(shown.entries) if size is None else size).decode()
        said = {"zone": ZONE, "nonce": fresh_nonce(), "member": member, "time": self.now, "checkpoint": checkpoint}
        return self.ledger.envelope(Head.model_validate({**said, **changes}), member)

    def split(self, member: str, *notes: bytes, signer: str = "") -> bytes:
        """Notes that ``member`` shows."""
        said = Split(zone=ZONE, nonce=fresh_nonce(), member=member, notes=tuple(item.decode() for item in notes))
        return self.ledger.envelope(said, signer or member)

    def hear_all(self) -> None:
        """The heads of both others arrive."""
        for member in (OTHER, THIRD):
            self.heads.take(self.head(member))


def note(ledger: Ledger, size: int) -> bytes:
    """The checkpoint of the first ``size`` leaves, under the log's own signature."""
    leaves = [leaf for leaf, _ in ledger.entries[:size]]
    return sign_checkpoint(Checkpoint(log_name(ZONE), size, root(leaves)), ledger.log_signer)


def refuse(ledger: Ledger, count: int = 1) -> None:
    """Log so many small statements."""
    for _ in range(count):
        ledger.say(Refusal(zone=ZONE, nonce=fresh_nonce(), member="bank-a", reason="NOT_READY"), "bank-a")


def forked(place: Place, common: int = 2) -> Ledger:
    """What the log shows to somebody else: the same beginning, then another history of the same size, and one leaf more."""
    other, size = place.ledger.fork(), len(place.ledger.entries)
    refuse(other, size)
    other.entries = [*other.entries[:common], *other.entries[size:]][: size + 1]
    return other
