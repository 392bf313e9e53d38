"""Contributions on their way in: kept before they are logged, logged once, answered the same after any crash."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from crypto.errors import MerkleError
from crypto.keygen import PrivateKey
from crypto.statements import countersign
from nodes.coordinator.intake import Intake
from nodes.coordinator.journal import Journal
from nodes.coordinator.keeping.blobs import BlobStore
from nodes.coordinator.keeping.store import Store
from nodes.errors import RoleMissingError
from protos.v1.exchange_pb2 import ContributionPart
from scoring.errors import RevisionError, StatementReplayedError
from tests.support.databases import ON_BOTH, fresh_database
from tests.support.exchange import HeldZone, MemoryLog
from tests.support.zone import MemoryZone, open_zone

pytestmark = ON_BOTH


@pytest.fixture(scope="module")
def opened(small_private_key: PrivateKey) -> MemoryZone:
    return open_zone(small_private_key)


@pytest.fixture
def zone(opened: MemoryZone) -> MemoryZone:
    return opened.fork()


class Door:
    """An intake over a memory zone. ``restart`` forgets what was only in memory; ``forget_receipts`` also what came after the log's answer."""

    def __init__(self, zone: MemoryZone, directory: Path) -> None:
        held = HeldZone(zone.view)
        self.zone, self.store, self.blobs = zone, Store(fresh_database("coordinator")), BlobStore(directory / "blobs")
        self.intake = Intake(held, self.store, self.blobs, Journal(held, MemoryLog(zone).client(), self.store, lambda: zone.now), lambda: zone.now)

    def column(self, revision: int = 0) -> tuple[str, bytes, bytes]:
        """(sender, envelope, ciphertexts) of a column."""
        sender, entry = self.zone.owed_columns()[0]
        statement = self.zone.column(sender, entry, revision)
        return sender, self.zone.envelope(statement, sender), self.zone.blobs[statement.header.merkle_root]

    def give(self, sender: str, envelope: bytes, data: bytes) -> int:
        """The leaf of a contribution."""

        def parts() -> Iterator[ContributionPart]:
            yield ContributionPart(envelope=envelope)
            yield ContributionPart(ciphertexts=data)

        return self.intake.contribute(sender, parts()).leaf_index


@pytest.fixture
def door(zone: MemoryZone, tmp_path: Path) -> Door:
    return Door(zone, tmp_path)


def test_the_same_bytes_get_the_same_receipt(door: Door) -> None:
    column = door.column()
    assert door.give(*column) == door.give(*column)
    assert len(door.zone.view.contributions) == 1


def test_what_was_logged_before_a_crash_could_note_it_gets_its_receipt_afterwards(door: Door, tmp_path: Path) -> None:
    sender, envelope, data = door.column()
    index = door.give(sender, envelope, data)
    after = Door(door.zone, tmp_path / "restored")  # neither the receipt nor the ciphertexts were noted
    assert after.give(sender, envelope, data) == index
    assert after.blobs.get(door.zone.view.at(index).statement.header.merkle_root) == data


def test_ciphertexts_of_a_logged_header_are_checked_again(door: Door, tmp_path: Path) -> None:
    sender, envelope, data = door.column()
    door.give(sender, envelope, data)
    width = door.zone.public_key.ciphertext_size
    swapped = data[width : 2 * width] + data[:width] + data[2 * width :]
    with pytest.raises(MerkleError):
        Door(door.zone, tmp_path / "restored").give(sender, envelope, swapped)


def test_other_bytes_under_the_same_revision_are_refused(door: Door) -> None:
    door.give(*door.column())
    with pytest.raises(RevisionError):
        door.give(*door.column())


def test_the_same_contribution_in_another_envelope_is_not_counted_twice(door: Door) -> None:
    sender, envelope, data = door.column()
    door.give(sender, envelope, data)
    with pytest.raises((RevisionError, StatementReplayedError)):
        door.give(sender, countersign(envelope, door.zone.keys.signers["coordinator"]), data)
    assert len(door.zone.view.contributions) == 1


def test_a_member_contributes_for_itself_only(door: Door) -> None:
    _, envelope, data = door.column()
    with pytest.raises(RoleMissingError):
        door.give("credit", envelope, data)
