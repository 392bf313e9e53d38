"""Pages in two languages: texts are written in Chinese, their English stands in catalogues (``en.po``) beside the templates [W5].

Numbers, money and times are written here too, for both languages alike. Times are shown in China's one time zone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Final, Literal

from babel.messages.catalog import Message
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

from scoring.statements import Title

Language = Literal["zh", "en"]
CHINESE: Final = "zh"
ENGLISH: Final = "en"
ZONE: Final = timezone(timedelta(hours=8), "CST")


def N_(text: str) -> str:  # the name by which extractors of messages know it
    """Marks a Chinese text outside templates that a page shows later through its translations."""
    return text


class Catalogues:
    """The English of every text, by the part of a site in whose catalogue it stands: parts may say the same text otherwise in English."""

    def __init__(self) -> None:
        self._parts: dict[str, dict[str, tuple[str, ...]]] = {}
        self._first: dict[str, tuple[str, ...]] = {}

    def add(self, part: str, file: Path) -> None:
        """Take in the catalogue ``file`` of ``part``."""
        with file.open("rb") as opened:
            found = {_id(message): _strings(message) for message in read_po(opened, locale="en") if message.id}
        self._parts[part] = found
        self._first = {**found, **self._first}

    def text(self, part: str, language: Language, text: str) -> str:
        """``text`` of a part in ``language``: by its own catalogue, else by the first that has it; itself where none does."""
        return text if language == CHINESE else self._english(part, text)[0]

    def texts(self, part: str, language: Language, one: str, many: str, count: int) -> str:
        """As ``text``, for a text that counts something; Chinese has one form."""
        if language == CHINESE:
            return one if count == 1 else many
        return self._english(part, one)[-1 if count != 1 else 0]

    def _english(self, part: str, text: str) -> tuple[str, ...]:
        return self._parts.get(part, {}).get(text) or self._first.get(text, (text,))


def own(title: Title, language: Language) -> str:
    """A title of a model or member in ``language``."""
    return title.zh if language == CHINESE else title.en


def when(seconds: int) -> str:
    """A time to the minute.

    >>> when(1764000000)
    '2025-11-25 00:00'
    """
    return datetime.fromtimestamp(seconds, UTC).astimezone(ZONE).strftime("%Y-%m-%d %H:%M")


def day(seconds: int) -> str:
    """A day.

    >>> day(1764000000)
    '2025-11-25'
    """
    return when(seconds)[:10]


def number(value: float) -> str:
    """A count or a measure.

    >>> number(8100)
    '8,100'
    """
    return format_decimal(value, locale="zh_CN")


def points(hundredths: int) -> str:
    """Points with two digits.

    >>> points(7350)
    '73.50'
    """
    return _hundredths(hundredths)


def yuan(fen: int) -> str:
    """An amount in yuan, without its unit.

    >>> yuan(50_000_050)
    '500,000.50'
    """
    return _hundredths(fen)


def exact(hundredths: int) -> Decimal:
    """Fen as yuan, or hundredths of a point as points, for a file's cell: with every digit.

    >>> exact(50_000_050)
    Decimal('500000.50')
    """
    return Decimal(hundredths).scaleb(-2)


def joined(parts: Sequence[str], language: Language) -> str:
    """A list within a sentence."""
    return ("、" if language == CHINESE else ", ").join(parts)


def _id(message: Message) -> str:
    return str(message.id) if isinstance(message.id, str) else str(message.id[0])


def _strings(message: Message) -> tuple[str, ...]:
    return (message.string,) if isinstance(message.string, str) else tuple(message.string or ())


def _hundredths(value: int) -> str:
    whole, rest = divmod(abs(value), 100)
    return f"{'-' if value < 0 else ''}{whole:,}.{rest:02}"
