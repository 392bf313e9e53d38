"""The log's tables keep the same promises on SQLite and on PostgreSQL."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from crypto import merkle
from nodes.errors import StorageError
from nodes.log.storage import Batch, Entry, Head, KeyUse, LogStore
from nodes.log.tree import Edge
from nodes.runtime.database import open_database


@pytest.fixture
def engine(url: str, tmp_path: Path) -> Iterator[Engine]:
    """A database with the log's tables, empty."""
    engine = open_database(tmp_path / "state", "log", url)
    yield engine
    engine.dispose()


@pytest.fixture
def store(engine: Engine) -> LogStore:
    return LogStore(engine)


class Writer:
    """Builds consecutive batches of made-up entries over one tree."""

    def __init__(self) -> None:
        self.edge, self.head = Edge(), Head(0, merkle.EMPTY_ROOT, 0)
        self.leaves: list[bytes] = []

    def batch(self, count: int, kind: str = "refusal", envelope_bytes: int = 10) -> Batch:
        """The next ``count`` entries; the writer goes on from there."""
        entries = [_entry(len(self.leaves) + i, kind, envelope_bytes) for i in range(count)]
        edge, rows = self.edge.extended([merkle.leaf_hash(entry.leaf) for entry in entries])
        keys = [KeyUse("bank-a", f"key-{entry.index}", entry.index) for entry in entries]
        self.edge, self.head = edge, Head(edge.size, edge.frontier.root(), self.head.time + 1)
        self.leaves += [entry.leaf for entry in entries]
        return Batch(entries, rows, keys, self.head)

    def put(self, store: LogStore, *counts: int) -> None:
        """Commit batches of these sizes."""
        for count in counts:
            before = self.head
            store.commit(before, self.batch(count))


def _entry(index: int, kind: str, envelope_bytes: int) -> Entry:
    envelope = (b"envelope %d " % index).ljust(envelope_bytes, b".")
    return Entry(index, b"leaf %d" % index, hashlib.sha256(envelope).digest(), kind, ("bank-a", "coordinator"), envelope)


def test_a_fresh_store_holds_the_empty_tree(store: LogStore) -> None:
    assert store.head() == Head(0, merkle.EMPTY_ROOT, 0)
    assert store.entries(0, 10, 1000) == []
    assert store.root_at(0) == merkle.EMPTY_ROOT


def test_what_was_committed_is_there_for_the_next_process(engine: Engine, store: LogStore) -> None:
    writer = Writer()
    writer.put(store, 1, 2, 300)
    again = LogStore(engine)
    assert again.head() == writer.head
    assert again.leaves(0, 303) == writer.leaves
    assert again.entries(0, 2, 1 << 20) == [_entry(0, "refusal", 10), _entry(1, "refusal", 10)]
    assert Edge.load(303, again.read_tile) == writer.edge


def test_every_earlier_root_can_be_computed_from_the_tiles(store: LogStore) -> None:
    writer = Writer()
    writer.put(store, 1, 254, 1, 1, 300, 17)
    for size in (0, 1, 2, 255, 256, 257, 511, 512, 513, 574):
        assert store.root_at(size) == merkle.root(writer.leaves[:size])


def test_a_root_beyond_the_tree_is_refused(store: LogStore) -> None:
    Writer().put(store, 5)
    with pytest.raises(StorageError):
        store.root_at(6)


def test_a_stale_head_commits_nothing(store: LogStore) -> None:
    writer, rival = Writer(), Writer()
    writer.put(store, 3)
    with pytest.raises(StorageError, match="another sequencer"):
        rival.put(store, 2)
    assert store.head() == writer.head
    assert store.leaves(0, 3) == writer.leaves


def test_a_head_of_the_right_size_but_another_root_commits_nothing(store: LogStore) -> None:
    writer = Writer()
    writer.put(store, 3)
    before = Head(3, merkle.EMPTY_ROOT, 0)
    with pytest.raises(StorageError):
        store.commit(before, writer.batch(1))
    assert store.head().size == 3


def test_a_batch_that_fails_half_way_leaves_nothing(store: LogStore) -> None:
    writer = Writer()
    writer.put(store, 3)
    before, batch = writer.head, writer.batch(2)
    repeated = Batch([*batch.entries, _entry(0, "refusal", 10)], batch.tiles, batch.keys, batch.head)
    with pytest.raises(IntegrityError):
        store.commit(before, repeated)
    assert store.head() == before
    assert store.entries(3, 5, 1000) == []


def test_of_two_sequencers_that_commit_at_once_one_wins(engine: Engine) -> None:
    outcomes: list[str] = []
    together = threading.Barrier(2)

    def commit() -> None:
        store, writer = LogStore(engine), Writer()
        before, batch = writer.head, writer.batch(4)
        together.wait(10)
        try:
            store.commit(before, batch)
        except StorageError:
            outcomes.append("refused")
        else:
            outcomes.append("committed")

    LogStore(engine)
    threads = [threading.Thread(target=commit) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(outcomes) == ["committed", "refused"]
    assert LogStore(engine).leaves(0, 4) == [b"leaf %d" % i for i in range(4)]


def test_digests_and_keys_are_found_whatever_their_number(store: LogStore) -> None:
    writer = Writer()
    writer.put(store, 1200)
    digests = [_entry(i, "refusal", 10).digest for i in range(1200)]
    found = store.find_digests([*digests, b"\0" * 32])
    assert found == {digest: (i, b"leaf %d" % i) for i, digest in enumerate(digests)}
    uses = [("bank-a", f"key-{i}") for i in range(1200)] + [("bank-b", "key-0"), ("bank-a", "unused")]
    assert store.find_keys(uses) == {("bank-a", f"key-{i}"): digests[i] for i in range(1200)}
    assert store.find_digests([]) == {}
    assert store.find_keys([]) == {}


def test_entries_come_up_to_the_byte_limit_and_at_least_one(store: LogStore) -> None:
    writer = Writer()
    before = writer.head
    store.commit(before, writer.batch(10, envelope_bytes=1000))
    assert [entry.index for entry in store.entries(2, 9, 3500)] == [2, 3, 4]
    assert [entry.index for entry in store.entries(2, 9, 1)] == [2]
    assert [entry.index for entry in store.entries(8, 99, 1 << 20)] == [8, 9]


def test_entries_are_found_by_kind_and_by_digest(store: LogStore) -> None:
    writer = Writer()
    for kind in ("registry", "refusal", "member", "refusal"):
        before = writer.head
        store.commit(before, writer.batch(1, kind))
    assert [entry.index for entry in store.entries_of(["registry", "member"])] == [0, 2]
    assert store.entry_of(_entry(2, "member", 10).digest) == _entry(2, "member", 10)
    assert store.entry_of(b"\0" * 32) is None


def test_missing_leaves_and_tiles_are_storage_errors_not_short_answers(store: LogStore) -> None:
    Writer().put(store, 5)
    with pytest.raises(StorageError):
        store.leaves(3, 6)
    with pytest.raises(StorageError):
        store.read_tile(0, 0, 6)
    with pytest.raises(StorageError):
        store.read_tile(1, 0, 1)
