"""What a department works with, in one place for those who work in its name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nodes.department.epoch_secrets import EpochSecrets
from nodes.department.outbox import Outbox
from nodes.department.store import RecordStore
from nodes.department.trust import ZoneTrust
from nodes.runtime.peers.identity import Identity


@dataclass(frozen=True, slots=True)
class Office:
    """What a department works with: who it is, what it trusts, its records and secrets, and where its answers go.

    ``window``: largest window of the encryption tables.
    """

    identity: Identity
    trust: ZoneTrust
    store: RecordStore
    outbox: Outbox
    secrets: EpochSecrets
    roster_key: bytes
    records_dir: Path
    window: int
