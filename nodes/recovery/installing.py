"""Puts an archive of the log into the empty state directories of a zone that lost its own: the log goes on from there, and nothing forks [F22].

The zone's keys are not in a backup: they come from where their holders keep them. The log's idempotency keys and the coordinator's queues are not
restored: statements are found again by their digests, work follows from the log anew, under numbers that no member has seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from crypto.checkpoint import open_checkpoint
from crypto.encoding import sha256
from crypto.merkle import leaf_hash
from crypto.statements import parse_envelope
from crypto.tiles import TILE_WIDTH
from nodes.coordinator.keeping.blobs import Blobs
from nodes.coordinator.keeping.store import Store
from nodes.errors import SettingsError, StorageError
from nodes.evidence.archive import Archive
from nodes.evidence.tree import entries_of
from nodes.log.admission import Admission
from nodes.log.sequencer import Pin
from nodes.log.storage import Batch, Entry, Head, LogStore
from nodes.log.tree import Edge
from scoring.exchange.registry import MemberRegistry
from scoring.statements import MemberChange, parse_leaf, parse_statement

AT_ONCE = 4 * TILE_WIDTH
Count = Callable[[str, int, int], None]


def install_log(archive: Archive, admission: Admission, store: LogStore, pin: Pin, count: Count) -> Head:
    """The archive's leaves and statements in an empty log, its checkpoint pinned: the head from which the log goes on.

    Raises SettingsError when the log is not empty or the archive begins with another registry, StorageError when the archive is not whole
    or its leaves do not make the root of its checkpoint.
    """
    if store.head().size or pin.read() is not None:
        raise SettingsError("the log's state directory is not empty: a log is restored into an empty one, or not at all")
    note = archive.checkpoint()
    if note is None:
        raise StorageError("the archive has no checkpoint: it was not opened to its end")
    checkpoint = open_checkpoint(note, admission.registry_statement.log_vkey)
    edge, head = Edge(), store.head()
    for batch in _batches(_entries(archive, admission, checkpoint.size)):
        edge, rows = edge.extended([leaf_hash(entry.leaf) for entry in batch])
        after = Head(edge.size, edge.frontier.root(), parse_leaf(batch[-1].leaf).time)
        store.commit(head, Batch(batch, rows, (), after))
        head = after
        count("leaves restored", head.size, checkpoint.size)
    if (head.size, head.root) != (checkpoint.size, checkpoint.root):
        raise StorageError("the restored leaves do not make the root of the checkpoint: empty the state directory, and open the backup again")
    pin.write(note)  # last: a log without its pin does not start
    return head


def install_blobs(archive: Archive, blobs: Blobs, count: Count) -> int:
    """The archive's documents and ciphertexts at the coordinator; how many. They were compared with their digests when the backup was opened."""
    paths = sorted((archive.log_dir / "blobs").glob("*"))
    for done, path in enumerate(paths, 1):
        blobs.put(path.name, path.read_bytes())
        count("documents and ciphertexts restored", done, len(paths))
    return len(paths)


def renumber_work(archive: Archive, registry: MemberRegistry, store: Store, now: int) -> None:
    """Let every member's queue go on at the number ``now`` (Unix seconds), beyond any that a member has seen: queues count items, and no member
    has had a thousand million. What is beyond follows from the log when the coordinator replays it."""
    note = archive.checkpoint()
    assert note is not None  # the log was installed from it
    size = open_checkpoint(note, registry.genesis.log_vkey).size
    for member in sorted({*registry.members, *_joined(archive, size)}):
        store.begin_work(member, now)


def _joined(archive: Archive, size: int) -> Iterator[str]:
    """Ids of the members that changes in the log name."""
    for raw in entries_of(archive, size):
        leaf = parse_leaf(raw)
        envelope = archive.envelope(leaf.digest) if leaf.kind == MemberChange.kind else None
        if envelope is not None:
            parsed = parse_envelope(envelope)
            statement = parse_statement(parsed.payload_type, parsed.payload)
            if isinstance(statement, MemberChange):
                yield statement.member.id


def _entries(archive: Archive, admission: Admission, size: int) -> Iterator[Entry]:
    for index, raw in enumerate(entries_of(archive, size)):
        leaf = parse_leaf(raw)
        envelope = archive.envelope(leaf.digest)
        if envelope is None or sha256(envelope).hex() != leaf.digest:
            raise StorageError(f"the statement of leaf {index} is missing from the archive, or is another one")
        if index == 0 and envelope != admission.genesis:
            raise SettingsError("the archive begins with another registry than the one in the public directory")
        entry = Entry(index, raw, bytes.fromhex(leaf.digest), leaf.kind, admission.parties_of(leaf.actor, envelope), envelope)
        admission.apply(entry)
        yield entry


def _batches(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    batch: list[Entry] = []
    for entry in entries:
        batch.append(entry)
        if len(batch) == AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch
