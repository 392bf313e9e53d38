"""A small disk that really gets full: a file system in memory, mounted where a process keeps its state. Needs root."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

BALLAST = ".ballast"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")


@dataclass(frozen=True, slots=True)
class SmallDisk:
    """A mounted file system of fixed size."""

    path: Path

    def fill(self, leave_bytes: int) -> None:
        """Take all space but ``leave_bytes``, by a file of its own."""
        with (self.path / BALLAST).open("ab", buffering=0) as ballast:
            for chunk in (1 << 20, 4096):
                with suppress(OSError):  # full, for pieces of this size
                    while True:
                        ballast.write(bytes(chunk))
            ballast.truncate(ballast.tell() - leave_bytes)

    def free(self) -> None:
        """Give the space back, as an operator would."""
        (self.path / BALLAST).unlink()


@contextmanager
def small_disk(path: Path, size_kib: int) -> Iterator[SmallDisk]:
    """``path`` as a file system of ``size_kib``, holding what was there; afterwards its content lies on the old disk again."""
    content = path.with_name(f"{path.name}.content")
    path.rename(content)
    path.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_kib}k,mode=0700", "tmpfs", str(path)], check=True)
    try:
        shutil.copytree(content, path, dirs_exist_ok=True)
        yield SmallDisk(path)
    finally:
        shutil.rmtree(content)
        shutil.copytree(path, content, ignore=shutil.ignore_patterns(BALLAST))
        subprocess.run(["umount", "--lazy", str(path)], check=True)
        path.rmdir()
        content.rename(path)
