"""Rows of an office's table: indicators by their names in a base pack, full marks by stage, a full-score reference. Judges form, not content."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from scoring.errors import ModelError
from scoring.notation.numbers import exact, read_number
from scoring.notation.workbook.cells import Cell, Sheet, place_of

NAME, GROUP, REFERENCE = (
    ("指标", "指标名称", "二级指标", "indicator"),
    ("一级指标", "维度", "分组", "group"),
    ("满分值", "满分参考值", "参考值", "reference"),
)
AFTER_STAGE = ("", "权重", "分值", "满分", " weight", " marks")
HEADER_WITHIN = 10
_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Row:
    """One indicator of the table: full marks by stage, the value that earns them, and the number of its row."""

    indicator: str
    marks: Mapping[str, Decimal]
    reference: int | Decimal | None
    number: int


@dataclass
class OfficeTable:
    """A table over ``base``. ``rows`` raises ModelError where no row names the columns; other mistakes are collected, each with its cell."""

    sheet: Sheet
    base: Mapping[str, Any]
    mistakes: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def rows(self) -> Iterator[Row]:
        """Indicators with a mark in some stage, in the order of the table."""
        stages = self.base["staging"]["stages"]
        number, columns = self._header(stages)
        names = {text: id_ for id_, spec in scored(self.base).items() for text in (id_, spec["title"]["en"], spec["title"]["zh"])}
        seen: dict[str, int] = {}
        for place, row in enumerate(self.sheet.rows[number:], start=number + 1):
            cells = {name: row[at] if at < len(row) else None for name, at in columns.items()}
            said = "" if cells[NAME[0]] is None else str(cells[NAME[0]]).strip()
            if all(cells[name] in {None, ""} for name in columns if name not in NAME):
                continue  # a heading, a note
            id_ = names.get(said)
            if id_ is None:
                near = get_close_matches(said, names, 1)
                what = (
                    f"; the nearest is {near[0]}" if near else f"; there are {'、'.join(spec['title']['zh'] for spec in scored(self.base).values())}"
                )
                self._mistake(place, columns[NAME[0]], f"{said!r} is no indicator of {self.base['id']} 没有此指标{what}")
            elif id_ in seen:
                self._mistake(place, columns[NAME[0]], f"{said} has row {seen[id_]} already 已有一行")
            else:
                seen[id_] = place
                found = Row(
                    id_,
                    {stage: self._mark(place, columns[stage], cells[stage]) for stage in stages},
                    self._reference(place, columns, cells, id_),
                    place,
                )
                if any(found.marks.values()):
                    yield found

    def _header(self, stages: Mapping[str, Any]) -> tuple[int, dict[str, int]]:
        """Number of the row of the names, and the column of each. Raises ModelError."""
        wanted = {NAME[0]: NAME} | {
            id_: [f"{text}{more}" for text in (*spec["title"].values(), id_) for more in AFTER_STAGE] for id_, spec in stages.items()
        }
        lacking = list(wanted)
        for number, row in enumerate(self.sheet.rows[:HEADER_WITHIN], start=1):
            texts = {"".join(str(cell).split()) if cell is not None else "": at for at, cell in reversed(list(enumerate(row)))}
            found = {name: next((texts[key] for key in map(_plain, keys) if key in texts), None) for name, keys in wanted.items()}
            missing = [name for name, at in found.items() if at is None]
            if not missing:
                more = {REFERENCE[0]: next((texts[key] for key in map(_plain, REFERENCE) if key in texts), None)}
                known = {at for at in (*found.values(), *more.values()) if at is not None} | {
                    texts[key] for key in map(_plain, GROUP) if key in texts
                }
                unread = [text for text, at in texts.items() if text and at not in known]
                self.remarks += [f"columns not read 未读入的列: {', '.join(sorted(unread))}"] if unread else []
                return number, {name: at for name, at in (found | more).items() if at is not None}
            lacking = min(lacking, missing, key=len)
        called = ", ".join(name if name == NAME[0] else stages[name]["title"]["zh"] for name in lacking)
        raise ModelError(f"sheet {self.sheet.name}: none of the first {HEADER_WITHIN} rows names every column; lacking at best 缺少: {called}")

    def _mark(self, row: int, column: int, cell: Cell) -> Decimal:
        """A full mark, with at most two decimals; an empty cell is none."""
        if cell is None or (isinstance(cell, str) and not cell.strip()):
            return Decimal(0)
        number = self._number(row, column, cell)
        if number != number.quantize(_CENT):
            self._mistake(row, column, f"{number}: marks have at most two decimals 分值至多两位小数")
        return number

    def _reference(self, row: int, columns: Mapping[str, int], cells: Mapping[str, Cell], id_: str) -> int | Decimal | None:
        cell = cells.get(REFERENCE[0])
        if cell is None or (isinstance(cell, str) and not cell.strip()):
            return None
        column = columns[REFERENCE[0]]
        number = self._number(row, column, cell)
        if number <= 0:
            self._mistake(row, column, "a full-score reference is above 0 满分值应大于 0")
        if not linear(self.base["indicators"][id_]):
            self._mistake(
                row, column, f"{self.base['id']} scores {id_} by bands or classes, not in proportion: leave it empty 此指标不按比例计分，满分值应留空"
            )
        return exact(number)

    def _number(self, row: int, column: int, cell: Cell) -> Decimal:
        try:
            return Decimal(cell) if isinstance(cell, (int, Decimal)) and not isinstance(cell, bool) else Decimal(read_number(str(cell)))
        except ModelError as error:
            self._mistake(row, column, str(error))
            return Decimal(1)

    def _mistake(self, row: int, column: int, said: str) -> None:
        self.mistakes.append(f"sheet {self.sheet.name}, cell {place_of(row, column + 1)}: {said}")


def scored(value: Mapping[str, Any]) -> dict[str, Any]:
    """The indicators of a pack that earn points."""
    return {id_: spec for id_, spec in value["indicators"].items() if spec.get("role", "points") == "points"}


def linear(spec: Mapping[str, Any]) -> bool:
    """Whether an indicator is scored in proportion in every stage."""
    return all(rule["kind"] == "linear" for rule in (spec["rule"], *spec.get("rule_by_stage", {}).values()))


def _plain(text: str) -> str:
    return "".join(text.split())
