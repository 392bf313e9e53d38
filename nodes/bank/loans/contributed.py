"""The institution's own contracts as a source of its records, for what is summed over banks [E7, M7].

The records of a year are what the contracts come to on the day that they are read; each change of the book is a new delivery.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from connectors.records import Malformed, Origin, Outcome, Record
from crypto.encoding import canonical_json, sha256
from nodes.lending.book import LoanBook
from nodes.runtime.clock import Clock
from nodes.runtime.pages.language import day
from scoring.lending.application import Application
from scoring.lending.performance import performance

CONTRACTS = "contracts"


@dataclass
class ContractSource:
    """A connector over the book of ``member``, an institution."""

    book: LoanBook
    member: str
    now: Clock
    id: str = CONTRACTS
    reading: str = ""
    _taken: str = field(default="", repr=False)

    def deliveries(self, cursor: str) -> Iterator[ContractDelivery]:
        """One delivery, when the book says something else than the last one that was settled."""
        delivery = ContractDelivery(self, day(self.now())[:4], tuple(self._records().items()))
        if delivery.records and delivery.digest != self._taken:
            yield delivery

    def settled(self, digest: str) -> None:
        """Leave the book alone until it says something else."""
        self._taken = digest

    def _records(self) -> dict[str, dict[str, str]]:
        by_code: dict[str, list[Application]] = {}
        for kept in self.book.all():
            if kept.parties.institution == self.member and kept.app.first_paid_out:
                by_code.setdefault(kept.parties.uscc, []).append(kept.app)
        return {uscc: performance(apps) for uscc, apps in sorted(by_code.items())}


@dataclass(frozen=True, slots=True)
class ContractDelivery:
    """What the contracts come to, enterprise by enterprise."""

    source: ContractSource
    period: str
    records: tuple[tuple[str, dict[str, str]], ...]
    cursor: str = ""

    @property
    def name(self) -> str:
        return f"contracts of {self.period}"

    @property
    def digest(self) -> str:
        return sha256(canonical_json([self.period, [list(record) for record in self.records]])).hex()

    def items(self) -> Iterator[Record | Malformed]:
        for uscc, values in self.records:
            yield Record(uscc, self.period, values, Origin(self.source.id, self.name, uscc))

    def settle(self, outcome: Outcome, refused: tuple[Malformed, ...]) -> None:
        """The book stays as it is."""
        self.source.settled(self.digest)
