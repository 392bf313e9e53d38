"""Files, names and texts that others may have chosen: opened without following a link or waiting at a pipe, and shown without effect.

Also the secrets that a connector needs, such as a token or a password: files that only the node's own user may read.
"""

from __future__ import annotations

import hashlib
import os
import stat
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connectors.errors import DeliveryError, MappingError

MAX_SECRET_BYTES = 16 << 10
MAX_NAME = 200
_COMPUTED = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")
"""What begins a cell that some spreadsheet computes, also after an input method made it wide or the program dropped what stands before."""


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """A descriptor for reading ``path``, which is no link; closed at the end. Opening and reading never wait for another process.

    Raises DeliveryError when it cannot be opened.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise DeliveryError(f"not a file that can be opened: {error.strerror} 文件无法打开") from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def shown_name(name: str) -> str:
    r"""A file's name as it can be shown and stored: bounded, bytes that are no text and characters without a shape as escapes.

    >>> shown_name("统计\x1b[2J.csv")
    '统计\\x1b[2J.csv'
    """
    text = shown(os.fsencode(name).decode("utf-8", "backslashreplace"))
    return text if len(text) <= MAX_NAME else f"{text[: MAX_NAME - 20]}~{hashlib.sha256(os.fsencode(name)).hexdigest()[:12]}"


def shown(text: str) -> str:
    r"""``text`` for a person's terminal: whatever would move the cursor, change the title or turn the direction of writing is escaped.

    >>> shown("12\u202e5\x9b2J")
    '12\\u202e5\\x9b2J'
    """
    return text if text.isprintable() else "".join(_escaped(sign) if shapeless(sign) else sign for sign in text)


def shapeless(sign: str) -> bool:
    """Whether a character has no shape of its own: what controls, formats, separates lines, or is none. Spaces have one."""
    return not sign.isprintable() and unicodedata.category(sign) != "Zs"


def cell_text(text: str) -> str:
    """``text`` for a cell that a spreadsheet shows and does not compute; ``meant`` takes it back.

    >>> [cell_text(text) for text in ("=1+1", "＝1+1", "'", "1.5")]
    ["'=1+1", "'＝1+1", "''", '1.5']
    """
    return f"'{text}" if text.startswith((*_COMPUTED, "'")) else text


def meant(text: str) -> str:
    """What ``cell_text`` was given.

    >>> meant(cell_text("-5")), meant("'tis")
    ('-5', "'tis")
    """
    return text[1:] if text.startswith("'") and text[1:].startswith((*_COMPUTED, "'")) else text


def read_secret(path: Path) -> str:
    """The one line of a private file. Raises MappingError when it is missing, open to others, another user's, or not one line."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise MappingError(f"{path}: {error.strerror} 文件无法读取") from error
    try:
        info = os.fstat(descriptor)
        if not stat.S_ISREG(info.st_mode):
            raise MappingError(f"{path} is not a regular file 不是普通文件")
        if info.st_uid != os.geteuid() or stat.S_IMODE(info.st_mode) & 0o077:
            raise MappingError(f"{path} is another user's or open to others: it must be this user's with mode 0600 须仅限本用户读写")
        data = os.read(descriptor, MAX_SECRET_BYTES + 1)
    finally:
        os.close(descriptor)
    try:
        line = data.decode("ascii").strip()
    except UnicodeDecodeError as error:
        raise MappingError(f"{path}: one line of ASCII is expected 应为一行 ASCII 文字") from error
    if not line or "\n" in line or "\r" in line or len(data) > MAX_SECRET_BYTES:
        raise MappingError(f"{path}: one line of ASCII is expected 应为一行 ASCII 文字")
    return line


def _escaped(sign: str) -> str:
    code = ord(sign)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
