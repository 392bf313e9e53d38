"""A process's own verified copy of the log: every leaf and envelope, under the newest checkpoint whose root it computed itself.

Entries become part of the copy only when a checkpoint signed by the log covers them and its root equals the one computed here.
The head (size and root) is also pinned in a file outside the database, after the commit and before anyone acts on the entries:
a database restored from a backup is behind its pin and refused [P5.3, L4]. Two histories under the log's signature are kept as
evidence and stop the process.
"""

from __future__ import annotations

import json
import secrets
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import BigInteger, Column, Engine, Integer, LargeBinary, MetaData, Table, delete, insert, select, update

from crypto.checkpoint import open_checkpoint
from crypto.encoding import canonical_json, sha256
from crypto.errors import NoteError
from crypto.merkle import EMPTY_ROOT, Frontier, leaf_hash
from nodes.errors import LogForkError, QuotaFullError, RollbackError
from nodes.runtime.database import open_database, reading, writing
from nodes.runtime.files import BLOCK_BYTES, make_private_directory, read_private, write_private
from scoring.errors import LogInconsistentError, StatementFormatError
from scoring.statements import parse_leaf

METADATA = MetaData()
ENTRIES = Table(
    "replica_entries",
    METADATA,
    Column("index", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=False),
    Column("leaf", LargeBinary, nullable=False),
    Column("envelope", LargeBinary, nullable=False),
)
HEAD = Table(
    "replica_head",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("frontier", LargeBinary, nullable=False),
    Column("note", LargeBinary, nullable=False),
)
_PAGE = 512
ROOTS_REMEMBERED = 4096
MARK_EVERY = 1024
ROW_BYTES = 256  # what an entry takes beside its bytes, in database and tiles: small ones cost too


@dataclass(frozen=True, slots=True)
class Entry:
    """One leaf of the log with the envelope that its digest names."""

    index: int
    leaf: bytes
    envelope: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """Newest verified tree head; ``note`` is the log's signed checkpoint of it, empty at size 0."""

    size: int
    root: bytes
    note: bytes


def open_copy(directory: Path, url: str, name: str) -> Engine:
    """The database of a process's copy of the log, beside its pin: ``directory/replica.db``, or in PostgreSQL a schema called ``name`` and
    a word that is kept in ``directory``, so that two instances behind one database each have a copy as each has a pin."""
    if not url:
        return open_database(directory, "replica")
    word = make_private_directory(directory) / "replica.schema"
    if not word.exists():
        write_private(word, secrets.token_hex(4).encode())
    return open_database(directory, "replica", url, schema=f"{name}_{read_private(word).decode()}")


class LogReplica:
    """The copy in ``engine``, pinned in ``directory``. One thread writes; ``head`` and ``entries`` may be read from any.

    ``read``: the kinds whose envelopes must come, for a member that is not entitled to all; None demands every one.
    ``most_bytes``: how large the copy of a log may grow that is not this zone's own [F24]; None sets no bound.
    Raises RollbackError when the database is behind its pin or is not what was pinned, and on opening re-hashes every leaf.
    """

    def __init__(self, engine: Engine, directory: Path, log_vkey: str, read: frozenset[str] | None = None, most_bytes: int | None = None) -> None:
        self._engine, self.log_vkey, self._read, self.most_bytes = engine, log_vkey, read, most_bytes
        self._kept = self._unconfirmed = 0  # bytes
        self.full = False  # whether more came than there is room for, since this process began
        self._directory = make_private_directory(directory)
        self._pin_file = directory / "log-head.json"
        self._marks = [Frontier()]  # of sizes some MARK_EVERY apart, ascending: roots of the past are hashed from the nearest one
        frontier, note = self._stored()
        pin = self._pinned(frontier.size)
        if pin[0] > frontier.size:
            raise RollbackError(f"the database holds {frontier.size} leaves of the log, {pin[0]} were pinned: it is an old copy")
        self._rehash(frontier, pin)
        self._frontier = frontier  # of all stored entries, the unconfirmed ones included
        self._time = self._time_of_last()
        self._roots: dict[int, bytes] = {}  # of the sizes confirmed last, oldest first
        self._remember(Head(frontier.size, frontier.root(), note))

    @property
    def place(self) -> str:
        """What this copy is called within its process: the directory that it lies in."""
        return self._directory.parent.name

    def accept(self, entries: Sequence[Entry], note: bytes) -> Head | None:
        """Take the next entries and, unless ``note`` is empty, the checkpoint that they complete; the head that it proves.

        Without a checkpoint the entries are stored, but count only once one that covers them has come. Without entries the
        checkpoint may be of an earlier size, with more cosignatures; None when that is too long ago to be remembered.
        Raises LogInconsistentError when entries do not follow on, time goes back, an envelope is not its leaf's, or the checkpoint is not
        the log's or of another size; LogForkError when its root is not the one computed. Both are fatal; nothing of the update is kept.
        QuotaFullError when the copy would be larger than ``most_bytes``: nothing of the update is kept then either.
        """
        more = sum(_size(entry.leaf, entry.envelope) for entry in entries)
        self._check_room(more)
        frontier, time = self._frontier, self._time
        for entry in entries:
            time = _check_entry(entry, frontier.size, time, self._read)
            frontier = frontier.extended((leaf_hash(entry.leaf),))
        head = self._verify(note, frontier, bool(entries)) if note else None
        confirmed = head if head is not None and head.size == frontier.size else None  # an earlier one says nothing of what is stored behind it
        self._store(entries, frontier, confirmed)
        self._frontier, self._time = frontier, time
        self._unconfirmed += more
        if confirmed is not None:
            self._kept, self._unconfirmed = self._kept + self._unconfirmed, 0
            self._remember(confirmed)
            if confirmed.size >= self._marks[-1].size + MARK_EVERY:
                self._marks.append(frontier)
        return head

    def complete(self, index: int, envelope: bytes) -> None:
        """Keep an envelope that was withheld when its leaf came. Raises LogInconsistentError when it is not the one that the leaf names,
        QuotaFullError when there is no room for it."""
        more = _size(b"", envelope) - _size(b"", b"")
        self._check_room(more)
        leaf = parse_leaf(next(self.entries(index, index + 1)).leaf)
        if sha256(envelope).hex() != leaf.digest:
            raise LogInconsistentError(f"leaf {index}: the envelope sent is not the one that it names")
        with writing(self._engine) as connection:
            connection.execute(update(ENTRIES).where(ENTRIES.c.index == index).values(envelope=envelope))
        self._kept += more

    def root_at(self, size: int) -> bytes:
        """Root of the first ``size`` leaves. Requires 0 <= size <= head.size. From any thread."""
        marks = self._marks
        mark = marks[bisect_right(marks, size, key=lambda frontier: frontier.size) - 1]
        return mark.extended(leaf_hash(entry.leaf) for entry in self.entries(mark.size, size)).root()

    def next_index(self) -> int:
        """Index of the first entry that is not stored."""
        return self._frontier.size

    def forget_unconfirmed(self) -> None:
        """Drop entries that no checkpoint has confirmed; a connection that ended may have left some."""
        with writing(self._engine) as connection:
            connection.execute(delete(ENTRIES).where(ENTRIES.c.index >= self.head.size))
        self._frontier, _ = self._stored()
        self._time, self._unconfirmed = self._time_of_last(), 0

    def entries(self, start: int, end: int) -> Iterator[Entry]:
        """Stored entries [start, end), in order. Requires end <= head.size."""
        for first in range(start, end, _PAGE):
            last = min(first + _PAGE, end)
            with reading(self._engine) as connection:
                rows = connection.execute(
                    select(ENTRIES.c.index, ENTRIES.c.leaf, ENTRIES.c.envelope)
                    .where(ENTRIES.c.index >= first, ENTRIES.c.index < last)
                    .order_by(ENTRIES.c.index)
                ).all()
            if len(rows) != last - first:
                raise RollbackError(f"the database lacks leaves between {first} and {last}")
            for row in rows:
                yield Entry(*row)

    @property
    def kept_bytes(self) -> int:
        """What the confirmed entries take."""
        return self._kept

    # --- storage ---

    def _check_room(self, more: int) -> None:
        if self.most_bytes is not None and self._kept + self._unconfirmed + more > self.most_bytes:
            self.full = True
            raise QuotaFullError(f"{self._kept + self._unconfirmed} bytes of the log are here, {more} more came, {self.most_bytes} are kept at most")

    def _stored(self) -> tuple[Frontier, bytes]:
        with reading(self._engine) as connection:
            row = connection.execute(select(HEAD.c.frontier, HEAD.c.note).where(HEAD.c.id == 1)).one_or_none()
        return (Frontier(), b"") if row is None else (Frontier.from_bytes(row.frontier), row.note)

    def _time_of_last(self) -> int:
        """Time of the last confirmed leaf, 0 before the first."""
        size = self._frontier.size
        return parse_leaf(next(self.entries(size - 1, size)).leaf).time if size else 0

    def _store(self, entries: Sequence[Entry], frontier: Frontier, confirmed: Head | None) -> None:
        with writing(self._engine) as connection:
            if entries:
                connection.execute(insert(ENTRIES), [{"index": e.index, "leaf": e.leaf, "envelope": e.envelope} for e in entries])
            if confirmed is not None:
                connection.execute(delete(HEAD))
                connection.execute(insert(HEAD), {"id": 1, "frontier": frontier.to_bytes(), "note": confirmed.note})
        if confirmed is not None and confirmed.size > self.head.size:
            self._pin(confirmed.size, confirmed.root)

    def _remember(self, head: Head) -> None:
        self.head = head
        self._roots[head.size] = head.root
        while len(self._roots) > ROOTS_REMEMBERED:
            del self._roots[next(iter(self._roots))]

    def _pin(self, size: int, root: bytes) -> None:
        write_private(self._pin_file, canonical_json({"size": size, "root": root.hex()}))

    def _pinned(self, stored_size: int) -> tuple[int, bytes]:
        if not self._pin_file.exists():
            if stored_size:
                raise RollbackError(f"{self._pin_file} is missing, though the database holds {stored_size} leaves")
            self._pin(0, EMPTY_ROOT)
        try:
            pin = json.loads(read_private(self._pin_file))
            return int(pin["size"]), bytes.fromhex(pin["root"])
        except (ValueError, KeyError, TypeError) as error:
            raise RollbackError(f"{self._pin_file} cannot be read") from error

    def _rehash(self, stored: Frontier, pin: tuple[int, bytes]) -> None:
        with writing(self._engine) as connection:
            connection.execute(delete(ENTRIES).where(ENTRIES.c.index >= stored.size))
        before = self._hashed(Frontier(), pin[0])
        if before.root() != pin[1]:
            raise RollbackError(f"the database's first {pin[0]} leaves are not those that were pinned")
        if self._hashed(before, stored.size) != stored:
            raise RollbackError("the database's leaves are not those of its head")

    def _hashed(self, frontier: Frontier, end: int) -> Frontier:
        """``frontier`` with the stored leaves up to ``end``; leaves marks on its way."""
        for start in range(frontier.size, end, MARK_EVERY):
            entries = list(self.entries(start, min(start + MARK_EVERY, end)))
            frontier = frontier.extended(leaf_hash(entry.leaf) for entry in entries)
            self._kept += sum(_size(entry.leaf, entry.envelope) for entry in entries)
            self._marks.append(frontier)
        return frontier

    # --- verification ---

    def _verify(self, note: bytes, frontier: Frontier, completing: bool) -> Head | None:
        try:
            checkpoint = open_checkpoint(note, self.log_vkey)
        except NoteError as error:
            raise LogInconsistentError(f"the log sent a checkpoint that is not its own: {error}") from error
        if checkpoint.size > frontier.size or (completing and checkpoint.size != frontier.size):
            raise LogInconsistentError(f"a checkpoint of size {checkpoint.size} came with entries up to {frontier.size}")
        root = frontier.root() if checkpoint.size == frontier.size else self._roots.get(checkpoint.size)
        if root is None:
            return None
        if root != checkpoint.root:
            self._keep_evidence(self.head.note, note)
            raise LogForkError(f"the log signed a root for size {checkpoint.size} that is not that of the leaves it sent")
        return Head(checkpoint.size, root, note)

    def _keep_evidence(self, *notes: bytes) -> None:
        evidence = make_private_directory(self._directory / "evidence")
        for note in notes:
            write_private(evidence / f"{sha256(note).hex()[:16]}.note", note)


def _size(leaf: bytes, envelope: bytes) -> int:
    """With the file that a peer zone's node shows a statement as, one for each."""
    return len(leaf) + len(envelope) + ROW_BYTES + (BLOCK_BYTES if envelope else 0)


def _check_entry(entry: Entry, expected: int, before: int, read: frozenset[str] | None) -> int:
    """The time of the entry that must be number ``expected``, ``before`` being that of the entry before: consents, requests and lives of
    tickets are judged by these times, so a log that turns them back could bring back what is over."""
    if entry.index != expected:
        raise LogInconsistentError(f"expected leaf {expected}, the log sent {entry.index}")
    try:
        leaf = parse_leaf(entry.leaf)
    except StatementFormatError as error:
        raise LogInconsistentError(f"leaf {expected}: {error}") from error
    if leaf.time < before:
        raise LogInconsistentError(f"leaf {expected}: its time goes back from {before} to {leaf.time}")
    withheld = not entry.envelope and read is not None and leaf.kind not in read
    if not withheld and sha256(entry.envelope).hex() != leaf.digest:
        raise LogInconsistentError(f"leaf {expected}: the envelope sent is not the one that it names")
    return leaf.time
