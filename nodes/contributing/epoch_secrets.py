"""The node's secret of each epoch, from which exponents, masks and nonces of its contributions are drawn [P4.4].

Kept in a 0600 file for as long as a contribution of the epoch may have to be made or shown again, so that a message that is made a
second time is the same message. Whoever holds a secret and a row can find the row's points by trying: a secret is erased after the last
draw over its epoch, and when newer epochs have their own.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from pathlib import Path

from nodes.errors import SecretFileError
from nodes.runtime.files import make_private_directory, read_private, sync_directory, write_private

SECRET_BYTES = 32
_EPOCH = re.compile(r"[a-z][a-z0-9_-]{0,62}")


class EpochSecrets:
    """Secrets in ``directory`` (0700), the newest ``kept`` of them. Requires kept >= 1."""

    def __init__(self, directory: Path, kept: int) -> None:
        self._directory = make_private_directory(directory)
        self._keep = kept

    def secret(self, epoch: str) -> bytes:
        """The secret of ``epoch``, 32 bytes; drawn and made durable before it is returned for the first time.

        Drawing a new one erases the oldest beyond ``kept``. Raises SecretFileError when the file is not 32 bytes or open to others, or
        the epoch's secret was erased after its last draw: nothing is contributed to it any more.
        """
        path = self._path(epoch)
        if not path.exists():
            if self._ended(epoch):
                raise SecretFileError(f"the secret of epoch {epoch} was erased after the last draw over it")
            write_private(path, secrets.token_bytes(SECRET_BYTES))
            self._erase_old(path)
        return self._read(path)

    def kept(self, epoch: str) -> bytes | None:
        """The secret of ``epoch`` where it is still here; none is drawn. Raises SecretFileError as ``secret``."""
        path = self._path(epoch)
        return self._read(path) if path.exists() else None

    def end(self, epoch: str, auditor: str, auditors: Iterable[str]) -> bool:
        """``auditor`` draws nothing of ``epoch`` any more; once that is so of all ``auditors`` the secret is erased [P4.4]. Whether it was."""
        path = self._path(epoch)
        write_private(self._directory / f"{epoch}.{auditor}.ended", b"")
        if not set(auditors) <= self._ended(epoch):
            return False
        if path.exists():
            _erase(path)
            sync_directory(self._directory)
        return True

    def _path(self, epoch: str) -> Path:
        if not _EPOCH.fullmatch(epoch):
            raise SecretFileError(f"{epoch!r} is not the name of an epoch")
        return self._directory / f"{epoch}.key"

    def _ended(self, epoch: str) -> set[str]:
        return {path.name[len(epoch) + 1 : -len(".ended")] for path in self._directory.glob(f"{epoch}.*.ended")}

    def _read(self, path: Path) -> bytes:
        found = read_private(path)
        if len(found) != SECRET_BYTES:
            raise SecretFileError(f"{path} has {len(found)} bytes, not {SECRET_BYTES}")
        return found

    def _erase_old(self, newest: Path) -> None:
        others = sorted((path for path in self._directory.glob("*.key") if path != newest), key=lambda path: path.stat().st_mtime_ns)
        for path in others[: len(others) + 1 - self._keep]:
            _erase(path)
        sync_directory(self._directory)


def _erase(path: Path) -> None:
    path.write_bytes(b"\x00" * SECRET_BYTES)
    path.unlink()
