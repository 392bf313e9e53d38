"""Which page is asked for next: by number, by offset, by a link in the answer, or by a cursor in it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from urllib.parse import urlencode

from connectors.api.addresses import joined
from connectors.errors import DeliveryError
from connectors.sources import CursorPages, HttpSource, LinkedPages, NumberedPages, OffsetPages

ABSENT = object()


@dataclass(frozen=True, slots=True)
class Turn:
    """One request: the URI, and what the page is called. ``number``: of the page; ``before``: items of the pages before it; ``cursor``: what was
    asked for where the API has cursors."""

    uri: str
    name: str
    number: int = 1
    before: int = 0
    cursor: str = ""


def first_turn(source: HttpSource, cursor: str) -> Turn:
    """The first request of a run; ``cursor`` is what an earlier run has kept."""
    match source.page:
        case NumberedPages():
            return _numbered(source, source.page, source.page.first, 0)
        case OffsetPages():
            return _at_offset(source, source.page, 0)
        case CursorPages() if cursor:
            return _after(source, source.page, cursor, 1)
        case _:
            return Turn(_with(source, {}), "page 1")


def next_turn(source: HttpSource, turn: Turn, document: object, items: int | None) -> Turn | None:
    """The request after ``turn``, which gave ``items`` items in ``document``; None at the end. ``items`` is None for a page that could not
    be read: then only numbers and offsets say what comes after it. Raises DeliveryError when the answer's link or cursor is no text."""
    page = source.page
    match page:
        case NumberedPages() | OffsetPages():
            read = turn.before + (page.size if items is None else items)
            if items is not None and (items == 0 or read >= _total(document, page)):
                return None
            return _numbered(source, page, turn.number + 1, read) if isinstance(page, NumberedPages) else _at_offset(source, page, read)
        case LinkedPages() if items is not None:
            link = _text_at(document, page.path)
            return Turn(joined(turn.uri, link), f"page {turn.number + 1}", turn.number + 1) if link else None
        case CursorPages() if items is not None:
            cursor = _text_at(document, page.path)
            ended = not cursor or (page.resume and (items == 0 or cursor == turn.cursor))
            return None if ended else _after(source, page, cursor, turn.number + 1)
        case _:
            return None


def kept_cursor(source: HttpSource, turn: Turn, document: object) -> str:
    """What a later run goes on with once the page of ``turn`` was taken; empty where every run reads everything."""
    if not isinstance(source.page, CursorPages) or not source.page.resume:
        return ""
    return _text_at(document, source.page.path) or turn.cursor


def value_at(document: object, path: str) -> object:
    """The value at names joined by points; ABSENT where there is none.

    >>> value_at({"data": {"next": "x"}}, "data.next"), value_at({}, "data.next") is ABSENT
    ('x', True)
    """
    for name in path.split("."):
        if not isinstance(document, dict) or name not in document:
            return ABSENT
        document = document[name]
    return document


def _text_at(document: object, path: str) -> str:
    value = value_at(document, path)
    if value is ABSENT or value is None:
        return ""
    if not isinstance(value, str) or len(value) > 4000:
        raise DeliveryError(f"{path}: a text of at most 4000 characters is expected, which says what comes next 应为指明下一页的文字，且不得过长")
    return value


def _total(document: object, page: NumberedPages | OffsetPages) -> float:
    if page.total is None:
        return math.inf
    value = value_at(document, page.total)
    if not isinstance(value, str) or not (value.isascii() and value.isdecimal() and len(value) < 16):
        raise DeliveryError(f"{page.total}: the number of all items is expected 应为总条数")
    return int(value)


def _numbered(source: HttpSource, page: NumberedPages, number: int, before: int) -> Turn:
    return Turn(_with(source, {page.parameter: str(number), **_size(page)}), f"page {number}", number, before)


def _at_offset(source: HttpSource, page: OffsetPages, offset: int) -> Turn:
    return Turn(_with(source, {page.parameter: str(offset), **_size(page)}), f"items from {offset}", before=offset)


def _size(page: NumberedPages | OffsetPages) -> dict[str, str]:
    return {} if page.size_parameter is None else {page.size_parameter: str(page.size)}


def _after(source: HttpSource, page: CursorPages, cursor: str, number: int) -> Turn:
    return Turn(_with(source, {page.parameter: cursor}), f"page {number}", number, cursor=cursor)


def _with(source: HttpSource, parameters: dict[str, str]) -> str:
    asked = urlencode({**source.parameters, **parameters})
    return f"{source.url}{'&' if '?' in source.url else '?'}{asked}" if asked else source.url
