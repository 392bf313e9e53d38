"""What the page reads of the department's intake: its connectors and what they set aside. A port, so that the store behind it may change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from nodes.records.quarantine import Quarantine
from nodes.records.runner import Runner
from nodes.records.sources import Source


@dataclass(frozen=True, slots=True)
class SetAside:
    """One part of a delivery that waits for a person: its number (for ``quarantine dismiss``), where it was read, field and reason, what it said."""

    number: int
    connector: str
    delivery: str
    place: str
    field: str
    reason: str
    content: str


@dataclass(frozen=True, slots=True)
class Feed:
    """One connector: when it last ran (empty: never), where its source goes on, deliveries taken and refused, the last failure."""

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
class Records:
    """The intake over the department's records."""

    sources: Sequence[Source]
    runner: Runner
    quarantine: Quarantine

    def set_aside(self) -> Sequence[SetAside]:
        return [
            SetAside(part.id, part.origin.connector, part.origin.delivery, part.origin.place, part.field, part.reason, part.content)
            for part in self.quarantine.waiting()
        ]

    def feeds(self) -> Sequence[Feed]:
        where = {source.connector.id: source for source in self.sources}
        return [
            Feed(
                item.connector,
                where[item.connector].kind,
                where[item.connector].where,
                "" if item.last_at is None else f"{datetime.fromtimestamp(item.last_at, UTC):%Y-%m-%d %H:%M} UTC",
                item.cursor,
                item.deliveries,
                item.waiting,
                item.failure,
            )
            for item in self.runner.health()
        ]
