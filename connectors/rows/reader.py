"""One row of a source → a record, by the mapping: which column is which, how each is read, and why a row is not taken."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from functools import partial

from connectors.mapping import AmountField, CategoryField, ConnectorMapping, FlagField, MonthsField, NumberField, RecordField, TextField
from connectors.records import Malformed, Origin, Record
from connectors.rows import cells
from connectors.rows.cells import MAX_CELL, Reader
from connectors.rows.units import shift_between
from crypto.errors import SubjectError
from crypto.subjects import examine_uscc

_PERIODS: dict[str, Reader] = {"year": cells.year, "month": cells.month, "text": cells.period}
_DAYS: dict[str, Reader] = {"date": cells.day, "time": cells.day_of_time}
_ROUNDED = re.compile(r"[0-9](\.[0-9]+)?[Ee]\+?[0-9]+|[0-9]{15}0{3}")  # fifteen digits are all that a spreadsheet's number holds
_MADE_A_NUMBER = "a spreadsheet made a number of it: format the column as text and type it anew 已被表格软件转为数字，请设为文本格式后重新录入"
_UNPRINTABLE = str.maketrans({code: f"\\x{code:02x}" for code in range(32) if chr(code) not in "\t\n\r"})


class RowFaultError(Exception):
    """A row is not taken. ``field``: the first at fault, empty for the whole row. Never leaves this package."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


class RowReader:
    """Reads rows of one delivery. ``distinct``: a second row for the same enterprise, period and date is not taken, since which of the
    two is true cannot be known; a source that says which is later needs no such rule."""

    def __init__(self, mapping: ConnectorMapping, *, distinct: bool = True) -> None:
        assert mapping.keys is not None, "only tables have keys"
        self.columns = tuple(mapping.columns)
        place = {name: index for index, name in enumerate(self.columns)}
        self._ignored = frozenset(mapping.ignore)
        self._missing = frozenset(mapping.missing)
        self._uscc = place[mapping.keys.uscc]
        self._constant = mapping.keys.period.constant
        self._period = _key(place, mapping.keys.period.column, mapping.keys.period.form, _PERIODS)
        since = mapping.valid_from
        self._since = _key(place, None, None, _DAYS) if since is None else _key(place, since.column, since.form, _DAYS)
        self._fields = tuple((name, place[field.column], field.optional, _reader(field)) for name, field in mapping.fields.items())
        self._seen: set[int] | None = set() if distinct else None

    def read(self, row: Sequence[str | None], origin: Origin) -> Record:
        """The record of ``row``, whose cells stand in the order of ``columns``; None where the row has no such cell.

        Raises RowFaultError with everything that is wrong in the row.
        """
        faults: list[tuple[str, str]] = []
        uscc = cells.narrow((row[self._uscc] or "").strip())
        try:
            examine_uscc(uscc)
        except SubjectError as error:
            faults.append(("uscc", _MADE_A_NUMBER if _ROUNDED.fullmatch(uscc) else str(error)))
        period = self._constant or _read_key("period", row, self._period, faults)
        since = _read_key("valid_from", row, self._since, faults, self._missing)
        values: dict[str, str] = {}
        missing = self._missing
        for name, index, optional, read in self._fields:
            cell = row[index]
            if cell is None:
                if not optional:
                    faults.append((name, "is not there 缺少此项"))
                continue
            text = cell.strip()
            try:
                values[name] = "" if text in missing else read(text)
            except ValueError as error:
                faults.append((name, str(error)))
        if faults:
            raise RowFaultError(faults[0][0], "; ".join([faults[0][1], *(f"{name}: {reason}" for name, reason in faults[1:])]))
        self._refuse_second(uscc, period, since)
        return Record(uscc, period, values, origin, since)

    def passes_over(self, row: Sequence[str]) -> bool:
        """Whether a row that is no record is white space, or a total or note between the rows, as the mapping's ``ignore`` names them."""
        first = next((cell.strip() for cell in row if cell.strip()), "")
        return not first or first in self._ignored

    def _refuse_second(self, uscc: str, period: str, since: str) -> None:
        if self._seen is None:
            return
        key = hash((uscc, period, since))  # 64 bits, keyed anew in each process: a million keys in a few dozen megabytes
        if key in self._seen:
            raise RowFaultError("", "a second row for this enterprise and period 同一企业同一所属期重复")
        self._seen.add(key)


def malformed(origin: Origin, field: str, reason: str, row: Sequence[str | None] | str, header: Sequence[str] = ()) -> Malformed:
    """What was not taken, with its content as storable text of bounded length: as it stood, or the row as a line of CSV. ``header``: the
    names of the row's columns, where they are not those of the mapping in their order."""
    return Malformed(origin, field, reason, _storable(row), _storable(header) if header else "")


def _storable(row: Sequence[str | None] | str) -> str:
    if not isinstance(row, str):
        line = io.StringIO()
        csv.writer(line, lineterminator="").writerow(["" if cell is None else cell for cell in row])
        row = line.getvalue()
    return row[:MAX_CELL].translate(_UNPRINTABLE).encode("utf-8", "backslashreplace").decode()


_Key = tuple[int, Callable[[str], str]] | None


def _key(place: dict[str, int], column: str | None, form: str | None, readers: dict[str, Reader]) -> _Key:
    return None if column is None or form is None else (place[column], readers[form])


def _read_key(name: str, row: Sequence[str | None], key: _Key, faults: list[tuple[str, str]], missing: frozenset[str] = frozenset()) -> str:
    if key is None:
        return ""
    text = (row[key[0]] or "").strip()
    if text in missing:
        return ""
    try:
        return key[1](text)
    except ValueError as error:
        faults.append((name, str(error)))
        return ""


def _reader(field: RecordField) -> Reader:
    match field:
        case NumberField():
            reader: Reader = cells.integer if field.type == "integer" else cells.number
        case AmountField():
            reader = partial(cells.number, shift=shift_between(field.unit, field.to))
        case FlagField():
            reader = cells.spelled(dict.fromkeys(field.yes, "1") | dict.fromkeys(field.no, "0"))
        case CategoryField():
            reader = cells.spelled(field.values)
        case MonthsField():
            reader = partial(cells.months, separator=field.separator)
        case TextField():
            reader = cells.words
    return reader
