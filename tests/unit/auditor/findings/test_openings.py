"""What an auditor finds in openings that are shown beside the log: epoch records and banks' receipts."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crypto.encoding import sha256
from crypto.keygen import PrivateKey
from nodes.runtime.peers.signing import fresh_nonce
from scoring.statements import Leaf, Refusal
from tests.support.artifacts import put, receipt_of, records_of, write_log
from tests.support.findings import Judge, Relogged, codes, places
from tests.support.members import ZONE
from tests.support.zone import MemoryZone, open_zone


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
