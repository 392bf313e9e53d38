"""A bank's receipts in a directory that others keep and cannot read: nothing is lost, nothing sealed twice, nothing changed unseen [F20]."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from crypto.sealing import generate_key
from nodes.errors import SettingsError
from nodes.evidence.receipt import parse_receipt
from nodes.recovery.receipts import open_receipts, seal_receipts
from scoring.federation.errors import BackupError
from tests.support.bank import roots_of
from tests.support.zone import MemoryZone

PRIVATE, PUBLIC = generate_key(secrets.randbits)
BANK = "bank-a"


@pytest.fixture
def receipts(finished: Path) -> list[tuple[str, bytes]]:
    documents = [path.read_bytes() for path in sorted((finished / "receipts").glob("*.json"))]
    assert len(documents) > 1
    return sorted((parse_receipt(document).id, document) for document in documents)


def test_what_was_sealed_is_opened_to_the_byte_and_the_next_time_goes_on_behind_it(
    receipts: list[tuple[str, bytes]], zone: MemoryZone, tmp_path: Path
) -> None:
    chunks = tmp_path / "chunks"
    assert seal_receipts(receipts[:1], chunks, PUBLIC, zone.name, BANK) == 1
    (chunks / "000000000002.chunk").write_bytes(b"of a command that was stopped before it wrote the list")
    assert seal_receipts(receipts, chunks, PUBLIC, zone.name, BANK) == len(receipts) - 1
    assert seal_receipts(receipts, chunks, PUBLIC, zone.name, BANK) == 0
    assert list(open_receipts(chunks, PRIVATE, roots_of(zone))) == receipts
    assert chunks.stat().st_mode & 0o777 == 0o700
    assert not any(document in path.read_bytes() for path in chunks.iterdir() for _, document in receipts)


def test_a_directory_of_another_bank_zone_or_key_is_not_gone_on_with(receipts: list[tuple[str, bytes]], zone: MemoryZone, tmp_path: Path) -> None:
    seal_receipts(receipts[:1], tmp_path / "chunks", PUBLIC, zone.name, BANK)
    other = generate_key(secrets.randbits)
    for key, name, bank in ((PUBLIC, zone.name, "bank-b"), (PUBLIC, "elsewhere", BANK), (other[1], zone.name, BANK)):
        with pytest.raises(SettingsError, match="directory of its own"):
            seal_receipts(receipts, tmp_path / "chunks", key, name, bank)
    with pytest.raises(BackupError, match="another recovery key"):
        list(open_receipts(tmp_path / "chunks", other[0], roots_of(zone)))


def test_a_chunk_that_is_changed_or_missing_is_found(receipts: list[tuple[str, bytes]], zone: MemoryZone, tmp_path: Path) -> None:
    chunks = tmp_path / "chunks"
    seal_receipts(receipts, chunks, PUBLIC, zone.name, BANK)
    first = chunks / "000000000001.chunk"
    whole = first.read_bytes()
    first.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(SettingsError, match="not the chunk"):
        list(open_receipts(chunks, PRIVATE, roots_of(zone)))
    first.unlink()
    with pytest.raises(SettingsError, match="lacks chunks 1"):
        list(open_receipts(chunks, PRIVATE, roots_of(zone)))


def test_what_is_sealed_and_is_no_receipt_of_the_zone_is_refused(receipts: list[tuple[str, bytes]], zone: MemoryZone, tmp_path: Path) -> None:
    """Whoever has the public half can seal: what opens is believed only once it verifies."""
    name, document = receipts[0]
    seal_receipts([(name, document.replace(b'"line_fen": "', b'"line_fen": "9'))], tmp_path / "chunks", PUBLIC, zone.name, BANK)
    with pytest.raises(BackupError, match=r"ends with 000000000001\.chunk does not hold"):
        list(open_receipts(tmp_path / "chunks", PRIVATE, roots_of(zone)))


@pytest.mark.parametrize("name", ["../public/key", "/etc/xinqiao/bank-a", "0" * 32, ""])
def test_a_receipt_under_another_name_than_its_own_is_put_nowhere(
    receipts: list[tuple[str, bytes]], zone: MemoryZone, tmp_path: Path, name: str
) -> None:
    """Files are called by it: whoever keeps the chunks and has the public half seals a receipt that holds under a name that leads elsewhere."""
    seal_receipts([(name, receipts[0][1])], tmp_path / "chunks", PUBLIC, zone.name, BANK)
    with pytest.raises(BackupError, match=f"is not called {receipts[0][0]}"):
        list(open_receipts(tmp_path / "chunks", PRIVATE, roots_of(zone)))
