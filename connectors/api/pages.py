"""A JSON API as a connector: each page is a delivery, and one that cannot be read does not keep the others [C8]."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from urllib.parse import urlsplit

from connectors.api.client import Client
from connectors.api.turns import ABSENT, Turn, first_turn, kept_cursor, next_turn, value_at
from connectors.errors import DeliveryError, SourceUnavailableError
from connectors.mapping import ConnectorMapping
from connectors.records import Delivery, Malformed, Origin, Outcome, Record
from connectors.rows.cells import text_of
from connectors.rows.reader import RowFaultError, RowReader, malformed
from connectors.sources import CursorPages, HttpSource

MAX_PAGES = 100_000
UNREADABLE = "#STRUCTURE!"
"""What stands for a list or an object where a value is expected: no reader takes it."""


@dataclass(frozen=True, slots=True)
class ApiConnector:
    """A connector over the API of ``source``; ``client`` makes who asks, anew for each run."""

    mapping: ConnectorMapping
    source: HttpSource
    client: Callable[[], Client]

    @property
    def id(self) -> str:
        """The mapping's id."""
        return self.mapping.id

    @property
    def reading(self) -> str:
        """The mapping's."""
        return self.mapping.reading

    def deliveries(self, cursor: str) -> Iterator[Delivery]:
        """The pages that hold something, or, where the API's own cursor is resumed, those after ``cursor``. The end is a page that says so, or
        the second in succession that cannot be read.

        Raises SourceUnavailableError when the API cannot be asked, or its pages do not come to an end.
        """
        client = self.client()
        try:
            turn: Turn | None = first_turn(self.source, cursor)
            asked: set[str] = set()
            before = ""
            while turn is not None:
                if turn.uri in asked or len(asked) == MAX_PAGES:
                    raise SourceUnavailableError("the pages do not come to an end 分页没有尽头")
                asked.add(turn.uri)
                page, turn = self._read(client, turn)
                if page.fault or page.found:
                    yield page
                turn = None if page.fault and before else turn
                before = page.fault
        finally:
            client.close()

    def _read(self, client: Client, turn: Turn) -> tuple[_Page, Turn | None]:
        """The page of ``turn``, and the turn after it."""
        name = f"{urlsplit(self.source.url).path or '/'} {turn.name}"
        body = b""
        try:
            body = client.get(turn.uri)
            document = _document(body)
            found = _list_at(document, self.source.items)
            following = next_turn(self.source, turn, document, len(found))
            kept = kept_cursor(self.source, turn, document)
        except DeliveryError as error:
            fault = str(error)
            page = _Page(self.mapping, name, hashlib.sha256(body or fault.encode()).hexdigest(), turn.cursor, fault)
            return page, next_turn(self.source, turn, None, None)
        digest = "" if kept else hashlib.sha256(body).hexdigest()
        later = isinstance(self.source.page, CursorPages) and self.source.page.resume
        return _Page(self.mapping, name, digest, kept, "", found, distinct=not later), following


@dataclass(frozen=True, slots=True)
class _Page:
    """What one answer held, or why it could not be read."""

    mapping: ConnectorMapping
    name: str
    digest: str
    cursor: str
    fault: str
    found: list[object] | tuple[()] = ()
    distinct: bool = True

    def items(self) -> Iterator[Record | Malformed]:
        """What the items hold. Raises DeliveryError when the answer could not be read."""
        if self.fault:
            raise DeliveryError(self.fault)
        reader = RowReader(self.mapping, distinct=self.distinct)
        for number, item in enumerate(self.found, start=1):
            origin = Origin(self.mapping.id, self.name, f"item {number}")
            if not isinstance(item, dict):
                yield malformed(origin, "", "an object is expected 应为 JSON 对象", _shown(item))
                continue
            cells = [_cell(value_at(item, name)) for name in reader.columns]
            try:
                yield reader.read(cells, origin)
            except RowFaultError as fault:
                yield malformed(origin, fault.field, str(fault), cells)

    def settle(self, outcome: Outcome, refused: tuple[Malformed, ...]) -> None:
        """An answer has no life of its own."""


def read_item(mapping: ConnectorMapping, text: str) -> Iterator[Record | Malformed]:
    """What one item by itself holds, given as JSON. Raises DeliveryError when it is none."""
    return _Page(mapping, "", "", "", "", [_document(text.encode())]).items()


def _document(body: bytes) -> object:
    """Parsed JSON with every number as its exact text. Raises DeliveryError when it is none."""
    try:
        return json.loads(body, parse_int=str, parse_float=_number, parse_constant=str)
    except (ValueError, RecursionError) as error:
        raise DeliveryError("the answer is not JSON 不是合规的 JSON") from error


def _list_at(document: object, path: str | None) -> list[object]:
    found = document if path is None else value_at(document, path)
    if not isinstance(found, list):
        raise DeliveryError(f"there is no list at {path or 'the top'} 该处应为列表")
    return found


def _number(text: str) -> str:
    try:
        return text_of(Decimal(text))
    except InvalidOperation:
        return text


def _cell(value: object) -> str | None:
    if value is ABSENT:
        return None
    return UNREADABLE if isinstance(value, (dict, list)) else text_of(value)


def _shown(item: object) -> str:
    try:
        return json.dumps(item, ensure_ascii=False)
    except RecursionError:
        return ""
