"""The customs records that indicators use, of each enterprise and year, and the connector that gives them [K8].

Counts are of declarations that customs took and that are neither rejected nor deleted now; values are what such declarations declare, by
currency, in the currency's own unit. Nothing is converted unless the mapping states a rate of that year. Sums are exact.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from functools import reduce
from typing import Any

from connectors.customs.declarations import EXACT
from connectors.customs.folders import SHOWN_TEXT, ClientFolders, Found, Piece, read_file, shown_name
from connectors.customs.join import Case, fact_of
from connectors.customs.messages import check_times, read_message
from connectors.customs.store import CustomsStore, Taken
from connectors.errors import DeliveryError
from connectors.records import Malformed, Origin, Outcome, Record
from crypto.encoding import sha256
from crypto.errors import SubjectError
from crypto.subjects import check_uscc

BATCH_FILES, BATCH_BYTES = 256, 32 << 20
FLOWS = {"E": "exports", "I": "imports"}
COUNTS = ("declarations", "inspections", "rejections", "cleared")
PLACE = " > "  # between the name of a zip and that of a file in it
_DECLARATION = re.compile(r"\A\s*<\?xml[^>]{0,200}\?>\s*")
Rates = Mapping[str, Mapping[str, Decimal]]  # year -> currency -> yuan for one unit of it


@dataclass(slots=True)
class Year:
    """Sums of one enterprise and year."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))
    days: int = 0
    values: dict[tuple[str, str], Decimal] = field(default_factory=dict)

    def add(self, item: Mapping[str, Any]) -> None:
        """Count one declaration's ``Case.figures``."""
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
        self.values[flow, currency] = EXACT.add(self.values.get((flow, currency), Decimal(0)), value)

    def yuan(self, rates: Mapping[str, Decimal] | None) -> tuple[dict[str, str], list[tuple[str, str]]]:
        """Values in yuan by their fields' names, empty where there are no ``rates`` or one is lacking; and what lacks one: field and currency."""
        found: dict[str, str] = {}
        lacking: list[tuple[str, str]] = []
        known = {**(rates or {}), "CNY": Decimal(1)}
        for flow, name in FLOWS.items():
            field_, mine = f"customs_{name}_value_cny", {currency: value for (way, currency), value in self.values.items() if way == flow and value}
            missing = [] if rates is None else [(field_, currency) for currency in sorted(mine.keys() - known.keys())]
            lacking += missing
            worth = [EXACT.multiply(value, known[currency]) for currency, value in mine.items() if currency in known]
            found[field_] = "" if missing or rates is None else _canonical(reduce(EXACT.add, worth, Decimal(0)))
        return found, lacking

    def fields(self) -> dict[str, str]:
        """Record fields but those in yuan, canonical."""
        found = {f"customs_{name}": str(count) for name, count in self.counts.items()}
        found["customs_clearance_days_total"] = str(self.days)
        found["customs_clearance_days"] = _mean(self.days, self.counts["cleared"])
        return found | {f"customs_{FLOWS[flow]}_{currency.lower()}": _canonical(value) for (flow, currency), value in sorted(self.values.items())}


def _mean(total: int, count: int) -> str:
    """Half-up to four digits; empty where there is nothing. Whoever needs it exactly divides the total by the count."""
    if not count:
        return ""
    tenthousandths = (Fraction(total, count) * 20_000 + 1) // 2
    return _canonical(Decimal(int(tenthousandths)).scaleb(-4))


def _canonical(value: Decimal) -> str:
    """No zeros at the end of a fraction, as connectors.md C3 has it."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


class SingleWindow:
    """The connector of kind ``single-window`` over one import client's folders. ``rates`` of the mapping, None where it states none.

    Keeps every message in ``store`` first; records are what the store then says of the enterprises that were spoken of. It never writes to,
    moves or deletes from the folders. ``now``: seconds of Unix time. ``cursor`` says which rates the records were computed at. ``traders``: the
    codes of whose declarations records are given; None: of all.
    """

    def __init__(
        self,
        id_: str,
        folders: ClientFolders,
        store: CustomsStore,
        now: Callable[[], float],
        rates: Rates | None = None,
        traders: frozenset[str] | None = None,
    ) -> None:
        self.id, self.store, self.traders = id_, store, traders
        self.reading = ""  # messages are kept as they came; the cursor says by which rates records were computed
        self._folders, self._now, self._rates = folders, now, rates
        self.cursor = sha256(f"1 {store.mark} {rates and sorted((year, sorted(of.items())) for year, of in rates.items())}".encode()).hex()
        self.told: set[tuple[str, str, str]] = set()

    def deliveries(self, cursor: str) -> Iterator[Batch]:
        """All records anew where they were computed at other rates than now; then complete files that were not read yet, in batches. Raises
        SourceUnavailableError."""
        if cursor != self.cursor and self.store.enterprises():
            yield Batch(self, [])
        batch: list[Found] = []
        size = 0
        for found in self.store.unseen(self._folders.complete(self._now())):
            if batch and (len(batch) == BATCH_FILES or size + found.look[0] > BATCH_BYTES):
                yield Batch(self, batch)
                batch, size = [], 0
            batch.append(found)
            size += found.look[0]
        if batch:
            yield Batch(self, batch)

    def read_again(self, kept: Malformed, content: str) -> Iterator[Record | Malformed]:
        """A message that was quarantined, as a person corrected it; it is kept, and gives records, as if it had come so.

        Raises DeliveryError where what is wrong is no message by itself: a damaged zip, a trader's code, a rate that is missing.
        """
        if kept.field or not kept.content or len(kept.content) >= SHOWN_TEXT:
            raise DeliveryError("this cannot be corrected by itself: deliver it again 不能单独更正，请重新报送")
        plain = _DECLARATION.sub("", content.lstrip("\ufeff"), count=1)  # what it says of its encoding was of the file
        try:
            taken = self.taken(kept.origin.place, Piece("", plain.encode("utf-8", "surrogatepass")))
        except DeliveryError as error:
            yield Malformed(kept.origin, "", str(error), content)
            return
        yield from self.records(self.store.take([taken]), kept.origin)

    def records(self, cases: Iterable[Case], origin: Origin) -> Iterator[Record | Malformed]:
        """The records of every enterprise that ``cases`` speak of, as they are now."""
        for uscc, years in _mentions(cases).items():
            yield from self.records_of(uscc, years, origin)

    def records_of(self, uscc: str, years: dict[str, Year] | None = None, origin: Origin | None = None) -> Iterator[Record | Malformed]:
        """The records of one enterprise, of every year that it declared in, and of ``years``."""
        mine = replace(origin or Origin(self.id, "", ""), place=shown_name(uscc))
        try:
            check_uscc(uscc)
        except SubjectError as error:
            yield from self._complaint(mine, "TradeCoScc", str(error), uscc[:SHOWN_TEXT])
            return
        if self.traders is not None and uscc not in self.traders:
            yield from self._complaint(mine, "TradeCoScc", "the mapping does not name this trader among those of the client 映射未列此收发货人", uscc)
            return
        found = {} if years is None else years
        for item in self.store.figures_of(uscc):
            if item["year"]:
                found.setdefault(item["year"], Year()).add(item)
        before: dict[str, str] = {}
        for year, sums in sorted(found.items()):
            yuan, lacking = sums.yuan(None if self._rates is None else self._rates.get(year, {}))
            yield Record(uscc, year, sums.fields() | yuan | {f"{name}_previous": value for name, value in before.items()}, mine)
            for name, currency in lacking:
                yield from self._complaint(mine, name, f"the mapping states no rate for {currency} in {year} 映射未列此币种当年汇率", currency)
            before = yuan if str(int(year) + 1) in found else {}

    def taken(self, place: str, piece: Piece) -> Taken:
        """The message in ``piece``, to be kept. Raises DeliveryError when it cannot be read, or states a time that has not come."""
        if piece.fault:
            raise DeliveryError(piece.fault)
        read = read_message(piece.data)
        check_times(read.message, self._now())
        return Taken(sha256(read.inner).hex(), fact_of(read.message), piece.data, place)

    def _complaint(self, origin: Origin, name: str, reason: str, content: str) -> Iterator[Malformed]:
        """What is wrong with an enterprise's messages as a whole: told once, not again with every receipt."""
        if (origin.place, name, reason) not in self.told:
            yield Malformed(origin, name, reason, content)


class Batch:
    """Some files of the client, taken in one transaction of the store; without files, the records of all enterprises as they are."""

    def __init__(self, connector: SingleWindow, files: Sequence[Found]) -> None:
        self._connector, self._files = connector, files
        self._read = list(files)
        self.files, self.cursor = len(files), connector.cursor
        self.name = (files[0].name if files else "all enterprises") + (f" +{len(files) - 1}" if len(files) > 1 else "")
        looks = (f"{file.name} {file.look}" for file in files)
        self.digest = sha256("\n".join((connector.cursor, *looks)).encode()).hex()  # the same to another store is not taken yet

    def items(self) -> Iterator[Record | Malformed]:
        """What could not be read; then the records of every enterprise that the messages speak of."""
        connector, store = self._connector, self._connector.store
        for uscc in () if self._files else store.enterprises():
            yield from connector.records_of(uscc, None, Origin(connector.id, self.name, ""))
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
                place = f"{file.name}{PLACE}{piece.place}" if piece.place else file.name
                try:
                    taken.append(connector.taken(place, piece))
                    size += len(piece.data)
                except DeliveryError as error:
                    yield Malformed(Origin(connector.id, self.name, place), "", str(error), piece.text)
            if size > BATCH_BYTES:  # what zips unpack to is not held in memory all at once
                cases += store.take(taken)
                taken, size = [], 0
        yield from connector.records([*cases, *store.take(taken)], Origin(connector.id, self.name, ""))

    def settle(self, outcome: Outcome, refused: tuple[Malformed, ...]) -> None:
        """Note that the files were read; they stay where they are. A file is read again when it changes."""
        faults: dict[str, list[str]] = {}
        for malformed in refused:
            file, _, place = malformed.origin.place.partition(PLACE)
            faults.setdefault(file, []).append(f"{place}: {malformed.reason}" if place else malformed.reason)
            self._connector.told.add((malformed.origin.place, malformed.field, malformed.reason))
        self._connector.store.note(self._read, faults)


def _mentions(cases: Iterable[Case]) -> dict[str, dict[str, Year]]:
    """Enterprise -> year -> the currencies that any version of these declarations speaks of, with nothing in them: of every year that a
    declaration may have been counted in."""
    found: dict[str, dict[str, Year]] = {}
    for case in cases:
        years = {day[:4] for day in case.days}
        for version in case.versions:
            mine = found.setdefault(str(version.said["uscc"]), {})
            for year in years:
                for currency in version.said["totals"]:
                    mine.setdefault(year, Year()).mention(str(version.said["flow"]), currency)
    return found
