"""What an auditor makes of what it was shown: each item's outcome, from the ciphertexts in the log and the records shown [P6, P4.5]."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nodes.auditor.draws.book import Answer
from nodes.auditor.draws.cases import Case
from nodes.runtime.replica.audit_messages import ShownCiphertext
from nodes.runtime.replica.zone import Zone
from scoring.draws.beside import beside
from scoring.draws.openings import Drawn, Judged, Shown, judge_shown, same_value, worst
from scoring.draws.rules import WHOLE_ROW, Item
from scoring.exchange.roster import Batch
from scoring.exchange.view import Logged
from scoring.indicators.model import Model
from scoring.release.aggregate import Placement
from scoring.statements import Entry, Outcome

Ciphertext = Callable[[int, int], int]


@dataclass(frozen=True, slots=True)
class ItemReport:
    """One item for the auditor's own report; ``detail`` may tell places in a batch and is not logged."""

    item: Item
    member: str
    entries: tuple[Entry, ...]
    outcome: Outcome
    subjects: int
    detail: str = ""


@dataclass(frozen=True, slots=True)
class _Part:
    """One ciphertext that an item consists of."""

    logged: Logged
    position: int
    entry: Entry
    slot: int = -1  # of a column's batch that is opened beside a row: the row's subject


class Judge:
    """Judges answers over ``zone``. ``ciphertext`` gives what the log names, proven; ``placement`` an epoch's frozen order."""

    def __init__(self, zone: Zone, ciphertext: Ciphertext, placement: Callable[[str], Placement]) -> None:
        self._zone, self._ciphertext, self._placement = zone, ciphertext, placement

    def report(self, case: Case, answers: Mapping[tuple[str, int], Answer]) -> list[ItemReport]:
        """Every item of the case, in order. Raises what getting ciphertexts or the roster raises, when they cannot be had now."""
        return [self._item(case, item, answers) for item in case.items]

    def _item(self, case: Case, item: Item, answers: Mapping[tuple[str, int], Answer]) -> ItemReport:
        with self._zone.reading() as view:
            logged = view.contributions[item[0]]
            model = view.model(view.epoch(case.epoch).opened.model)
        header = logged.statement.header
        entries = header.entries if header.kind == "column" or item[1] == WHOLE_ROW else (header.entries[item[1]],)
        answer = answers.get((logged.digest, item[1]))
        if answer is None or answer.member != header.sender:
            return ItemReport(item, header.sender, entries, "MISSING", 0)
        if answer.answer.reason:
            return ItemReport(item, header.sender, entries, "REFUSED", 0, answer.answer.reason)
        parts = self._parts(case.epoch, logged, item[1], case.evidence.size)
        if [(part.logged.digest, part.position) for part in parts] != [(shown.contribution, shown.position) for shown in answer.answer.shown]:
            return ItemReport(item, header.sender, entries, "OPENING_INVALID", 0, "other ciphertexts are shown than were drawn")
        judged = [self._judge(case.epoch, model, part, shown) for part, shown in zip(parts, answer.answer.shown, strict=True)]
        outcomes: list[Outcome] = [self._agreement(case.epoch, model, parts, judged), *(one.outcome for one in judged)]
        detail = "; ".join(one.detail for one in judged if one.detail)
        subjects = max((len(one.values) for one in judged), default=0)
        return ItemReport(item, header.sender, entries, worst(outcomes), subjects, detail)

    def _parts(self, epoch: str, logged: Logged, position: int, size: int) -> list[_Part]:
        """Ciphertexts of an item: itself, or all of a row, and then of its sender's columns among the first ``size`` leaves, as ``beside``
        says, the batch with its subject."""
        header = logged.statement.header
        if position != WHOLE_ROW:
            return [_Part(logged, position, header.entries[0 if header.kind == "column" else position])]
        at = self._placement(epoch).position_of(header.subject)
        batch = self._placement(epoch).batch_at(at)
        parts = [_Part(logged, place, entry) for place, entry in enumerate(header.entries)]
        with self._zone.reading() as view:
            rows = view.rows[epoch, header.sender, header.subject, header.audience]
            newest = all(row.index <= logged.index for row in rows if row.index < size)
            for entry in header.entries:
                found = [column for column in view.columns.get((epoch, header.sender, *_key(entry)), ()) if column.index < size]
                shown = beside(found, logged.index, lambda column: column.index, newest_row=newest)
                parts += [_Part(column, batch.index, entry, at - batch.first_position) for column in shown]
        return parts

    def _judge(self, epoch: str, model: Model, part: _Part, shown: ShownCiphertext) -> Judged:
        with self._zone.reading() as view:
            key = view.public_key
        assert key is not None  # contributions hold only after the ceremony
        header, placement = part.logged.statement.header, self._placement(epoch)
        batch = placement.batches[part.position] if header.kind == "column" else Batch(0, placement.stage(header.subject), 0, 1)
        drawn = Drawn(part.entry, batch.stage, batch.count, header.slot_bits, self._ciphertext(part.logged.index, part.position))
        return judge_shown(key, model, drawn, _shown(shown))

    def _agreement(self, epoch: str, model: Model, parts: list[_Part], judged: list[Judged]) -> Outcome:
        """ROW_DIFFERS when a row says something else than a column of its sender about their subject, unless that column is a correction that
        came after the first ticket had frozen the row [P4.5, P7.2]."""
        rows = {_key(part.entry): one for part, one in zip(parts, judged, strict=True) if part.slot < 0}
        header = parts[0].logged.statement.header
        with self._zone.reading() as view:
            ticket = view.first_tickets.get((header.audience, header.subject, epoch))
        for part, column in zip(parts, judged, strict=True):
            row = rows[_key(part.entry)]
            if part.slot < 0 or (ticket is not None and parts[0].logged.index < ticket.index < part.logged.index):
                continue
            if column.values and row.values and not same_value(model, part.entry, row.values[0], column.values[part.slot]):
                return "ROW_DIFFERS"
        return "AGREES"


def _key(entry: Entry) -> tuple[str, str]:
    return entry.indicator, entry.functional


def _shown(shown: ShownCiphertext) -> Shown:
    exponent = int(shown.exponent, 16) if shown.exponent else None
    return Shown(int(shown.m, 16), exponent, int(shown.root, 16) if shown.root else None, shown.records)
