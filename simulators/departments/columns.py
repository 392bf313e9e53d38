"""How a department's system writes record fields: names of columns, units, spellings; and the entry of its mapping that reads them back.

Every conversion is exact: what the mapping reads is what the population says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, TypeAlias, get_args

from connectors.rows.units import Unit
from scoring.rules.values import Field

Entry: TypeAlias = dict[str, Any]
_WIDE = {ord(narrow): ord(narrow) + 0xFEE0 for narrow in "0123456789.-"}
_SHIFTS: Mapping[str, tuple[str, int, str]] = {"yuan": ("yuan", 0, "(元)"), "10k-yuan": ("10k-yuan", -4, "(万元)"), "percent": ("percent", 2, "(%)")}
_LETTERED = frozenset("ABCDM")


@dataclass(frozen=True, slots=True)
class Style:
    """A system's habits. ``headers``: names of columns by the fields' Chinese titles, by their names, or in camelCase. ``wide``: every so many
    rows numbers are typed in double width (0: never). ``coded``: categories by number. ``missing``: how nothing is written. ``typed``: columns
    have types, so that no word stands where a number belongs."""

    headers: Literal["titles", "names", "camel"] = "titles"
    money: Literal["yuan", "10k-yuan"] = "yuan"
    flags: tuple[str, str] = ("是", "否")
    separator: str = "、"
    coded: bool = False
    thousands: bool = False
    wide: int = 0
    missing: str = ""
    typed: bool = False


@dataclass(frozen=True, slots=True)
class SourceColumn:
    """One column: the record field that it holds, its header, its entry in the mapping, and ``text``: value and row number -> the cell."""

    field: str
    header: str
    entry: Entry
    text: Callable[[str, int], str]


def source_columns(fields: Mapping[str, Field], names: Sequence[str], style: Style) -> tuple[SourceColumn, ...]:
    """A column for each of ``names``; those that ``fields`` does not declare are text, as the registrar's. Headers are all different."""
    columns: list[SourceColumn] = []
    for name in names:
        field = fields.get(name)
        suffix, entry, write = ("", {"type": "text"}, _plain) if field is None else _form(field, style)
        title = name if field is None else field.spec.title.zh
        header = {"titles": REGISTER_TITLES.get(name, title) + suffix, "names": name, "camel": camel(name)}[style.headers]
        if any(column.header == header for column in columns):
            header = f"{header}({name})"
        columns.append(SourceColumn(name, header, {"column": header, **entry}, _or_missing(write, style.missing)))
    return tuple(columns)


REGISTER_TITLES = {"company": "企业名称", "division": "行政区划代码", "registered_on": "成立日期", "trade": "行业代码"}


def camel(name: str) -> str:
    """A field's name as JSON interfaces write it.

    >>> camel("insured_staff")
    'insuredStaff'
    """
    first, *more = name.split("_")
    return first + "".join(word.capitalize() for word in more)


def _form(field: Field, style: Style) -> tuple[str, Entry, Callable[[str, int], str]]:
    """(what the header says of the unit, the mapping's entry, value and row -> cell)."""
    spec = field.spec
    if spec.type == "flag":
        yes, no = style.flags
        return "", {"type": "flag", "true": [yes], "false": [no]}, lambda value, _: yes if value == "1" else no
    if spec.type == "category":
        spelled = {value: _spelling(value, place, style) for place, value in enumerate(spec.values)}
        return "", {"type": "category", "values": {spelling: value for value, spelling in spelled.items()}}, lambda value, _: spelled[value]
    if spec.type == "months":
        return "", {"type": "months", "separator": style.separator}, lambda value, _: value.replace(";", style.separator)
    if spec.type == "integer":
        return "", {"type": "integer"}, lambda value, row: _typed(value, row, style)
    unit, shift, suffix = _unit(spec.unit, style)
    entry = {"type": "amount", "unit": unit, "to": spec.unit} if spec.unit in get_args(Unit) else {"type": "decimal"}
    return suffix, entry, lambda value, row: _typed(f"{Decimal(value).scaleb(shift):f}", row, style)


def _unit(unit: str, style: Style) -> tuple[str, int, str]:
    """The unit that the system uses for a field in ``unit``, the power of ten from one to the other, and the header's note."""
    used = {"yuan": style.money, "ratio": "percent"}.get(unit, unit)
    return _SHIFTS.get(used, (used, 0, ""))


def _spelling(value: str, place: int, style: Style) -> str:
    if style.coded:
        return f"{place + 1:02d}"
    return f"{value}级" if set(value) <= _LETTERED else value


def _typed(text: str, row: int, style: Style) -> str:
    if style.thousands:
        whole, _, fraction = text.partition(".")
        text = f"{int(whole):,}" + (f".{fraction}" if fraction else "") if whole not in {"-0"} else text
    return text.translate(_WIDE) if style.wide and row % style.wide == 0 else text


def _plain(value: str, _row: int) -> str:
    return value


def _or_missing(write: Callable[[str, int], str], missing: str) -> Callable[[str, int], str]:
    return lambda value, row: write(value, row) if value else missing
