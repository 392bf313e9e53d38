"""Notes that were kept as evidence of two histories, as they are shown to others [L5, F7]."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from pathlib import Path

from crypto.errors import NoteError
from crypto.notes import parse_note
from nodes.runtime.files import read_private

MOST_NOTES, MOST_BYTES = 8, 20 << 10
"""What one notice holds. Of many, others are drawn each time: any one that contradicts a reader's copy is enough, and a log that forked may have
other notes kept besides, so that the one that shows it is among many."""

LONGEST_NOTE = 12 << 10
"""Bytes of a note that is shown as it is: statements hold more, not as much as a log may sign."""

_SIGNATURE = 64
_draw = secrets.SystemRandom()

Evidence = Callable[[], Sequence[bytes]]


def kept_notes(*directories: Path) -> list[bytes]:
    """Notes drawn from those in ``directories``, of which none need be there: all, while so many fit. Raises SecretFileError when one is open to
    others."""
    files = [file for directory in directories for file in directory.glob("*.note")]
    found, size = dict[bytes, None](), 0
    for file in _draw.sample(files, len(files)):
        if len(found) == MOST_NOTES:
            break
        try:
            note = showable(read_private(file))
        except NoteError:
            continue  # a file that was harmed: it convinces nobody
        if note not in found and size + len(note) <= MOST_BYTES:
            found[note] = None
            size += len(note)
    return list(found)


def showable(note: bytes) -> bytes:
    """The note as others can be shown it: a long one with the signatures of the log's name alone, which is all that its reader asks for. A log puts
    into a note whatever it likes, up to more than a statement holds. Raises NoteError for bytes that are no note."""
    parsed = parse_note(note)
    if len(note) <= LONGEST_NOTE:
        return note
    origin = parsed.text.decode().partition("\n")[0]
    lines = [line.to_line() for line in parsed.signatures if line.name == origin and len(line.signature) == _SIGNATURE]
    return b"\n".join((parsed.text, b"".join(lines)))


def nothing_kept() -> Sequence[bytes]:
    """For who keeps no notes."""
    return ()
