"""A mirror keeps up with a growing log in any steps, copies nothing twice, and takes nothing that is not under the signed root."""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crypto.checkpoint import Checkpoint, cosign, sign_checkpoint
from crypto.encoding import sha256
from crypto.keygen import PrivateKey
from crypto.merkle import Frontier, MemoryTree
from crypto.tiles import TILE_WIDTH, TileAddress, decode_entries, encode_entries, parse_path, tile_width, tiles_of
from nodes.errors import NotFoundError, NotReadyError, PeerUnavailableError, SettingsError
from nodes.evidence.archive import Archive
from nodes.evidence.mirror import Mirror, mirror_statements
from nodes.evidence.roots import Roots
from nodes.evidence.tree import Hashes, check_tree
from scoring.exchange.registry import MemberRegistry
from tests.support.zone import MemoryZone, open_zone

LARGEST = 700  # two full tiles and a bit


class Served:
    """The log's side: leaves, served as a static tree of any size. ``reads`` counts files; ``spoil`` may change what is served."""

    def __init__(self, zone: MemoryZone, history: str = "true", common: int = LARGEST) -> None:
        self._zone = zone
        self.leaves = [f"{'true' if index < common else history} {index}".encode() for index in range(LARGEST)]
        self.size = 0
        self.reads: list[str] = []
        self.spoiled: dict[str, bytes] = {}
        self.fails_after = LARGEST

    def read(self, path: str) -> bytes:
        self.reads.append(path)
        if len(self.reads) > self.fails_after:
            raise PeerUnavailableError("the connection was cut")
        if path in self.spoiled:
            return self.spoiled[path]
        if path == "checkpoint":
            return self.note()
        address = parse_path(path)
        if address.width > tile_width(address.level or 0, address.index, self.size):
            raise NotFoundError(path)
        start = address.index * TILE_WIDTH
        if address.level is None:
            return encode_entries(self.leaves[start : start + address.width])
        return b"".join(MemoryTree(self.leaves[: self.size]).hashes([(8 * address.level, start + i) for i in range(address.width)]))

    def note(self) -> bytes:
        if not self.size:
            raise NotFoundError("checkpoint")
        root = MemoryTree(self.leaves[: self.size]).root()
        note = sign_checkpoint(Checkpoint(self._zone.log_signer.name, self.size, root), self._zone.log_signer)
        return note + cosign(note, self._zone.witness_signer, 1)


@pytest.fixture(scope="module")
def zone(small_private_key: PrivateKey) -> MemoryZone:
    return MemoryZone(small_private_key)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "log"


def roots_of(zone: MemoryZone) -> Roots:
    return Roots(zone.view.genesis, MemberRegistry(zone.view.registry.genesis), zone.public_key, {})


def mirror_of(source: Served, directory: Path, zone: MemoryZone) -> Mirror:
    return Mirror(source, Archive(directory), roots_of(zone), lambda _what, _done, _total: None)


def files_in(directory: Path) -> set[str]:
    return {path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file()}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.integers(0, 400), min_size=1, max_size=4))
def test_mirror_is_exactly_the_static_tree_after_any_steps(zone: MemoryZone, directory: Path, steps: list[int]) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    source = Served(zone)
    for step in steps:
        source.size = min(source.size + step, LARGEST)
        if not source.size:
            with pytest.raises(NotReadyError):
                mirror_of(source, directory, zone).update()
            continue
        assert mirror_of(source, directory, zone).update().size == source.size
        expected = {address.path() for address in tiles_of(source.size)}
        assert files_in(directory) == {"checkpoint", *expected}
        assert all((directory / path).read_bytes() == source.read(path) for path in expected)


def test_only_what_is_new_is_copied(zone: MemoryZone, directory: Path) -> None:
    source = Served(zone)
    source.size = 600
    mirror_of(source, directory, zone).update()
    source.size, source.reads = 650, []
    mirror_of(source, directory, zone).update()
    assert source.reads == ["checkpoint", "tile/entries/002.p/138", "tile/0/002.p/138"]  # full tiles and the second level stay
    source.reads = []
    mirror_of(source, directory, zone).update()
    assert source.reads == ["checkpoint"]


@pytest.mark.parametrize("path", ["tile/entries/001", "tile/0/001", "tile/entries/002.p/188", "tile/1/000.p/2"])
def test_what_is_not_under_the_root_is_put_aside_and_the_old_copy_stays(zone: MemoryZone, directory: Path, path: str) -> None:
    source = Served(zone)
    source.size = 100
    mirror_of(source, directory, zone).update()
    before = {name: (directory / name).read_bytes() for name in files_in(directory)}
    source.size = LARGEST
    spoiled = bytearray(source.read(path))
    spoiled[40] ^= 1
    source.spoiled[path] = bytes(spoiled)
    found = mirror_of(source, directory, zone).update()
    assert found.size == 100
    assert {item.code for item in found.findings} <= {"TILE_HASH_MISMATCH", "ENTRY_HASH_MISMATCH", "ENTRY_BUNDLE_INVALID"}
    assert found.findings
    assert found.evidence is not None
    assert (found.evidence / path).read_bytes() == bytes(spoiled)
    assert (found.evidence / "checkpoint").read_bytes() == source.note()
    kept = {name: (directory / name).read_bytes() for name in files_in(directory) if not name.startswith("rejected")}
    assert kept == before
    source.spoiled.clear()
    assert mirror_of(source, directory, zone).update().size == LARGEST  # honest again: it goes on


@pytest.mark.parametrize(("common", "size"), [(280, 600), (3, 600), (299, 300), (0, 301)])
def test_fork_is_found_against_the_copy_at_hand(zone: MemoryZone, directory: Path, common: int, size: int) -> None:
    honest, forked = Served(zone), Served(zone, "forged", common)
    honest.size, forked.size = 300, size
    mirror_of(honest, directory, zone).update()
    found = mirror_of(forked, directory, zone).update()
    assert [item.code for item in found.findings] == ["LOG_FORKED"]
    assert found.evidence is not None
    assert check_tree(Archive(found.evidence), size, MemoryTree(forked.leaves[:size]).root()).findings == []  # the other history, whole
    assert Archive(directory).checkpoint() == honest.note()
    assert check_tree(Archive(directory), 300, MemoryTree(honest.leaves[:300]).root()).findings == []


def test_log_that_shrank_is_found(zone: MemoryZone, directory: Path) -> None:
    source = Served(zone)
    source.size = 300
    mirror_of(source, directory, zone).update()
    source.size = 299
    assert [item.code for item in mirror_of(source, directory, zone).update().findings] == ["LOG_SHRANK"]


def test_unsigned_and_unwitnessed_checkpoints_are_not_taken(zone: MemoryZone, directory: Path) -> None:
    source = Served(zone)
    source.size = 10
    source.spoiled["checkpoint"] = b"xinqiao/test-zone\n10\nAAAA\n\n"
    assert [item.code for item in mirror_of(source, directory, zone).update().findings] == ["CHECKPOINT_SIGNATURE"]
    source.spoiled["checkpoint"] = b"".join(source.note().splitlines(keepends=True)[:-1])
    assert [item.code for item in mirror_of(source, directory, zone).update().findings] == ["WITNESS_POLICY"]
    assert not directory.exists()


def test_absurd_size_is_a_finding_even_if_the_witness_signed_it(zone: MemoryZone, directory: Path) -> None:
    source = Served(zone)
    note = sign_checkpoint(Checkpoint(zone.log_signer.name, 1 << 61, bytes(32)), zone.log_signer)
    source.spoiled["checkpoint"] = note + cosign(note, zone.witness_signer, 1)
    assert [item.code for item in mirror_of(source, directory, zone).update().findings] == ["LOG_TOO_LARGE"]


def test_interrupted_copy_is_taken_up_again(zone: MemoryZone, directory: Path) -> None:
    source = Served(zone)
    source.size, source.fails_after = 600, 4
    with pytest.raises(PeerUnavailableError):
        mirror_of(source, directory, zone).update()
    assert not (directory / "checkpoint").exists()
    source.fails_after = LARGEST
    (directory / "tile" / "entries" / "000").write_bytes(b"half a file of the interrupted copy")
    assert mirror_of(source, directory, zone).update().size == 600


def test_damaged_copy_is_not_blamed_on_the_log(zone: MemoryZone, directory: Path) -> None:
    source = Served(zone)
    source.size = 300
    mirror_of(source, directory, zone).update()
    path = directory / "tile" / "0" / "000"
    path.write_bytes(bytes(len(path.read_bytes())))
    source.size = 600
    with pytest.raises(SettingsError, match="damaged"):
        mirror_of(source, directory, zone).update()


def test_copy_of_another_log_is_refused(zone: MemoryZone, small_private_key: PrivateKey, directory: Path) -> None:
    source, other = Served(zone), MemoryZone(small_private_key)
    source.size = 10
    mirror_of(source, directory, zone).update()
    foreign = Served(other)
    foreign.size = 20
    with pytest.raises(SettingsError, match="not a copy of this log"):
        mirror_of(foreign, directory, other).update()


# --- statements and blobs ---


class Entitled:
    """Statements and blobs of a zone; ``lies`` answers other bytes for some digests."""

    def __init__(self, zone: MemoryZone) -> None:
        self._envelopes = {sha256(envelope).hex(): envelope for _, envelope in zone.entries}
        self._blobs = dict(zone.blobs)
        self.lies: dict[str, bytes | None] = {}
        self.asked: list[str] = []

    def envelopes(self, digests: Sequence[str]) -> list[bytes | None]:
        self.asked += digests
        return [self.lies.get(digest, self._envelopes.get(digest)) for digest in digests]

    def blob(self, digest: str) -> bytes | None:
        self.asked.append(digest)
        return self.lies.get(digest, self._blobs.get(digest))


class Tree:
    """A written log directory as a source."""

    def __init__(self, zone: MemoryZone) -> None:
        self._zone = zone

    def read(self, path: str) -> bytes:
        if path == "checkpoint":
            tree = MemoryTree(leaf for leaf, _ in self._zone.entries)
            note = sign_checkpoint(Checkpoint(self._zone.log_signer.name, tree.size, tree.root()), self._zone.log_signer)
            return note + cosign(note, self._zone.witness_signer, 1)
        address = parse_path(path)
        leaves = [leaf for leaf, _ in self._zone.entries]
        return encode_entries(leaves) if address.level is None else b"".join(MemoryTree(leaves).hashes([(0, i) for i in range(len(leaves))]))


def test_statements_and_blobs_are_copied_once_and_only_if_they_are_what_is_named(small_private_key: PrivateKey, directory: Path) -> None:
    zone = open_zone(small_private_key)
    zone.contribute_columns()
    archive, source, roots = Archive(directory), Entitled(zone), roots_of(zone)
    size = Mirror(Tree(zone), archive, roots, lambda _what, _done, _total: None).update().size
    lied, withheld = (sha256(envelope).hex() for _, envelope in zone.entries[2:4])
    blob = zone.view.contributions[max(zone.view.contributions)].statement.header.merkle_root
    source.lies = {lied: b"something else", withheld: None, blob: b"other ciphertexts"}
    mirror_statements(source, archive, size, roots, lambda _what, _done, _total: None)
    names = {path.name for path in (directory / "envelopes").iterdir()}
    assert names == {sha256(envelope).hex() for _, envelope in zone.entries} - {lied, withheld}
    assert {path.name for path in (directory / "blobs").iterdir()} == set(zone.blobs) - {blob}
    assert all((directory / "blobs" / digest).read_bytes() == zone.blobs[digest] for digest in set(zone.blobs) - {blob})
    source.lies, source.asked = {}, []
    mirror_statements(source, archive, size, roots, lambda _what, _done, _total: None)
    assert sorted(source.asked) == sorted([lied, withheld, blob])
    assert (directory / "envelopes").stat().st_mode & 0o777 == 0o700


# --- the auditor's own hashes ---


@settings(max_examples=40, deadline=None)
@given(size=st.integers(1, 70_000), data=st.data())
def test_hashes_agree_with_rfc_6962_at_every_size(size: int, data: st.DataObject) -> None:
    leaf_hashes = [sha256(index.to_bytes(4, "big")) for index in range(size)]
    hashes, part = Hashes(leaf_hashes), data.draw(st.integers(0, size))
    assert hashes.root(part) == Frontier().extended(leaf_hashes[:part]).root()


def test_tree_check_finds_every_flipped_bit(zone: MemoryZone, directory: Path) -> None:
    source = Served(zone)
    source.size = 600
    mirror_of(source, directory, zone).update()
    root = MemoryTree(source.leaves[:600]).root()
    assert check_tree(Archive(directory), 600, root).findings == []
    draw = random.Random()
    for path in sorted((directory / "tile").rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            for _ in range(5):
                spoiled = bytearray(data)
                spoiled[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
                path.write_bytes(spoiled)
                assert check_tree(Archive(directory), 600, root).findings
            path.write_bytes(data)
    assert decode_entries((directory / TileAddress(None, 0).path()).read_bytes(), TILE_WIDTH)[0] == b"true 0"
