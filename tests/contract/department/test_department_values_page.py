"""What enterprises dispute and file, as a department's people settle it on the page: the real application over a real department's database."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from crypto.keygen import PrivateKey
from nodes.department.values.matters import Matter
from protos.v1.exchange_pb2 import EpochClosed, WorkItem
from scoring.lifecycle import DAY_S, Filing, dispute
from tests.support.departments import EPOCH, PERIOD, DepartmentZone
from tests.support.desk import HOSTILE, NAMES, Desk, Visitor, desk_in, opened_zone, password
from tests.support.draws import close_epoch

pytestmark = pytest.mark.xdist_group("department-values-page")  # in their order, on one place

LI, WANG, _ = NAMES
FIELD, FILED = "patents", "citations"


@pytest.fixture(scope="module")
def opened(small_private_key: PrivateKey, tmp_path_factory: pytest.TempPathFactory) -> DepartmentZone:
    return opened_zone(small_private_key, tmp_path_factory.mktemp("zone"))


@pytest.fixture
def desk(opened: DepartmentZone, tmp_path: Path) -> Iterator[Desk]:
    """The page of the intellectual property office, with a dispute that is overdue, a fresh one, and a filing."""
    made = desk_in(opened, tmp_path)
    first, second, third = sorted(made.node.office.store.period(PERIOD))[:3]
    made.node.ledger.now -= 20 * DAY_S
    disputes(made, second, HOSTILE)
    made.node.ledger.now += 20 * DAY_S
    disputes(made, first, "two are missing")
    made.node.values.book.file(third, PERIOD, Filing(FILED, HOSTILE, "filed", made.node.ledger.now, "our list"))
    yield made
    made.node.engine.dispose()
    made.node.records.dispose()


def disputes(desk: Desk, uscc: str, note: str) -> None:
    book, record, now = desk.node.values.book, desk.node.office.store.find(uscc, PERIOD) or {}, desk.node.ledger.now
    version = {held.field: held.version for held in book.shown(uscc, PERIOD, record, now)}[FIELD]
    assert not book.change(uscc, PERIOD, record, now, {FIELD: partial(dispute, version=version, note=note, now=now, days=15)})


def settle(visitor: Visitor, name: str, matter: Matter, outcome: str, reason: str = "the register says so", given: str = "", form: str = "") -> int:
    token = form or visitor.form("/values")
    data: dict[str, str | list[str]] = {
        "form": token, "matter": matter.id, "outcome": outcome, "reason": reason, "password": given or password(name),
    }  # fmt: skip
    return visitor.post("/settlements", data).status_code


def test_disputes_are_listed_by_deadline_with_those_overdue_marked_and_filings_after_them(desk: Desk) -> None:
    text = desk.signed_in().get("/values").text
    late, fresh, filed = desk.node.settling.open()
    assert text.index(late.id) < text.index(fresh.id) < text.index(filed.id)
    assert text.count(">overdue<") == 1
    assert text.index("overdue") < text.index(fresh.id)


def test_one_value_is_shown_with_its_history_and_what_the_enterprise_says(desk: Desk) -> None:
    late, fresh, _ = desk.node.settling.open()
    desk.node.give(("uscc", "period", FIELD), [(late.uscc, PERIOD, "4711")], "correction.csv")
    text = desk.signed_in().get(f"/values/one?matter={fresh.id}").text
    for part in (fresh.uscc, PERIOD, FIELD, "two are missing", "records.csv"):
        assert part in text, part
    assert text.count(f'<td class="content">{fresh.value}</td>') == 2  # as it is, and where it came from
    desk.node.runner.run()
    assert desk.signed_in().get(f"/values/one?matter={late.id}").status_code == 409  # corrected: settled


def test_two_people_uphold_a_value_and_approve_a_filing(desk: Desk) -> None:
    _, fresh, filed = desk.node.settling.open()
    first, second = desk.signed_in(), desk.signed_in(WANG)
    assert [settle(first, LI, fresh, "uphold"), settle(first, LI, filed, "approve", "")] == [303, 303]
    assert len(desk.node.settling.open()) == 3
    page = second.get(f"/values/one?matter={fresh.id}").text
    assert f"<strong>{LI}</strong>" in page
    assert "Sign the same" in page
    assert "Sign the same" not in first.get(f"/values/one?matter={fresh.id}").text
    assert [settle(second, WANG, fresh, "uphold"), settle(second, WANG, filed, "approve", "")] == [303, 303]
    assert [item.kind for item in desk.node.settling.open()] == ["dispute"]
    assert (desk.node.office.store.find(filed.uscc, PERIOD) or {})[FILED] == HOSTILE
    assert second.get("/values").text.count("the register says so") == 2  # both words stay in sight


def test_the_same_person_twice_another_password_and_what_is_settled_are_refused(desk: Desk) -> None:
    late, fresh, filed = desk.node.settling.open()
    visitor = desk.signed_in()
    assert settle(visitor, LI, fresh, "uphold") == 303
    assert settle(visitor, LI, fresh, "uphold") == 409
    assert settle(desk.signed_in(WANG), WANG, fresh, "uphold", given=password(LI)) == 401
    assert settle(visitor, LI, late, "approve") == 409
    assert settle(visitor, LI, late, "uphold", " ") == 409
    assert settle(visitor, LI, filed, "burn") == 400
    assert settle(visitor, LI, filed, "reject", "x" * 501) == 409
    assert visitor.get(f"/values/one?matter={'ab' * 32}").status_code == 409
    assert [len(item.words) for item in desk.node.settling.open()] == [0, 1, 0]


def test_a_form_of_another_site_or_session_settles_nothing(desk: Desk) -> None:
    matter, visitor, other = desk.node.settling.open()[0], desk.signed_in(), desk.signed_in(WANG)
    for form in ("x", other.form("/values")):
        assert settle(visitor, LI, matter, "uphold", form=form) == 403
    data: dict[str, str | list[str]] = {
        "form": visitor.form("/values"), "matter": matter.id, "outcome": "uphold", "reason": "no", "password": password(LI),
    }  # fmt: skip
    assert visitor.post("/settlements", data, origin="http://evil.example").status_code == 403
    stranger = desk.visitor()
    assert stranger.post("/settlements", {**data, "form": "x"}).headers["location"] == "/sign-in?next=/outgoing"
    assert stranger.get(f"/values/one?matter={matter.id}").headers["location"] == "/sign-in?next=/values/one"
    assert all(not item.words for item in desk.node.settling.open())


def test_what_enterprises_wrote_is_text_and_nothing_else(desk: Desk) -> None:
    late, _, filed = desk.node.settling.open()
    visitor = desk.signed_in()
    for path in ("/values", f"/values/one?matter={late.id}", f"/values/one?matter={filed.id}"):
        text = visitor.get(path).text.partition("<main")[2]
        assert not re.search(r"<script|<img|\sstyle=|\son[a-z]+=", " ".join(re.findall(r"<[^>]+>", text))), path
        assert "&lt;script&gt;alert(" in text


def test_views_and_settlements_are_logged_without_the_enterprise_or_the_value(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    matter, visitor = desk.node.settling.open()[1], desk.signed_in()
    capsys.readouterr()
    visitor.get(f"/values/one?matter={matter.id}")
    settle(visitor, LI, matter, "uphold")
    out = capsys.readouterr()
    said = out.out + out.err
    assert "/values/one" in said
    assert "value.decided" in said
    for secret in (matter.uscc, matter.id, matter.version, "the register says so"):
        assert secret not in said


def test_a_closed_epochs_contributions_do_not_look_as_if_they_could_still_be_approved(opened: DepartmentZone, tmp_path: Path) -> None:
    desk = desk_in(opened, tmp_path)
    visitor, held = desk.signed_in(), desk.held()
    visitor.decide(LI, held)
    assert visitor.get("/outgoing").text.count('type="checkbox"') == 2
    logged = close_epoch(DepartmentZone(desk.node.ledger, {}, {}))
    desk.node.do(WorkItem(closed=EpochClosed(epoch_close_envelope=logged.envelope, leaf_index=logged.index)))
    text = visitor.get("/outgoing").text
    assert text.count("too late: the epoch is closed") == 2
    assert ">closed<" in text
    assert not re.search(r'type="checkbox"|name="verdict"|waits for people', text)
    assert not re.search(r'name="verdict"', visitor.get(f"/contributions/{held[0]}").text)
    assert desk.signed_in(WANG).decide(WANG, held).status_code == 409
    assert desk.sent() == 0
    listed = visitor.client.get("/api/outgoing", auth=(LI, password(LI))).json()
    assert [(item["epoch"], item["closed"]) for item in listed["epochs"]] == [(EPOCH, True)]
    assert {item["state"] for item in listed["epochs"][0]["contributions"]} == {"missed"}
    desk.node.engine.dispose()
    desk.node.records.dispose()
