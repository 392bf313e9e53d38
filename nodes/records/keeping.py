"""Keeps what a delivery says, within its transaction: records as versions, malformed parts in quarantine."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from sqlalchemy import Connection, bindparam, insert, select, update

from connectors.errors import DeliveryError
from connectors.records import Malformed, Record
from nodes.records.store import states
from nodes.records.tables import DELIVERIES, QUARANTINE, VERSIONS
from nodes.records.versions import State, first
from nodes.runtime.replica.value_messages import MAX_FIELDS

CHUNK = 1000
MAX_MALFORMED = 20_000
MAX_RECORD = 100_000  # characters
_PERIOD = re.compile(r"[0-9A-Za-z][0-9A-Za-z.-]{0,31}")
_DATE = re.compile(r"(?:[0-9]{4}-[0-9]{2}-[0-9]{2})?")
_FIELD = re.compile(r"[a-z][a-z0-9_]{0,62}")
_USCC = re.compile(r"[0-9A-HJ-NP-RTUWXY]{18}")
_HALF = re.compile("[\ud800-\udfff]")
_SAID = ("place", "field", "reason", "content", "header")
Key = tuple[str, str]


def fitting(items: Iterable[Record | Malformed], bad: list[Malformed]) -> Iterator[Record]:
    """The records among ``items`` that fit the tables; the rest goes to ``bad``. Raises DeliveryError beyond MAX_MALFORMED of them."""
    fields: set[tuple[str, ...]] = set()
    for item in items:
        if isinstance(item, Record):
            reason = _misfit(item, fields)
            if not reason:
                yield item
                continue
            wrong = Malformed(item.origin, "", reason, "")
        else:
            wrong = item
        _put_aside(bad, wrong)


def keep_records(connection: Connection, delivery: int, day: str, records: Iterable[Record], bad: list[Malformed]) -> int:
    """Keep what ``records``, which fit, say in delivery number ``delivery`` on ``day`` (ISO date). Returns how many were kept.

    What would make its record larger than a record may be goes to ``bad``, and the record stays as it was.
    """
    count, stream = 0, iter(records)
    while chunk := list(islice(stream, CHUNK)):
        large: list[Malformed] = []
        rows = list(_versions(connection, delivery, day, chunk, large))
        if rows:
            connection.execute(insert(VERSIONS), rows)
        count += len(chunk) - len(large)
        for part in large:
            _put_aside(bad, part)
    return count


def set_aside(connection: Connection, delivery: int, connector: str, name: str, parts: Iterable[Malformed]) -> None:
    """Keep malformed parts of delivery number ``delivery`` for a person. What waits already, word for word, of an earlier one of that name
    waits once, and is of this one from now on."""
    of_name = select(DELIVERIES.c.id).where(DELIVERIES.c.connector == connector, DELIVERIES.c.name == name)
    waiting = select(QUARANTINE).where(QUARANTINE.c.delivery.in_(of_name), QUARANTINE.c.state == "waiting")
    known = {(row.place, row.field, row.reason, row.content, row.header): row.id for row in connection.execute(waiting)}
    again, fresh = [], []
    for part in parts:
        said = (part.origin.place[:1000], part.field[:100], printable(part.reason)[:500], printable(part.content), printable(part.header))
        if said in known:
            again.append({"number": known[said], "now": delivery})
        else:
            fresh.append({"delivery": delivery, "state": "waiting", **dict(zip(_SAID, said, strict=True))})
    if again:
        here = QUARANTINE.c.id == bindparam("number")
        connection.execute(update(QUARANTINE).where(here).values(delivery=bindparam("now")), again)
    if fresh:
        connection.execute(insert(QUARANTINE), fresh)


def printable(text: str) -> str:
    """``text`` without NUL, which PostgreSQL does not take."""
    return text.replace("\x00", "\ufffd")


def _misfit(record: Record, known: set[tuple[str, ...]]) -> str:
    """Why a record cannot be kept, whatever connector made it; ``known`` are the sets of fields that were looked at before."""
    if not _USCC.fullmatch(record.uscc):
        return "uscc is not 18 characters of a unified social credit code 统一社会信用代码应为 18 位"
    if not _PERIOD.fullmatch(record.period):
        return "period is not like 1995 or 2023-12 所属期格式不符"
    if not _DATE.fullmatch(record.valid_from):
        return "valid_from is not a date like 2024-01-31 应为日期"
    names = tuple(record.values)
    if names not in known:
        if not all(_FIELD.fullmatch(name) for name in names):
            return "a field's name is not in lower case 字段名须为小写"
        known.add(names)
    text = "".join(record.values.values())
    return "values hold a NUL or half of a surrogate pair 值含无效字符" if "\x00" in text or _HALF.search(text) else _too_large(record.values)


def _too_large(values: Mapping[str, str]) -> str:
    """Why no record has such values: every record can be shown to its enterprise, and read, as a whole [V1]."""
    if len(values) > MAX_FIELDS:
        return f"the record would have {len(values)} fields; {MAX_FIELDS} at most are right 字段过多"
    size = sum(map(len, values.values()))
    return f"the record would have {size} characters; {MAX_RECORD} at most are right 内容过长" if size > MAX_RECORD else ""


def _put_aside(bad: list[Malformed], wrong: Malformed) -> None:
    if len(bad) == MAX_MALFORMED:
        raise DeliveryError(f"more than {MAX_MALFORMED} parts are malformed: the delivery or its mapping is wrong 有误之处过多，请核对数据或映射")
    bad.append(wrong)


def _versions(connection: Connection, delivery: int, day: str, chunk: list[Record], large: list[Malformed]) -> Iterator[dict[str, object]]:
    """Rows of those records of a chunk that say something new, in order; what would make one too large goes to ``large``."""
    present, late = _present(connection, chunk), set[str]()
    for record in chunk:
        key, said = (record.uscc, record.period), dict(record.values)
        old = present.get(key)
        state = first(said, record.valid_from, day) if old is None else old.after(said, record.valid_from, day)
        if old is not None and state == old:
            mark = repr((key, record.valid_from, sorted(said.items())))
            if mark in late or not old.outdates(said, record.valid_from) or _said_before(connection, record, said):
                continue
            late.add(mark)
        elif reason := _too_large(state.values):
            large.append(Malformed(record.origin, "", reason, ""))
            continue
        present[key] = state
        valid_from = record.valid_from or day
        yield {
            "uscc": record.uscc,
            "period": record.period,
            "said": said,
            "values": None if state.values == said else state.values,
            "valid_from": valid_from,
            "since": None if state.since == valid_from else state.since,
            "delivery": delivery,
            "place": record.origin.place[:1000],
        }


def _present(connection: Connection, records: Iterable[Record]) -> dict[Key, State]:
    by_period: dict[str, list[str]] = {}
    for record in records:
        by_period.setdefault(record.period, []).append(record.uscc)
    return {(uscc, period): state for period, usccs in by_period.items() for uscc, state in states(connection, period, usccs)}


def _said_before(connection: Connection, record: Record, said: dict[str, str]) -> bool:
    where = (VERSIONS.c.period == record.period, VERSIONS.c.uscc == record.uscc, VERSIONS.c.valid_from == record.valid_from)
    return any(before == said for (before,) in connection.execute(select(VERSIONS.c.said).where(*where)))
