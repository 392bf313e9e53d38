"""A place in which sequencers live and die, with every checkpoint that they ever showed."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine

from crypto import merkle
from crypto.checkpoint import Checkpoint, open_checkpoint
from crypto.encoding import sha256
from nodes.log.publication import FilePin, Publication
from nodes.log.sequencer import Pin, Sequencer, Store, Submission
from nodes.log.storage import LogStore
from tests.support.databases import database_in
from tests.unit.log.small_zone import SmallZone


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
        publication = Recording(self.published, self.zone.log.key.to_vkey())
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


class Recording(Publication):
    def __init__(self, published: list[Checkpoint], vkey: str) -> None:
        super().__init__()
        self._published, self._vkey = published, vkey

    def publish_signed(self, head: object) -> None:
        self._published.append(open_checkpoint(head.note, self._vkey))  # type: ignore[attr-defined]
        super().publish_signed(head)  # type: ignore[arg-type]


def append_all(harness: Harness, texts: Sequence[str]) -> None:
    with harness.running() as (sequencer, _):
        for text in texts:
            sequencer.append(submission(text))
