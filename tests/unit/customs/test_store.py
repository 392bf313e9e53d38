"""What the customs connector keeps: declarations with their history, failures of the client, and every message byte by byte."""

from __future__ import annotations

from pathlib import Path

from connectors.customs.declarations import build_declaration
from crypto.encoding import sha256
from tests.support.customs import (
    OTHER,
    USCC,
    Client,
    Site,
    connector,
    declaration,
    enveloped,
    failure,
    memory_engine,
    receipt,
    response,
    store,
    taken,
    zipped,
)


def test_declarations_are_listed_by_enterprise_and_year_with_their_history(site: Site) -> None:
    site.send(1)
    site.send(2, "LH", day="2022-07-01")
    site.send(3, uscc=OTHER)
    taken(site.connector)
    (newest, oldest) = site.store.declarations(USCC)
    assert ([step["code"] for step in newest["history"]], newest["totals"], newest["lines"]) == (["0", "L", "P", "R"], {"USD": "20.50"}, 2)
    assert oldest["status"]["zh"] == "挂起需手工申报"
    assert [case["declared_on"] for case in site.store.declarations(USCC, "2022")] == ["2022-07-01"]
    assert [case["uscc"] for case in site.store.declarations(limit=2, offset=2)] == [USCC]
    assert [case["id"] for case in site.store.exceptions()] == [oldest["id"]]


def test_failures_of_the_client_are_listed_with_their_file(site: Site) -> None:
    site.client.put("FailBox/Failed_C1.xml", failure())
    taken(site.connector)
    assert site.store.failures() == [{"kind": "1", "value": "F", "code": "1001", "info": "报文校验失败", "origin": "FailBox/Failed_C1.xml"}]


def test_every_message_is_kept_byte_by_byte(site: Site) -> None:
    data = enveloped(receipt("L", "I7"))
    site.client.put("InBox/one.xml", data)
    taken(site.connector)
    assert site.store.raw(sha256(receipt("L", "I7")).hex()) == data


def test_the_folders_of_two_clients_are_not_joined(tmp_path: Path) -> None:
    engine = memory_engine()
    one, two = (store(engine, source=name) for name in ("one", "two"))
    first, second = Client(tmp_path / "1"), Client(tmp_path / "2")
    first.put("SentBox/a.zip", zipped({"a.xml": build_declaration(declaration())}))
    second.put("InBox/Receipt.xml", receipt("E", "C0001"))
    second.put("InBox/Successed.xml", response())
    for name, client in (("one", first), ("two", second)):
        taken(connector(client.root, engine, source=name))
    assert [case["status"] for case in one.declarations()] == [None]
    assert (two.declarations(), len(two.waiting())) == ([], 2)
