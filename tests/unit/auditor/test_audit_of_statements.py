"""What an auditor finds when the log and its witness were honest about a wrong thing: statements, epochs, openings, receipts, pins."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crypto.encoding import sha256
from crypto.keygen import PrivateKey, generate_private_key
from crypto.paillier import PublicKey
from nodes.auditor import audit as audits
from nodes.auditor.audit import Verdict
from nodes.errors import SettingsError
from nodes.evidence.archive import Archive
from nodes.evidence.roots import AuditRoots, Roots
from nodes.runtime.peers.signing import fresh_nonce
from scoring.audit import Scope
from scoring.custody.blame import LATEST_ANSWER_S
from scoring.exchange.registry import MemberRegistry
from scoring.indicators.functional import functional
from scoring.statements import Ceremony, EpochClose, Leaf, MemberChange, ModelAdmitted, QuantileTable, Refusal
from tests.support.artifacts import put, receipt_of, records_of, tables_of, write_log, write_zone
from tests.support.epoch import EPOCH, changed
from tests.support.ledger import SMALL_BITS
from tests.support.members import ZONE
from tests.support.zone import MemoryZone, closed_zone, open_zone, released_zone
from tests.unit.scoring.test_blame_rules import AUDIENCE, Case

Judge = Callable[..., Verdict]
Found = list[tuple[str, int | None]]


def codes(verdict: Verdict) -> list[str]:
    return [finding.code for finding in verdict.findings]


def places(verdict: Verdict) -> Found:
    return [(finding.code, finding.leaf_index) for finding in verdict.findings]


@pytest.fixture
def relogged(tmp_path: Path, judge: Judge) -> Callable[[MemoryZone], Verdict]:
    """The verdict on a zone that is written down as it is now, signed and witnessed."""

    def written(zone: MemoryZone, **more: Any) -> Verdict:
        write_zone(zone, tmp_path / "zone", **more)
        return judge(tmp_path / "zone", tmp_path / "zone" / "public")

    return written


Relogged = Callable[..., Verdict]


# --- leaves ---


def replace_leaf(zone: MemoryZone, index: int, leaf: bytes) -> None:
    zone.entries[index] = (leaf, zone.entries[index][1])


def test_leaf_that_is_not_canonical_is_found(zone: MemoryZone, relogged: Relogged) -> None:
    index = len(zone.entries) - 1
    replace_leaf(zone, index, zone.entries[index][0].replace(b'"v":1', b'"v": 1'))
    assert places(relogged(zone)) == [("LEAF_INVALID", index)]


def test_leaf_that_names_another_actor_or_kind_is_found(zone: MemoryZone, relogged: Relogged) -> None:
    index = len(zone.entries) - 1
    leaf = Leaf.model_validate_json(zone.entries[index][0])
    replace_leaf(zone, index, leaf.model_copy(update={"actor": "bank-a"}).to_bytes())
    replace_leaf(zone, index - 1, leaf.model_copy(update={"kind": "audit", "digest": sha256(zone.entries[index - 1][1]).hex()}).to_bytes())
    assert [code for code in codes(relogged(zone)) if code != "LEAF_TIME"] == ["STATEMENT_VOID_SIGNER_NOT_ALLOWED"] * 2


def test_time_that_goes_back_is_found(zone: MemoryZone, relogged: Relogged) -> None:
    index = len(zone.entries) - 1
    leaf = Leaf.model_validate_json(zone.entries[index][0])
    replace_leaf(zone, index, leaf.model_copy(update={"time": leaf.time - 60}).to_bytes())
    assert places(relogged(zone)) == [("LEAF_TIME", index)]


def test_statement_that_is_logged_twice_is_found(zone: MemoryZone, relogged: Relogged) -> None:
    zone.append(zone.entries[-1][1], "bank-b", "refusal")
    assert places(relogged(zone)) == [("STATEMENT_VOID_STATEMENT_REPLAYED", len(zone.entries) - 1)]


def test_log_of_another_registry_is_found(zone: MemoryZone, finished: Path, tmp_path: Path, judge: Judge) -> None:
    other = zone.envelope(zone.registry(), "authority")  # the same members, stated again
    zone.entries[0] = (Leaf(kind="registry", actor="authority", time=zone.now, digest=sha256(other).hex()).to_bytes(), other)
    write_log(zone, tmp_path / "log")
    assert codes(judge(tmp_path, finished / "public"))[0] == "GENESIS_MISMATCH"


def test_void_statements_are_found_with_their_reasons(zone: MemoryZone, relogged: Relogged) -> None:
    first = zone.say_void(Refusal(zone=ZONE, nonce=fresh_nonce(), member="bank-a", reason="NOT_READY"), "bank-b")
    zone.say_void(Refusal(zone="elsewhere", nonce=fresh_nonce(), member="bank-b", reason="NOT_READY"), "bank-b")
    zone.say_void(EpochClose(zone=ZONE, nonce=fresh_nonce(), epoch=EPOCH), "authority")
    assert places(relogged(zone)) == [
        ("STATEMENT_VOID_SIGNER_NOT_ALLOWED", first),
        ("STATEMENT_VOID_ZONE_MISMATCH", first + 1),
        ("STATEMENT_VOID_EPOCH_STATE", first + 2),
    ]


def test_bytes_that_are_no_statement_are_found(zone: MemoryZone, relogged: Relogged) -> None:
    zone.append(b"not an envelope", "bank-b", "refusal")
    assert codes(relogged(zone)) == ["STATEMENT_VOID_ENVELOPE_INVALID"]


def test_many_findings_of_one_kind_are_counted_not_dropped(zone: MemoryZone, relogged: Relogged, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audits, "SHOWN_PER_CODE", 3)
    for _ in range(8):
        zone.say_void(Refusal(zone=ZONE, nonce=fresh_nonce(), member="bank-a", reason="NOT_READY"), "bank-b")
    verdict = relogged(zone)
    assert len(verdict.findings) == 4
    assert verdict.findings[-1].detail == "5 more findings with this code"


# --- contributions and tickets ---


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


# --- epochs ---


def test_roster_that_is_not_the_one_compiled_is_found(small_private_key: PrivateKey, relogged: Relogged) -> None:
    zone = MemoryZone(small_private_key)
    zone.found()
    zone.compile()
    count = zone.roster_statement().count
    logged = zone.say(zone.roster_statement().model_copy(update={"count": count - 1}), "market")
    stages = zone.say(zone.stages_statement().model_copy(update={"count": count - 1}), "tax")
    assert places(relogged(zone)) == [("ROSTER_INVALID", logged.index), ("ROSTER_INVALID", stages.index)]


def test_epoch_with_another_number_of_batches_is_found(small_private_key: PrivateKey, relogged: Relogged) -> None:
    zone = MemoryZone(small_private_key)
    zone.found()
    zone.compile()
    zone.say(zone.roster_statement(), "market")
    stages = zone.say(zone.stages_statement(), "tax")
    logged = zone.say(zone.opening_statement(stages.index).model_copy(update={"batches": 99}), "authority")
    assert places(relogged(zone)) == [("ROSTER_INVALID", logged.index)]


def test_closing_that_hides_or_invents_an_absent_column_is_found(small_private_key: PrivateKey, relogged: Relogged) -> None:
    zone = open_zone(small_private_key)
    owed = zone.owed_columns()
    for sender, entry in owed[1:]:
        zone.say(zone.column(sender, entry), sender)
    invented = (owed[1][1].indicator, "-", owed[1][0])
    logged = zone.say(EpochClose(zone=ZONE, nonce=fresh_nonce(), epoch=EPOCH, absent=(invented,)), "authority")
    assert places(relogged(zone)) == [("EPOCH_ABSENT", logged.index)] * 2


def test_true_absence_is_no_finding(small_private_key: PrivateKey, relogged: Relogged) -> None:
    zone = open_zone(small_private_key)
    (sender, entry), *rest = zone.owed_columns()
    for other, owed in rest:
        zone.say(zone.column(other, owed), other)
    zone.say(EpochClose(zone=ZONE, nonce=fresh_nonce(), epoch=EPOCH, absent=((entry.indicator, entry.functional, sender),)), "authority")
    assert relogged(zone).holds


def test_release_without_all_batches_is_found(small_private_key: PrivateKey, relogged: Relogged) -> None:
    zone = closed_zone(small_private_key)
    zone.open_totals()
    statement = zone.release_statement(tables_of(zone))
    logged = zone.say(statement.model_copy(update={"tickets": statement.tickets[1:]}), "authority")
    assert places(relogged(zone)) == [("RELEASE_INCOMPLETE", logged.index)]


def test_bands_that_are_not_of_the_opened_totals_are_found(small_private_key: PrivateKey, relogged: Relogged) -> None:
    zone = closed_zone(small_private_key)
    zone.open_totals()
    table: QuantileTable = tables_of(zone)[0]
    wrong = (table.model_copy(update={"cohort": table.cohort + 1}), *tables_of(zone)[1:])
    logged = zone.say(zone.release_statement(wrong), "authority")
    assert relogged(zone).holds  # without the openings nobody can tell
    assert places(relogged(zone, records=records_of(zone))) == [("QUANTILE_TABLE", logged.index)]


# --- openings of epochs ---


def alter_record(run: Path, change: Callable[[dict[str, Any]], None]) -> int:
    """Change the first epoch record; the leaf of its ticket."""
    path = sorted((run / "epochs").glob("**/*.json"))[0]
    record = json.loads(path.read_bytes())
    change(record)
    path.write_text(json.dumps(record))
    return int(record["ticket_leaf_index"])


def raise_value(record: dict[str, Any]) -> None:
    record["openings"][0]["m"] = str(int(record["openings"][0]["m"]) + 1)


def adapted(record: dict[str, Any]) -> None:
    """An opening that opens something: the aggregate is made to fit."""
    raise_value(record)
    n, opening = int(record["public_key"]["n"]), record["openings"][0]
    opening["aggregate"] = str((1 + int(opening["m"]) * n) * pow(int(opening["r"]), n, n * n) % (n * n))


def other_batch(record: dict[str, Any]) -> None:
    record["batch"] = "7"


def other_subjects(record: dict[str, Any]) -> None:
    record["subjects"][0] = "00" * 16


def other_stage(record: dict[str, Any]) -> None:
    record["stage"] = "S4"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (raise_value, "OPENING_INVALID"),
        (adapted, "AGGREGATE_MISMATCH"),
        (other_batch, "EPOCH_RECORD_TICKET"),
        (other_subjects, "EPOCH_RECORD_TICKET"),
        (other_stage, "EPOCH_RECORD_TICKET"),
    ],
)
def test_falsified_epoch_record_is_found(run: Path, judge: Judge, change: Callable[[dict[str, Any]], None], code: str) -> None:
    leaf = alter_record(run, change)
    assert places(judge(run)) == [(code, leaf)]


def test_opening_with_r_adapted_to_another_value_does_not_open(run: Path, judge: Judge, small_private_key: PrivateKey) -> None:
    """Even who knows the private key finds no r for another m."""

    def change(record: dict[str, Any]) -> None:
        raise_value(record)
        n, order, opening = small_private_key.n, small_private_key.order, record["openings"][0]
        opening["r"] = str(pow(int(opening["aggregate"]) % n, pow(n, -1, order), n))

    leaf = alter_record(run, change)
    assert places(judge(run)) == [("OPENING_INVALID", leaf)]


@pytest.mark.parametrize("content", [b"", b"[]", b'{"records": 3}', b'{"records": [{}]}', b"\xff"])
def test_epoch_record_that_is_none_is_found(run: Path, judge: Judge, content: bytes) -> None:
    put(run / "epochs" / "broken.json", content)
    assert codes(judge(run)) == ["EPOCH_RECORD_FORMAT"]


def test_records_may_come_in_one_document(run: Path, judge: Judge) -> None:
    records = [json.loads(path.read_bytes()) for path in sorted((run / "epochs").glob("**/*.json"))]
    shutil.rmtree(run / "epochs")
    put(run / "epochs" / "all.json", json.dumps({"records": records}).encode())
    verdict = judge(run)
    assert (verdict.holds, verdict.checked["epoch_records"]) == (True, len(records))


def test_record_of_a_ticket_that_is_not_in_the_log_is_found(run: Path, judge: Judge) -> None:
    def change(record: dict[str, Any]) -> None:
        record["ticket"] = "AAAA"

    alter_record(run, change)
    assert places(judge(run)) == [("EPOCH_RECORD_TICKET", None)]


def test_impossible_value_is_found(small_private_key: PrivateKey, relogged: Relogged) -> None:
    """A department encrypted points beyond the model's bounds: its proof holds, the opened total does not."""
    zone = open_zone(small_private_key)
    subject = zone.subjects[0]
    zone.points[subject] = zone.points[subject] | {"rd": 32_000}
    zone.contribute_columns()
    zone.close_epoch()
    tickets = {item.statement.stage: item.index for item, _ in zone.open_totals()}
    assert places(relogged(zone, records=records_of(zone))) == [("VALUE_IMPOSSIBLE", tickets["S1"])]


# --- receipts ---


def alter_receipt(run: Path, change: Callable[[dict[str, Any]], None]) -> int:
    path = run / "receipts" / "receipt-0.json"
    receipt = json.loads(path.read_bytes())
    change(receipt)
    path.write_text(json.dumps(receipt))
    return int(receipt["ticket_leaf_index"])


def test_forged_receipt_is_found_with_the_verifiers_reason(run: Path, judge: Judge) -> None:
    leaf = alter_receipt(run, raise_value)
    assert places(judge(run)) == [("RECEIPT_OPENING_INVALID", leaf)]


def test_receipt_that_is_none_is_found(run: Path, judge: Judge) -> None:
    put(run / "receipts" / "broken.json", b"{}")
    assert places(judge(run)) == [("RECEIPT_FORMAT", None)]


def test_receipt_from_a_fork_is_found(zone: MemoryZone, run: Path, judge: Judge) -> None:
    """Log and witness signed two histories; the bank was shown the other one. Its receipt holds by itself."""
    common = len(zone.entries)
    asked = zone.asked(zone.consent(zone.subjects[7]))
    logged = zone.say(asked.ticket, "coordinator")
    put(run / "receipts" / "forked.json", json.dumps(receipt_of(zone, asked, logged)).encode())
    assert codes(judge(run)) == ["RECEIPT_BEYOND_LOG"]  # this log has not come so far
    del zone.entries[common:]
    for _ in range(40):
        envelope = zone.envelope(Refusal(zone=ZONE, nonce=fresh_nonce(), member="bank-b", reason="NOT_READY"), "bank-b")
        leaf = Leaf(kind="refusal", actor="bank-b", time=zone.now, digest=sha256(envelope).hex()).to_bytes()
        zone.entries.append((leaf, envelope))
    shutil.rmtree(run / "log")
    write_log(zone, run / "log")
    assert places(judge(run)) == [("RECEIPT_FORK", logged.index)]


# --- pins ---


def repinned(run: Path, tmp_path: Path) -> Path:
    """A copy of the pinned directory, to be changed."""
    return shutil.copytree(run / "public", tmp_path / "pinned")


def test_key_and_ceremony_other_than_the_pinned_are_found(run: Path, tmp_path: Path, judge: Judge, zone: MemoryZone) -> None:
    keys = repinned(run, tmp_path)
    other = PublicKey.from_modulus(generate_private_key(SMALL_BITS, secrets.randbits).n, min_bits=SMALL_BITS)
    put(keys / "key.json", json.dumps(other.to_json()).encode())
    put(keys / "ceremony.dsse.json", b"another transcript")
    ceremony = zone.view.ceremony
    assert ceremony is not None
    verdict = judge(run, keys)
    assert places(verdict)[:2] == [("CEREMONY_NOT_PINNED", ceremony.index), ("KEY_NOT_PINNED", ceremony.index)]


def test_ceremony_whose_proof_fails_is_found(small_private_key: PrivateKey, relogged: Relogged) -> None:
    honest: Ceremony = MemoryZone(small_private_key).hold_ceremony().statement
    zone = MemoryZone(small_private_key)
    logged = zone.say(honest.model_copy(update={"key_proof": honest.key_proof[1:]}), "authority")
    assert places(relogged(zone)) == [("CEREMONY_INVALID", logged.index)]


def test_model_without_a_pinned_pack_is_found(zone: MemoryZone, relogged: Relogged) -> None:
    logged = zone.say(ModelAdmitted(zone=ZONE, nonce=fresh_nonce(), id="other", version="1", sha256="cd" * 32), "authority")
    assert places(relogged(zone)) == [("PACK_MISSING", logged.index)]


@pytest.mark.parametrize("name", ["log.vkey", "witnesses.vkey", "witness-policy.json", "key.json", "registry.dsse.json", "ceremony.dsse.json"])
def test_pins_that_are_missing_or_disagree_are_refused(run: Path, tmp_path: Path, name: str, zone: MemoryZone) -> None:
    keys = repinned(run, tmp_path)
    (keys / name).unlink()
    with pytest.raises(SettingsError):
        AuditRoots.load(keys, SMALL_BITS)
    if name in {"log.vkey", "witnesses.vkey"}:
        put(keys / name, f"{zone.log_signer.key.to_vkey()[:-4]}AAA=\n".encode())
    elif name == "witness-policy.json":
        put(keys / name, b'{"witnesses":[],"required":0,"max_age_s":1}')
    else:
        return
    with pytest.raises(SettingsError):
        AuditRoots.load(keys, SMALL_BITS)


def test_log_before_its_ceremony_is_audited(small_private_key: PrivateKey, tmp_path: Path) -> None:
    zone = MemoryZone(small_private_key)
    zone.say(Refusal(zone=ZONE, nonce=fresh_nonce(), member="bank-a", reason="NOT_READY"), "bank-a")
    write_log(zone, tmp_path / "log")
    pinned = AuditRoots(Roots(zone.view.genesis, MemberRegistry(zone.view.registry.genesis), zone.public_key, {}), b"")
    verdict = audits.audit(Archive.find(tmp_path), pinned, audits.Options(min_bits=SMALL_BITS), lambda _what, _done, _total: None)
    assert (verdict.holds, verdict.checked["statements"]) == (True, 2)


# --- custodians ---


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


# --- scope ---


def test_scope_by_time_and_member_limits_what_is_reported(small_private_key: PrivateKey, tmp_path: Path, judge: Judge) -> None:
    zone = open_zone(small_private_key)
    first = zone.say_void(Refusal(zone=ZONE, nonce=fresh_nonce(), member="bank-a", reason="NOT_READY"), "bank-b")
    zone.now += 1000
    second = zone.say_void(Refusal(zone=ZONE, nonce=fresh_nonce(), member="bank-b", reason="NOT_READY"), "bank-a")
    run = write_zone(zone, tmp_path / "zone")
    keys = run / "public"

    def found(**said: Any) -> list[int | None]:
        return [item.leaf_index for item in judge(run, keys, Scope(**said)).findings]

    assert found() == [first, second]
    assert found(since=zone.now - 500) == [second]
    assert found(until=zone.now - 500) == [first]
    assert found(member="bank-b") == [first]
    assert found(member="bank-a") == [second]
    assert found(member="tax") == []
    assert found(since=zone.now + 1) == []


def test_ticket_is_in_the_scope_of_the_bank_that_it_is_for(small_private_key: PrivateKey, tmp_path: Path, judge: Judge) -> None:
    zone = released_zone(small_private_key)
    ticket = zone.asked(zone.consent(zone.subjects[7])).ticket
    opening = ticket.openings[0].model_copy(update={"aggregate": "ab" * 32})
    logged = zone.say(ticket.model_copy(update={"openings": (opening,)}), "coordinator")
    run = write_zone(zone, tmp_path / "zone")
    found = {member: places(judge(run, run / "public", Scope(member=member))) for member in ("bank-a", "coordinator", "bank-b", "tax")}
    assert found == {"bank-a": [("AGGREGATE_MISMATCH", logged.index)], "coordinator": [("AGGREGATE_MISMATCH", logged.index)], "bank-b": [], "tax": []}
