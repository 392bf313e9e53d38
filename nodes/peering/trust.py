"""Whether the other zone's log is still trusted: once it showed two histories it is not, also after a restart, until people have settled it [F7]."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from crypto.encoding import canonical_json
from nodes.errors import StorageError
from nodes.runtime import logging
from nodes.runtime.clock import Clock
from nodes.runtime.files import make_private_directory, read_private, write_private

FILE = "split.json"
SPLIT = "split"  # as the mirror's status calls it
WHAT_TO_DO = (
    "compare both notes with the other zone's custodians; nothing more of its log is mirrored or cosigned, and its credentials are refused, "
    "until both zones have settled it: operator guide, When the log has split"
)

_log = logging.logger("peer")


class Trust:
    """The one durable word about the other log, in ``directory``. Thread-safe. ``on_loss`` hears of its loss once in a process's life."""

    def __init__(self, directory: Path, now: Clock) -> None:
        self._directory, self._now = make_private_directory(directory), now
        self._lock = threading.Lock()
        self._listeners: list[Callable[[], None]] = []
        self._lost = self._load()
        if self._lost is not None:
            self._alarm()

    @property
    def lost(self) -> dict[str, Any] | None:
        """Why the log is not trusted; None while it is."""
        with self._lock:
            return self._lost

    def on_loss(self, action: Callable[[], None]) -> None:
        """Call ``action`` when trust is lost. Not for what was lost before."""
        self._listeners.append(action)

    def lose(self, found_by: str, detail: str, evidence: Path) -> None:
        """Trust the log no longer, from now on and after every restart. The first reason stays; ``evidence``: where both notes are."""
        with self._lock:
            if self._lost is not None:
                return
            lost = {"found_by": found_by, "detail": detail, "evidence": str(evidence), "time": self._now()}
            write_private(self._directory / FILE, canonical_json(lost))
            self._lost = lost
        self._alarm()
        for action in self._listeners:
            action()

    def _alarm(self) -> None:
        _log.error(logging.LOG_SPLIT, **(self._lost or {}), what_to_do=WHAT_TO_DO)

    def _load(self) -> dict[str, Any] | None:
        path = self._directory / FILE
        if not path.exists():
            return None
        try:
            found: dict[str, Any] = json.loads(read_private(path))
        except ValueError as error:
            raise StorageError(f"{path} cannot be read") from error
        return found
