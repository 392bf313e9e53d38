"""What an auditor finds in the leaves of a log that was honestly signed and witnessed, and of which members and times."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crypto.encoding import sha256
from crypto.keygen import PrivateKey
from nodes.auditor import audit as audits
from nodes.runtime.peers.signing import fresh_nonce
from scoring.audit import Scope
from scoring.statements import EpochClose, Leaf, Refusal
from tests.support.artifacts import write_log, write_zone
from tests.support.epoch import EPOCH
from tests.support.findings import Judge, Relogged, codes, places
from tests.support.members import ZONE
from tests.support.zone import MemoryZone, open_zone


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
