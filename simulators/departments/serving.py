"""Runs departments' HTTP APIs, each a process of its own that is given its own folder and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from nodes.errors import PeerUnavailableError
from nodes.runtime.settings import ENV_PREFIX
from simulators.departments import api

END_S = 10.0


class Servers:
    """The APIs of ``folders``, running within the block."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._folders = tuple(folders)
        self._running: list[subprocess.Popen[str]] = []

    def start(self) -> None:
        """Start all of them; afterwards they answer. Raises PeerUnavailableError when one does not, and then none runs."""
        try:
            for folder in self._folders:
                self._start(folder)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Servers:
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def check(self) -> None:
        """Raises PeerUnavailableError when one of them has ended."""
        for folder, process in zip(self._folders, self._running, strict=True):
            if process.poll() is not None:
                raise PeerUnavailableError(f"the HTTP API in {folder} ended with code {process.returncode}")

    def close(self) -> None:
        """End all of them."""
        for process in self._running:
            process.terminate()
        for process in self._running:
            try:
                process.wait(END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()
        self._running.clear()

    def _start(self, folder: Path) -> None:
        environment = {key: value for key, value in os.environ.items() if not key.startswith(ENV_PREFIX)}
        command = [sys.executable, "-m", api.__name__, str(folder)]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True)
        self._running.append(process)
        assert process.stdout is not None
        if process.stdout.readline().strip() != api.READY:
            raise PeerUnavailableError(f"the HTTP API in {folder} did not start: is its port taken? (code {process.wait()})")
