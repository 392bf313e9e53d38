"""Pace, patience and time: what an API asks for is given within bounds, and it keeps nobody waiting."""

from __future__ import annotations

import json
import threading
import time
from email.utils import formatdate

import pytest

from connectors.errors import SourceUnavailableError
from nodes.runtime.clock import Timer
from tests.support.connecting import CODES
from tests.support.department_api import DepartmentApi
from tests.support.reading_api import PAGES, Open, read


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_server_that_asks_for_patience_gets_it(connector: Open, api: DepartmentApi, waited: list[float], status: int) -> None:
    api.answers.extend(
        [(status, {"Retry-After": "7"}, b""), (status, {}, b""), (status, {"Retry-After": formatdate(time.time() + 20, usegmt=True)}, b"")]
    )
    assert read(connector()) == CODES[:5]
    pauses = [pause for pause in waited if pause > 0.01]
    assert len(pauses) == 3
    assert pauses[0] == 7
    assert 18 <= pauses[2] <= 20


def test_patience_has_an_end_and_a_bound(connector: Open, api: DepartmentApi, waited: list[float]) -> None:
    api.answers.extend([(503, {"Retry-After": "86400"}, b"")] * 4)
    with pytest.raises(SourceUnavailableError, match="/v1/returns: status 503, after 4 attempts"):
        read(connector())
    assert max(waited) == 60
    assert len(api.seen) == 4


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_a_refusal_is_not_asked_again(connector: Open, api: DepartmentApi, status: int) -> None:
    api.answers.append((status, {}, b""))
    with pytest.raises(SourceUnavailableError, match=f"status {status}"):
        read(connector())
    assert len(api.seen) == 1


def test_requests_keep_their_pace(connector: Open, waited: list[float]) -> None:
    assert read(connector(f"rate_per_s: 2, {PAGES['number']}")) == CODES[:5]
    assert len(waited) == 3
    assert all(0.3 < pause <= 1.5 for pause in waited)


def test_a_server_that_is_not_there_is_unavailable(connector: Open) -> None:
    with pytest.raises(SourceUnavailableError, match=r"ConnectError: .*Connection refused, after 4 attempts"):
        read(connector(url="https://127.0.0.1:9"))


def test_a_server_that_keeps_the_rest_of_an_answer_back_does_not_keep_us(connector: Open, api: DepartmentApi) -> None:
    api.answers.append((200, {"Content-Length": "30000"}, b"{"))
    timer = Timer(20)
    with pytest.raises(SourceUnavailableError, match=r"no whole answer within 0\.2 s"):
        read(connector("answer_s: 0.2, timeout_s: 60"))
    assert timer.left_s() > 0
    assert read(connector("answer_s: 20")) == CODES[:5]


def test_an_answer_that_is_cut_off_when_its_time_is_up_is_not_taken_for_whole(connector: Open, api: DepartmentApi) -> None:
    whole = json.dumps({"data": {"records": api.items}}).encode()
    api.answers.append((200, {"Content-Length": ""}, whole))
    with pytest.raises(SourceUnavailableError, match="no whole answer"):
        read(connector("answer_s: 0.2, timeout_s: 60"))


def test_a_run_comes_to_an_end_however_many_pages_there_are(connector: Open, api: DepartmentApi) -> None:
    pages = connector(f"run_s: 0.3, {PAGES['number']}").deliveries("")
    next(pages)
    threading.Event().wait(0.31)
    with pytest.raises(SourceUnavailableError, match="run_s"):
        next(pages)
