"""Copies a log into an archive, only what is new, and lets nothing count before it was hashed again under the signed root [L4, L7].

A copy grows from one witnessed checkpoint to the next. Tiles that are not those of the new checkpoint are put aside as evidence and the
old checkpoint stays. Statements and blobs are kept only when they are what the leaves name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from crypto import merkle
from crypto.checkpoint import Checkpoint, check_witnessed, open_checkpoint
from crypto.encoding import sha256
from crypto.errors import CryptoError, NoteError
from crypto.statements import parse_envelope
from crypto.tiles import TILE_WIDTH, TileAddress, tiles_of
from nodes.errors import NotFoundError, NotReadyError, PeerUnavailableError, SettingsError
from nodes.evidence.archive import CHECKPOINT, Archive
from nodes.evidence.contents import Count
from nodes.evidence.roots import Roots
from nodes.evidence.tree import check_tree, entries_of
from scoring.audit import Finding
from scoring.errors import ScoringError
from scoring.statements import Column, RosterCompiled, Row, StagesPublished, parse_statement

AT_ONCE = 200
LARGEST = 1 << 30  # leaves: more than one machine mirrors; a number in a signed checkpoint must not fill the memory
_LEAF = re.compile(rb'"digest":"([0-9a-f]{64})","kind":"([a-z-]{1,40})"')
_WITH_BLOBS = {RosterCompiled.kind, StagesPublished.kind, Column.kind, Row.kind}


class TreeSource(Protocol):
    """A static C2SP tree. ``read`` raises NotFoundError, PeerUnavailableError."""

    def read(self, path: str) -> bytes: ...


class StatementSource(Protocol):
    """Statements and blobs, None where there is none. Raises RpcRefusal, PeerUnavailableError."""

    def envelopes(self, digests: Sequence[str]) -> list[bytes | None]: ...
    def blob(self, digest: str) -> bytes | None: ...


@dataclass(frozen=True, slots=True)
class Mirrored:
    """What a round came to: size of the tree that is now here, what was wrong with the one that was offered, and where that is kept."""

    size: int
    findings: list[Finding]
    evidence: Path | None = None


class Mirror:
    """Keeps ``archive`` up to the log that ``source`` serves, believed under ``roots`` alone."""

    def __init__(self, source: TreeSource, archive: Archive, roots: Roots, count: Count) -> None:
        self._source, self._archive, self._roots, self._count = source, archive, roots, count

    def update(self) -> Mirrored:
        """Take the tree up to the newest checkpoint, or say why not.

        Findings: CHECKPOINT_SIGNATURE, WITNESS_POLICY, LOG_TOO_LARGE, LOG_SHRANK, LOG_FORKED, TILE_MISSING, and those of ``check_tree``. Raises
        NotReadyError before the first witnessed checkpoint, SettingsError when the archive is damaged or of another log,
        PeerUnavailableError.
        """
        before = self._mine()
        self._archive.prune(before.size)
        try:
            note = self._source.read(CHECKPOINT)
        except NotFoundError as error:
            raise NotReadyError("the log has no witnessed checkpoint yet") from error
        offered = self._judge(note)
        if isinstance(offered, Finding):
            return Mirrored(before.size, [offered])
        if offered.size < before.size:
            return Mirrored(before.size, [Finding("LOG_SHRANK", None, f"the log offers {offered.size} leaves, it had {before.size}")])
        fetched: list[TileAddress] = []
        findings = list(self._fetch(self._archive, offered.size, fetched)) or self._check(before, offered)
        if findings:
            place = self._archive.reject(fetched, note)
            return Mirrored(before.size, self._explain(findings, Archive(place), before, offered), place)
        self._archive.put_checkpoint(note)
        self._archive.prune(offered.size)
        return Mirrored(offered.size, [])

    def _mine(self) -> Checkpoint:
        """The checkpoint of what is here, an empty one at first."""
        note = self._archive.checkpoint()
        if note is None:
            return Checkpoint("", 0, merkle.EMPTY_ROOT)
        try:
            return open_checkpoint(note, self._roots.log_vkey)
        except NoteError as error:
            raise SettingsError(f"{self._archive.log_dir} is not a copy of this log: {error}") from error

    def _judge(self, note: bytes) -> Checkpoint | Finding:
        policy = self._roots.registry.genesis.witness_policy
        try:
            checkpoint = open_checkpoint(note, self._roots.log_vkey)
        except NoteError as error:
            return Finding("CHECKPOINT_SIGNATURE", None, str(error))
        try:
            check_witnessed(note, self._roots.log_vkey, policy.witnesses, policy.required)
        except NoteError as error:
            return Finding("WITNESS_POLICY", None, str(error))
        if checkpoint.size > LARGEST:
            return Finding("LOG_TOO_LARGE", None, f"the checkpoint claims {checkpoint.size} leaves; at most {LARGEST} are mirrored")
        return checkpoint

    def _fetch(self, archive: Archive, size: int, fetched: list[TileAddress]) -> Iterator[Finding]:
        wanted = [address for address in tiles_of(size) if archive.tile(address) is None]
        for done, address in enumerate(wanted, 1):
            try:
                data = self._source.read(address.path())
            except NotFoundError as error:
                yield Finding("TILE_MISSING", address.index * TILE_WIDTH << (8 * (address.level or 0)), str(error))
                continue
            archive.put_tile(address, data)
            fetched.append(address)
            self._count("tiles copied", done, len(wanted))

    def _check(self, before: Checkpoint, offered: Checkpoint) -> list[Finding]:
        checked = check_tree(self._archive, offered.size, offered.root)
        if checked.findings and check_tree(self._archive, before.size, before.root).findings:
            raise SettingsError(f"the copy in {self._archive.log_dir} is damaged: it is not what its own checkpoint says; begin a new one")
        return checked.findings

    def _explain(self, findings: list[Finding], rejected: Archive, before: Checkpoint, offered: Checkpoint) -> list[Finding]:
        """Whether what does not fit the copy at hand fits together by itself: then the log has two histories, and both are here."""
        try:
            missing = list(self._fetch(rejected, offered.size, []))
        except PeerUnavailableError:
            return findings
        checked = check_tree(rejected, offered.size, offered.root)
        if missing or checked.findings or checked.hashes is None:
            return missing or checked.findings
        if checked.hashes.root(before.size) == before.root:
            return findings  # it served something else a moment ago
        return [Finding("LOG_FORKED", None, f"the log signed {offered.size} leaves of which the first {before.size} are not those it signed before")]


def mirror_statements(source: StatementSource, archive: Archive, size: int, roots: Roots, count: Count) -> None:
    """Copy the statements behind the first ``size`` leaves, and the documents and ciphertexts that they name.

    What the source does not have, or has with other bytes, stays missing: the audit reports it. Raises RpcRefusal, PeerUnavailableError.
    """
    named = [match for leaf in entries_of(archive, size) if (match := _LEAF.search(leaf)) is not None]
    missing = [digest for match in named if archive.envelope(digest := match[1].decode()) is None]
    for start in range(0, len(missing), AT_ONCE):
        digests = missing[start : start + AT_ONCE]
        for digest, data in zip(digests, source.envelopes(digests), strict=True):
            if data is not None and sha256(data).hex() == digest:
                archive.put_envelope(digest, data)
        count("statements copied", start + len(digests), len(missing))
    width = roots.key.ciphertext_size
    wanted = [blob for match in named if match[2].decode() in _WITH_BLOBS and (blob := _blob_of(archive, match[1].decode())) is not None]
    wanted = [blob for blob in dict.fromkeys(wanted) if not archive.blob_path(blob[0]).exists()]
    for done, (digest, is_document) in enumerate(wanted, 1):
        data = source.blob(digest)
        if data is not None and (sha256(data).hex() if is_document else ciphertexts_root(data, width)) == digest:
            archive.put_blob(digest, data)
        count("documents and ciphertexts copied", done, len(wanted))


def ciphertexts_root(data: bytes, width: int) -> str:
    """Merkle root, hex, of ciphertexts of ``width`` bytes each [P4.1]."""
    return merkle.root(data[start : start + width] for start in range(0, len(data), width)).hex()


def _blob_of(archive: Archive, digest: str) -> tuple[str, bool] | None:
    """(digest, is a document) of the blob that a stored statement names."""
    try:
        envelope = parse_envelope(archive.envelope(digest) or b"")
        statement = parse_statement(envelope.payload_type, envelope.payload)
    except (CryptoError, ScoringError):
        return None
    if isinstance(statement, RosterCompiled | StagesPublished):
        return statement.sha256, True
    if isinstance(statement, Column | Row):
        return statement.header.merkle_root, False
    return None
