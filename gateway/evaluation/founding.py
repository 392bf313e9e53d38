"""The zone's founding statements: key ceremony, admitted models and changes of members are logged once, from the authority's public directory."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from nodes.ceremony.countersigning import change_files
from nodes.errors import PeerUnavailableError, RpcRefusal
from nodes.runtime import logging

FOUNDED = "zone.founded"
REFUSED = "founding.refused"
RETRY_PAUSE_S = 0.5
LOOK_S = 2.0

_log = logging.logger("founding")


def founding_files(public_dir: Path) -> list[Path]:
    """The ceremony's transcript, then the packs' statements, then changes of the registry; those that are there."""
    ceremony = public_dir / "ceremony.dsse.json"
    return [*([ceremony] if ceremony.exists() else []), *sorted((public_dir / "packs").glob("*.dsse.json")), *change_files(public_dir)]


def log_founding(public_dir: Path, append: Callable[[bytes], int], stopping: threading.Event) -> None:
    """Log every founding statement, then changes of members that come while the process runs, until ``stopping``. Waits for the log; it
    answers those that it has with their first leaf. Admissions of models wait for the next start, which reads their packs.

    One that the log refuses (a change of members whose approvals no longer hold) is reported, and left out.
    """
    done: set[Path] = set()
    waiting = founding_files(public_dir)
    while True:
        for path in waiting:
            done.add(path)
            _log_one(path, append, stopping)
        if stopping.wait(LOOK_S):
            return
        waiting = [path for path in change_files(public_dir) if path not in done]


def _log_one(path: Path, append: Callable[[bytes], int], stopping: threading.Event) -> None:
    envelope = path.read_bytes()
    while not stopping.is_set():
        try:
            _log.info(FOUNDED, file=path.name, leaf_index=append(envelope))
        except PeerUnavailableError:
            stopping.wait(RETRY_PAUSE_S)
        except RpcRefusal as refusal:
            _log.error(REFUSED, file=path.name, reason=refusal.reason)
            return
        else:
            return
