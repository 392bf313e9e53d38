"""Secrets that a connector needs, such as a token or a password: files that only the node's own user may read."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from connectors.errors import MappingError

MAX_SECRET_BYTES = 16 << 10


def read_secret(path: Path) -> str:
    """The one line of a private file. Raises MappingError when it is missing, open to others, another user's, or not one line."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise MappingError(f"{path}: {error.strerror}") from error
    try:
        info = os.fstat(descriptor)
        if not stat.S_ISREG(info.st_mode):
            raise MappingError(f"{path} is not a regular file")
        if info.st_uid != os.geteuid() or stat.S_IMODE(info.st_mode) & 0o077:
            raise MappingError(f"{path} is another user's or open to others: it must be this user's with mode 0600")
        data = os.read(descriptor, MAX_SECRET_BYTES + 1)
    finally:
        os.close(descriptor)
    try:
        line = data.decode("ascii").strip()
    except UnicodeDecodeError as error:
        raise MappingError(f"{path}: one line of ASCII is expected") from error
    if not line or "\n" in line or "\r" in line or len(data) > MAX_SECRET_BYTES:
        raise MappingError(f"{path}: one line of ASCII is expected")
    return line
