"""A pack's document ↔ the sheets of a workbook, by the layout; nothing of the pack is left out, comments excepted.

What has no column of its own, and what a column cannot hold, stands on the first sheet as a path and a value. Reading takes rows and
columns in any order, knows a column by either of its names, and says of each mistake in which cell it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from scoring.indicators.document import Path
from scoring.notation.workbook.cells import Cell, Sheet, write_cell, write_leaf, write_path
from scoring.notation.workbook.guide import GUIDE_ROWS
from scoring.notation.workbook.layout import GUIDE, IDENTITY, MAIN, TABLES, Column, Table

NOTE_KEYS = {"provenance", "staging_provenance"}


def workbook_sheets(document: Mapping[str, Any]) -> tuple[Sheet, ...]:
    """The sheets of a pack's document, in the layout's order, a guide for its readers last. Raises ModelError for what no cell can hold."""
    writer = _Writer(document)
    tables = tuple(writer.sheet(table) for table in TABLES)
    return (writer.main(), *tables, Sheet(GUIDE, GUIDE_ROWS))


def at(value: Any, path: Path) -> Any:
    """The part of a document at ``path``; None where there is none."""
    for part in path:
        held: Mapping[Any, Any] = dict(enumerate(value)) if isinstance(value, tuple) else value if isinstance(value, Mapping) else {}
        if part not in held:
            return None
        value = held[part]
    return value


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every single value, and every mapping or sequence without parts, with its path."""
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, tuple) else ()
    if not items or not value:
        yield path, value
        return
    for name, item in items:
        yield from leaves(item, (*path, name))


def notes_of(value: Any, path: Path = ()) -> Iterator[Path]:
    """Paths of all sequences of provenance notes."""
    if isinstance(value, tuple) and path and (path[-1] in NOTE_KEYS or path[:1] == ("product_provenance",)):
        yield path
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from notes_of(item, (*path, name))


def relative(path: str) -> Path:
    """A column's path. ``bounds[0]`` is a place in a sequence; an empty path is the row itself.

    >>> relative("on.*.from"), relative("bounds[1]"), relative("")
    (('on', '*', 'from'), ('bounds', 1), ())
    """
    found: list[str | int] = []
    for part in filter(None, path.split(".")):
        name, _, place = part.partition("[")
        found += [name, int(place.rstrip("]"))] if place else [name]
    return tuple(found)


@dataclass
class _Writer:
    document: Mapping[str, Any]
    written: set[Path] = field(default_factory=set)

    def sheet(self, table: Table) -> Sheet:
        entries = list(self._entries(table))
        columns = [column for spec in table.columns for column in self._expanded(spec, entries)]
        rows: list[tuple[Cell, ...]] = [tuple(f"{column.title} {column.path}".strip() for column in (*table.keys, *columns))]
        for keys, path in entries:
            rows.append((*keys, *(self._cell((*path, *relative(column.path)), column) for column in columns)))
        return Sheet(table.sheet, tuple(rows))

    def main(self) -> Sheet:
        """Identity, and every value that no table has taken. Called last."""
        rows: list[tuple[Cell, ...]] = [("项目 item", "路径 path", "内容 value")]
        rows += [(column.title, column.path, self._cell(relative(column.path), column)) for column in IDENTITY]
        for path, value in leaves(self.document):
            if not any(path[:length] in self.written for length in range(len(path) + 1)) and path:
                rows.append((None, write_path(path), write_leaf(value)))
        return Sheet(MAIN, tuple(rows))

    def _cell(self, path: Path, column: Column) -> Cell:
        value = at(self.document, path)
        cell = None if value is None else write_cell(value, column.kind)
        if cell is not None:
            self.written.add(path)
        return cell

    def _entries(self, table: Table) -> Iterator[tuple[tuple[Cell, ...], Path]]:
        if table.at[0] == "notes":
            for path in notes_of(self.document):
                for place in range(len(at(self.document, path))):
                    yield (write_path(path),), (*path, place)
        else:
            yield from self._rows(table.at, (), ())

    def _rows(self, pattern: tuple[str, ...], keys: tuple[Cell, ...], path: Path) -> Iterator[tuple[tuple[Cell, ...], Path]]:
        if not pattern:
            yield keys, path
            return
        here, *rest = pattern
        value = at(self.document, path)
        if here == "*":
            for name in value if isinstance(value, Mapping) else ():
                if write_cell(name, "text") is not None:
                    yield from self._rows(tuple(rest), (*keys, name), (*path, name))
        elif here == "#":
            for place in range(len(value)) if isinstance(value, tuple) else ():
                yield from self._rows(tuple(rest), keys, (*path, place))
        elif isinstance(value, Mapping) and here in value:
            yield from self._rows(tuple(rest), keys, (*path, here))

    def _expanded(self, spec: Column, entries: list[tuple[tuple[Cell, ...], Path]]) -> list[Column]:
        """The column, or one for each name that stands at its ``*`` in some row."""
        before, star, after = spec.path.partition("*")
        if not star:
            return [spec]
        holders = [at(self.document, (*path, *relative(before.removesuffix(".")))) for _, path in entries]
        names = dict.fromkeys(name for holder in holders if isinstance(holder, Mapping) for name in holder)
        return [Column(f"{before}{name}{after}", f"{spec.title}·{name}", spec.kind) for name in names if not set(name) & set(" .*[]")]
