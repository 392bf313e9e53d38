"""A clerk at a bank's pages, over the gateway's real application and real desks: from the application that waits to the booked repayment."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from openpyxl import Workbook, load_workbook

from nodes.bank.loans.contributed import ContractSource
from nodes.enterprise.market.pages import _fen as market_fen
from nodes.errors import EntryError
from nodes.evidence.receipt import verify_receipt
from nodes.records.deliveries import Intake
from nodes.records.runner import Runner, turns_of
from nodes.records.store import RecordStore
from nodes.runtime.pages.language import day
from tests.support.bank import bound_consent, roots_of, uscc_of
from tests.support.branch import APPLICATION, TOKEN, Branch, branch_of
from tests.support.databases import database_in
from tests.support.lending import WAN
from tests.support.site import browser_at, form_of, sign_in
from tests.support.zone import MemoryZone

pytestmark = pytest.mark.xdist_group("clerks-pages")  # in their order, on one place


@pytest.fixture
def branch(zone: MemoryZone, tmp_path: Path) -> Branch:
    return branch_of(zone, tmp_path)


def test_a_clerk_leads_an_application_to_the_last_repayment(branch: Branch) -> None:
    branch.contracted()
    receipt = branch.node.counter.receipt(branch.node.counter.book.get(APPLICATION))
    assert receipt is not None
    shown = branch.clerk.get(f"/applications/{APPLICATION}").text
    assert receipt["result"]["total"] in shown
    assert int(receipt["result"]["line_fen"]) == branch.node.counter.book.get(APPLICATION).app.line_fen
    assert branch.act("disburse", amount="1,000,000.00").status_code == 303
    assert branch.act("repay", reference="7-1", principal="999999.99", interest="12.34", late="0").status_code == 303
    assert branch.act("close").status_code == 400  # one fen is owed
    branch.act("repay", reference="7-2", principal="0.01", interest="0", late="3")
    branch.act("close")
    assert branch.phase == "closed"
    assert (branch.book.get(APPLICATION).app.interest_fen, branch.book.get(APPLICATION).app.late_days) == (12_34, 3)


def test_what_the_clerk_may_not_do_is_refused_and_changes_nothing(branch: Branch) -> None:
    branch.applied()
    branch.act("query")
    branch.act("survey", day="2023-11-01", people="李", findings="…")
    for fields in (
        {"amount": "1000000.01", "rate": "4", "months": "12", "days": "30"},
        {"amount": "1000000", "rate": "4.36", "months": "12", "days": "30"},
        {"amount": "1000000", "rate": "4", "months": "13", "days": "30"},
        {"amount": "lots", "rate": "4", "months": "12", "days": "30"},
    ):
        assert 400 <= branch.act("offer", **fields).status_code < 500, fields
    assert branch.act("disburse", amount="1").status_code == 409
    assert branch.act("nothing").status_code == 404
    assert branch.phase == "surveyed"


def test_a_clerk_before_a_page_that_is_no_longer_true_does_nothing(branch: Branch) -> None:
    branch.contracted()
    page = branch.clerk.get(f"/applications/{APPLICATION}").text
    seen = {name: re.findall(rf'name="{name}" value="([^"]+)"', page)[0] for name in ("form", "mark", "last")}
    assert branch.act("disburse", amount="1000000").status_code == 303
    stale = branch.clerk.post(f"/applications/{APPLICATION}", data={**seen, "act": "repay", "principal": "5", "interest": "0", "late": "0"})
    assert (stale.status_code, "LOAN_STATE" in stale.text) == (409, True), "another clerk was faster"
    paid = {"act": "repay", "principal": "5", "interest": "0", "late": "0", "reference": ""}
    page = branch.clerk.get(f"/applications/{APPLICATION}").text
    seen = {name: re.findall(rf'name="{name}" value="([^"]+)"', page)[0] for name in ("form", "mark", "last")}
    answers = [branch.clerk.post(f"/applications/{APPLICATION}", data={**seen, **paid}).status_code for _click in range(2)]
    assert answers == [303, 409]
    assert branch.node.counter.book.get(APPLICATION).app.repaid_fen == 5_00


@pytest.mark.parametrize("amount", ["1e99999999", "1E+3", "-1", "١٢", "1_000", "NaN", "0.001"])
def test_an_amount_that_is_none_is_refused(branch: Branch, amount: str) -> None:
    branch.contracted()
    assert branch.act("disburse", amount=amount).status_code == 400
    with pytest.raises(EntryError):
        market_fen(amount)


def test_an_enterprise_on_the_list_that_was_handed_in_is_offered_nothing(branch: Branch) -> None:
    branch.applied()
    branch.act("query")
    branch.act("survey", day="2023-11-01", people="李", findings="…")
    page = branch.clerk.get("/dishonest").text
    handed = branch.clerk.post("/dishonest", data={"form": form_of(page)}, files={"file": ("list.csv", f"{uscc_of(0)}\n{uscc_of(5)}\n".encode())})
    assert handed.status_code == 200
    assert branch.act("offer", amount="500000", rate="4", months="12", days="30").status_code == 409
    assert branch.act("decline", reason="DISHONEST", note="").status_code == 303
    assert branch.phase == "declined"


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_repayments_are_uploaded_booked_once_and_refused_line_by_line(branch: Branch, form: str) -> None:
    branch.contracted()
    branch.act("disburse", amount="1000000")
    rows = [
        ["合同编号", "流水号", "归还本金（元）", "支付利息（元）", "逾期天数"],
        ["2023-001", "A-1", "400000", "1200.50", "0"],
        ["2023-001", "A-1", "400000", "1200.50", "0"],
        ["2023-001", "A-2", "700000", "0", "0"],
        ["2024-999", "A-3", "1", "0", "0"],
        ["2023-001", "A-4", "0.001", "0", "0"],
    ]
    answers = [upload(branch, rows, form) for _ in range(2)]
    api = [line["state"] for line in programs(branch, rows)]
    assert api == ["before", "before", "refused", "refused", "refused"]
    assert [answer.text.count(">已入账<") for answer in answers] == [1, 0]
    assert [answer.text.count(">此前已入账<") for answer in answers] == [1, 2]
    branch.deliver()
    assert branch.book.get(APPLICATION).app.owed_fen == 60 * WAN
    assert branch.phase == "repaying"


def test_a_file_that_is_no_list_of_repayments_is_refused(branch: Branch) -> None:
    page = branch.clerk.get("/repayments").text
    for content in (b"", b"a,b\n1,2\n", b"PK\x03\x04 no workbook", b"\xff\xff\xff", '合同编号,"'.encode()):
        answer = branch.clerk.post("/repayments", data={"form": form_of(page)}, files={"file": ("x", content)})
        assert answer.status_code == 400, content
        assert "未能完成" in answer.text


def test_the_loan_book_is_exported_as_it_stands(branch: Branch) -> None:
    branch.contracted()
    branch.act("disburse", amount="1000000")
    branch.act("repay", reference="1", principal="250000", interest="0", late="0")
    lines = branch.clerk.get("/book?format=csv").content.decode("utf-8-sig").splitlines()
    assert lines[1].split(",") == ["2023-001", uscc_of(0), "points-loan", "1000000.00", "750000.00", "250000.00", "0", "还款中"]
    sheet = load_workbook(io.BytesIO(branch.clerk.get("/book?format=xlsx").content)).worksheets[0]
    assert [cell.value for cell in sheet[2]][3:6] == [1_000_000, 750_000, 250_000]


def test_scores_are_asked_one_by_one_and_in_batches_with_receipts_that_verify(branch: Branch) -> None:
    for place in range(1, 4):
        branch.node.told(bound_consent(branch.zone, branch.zone.subjects[place], uscc_of(place)), place + 1)
    form = form_of(branch.clerk.get("/scores").text)
    one = branch.clerk.post("/scores", data={"form": form, "product": "points-loan", "codes": uscc_of(1)})
    assert one.status_code == 303
    page = branch.clerk.get(one.headers["location"])
    receipt = branch.clerk.get(one.headers["location"] + "/file").content
    found = verify_receipt(receipt, roots_of(branch.zone))
    assert found.total in page.text
    many = branch.clerk.post("/scores", data={"form": form, "product": "points-loan", "codes": "\n".join(uscc_of(place) for place in range(1, 6))})
    assert many.text.count("CONSENT_MISSING") == 2
    listed = [item["id"] for item in branch.node.receipts.listed()]
    assert len(listed) == 4  # the one, and a batch of three with new tickets
    for receipt_id in listed:
        verify_receipt(branch.node.receipts.document(receipt_id), roots_of(branch.zone))


@pytest.mark.parametrize(
    ("codes", "reason", "said"),
    [("nonsense", "ENTRY_INVALID", "填写的内容不符合要求。"), (uscc_of(7), "CONSENT_MISSING", "该企业没有给过这样的授权。")],
)
def test_what_a_clerk_asks_in_vain_is_answered_in_words_for_clerks(branch: Branch, codes: str, reason: str, said: str) -> None:
    form = form_of(branch.clerk.get("/scores").text)
    answer = branch.clerk.post("/scores", data={"form": form, "product": "points-loan", "codes": codes}, headers={"accept": "text/html"})
    assert (reason in answer.text, said in answer.text) == (True, True)


def test_nobody_but_clerks_sees_a_page_and_no_form_counts_without_its_word(branch: Branch) -> None:
    branch.applied()
    stranger = browser_at(branch.node.app(TOKEN))
    sign_in(chief := browser_at(branch.node.app(TOKEN)), "chief")
    for path in ("/", "/book", "/scores", "/repayments", "/products", "/dishonest", f"/applications/{APPLICATION}"):
        assert stranger.get(path).status_code == 303
        assert chief.get(path).status_code == 403
        assert branch.clerk.get(path).status_code == 200
    assert branch.clerk.post(f"/applications/{APPLICATION}", data={"act": "query"}).status_code == 403
    assert branch.clerk.post("/dishonest", files={"file": ("x", b"")}).status_code == 403


def test_every_look_at_an_enterprise_is_written_down(branch: Branch) -> None:
    branch.applied()
    branch.clerk.get(f"/applications/{APPLICATION}")
    site = database_in(branch.node.state_dir, "pages")
    with site.connect() as connection:
        rows = connection.exec_driver_sql("SELECT person, page FROM views WHERE subject = ?", (uscc_of(0),)).all()
    assert ("li", "/applications") in [tuple(row) for row in rows]


def test_programs_have_the_same_acts_under_their_token(branch: Branch) -> None:
    branch.applied()
    client = branch.clerk
    assert client.get("/api/applications").status_code == 401
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    (waiting,) = client.get("/api/applications", headers=bearer).json()["applications"]
    assert (waiting["application"], waiting["phase"], waiting["may"][0]) == (APPLICATION, "consented", "queried")
    queried = client.post(f"/api/applications/{APPLICATION}/query", headers=bearer).json()
    assert queried["line_fen"] > 0
    refused = client.post(f"/api/applications/{APPLICATION}/disburse", headers=bearer, json={"amount_fen": 1})
    assert (refused.status_code, refused.json()["reason"]) == (409, "LOAN_STATE")
    whole = client.get(f"/api/applications/{APPLICATION}", headers=bearer).json()
    assert [step["step"] for step in whole["steps"]] == ["applied", "consented", "queried"]


def test_contracts_become_the_records_that_the_bank_contributes(branch: Branch, tmp_path: Path) -> None:
    branch.contracted()
    records = database_in(tmp_path, "records")
    kept = RecordStore(records, database_in(tmp_path, "department"))
    source = ContractSource(branch.node.counter.book, "bank-a", lambda: branch.zone.now)
    runner, year = Runner(Intake(records, lambda: branch.zone.now), [source], turns_of(tmp_path)), day(branch.zone.now)[:4]
    assert runner.run() == 0  # nothing was paid out yet
    branch.act("disburse", amount="1000000")
    assert runner.run() == 1
    assert kept.find(uscc_of(0), year) == {"loans_active": "1", "loan_balance": "1000000.00", "loan_repaid": "0.00", "loans_overdue_90": "0"}
    branch.act("repay", reference="1", principal="400000", interest="0", late="95")
    assert (runner.run(), runner.run()) == (1, 0)
    assert kept.find(uscc_of(0), year) == {"loans_active": "1", "loan_balance": "600000.00", "loan_repaid": "400000.00", "loans_overdue_90": "1"}


def upload(branch: Branch, rows: list[list[str]], form: str) -> httpx.Response:
    page = branch.clerk.get("/repayments").text
    content = "\n".join(",".join(row) for row in rows).encode("gb18030") if form == "csv" else workbook(rows)
    answer: httpx.Response = branch.clerk.post("/repayments", data={"form": form_of(page)}, files={"file": (f"day.{form}", content)})
    return answer


def programs(branch: Branch, rows: list[list[str]]) -> list[dict[str, Any]]:
    content = "\n".join(",".join(row) for row in rows).encode()
    answer = branch.clerk.post("/api/repayments", content=content, headers={"Authorization": f"Bearer {TOKEN}"})
    found: list[dict[str, Any]] = json.loads(answer.content)["lines"]
    return found


def workbook(rows: list[list[str]]) -> bytes:
    book, file = Workbook(), io.BytesIO()
    sheet = book.worksheets[0]
    for row in rows:
        sheet.append(row)
    book.save(file)
    return file.getvalue()
