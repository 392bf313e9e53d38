"""One cell of a workbook: the cell for a part of a pack, and back. What a cell cannot hold as it is, it holds as packs write it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from scoring.errors import ModelError
from scoring.indicators.document import Path, parse_document
from scoring.notation.numbers import exact, read_number
from scoring.notation.pack_text import flow
from scoring.notation.phrases import read_rule, rule_phrase
from scoring.notation.workbook.layout import Kind

Cell = str | int | Decimal | bool | None
MAX_CELL = 32_767  # signs, in the form of the file
MAX_PLACE = 10_000  # of a sequence
_UNFIT = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]|^\\s|\\s$|_x[0-9A-Fa-f]{4}_")
_LOOKS_OTHERWISE = re.compile(r"[\"\[{].*|null|true|false|[-+]?[0-9０-９].*", re.DOTALL)
_PART = re.compile(r'(?:^|\.)(?P<name>"(?:[^"\\]|\\.)*"|[^.\[\]"]+)|\[(?P<place>[0-9]{1,5})\]')
_LIST_SIGNS = set(",，、[]")
NOTHING = "[]"  # a list that is stated and empty
_FLAGS = {"true": True, "false": False, "是": True, "否": False, "yes": True, "no": False, "1": True, "0": False}


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet's name and its rows of cells, row 1 first; rows may differ in length."""

    name: str
    rows: tuple[tuple[Cell, ...], ...]


def place_of(row: int, column: int) -> str:
    """A cell as spreadsheets call it; both from 1.

    >>> place_of(12, 1), place_of(3, 28)
    ('A12', 'AB3')
    """
    letters = ""
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return f"{letters}{row}"


def write_cell(value: object, kind: Kind) -> Cell:
    """The cell for a value; None where a cell of this kind cannot hold it, exactly or at all."""
    if kind == "text" and isinstance(value, str) and fits(value):
        return value
    if kind == "number" and isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        return value
    if kind == "flag" and isinstance(value, bool):
        return value
    if kind == "list" and isinstance(value, tuple) and all(isinstance(item, str) and fits(item) and not set(item) & _LIST_SIGNS for item in value):
        return ", ".join(value) if value else NOTHING
    if kind == "rule" and isinstance(value, Mapping):
        phrase = rule_phrase(value)
        return phrase if len(phrase) <= MAX_CELL else None
    return None


def read_cell(cell: Cell, kind: Kind) -> Any:
    """The value of a cell that is not empty. Raises ModelError saying what would be right."""
    text = str(cell).strip()
    if kind == "flag":
        if text.lower() not in _FLAGS:
            raise ModelError(f"{text!r} is neither 是 nor 否 (true, false) 只填“是”或“否”")
        return _FLAGS[text.lower()]
    if isinstance(cell, bool):
        raise ModelError(f"{text} stands where {kind} belongs 此处不填是、否")
    if kind == "number":
        return exact(Decimal(cell)) if isinstance(cell, (int, Decimal)) else read_number(text)
    if kind == "rule":
        return read_rule(text)
    if kind == "list":
        return () if text == NOTHING else tuple(item.strip() for item in re.split("[,，、]", text) if item.strip())
    return text


def fits(text: str) -> bool:
    """Whether a cell gives this text back as it is."""
    return 0 < len(text) <= MAX_CELL and _UNFIT.search(text) is None


def write_leaf(value: object) -> Cell:
    """A single value of any type in a cell: text that could be read as something else stands in quotation marks, as in a pack."""
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and fits(value) and not _LOOKS_OTHERWISE.fullmatch(value):
        return value
    return flow(value)


def read_leaf(cell: Cell) -> Any:
    """The value of a cell that ``write_leaf`` would have written. Raises ModelError for what is none."""
    if isinstance(cell, bool):
        return cell
    if isinstance(cell, (int, Decimal)):
        return exact(Decimal(cell))
    text = str(cell).strip()
    if not _LOOKS_OTHERWISE.fullmatch(text):
        return text
    if text[:1] in {'"', "[", "{"} or text in {"null", "true", "false"}:
        return parse_document(text.encode()).value
    return read_number(text)


def write_path(path: Path) -> str:
    """A path in a cell; a name with signs of its own stands in quotation marks.

    >>> write_path(("products", "a.b", "tiers", 0)), read_path('products."a.b".tiers[0]')
    ('products."a.b".tiers[0]', ('products', 'a.b', 'tiers', 0))
    """
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += "." + (part if re.fullmatch(r"[\w-]+", part) else '"' + flow(part).strip('"') + '"')
    return text.removeprefix(".")


def read_path(text: str) -> Path:
    """The path of a cell. Raises ModelError for what is none."""
    found: list[str | int] = []
    at = 0
    while at < len(text):
        match = _PART.match(text, at)
        if match is None or (match["place"] is not None and (not found or int(match["place"]) > MAX_PLACE)):
            raise ModelError(f"{text!r} is not the path of a part, such as staging.default or exposures[0].reason.zh 不是路径")
        name = match["name"]
        found.append(int(match["place"]) if name is None else str(parse_document(name.encode()).value) if name.startswith('"') else name)
        at = match.end()
    if not found:
        raise ModelError("the path of a part is expected, such as staging.default 应为路径")
    return tuple(found)
