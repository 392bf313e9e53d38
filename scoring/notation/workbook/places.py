"""Where in a workbook a part of a pack belongs, and which sheets and rows others speak of though they are not there. By the layout alone."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from scoring.indicators.document import Path, dotted
from scoring.notation.workbook.layout import IDENTITY, MAIN, TABLES, Column, Table
from scoring.notation.workbook.sheets import NOTE_KEYS, at, relative
from scoring.wording import FORMS

NOTES = next(table for table in TABLES if table.at[0] == "notes")
_ALWAYS = {"records", "dimensions", "staging", "indicators", "functionals", "notes"}
_NEEDED = tuple(table for table in TABLES if table.at[0] in _ALWAYS and "rule_by_stage" not in table.at)
_MAKING: Mapping[Path, Table] = {table.at[:-1]: table for table in TABLES if table.at[-1] == "*" and "*" not in table.at[:-1]}
"""Where parts stand of which rows elsewhere speak -> the sheet whose rows make them."""


def belongs(path: Path) -> str:
    """The sheet, and the column or row of it, in which the part at ``path`` is stated.

    >>> belongs(("indicators", "rd", "title", "zh"))
    'column 名称（中文） title.zh of sheet 指标 indicators'
    >>> belongs(("staging", "stages"))
    'rows in sheet 阶段 stages'
    """
    if path[-1] in NOTE_KEYS or path[:1] == ("product_provenance",):
        return f"rows {dotted(path)} in sheet {NOTES.sheet}"
    for table in TABLES:
        if _fits(table.at[: len(path)], path) and len(path) < len(table.at):
            of = f" of {path[-2]}" if "*" in table.at[: len(path)] else ""
            return f"rows{of} in sheet {table.sheet}"
        if len(path) > len(table.at) and _fits(table.at, path[: len(table.at)]):
            rest = path[len(table.at) :]
            if columns := [column for column in table.columns if _fits(relative(column.path)[: len(rest)], rest)]:
                return f"column {' or '.join(map(_called, columns))} of sheet {table.sheet}"
    if any(relative(column.path)[: len(path)] == path for column in IDENTITY):
        return f"row {dotted(path)} of sheet {MAIN}"
    return f"a row with the path {dotted(path)} in sheet {MAIN}"


def missing_sheets(names: Collection[str], made: Collection[Path], document: object) -> Iterator[str]:
    """Sheets that every model has and that the workbook lacks, where what stands in them is nowhere else. ``names``: of the sheets read."""
    if MAIN not in names and at(document, ("id",)) is None:
        yield f"the workbook has no sheet {MAIN}: identity and all that has no column of its own stand there 缺少此工作表"
    for table in _NEEDED:
        if table.sheet not in names and not _stated(table, made, document):
            yield f"the workbook has no sheet {table.sheet}: every model has it 缺少此工作表"


def missing_rows(made: Collection[Path], spoken_of: Mapping[Path, list[str]]) -> Iterator[str]:
    """Parts that have no row of their own, ``made`` being those that have one, with the cells (``spoken_of``) that speak of them."""
    for path, cells in spoken_of.items():
        if path not in made:
            table, more = _MAKING[path[:-1]], f" and {len(cells) - 1} more" if len(cells) > 1 else ""
            yield (
                f"{cells[0]}{more}: there is no row {path[-1]} in sheet {table.sheet}: add it there, or delete the rows that speak of it"
                f" “{table.sheet.split()[0]}”中没有 {path[-1]} 这一行：请补上，或删去提到它的各行"
            )


def name_form(path: Path) -> str:
    """What a name that makes a part must be, in words; empty where ``path`` ends in such a name."""
    pattern = r"^[A-Za-z][A-Za-z0-9_-]{0,62}$" if path[0] == "staging" else r"^[a-z][a-z0-9_-]{0,62}$"
    return "" if re.fullmatch(pattern, str(path[-1])) else FORMS[pattern]


def made_part(path: Path) -> Path | None:
    """The part with a row of its own that a path is, or stands in; None where there is none."""
    return next((path[: len(head) + 1] for head in _MAKING if path[: len(head)] == head and len(path) > len(head)), None)


def _stated(table: Table, made: Collection[Path], document: object) -> bool:
    """Whether something that belongs into a sheet stands anywhere."""
    if table is NOTES:
        return at(document, ("staging_provenance",)) is not None
    if table.at[:-1] in _MAKING:
        return any(path[:-1] == table.at[:-1] for path in made)
    held = at(document, table.at[:1])  # records, each with its fields
    return isinstance(held, Mapping) and any(at(part, table.at[2:3]) for part in held.values())


def _fits(pattern: Path, path: Path) -> bool:
    return len(pattern) == len(path) and all(here in {"*", part} for here, part in zip(pattern, path, strict=True))


def _called(column: Column) -> str:
    return f"{column.title} {column.path}".strip()
