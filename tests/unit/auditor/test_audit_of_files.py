"""What an auditor finds when files of a run were changed after the fact: every kind of change has its own code, and none passes."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import pytest

from crypto.checkpoint import Checkpoint, cosign, sign_checkpoint
from crypto.notes import COSIGNATURE_V1, ED25519, NoteSigner
from crypto.tiles import TILE_WIDTH, decode_entries, encode_entries, parse_path
from simulators.tampering import rerandomised
from tests.support.artifacts import note_of
from tests.support.findings import Judge, codes
from tests.support.zone import MemoryZone


def flip(path: Path, place: int = -1, bit: int = 1) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= bit
    path.write_bytes(data)


def test_untouched_run_passes_with_everything_looked_at(run: Path, judge: Judge, zone: MemoryZone) -> None:
    verdict = judge(run)
    assert verdict.findings == []
    assert (verdict.holds, verdict.complete, verdict.tree_size) == (True, True, len(zone.entries))
    assert verdict.checked["leaves"] == verdict.checked["statements"] == len(zone.entries)
    assert verdict.checked["contributions"] == len(zone.view.contributions)
    assert verdict.checked["openings"] == sum(len(item.statement.openings) for item in zone.view.tickets.values())
    assert (verdict.checked["receipts"], verdict.checked["epoch_records"]) == (2, 4)


def test_log_directory_alone_is_audited_too(run: Path, judge: Judge) -> None:
    verdict = judge(run / "log")
    assert verdict.holds
    assert verdict.checked["receipts"] == 0


@pytest.mark.parametrize("path", ["tile/0/000", "tile/0/001.p/W", "tile/1/000.p/1"])
@pytest.mark.parametrize("place", [0, 20, -1])
def test_one_bit_of_a_tile_names_the_leaf(run: Path, judge: Judge, zone: MemoryZone, path: str, place: int) -> None:
    path = path.replace("W", str(len(zone.entries) % TILE_WIDTH))
    address = parse_path(path)
    flip(run / "log" / path, place, 1 << random.randrange(8))
    (finding,) = judge(run, tree_only=True).findings
    hash_number = (place if place >= 0 else address.width * 32 + place) // 32
    assert finding.code == "TILE_HASH_MISMATCH"
    assert finding.leaf_index == (address.index * 256 + hash_number) * 256 ** (address.level or 0)


def test_tile_of_wrong_length_is_found(run: Path, judge: Judge) -> None:
    path = run / "log" / "tile" / "0" / "000"
    path.write_bytes(path.read_bytes()[:-32])
    assert [(item.code, item.leaf_index) for item in judge(run, tree_only=True).findings] == [("TILE_HASH_MISMATCH", 255)]


def test_stale_partial_tile_is_checked_too(run: Path, judge: Judge) -> None:
    stale = run / "log" / "tile" / "0" / "000.p"
    stale.mkdir()
    data = (run / "log" / "tile" / "0" / "000").read_bytes()
    (stale / "3").write_bytes(data[:96])
    assert judge(run, tree_only=True).holds
    flip(stale / "3", 40)
    assert [(item.code, item.leaf_index) for item in judge(run, tree_only=True).findings] == [("TILE_HASH_MISMATCH", 1)]


def test_changed_entry_is_told_from_a_changed_tile(run: Path, judge: Judge) -> None:
    path = run / "log" / "tile" / "entries" / "000"
    entries = decode_entries(path.read_bytes(), 256)
    entries[17] = entries[17].replace(b'"v":1', b'"v":2')
    path.write_bytes(encode_entries(entries))
    verdict = judge(run)
    assert [(item.code, item.leaf_index) for item in verdict.findings] == [("ENTRY_HASH_MISMATCH", 17)]
    assert not verdict.complete


def test_entries_and_tiles_changed_together_miss_the_root(run: Path, judge: Judge) -> None:
    flip(run / "log" / "tile" / "entries" / "000", 300)
    flip(run / "log" / "tile" / "0" / "000", 3200)
    assert codes(judge(run)) == ["ROOT_MISMATCH"]


def test_cut_entry_bundle_is_found(run: Path, judge: Judge) -> None:
    path = run / "log" / "tile" / "entries" / "000"
    path.write_bytes(path.read_bytes()[:-1])
    assert codes(judge(run)) == ["ENTRY_BUNDLE_INVALID"]


@pytest.mark.parametrize(
    ("path", "code", "leaf"),
    [
        ("tile/0/000", "TILE_MISSING", 0),
        ("tile/1/000.p/1", "TILE_MISSING", 0),
        ("tile/entries/000", "ENTRY_MISSING", 0),
        ("checkpoint", "", None),
    ],
)
def test_missing_file_is_found(run: Path, judge: Judge, path: str, code: str, leaf: int | None) -> None:
    (run / "log" / path).unlink()
    if not code:
        (run / "log" / path).touch()
        code = "CHECKPOINT_SIGNATURE"
    assert [(item.code, item.leaf_index) for item in judge(run, tree_only=True).findings] == [(code, leaf)]


def test_missing_and_changed_statements_are_found(run: Path, judge: Judge, zone: MemoryZone) -> None:
    by_leaf = [json.loads(leaf)["digest"] for leaf, _ in zone.entries]
    (run / "log" / "envelopes" / by_leaf[100]).unlink()
    flip(run / "log" / "envelopes" / by_leaf[200])
    assert [(item.code, item.leaf_index) for item in judge(run).findings] == [("ENVELOPE_MISSING", 100), ("ENVELOPE_DIGEST", 200)]


def test_no_statements_at_all_is_a_finding_unless_only_the_tree_is_asked_for(run: Path, judge: Judge) -> None:
    (run / "log" / "envelopes").rename(run / "elsewhere")
    verdict = judge(run)
    assert codes(verdict) == ["STATEMENTS_MISSING"]
    verdict = judge(run, tree_only=True)
    assert verdict.holds
    assert not verdict.complete


# --- checkpoint ---


def test_checkpoint_of_another_key_is_found(run: Path, judge: Judge, zone: MemoryZone) -> None:
    impostor = NoteSigner(zone.log_signer.name, ED25519, b"i" * 32)
    note = sign_checkpoint(Checkpoint(impostor.name, 1, bytes(32)), impostor)
    (run / "log" / "checkpoint").write_bytes(note)
    assert codes(judge(run)) == ["CHECKPOINT_SIGNATURE"]


def test_checkpoint_without_its_witness_is_found(run: Path, judge: Judge, zone: MemoryZone) -> None:
    stranger = NoteSigner("xinqiao/test-zone/stranger", COSIGNATURE_V1, b"s" * 32)
    note = note_of(zone)
    unwitnessed = b"".join(note.splitlines(keepends=True)[:-1])
    (run / "log" / "checkpoint").write_bytes(unwitnessed + cosign(unwitnessed, stranger, 1_700_000_000))
    assert codes(judge(run)) == ["WITNESS_POLICY"]


def test_root_that_is_not_of_the_entries_is_found(run: Path, judge: Judge, zone: MemoryZone) -> None:
    note = sign_checkpoint(Checkpoint(zone.log_signer.name, len(zone.entries), bytes(32)), zone.log_signer)
    (run / "log" / "checkpoint").write_bytes(note + cosign(note, zone.witness_signer, zone.now))
    assert codes(judge(run)) == ["ROOT_MISMATCH"]


def test_older_checkpoint_over_a_longer_tree_passes(run: Path, judge: Judge, zone: MemoryZone) -> None:
    """What lies beyond the checkpoint is nobody's claim yet; the last row's partial tiles of the older tree have to be there."""
    size = 256
    (run / "log" / "checkpoint").write_bytes(note_of(zone, size))
    (run / "receipts").rename(run / "receipts-of-a-later-log")
    verdict = judge(run)
    assert (verdict.holds, verdict.tree_size) == (True, size)


# --- ciphertexts ---


def contribution(zone: MemoryZone, kind: str) -> Any:
    return next(item for item in zone.view.contributions.values() if item.statement.kind == kind)


@pytest.mark.parametrize("kind", ["column", "row"])
def test_substituted_ciphertext_is_found_though_it_says_the_same(run: Path, judge: Judge, zone: MemoryZone, kind: str) -> None:
    logged = contribution(zone, kind)
    path, key = run / "log" / "blobs" / logged.statement.header.merkle_root, zone.public_key
    data, width = path.read_bytes(), key.ciphertext_size
    other = rerandomised(key, int.from_bytes(data[:width], "big"), random.Random(1).randrange)
    path.write_bytes(other.to_bytes(width, "big") + data[width:])
    verdict = judge(run)
    assert (verdict.findings[0].code, verdict.findings[0].leaf_index) == ("CIPHERTEXT_ROOT_MISMATCH", logged.index)
    assert set(codes(verdict)) == {"CIPHERTEXT_ROOT_MISMATCH", "AGGREGATE_MISMATCH"}


def test_ciphertext_that_is_no_unit_is_found(run: Path, judge: Judge, zone: MemoryZone) -> None:
    logged = contribution(zone, "column")
    path, width = run / "log" / "blobs" / logged.statement.header.merkle_root, zone.public_key.ciphertext_size
    path.write_bytes(zone.public_key.n.to_bytes(width, "big") + path.read_bytes()[width:])
    assert codes(judge(run))[0] == "CIPHERTEXT_INVALID"


@pytest.mark.parametrize("cut", [1, 64])
def test_cut_ciphertexts_are_found(run: Path, judge: Judge, zone: MemoryZone, cut: int) -> None:
    logged = contribution(zone, "row")
    path = run / "log" / "blobs" / logged.statement.header.merkle_root
    path.write_bytes(path.read_bytes()[:-cut])
    assert codes(judge(run))[0] == "CIPHERTEXT_INVALID"


def test_missing_ciphertexts_are_found_and_their_tickets_are_not_passed_over(run: Path, judge: Judge, zone: MemoryZone) -> None:
    logged = contribution(zone, "column")
    (run / "log" / "blobs" / logged.statement.header.merkle_root).unlink()
    verdict = judge(run)
    assert (verdict.findings[0].code, verdict.findings[0].leaf_index) == ("BLOB_MISSING", logged.index)
    assert codes(verdict).count("AGGREGATE_UNCHECKED") == 4  # every stage's bulk ticket


def test_changed_and_missing_rosters_are_found(run: Path, judge: Judge, zone: MemoryZone) -> None:
    opened = zone.view.epoch("epoch-1995").opened
    roster = zone.view.rosters["epoch-1995"]
    flip(run / "log" / "blobs" / opened.roster, -10)
    verdict = judge(run)
    assert [(item.code, item.leaf_index) for item in verdict.findings][:2] == [
        ("ROSTER_INVALID", opened.stages_leaf),
        ("ROSTER_INVALID", opened.stages_leaf + 1),
    ]
    assert "AGGREGATE_UNCHECKED" in codes(verdict)
    (run / "log" / "blobs" / roster.statement.sha256).unlink()
    assert judge(run).findings[0].code == "BLOB_MISSING"


def test_any_flipped_bit_of_any_file_of_the_log_is_found(run: Path, judge: Judge) -> None:
    """A sample drawn anew in each run; every file of the log is part of some claim."""
    draw = random.Random()
    files = sorted(path for path in (run / "log").rglob("*") if path.is_file())
    refusals = [path for path in files if path.parent.name == "envelopes"]
    others = [path for path in files if path not in refusals]
    for path in [*draw.sample(others, 8), *draw.sample(refusals, 2)]:
        data = path.read_bytes()
        flip(path, draw.randrange(len(data)), 1 << draw.randrange(8))
        assert not judge(run).holds, path
        path.write_bytes(data)


def test_pipes_and_devices_among_the_files_are_missing_and_not_waited_for(run: Path, judge: Judge, zone: MemoryZone) -> None:
    """Whoever hands a log over may lay what never ends into it."""
    column = next(iter(zone.view.contributions.values())).statement
    envelope, blob = (
        run / "log" / "envelopes" / zone.view.statements[max(zone.view.statements)].digest,
        run / "log" / "blobs" / column.header.merkle_root,
    )
    for path in (envelope, blob):
        path.unlink()
    os.mkfifo(envelope)
    os.mkfifo(run / "receipts" / "pipe.json")
    blob.symlink_to("/dev/zero")
    assert {"ENVELOPE_MISSING", "BLOB_MISSING"} <= set(codes(judge(run)))
