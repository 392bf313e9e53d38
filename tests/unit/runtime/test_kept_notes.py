"""Notes kept of a log that forked are shown to others whatever the log made of them [L5, F7]."""

from __future__ import annotations

import base64
from pathlib import Path

from crypto.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from crypto.notes import ED25519, MAX_NOTE_BYTES, NoteSigner
from nodes.runtime.files import make_private_directory, write_private
from nodes.runtime.notices.kept import MOST_BYTES, MOST_NOTES, kept_notes
from nodes.runtime.peers.identity import log_name
from scoring.statements import Split

LOG = NoteSigner(log_name("demo"), ED25519, b"l" * 32)


def signed(size: int) -> bytes:
    return sign_checkpoint(Checkpoint(LOG.name, size, bytes([size]) * 32), LOG)


def padded(note: bytes, line_bytes: int, lines: int, name: str = "nobody") -> bytes:
    """The note with signatures before the log's own that no reader has a key of, as the log is free to put there."""
    text, _, signatures = note.partition(b"\n\n")
    more = b"".join(f"\N{EM DASH} {name} {base64.b64encode(bytes([at]) * line_bytes).decode()}\n".encode() for at in range(lines))
    return text + b"\n\n" + more + signatures


def test_a_note_of_any_size_is_shown(tmp_path: Path) -> None:
    kept = make_private_directory(tmp_path / "evidence")
    for at, note in enumerate([padded(signed(5), 700, 63), padded(signed(5), 200, 63), padded(signed(5), 68, 63, LOG.name), signed(5)]):
        assert len(note) <= MAX_NOTE_BYTES
        write_private(kept / "one.note", note)
        (found,) = kept_notes(kept)
        said = Split(zone="demo", nonce="00" * 16, member="auditor", notes=(found.decode(),))  # a longer one is none
        assert open_checkpoint(said.notes[0].encode(), LOG.key.to_vkey()).size == 5, at


def test_the_note_that_shows_a_fork_is_hidden_by_no_others(tmp_path: Path) -> None:
    """A log that forked goes on to have notes of the true history kept, before and after."""
    kept = make_private_directory(tmp_path / "evidence")
    for size in range(1, 40):
        write_private(kept / f"{size:02}.note", padded(signed(size), 500, 12) if size % 2 else signed(size))
    write_private(kept / "harmed.note", b"")
    seen = set[int]()
    while len(seen) < 39:
        found = kept_notes(kept)
        assert 1 <= len(found) <= MOST_NOTES
        assert sum(map(len, found)) <= MOST_BYTES
        seen.update(open_checkpoint(note, LOG.key.to_vkey()).size for note in found)
