"""A small disk that really gets full: a file system in memory, mounted where a process keeps its state. Needs root."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")


@dataclass(frozen=True, slots=True)
class SmallDisk:
    """A mounted file system of fixed size."""

    path: Path

    def fill(self, leave_bytes: int) -> None:
        """Take all space but ``leave_bytes``, by a file of its own."""
        free = shutil.disk_usage(self.path).free
        with (self.path / ".ballast").open("ab") as ballast:
            os.posix_fallocate(ballast.fileno(), 0, ballast.tell() + free - leave_bytes)

    def free(self) -> None:
        """Give the space back, as an operator would."""
        (self.path / ".ballast").unlink()


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
        shutil.copytree(path, content, dirs_exist_ok=True)
        subprocess.run(["umount", "--lazy", str(path)], check=True)
        path.rmdir()
        content.rename(path)
