"""An enterprise's own customs messages on its service: read from its client's folders, shown to the staff alone, by the real application."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pydantic import ValidationError
from sqlalchemy.exc import OperationalError

from connectors.customs.declarations import build_declaration
from nodes.enterprise.customs import CustomsDesk
from nodes.enterprise.settings import CustomsTable, EnterpriseTable
from tests.support.bank import uscc_of
from tests.support.customs import NOW, OTHER, Client, declaration, failure, memory_engine, receipt, response, zipped
from tests.support.databases import ON_BOTH, database_in
from tests.support.enterprise_service import Service, service
from tests.support.waiting import until
from tests.support.zone import MemoryZone

pytestmark = ON_BOTH

UNSET = threading.Event()


@pytest.fixture
def client(desk: Service) -> Client:
    client = Client(desk.state_dir / "ImpPath")
    sent = build_declaration(declaration(lines=2, uscc=uscc_of(0)))
    client.put("SentBox/a.zip", zipped({"a.xml": sent}))
    client.put("InBox/Successed_a.xml", response())
    client.put("InBox/Receipt_a.xml", receipt("L"))
    return client


def test_the_staff_sees_declarations_with_their_history_as_receipts_come(desk: Service, staff: TestClient, client: Client) -> None:
    desk.customs.turn(UNSET)
    (shown,) = staff.get(f"/customs/{uscc_of(0)}/declarations").json()["declarations"]
    assert (shown["status"]["zh"], shown["totals"]) == ("海关已接收(入库)", {"USD": "2001.00"})
    client.put("InBox/Receipt_b.xml", receipt("H", note="请联系海关"))
    desk.customs.turn(UNSET)
    (shown,) = staff.get(f"/customs/{uscc_of(0)}/declarations", params={"year": "2023"}).json()["declarations"]
    assert [step["code"] for step in shown["history"]] == ["0", "L", "H"]
    assert staff.get(f"/customs/{uscc_of(0)}/declarations", params={"year": "2022"}).json() == {"declarations": []}


def test_exceptions_are_told_with_all_that_needs_a_person(desk: Service, staff: TestClient, client: Client) -> None:
    client.put("InBox/Receipt_b.xml", receipt("H", note="请联系海关"))
    client.put("InBox/Receipt_late.xml", receipt("L", seq_no="I-later"))
    client.put("InBox/Receipt_bad.xml", b"<DEC_RESULT/>")
    client.put("FailBox/Failed_a.xml", failure())
    desk.customs.turn(UNSET)
    told = staff.get(f"/customs/{uscc_of(0)}/exceptions").json()
    assert [item["troubles"][0]["kind"] for item in told["declarations"]] == ["exception"]
    assert [item["seq_nos"] for item in told["waiting"]] == [["I-later"]]
    assert told["failures"][0]["info"] == "报文校验失败"
    assert [item["file"] for item in told["refused"]] == ["InBox/Receipt_bad.xml"]
    assert told["folder"] == ""


def test_the_enterprises_records_are_those_that_customs_would_compute(desk: Service, staff: TestClient, client: Client) -> None:
    client.put("InBox/Receipt_b.xml", receipt("R"))
    desk.customs.turn(UNSET)
    (record,) = staff.get(f"/customs/{uscc_of(0)}/records").json()["records"]
    assert (record["year"], record["values"]["customs_exports_usd"], record["values"]["customs_clearance_days"]) == ("2023", "2001", "0")


def test_nothing_is_shown_without_the_token_or_of_an_enterprise_that_is_not_read(staff: TestClient, client: Client) -> None:
    for call in ("declarations", "exceptions", "records"):
        path = f"/customs/{uscc_of(0)}/{call}"
        assert staff.get(path).status_code == 200
        refused = staff.get(path, headers={"Authorization": "Bearer " + "x" * 43})
        assert (refused.status_code, refused.json()["reason"]) == (401, "TOKEN_INVALID")
        missing = staff.get(f"/customs/{OTHER}/{call}")
        assert (missing.status_code, missing.json()["reason"]) == (404, "NOT_FOUND")


def test_a_restarted_service_goes_on_where_it_was(zone: MemoryZone, tmp_path: Path, desk: Service, client: Client) -> None:
    desk.customs.turn(UNSET)
    again = service(desk.site, desk.state_dir)
    assert again.customs.declarations(uscc_of(0), "", 10, 0) == desk.customs.declarations(uscc_of(0), "", 10, 0)
    client.put("InBox/Receipt_b.xml", receipt("R"))
    again.customs.turn(UNSET)
    (shown,) = again.customs.declarations(uscc_of(0), "", 10, 0)["declarations"]
    assert shown["status"]["code"] == "R"


def test_a_client_whose_folders_are_away_costs_the_others_nothing_and_is_told(tmp_path: Path) -> None:
    there = Client(tmp_path / "there")
    there.put("InBox/Receipt.xml", receipt("L"))
    tables = [CustomsTable(uscc=uscc, folder=tmp_path / name, dialect="a", quiet_s=0) for uscc, name in ((OTHER, "away"), (uscc_of(0), "there"))]
    desk = CustomsDesk(tables, memory_engine(), lambda: NOW, 0.01)
    desk.turn(UNSET)
    assert len(desk.exceptions(uscc_of(0))["waiting"]) == 1
    assert "away" in desk.exceptions(OTHER)["folder"]
    Client(tmp_path / "away")
    desk.turn(UNSET)
    assert desk.exceptions(OTHER)["folder"] == ""


def test_a_database_that_is_away_is_not_taken_for_a_folders_fault(tmp_path: Path) -> None:
    Client(tmp_path).put("InBox/Receipt.xml", receipt("L"))
    engine = memory_engine()
    desk = CustomsDesk([CustomsTable(uscc=OTHER, folder=tmp_path, dialect="a", quiet_s=0)], engine, lambda: NOW, 1.0)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE customs_messages")
    with pytest.raises(OperationalError):
        desk.turn(UNSET)


def test_the_folders_are_looked_at_until_the_process_stops(tmp_path: Path) -> None:
    client, stopping = Client(tmp_path / "ImpPath"), threading.Event()
    engine = database_in(tmp_path / "state", "enterprise")
    desk = CustomsDesk([CustomsTable(uscc=OTHER, folder=client.root, dialect="a", quiet_s=0)], engine, lambda: NOW, 0.01)
    running = threading.Thread(target=desk.run, args=(stopping,))
    running.start()
    try:
        client.put("InBox/Receipt.xml", receipt("L"))
        until(lambda: desk.exceptions(OTHER)["waiting"], "the receipt is read", 10)
    finally:
        stopping.set()
        running.join(10)
    assert not running.is_alive()


def test_one_enterprise_has_one_client() -> None:
    client = {"uscc": OTHER, "folder": "/srv/ImpPath", "dialect": "a"}
    with pytest.raises(ValidationError, match="two clients of one enterprise"):
        EnterpriseTable.model_validate({"listen": "127.0.0.1:0", "gateway": "https://gateway.test", "customs": [client, client]})
