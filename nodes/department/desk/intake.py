"""What the page reads of the department's intake: its connectors and what they set aside. A port, so that the store behind it may change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from nodes.department.store import RecordStore


@dataclass(frozen=True, slots=True)
class SetAside:
    """One part of a delivery that waits for a person: where it was read, the field and reason, what it said."""

    connector: str
    delivery: str
    place: str
    field: str
    reason: str
    content: str


@dataclass(frozen=True, slots=True)
class Feed:
    """One connector: when it last ran (ISO time, empty: never), where its source goes on, deliveries taken and refused, the last failure."""

    id: str
    kind: str
    source: str
    last_run: str
    cursor: str
    deliveries: int
    set_aside: int
    failure: str


class Intake(Protocol):
    """The department's intake, read only."""

    def set_aside(self) -> Sequence[SetAside]:
        """Everything that waits in quarantine, oldest first."""
        ...

    def feeds(self) -> Sequence[Feed]:
        """Every way in, by name."""
        ...


@dataclass(frozen=True, slots=True)
class DropFolder:
    """The intake of a department that has a drop folder and nothing else."""

    store: RecordStore
    folder: Path

    def set_aside(self) -> Sequence[SetAside]:
        return [SetAside("drop-folder", item.source, str(item.line or ""), "", item.reason, item.content) for item in self.store.quarantined()]

    def feeds(self) -> Sequence[Feed]:
        return [Feed("drop-folder", "csv", str(self.folder), "", "", 0, len(self.store.quarantined()), "")]
