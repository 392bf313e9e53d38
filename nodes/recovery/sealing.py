"""Seals what the log and the coordinator hold, as it comes, for peers to keep [F20]. What was sealed last stands in the outbox itself, so
that a process that is stopped at any moment goes on where it was."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol

from crypto.statements import parse_envelope
from nodes.errors import NotFoundError
from nodes.recovery.keys import read_recovery_public_key
from nodes.runtime import logging
from nodes.runtime.lease import Lease
from nodes.runtime.process import Process
from nodes.runtime.replica.follower import LogFollower
from nodes.runtime.replica.store import Entry
from nodes.runtime.settings import NodeSettings
from scoring.federation.backup import Part, Place, entries_part, seal_part
from scoring.statements import Column, RosterCompiled, Row, StagesPublished, parse_leaf, parse_statement

BACKUP = "backup"
PAUSE_S = 5.0  # cosignatures wake nobody
MOST_ENTRIES, MOST_BYTES = 2048, 4 << 20  # of one part
WITH_BLOBS = frozenset({Column.kind, Row.kind, RosterCompiled.kind, StagesPublished.kind})
SEALED = "backup.sealed"
_log = logging.logger("backup")


class Copy(Protocol):
    """A verified copy of the log; ``nodes.runtime.replica.store.LogReplica`` is one."""

    def entries(self, start: int, end: int, /) -> Iterator[Entry]: ...


class Shelf(Protocol):
    """Where sealed chunks go, each durable when ``put`` returns; ``newest``: (name, digest) of the last whose name begins so."""

    def put(self, kind: str, name: str, content: bytes, /) -> int: ...
    def newest(self, kind: str, beginning: str, /) -> tuple[str, str] | None: ...


class Sealer:
    """Seals the log of ``zone`` with the blobs that it names, in the stream of ``member``. One thread at a time calls ``catch_up``."""

    def __init__(self, zone: str, member: str, recovery_key: bytes, copy: Copy, blob: Callable[[str], bytes], shelf: Shelf) -> None:
        self._zone, self._member, self._key, self._copy, self._blob, self._shelf = zone, member, recovery_key, copy, blob, shelf
        self._place, self._sealed = self._last()
        self._wake = threading.Event()

    @property
    def sealed(self) -> int:
        """How many leaves are sealed, with all that they name and a checkpoint that covers them."""
        return self._sealed

    def catch_up(self, size: int, note: bytes) -> None:
        """Seal everything up to the witnessed checkpoint ``note`` of ``size`` leaves. Raises as the outbox."""
        self._place, self._sealed = self._last()  # another coordinator on the same database may have sealed meanwhile
        if size <= self._sealed:
            return
        start = self._sealed
        for entries in _ranges(self._copy.entries(start, size)):
            for digest in dict.fromkeys(blobs_of(entries)):
                try:
                    content = self._blob(digest)
                except NotFoundError:
                    continue  # of a statement that had no effect; one that counts has its blob before it is logged
                self._put(Part("blob", digest, content), start)
            self._put(entries_part(entries[0].index, [(entry.leaf, entry.envelope) for entry in entries]), start)
        self._put(Part("checkpoint", str(size), note), size)
        self._sealed = size
        _log.info(SEALED, size=size, chunks=self._place.number)

    def run(self, stopping: threading.Event, newest: Callable[[], tuple[int, bytes] | None]) -> None:
        """Catch up with ``newest`` (a witnessed checkpoint) whenever ``wake`` is called, until the process stops."""
        while not stopping.is_set():
            self._wake.clear()
            found = newest()
            if found is not None:
                self.catch_up(*found)
            self._wake.wait(PAUSE_S)

    def wake(self) -> None:
        """There may be more to seal, or the process stops."""
        self._wake.set()

    def _put(self, part: Part, sealed: int) -> None:
        for place, chunk in seal_part(part, self._key, self._zone, self._member, self._place):
            self._shelf.put(BACKUP, f"{self._member}/{place.number:012}/{sealed}", chunk)
            self._place = place

    def _last(self) -> tuple[Place, int]:
        found = self._shelf.newest(BACKUP, f"{self._member}/")
        if found is None:
            return Place(), 0
        _, number, sealed = found[0].split("/")
        return Place(int(number), found[1]), int(sealed)


def seal_beside(
    process: Process, settings: NodeSettings, key_file: Path, follower: LogFollower, blob: Callable[[str], bytes], shelf: Shelf, lease: Lease
) -> None:
    """Seal beside a process's other work, while it leads, what ``follower`` has under witnessed checkpoints.

    Raises SettingsError when ``key_file`` is no public half of the zone's recovery key.
    """
    sealer = Sealer(settings.zone, settings.member, read_recovery_public_key(key_file, settings.zone), follower.replica, blob, shelf)

    def newest() -> tuple[int, bytes] | None:
        found = follower.witnessed
        return None if found is None else (found.checkpoint.size, found.note.encode())

    run = lease.when_leading(lambda stopping: sealer.run(stopping, newest))
    process.worker("backup", lambda: run(process.stopping))
    process.on_stop(sealer.wake)


def blobs_of(entries: Iterable[Entry]) -> Iterator[str]:
    """Digests of the documents and ciphertexts that logged statements name."""
    for entry in entries:
        if parse_leaf(entry.leaf).kind not in WITH_BLOBS:
            continue
        envelope = parse_envelope(entry.envelope)
        statement = parse_statement(envelope.payload_type, envelope.payload)
        if isinstance(statement, RosterCompiled | StagesPublished):
            yield statement.sha256
        elif isinstance(statement, Column | Row):
            yield statement.header.merkle_root


def _ranges(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """The entries in runs of a bounded number and size."""
    run: list[Entry] = []
    size = 0
    for entry in entries:
        run.append(entry)
        size += len(entry.leaf) + len(entry.envelope)
        if len(run) == MOST_ENTRIES or size >= MOST_BYTES:
            yield run
            run, size = [], 0
    if run:
        yield run
