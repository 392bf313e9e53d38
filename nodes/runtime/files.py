"""Files that must not be lost or read by others: private directories and files, atomic durable replacement.

A private directory has mode 0700, a private file 0600, both owned by the process's user; anything more open is refused, not
repaired: a key that others could read is to be treated as known. What systemd hands to this service as a credential belongs to root, and an
access list, which shows as the group's bits, lets in the service's user alone: it is private too.
"""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

from nodes.errors import SecretFileError, SettingsError

PRIVATE_DIR = 0o700
PRIVATE_FILE = 0o600
PUBLIC_FILE = 0o644
BLOCK_BYTES = 4096  # what the smallest file takes on a disk


def make_private_directory(path: Path) -> Path:
    """Create ``path`` with mode 0700, or check that it has it. Returns it. Raises SecretFileError when others may enter."""
    path.mkdir(mode=PRIVATE_DIR, parents=True, exist_ok=True)
    check_private_directory(path)
    return path


def check_private_directory(path: Path) -> None:
    """Return when ``path`` is a directory of this user with mode 0700. Raises SecretFileError otherwise."""
    try:
        info = path.stat()
    except OSError as error:
        raise SecretFileError(f"{path}: {error.strerror}") from error
    if not stat.S_ISDIR(info.st_mode):
        raise SecretFileError(f"{path} is not a directory")
    _check_access(path, info, "0700")


def read_private(path: Path) -> bytes:
    """Bytes of a private file. Raises SecretFileError when it is missing, no regular file, another user's, or open to others."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise SecretFileError(f"{path}: {error.strerror}") from error
    try:
        info = os.fstat(descriptor)
        if not stat.S_ISREG(info.st_mode):
            raise SecretFileError(f"{path} is not a regular file")
        _check_access(path, info, "0600")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(descriptor)


def write_private(path: Path, data: bytes) -> None:
    """Replace ``path`` by ``data`` with mode 0600: after return it is on disk; after a crash it is whole, old or new."""
    _replace(path, data, PRIVATE_FILE)


def write_public(path: Path, data: bytes) -> None:
    """Replace ``path`` by ``data`` with mode 0644: after return it is on disk; after a crash it is whole, old or new."""
    _replace(path, data, PUBLIC_FILE)


def check_writable(key: str, path: Path) -> None:
    """This process may write into ``path`` where it is a directory, else make it or replace it, by the modes and file systems there are now. Raises
    SettingsError naming ``key``, which led here."""
    here = [each for each in (path, *path.absolute().parents) if os.access(each, os.F_OK, effective_ids=True)]
    place = here[1] if here[0] == path and path.is_file() else here[0]
    if not place.is_dir():
        raise SettingsError(f"{key}: {path} cannot be there: {place} is no directory")
    if not os.access(place, os.W_OK | os.X_OK, effective_ids=True):
        raise SettingsError(
            f"{key}: {path} cannot be written, since {place} is closed to this process: a process under systemd writes below "
            "/var/lib/xinqiao/NAME, /var/lib/xinqiao-pins/NAME and /srv/xinqiao/NAME alone (operator guide, As services)"
        )


def _check_access(path: Path, info: os.stat_result, wanted: str) -> None:
    if _is_credential(path) and info.st_uid == 0 and not stat.S_IMODE(info.st_mode) & 0o007:
        return
    if info.st_uid != os.geteuid():
        raise SecretFileError(f"{path} belongs to user {info.st_uid}, not to {os.geteuid()}")
    if stat.S_IMODE(info.st_mode) & 0o077:
        raise SecretFileError(f"{path} has mode {stat.S_IMODE(info.st_mode):04o}: others may use it; it must be {wanted}")


def _is_credential(path: Path) -> bool:
    """Whether systemd gave ``path`` to this service (systemd.exec(5), LoadCredential)."""
    directory = os.environ.get("CREDENTIALS_DIRECTORY", "")
    return directory.startswith("/run/credentials/") and path.is_relative_to(directory) and ".." not in path.parts


def _replace(path: Path, data: bytes, mode: int) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.new")  # several may write the same file at once
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make the names in ``path`` durable: a rename or a new file in it survives a crash after this."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
