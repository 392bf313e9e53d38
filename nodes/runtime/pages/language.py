"""Pages in two languages: texts are written in Chinese, their English stands in catalogues (``en.po``) beside the templates [W5].

Numbers, money and times are written here too, for both languages alike. Times are shown in China's one time zone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from io import BytesIO
from pathlib import Path
from typing import Final, Literal

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from babel.support import NullTranslations, Translations

from scoring.statements import Title

Language = Literal["zh", "en"]
CHINESE: Final = "zh"
ENGLISH: Final = "en"
ZONE: Final = timezone(timedelta(hours=8), "CST")


def N_(text: str) -> str:  # the name by which extractors of messages know it
    """Marks a Chinese text outside templates that a page shows later through its translations."""
    return text


class Catalogues:
    """The English of every text of the given folders."""

    def __init__(self) -> None:
        self._merged = Catalog(locale="en")
        self._translations: Mapping[Language, NullTranslations] = {CHINESE: NullTranslations(), ENGLISH: NullTranslations()}

    def add(self, file: Path) -> None:
        """Take in the catalogue ``file``. Raises ValueError where it gives a text another English than one before."""
        with file.open("rb") as opened:
            for message in read_po(opened, locale="en"):
                if not message.id:
                    continue
                known = self._merged.get(message.id)
                if known is not None and known.string != message.string:
                    raise ValueError(f"{file}: {message.id!r} is {known.string!r} elsewhere")
                self._merged.add(message.id, message.string)
        compiled = BytesIO()
        write_mo(compiled, self._merged)
        compiled.seek(0)
        self._translations = {CHINESE: NullTranslations(), ENGLISH: Translations(compiled)}

    def text(self, language: Language, text: str) -> str:
        """``text`` in ``language``; itself where it has no English."""
        return self._translations[language].gettext(text)

    def texts(self, language: Language, one: str, many: str, count: int) -> str:
        """As ``text``, for a text that counts something; Chinese has one form."""
        return self._translations[language].ngettext(one, many, count)


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


def joined(parts: Sequence[str], language: Language) -> str:
    """A list within a sentence."""
    return ("、" if language == CHINESE else ", ").join(parts)


def _hundredths(value: int) -> str:
    whole, rest = divmod(abs(value), 100)
    return f"{'-' if value < 0 else ''}{whole:,}.{rest:02}"
