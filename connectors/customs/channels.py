"""What a receipt's channel code means, by dialect [K6]. Codes are case-sensitive; one that the table lacks is shown as it came."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Literal, get_args

from connectors.errors import MappingError

Dialect = Literal["a", "b", "c", "d"]
DIALECTS: tuple[str, ...] = get_args(Dialect)
UNKNOWN = "unknown"
PHASES = (
    UNKNOWN, "submitted", "accepted", "quarantine", "reviewed", "tax", "inspection", "exception", "released", "cleared", "rejected", "deleted",
)  # fmt: skip
"""Phases of a declaration, in the order in which one of two receipts of the same second decides: the later in this list."""
TROUBLE = frozenset({"exception", "rejected", "deleted", UNKNOWN})
BY_CUSTOMS = frozenset({"accepted", "reviewed", "tax", "inspection", "released", "cleared"})
"""Phases that only a declaration which customs took can be in."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One code: what it means in Chinese and English, and the phase that it puts a declaration in."""

    code: str
    zh: str
    en: str
    phase: str


class Channels:
    """The table of one dialect. Raises MappingError for a dialect that is not one of DIALECTS."""

    def __init__(self, dialect: str) -> None:
        if dialect not in DIALECTS:
            raise MappingError(f"dialect {dialect!a}: one of {', '.join(DIALECTS)} is right 应为其中之一")
        self.dialect = dialect
        self._channels = _table(dialect)

    def __getitem__(self, code: str) -> Channel:
        """The meaning of ``code``; for one that is not in the table a channel of phase UNKNOWN, whose meaning is that it is not known."""
        return self._channels.get(code) or Channel(code, "未知回执代码", "unknown channel code", UNKNOWN)

    def codes(self) -> tuple[str, ...]:
        """All codes of the dialect."""
        return tuple(self._channels)


def _table(dialect: str) -> Mapping[str, Channel]:
    text = resources.files("connectors.customs").joinpath("channels.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return {row["code"]: Channel(row["code"], row["meaning_zh"], row["meaning_en"], row["phase"]) for row in rows if dialect in row["dialects"]}
