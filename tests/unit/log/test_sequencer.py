"""Sequencing: order, first answers, and a table of faults after each of which everything ever published is a prefix of what is served."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, event, update
from sqlalchemy.exc import OperationalError

from crypto import merkle
from crypto.checkpoint import Checkpoint, open_checkpoint
from crypto.encoding import sha256
from crypto.errors import NoteError
from nodes.errors import IdempotencyConflictError, LogForkError, NotReadyError, RollbackError, SecretFileError, StorageError
from nodes.log.publication import FilePin, Publication
from nodes.log.sequencer import Appended, Pin, Sequencer, Store, Submission, leaf_bytes
from nodes.log.storage import LEAVES, TILES, Batch, Entry, Head, LogStore
from scoring.statements import BY_KIND, Leaf
from tests.support.databases import ON_BOTH, ON_FILES, database_in, put_back, rows_of
from tests.unit.log.small_zone import SmallZone

pytestmark = ON_BOTH


def submission(text: str | None = None, key: str | None = None, caller: str = "bank-a") -> Submission:
    """A submission of its own bytes, or of ``text``; under the digest as key unless one is given."""
    envelope = (text or secrets.token_hex(8)).encode()
    digest = sha256(envelope)
    return Submission(caller, key or digest.hex(), envelope, digest, "refusal", caller, (caller,))


class Harness:
    """One state directory in which sequencers live and die. ``published`` collects every checkpoint ever shown."""

    def __init__(self, directory: Path, zone: SmallZone) -> None:
        self.directory, self.zone = directory, zone
        self.published: list[Checkpoint] = []
        self.time = 1000
        self.engines: list[Engine] = []

    def store(self) -> LogStore:
        engine = database_in(self.directory, "log")
        self.engines.append(engine)
        return LogStore(engine)

    def pin(self) -> FilePin:
        return FilePin(self.directory / "head.pin")

    def start(self, store: Store | None = None, pin: Pin | None = None) -> tuple[Sequencer, Publication]:
        """A sequencer that nobody runs yet."""
        publication = _Recording(self.published, self.zone.log.key.to_vkey())
        sequencer = Sequencer(store or self.store(), pin or self.pin(), self.zone.log, publication, lambda: self.time, lambda _entries: None)
        return sequencer, publication

    @contextmanager
    def running(self, store: Store | None = None, pin: Pin | None = None) -> Iterator[tuple[Sequencer, list[BaseException]]]:
        """A running sequencer, and what made it stop."""
        sequencer, _ = self.start(store, pin)
        stopped: list[BaseException] = []

        def run() -> None:
            try:
                sequencer.run()
            except BaseException as error:  # noqa: BLE001 - whatever stops it is what the tests ask about
                stopped.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield sequencer, stopped
        finally:
            sequencer.close()
            thread.join(30)
            assert not thread.is_alive()

    def check_prefixes(self) -> None:
        """Every checkpoint ever published is a prefix of what the store serves now."""
        store = self.store()
        leaves = store.leaves(0, store.head().size)
        assert self.published
        for checkpoint in self.published:
            assert merkle.root(leaves[: checkpoint.size]) == checkpoint.root
            assert store.root_at(checkpoint.size) == checkpoint.root


class _Recording(Publication):
    def __init__(self, published: list[Checkpoint], vkey: str) -> None:
        super().__init__()
        self._published, self._vkey = published, vkey

    def publish_signed(self, head: object) -> None:
        self._published.append(open_checkpoint(head.note, self._vkey))  # type: ignore[attr-defined]
        super().publish_signed(head)  # type: ignore[arg-type]


@pytest.fixture
def harness(tmp_path: Path, small_zone: SmallZone) -> Iterator[Harness]:
    directory = tmp_path / "state"
    made = Harness(directory, small_zone)
    yield made
    for engine in made.engines:
        engine.dispose()


def append_all(harness: Harness, texts: Sequence[str]) -> None:
    with harness.running() as (sequencer, _):
        for text in texts:
            sequencer.append(submission(text))


# --- the ordinary course ---


def test_statements_get_consecutive_places_in_the_order_submitted(harness: Harness) -> None:
    with harness.running() as (sequencer, _):
        answers = sequencer.submit([submission() for _ in range(300)]).result(10)
        last = sequencer.append(submission())
    assert [answer.index for answer in answers if isinstance(answer, Appended)] == list(range(300))
    assert last.index == 300
    harness.check_prefixes()


def test_an_answer_comes_only_after_a_published_checkpoint_covers_it(harness: Harness) -> None:
    with harness.running() as (sequencer, _):
        for _ in range(5):
            answer = sequencer.append(submission())
            assert harness.published[-1].size > answer.index


def test_leaves_carry_the_logs_time_which_never_goes_back(harness: Harness) -> None:
    with harness.running() as (sequencer, _):
        first = sequencer.append(submission())
        harness.time = 10
        second = sequencer.append(submission())
    with harness.running() as (sequencer, _):
        third = sequencer.append(submission())
        harness.time = 2000
        fourth = sequencer.append(submission())
    times = [Leaf.model_validate_json(answer.leaf).time for answer in (first, second, third, fourth)]
    assert times == [1000, 1000, 1000, 2000]


def test_the_same_bytes_get_the_first_answer_also_from_another_caller_and_after_a_restart(harness: Harness) -> None:
    with harness.running() as (sequencer, _):
        first = sequencer.append(submission("a", key="one"))
        assert sequencer.append(submission("a", key="one")) == first
        assert sequencer.append(submission("a", key="two", caller="coordinator")) == first
        same_group = sequencer.submit([submission("b"), submission("b"), submission("b", key="three")]).result(10)
    with harness.running() as (sequencer, _):
        assert sequencer.append(submission("a", key="four")) == first
    assert len(set(same_group)) == 1
    assert harness.store().head().size == 2


def test_a_key_used_for_other_bytes_is_refused_and_logs_nothing(harness: Harness) -> None:
    with harness.running() as (sequencer, _):
        sequencer.append(submission("a", key="one"))
        with pytest.raises(IdempotencyConflictError):
            sequencer.append(submission("b", key="one"))
        both = sequencer.submit([submission("c", key="two"), submission("d", key="two"), submission("e")]).result(10)
        assert sequencer.append(submission("b", key="one", caller="bank-b")).index == 3
    with harness.running() as (sequencer, _), pytest.raises(IdempotencyConflictError):
        sequencer.append(submission("b", key="one"))
    assert [type(answer) for answer in both] == [Appended, IdempotencyConflictError, Appended]
    assert harness.store().head().size == 4


def test_a_key_is_remembered_even_where_the_bytes_were_logged_under_another(harness: Harness) -> None:
    with harness.running() as (sequencer, _):
        sequencer.append(submission("a", key="one"))
        sequencer.append(submission("a", key="two"))
        with pytest.raises(IdempotencyConflictError):
            sequencer.append(submission("b", key="two"))


def test_sixty_four_clients_each_find_their_statements_where_they_were_told(harness: Harness) -> None:
    told: dict[int, bytes] = {}
    with harness.running() as (sequencer, _):

        def client(number: int) -> None:
            for turn in range(10):
                item = submission(f"{number}/{turn}")
                told[sequencer.append(item).index] = item.digest

        threads = [threading.Thread(target=client, args=(number,)) for number in range(64)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    store = harness.store()
    assert sorted(told) == list(range(640))
    assert store.find_digests(list(told.values())) == {digest: (i, store.leaves(i, i + 1)[0]) for i, digest in told.items()}
    assert len(harness.published) < 640  # committed in groups
    harness.check_prefixes()


def test_a_closing_log_refuses_what_waits_and_keeps_what_it_answered(harness: Harness) -> None:
    sequencer, _ = harness.start()
    waiting = sequencer.submit([submission()])
    sequencer.close()
    sequencer.run()
    with pytest.raises(NotReadyError):
        waiting.result(0)
    with pytest.raises(NotReadyError):
        sequencer.append(submission())


@given(
    st.sampled_from(sorted(BY_KIND)), st.from_regex(r"\A[a-z][a-z0-9.-]{1,62}\Z"), st.integers(0, (1 << 40) - 1), st.binary(min_size=32, max_size=32)
)
def test_a_leafs_bytes_are_its_canonical_json(kind: str, actor: str, time: int, digest: bytes) -> None:
    assert leaf_bytes(kind, actor, time, digest) == Leaf(kind=kind, actor=actor, time=time, digest=digest.hex()).to_bytes()
    assert len(leaf_bytes(kind, actor, time, digest)) < 65_536


# --- faults: storage and pin, each failing before and after it took effect ---


class Broken(Exception):
    """The injected fault."""


class FaultyStore(LogStore):
    """The real tables; the commit numbered ``at`` fails before or after it is durable."""

    def __init__(self, engine: Engine, at: int, persisted: bool) -> None:
        super().__init__(engine)
        self._left, self._persisted = at, persisted

    def commit(self, before: Head, batch: Batch) -> None:
        self._left -= 1
        if self._left == 0:
            if self._persisted:
                super().commit(before, batch)
            raise Broken
        super().commit(before, batch)


class FaultyPin(FilePin):
    """The real file; the write numbered ``at`` fails before or after it is durable, as a failing fsync does."""

    def __init__(self, path: Path, at: int, persisted: bool) -> None:
        super().__init__(path)
        self._left, self._persisted = at, persisted

    def write(self, note: bytes) -> None:
        self._left -= 1
        if self._left == 0:
            if self._persisted:
                super().write(note)
            raise OSError(5, "Input/output error")
        super().write(note)


Faults = tuple[Callable[[Harness], Store | None], Callable[[Harness], Pin | None]]
FAULTS: dict[str, tuple[Faults, bool]] = {  # what fails, and whether the statement at hand is durable all the same
    "commit lost": ((lambda h: FaultyStore(h.store()._engine, 2, persisted=False), lambda _h: None), False),
    "commit persisted but reported failed": ((lambda h: FaultyStore(h.store()._engine, 2, persisted=True), lambda _h: None), True),
    "pin lost": ((lambda _h: None, lambda h: FaultyPin(h.directory / "head.pin", 3, persisted=False)), True),
    "pin persisted but reported failed": ((lambda _h: None, lambda h: FaultyPin(h.directory / "head.pin", 3, persisted=True)), True),
}


@pytest.mark.parametrize("fault", list(FAULTS))
def test_after_any_fault_the_sequencer_stops_and_a_restart_goes_on_from_the_truth(harness: Harness, fault: str) -> None:
    (make_store, make_pin), durable = FAULTS[fault]
    unlucky = submission("unlucky")
    with harness.running(make_store(harness), make_pin(harness)) as (sequencer, stopped):
        first = sequencer.append(submission("first"))
        with pytest.raises(StorageError, match="stopped while storing"):
            sequencer.append(unlucky)
        with pytest.raises(NotReadyError):
            sequencer.append(submission("later"))
    assert len(stopped) == 1
    assert max(checkpoint.size for checkpoint in harness.published) == 1  # nothing uncertain was published
    with harness.running() as (sequencer, stopped_again):
        assert harness.store().head().size == (2 if durable else 1)
        again = sequencer.append(unlucky)
        assert (first.index, again.index) == (0, 1)
        assert sequencer.append(submission("first")) == first
    assert not stopped_again
    harness.check_prefixes()


def test_everything_that_waited_is_answered_when_the_sequencer_stops(harness: Harness) -> None:
    sequencer, _ = harness.start(FaultyStore(harness.store()._engine, 1, persisted=False))
    waiting: list[Future[list[Appended | IdempotencyConflictError]]] = [sequencer.submit([submission()]) for _ in range(5)]
    with pytest.raises(Broken):
        sequencer.run()
    for future in waiting:
        with pytest.raises(StorageError):
            future.result(0)


@ON_FILES
def test_a_full_disk_stops_the_log_and_loses_nothing_that_was_answered(harness: Harness) -> None:
    append_all(harness, ["before"])
    full = database_in(harness.directory, "log")
    with full.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    event.listen(full, "connect", lambda connection, _record: connection.execute(f"PRAGMA max_page_count={pages + 20}"))
    full.dispose()
    answered: list[int] = []

    def fill(sequencer: Sequencer) -> None:
        while True:
            answered.append(sequencer.append(submission("x" * 500 + secrets.token_hex(8))).index)

    with harness.running(LogStore(full)) as (sequencer, stopped), pytest.raises(StorageError):
        fill(sequencer)
    full.dispose()
    assert isinstance(stopped[0], OperationalError)
    assert "full" in str(stopped[0])
    with harness.running() as (sequencer, _):
        assert sequencer.append(submission("before")).index == 0
    assert answered == list(range(1, len(answered) + 1))
    assert harness.store().head().size == len(answered) + 1
    harness.check_prefixes()


def test_the_second_of_two_sequencers_on_one_database_stops_at_its_first_commit(harness: Harness) -> None:
    with harness.running() as (first, stopped_first), harness.running() as (second, stopped_second):
        assert first.append(submission("a")).index == 0
        with pytest.raises(StorageError, match="another sequencer"):
            second.append(submission("b"))
        assert first.append(submission("c")).index == 1
    assert not stopped_first
    assert isinstance(stopped_second[0], StorageError)
    harness.check_prefixes()


# --- what a restart refuses ---


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


def test_committed_entries_are_reported_before_they_are_published(harness: Harness) -> None:
    seen: list[tuple[int, int]] = []

    def on_commit(entries: Sequence[Entry]) -> None:
        seen.append((entries[-1].index + 1, max((c.size for c in harness.published), default=0)))

    publication = _Recording(harness.published, harness.zone.log.key.to_vkey())
    sequencer = Sequencer(harness.store(), harness.pin(), harness.zone.log, publication, lambda: 1, on_commit)
    sequencer.submit([submission(), submission()])
    thread = threading.Thread(target=sequencer.run)
    thread.start()
    sequencer.append(submission())
    sequencer.close()
    thread.join(30)
    assert all(published < size for size, published in seen)
    assert seen[-1][0] == 3
