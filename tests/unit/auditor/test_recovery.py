"""A zone that lost its log, its coordinator and its receipts comes back from what a peer kept: the same root, an audit that passes, no fork."""

from __future__ import annotations

import secrets
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import Engine

from crypto.checkpoint import Checkpoint, cosign, open_checkpoint, sign_checkpoint
from crypto.encoding import sha256
from crypto.merkle import check_consistency
from crypto.sealing import generate_key
from crypto.tiles import consistency_proof
from nodes.coordinator.keeping.blobs import BlobStore
from nodes.coordinator.keeping.outbox import Outbox
from nodes.coordinator.keeping.store import Store
from nodes.errors import NotFoundError, RollbackError, SettingsError, StorageError
from nodes.evidence.archive import Archive
from nodes.evidence.receipt import verify_receipt
from nodes.log.admission import Admission
from nodes.log.publication import FilePin, Publication
from nodes.log.sequencer import Sequencer
from nodes.log.storage import LogStore
from nodes.recovery.handing import Held, Listed, chunks_in, given_before, hand_back
from nodes.recovery.installing import install_blobs, install_log, renumber_work
from nodes.recovery.keys import make_recovery_key, read_recovery_key, read_recovery_public_key
from nodes.recovery.sealing import BACKUP, Sealer
from nodes.recovery.unsealing import Opened, open_backup
from nodes.runtime.files import read_private
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from nodes.runtime.replica.store import Entry
from scoring.federation.backup import Part, Place, seal_part
from scoring.federation.errors import BackupError
from scoring.statements import Refusal
from tests.support.artifacts import note_of
from tests.support.bank import roots_of
from tests.support.databases import database_in
from tests.support.findings import Judge
from tests.support.zone import MemoryZone

PRIVATE, PUBLIC = generate_key(secrets.randbits)


def quiet(_what: str, _done: int, _total: int) -> None:
    return None


@dataclass
class Home:
    """The zone before the loss, and the outbox from which its peer has everything."""

    zone: MemoryZone
    outbox: Outbox
    lost: set[str] = field(default_factory=set)

    def entries(self, start: int, end: int) -> Iterator[Entry]:
        for index in range(start, end):
            yield Entry(index, *self.zone.entries[index])

    def blob(self, digest: str) -> bytes:
        if digest in self.lost:
            raise NotFoundError(digest)
        return self.zone.blobs[digest]

    def sealer(self) -> Sealer:
        return Sealer(self.zone.name, "coordinator", PUBLIC, self, self.blob, self.outbox)

    def seal(self, size: int | None = None) -> None:
        size = len(self.zone.entries) if size is None else size
        self.sealer().catch_up(size, note_of(self.zone, size))

    def receipt(self, document: bytes) -> None:
        """A bank's receipt, sealed by the bank in a stream of its own."""
        for place, chunk in seal_part(Part("receipt", sha256(document).hex(), document), PUBLIC, self.zone.name, "bank-a", Place()):
            self.outbox.put(BACKUP, f"bank-a/{place.number:012}/0", chunk)

    def chunks(self) -> list[bytes]:
        """What the peer has, in order."""
        found = self.outbox.after(BACKUP, 0, 1 << 30, 1 << 20)
        return [item.content for item in found if item.content is not None]

    def open(self, directory: Path, *known: bytes, chunks: list[bytes] | None = None) -> Opened:
        archive = Archive(directory / "log", directory)
        return open_backup(self.chunks() if chunks is None else chunks, PRIVATE, roots_of(self.zone), archive, known)


@pytest.fixture
def home(zone: MemoryZone, tmp_path: Path) -> Home:
    return Home(zone, Outbox(database_in(tmp_path / "coordinator", "coordinator")))


@dataclass
class Restored:
    """An empty machine on which the zone goes on."""

    directory: Path
    zone: MemoryZone
    engines: list[Engine] = field(default_factory=list)

    def store(self) -> LogStore:
        self.engines.append(database_in(self.directory / "log", "log"))
        return LogStore(self.engines[-1])

    @property
    def pin(self) -> FilePin:
        return FilePin(self.directory / "log" / "head.pin")

    def install(self, archive: Archive) -> LogStore:
        store = self.store()
        install_log(archive, Admission(self.zone.entries[0][1]), store, self.pin, quiet)
        return store

    def sequencer(self, store: LogStore) -> Sequencer:
        return Sequencer(store, self.pin, self.zone.log_signer, Publication(), lambda: self.zone.now, lambda _entries: None)


def test_a_lost_zone_comes_back_whole_and_its_log_goes_on_without_a_fork(home: Home, finished: Path, judge: Judge, tmp_path: Path) -> None:
    zone, last = home.zone, note_of(home.zone)
    receipt = sorted((finished / "receipts").glob("*.json"))[0].read_bytes()
    home.seal()
    home.receipt(receipt)
    opened = home.open(tmp_path / "opened", last)
    archive = Archive.find(tmp_path / "opened")
    assert (opened.size, opened.missing, opened.receipts) == (len(zone.entries), [], 1)
    verdict = judge(tmp_path / "opened")
    assert (verdict.findings, verdict.complete, verdict.checked["receipts"]) == ([], True, 1)
    assert verify_receipt(archive.documents("receipts")[0].read_bytes(), roots_of(zone)).subject in zone.subjects

    fresh = Restored(tmp_path / "fresh", zone)
    store = fresh.install(archive)
    checkpoint = open_checkpoint(last, zone.log_signer.key.to_vkey())
    assert (store.head().size, store.head().root) == (checkpoint.size, checkpoint.root)
    blobs = BlobStore(tmp_path / "fresh" / "blobs")
    assert install_blobs(archive, blobs, quiet) == len(opened.blobs)
    assert all(blobs.get(digest) == zone.blobs[digest] for digest in opened.blobs)

    sequencer = fresh.sequencer(store)
    admission = Admission(zone.entries[0][1])
    raw = sign_statement(Refusal(zone=zone.name, nonce=fresh_nonce(), member="bank-a", reason="CONSENT_MISSING"), zone.keys.signers["bank-a"])
    sequencer.submit([admission.admit("bank-a", raw, "a-new-one")])
    sequencer._sequence(sequencer._take())
    after = open_checkpoint(fresh.pin.read() or b"", zone.log_signer.key.to_vkey())
    assert after.size == checkpoint.size + 1
    proof = consistency_proof(checkpoint.size, after.size, store.read_tile)
    check_consistency(checkpoint.size, after.size, proof, checkpoint.root, after.root)
    repeated = sequencer.submit([admission.admit("bank-b", zone.entries[-1][1], "again")])
    sequencer._sequence(sequencer._take())
    assert repeated.result()[0].index == len(zone.entries) - 1  # type: ignore[union-attr]  # an answer, not an error


def test_a_backup_that_witnesses_know_to_be_too_short_is_refused(home: Home, tmp_path: Path) -> None:
    home.seal(len(home.zone.entries) - 5)
    with pytest.raises(BackupError, match="would fork"):
        home.open(tmp_path / "opened", note_of(home.zone))
    assert Archive(tmp_path / "opened" / "log").checkpoint() is None  # nothing to install from
    home.seal()
    assert home.open(tmp_path / "again", note_of(home.zone)).size == len(home.zone.entries)


def test_a_backup_of_another_history_than_witnesses_know_is_refused(home: Home, tmp_path: Path) -> None:
    home.seal()
    size = len(home.zone.entries) - 3
    other = sign_checkpoint(Checkpoint(home.zone.log_signer.name, size, bytes(32)), home.zone.log_signer)
    with pytest.raises(BackupError, match="not those of a checkpoint"):
        home.open(tmp_path / "opened", other + cosign(other, home.zone.witness_signer, home.zone.now))
    with pytest.raises(BackupError, match="enough of its witnesses"):
        home.open(tmp_path / "alone", other)


def test_a_sealer_that_was_stopped_anywhere_goes_on_and_the_backup_stays_one(home: Home, tmp_path: Path) -> None:
    """Stopped after every single chunk, and started anew."""

    class Stopping(Outbox):
        left = 0

        def put(self, kind: str, name: str, content: bytes) -> int:
            if not self.left:
                raise StorageError("stopped here")
            self.left -= 1
            return super().put(kind, name, content)

    shelf = Stopping(home.outbox._engine)
    size, stops = len(home.zone.entries), 0
    steps = [40, size - 200, size]
    for target in steps:
        for allowed in range(1, 1000):
            shelf.left = allowed
            try:
                Sealer(home.zone.name, "coordinator", PUBLIC, home, home.blob, shelf).catch_up(target, note_of(home.zone, target))
                break
            except StorageError:
                stops += 1
    assert stops > 3
    assert home.open(tmp_path / "opened", note_of(home.zone)).size == size


def test_it_seals_each_leaf_once_as_the_log_grows(home: Home, tmp_path: Path) -> None:
    for size in (1, 2, 30, 31, len(home.zone.entries)):
        home.seal(size)
    before = home.outbox.last(BACKUP)
    home.seal()
    assert home.outbox.last(BACKUP) == before
    assert home.open(tmp_path / "opened", note_of(home.zone)).size == len(home.zone.entries)


def test_a_chunk_that_a_peer_lost_or_changed_is_found(home: Home, tmp_path: Path) -> None:
    home.seal(40)
    home.seal()
    chunks = home.chunks()
    for number in range(len(chunks)):
        changed = bytearray(chunks[number])
        changed[-1] ^= 1
        for tried in ([*chunks[:number], bytes(changed), *chunks[number + 1 :]], [*chunks[:number], *chunks[number + 1 :]]):
            with pytest.raises(BackupError):
                home.open(tmp_path / f"opened-{number}", note_of(home.zone), chunks=tried)
    with pytest.raises(BackupError, match="no witnessed checkpoint"):
        home.open(tmp_path / "nothing", chunks=chunks[:1])


def test_documents_that_were_lost_before_are_named_not_passed_over(home: Home, tmp_path: Path, judge: Judge) -> None:
    digest = next(iter(home.zone.view.contributions.values())).statement.header.merkle_root
    home.lost.add(digest)
    home.seal()
    assert home.open(tmp_path / "opened", note_of(home.zone)).missing == [digest]
    assert "BLOB_MISSING" in {finding.code for finding in judge(tmp_path / "opened").findings}


def test_contents_that_were_sealed_wrongly_are_refused(home: Home, tmp_path: Path) -> None:
    """Whoever knows the public half can seal: what is inside must prove itself."""
    home.seal(40)
    end = home.outbox.newest(BACKUP, "coordinator/")
    assert end is not None
    place = Place(int(end[0].split("/")[1]), end[1])
    wrong = (
        Part("blob", "ab" * 32, b"other bytes"),
        Part("receipt", "x", b"{}"),
        Part("checkpoint", "40", note_of(home.zone, 41)),
        Part("entries", "41-41", b""),
    )
    for number, part in enumerate(wrong):
        chunks = [chunk for _, chunk in seal_part(part, PUBLIC, home.zone.name, "coordinator", place)]
        with pytest.raises(BackupError):
            home.open(tmp_path / f"opened-{number}", note_of(home.zone, 40), chunks=[*home.chunks(), *chunks])


def test_only_an_empty_log_is_restored_into_and_an_old_copy_does_not_start(home: Home, tmp_path: Path) -> None:
    home.seal(40)
    home.open(tmp_path / "old", note_of(home.zone, 40))
    home.seal()
    home.open(tmp_path / "opened", note_of(home.zone))
    fresh = Restored(tmp_path / "fresh", home.zone)
    fresh.install(Archive.find(tmp_path / "opened"))
    with pytest.raises(SettingsError, match="not empty"):
        fresh.install(Archive.find(tmp_path / "old"))
    pinned = Restored(tmp_path / "pinned", home.zone)
    (tmp_path / "pinned" / "log").mkdir(parents=True, mode=0o700)
    (tmp_path / "pinned").chmod(0o700)
    pinned.pin.write(note_of(home.zone))
    with pytest.raises(SettingsError, match="not empty"):
        pinned.install(Archive.find(tmp_path / "old"))
    older = Restored(tmp_path / "older", home.zone)
    store = older.install(Archive.find(tmp_path / "old"))
    older.pin.write(note_of(home.zone))  # the pin outlived the disk with the database: the fork guard of L4 still holds
    with pytest.raises(RollbackError):
        older.sequencer(store)


def test_queues_go_on_beyond_whatever_a_member_has_seen(home: Home, tmp_path: Path) -> None:
    home.seal()
    home.open(tmp_path / "opened", note_of(home.zone))
    store = Store(database_in(tmp_path / "new", "coordinator"))
    renumber_work(Archive.find(tmp_path / "opened"), roots_of(home.zone).registry, store, 1_800_000_000)
    assert store.add_work("tax", "columns/1", b"work")
    assert store.work_after("tax", 500, 10) == [(1_800_000_000, b""), (1_800_000_001, b"work")]
    with pytest.raises(StorageError):
        store.begin_work("tax", 1)


def test_the_private_half_is_readable_to_its_owner_alone_and_never_written_over(tmp_path: Path) -> None:
    private, public = tmp_path / "recovery.key", tmp_path / "recovery.pub"
    made = make_recovery_key("river-zone", private, public)
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert read_recovery_public_key(public, "river-zone") == made
    assert read_recovery_key(private, "river-zone").hex().encode() in read_private(private)
    assert read_recovery_key(private, "river-zone").hex().encode() not in public.read_bytes()
    for path in (private, public):
        other = tmp_path / "other"
        with pytest.raises(SettingsError, match="never written over"):
            make_recovery_key("river-zone", path if path == private else other, path if path == public else other)
    with pytest.raises(SettingsError):
        read_recovery_key(private, "third-zone")
    with pytest.raises(SettingsError):
        read_recovery_public_key(public, "third-zone")
    with pytest.raises(SettingsError):
        read_recovery_public_key(private, "river-zone")


def test_what_a_peer_hands_back_is_checked_and_numbering_goes_on(home: Home, tmp_path: Path) -> None:
    home.seal(40)
    home.outbox.put("models", "pack@1", b"yaml")
    items = [*home.outbox.after(BACKUP, 0, 1 << 30, 1 << 20), *home.outbox.after("models", 0, 1 << 20)]
    held = [Held(Listed(kind=item.kind, sequence=item.sequence, name=item.name, digest=item.digest.hex()), item.content or b"") for item in items]  # type: ignore[arg-type]  # a kind of the outbox
    directory = tmp_path / "handed"
    assert hand_back(held, directory) == len(held) - 1
    assert [path.read_bytes() for path in chunks_in(directory)] == home.chunks()
    with pytest.raises(SettingsError, match="fresh"):
        hand_back(held, directory)

    again = Outbox(database_in(tmp_path / "again", "coordinator"))
    again.restore(given_before(directory))
    assert again.put("models", "pack@2", b"other yaml") == 2
    goes_on = Home(home.zone, again)
    goes_on.seal()  # the stream goes on after the chunks that the peer has
    assert next(item.sequence for item in again.after(BACKUP, len(held) - 1, 1 << 30)) == len(held)
    later = [item.content for item in again.after(BACKUP, len(held) - 1, 1 << 30) if item.content is not None]
    assert home.open(tmp_path / "opened", note_of(home.zone), chunks=[*home.chunks(), *later]).size == len(home.zone.entries)
    with pytest.raises(StorageError):
        again.restore([])

    first = chunks_in(directory)[0]
    kept = first.read_bytes()
    first.write_bytes(kept[:-1])
    with pytest.raises(SettingsError, match="not the chunk"):
        chunks_in(directory)
    first.unlink()
    with pytest.raises(SettingsError, match="lacks chunks 1"):
        chunks_in(directory)
    (directory / "items.json").unlink()
    with pytest.raises(SettingsError, match="no backup"):
        given_before(directory)
