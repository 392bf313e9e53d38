"""JSON APIs page by page: all of them are read in each way of paging, and come to an end."""

from __future__ import annotations

import pytest

from connectors.errors import SourceUnavailableError
from connectors.records import Record
from tests.support.connecting import CODES
from tests.support.department_api import DepartmentApi, page
from tests.support.reading_api import PAGES, Open, item, read


def test_an_item_becomes_a_record(connector: Open, api: DepartmentApi) -> None:
    api.items = [item(0)]
    (delivery,) = connector().deliveries("")
    (record,) = delivery.items()
    assert isinstance(record, Record)
    assert (record.uscc, record.period, dict(record.values)) == (CODES[0], "2023", {"revenue": "15000", "listed": "1", "staff": "0"})
    assert (record.origin.delivery, record.origin.place) == ("/v1/returns page 1", "item 1")
    assert delivery.digest
    delivery.settle(None, ())  # type: ignore[arg-type]  # an answer does nothing whatever the outcome


@pytest.mark.parametrize("by", PAGES)
@pytest.mark.parametrize("count", [0, 1, 2, 4, 5])
def test_all_pages_are_read_in_each_way_of_paging(connector: Open, api: DepartmentApi, by: str, count: int) -> None:
    api.items = api.items[:count]
    assert read(connector(PAGES[by])) == CODES[:count]
    assert len(api.seen) <= count // 2 + (2 if by in {"number", "offset"} else 1)


@pytest.mark.parametrize("by", ["number", "offset"])
def test_a_server_that_gives_fewer_at_once_than_asked_for_loses_nothing(connector: Open, api: DepartmentApi, by: str) -> None:
    api.limit = 1
    assert read(connector(PAGES[by])) == CODES[:5]


@pytest.mark.parametrize("total", [None, "many", -1, 10**20])
def test_a_total_that_is_none_is_told(connector: Open, api: DepartmentApi, total: object) -> None:
    api.answers.append(page(api.items[:2], total=total))
    assert "the number of all items is expected" in read(connector(PAGES["number up to a total"]))[0]


def test_the_same_pages_again_have_the_same_digests(connector: Open) -> None:
    first, second = ([(delivery.name, delivery.digest) for delivery in connector(PAGES["number"]).deliveries("")] for _ in range(2))
    assert first == second
    assert len(set(first)) == 3


def test_a_cursor_that_is_resumed_goes_on_where_the_last_run_ended(connector: Open, api: DepartmentApi) -> None:
    feed = connector("parameters: {size: '2', feed: '1', after: ''}, page: {by: cursor, parameter: after, path: data.cursor, resume: true}")
    cursor = ""
    for delivery in feed.deliveries(cursor):
        cursor = delivery.cursor
    assert cursor == "5"
    assert read(feed, cursor) == []
    api.items.append(item(7))
    assert read(feed, cursor) == [CODES[7]]


def test_pages_that_go_round_in_a_circle_come_to_an_end(connector: Open, api: DepartmentApi) -> None:
    api.answers.extend([page(api.items[:1], next="/a"), page(api.items[1:2], next="/b"), page(api.items[2:3], next="/a")])
    deliveries = connector(PAGES["next"]).deliveries("")
    assert [next(deliveries).name for _ in range(3)] == ["/v1/returns page 1", "/v1/returns page 2", "/v1/returns page 3"]
    with pytest.raises(SourceUnavailableError, match="do not come to an end"):
        next(deliveries)
