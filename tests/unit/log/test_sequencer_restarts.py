"""What a restarted sequencer refuses to go on from."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from crypto import merkle
from crypto.errors import NoteError
from nodes.errors import LogForkError, RollbackError, SecretFileError, StorageError
from nodes.log.storage import LEAVES, TILES
from tests.support.databases import ON_BOTH, put_back, rows_of
from tests.unit.log.sequencing import Harness, append_all

pytestmark = ON_BOTH


def test_a_restored_old_database_is_refused(harness: Harness) -> None:
    append_all(harness, ["a", "b"])
    backup = rows_of(harness.directory, "log")
    append_all(harness, ["c"])
    put_back(harness.directory, "log", backup)
    with pytest.raises(RollbackError, match="old copy"):
        harness.start()


def test_an_old_database_that_grew_differently_is_recognised_as_a_fork(harness: Harness) -> None:
    append_all(harness, ["a"])
    backup, pin = rows_of(harness.directory, "log"), (harness.directory / "head.pin").read_bytes()
    append_all(harness, ["b", "c"])
    newer = (harness.directory / "head.pin").read_bytes()
    put_back(harness.directory, "log", backup)
    (harness.directory / "head.pin").write_bytes(pin)
    append_all(harness, ["x", "y", "z"])
    (harness.directory / "head.pin").write_bytes(newer)
    with pytest.raises(LogForkError, match="another history"):
        harness.start()


def test_a_lost_pin_is_refused(harness: Harness) -> None:
    append_all(harness, ["a"])
    (harness.directory / "head.pin").unlink()
    with pytest.raises(StorageError, match="missing"):
        harness.start()


def test_a_pin_that_others_could_read_or_that_is_not_this_logs_is_refused(harness: Harness) -> None:
    append_all(harness, ["a"])
    pin = harness.directory / "head.pin"
    pin.chmod(0o644)
    with pytest.raises(SecretFileError):
        harness.start()
    pin.chmod(0o600)
    pin.write_bytes(pin.read_bytes().replace(b"test-zone\n1", b"test-zone\n0"))
    with pytest.raises(NoteError):
        harness.start()


@pytest.mark.parametrize("byte", [0, 31])
def test_a_flipped_bit_on_the_trees_edge_is_noticed_at_the_start(harness: Harness, byte: int) -> None:
    append_all(harness, ["a", "b", "c"])
    store = harness.store()
    tile = bytearray(store.read_tile(0, 0, 3))
    tile[byte] ^= 1
    with store._engine.begin() as connection:
        connection.execute(update(TILES).where(TILES.c.level == 0, TILES.c.tile_index == 0).values(hashes=bytes(tile)))
    with pytest.raises((StorageError, LogForkError)):
        harness.start()


def test_a_replaced_leaf_no_longer_hashes_to_its_tile(harness: Harness) -> None:
    append_all(harness, ["a", "b", "c"])
    store = harness.store()
    with store._engine.begin() as connection:
        connection.execute(update(LEAVES).where(LEAVES.c.leaf_index == 1).values(leaf=b"another"))
    assert merkle.leaf_hash(store.leaves(1, 2)[0]) != store.read_tile(0, 0, 3)[32:64]
