"""Draws between a real auditor's conductor and real departments: what agrees, and what each way of not agreeing comes to [P6, P4.5]."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from crypto.encoding import sha256
from crypto.keygen import PrivateKey
from crypto.subjects import make_uscc, subject_id
from nodes.contributing.corrections.reviser import Reviser
from nodes.runtime.database import writing
from nodes.runtime.peers.signing import fresh_nonce
from nodes.runtime.replica import relay
from nodes.runtime.replica.audit_messages import OpeningAnswer
from protos.v1.exchange_pb2 import Sealed, WorkItem
from scoring.draws.selection import Lot
from scoring.exchange.view import Logged
from scoring.statements import AuditCommit, AuditResult, AuditReveal, Refusal
from simulators.population import firm_panel
from simulators.population.tables import Population
from tests.support.databases import ON_BOTH
from tests.support.departments import EPOCH, MEMBER_OF, ROSTER_KEY, DepartmentZone, Node
from tests.support.draws import DUE_S, WINDOW_S, Audited, close_epoch, contribute_rows, failed_ticket, loan_ticket, release_epoch
from tests.support.ledger import Ledger


@pytest.fixture(scope="session")
def firms() -> Population:
    whole = firm_panel.load()
    return Population(whole.pack, whole.period, whole.owners, whole.firms[::60])


@pytest.fixture(scope="session")
def founded(small_private_key: PrivateKey) -> Ledger:
    ledger = Ledger(small_private_key)
    ledger.found()
    return ledger


@pytest.fixture
def departments(founded: Ledger, firms: Population, tmp_path: Path) -> DepartmentZone:
    tables = {MEMBER_OF[table.member]: (table.columns, list(table.rows)) for table in firms.tables()}
    return DepartmentZone.build(founded.fork(), tmp_path, tables)


@pytest.fixture
def audited(departments: DepartmentZone, tmp_path: Path) -> Audited:
    """Columns committed to, contributed, and the epoch closed."""
    auditor, opened = Audited(departments, tmp_path), departments.prepare()
    auditor.conductor.step()
    departments.contribute(opened)
    close_epoch(departments)
    return auditor


def opening_of(zone: DepartmentZone) -> Logged:
    return zone.ledger.view.at(zone.ledger.view.epoch(EPOCH).open_index)


def said(zone: DepartmentZone, kind: type) -> list[Logged]:
    return [logged for logged in zone.ledger.view.statements.values() if isinstance(logged.statement, kind)]


def change_records(node: Node) -> None:
    """Change what is stored of every record, past the way in, as somebody with the database could."""
    with writing(node.records) as connection:
        for number, said in connection.execute(text("SELECT id, said FROM record_versions")).all():
            changed = {name: "987654" if value and value.replace(".", "").isdigit() else value for name, value in json.loads(said).items()}
            connection.execute(text("UPDATE record_versions SET said = :s WHERE id = :i"), {"s": json.dumps(changed), "i": number})


# --- columns ---


def test_an_honest_draw_agrees_in_every_item(audited: Audited) -> None:
    audited.settle()
    result, view = audited.result(), audited.zone.ledger.view
    assert {item.outcome for item in result.items} == {"AGREES"}
    assert len(result.items) == 2 * len(view.columns)
    assert not view.void
    accounts = [json.loads(path.read_bytes()) for path in (audited.root / "auditor" / "draws").iterdir()]
    assert [(account["draw"], len(account["items"])) for account in accounts] == [("columns", len(result.items))]
    assert sum(item["subjects"] for item in accounts[0]["items"]) > len(result.items)


def test_the_number_is_committed_to_before_the_close_and_shown_after_it(audited: Audited) -> None:
    view = audited.zone.ledger.view
    (commit,), close = said(audited.zone, AuditCommit), view.epoch(EPOCH).close_index
    assert close is not None
    assert commit.index < close
    assert not said(audited.zone, AuditReveal)
    audited.settle()
    (reveal,) = said(audited.zone, AuditReveal)
    assert reveal.index > close


def test_every_kind_of_value_is_judged_the_gates_among_them(audited: Audited) -> None:
    audited.settle()
    entries = {
        header.entries[0] for header in (audited.zone.ledger.view.contributions[item.leaf_index].statement.header for item in audited.result().items)
    }
    assert any(entry.functional != "-" for entry in entries)


def test_a_record_that_does_not_give_the_column_is_found(audited: Audited) -> None:
    change_records(audited.zone.nodes["tax"])
    audited.settle()
    outcomes = audited.outcomes()
    assert "RECORD_DIFFERS" in outcomes.pop("tax")
    assert set().union(*outcomes.values()) == {"AGREES"}


def test_a_record_that_was_corrected_after_the_column_is_shown_as_it_was(audited: Audited, firms: Population) -> None:
    """A correction is no finding: it waits for the next epoch, and the draw is shown what the column was made from."""
    for table in firms.tables():
        name, count = MEMBER_OF[table.member], len(table.columns)
        rows = [(row[0], row[1], *("1234" for _ in range(count - 2))) for row in table.rows]
        if name in {"ip", "science"}:
            audited.zone.nodes[name].give(table.columns, rows, "corrected.csv")
    new: list[tuple[str, ...]] = [(make_uscc("9", "1", "330108", "MA27X2G4"), "1995", "7")]
    audited.zone.nodes["ip"].give(("uscc", "period", next(t.columns[2] for t in firms.tables() if MEMBER_OF[t.member] == "ip")), new, "late.csv")
    audited.settle()
    assert set().union(*audited.outcomes().values()) == {"AGREES"}
    assert audited.zone.nodes["ip"].office.store.find(new[0][0], "1995") is not None


def test_an_opening_that_cannot_be_made_any_more_is_a_refusal_and_logged_by_who_refuses(audited: Audited) -> None:
    node = audited.zone.nodes["ip"]
    (node.root / "state" / "epochs" / f"{EPOCH}.key").unlink()
    audited.settle()
    assert audited.outcomes()["ip"] == {"REFUSED"}
    refusals: list[Refusal] = [logged.statement for logged in audited.zone.ledger.view.refusals]
    assert [(refusal.member, refusal.reason) for refusal in refusals] == [("ip", "OPENING_UNAVAILABLE")]


def test_what_is_not_shown_in_time_is_missing(audited: Audited) -> None:
    audited.deaf.add("science")
    audited.settle()
    assert not any(logged.statement.kind == "audit-result" for logged in audited.zone.ledger.view.statements.values())
    audited.zone.ledger.now += DUE_S + 1
    audited.settle()
    outcomes = audited.outcomes()
    assert outcomes.pop("science") == {"MISSING"}
    assert set().union(*outcomes.values()) == {"AGREES"}


def test_an_answer_that_nobody_asked_for_is_not_kept(audited: Audited) -> None:
    """Another's contribution, one that is in no log, a case that is none, a place that is none: the book does not grow by it."""
    audited.deaf |= set(audited.zone.nodes)
    audited.conductor.step()
    view, keys = audited.zone.ledger.view, audited.zone.ledger.keys
    (cause,) = view.draws
    own, other = (next(item for item in view.contributions.values() if item.actor == name) for name in ("ip", "tax"))
    good = OpeningAnswer(cause=cause, contribution=own.digest, position=0, reason="NOT_DRAWN")
    wrong: list[dict[str, object]] = [{"contribution": other.digest}, {"contribution": "ab" * 32}, {"cause": "ab" * 32}, {"position": 99_999}]
    for changes in (*wrong, {}):
        answer = good.model_copy(update=changes)
        sealed = relay.seal_message(answer, keys.sealing("auditor"), keys.signers["ip"], sender="ip", to="auditor", matter=relay.AUDIT_OPENING)
        audited.conductor.take(WorkItem(sealed=Sealed(sender="ip", subject_matter=relay.AUDIT_OPENING, sealed=sealed)))
    assert list(audited.book.answers(cause)) == [(own.digest, 0)]
    assert not audited.book.answers("ab" * 32)


def test_a_restarted_auditor_goes_on_with_the_same_number_and_the_same_requests(audited: Audited) -> None:
    audited.deaf |= set(audited.zone.nodes)
    audited.conductor.step()
    again = audited.restart()
    again.deaf.clear()
    again.settle()
    assert sorted(again.relayed) == sorted(audited.relayed)
    assert {item.outcome for item in again.result().items} == {"AGREES"}
    assert len(said(audited.zone, AuditReveal)) == len(said(audited.zone, AuditCommit)) == 1


def test_an_auditor_that_forgot_that_it_showed_its_number_shows_it_again_in_the_same_bytes(audited: Audited) -> None:
    """Killed after the log took the reveal and before its own view had it: another envelope would be a second, void statement."""
    audited.settle()
    (reveal,) = said(audited.zone, AuditReveal)
    bare = sha256(reveal.statement.model_copy(update={"nonce": "0" * 32}).payload()).hex()
    assert audited.restart().book.said(bare, b"another envelope") == reveal.envelope


def test_an_auditor_that_lost_its_book_shows_no_number(audited: Audited) -> None:
    for path in (audited.root / "auditor").glob("draws.db*"):
        path.unlink()
    audited.restart().settle()
    assert not said(audited.zone, AuditReveal)


# --- rows ---


@pytest.fixture
def rowed(departments: DepartmentZone, firms: Population, tmp_path: Path) -> Audited:
    """A released epoch with rows of four enterprises, and the draw over them committed to."""
    auditor, opened = Audited(departments, tmp_path, columns=0, rows=2), departments.prepare()
    departments.contribute(opened)
    close_epoch(departments)
    release_epoch(departments)
    auditor.conductor.step()
    return auditor


def end_window(audited: Audited) -> None:
    """Time passes; somebody's next statement fixes the draw."""
    audited.zone.ledger.now += WINDOW_S + 1
    audited.zone.ledger.say(Refusal(zone="test-zone", nonce=fresh_nonce(), member="bank-b", reason="CONSENT_MISSING"), "bank-b")


def test_drawn_rows_agree_with_their_columns(rowed: Audited, firms: Population) -> None:
    contribute_rows(rowed.zone, opening_of(rowed.zone), [firm.uscc for firm in firms.firms[:4]])
    end_window(rowed)
    rowed.settle()
    result = rowed.result()
    assert {item.outcome for item in result.items} == {"AGREES"}
    assert {item.position for item in result.items} == {-1}
    senders = [rowed.zone.ledger.view.contributions[item.leaf_index].statement.header.sender for item in result.items]
    assert all(senders.count(name) == 2 for name in set(senders))
    assert len(set(senders)) > 3


def test_a_row_that_disagrees_with_its_column_is_found(rowed: Audited, firms: Population) -> None:
    """The department changes what it said in the column while rows are made, and puts it back: each opens, and they differ [P4.5]."""
    node = rowed.zone.nodes["ip"]
    with writing(node.engine) as connection:
        kept: dict[str, str] = {row.source: row.points for row in connection.execute(text("SELECT source, points FROM points_said"))}
        for source, points in kept.items():
            changed = [value + 1 if value < 100 else value - 1 for value in json.loads(points)]
            connection.execute(text("UPDATE points_said SET points = :p WHERE source = :s"), {"p": json.dumps(changed), "s": source})
    contribute_rows(rowed.zone, opening_of(rowed.zone), [firm.uscc for firm in firms.firms[:3]])
    with writing(node.engine) as connection:
        for source, points in kept.items():
            connection.execute(text("UPDATE points_said SET points = :p WHERE source = :s"), {"p": points, "s": source})
    end_window(rowed)
    rowed.settle()
    outcomes = rowed.outcomes()
    assert outcomes.pop("ip") == {"ROW_DIFFERS"}
    assert set().union(*outcomes.values()) == {"AGREES"}


def corrected(zone: DepartmentZone, uscc: str, patents: str) -> None:
    """A department takes a corrected figure and sends what follows."""
    node = zone.nodes["ip"]
    node.give(("uscc", "period", "patents"), [(uscc, "1995", patents)], f"{uscc}.csv")
    node.department.scan()
    node.flush()


def test_honest_corrections_before_and_after_a_ticket_agree(departments: DepartmentZone, firms: Population, tmp_path: Path) -> None:
    """Each revision of a row is compared with the column of its time, and a row that a ticket froze not with a later one [P4.5, P7.2]."""
    auditor, opened = Audited(departments, tmp_path, columns=0, rows=9), departments.prepare()
    departments.contribute(opened)
    usccs = [firm.uscc for firm in firms.firms[:3]]
    contribute_rows(departments, opened, usccs)
    loan_ticket(departments, subject_id(ROSTER_KEY, usccs[1]))
    for uscc in usccs[:2]:
        corrected(departments, uscc, "7")
    close_epoch(departments)
    release_epoch(departments)
    auditor.conductor.step()
    end_window(auditor)
    auditor.settle()
    drawn = [departments.ledger.view.contributions[item.leaf_index].statement.header for item in auditor.result().items]
    assert sorted(header.revision for header in drawn if header.sender == "ip") == [0, 0, 0, 1]
    assert set().union(*auditor.outcomes().values()) == {"AGREES"}


def test_a_row_whose_column_was_corrected_behind_it_is_found(
    departments: DepartmentZone, firms: Population, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A department that tells the authority something else, after it told it to a bank that has not asked yet [P4.5]."""
    auditor, opened = Audited(departments, tmp_path, columns=0, rows=9), departments.prepare()
    departments.contribute(opened)
    contribute_rows(departments, opened, [firms.firms[0].uscc])
    monkeypatch.setattr(Reviser, "_follow", lambda *_: 0)  # it leaves its row as it was
    corrected(departments, firms.firms[0].uscc, "7")
    close_epoch(departments)
    release_epoch(departments)
    auditor.conductor.step()
    end_window(auditor)
    auditor.settle()
    outcomes = auditor.outcomes()
    assert outcomes.pop("ip") == {"ROW_DIFFERS"}
    assert set().union(*outcomes.values()) == {"AGREES"}


def test_rows_are_drawn_again_and_again_without_gap(rowed: Audited, firms: Population) -> None:
    for turn in range(3):
        contribute_rows(rowed.zone, opening_of(rowed.zone), [firms.firms[turn].uscc])
        end_window(rowed)
        rowed.settle()
    commits = [logged.statement for logged in said(rowed.zone, AuditCommit)]
    assert len(commits) == 4  # the fourth is open
    sizes = [state.window_size for state in rowed.zone.ledger.view.draws.values()]
    assert [commit.since for commit in commits[1:]] == sizes[:3]
    assert not rowed.zone.ledger.view.void


def test_a_draw_meets_the_batches_that_its_number_and_root_say(audited: Audited) -> None:
    audited.settle()
    (reveal,), result = said(audited.zone, AuditReveal), audited.result()
    lot = Lot(bytes.fromhex(reveal.statement.r), bytes.fromhex(result.root))
    view = audited.zone.ledger.view
    for found in view.columns.values():
        batches = found[-1].statement.header.batches
        expected = lot.batches(found[-1].digest, batches, 2)
        assert [item.position for item in result.items if item.leaf_index == found[-1].index] == expected


# --- the epoch's secret ---


def test_the_epochs_secret_outlives_the_draws_and_is_erased_after_the_last(rowed: Audited, firms: Population) -> None:
    zone = rowed.zone
    contribute_rows(zone, opening_of(zone), [firms.firms[0].uscc])
    secrets = [node.root / "state" / "epochs" / f"{EPOCH}.key" for node in zone.nodes.values()]
    end_window(rowed)
    rowed.settle()
    assert all(path.exists() for path in secrets)
    later = opening_of(zone).statement.model_copy(update={"epoch": "epoch-1996"})
    zone.ledger.view.epochs["epoch-1996"] = replace(zone.ledger.view.epoch(EPOCH), opened=later, open_index=zone.ledger.view.size)  # and released
    end_window(rowed)
    rowed.settle()  # the draw that was open, then the commitment to the final one
    contribute_rows(zone, opening_of(zone), [firms.firms[1].uscc])
    end_window(rowed)
    rowed.settle()
    finals = [logged.statement.final for logged in said(zone, AuditCommit) if logged.statement.epoch == EPOCH]
    assert finals == [False, False, True]
    assert not any(path.exists() for path in secrets)
    assert rowed.outcomes()["ip"] == {"AGREES"}


# --- failed tickets [P2.4] ---


@ON_BOTH
def test_the_inputs_of_a_failed_ticket_are_opened_and_settle_it(rowed: Audited, firms: Population) -> None:
    zone, uscc = rowed.zone, firms.firms[0].uscc
    contribute_rows(zone, opening_of(zone), [uscc])
    ticket, report = failed_ticket(zone, subject_id(ROSTER_KEY, uscc))
    rowed.settle()
    result = rowed.result()
    assert (result.cause, {item.outcome for item in result.items}) == (report.digest, {"AGREES"})
    assert [(item.leaf_index, item.position) for item in result.items] == sorted((item.leaf_index, item.position) for item in ticket.statement.inputs)
    assert zone.ledger.view.failures[report.digest].done


def test_who_contributed_the_impossible_value_is_found(rowed: Audited, firms: Population) -> None:
    zone, node, uscc = rowed.zone, rowed.zone.nodes["ip"], firms.firms[0].uscc
    with writing(node.engine) as connection:
        kept = connection.execute(text("SELECT source, points FROM points_said")).all()
        for source, points in kept:
            beyond = json.dumps([31_000 for _ in json.loads(points)])
            connection.execute(text("UPDATE points_said SET points = :p WHERE source = :s"), {"p": beyond, "s": source})
    contribute_rows(zone, opening_of(zone), [uscc])
    _, report = failed_ticket(zone, subject_id(ROSTER_KEY, uscc))
    rowed.settle()
    outcomes = rowed.outcomes()
    assert outcomes.pop("ip") == {"VALUE_IMPOSSIBLE"}
    assert set().union(*outcomes.values()) == {"AGREES"}
    assert zone.ledger.view.failures[report.digest].done


def test_an_input_that_is_opened_late_settles_the_failure_late(rowed: Audited, firms: Population) -> None:
    zone, uscc = rowed.zone, firms.firms[0].uscc
    contribute_rows(zone, opening_of(zone), [uscc])
    _, report = failed_ticket(zone, subject_id(ROSTER_KEY, uscc))
    rowed.deaf.add("tax")
    rowed.settle()
    zone.ledger.now += DUE_S + 1
    rowed.settle()
    assert rowed.outcomes()["tax"] == {"MISSING"}
    assert not zone.ledger.view.failures[report.digest].done
    again = rowed.restart()
    again.deaf.clear()
    again.settle()
    assert zone.ledger.view.failures[report.digest].done
    assert len([logged for logged in said(zone, AuditResult) if logged.statement.cause == report.digest]) == 2
