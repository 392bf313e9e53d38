"""Notes that were kept as evidence of two histories, as they are shown to others [L5, F7]."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from nodes.runtime.files import read_private

MOST_NOTES, MOST_BYTES = 8, 20 << 10
"""What one notice holds: of many, the newest are shown. Any one that contradicts a reader's copy is enough."""

Evidence = Callable[[], Sequence[bytes]]


def kept_notes(*directories: Path) -> list[bytes]:
    """The newest notes in ``directories``, of which none need be there. Raises SecretFileError when one is open to others."""
    files = [file for directory in directories for file in directory.glob("*.note")]
    found, size = dict[bytes, None](), 0
    for file in sorted(files, key=lambda item: item.stat().st_mtime_ns, reverse=True):
        note = read_private(file)
        size += len(note)
        if len(found) == MOST_NOTES or size > MOST_BYTES:
            break
        found[note] = None
    return list(found)


def nothing_kept() -> Sequence[bytes]:
    """For who keeps no notes."""
    return ()
