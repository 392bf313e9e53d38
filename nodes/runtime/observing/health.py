"""Whether a process can serve: its own state, its storage, and what its role needs, asked when somebody wants to know [H1].

A process is starting, ready or stopping. A ready one can serve while every requirement holds; each is asked anew, but storage at
most once in ``PROBE_S``, so that whoever asks often does not wear the disk.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from nodes.errors import NodeError, NotReadyError, StandbyError, StorageUnavailableError
from nodes.runtime import database, logging
from nodes.runtime.files import write_private
from protos.errors import refusal_of
from scoring.errors import ScoringError

PROBE_S = 2.0
PROBE_FILE, PROBE_BYTES = ".probe", 4096  # a block: an empty file can be written on a full disk
STARTING, READY, STOPPING = "starting", "ready", "stopping"

STORAGE_TROUBLED = "storage.troubled"
_log = logging.logger("health")

Requirement = Callable[[], None]
"""Returns when it holds; raises NodeError or ScoringError when the process cannot serve."""


class Health:
    """The state of one process and what it needs. Thread-safe."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._state = STARTING
        self._requirements: dict[str, Requirement] = {}
        self._changed = threading.Condition()
        self._probe = threading.Lock()
        self._probed_at, self._trouble = 0.0, ""

    @property
    def state(self) -> str:
        """ "starting", "ready" or "stopping"."""
        with self._changed:
            return self._state

    def require(self, name: str, requirement: Requirement) -> None:
        """From now on the process serves only while ``requirement`` holds; another one of the same name is replaced."""
        with self._changed:
            self._requirements[name] = requirement

    def enter(self, state: str) -> None:
        """The process is ready, or stopping; those that wait are told."""
        with self._changed:
            self._state = state
            self._changed.notify_all()

    def wait(self, state: str, timeout_s: float) -> None:
        """Return when the state is another one than ``state``, or after ``timeout_s``."""
        with self._changed:
            self._changed.wait_for(lambda: self._state != state, timeout_s)

    def check(self) -> None:
        """The process can serve now. Raises NotReadyError that says what is missing."""
        with self._changed:
            state, requirements = self._state, dict(self._requirements)
        if state != READY:
            raise NotReadyError(f"the process is {state}")
        trouble = self._storage()
        if trouble:
            raise NotReadyError(f"storage: {trouble}")
        for name, requirement in requirements.items():
            try:
                requirement()
            except (NodeError, ScoringError) as error:
                raise NotReadyError(f"{name}: {error if refusal_of(error).explain else refusal_of(error).sentence}") from error

    def _storage(self) -> str:
        with self._probe:
            if time.monotonic() - self._probed_at >= PROBE_S or not self._probed_at:
                self._trouble = self._found_trouble()
                self._probed_at = time.monotonic()
            return self._trouble

    def _found_trouble(self) -> str:
        try:
            probe_storage(self._state_dir)
        except StorageUnavailableError as error:
            if str(error) != self._trouble:
                _log.error(STORAGE_TROUBLED, error=str(getattr(error.__cause__, "orig", error.__cause__) or error))
            return str(error)
        return ""


def probe_storage(state_dir: Path) -> None:
    """A file can be written in ``state_dir``, and every database that this process opened below it and may write. Raises StorageUnavailableError."""
    try:
        write_private(state_dir / PROBE_FILE, bytes(PROBE_BYTES))
        for engine in database.opened(state_dir):
            with suppress(StandbyError), database.writing(engine) as connection:
                connection.exec_driver_sql("SELECT 1")
    except Exception as error:
        if isinstance(error, StorageUnavailableError) or not database.of_the_machine(error):
            raise
        raise StorageUnavailableError(_plain(error)) from error


def _plain(error: Exception) -> str:
    """What the machine says, without the paths, hosts and users in it: a gateway's /readyz answers strangers."""
    cause = getattr(error, "orig", error)
    if isinstance(cause, OSError):
        return cause.strerror or type(cause).__name__
    return str(cause) if isinstance(cause, sqlite3.Error) else "the database does not answer"
