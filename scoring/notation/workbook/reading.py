"""Sheets of a workbook → a pack's document, each part with its cell. The inverse of ``sheets``; judges form, not content."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from scoring.errors import ModelError
from scoring.indicators.document import MAX_SHOWN, Path
from scoring.indicators.pack import Pack
from scoring.notation.workbook.builder import Builder, CellDocument
from scoring.notation.workbook.cells import Cell, Sheet, place_of, read_cell, read_leaf, read_path
from scoring.notation.workbook.layout import GUIDE, IDENTITY, MAIN, TABLES, Column, Table
from scoring.notation.workbook.places import made_part, missing_rows, missing_sheets, name_form
from scoring.notation.workbook.sheets import relative

ASIDE = ("备注", "note", "Note")  # sheets and columns of the authors' own
_MAIN_COLUMNS = (Column("item", "项目"), Column("path", "路径"), Column("value", "内容"))


def read_sheets(sheets: Sequence[Sheet]) -> CellDocument:
    """The document of a workbook's sheets, its parts in the order of the format.

    Raises ModelError, whose lines name sheet and cell and say what would be right, for up to ten mistakes at once.
    """
    reader = _Reader()
    for sheet in sorted(sheets, key=lambda sheet: _names(sheet.name, MAIN)):  # the first sheet last: it fills in
        reader.sheet(sheet)
    found = reader.whole({name for sheet in sheets for name in (MAIN, *(table.sheet for table in TABLES)) if _names(sheet.name, name)})
    if reader.mistakes:
        more = len(reader.mistakes) - MAX_SHOWN
        raise ModelError("\n".join([*reader.mistakes[:MAX_SHOWN], *([f"and {more} more"] if more > 0 else [])]))
    assert isinstance(found.value, dict)
    ordered = {name: found.value[name] for name in (*Pack.model_fields, *found.value) if name in found.value}
    return CellDocument(ordered, found.lines, cells={(): "the workbook"} | found.cells)


def _names(said: str, name: str) -> bool:
    """Whether a sheet is called this, in both languages or in either."""
    chinese, _, english = name.partition(" ")
    return said.strip() in {name, chinese, english}


@dataclass
class _Reader:
    builder: Builder = field(default_factory=Builder)
    mistakes: list[str] = field(default_factory=list)
    made: set[Path] = field(default_factory=set)
    spoken_of: dict[Path, list[str]] = field(default_factory=dict)

    def whole(self, names: set[str]) -> CellDocument:
        """What was read, put together; ``names`` are those of the sheets. What is not there though it is needed is a mistake too."""
        if self.mistakes:
            return CellDocument({}, {})
        try:
            found = self.builder.done()
        except ModelError as error:
            self.mistakes.append(str(error))
            return CellDocument({}, {})
        self.mistakes += missing_sheets(names, self.made, found.value)
        self.mistakes += () if self.mistakes else missing_rows(self.made, self.spoken_of)
        return found

    def sheet(self, sheet: Sheet) -> None:
        table = next((table for table in TABLES if _names(sheet.name, table.sheet)), None)
        if table is not None:
            self._table(sheet, table)
        elif _names(sheet.name, MAIN):
            self._main(sheet)
        elif not _names(sheet.name, GUIDE) and not sheet.name.startswith(ASIDE):
            known = ", ".join([MAIN, *(table.sheet for table in TABLES)])
            self.mistakes.append(
                f"sheet {sheet.name}: is no sheet of a model; there are {known} 无此工作表; one of your own is called 备注… or note…"
            )

    def _table(self, sheet: Sheet, table: Table) -> None:
        columns = self._columns(sheet, table.keys, table.columns)
        if lacking := [f"{key.title} {key.path}" for key in table.keys if not any(key is column for column, _ in columns.values())]:
            self._mistake(sheet.name, 1, 1, f"there is no column {lacking[0]} 缺少此列")
            return
        counts: dict[Path, int] = {}
        for number, row in _rows(sheet):
            try:
                keys = [self._key(sheet, number, row, columns, key) for key in table.keys]
                path = self._path(table, keys, counts)
                self.builder.open(path[:-1] if any(not column.path for column in table.columns) else path, _where(sheet.name, number, 1))
                self._note(table, path, _where(sheet.name, number, 1))
            except ModelError as error:
                self._mistake(sheet.name, number, 1, str(error))
                continue
            for place, (column, part) in columns.items():
                if column not in table.keys and place < len(row) and not _empty(row[place]):
                    self._put(sheet.name, number, place + 1, (*path, *part), column, row[place])

    def _note(self, table: Table, path: Path, cell: str) -> None:
        """Remember which part a row makes, or of which it speaks."""
        part = made_part(path)
        if part == path and table.at[0] != "notes":
            if form := name_form(path):
                raise ModelError(f"{path[-1]!r}: {form}")
            self.made.add(path)
        elif part is not None:
            self.spoken_of.setdefault(part, []).append(cell)

    def _columns(self, sheet: Sheet, keys: Sequence[Column], columns: Sequence[Column]) -> dict[int, tuple[Column, Path]]:
        """Which column stands where, and the part of a row that it gives."""
        found: dict[int, tuple[Column, Path]] = {}
        for place, cell in enumerate(sheet.rows[0] if sheet.rows else ()):
            said = "" if cell is None else " ".join(str(cell).split())
            match = next((match for column in (*keys, *columns) if (match := _header(said, column)) is not None), None)
            if match is None:
                if any(place < len(row) and not _empty(row[place]) for _, row in _rows(sheet)) and not said.startswith(ASIDE):
                    known = ", ".join(f"{column.title} {column.path}".strip() for column in (*keys, *columns))
                    self._mistake(sheet.name, 1, place + 1, f"{said!r} is no column of this sheet; there are {known} 无此列; one of your own: note…")
            elif match in found.values():
                self._mistake(sheet.name, 1, place + 1, f"the column {said} is there already 此列重复")
            else:
                found[place] = match
        return found

    def _key(self, sheet: Sheet, number: int, row: tuple[Cell, ...], columns: dict[int, tuple[Column, Path]], key: Column) -> str:
        place = next(place for place, (column, _) in columns.items() if column is key)
        if place >= len(row) or _empty(row[place]):
            raise ModelError(f"{key.title} {key.path} is empty: every row names its part 未填：每行都要写明所指")
        return str(row[place]).strip()

    def _path(self, table: Table, keys: list[str], counts: dict[Path, int]) -> Path:
        names = iter(keys)
        path = read_path(next(names)) if table.at[0] == "notes" else tuple(next(names) if part == "*" else part for part in table.at if part != "#")
        if table.at[-1] != "#":
            if counts.setdefault(path, 0):
                raise ModelError(f"{' '.join(keys)} has a row already 已有一行")
            counts[path] = 1
            return path
        counts[path] = counts.get(path, 0) + 1
        return (*path, counts[path] - 1)

    def _main(self, sheet: Sheet) -> None:
        columns = {column.path: place for place, (column, _) in self._columns(sheet, (), _MAIN_COLUMNS).items()}
        if lacking := [f"{column.title} {column.path}" for column in _MAIN_COLUMNS[1:] if column.path not in columns]:
            self._mistake(sheet.name, 1, 1, f"there is no column {lacking[0]} 缺少此列")
            return
        known = {column.path: column for column in IDENTITY}
        for number, row in _rows(sheet):
            path, value = (row[columns[name]] if columns[name] < len(row) else None for name in ("path", "value"))
            if _empty(path):
                self._mistake(sheet.name, number, columns["path"] + 1, "the path of a part is expected, such as staging.default 应为路径")
            elif not _empty(value):
                column = known.get(str(path).strip(), Column(str(path).strip(), ""))
                self._put(sheet.name, number, columns["value"] + 1, None, column, value)

    def _put(self, sheet: str, number: int, place: int, path: Path | None, column: Column, cell: Cell) -> None:
        """One cell's value; without ``path``, that of the first sheet's column ``column.path``."""
        try:
            if path is not None or column.title:
                value = read_cell(cell, column.kind)
            else:
                value = read_leaf(cell)
            where = read_path(column.path) if path is None else path
            self.builder.put(where, value, _where(sheet, number, place))
            if path is None and (part := made_part(where)) is not None:
                self.made.add(part)
        except ModelError as error:
            self._mistake(sheet, number, place, str(error))

    def _mistake(self, sheet: str, row: int, column: int, message: str) -> None:
        here = _where(sheet, row, column)
        self.mistakes.append(message if message.startswith("sheet ") else f"{here}: {message}")


def _where(sheet: str, row: int, column: int) -> str:
    return f"sheet {sheet}, cell {place_of(row, column)}"


def _rows(sheet: Sheet) -> Iterator[tuple[int, tuple[Cell, ...]]]:
    """Rows below the first that are not empty, with their numbers."""
    for number, row in enumerate(sheet.rows[1:], start=2):
        if not all(map(_empty, row)):
            yield number, row


def _empty(cell: Cell) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())


def _header(said: str, column: Column) -> tuple[Column, Path] | None:
    """The column and its path, where a header calls it by both of its names or by either."""
    before, star, after = column.path.partition("*")
    if not star:
        return (column, relative(column.path)) if said and said in {f"{column.title} {column.path}".strip(), column.title, column.path} else None
    name = r"([^\s.*\[\]]+)"
    for form in (rf"(?:\S+ )?{re.escape(before)}{name}{re.escape(after)}", rf"{re.escape(column.title)}·{name}"):
        match = re.fullmatch(form, said)
        if match is not None:
            return column, tuple(match[1] if part == "*" else part for part in relative(column.path))
    return None
