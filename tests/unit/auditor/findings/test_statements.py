"""What an auditor finds in contributions, tickets, countersignatures and blames: the statements by which members act for each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from crypto.keygen import PrivateKey
from nodes.runtime.peers.signing import fresh_nonce
from scoring.audit import Scope
from scoring.custody.blame import LATEST_ANSWER_S
from scoring.indicators.functional import functional
from scoring.statements import MemberChange
from tests.support.artifacts import write_zone
from tests.support.epoch import changed
from tests.support.findings import Judge, Relogged, places
from tests.support.members import ZONE
from tests.support.zone import MemoryZone, open_zone, released_zone
from tests.unit.scoring.test_blame_rules import AUDIENCE, Case


def test_proof_that_does_not_fit_is_found(small_private_key: PrivateKey, relogged: Relogged) -> None:
    zone = open_zone(small_private_key)
    (sender, entry), other = zone.owed_columns()[0], zone.column(*zone.owed_columns()[1])
    logged = zone.say(zone.column(sender, entry).model_copy(update={"proof": other.proof}), sender)
    assert places(relogged(zone)) == [("PROOF_INVALID", logged.index)]


def test_transplanted_header_is_found(small_private_key: PrivateKey, relogged: Relogged) -> None:
    """The same ciphertexts under another revision's header: the proof covers the header."""
    zone = open_zone(small_private_key)
    sender, entry = zone.owed_columns()[0]
    logged = zone.say(changed(zone.column(sender, entry), revision=7), sender)
    assert places(relogged(zone)) == [("PROOF_INVALID", logged.index)]


def test_ticket_for_another_aggregate_is_found(zone: MemoryZone, relogged: Relogged) -> None:
    """The rules of the log alone cannot see it: only who has the ciphertexts can."""
    ticket = zone.asked(zone.consent(zone.subjects[7])).ticket
    opening = ticket.openings[0].model_copy(update={"aggregate": "ab" * 32})
    logged = zone.say(ticket.model_copy(update={"openings": (opening,)}), "coordinator")
    assert places(relogged(zone)) == [("AGGREGATE_MISMATCH", logged.index)]


def test_ticket_in_another_stage_is_found(zone: MemoryZone, relogged: Relogged) -> None:
    ticket = zone.asked(zone.consent(zone.subjects[7])).ticket
    stage = next(item.id for item in zone.model.stages if item.id != ticket.stage)
    opening = ticket.openings[0].model_copy(update={"functional_hashes": (functional(zone.model, "total", stage).hash,)})
    logged = zone.say(ticket.model_copy(update={"stage": stage, "openings": (opening,)}), "coordinator")
    assert places(relogged(zone)) == [("TICKET_STAGE", logged.index)]


def test_ticket_that_the_disclosure_ledger_forbids_is_found(zone: MemoryZone, relogged: Relogged) -> None:
    """An auditor keeps the ledger for himself: here a firm is restaged in another epoch of the same data, and its two totals differ in the
    indicators of one office."""
    consent = zone.consent(zone.subjects[9])
    zone.say(zone.asked(consent).ticket, "coordinator")
    zone.staged[zone.subjects[9]] = "S4"
    zone.open_epoch("epoch-1995-again")
    zone.contribute_rows(consent, epoch="epoch-1995-again")
    leaf = zone.say_void(zone.asked(consent, epoch="epoch-1995-again").ticket, "coordinator")
    assert places(relogged(zone)) == [("STATEMENT_VOID_DISCLOSURE_ISOLATES", leaf)]


def test_what_is_not_countersigned_is_found(zone: MemoryZone, relogged: Relogged) -> None:
    model = zone.say_void(zone.admission(("tax", "science")), "authority")
    member = zone.keys.member("bank-b").model_copy(update={"roles": ("bank", "authority")})
    change = zone.say_void(MemberChange(zone=ZONE, nonce=fresh_nonce(), action="rekey", member=member), "authority")
    assert places(relogged(zone)) == [("STATEMENT_VOID_MODEL_NOT_ACCEPTED", model), ("STATEMENT_VOID_CHANGE_NOT_APPROVED", change)]


def test_ticket_is_in_the_scope_of_the_bank_that_it_is_for(small_private_key: PrivateKey, tmp_path: Path, judge: Judge) -> None:
    zone = released_zone(small_private_key)
    ticket = zone.asked(zone.consent(zone.subjects[7])).ticket
    opening = ticket.openings[0].model_copy(update={"aggregate": "ab" * 32})
    logged = zone.say(ticket.model_copy(update={"openings": (opening,)}), "coordinator")
    run = write_zone(zone, tmp_path / "zone")
    found = {member: places(judge(run, run / "public", Scope(member=member))) for member in ("bank-a", "coordinator", "bank-b", "tax")}
    assert found == {"bank-a": [("AGGREGATE_MISMATCH", logged.index)], "coordinator": [("AGGREGATE_MISMATCH", logged.index)], "bank-b": [], "tax": []}


@pytest.fixture(scope="module")
def quarrel(small_private_key: PrivateKey) -> Case:
    """A released zone in which the audience demanded proofs of four custodians, of whom one lied and one is silent."""
    case = Case(released_zone(small_private_key))
    case.liars = frozenset({"tax"})
    demand = case.demanded("tax", "credit", "notary")
    case.answered(demand, "tax")
    case.answered(demand, "credit")
    case.zone.now += LATEST_ANSWER_S
    return case


def test_a_custodian_that_a_blame_convicts_is_a_finding(quarrel: Case, tmp_path: Path, judge: Judge) -> None:
    zone, (demand,) = quarrel.zone, quarrel.zone.view.demands.values()
    write_zone(zone, tmp_path / "before")
    assert places(judge(tmp_path / "before", tmp_path / "before" / "public")) == []
    failed = zone.say(quarrel.blame(demand, "tax", quarrel.signed("tax"), quarrel.aggregate), AUDIENCE)
    silent = zone.say(quarrel.blame(demand, "notary", quarrel.signed("notary"), quarrel.aggregate, "withheld"), AUDIENCE)
    framed = zone.say_void(quarrel.blame(demand, "credit", quarrel.signed("credit"), quarrel.aggregate), AUDIENCE)
    run = write_zone(zone, tmp_path / "after")
    verdict = judge(run, run / "public")
    convicted = [("PARTIAL_FAILED", failed.index), ("PARTIAL_WITHHELD", silent.index)]
    assert places(verdict) == [("STATEMENT_VOID_BLAME_UNFOUNDED", framed), *convicted]
    assert "custodian tax, opening 0" in verdict.findings[1].detail
    found = {member: places(judge(run, run / "public", Scope(member=member))) for member in ("tax", "notary", "credit", "bank-b")}
    assert found == {"tax": convicted[:1], "notary": convicted[1:], "credit": [], "bank-b": []}
