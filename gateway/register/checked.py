"""A connector whose records are public facts: what is none goes to quarantine with everything else that a source got wrong [R1.3]."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from connectors.records import Connector, Delivery, Malformed, Outcome, Record
from connectors.rows.cells import day
from scoring.enterprises.facts import FactError, read_facts

DAYS = ("founded", "listed_on")


@dataclass(frozen=True, slots=True)
class FactsConnector:
    """Gives what ``source`` gives, each record as the facts that the register keeps."""

    source: Connector

    @property
    def id(self) -> str:
        return self.source.id

    @property
    def reading(self) -> str:
        return self.source.reading

    def deliveries(self, cursor: str) -> Iterator[Delivery]:
        """As the source's. Raises SourceUnavailableError when it cannot be reached."""
        for delivery in self.source.deliveries(cursor):
            yield _FactsDelivery(delivery)


@dataclass(frozen=True, slots=True)
class _FactsDelivery:
    source: Delivery

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def digest(self) -> str:
        return self.source.digest

    @property
    def cursor(self) -> str:
        return self.source.cursor

    def items(self) -> Iterator[Record | Malformed]:
        """Raises DeliveryError as the source's."""
        for item in self.source.items():
            yield item if isinstance(item, Malformed) else as_facts(item)

    def settle(self, outcome: Outcome, refused: tuple[Malformed, ...]) -> None:
        self.source.settle(outcome, refused)


def as_facts(record: Record) -> Record | Malformed:
    """The record as the register keeps it, dates in ISO form; malformed where a value is no such fact, with the field and what would be right."""
    try:
        said = {name: _dated(name, text) for name, text in record.values.items()}
        return replace(record, values=read_facts(said))
    except FactError as error:
        return Malformed(record.origin, error.field, str(error), record.uscc)


def _dated(name: str, text: str) -> str:
    try:
        return day(text) if text and name in DAYS else text
    except ValueError as error:
        raise FactError(name, str(error)) from error
