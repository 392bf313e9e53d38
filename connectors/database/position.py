"""Where a reader of a view stands: the greatest value of the cursor column whose rows were all read, and what those rows were."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any

from connectors.errors import SourceUnavailableError

_MODULUS = 1 << 256
_FORMS: dict[str, Any] = {"int": int, "str": str, "decimal": Decimal, "datetime": datetime.fromisoformat, "date": date.fromisoformat}
Value = int | str | Decimal | datetime | date


@dataclass(frozen=True, slots=True)
class Tally:
    """Rows without their order: how many, and the sum of their hashes."""

    rows: int = 0
    total: int = 0

    def plus(self, cells: Sequence[str | None]) -> Tally:
        """With one more row."""
        digest = sha256(json.dumps(cells).encode()).digest()
        return Tally(self.rows + 1, (self.total + int.from_bytes(digest, "big")) % _MODULUS)


@dataclass(frozen=True, slots=True)
class Position:
    """``value``: the last value read to its end, None before the first and where there is no cursor column. ``tally``: the rows that have
    it, or all rows where there is no cursor column. ``unplaced``: the rows whose cursor is empty."""

    value: Value | None = None
    tally: Tally = Tally()
    unplaced: Tally = Tally()

    def to_text(self) -> str:
        """The position as a cursor is kept."""
        form = "" if self.value is None else type(self.value).__name__.lower()
        spelled = self.value.isoformat() if isinstance(self.value, date) else str(self.value)
        tallies = [[tally.rows, f"{tally.total:x}"] for tally in (self.tally, self.unplaced)]
        return json.dumps({"form": form, "value": spelled, "tallies": tallies})

    @classmethod
    def parse(cls, text: str) -> Position:
        """The position in a kept cursor; the beginning for an empty one. Raises SourceUnavailableError when it is none."""
        if not text:
            return cls()
        try:
            kept = json.loads(text)
            value = _FORMS[kept["form"]](kept["value"]) if kept["form"] else None
            tally, unplaced = (Tally(int(rows), int(total, 16)) for rows, total in kept["tallies"])
        except (ValueError, TypeError, KeyError, ArithmeticError, RecursionError) as error:
            raise SourceUnavailableError(
                "the kept cursor is none of this connector: forget it to read everything again 读取位置与此连接器不符，清除后全部重读"
            ) from error
        return cls(value, tally, unplaced)


def position_value(value: object) -> Value:
    """A cursor column's value as one that can be kept. Raises SourceUnavailableError for a type that has no exact text."""
    if isinstance(value, bool) or not isinstance(value, (int, str, Decimal, date)):
        raise SourceUnavailableError(
            f"the cursor column holds {type(value).__name__}: whole numbers, decimals, text, dates or times are expected 游标列类型不符"
        )
    return value
