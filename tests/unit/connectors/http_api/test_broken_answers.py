"""Answers that are not as they should be are refused with their reason, and the rest goes on."""

from __future__ import annotations

import json
import re

import pytest

from connectors.records import Malformed, Record
from tests.support.connecting import CODES
from tests.support.department_api import DepartmentApi, page
from tests.support.reading_api import PAGES, Open, item, read

HUGE = json.dumps({"data": {"records": ["x" * 200_000] * 10}}).encode()
BROKEN: dict[str, tuple[int, dict[str, str], bytes, str]] = {
    "nothing": (200, {}, b"", "the answer is not JSON"),
    "a page for people": (200, {}, b"<html>maintenance</html>", "the answer is not JSON"),
    "cut short": (200, {}, b'{"data": {"records": [', "the answer is not JSON"),
    "text of another encoding": (200, {}, '{"data": "企业"}'.encode("gb18030"), "the answer is not JSON"),
    "nesting without end": (200, {}, b"[" * 200_000, "the answer is not JSON"),
    "a number without end": (200, {}, b'{"data": {"records": 1' + b"1" * 100_000 + b"}}", "there is no list at data.records"),
    "another form": (200, {}, b'{"rows": []}', "there is no list at data.records"),
    "no list": (200, {}, b'{"data": {"records": {}}}', "there is no list at data.records"),
    "a list at the top": (200, {}, b"[]", "there is no list at data.records"),
    "null": (200, {}, b"null", "there is no list at data.records"),
    "too large": (200, {}, HUGE, "the answer has more than 1000000 bytes"),
    "packed": (200, {"Content-Encoding": "gzip"}, b"\x1f\x8b", "the answer is packed"),
    "another host": (302, {"Location": "https://evil.example/v1/returns"}, b"", "leads to another host"),
    "another port": (307, {"Location": "https://127.0.0.1:1/"}, b"", "leads to another host"),
    "without TLS": (301, {"Location": "http://127.0.0.1/"}, b"", "leads to another host"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_page_is_refused_and_the_others_are_read(connector: Open, api: DepartmentApi, name: str) -> None:
    *answer, told = BROKEN[name]
    api.answers.extend([page(api.items[:2]), tuple(answer)])  # type: ignore[list-item]  # three parts of four
    found = read(connector(f"max_bytes: 1000000, {PAGES['number']}"))
    assert found[:2] == CODES[:2]
    assert re.search(told, found[2])
    assert found[3:] == CODES[4:5]


ITEMS: dict[str, tuple[object, str]] = {
    "no object": ("x", ": an object is expected"),
    "a list": ([1], ": an object is expected"),
    "no code": ({"finance": {"revenue": 1}, "listed": True}, "uscc: length"),
    "an amount that is not there": ({**item(1), "finance": {}}, "revenue: is not there"),
    "an amount inside a list": (item(1, finance=[{"revenue": 1}]), "revenue: is not there"),
    "an amount that is a list": (item(1, finance={"revenue": [1]}), "revenue: an exact decimal"),
    "an amount without end": (item(1, finance={"revenue": 10**60}), "revenue: an exact decimal"),
    "an amount that is none": (item(1, finance={"revenue": float("nan")}), "revenue: an exact decimal"),
    "a flag that is none": (item(1, listed=2), "listed: 应为其中之一 one of true, false"),
    "half a character": (item(1, listed="\ud800"), "listed: 应为其中之一 one of"),
    "a second row": (item(0, staff=9), ": a second row"),
}


@pytest.mark.parametrize("name", ITEMS)
def test_a_broken_item_is_refused_and_the_rest_goes_on(connector: Open, api: DepartmentApi, name: str) -> None:
    broken, told = ITEMS[name]
    api.items = [item(0), broken, item(2)]
    (delivery,) = connector().deliveries("")
    first, bad, last = delivery.items()
    assert isinstance(first, Record)
    assert isinstance(last, Record)
    assert isinstance(bad, Malformed)
    assert f"{bad.field}: {bad.reason}".startswith(told)
    assert bad.origin.place == "item 2"
    bad.content.encode()


def test_two_broken_pages_in_succession_end_the_run(connector: Open, api: DepartmentApi) -> None:
    api.answers.extend([page(api.items[:2]), *[(200, {}, b"x")] * 9])
    assert read(connector(PAGES["number"])) == [*CODES[:2], *["the answer is not JSON 不是合规的 JSON"] * 2]
    assert len(api.seen) == 3
