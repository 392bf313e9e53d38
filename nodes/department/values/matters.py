"""What waits to be settled, what was said of it so far, and the record that an approved filing becomes [V2, V3]."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from connectors.records import Malformed, Origin, Record
from connectors.records import Outcome as Taken
from crypto.encoding import canonical_json, sha256
from nodes.department.values.settlements import OUTCOMES, MatterKind, Outcome, Settlement, matter_of
from scoring.lifecycle import Filing

SELF_FILED = "self-filed"  # the connector that approved filings are recorded under


@dataclass(frozen=True, slots=True)
class Matter:
    """What waits to be settled. ``value``: what is disputed, or filed; ``due``: until when (0: no deadline); ``note``: what the enterprise says;
    ``filing``: number of the filing, 0 for a dispute; ``words``: what persons in force have signed about it."""

    kind: MatterKind
    uscc: str
    period: str
    field: str
    value: str
    version: str
    since: int
    due: int
    note: str
    filing: int
    words: tuple[Settlement, ...] = ()

    @property
    def id(self) -> str:
        """The name of the matter, 64 hex digits."""
        return matter_of(self.kind, self.uscc, self.period, self.field, self.version, self.since, self.filing)

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """How it may end, but for a correction of the record."""
        return OUTCOMES[self.kind]

    def overdue(self, now: int) -> bool:
        """Whether its deadline has passed."""
        return 0 < self.due < now


@dataclass(frozen=True, slots=True)
class Said:
    """What a source said of one field of a record, since when it holds (ISO date), when it was recorded (Unix time) and where it was read."""

    value: str
    valid_from: str
    recorded_at: int
    origin: Origin


@dataclass(frozen=True, slots=True)
class FiledDelivery:
    """An approved filing as a delivery of one record."""

    number: int
    uscc: str
    period: str
    filing: Filing

    @property
    def name(self) -> str:
        return f"filing {self.number}"

    @property
    def digest(self) -> str:
        return sha256(canonical_json([self.number, self.uscc, self.period, self.filing.field, self.filing.value])).hex()

    @property
    def cursor(self) -> str:
        return ""

    def items(self) -> Iterator[Record | Malformed]:
        yield Record(self.uscc, self.period, {self.filing.field: self.filing.value}, Origin(SELF_FILED, self.name, self.filing.field))

    def settle(self, outcome: Taken, refused: tuple[Malformed, ...]) -> None:
        """Nothing is left to do: the book keeps the filing."""
