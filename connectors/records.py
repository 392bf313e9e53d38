"""What every connector gives: records and what could not be one, each traced to the place that it was read from.

A value is canonical text, as ``scoring.rules.values`` reads it: exact decimals and whole numbers without a unit, 0 and 1, a category's
value, months as 2023-01;2023-02. Units, encodings and spellings of the source are behind us here. Empty text states that there is
nothing; a field that is not named is not spoken of.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Origin:
    """Where something was read: the connector's id, the delivery (file, view, page, message), and the place in it (line, key, item)."""

    connector: str
    delivery: str
    place: str


@dataclass(frozen=True, slots=True)
class Record:
    """What one source says of one enterprise in one period. ``valid_from``: ISO date since when it is so, empty where the source does not say."""

    uscc: str
    period: str
    values: Mapping[str, str]
    origin: Origin
    valid_from: str = ""


@dataclass(frozen=True, slots=True)
class Malformed:
    """What was not taken: the field at fault (empty: the whole line), the reason, and its content for whoever corrects it.

    ``header``: where the content is a row of a table, the names of its columns as a line of CSV; empty for those of the mapping.
    """

    origin: Origin
    field: str
    reason: str
    content: str
    header: str = ""


class Outcome(StrEnum):
    """How a delivery ended: everything taken, some of it in quarantine, or refused as a whole."""

    TAKEN = "taken"
    PARTLY = "partly"
    REFUSED = "refused"


class Delivery(Protocol):
    """What is taken in one transaction: a file, a batch of a view's rows, a page, a message."""

    @property
    def name(self) -> str:
        """The delivery as people know it; with ``digest`` it says whether this was taken before."""
        ...

    @property
    def digest(self) -> str:
        """SHA-256, hex, of what was delivered; empty where ``cursor`` alone tells what is new."""
        ...

    @property
    def cursor(self) -> str:
        """Where the source goes on once this delivery is taken; opaque, kept by the reader in the same transaction as the records."""
        ...

    def items(self) -> Iterator[Record | Malformed]:
        """Records and malformed parts, in the source's order, read as they are asked for.

        Raises DeliveryError when it cannot be read as a whole; nothing of it is then to be kept.
        """
        ...

    def settle(self, outcome: Outcome, refused: tuple[Malformed, ...]) -> None:
        """Called once what was read is durable: a file goes to where its life ends. Calling it again changes nothing."""
        ...


class Connector(Protocol):
    """A source of records: what is new since ``cursor``, which is empty at first."""

    @property
    def id(self) -> str:
        """Name of the connector on its node."""
        ...

    @property
    def reading(self) -> str:
        """By which rules it reads: once these are others, what was read before may say something else. Empty where there is one way only."""
        ...

    def deliveries(self, cursor: str) -> Iterator[Delivery]:
        """What there is now, in order. Raises SourceUnavailableError when the source cannot be reached: the same again later."""
        ...
