"""What the operator of a custodian has approved: re-sharings, which give the key to other hands [P1.7].

A refresh changes no hands and needs nobody. A re-sharing named by the authority alone could move the key to custodians of its choice; so a
custodian deals only in one that its own operator has named, on its own machine.
"""

from __future__ import annotations

import re
from pathlib import Path

from nodes.errors import SettingsError
from nodes.runtime.files import make_private_directory, read_private, write_private

_DIGEST = re.compile(r"[0-9a-f]{64}")


class Approvals:
    """Digests of approved rounds, one a line of a private file in the custodian's state directory."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "approved"

    def has(self, digest: str) -> bool:
        """Whether the operator has approved this round. Reads the file anew."""
        return digest in self._lines()

    def add(self, digest: str) -> None:
        """Approve a round; after return it is on disk. Raises SettingsError when the digest is none."""
        if not _DIGEST.fullmatch(digest):
            raise SettingsError("a round is named by the 64 hex digits that xinqiao key status shows")
        make_private_directory(self._path.parent)
        lines = self._lines()
        if digest not in lines:
            write_private(self._path, "".join(f"{line}\n" for line in [*lines, digest]).encode())

    def _lines(self) -> list[str]:
        return read_private(self._path).decode().split() if self._path.exists() else []
