"""A table of faults of storage and pin, after each of which everything ever published is a prefix of what is served."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.exc import OperationalError

from nodes.errors import IdempotencyConflictError, NotReadyError, StorageError
from nodes.log.publication import FilePin
from nodes.log.sequencer import Appended, Pin, Sequencer, Store
from nodes.log.storage import Batch, Entry, Head, LogStore
from tests.support.databases import ON_BOTH, ON_FILES, database_in
from tests.unit.log.sequencing import Harness, Recording, append_all, submission

pytestmark = ON_BOTH


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


def test_committed_entries_are_reported_before_they_are_published(harness: Harness) -> None:
    seen: list[tuple[int, int]] = []

    def on_commit(entries: Sequence[Entry]) -> None:
        seen.append((entries[-1].index + 1, max((c.size for c in harness.published), default=0)))

    publication = Recording(harness.published, harness.zone.log.key.to_vkey())
    sequencer = Sequencer(harness.store(), harness.pin(), harness.zone.log, publication, lambda: 1, on_commit)
    sequencer.submit([submission(), submission()])
    thread = threading.Thread(target=sequencer.run)
    thread.start()
    sequencer.append(submission())
    sequencer.close()
    thread.join(30)
    assert all(published < size for size, published in seen)
    assert seen[-1][0] == 3
