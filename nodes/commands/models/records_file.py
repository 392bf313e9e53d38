"""Reading an author's RECORDS.csv: one row per subject, column ``subject``, then record fields of a pack by name."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from nodes.errors import RecordFileError
from scoring.errors import RuleError
from scoring.indicators.model import Model
from scoring.indicators.plain import PlainScore, score_plain

SUBJECT, YEAR = "subject", "year"
PREVIOUS = "_previous"


@dataclass(frozen=True, slots=True)
class RecordRow:
    """Record fields of one subject, as text; ``line`` is that of the file."""

    subject: str
    line: int
    record: Mapping[str, str]


def read_records(path: Path, model: Model, year: str | None, warn: Callable[[str], None]) -> tuple[RecordRow, ...]:
    """The rows of ``path``, or, with ``year``, those whose column ``year`` says so.

    With ``year``, a field F_previous for which there is no column is taken from F in the subject's row of the year before. Columns that
    are no field of the pack, and fields without a column, are told to ``warn``. Raises RecordFileError, naming file and line.
    """
    rows, columns = _rows(path)
    needed = [SUBJECT] if year is None else [SUBJECT, YEAR]
    if lacking := [name for name in needed if name not in columns]:
        raise RecordFileError(f"{path}, line 1: there is no column {lacking[0]}; it has {', '.join(columns)} 缺少此列")
    derived = {} if year is None else _derived(model, columns)
    known = [name for name in model.fields if name in columns]
    if strange := [name for name in columns if name not in model.fields and name not in needed]:
        warn(f"{path}: not fields of {model.id}, and not read: {', '.join(strange)}")
    if absent := [name for name in model.fields if name not in columns and name not in derived]:
        warn(f"{path}: no column, so missing for every subject: {', '.join(absent)}")
    by_year = _by_year(path, rows) if year is not None else {}
    kept = [(line, row) for line, row in rows if year is None or row[YEAR] == year]
    _refuse_repeated(path, kept)
    found = []
    for line, row in kept:
        record = {name: row[name] for name in known}
        if year is not None and (before := by_year.get((row[SUBJECT], int(year) - 1))) is not None:
            record |= {name: before[source] for name, source in derived.items()}
        found.append(RecordRow(row[SUBJECT], line, record))
    return tuple(found)


def score_rows(path: Path, model: Model, rows: Iterable[RecordRow]) -> list[tuple[RecordRow, PlainScore]]:
    """Every row with its score. Raises RecordFileError naming file, line and field of a malformed value."""
    found = []
    for row in rows:
        try:
            found.append((row, score_plain(model, row.record)))
        except RuleError as error:
            raise RecordFileError(f"{path}, line {row.line}, column {error}") from error
    return found


def _rows(path: Path) -> tuple[list[tuple[int, dict[str, str]]], list[str]]:
    found = []
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream, strict=True)
        try:
            columns = list(reader.fieldnames or ())
            if len(set(columns)) != len(columns):
                raise RecordFileError(f"{path}, line 1: a column is named twice 列名重复")
            for row in reader:
                if None in row or None in row.values():
                    raise RecordFileError(f"{path}, line {reader.line_num}: {len(columns)} cells are expected 单元格数不符")
                found.append((reader.line_num, row))
        except csv.Error as error:
            raise RecordFileError(f"{path}, line {reader.line_num}: not CSV: {error} 不是合规的 CSV") from error
        except UnicodeDecodeError as error:
            raise RecordFileError(f"{path}: not UTF-8 须为 UTF-8 编码") from error
    return found, columns


def _derived(model: Model, columns: list[str]) -> dict[str, str]:
    """Fields F_previous without a column of their own, and the column F that gives them."""
    names = [name for name in model.fields if name.endswith(PREVIOUS) and name not in columns]
    return {name: name.removesuffix(PREVIOUS) for name in names if name.removesuffix(PREVIOUS) in columns}


def _by_year(path: Path, rows: list[tuple[int, dict[str, str]]]) -> dict[tuple[str, int], dict[str, str]]:
    found: dict[tuple[str, int], dict[str, str]] = {}
    for line, row in rows:
        if not (row[YEAR].isascii() and row[YEAR].isdigit()):
            raise RecordFileError(f"{path}, line {line}, column {YEAR}: a year is expected 应为年份")
        key = (row[SUBJECT], int(row[YEAR]))
        if key in found:
            raise RecordFileError(f"{path}, line {line}: subject and year are there already 此主体此年重复")
        found[key] = row
    return found


def _refuse_repeated(path: Path, rows: list[tuple[int, dict[str, str]]]) -> None:
    seen: set[str] = set()
    for line, row in rows:
        if not row[SUBJECT]:
            raise RecordFileError(f"{path}, line {line}: the subject is empty 未填主体")
        if row[SUBJECT] in seen:
            raise RecordFileError(
                f"{path}, line {line}: the subject has a row already (give --year where there are several years) 主体重复；有多年数据时请用 --year"
            )
        seen.add(row[SUBJECT])
