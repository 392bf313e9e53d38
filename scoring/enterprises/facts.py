"""The public facts of one enterprise, as market supervision publishes them: parsed once, valid by construction.

Nothing here is confidential and nothing comes from contributions: code, name, place, trade, day of registration, board on which it is listed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from scoring.enterprises.divisions import DIVISION
from scoring.enterprises.trades import trade_code

BOARDS = {
    "main": ("主板", "Main board"),
    "star": ("科创板", "STAR market"),
    "chinext": ("创业板", "ChiNext"),
    "bse": ("北交所", "Beijing Stock Exchange"),
    "neeq": ("新三板", "NEEQ"),
    "overseas": ("境外", "Overseas"),
}
"""Boards on which an enterprise may be listed, by the word that a mapping gives; empty text where it is on none."""
_CAPITAL = re.compile(r"([0-9]{1,13})(?:\.([0-9]{1,2}))?")


class FactError(ValueError):
    """A fact is not as it should be. ``field``: which; the message says what would be right, never what was there."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


@dataclass(frozen=True, slots=True)
class Enterprise:
    """One enterprise by its public facts.

    ``subject``: its id in the exchange. ``division``: six digits of GB/T 2260, its county. ``trade``: of GB/T 4754, the letter of its section and
    two to four digits (I6513), empty where the register does not say. ``founded``, ``listed_on``: ISO dates or empty. ``board``: a word of
    ``BOARDS`` or empty. ``capital_fen``: registered capital, None where it is not said.
    """

    subject: str
    uscc: str
    company: str
    division: str
    trade: str = ""
    founded: str = ""
    board: str = ""
    listed_on: str = ""
    capital_fen: int | None = None

    @property
    def section(self) -> str:
        """Letter of its trade's section; empty where the register does not say."""
        return self.trade[:1]


def read_facts(said: Mapping[str, str]) -> dict[str, str]:
    """The facts among ``said`` as they are kept; an empty value stays: it states that there is nothing. Other names are passed over.

    Raises FactError for a value that cannot be.
    """
    return {name: _read(name, said[name]) for name in FACTS if name in said}


def enterprise_of(subject: str, uscc: str, facts: Mapping[str, str]) -> Enterprise | None:
    """The enterprise of facts that ``read_facts`` gave, from one source or several; None until company and division are known."""
    known = {name: text for name, text in facts.items() if text}
    if "company" not in known or "division" not in known:
        return None
    capital = known.pop("capital", "")
    return Enterprise(subject, uscc, **known, capital_fen=int(capital) if capital else None)


def _read(name: str, text: str) -> str:
    try:
        return _READERS[name](text) if text else ""
    except ValueError as error:
        raise FactError(name, str(error)) from error


def _division(text: str) -> str:
    if not DIVISION.fullmatch(text) or text.endswith("00"):
        raise ValueError("a county is expected, six digits of GB/T 2260 that do not end in 00 应为县级行政区划代码")
    return text


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise ValueError("a date is expected, such as 2011-03-04 应为日期") from error


def _board(text: str) -> str:
    if text not in BOARDS:
        raise ValueError(f"one of {', '.join(BOARDS)} is expected 应为其中之一")
    return text


def _fen(text: str) -> str:
    match = _CAPITAL.fullmatch(text)
    if match is None:
        raise ValueError("an amount in yuan is expected, with at most two digits after the point 应为元，小数至多两位")
    return str(int(match[1]) * 100 + int((match[2] or "").ljust(2, "0")))


_READERS: dict[str, Callable[[str], str]] = {
    "company": str,
    "division": _division,
    "trade": trade_code,
    "founded": _day,
    "board": _board,
    "listed_on": _day,
    "capital": _fen,
}
FACTS = tuple(_READERS)
"""Names that a register's mapping may give; ``capital`` is an amount in yuan, all others text."""
