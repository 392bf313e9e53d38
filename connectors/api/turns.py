"""Which page is asked for next: by number, by offset, by a link in the answer, or by a cursor in it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from connectors.api.addresses import joined
from connectors.errors import DeliveryError
from connectors.sources import CursorPages, HttpSource, LinkedPages, NumberedPages, OffsetPages

ABSENT = object()


@dataclass(frozen=True, slots=True)
class Turn:
    """One request: the URI, and what the page is called. ``start``: its number, its offset or its place in the run; ``cursor``: what was asked
    for where the API has cursors."""

    uri: str
    name: str
    start: int = 0
    cursor: str = ""


def first_turn(source: HttpSource, cursor: str) -> Turn:
    """The first request of a run; ``cursor`` is what an earlier run has kept."""
    match source.page:
        case NumberedPages():
            return _numbered(source, source.page, source.page.first)
        case OffsetPages():
            return _at_offset(source, source.page, 0)
        case CursorPages() if cursor:
            return _after(source, source.page, cursor, 1)
        case _:
            return Turn(_with(source, {}), "page 1", 1)


def next_turn(source: HttpSource, turn: Turn, document: object, items: int | None) -> Turn | None:
    """The request after ``turn``, which gave ``items`` items in ``document``; None at the end. ``items`` is None for a page that could not
    be read: then only numbers and offsets say what comes after it. Raises DeliveryError when the answer's link or cursor is no text."""
    match source.page:
        case NumberedPages() if items is None or items >= source.page.size:
            return _numbered(source, source.page, turn.start + 1)
        case OffsetPages() if items is None or items >= source.page.size:
            return _at_offset(source, source.page, turn.start + source.page.size)
        case LinkedPages() if items is not None:
            link = _text_at(document, source.page.path)
            return Turn(joined(turn.uri, link), f"page {turn.start + 1}", turn.start + 1) if link else None
        case CursorPages() if items is not None:
            cursor = _text_at(document, source.page.path)
            ended = not cursor or (source.page.resume and (items == 0 or cursor == turn.cursor))
            return None if ended else _after(source, source.page, cursor, turn.start + 1)
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
        raise DeliveryError(f"{path}: a text of at most 4000 characters is expected, which says what comes next")
    return value


def _numbered(source: HttpSource, page: NumberedPages, number: int) -> Turn:
    size = {} if page.size_parameter is None else {page.size_parameter: str(page.size)}
    return Turn(_with(source, {page.parameter: str(number), **size}), f"page {number}", number)


def _at_offset(source: HttpSource, page: OffsetPages, offset: int) -> Turn:
    size = {} if page.size_parameter is None else {page.size_parameter: str(page.size)}
    return Turn(_with(source, {page.parameter: str(offset), **size}), f"items from {offset}", offset)


def _after(source: HttpSource, page: CursorPages, cursor: str, start: int) -> Turn:
    return Turn(_with(source, {page.parameter: cursor}), f"page {start}", start, cursor)


def _with(source: HttpSource, parameters: dict[str, str]) -> str:
    asked = urlencode({**source.parameters, **parameters})
    return f"{source.url}{'&' if '?' in source.url else '?'}{asked}" if asked else source.url
