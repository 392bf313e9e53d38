"""The customs records that indicators use, of each enterprise and year, and the connector that gives them [K8].

Counts are of declarations that customs took and that are neither rejected nor deleted now; values are what such declarations declare, by
currency, in the currency's own unit. Nothing is converted unless the mapping states a rate of that year. Sums are exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from connectors.customs.channels import BY_CUSTOMS, Channels
from connectors.customs.folders import ClientFolders, Found, Piece, read_file
from connectors.customs.join import Case, fact_of
from connectors.customs.messages import read_message
from connectors.customs.store import CustomsStore, Taken
from connectors.errors import DeliveryError
from connectors.records import Malformed, Origin, Outcome, Record
from crypto.encoding import sha256
from crypto.errors import SubjectError
from crypto.subjects import check_uscc

BATCH_FILES, BATCH_BYTES = 256, 32 << 20
CONTENT = 4_000
FLOWS = {"E": "exports", "I": "imports"}
COUNTS = ("declarations", "inspections", "rejections", "cleared")
Rates = Mapping[str, Mapping[str, Decimal]]
"""Year -> currency -> yuan for one unit of it."""


def figures(case: Case) -> dict[str, Any]:
    """What one declaration adds to the records of its enterprise: JSON. ``year`` is empty while the day of declaration is not known."""
    phases = {step.phase for step in case.history}
    status = "" if case.status is None else case.status.phase
    counted = bool(phases & BY_CUSTOMS) and status not in {"rejected", "deleted"}
    cleared = next((step.at[:10] for step in case.history if step.phase == "cleared"), "")
    days = (date.fromisoformat(cleared) - date.fromisoformat(case.declared_on)).days if cleared and case.declared_on else None
    said = {} if case.declared is None else case.declared.said
    return {
        "year": case.declared_on[:4],
        "counted": counted,
        "flow": said.get("flow", ""),
        "totals": said.get("totals", {}),
        "days": days if counted and days is not None and days >= 0 else None,
        "inspected": counted and "inspection" in phases,
        "rejected": "rejected" in phases,
    }


@dataclass(slots=True)
class _Year:
    """Sums of one enterprise and year."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))
    days: int = 0
    values: dict[tuple[str, str], Decimal] = field(default_factory=dict)

    def add(self, item: Mapping[str, Any]) -> None:
        """Count one declaration's ``figures``."""
        self.counts["rejections"] += item["rejected"]
        self.counts["inspections"] += item["inspected"]
        self.counts["declarations"] += item["counted"]
        if item["days"] is not None:
            self.counts["cleared"] += 1
            self.days += item["days"]
        for currency, total in item["totals"].items():
            self.mention(item["flow"], currency, Decimal(total) if item["counted"] else Decimal(0))

    def mention(self, flow: str, currency: str, value: Decimal = Decimal(0)) -> None:
        """Add ``value``; zero makes the currency appear, so that a value said before is taken back."""
        self.values[flow, currency] = self.values.get((flow, currency), Decimal(0)) + value

    def fields(self, rates: Mapping[str, Decimal] | None) -> tuple[dict[str, str], list[str]]:
        """Record fields, canonical; and the currencies that ``rates`` lack, for which no value in yuan is given."""
        found = {f"customs_{name}": str(count) for name, count in self.counts.items()}
        found["customs_clearance_days_total"] = str(self.days)
        found["customs_clearance_days"] = _mean(self.days, self.counts["cleared"])
        for (flow, currency), value in sorted(self.values.items()):
            found[f"customs_{FLOWS[flow]}_{currency.lower()}"] = f"{value:f}"
        if rates is None:
            return found, []
        lacking = sorted({currency for _, currency in self.values if currency not in rates and currency != "CNY"})
        for flow, name in FLOWS.items():
            mine = [(currency, value) for (way, currency), value in self.values.items() if way == flow]
            if not lacking:
                found[f"customs_{name}_value_cny"] = f"{sum((value * rates.get(currency, Decimal(1)) for currency, value in mine), Decimal(0)):f}"
        return found, lacking


def _mean(total: int, count: int) -> str:
    """Half-up to four digits; empty where there is nothing. Whoever needs it exactly divides the total by the count."""
    if not count:
        return ""
    tenthousandths = (Fraction(total, count) * 20_000 + 1) // 2
    return f"{Decimal(int(tenthousandths)).scaleb(-4):f}"


class SingleWindow:
    """The connector of kind ``single-window`` over one import client's folders. ``rates`` of the mapping, None where it states none.

    Keeps every message in ``store`` first; records are what the store then says of the enterprises that were spoken of. It never writes to,
    moves or deletes from the folders. ``now``: seconds of Unix time.
    """

    def __init__(self, id_: str, folder: Path, store: CustomsStore, now: Callable[[], float], rates: Rates | None = None) -> None:
        self.id = id_
        self.store = store
        self._folders, self._now, self._rates = ClientFolders(folder), now, rates

    def deliveries(self, cursor: str) -> Iterator[Batch]:
        """Complete files that were not read yet, in batches; ``cursor`` is not needed, the store knows. Raises SourceUnavailableError."""
        batch: list[Found] = []
        size = 0
        for found in self.store.unseen(self._folders.complete(self._now())):
            if batch and (len(batch) == BATCH_FILES or size + found.look[0] > BATCH_BYTES):
                yield Batch(self.id, batch, self.store, self._rates)
                batch, size = [], 0
            batch.append(found)
            size += found.look[0]
        if batch:
            yield Batch(self.id, batch, self.store, self._rates)


class Batch:
    """Some files of the client, taken in one transaction of the store."""

    cursor = ""

    def __init__(self, connector: str, files: Sequence[Found], store: CustomsStore, rates: Rates | None) -> None:
        self._connector, self._files, self._store, self._rates = connector, files, store, rates
        self._read: list[Found] = []
        more = f" … {files[-1].name} ({len(files)})" if len(files) > 1 else ""
        self.name = files[0].name + more
        self.digest = sha256("\n".join(f"{file.name} {file.look}" for file in files).encode()).hex()

    def items(self) -> Iterator[Record | Malformed]:
        """What could not be read; then the records of every enterprise that the messages speak of, as they are now."""
        taken: list[Taken] = []
        cases: list[Case] = []
        size = 0
        self._read = []
        for file in self._files:
            try:
                pieces = read_file(file)
            except DeliveryError as error:
                pieces = [Piece("", b"", str(error))]
            if pieces is None:
                continue  # moved or changed since: it is found again
            self._read.append(file)
            for piece in pieces:
                try:
                    taken.append(_taken(file, piece))
                    size += len(piece.data)
                except DeliveryError as error:
                    yield Malformed(Origin(self._connector, file.name, piece.place), "", str(error), _content(piece.data))
            if size > BATCH_BYTES:  # what zips unpack to is not held in memory all at once
                cases += self._store.take(taken)
                taken, size = [], 0
        yield from self._records([*cases, *self._store.take(taken)])

    def settle(self, outcome: Outcome, refused: tuple[Malformed, ...]) -> None:
        """Note that the files were read; they stay where they are. A file is read again when it changes."""
        faults: dict[str, list[str]] = {}
        for malformed in refused:
            place = f"{malformed.origin.place}: " if malformed.origin.place else ""
            faults.setdefault(malformed.origin.delivery, []).append(place + malformed.reason)
        self._store.note(self._read, faults)

    def _records(self, cases: Iterable[Case]) -> Iterator[Record | Malformed]:
        for uscc, years in _mentions(cases).items():
            origin = Origin(self._connector, self.name, uscc[:40])
            try:
                check_uscc(uscc)
            except SubjectError as error:
                yield Malformed(origin, "TradeCoScc", str(error), uscc[:CONTENT])
                continue
            for item in self._store.figures_of(uscc):
                if item["year"]:
                    years.setdefault(item["year"], _Year()).add(item)
            for year, sums in sorted(years.items()):
                rates = None if self._rates is None else self._rates.get(year, {})
                values, lacking = sums.fields(rates)
                yield Record(uscc, year, values, origin)
                for currency in lacking:
                    yield Malformed(origin, "customs_exports_value_cny", f"the mapping states no rate for {currency} in {year}", currency)


def _taken(file: Found, piece: Piece) -> Taken:
    """Raises DeliveryError."""
    if piece.fault:
        raise DeliveryError(piece.fault)
    read = read_message(piece.data)
    place = f"{file.name}: {piece.place}" if piece.place else file.name
    return Taken(sha256(read.inner).hex(), fact_of(read.message), piece.data, place)


def _mentions(cases: Iterable[Case]) -> dict[str, dict[str, _Year]]:
    """Enterprise -> year -> the currencies that any version of these declarations speaks of, with nothing in them."""
    found: dict[str, dict[str, _Year]] = {}
    for case in cases:
        years = {day[:4] for day in (case.declared_on, *(step.at for step in case.history)) if day}
        for version in case.versions:
            mine = found.setdefault(str(version.said["uscc"]), {})
            for year in years:
                for currency in version.said["totals"]:
                    mine.setdefault(year, _Year()).mention(str(version.said["flow"]), currency)
    return found


def _content(data: bytes) -> str:
    return data[:CONTENT].decode("utf-8", "replace").replace("\0", "\ufffd")


def single_window(id_: str, folder: Path, dialect: str, engine: Any, now: Callable[[], int], rates: Rates | None = None) -> SingleWindow:
    """The connector over ``folder`` that keeps its messages in ``engine`` under its own id. Raises MappingError for an unknown dialect."""
    return SingleWindow(id_, folder, CustomsStore(engine, id_, Channels(dialect), figures, now), now, rates)
