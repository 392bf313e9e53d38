"""JSON APIs over HTTPS: pages, patience, credentials and bounds, against a real server that pages, throttles, fails and lies."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from functools import partial
from pathlib import Path

import httpx
import pytest
from http_message_signatures import HTTPMessageVerifier, HTTPSignatureKeyResolver, algorithms

from connectors.api.client import Client, trust_of
from connectors.api.pages import ApiConnector
from connectors.api.signing import credentials_of
from connectors.connect import open_connector
from connectors.errors import DeliveryError, MappingError, SourceUnavailableError
from connectors.mapping import load_mapping
from connectors.records import Malformed, Record
from connectors.sources import HttpSource
from nodes.runtime.clock import Timer
from tests.support.connecting import CODES
from tests.support.department_api import DepartmentApi, department_api, page

MAPPING = """\
format: xinqiao/connector/v1
id: api
title: {{zh: 接口, en: API}}
source: {{kind: http, url: "{url}/v1/returns", items: data.records, ca_file: ca.pem, retries: 3{more}}}
keys: {{uscc: uscc, period: {{constant: "2023"}}}}
fields:
  revenue: {{column: finance.revenue, type: amount, unit: 10k-yuan, to: yuan}}
  listed: {{column: listed, type: flag, "true": ["true"], "false": ["false"]}}
  staff: {{column: staff, type: integer, optional: true}}
"""
PAGES = {
    "number": "page: {by: number, parameter: page, size_parameter: size, size: 2}",
    "number up to a total": "page: {by: number, parameter: page, size_parameter: size, size: 2, total: data.total}",
    "offset": "page: {by: offset, parameter: offset, size_parameter: size, size: 2}",
    "next": "parameters: {size: '2', after: ''}, page: {by: next, path: data.next}",
    "cursor": "parameters: {size: '2', after: ''}, page: {by: cursor, parameter: after, path: data.cursor}",
}
Open = Callable[..., ApiConnector]


def item(place: int, **other: object) -> dict[str, object]:
    return {"uscc": CODES[place], "finance": {"revenue": 1.5}, "listed": True, "staff": place, **other}


@pytest.fixture(scope="module")
def shared_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DepartmentApi]:
    with department_api(tmp_path_factory.mktemp("api")) as api:
        yield api


@pytest.fixture
def api(shared_api: DepartmentApi) -> DepartmentApi:
    shared_api.items = [item(place) for place in range(5)]
    shared_api.limit = 1000
    shared_api.answers.clear()
    shared_api.seen.clear()
    shared_api.allow = lambda uri, headers: True
    return shared_api


@pytest.fixture
def waited() -> list[float]:
    """What the client would have slept."""
    return []


@pytest.fixture
def connector(api: DepartmentApi, tmp_path: Path, waited: list[float]) -> Open:
    def connector(more: str = "", url: str = "") -> ApiConnector:
        (tmp_path / "ca.pem").write_bytes(api.ca_file.read_bytes())
        path = tmp_path / "api.yaml"
        path.write_text(
            MAPPING.format(url=url or api.url, more=f", {more}" if "rate_per_s" in more else f", rate_per_s: 10000, {more}".rstrip(", ")),
            encoding="utf-8",
        )
        mapping = load_mapping(path)
        assert isinstance(mapping.source, HttpSource)
        make = partial(Client, mapping.source, trust_of(mapping.source, tmp_path), credentials_of(mapping.source.auth, tmp_path), waited.append)
        return ApiConnector(mapping, mapping.source, make)

    return connector


def read(connector: ApiConnector, cursor: str = "") -> list[str]:
    """Codes of the records, reasons of what was refused, and of pages that could not be read."""
    found = []
    for delivery in connector.deliveries(cursor):
        try:
            found += [read.uscc if isinstance(read, Record) else f"{read.field}: {read.reason}" for read in delivery.items()]
        except DeliveryError as error:
            found.append(str(error))
    return found


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


def test_a_server_that_nobody_vouches_for_is_not_believed_and_not_asked_again(connector: Open, api: DepartmentApi, tmp_path: Path) -> None:
    unknown, waited = connector(), list[float]()
    source = unknown.source.model_copy(update={"ca_file": None})
    with pytest.raises(SourceUnavailableError, match=r"the certificate there is not trusted, see ca_file: ConnectError: .*self-signed"):
        read(ApiConnector(unknown.mapping, source, partial(Client, source, trust_of(source, tmp_path), lambda _: {}, waited.append)))
    assert (api.seen, waited) == ([], [])


def test_a_server_that_is_not_there_is_unavailable(connector: Open) -> None:
    with pytest.raises(SourceUnavailableError, match=r"ConnectError: .*Connection refused, after 4 attempts"):
        read(connector(url="https://127.0.0.1:9"))


# --- who asks [C7] ---


def test_a_token_is_sent_and_stands_in_a_private_file(connector: Open, api: DepartmentApi, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("abc123\n")
    token.chmod(0o644)
    with pytest.raises(MappingError, match="mode 0600"):
        connector("auth: {kind: bearer, file: token}")
    token.chmod(0o600)
    api.allow = lambda uri, headers: headers.get("authorization") == "Bearer abc123"
    assert read(connector("auth: {kind: bearer, file: token}")) == CODES[:5]
    with pytest.raises(SourceUnavailableError, match="status 401"):
        read(connector())


def test_a_signature_is_one_that_another_library_verifies(connector: Open, api: DepartmentApi, tmp_path: Path) -> None:
    key = bytes(range(32))
    (tmp_path / "key").write_text(key.hex())
    (tmp_path / "key").chmod(0o600)

    class Keys(HTTPSignatureKeyResolver):
        def resolve_public_key(self, key_id: str) -> bytes:
            assert key_id == "node-7"
            return key

        resolve_private_key = resolve_public_key

    verifier = HTTPMessageVerifier(signature_algorithm=algorithms.HMAC_SHA256, key_resolver=Keys())
    nonces = []

    def allow(uri: str, headers: dict[str, str]) -> bool:
        request = httpx.Request("GET", uri, headers={name: headers[name] for name in ("signature", "signature-input")})
        (result,) = verifier.verify(request)
        nonces.append(result.parameters["nonce"])
        return (
            set(result.covered_components) == {'"@method"', '"@target-uri"', '"@signature-params"'}
            and abs(int(result.parameters["created"]) - time.time()) < 60
        )

    api.allow = allow
    assert read(connector(f"auth: {{kind: signature, file: key, key_id: node-7}}, {PAGES['offset']}")) == CODES[:5]
    assert len(set(nonces)) == len(nonces) == 4


@pytest.mark.parametrize("key", ["", "xyz", "00" * 8, "密"])
def test_a_key_that_is_none_is_refused(connector: Open, tmp_path: Path, key: str) -> None:
    (tmp_path / "key").write_text(key)
    (tmp_path / "key").chmod(0o600)
    with pytest.raises(MappingError, match="key"):
        connector("auth: {kind: signature, file: key, key_id: k}")


def test_a_certificate_file_that_is_none_is_refused(connector: Open, tmp_path: Path) -> None:
    opened = connector()
    (tmp_path / "ca.pem").write_text("nothing")
    with pytest.raises(MappingError, match="no certificate"):
        trust_of(opened.source, tmp_path)
    with pytest.raises(MappingError, match="no certificate"):
        open_connector(tmp_path / "api.yaml")


# --- answers that are not as they should be: refused with their reason, and the rest goes on ---

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


def test_a_redirection_on_the_same_host_is_followed_and_signed_for_its_own_address(connector: Open, api: DepartmentApi) -> None:
    api.answers.append((307, {"Location": "/v2/returns?size=1000"}, b""))
    assert read(connector()) == CODES[:5]
    assert api.seen[-1][0].endswith("/v2/returns?size=1000")


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


def test_redirections_come_to_an_end(connector: Open, api: DepartmentApi) -> None:
    api.answers.extend([(307, {"Location": "/v1/returns"}, b"")] * 4)
    with pytest.raises(SourceUnavailableError, match="more than 3 redirections"):
        read(connector())


@pytest.mark.parametrize(
    ("link", "told"),
    [
        ("https://evil.example/more", "leads to another host"),
        ("//evil.example/more", "leads to another host"),
        ("https://[::1", "leads to what is no address"),
        ({}, "data.next: a text of at most 4000 characters is expected"),
    ],
)
def test_a_link_to_another_host_or_none_is_refused_and_not_asked(connector: Open, api: DepartmentApi, link: object, told: str) -> None:
    api.answers.append(page(api.items[:2], next=link))
    found = read(connector(PAGES["next"]))
    assert told in found[-1]
    assert len(api.seen) == 1


def test_pages_that_go_round_in_a_circle_come_to_an_end(connector: Open, api: DepartmentApi) -> None:
    api.answers.extend([page(api.items[:1], next="/a"), page(api.items[1:2], next="/b"), page(api.items[2:3], next="/a")])
    deliveries = connector(PAGES["next"]).deliveries("")
    assert [next(deliveries).name for _ in range(3)] == ["/v1/returns page 1", "/v1/returns page 2", "/v1/returns page 3"]
    with pytest.raises(SourceUnavailableError, match="do not come to an end"):
        next(deliveries)


def test_two_broken_pages_in_succession_end_the_run(connector: Open, api: DepartmentApi) -> None:
    api.answers.extend([page(api.items[:2]), *[(200, {}, b"x")] * 9])
    assert read(connector(PAGES["number"])) == [*CODES[:2], *["the answer is not JSON 不是合规的 JSON"] * 2]
    assert len(api.seen) == 3


def test_neither_parameters_nor_credentials_are_named_in_what_is_said(connector: Open, api: DepartmentApi) -> None:
    api.answers.append((403, {}, b"token=s3cret"))
    with pytest.raises(SourceUnavailableError) as error:
        read(connector("parameters: {key: s3cret}"))
    assert "s3cret" not in str(error.value)
    assert "s3cret" in api.seen[0][0]
