"""The zone's founding statements: the key ceremony and the admitted models are logged once, from the authority's public directory."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from nodes.errors import PeerUnavailableError
from nodes.runtime import logging

FOUNDED = "zone.founded"
RETRY_PAUSE_S = 0.5

_log = logging.logger("founding")


def founding_files(public_dir: Path) -> list[Path]:
    """The ceremony's transcript, then the packs' statements; those that are there."""
    ceremony = public_dir / "ceremony.dsse.json"
    return [*([ceremony] if ceremony.exists() else []), *sorted((public_dir / "packs").glob("*.dsse.json"))]


def log_founding(public_dir: Path, append: Callable[[bytes], int], stopping: threading.Event) -> None:
    """Log every founding statement; the log answers those that it has with their first leaf. Waits for the log, then for ``stopping``."""
    for path in founding_files(public_dir):
        envelope = path.read_bytes()
        while not stopping.is_set():
            try:
                _log.info(FOUNDED, file=path.name, leaf_index=append(envelope))
                break
            except PeerUnavailableError:
                stopping.wait(RETRY_PAUSE_S)
    stopping.wait()
