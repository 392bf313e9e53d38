"""Zip archives from outside: what a hostile or damaged one makes the library raise, and which of its members are read at all.

Bounds of size and number are the reader's own: a workbook's are others than a message's.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from typing import Final

ZIP_FAULTS: Final = (
    zipfile.BadZipFile,
    NotImplementedError,  # a packing or a version that the library does not know
    RuntimeError,  # encrypted
    EOFError,
    OSError,  # an offset that is none
    zlib.error,
    struct.error,
    ValueError,  # names and numbers that cannot be, UnicodeError among them
    OverflowError,
)
"""Whatever opening an archive, or unpacking a member, raises for what it holds; ``zipfile`` documents the first alone."""

_ENCRYPTED = 0x1
_PACKINGS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})


def plainly_packed(member: zipfile.ZipInfo) -> bool:
    """Whether a member is neither encrypted nor packed in a way that messages and workbooks are not."""
    return not member.flag_bits & _ENCRYPTED and member.compress_type in _PACKINGS
