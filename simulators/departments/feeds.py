"""What one department's system holds, whatever form it takes: columns, rows and, on wish, rows that are wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import yaml

from crypto.subjects import CHARSET
from scoring.indicators.model import Model
from scoring.statements import Title
from simulators.departments.columns import Entry, SourceColumn, Style, source_columns
from simulators.population.naming import assign_usccs
from simulators.population.tables import Table

KEY_HEADERS = {
    "titles": ("统一社会信用代码", "所属年度", "填报日期"),
    "names": ("uscc", "year", "declared_on"),
    "camel": ("creditCode", "year", "declaredOn"),
}
IGNORED = "合计"


@dataclass(frozen=True, slots=True)
class Feed:
    """Records of one department as its system writes them.

    ``day``: how dates are written (format of year, month, day), empty where rows have none. ``malformed``: number of rows beside the
    population's that no reader may take.
    """

    member: str
    title: Title
    columns: tuple[SourceColumn, ...]
    table: Table
    style: Style
    day: str = ""
    malformed: int = 0

    @property
    def connector(self) -> str:
        """The mapping's id."""
        return f"{self.member}-records"

    @property
    def headers(self) -> list[str]:
        """Names of all columns: code, year, the date where there is one, then the fields."""
        return [*self._keys, *(column.header for column in self.columns)]

    def rows(self) -> Iterator[list[str]]:
        """The population's rows, then the malformed ones."""
        for number, (uscc, period, *values) in enumerate(self.table.rows, 1):
            cells = [column.text(value, number) for column, value in zip(self.columns, values, strict=True)]
            yield [uscc, period, *([_declared(uscc, period, self.day)] if self.day else []), *cells]
        yield from self._broken()

    def mapping(self, source: Entry) -> bytes:
        """The YAML by which a node reads ``source``."""
        keys = self._keys
        parts: dict[str, Any] = {
            "keys": {"uscc": keys[0], "period": {"column": keys[1], "as": "year"}},
            **({"valid_from": {"column": keys[2], "as": "date"}} if self.day else {}),
            "fields": {column.field: column.entry for column in self.columns},
            "missing": list(dict.fromkeys(("", self.style.missing))),
            "ignore": [IGNORED],
        }
        return mapping_bytes(self.connector, self.title, source, parts)

    @property
    def _keys(self) -> Sequence[str]:
        return KEY_HEADERS[self.style.headers][: 3 if self.day else 2]

    def _first_number(self) -> int | None:
        return next((at for at, column in enumerate(self.columns) if column.entry["type"] in {"amount", "integer", "decimal"}), None)

    def _broken(self) -> Iterator[list[str]]:
        """Rows of enterprises that nobody has: a mistyped code, a year in words, an amount in words."""
        codes = assign_usccs({f"{self.member}-{number}": "330108" for number in range(self.malformed)}, "malformed", 0)
        for number, uscc in enumerate(codes.values()):
            row = [uscc, self.table.rows[0][1], *([_declared(uscc, "2023", self.day)] if self.day else []), *("" for _ in self.columns)]
            place = None if self.style.typed else self._first_number()
            if number % 3 == 0:
                row[0] = uscc[:8] + CHARSET[(CHARSET.index(uscc[8]) + 1) % len(CHARSET)] + uscc[9:]
            elif number % 3 == 1 or place is None:
                row[1] = "二〇二三"
            else:
                row[len(self._keys) + place] = "约三百"
            yield row


def mapping_bytes(connector: str, title: Title, source: Entry, parts: Mapping[str, Any] | None = None) -> bytes:
    """The YAML of a mapping: ``source`` and, for a table, ``parts``."""
    document = {"format": "xinqiao/connector/v1", "id": connector, "title": {"zh": title.zh, "en": title.en}, "source": source, **(parts or {})}
    return yaml.safe_dump(document, allow_unicode=True, sort_keys=False, width=150).encode()


def feed_of(model: Model, table: Table, title: Title, style: Style, day: str, malformed: int) -> Feed:
    """The feed of a department's ``table`` in ``style``."""
    return Feed(table.member, title, source_columns(model.fields, table.columns[2:], style), table, style, day, malformed)


def _declared(uscc: str, period: str, form: str) -> str:
    """A day in the first five months after the year, the same for an enterprise and year."""
    drawn = hashlib.sha256(f"{uscc}:{period}".encode()).digest()[0]
    found = date(int(period) + 1, 1, 1) + timedelta(days=drawn % 150)
    return form.format(found.year, found.month, found.day)
